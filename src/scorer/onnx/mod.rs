//! ONNX models, run by tract with operators of our own where it lacks them or is slow, or by ONNX Runtime.
//!
//! ```text
//! load   graph (protobuf, checked) -> signature (what goes in) -> head, plan -> dry run -> output layout
//! score  mini-batch -> runs of RUN_ROWS rows: head, or gather (columns to tensors) -> plan -> output columns
//! ```
//!
//! This is the only home of tract, whose tensors flow through the module whatever runs the plan. What a model does is
//! known from its graph alone; nothing here depends on who exported it. A row's result does not depend on the rows beside
//! it: our operators sum in a fixed order, and tract's are given a symbolic number of rows, so that they take the same
//! steps for every number, or always the same one. (Only in small attention by tract, and in ONNX Runtime's networks, may
//! the last bits differ with the number of rows; `model inspect` measures by how much.)

mod choice;
mod classes;
mod dry_run;
mod exp;
mod explain;
mod features;
mod gather;
mod graph;
mod head;
mod library;
#[cfg(test)]
mod node_tests;
mod onnx_runtime;
mod ops;
mod outputs;
mod plan;
mod protobuf;
mod row_size;
mod saved_plan;
mod signature;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::SchemaRef;
use tract_onnx::model::{Onnx, OnnxOpRegister};
use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::prelude::*;

use self::dry_run::{DryRun, zeros};
use self::explain::OnnxExplainer;
use self::features::RowLength;
use self::head::{Head, Split};
use self::onnx_runtime::{Library, Sessions};
use self::outputs::OutputLayout;
use self::plan::{Plan, Rows, Wish};
use super::{
    Details, Dimension, Explainer, FeatureNeeds, ModelError, ModelSettings, OperatorCount, ScoreError, Scorer,
    Signature, TensorSpec, Unexplained,
};
use crate::caught::caught;
use crate::data::{MiniBatch, Predictions};

pub use self::saved_plan::save_run_rows;

/// Most rows of one run of a graph. Longer mini-batches are cut, so that what flows between operators stays in the
/// processor's cache; where it is wide, [`row_size`] cuts further.
const RUN_ROWS: usize = 1024;

/// Most values of a table of word counts in one run. Such tables are as wide as their vocabulary is large: with 20,000
/// words, 1,024 rows would be 80 MB of zeros.
const RUN_VALUES: usize = 1 << 18;

/// Rows of a run of a graph that tract can only prepare for a fixed number, though the model leaves it open.
/// Mini-batches are filled up to a multiple of it. On a network of 28-256-256-64-1, 16 rows a run were as fast per row
/// as 64 or 256, and a mini-batch of 10 rows cost a third of what it costs with 64.
const FALLBACK_ROWS: usize = 16;

/// A model in an ONNX file.
pub struct OnnxScorer {
    /// The graph's beginning, if it can be scored from columns; the plan is then of the rest.
    head: Option<Head>,
    plan: Plan,
    signature: Signature,
    needs: FeatureNeeds,
    /// Most rows of a run, if it may have any number.
    run_rows: usize,
    layout: OutputLayout,
    operators: Vec<OperatorCount>,
    /// Why it is run by what runs it.
    reason: String,
    /// What explains it, if that was asked for.
    explainer: OnnxExplainer,
}

impl OnnxScorer {
    /// Reads the model at `path`, prepares it for the engine that `settings` ask for, and runs it once.
    pub fn load(path: &Path, settings: &ModelSettings) -> Result<Self, ModelError> {
        let model = graph::read(path)?;
        let mut scorer = choice::load(&model, path, settings)?;
        if let (Some(_), Some(graph)) = (settings.explain, &model.graph) {
            let (known, _) = known_inputs(graph, &scorer.signature.inputs);
            scorer.explainer = OnnxExplainer::of_model(&model, &known);
        }
        Ok(scorer)
    }

    /// Prepares `model`, which was read from `path`, for ONNX Runtime in `library`, or for tract.
    fn of_model(model: &ModelProto, path: &Path, library: Option<&Library>) -> Result<Self, ModelError> {
        let wish = model.graph.as_ref().map_or(Wish::Any, choice::suggested);
        OnnxScorer::prepared(model, path, library, wish)
    }

    /// The same, with as many rows a run by tract as `wish` says.
    fn prepared(model: &ModelProto, path: &Path, library: Option<&Library>, wish: Wish) -> Result<Self, ModelError> {
        let unusable = |cause| ModelError::Unusable { path: path.display().to_string(), cause };
        let graph = model.graph.as_ref().ok_or_else(|| unusable("it holds no graph".to_owned()))?;
        let onnx = tract();
        if library.is_none() {
            let operators = graph::unsupported_operators(graph, &onnx.op_register);
            if !operators.is_empty() {
                let remedy = String::new();
                return Err(ModelError::UnsupportedOperators { path: path.display().to_string(), operators, remedy });
            }
        }
        let inputs = graph::check_names(graph).and_then(|()| signature::inputs(graph)).map_err(unusable)?;
        // Inputs as they are prepared: with the length of a row where the graph tells it though the input does not.
        let (known, least) = known_inputs(graph, &inputs);
        let needs = signature::needs(&known).map_err(unusable)?;
        let directory = path.parent().and_then(Path::to_str);
        let prepared = match library {
            Some(library) => prepare_sessions(library, model, path, &known, least).map_err(unusable)?,
            None => match with_head(&onnx, model, &known, directory).map_err(unusable)? {
                Some(prepared) => prepared,
                None => prepare(&onnx, model, &known, least, directory, wish).map_err(unusable)?,
            },
        };
        let Prepared { head, plan, dry_run } = prepared;
        let layout = OutputLayout::of_run(graph, &dry_run).map_err(unusable)?;
        let signature = Signature { outputs: output_specs(graph, &layout, &dry_run), inputs };
        let own = own_operators();
        let operators = graph::operators(graph, |name| library.is_none() && own.0.contains_key(name));
        let run_rows = (RUN_VALUES / graph::words(graph).max(1)).clamp(1, plan.run_rows());
        let (reason, explainer) = (String::new(), OnnxExplainer::not_wanted());
        Ok(OnnxScorer { head, plan, signature, needs, run_rows, layout, operators, reason, explainer })
    }

    /// The predictions of the rows of `mini_batch`, run by run.
    fn run(&self, mini_batch: &MiniBatch) -> TractResult<Vec<ArrayRef>> {
        let features = &mini_batch.block.records.columns()[..mini_batch.block.feature_count];
        let most = match self.plan.rows() {
            Rows::Any => self.run_rows,
            Rows::Fixed(rows) => rows,
        };
        let mut columns = self.layout.columns(mini_batch.len());
        let mut start = mini_batch.records.start;
        while start < mini_batch.records.end {
            let end = mini_batch.records.end.min(start + most);
            let rows = end - start;
            let padded = if self.plan.rows() == Rows::Any { rows } else { most };
            let inputs = match &self.head {
                Some(head) => head.eval(features, start..end)?,
                None => gathered(&self.signature.inputs, features, start..end, padded)?,
            };
            let outputs = self.plan.run(inputs)?;
            columns.extend(&outputs, rows)?;
            start = end;
        }
        Ok(columns.finish())
    }
}

/// The records `records` of the columns `features` as the graph takes them in `inputs`, with `padded` rows.
fn gathered(
    inputs: &[TensorSpec],
    features: &[ArrayRef],
    records: std::ops::Range<usize>,
    padded: usize,
) -> TractResult<TVec<TValue>> {
    match inputs {
        [table] => {
            let tensor = gather::tensor(features, records, table.element, table.shape.len(), padded)?;
            Ok(tvec![tensor.into_tvalue()])
        }
        several => several
            .iter()
            .zip(features.chunks(1))
            .map(|(input, column)| {
                let tensor = gather::tensor(column, records.clone(), input.element, input.shape.len(), padded)?;
                Ok(tensor.into_tvalue())
            })
            .collect(),
    }
}

impl Scorer for OnnxScorer {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn engine(&self) -> String {
        match &self.head {
            Some(head) => format!("{head} from columns; {}", self.plan.engine()),
            None => self.plan.engine(),
        }
    }

    fn details(&self) -> Details {
        Details { reason: Some(self.reason.clone()), operators: self.operators.clone() }
    }

    fn needs(&self) -> &FeatureNeeds {
        &self.needs
    }

    fn output_schema(&self) -> SchemaRef {
        Arc::clone(self.layout.schema())
    }

    fn explainer(&self) -> Result<&dyn Explainer, Unexplained> {
        self.explainer.ready()
    }

    fn observe(&mut self, records: &mut dyn Iterator<Item = MiniBatch>) -> Result<(), ScoreError> {
        self.explainer.observe(records)
    }

    fn score(&self, mini_batch: &MiniBatch) -> Result<Predictions, ScoreError> {
        let columns = self.run(mini_batch).map_err(|error| ScoreError::Permanent(format!("{error:#}")))?;
        Ok(Predictions::new(self.output_schema(), columns, mini_batch.len())?)
    }
}

/// tract, with the operators of our own.
fn tract() -> Onnx {
    let mut onnx = tract_onnx::onnx()
        // What exporters write down about shapes inside a graph is often wrong for other numbers of rows.
        .with_ignore_output_shapes(true)
        .with_ignore_value_info(true);
    ops::register(&mut onnx.op_register);
    onnx
}

/// The operators of our own alone.
fn own_operators() -> OnnxOpRegister {
    let mut register = OnnxOpRegister(HashMap::new());
    ops::register(&mut register);
    register
}

/// `inputs` with what the graph tells about the features of a lone table, and the least number of them.
fn known_inputs(graph: &GraphProto, inputs: &[TensorSpec]) -> (Vec<TensorSpec>, usize) {
    let mut known = inputs.to_vec();
    let mut least = 1;
    if let [TensorSpec { name, shape, .. }] = known.as_mut_slice()
        && let [_, features @ Dimension::Symbol(_)] = shape.as_mut_slice()
    {
        match features::row_length(graph, name) {
            Some(RowLength::Exactly(n)) => *features = Dimension::Fixed(n),
            Some(RowLength::AtLeast(n)) => least = n,
            None => {}
        }
    }
    (known, least)
}

/// A graph that is ready to run, and what came out of its first runs.
struct Prepared {
    head: Option<Head>,
    plan: Plan,
    dry_run: DryRun,
}

/// The graph with its head taken off, if it has one and the rest takes any number of rows.
fn with_head(
    onnx: &Onnx,
    model: &ModelProto,
    inputs: &[TensorSpec],
    directory: Option<&str>,
) -> Result<Option<Prepared>, String> {
    let Some(Split { head, rest, rest_inputs }) = guarded(|| head::split(model, inputs))? else { return Ok(None) };
    let prepared = guarded(|| {
        let plan = Plan::prepare(onnx.parse(&rest, directory)?.model, &rest_inputs, Rows::Any)?;
        let dry_run = DryRun::new(&plan, |rows| head.eval(&head.zeros(rows), 0..rows))?;
        Ok((plan, dry_run))
    });
    // What is wrong with the rest is told when the whole graph is prepared.
    let Ok((plan, dry_run)) = prepared else { return Ok(None) };
    Ok(Some(Prepared { head: Some(head), plan, dry_run }))
}

/// The whole graph, for any number of rows where that can be.
fn prepare(
    onnx: &Onnx,
    model: &ModelProto,
    inputs: &[TensorSpec],
    least_features: usize,
    directory: Option<&str>,
    wish: Wish,
) -> Result<Prepared, String> {
    let attempt = |rows: Rows| {
        guarded(|| {
            let parsed = onnx.parse(model, directory)?;
            let plan = Plan::prepare_for(parsed.model, inputs, rows, wish)?;
            let dry_run = DryRun::new(&plan, |rows| zeros(inputs, rows, least_features))?;
            Ok(Prepared { head: None, plan, dry_run })
        })
    };
    match signature::fixed_rows(inputs)? {
        Some(rows) => attempt(Rows::Fixed(rows)),
        None => {
            let fallback = if let Wish::Fixed(rows) = wish { rows } else { FALLBACK_ROWS };
            attempt(Rows::Any).or_else(|cause| attempt(Rows::Fixed(fallback)).map_err(|_| cause))
        }
    }
}

/// The whole graph, for sessions of ONNX Runtime.
fn prepare_sessions(
    library: &Library,
    model: &ModelProto,
    path: &Path,
    inputs: &[TensorSpec],
    least_features: usize,
) -> Result<Prepared, String> {
    let names = inputs.iter().map(|input| input.name.clone()).collect();
    let sessions = Sessions::new(library.clone(), model, path, names)?;
    let rows = signature::fixed_rows(inputs)?.map_or(Rows::Any, Rows::Fixed);
    let plan = Plan::of_sessions(sessions, rows, model.graph.as_ref().map_or(RUN_ROWS, choice::session_rows));
    let dry_run = guarded(|| DryRun::new(&plan, |rows| zeros(inputs, rows, least_features)));
    // ONNX Runtime cannot be told that categories do not matter yet. Where it refuses those of a dry run, tract's tells
    // what comes out.
    let dry_run = dry_run.or_else(|cause| {
        let directory = path.parent().and_then(Path::to_str);
        let by_tract = prepare(&tract(), model, inputs, least_features, directory, Wish::Any);
        by_tract.map(|prepared| prepared.dry_run).map_err(|_| cause)
    })?;
    Ok(Prepared { head: None, plan, dry_run })
}

/// Runs what tract may panic at when a model is not what it should be, and turns that into a cause.
fn guarded<T>(run: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match caught(run) {
        Ok(result) => result.map_err(|error| format!("{error:#}")),
        Err(panic) => Err(format!("the graph is malformed: {panic}")),
    }
}

/// The outputs that give columns: as they are declared, and as they came out where they are not.
fn output_specs(graph: &GraphProto, layout: &OutputLayout, run: &DryRun) -> Vec<TensorSpec> {
    let spec = |(index, element): (usize, _)| signature::output(&graph.output[index], element, &run.outputs[index]);
    layout.outputs().map(spec).collect()
}

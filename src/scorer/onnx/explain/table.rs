//! The table that a model at the end of a graph is given, and the features that its columns are made of.

use std::collections::HashSet;

use arrow_array::ArrayRef;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, ValueInfoProto};
use tract_onnx::prelude::*;

use super::super::plan::{Plan, Rows};
use super::super::{RUN_ROWS, gathered, tract};
use super::sources;
use crate::data::MiniBatch;
use crate::scorer::{ScoreError, TensorSpec};

/// How a mini-batch becomes the table.
pub(super) struct Table {
    inputs: Vec<TensorSpec>,
    /// What is done to the inputs, if anything.
    plan: Option<Plan>,
    /// For each column, the feature that it is made of.
    pub sources: Vec<u32>,
}

impl Table {
    /// The table that `node` is given in the graph of `model`, which takes `inputs`; `None` unless all outputs depend on
    /// `node` alone, and each column of the table is made of one feature.
    pub(super) fn of_node(model: &ModelProto, inputs: &[TensorSpec], node: &NodeProto) -> TractResult<Option<Self>> {
        let (Some(graph), [name]) = (&model.graph, node.input.as_slice()) else { return Ok(None) };
        // A graph within a node may read any value.
        let has_subgraphs = |node: &NodeProto| node.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty());
        if graph.node.iter().any(has_subgraphs) || passes_by(graph, inputs, node) {
            return Ok(None);
        }
        let Some(sources) = sources::of_columns(graph, inputs, name) else { return Ok(None) };
        let plan = match inputs.iter().any(|input| input.name == *name) {
            true => None,
            false => Some(plan_of(model, graph, inputs, name)?),
        };
        Ok(Some(Table { inputs: inputs.to_vec(), plan, sources }))
    }

    /// The rows of `mini_batch` as `T`, row-major, a run at a time: `each` is given their number in the mini-batch.
    pub(super) fn rows<T: Datum + Copy>(
        &self,
        mini_batch: &MiniBatch,
        mut each: impl FnMut(usize, &[T]),
    ) -> Result<(), ScoreError> {
        let columns = &mini_batch.block.records.columns()[..mini_batch.block.feature_count];
        let mut row = 0;
        for start in (0..mini_batch.len()).step_by(RUN_ROWS) {
            let run = mini_batch.part(start..mini_batch.len().min(start + RUN_ROWS)).records;
            let table = self.run(columns, run.clone()).and_then(|table| Ok(table.cast_to::<T>()?.into_owned()));
            let table = table.map_err(|error| ScoreError::Permanent(format!("{error:#}")))?;
            let values = table.try_as_plain_ram().and_then(|view| Ok(view.as_slice::<T>()?.to_vec()));
            let values = values.map_err(|error| ScoreError::Permanent(format!("{error:#}")))?;
            if values.len() != run.len() * self.sources.len() {
                let cause = format!("the model is made for {} features, and there are others", self.sources.len());
                return Err(ScoreError::Permanent(cause));
            }
            for values in values.chunks_exact(self.sources.len()) {
                each(row, values);
                row += 1;
            }
        }
        Ok(())
    }

    /// The table for the records `run`: in float64 if it is that, else in float32.
    fn run(&self, columns: &[ArrayRef], run: std::ops::Range<usize>) -> TractResult<Tensor> {
        let rows = run.len();
        let mut inputs = gathered(&self.inputs, columns, run, rows)?;
        let table = match &self.plan {
            None => inputs.pop(),
            Some(plan) => plan.run(inputs)?.pop(),
        };
        let table = table.ok_or_else(|| TractError::msg("nothing is given to the model"))?.into_tensor();
        Ok(if table.datum_type() == f64::datum_type() { table } else { table.cast_to::<f32>()?.into_owned() })
    }
}

/// Whether an output of `graph` depends on its inputs by a way that does not lead through `node`, or may do so.
fn passes_by(graph: &GraphProto, inputs: &[TensorSpec], node: &NodeProto) -> bool {
    let mut reached: HashSet<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    let mut known: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    known.extend(reached.iter().chain(&[""]));
    for other in &graph.node {
        let mut reads = other.input.iter().map(String::as_str);
        // Nodes stand behind those whose outputs they read; where they do not, nothing is told of the graph.
        if reads.clone().any(|input| !known.contains(input)) {
            return true;
        }
        known.extend(other.output.iter().map(String::as_str));
        if other.output != node.output && reads.any(|input| reached.contains(input)) {
            reached.extend(other.output.iter().map(String::as_str));
        }
    }
    graph.output.iter().any(|output| reached.contains(output.name.as_str()))
}

/// The plan that gives the value `name` alone.
fn plan_of(model: &ModelProto, graph: &GraphProto, inputs: &[TensorSpec], name: &str) -> TractResult<Plan> {
    let mut wanted = HashSet::from([name]);
    let mut kept = Vec::new();
    for node in graph.node.iter().rev() {
        if node.output.iter().any(|output| wanted.contains(output.as_str())) {
            wanted.extend(node.input.iter().map(String::as_str));
            kept.push(node.clone());
        }
    }
    kept.reverse();
    let output = vec![ValueInfoProto { name: name.to_owned(), ..ValueInfoProto::default() }];
    let graph = GraphProto { node: kept, output, ..graph.clone() };
    let model = ModelProto { graph: Some(graph), ..model.clone() };
    Plan::prepare(tract().parse(&model, None)?.model, inputs, Rows::Any)
}

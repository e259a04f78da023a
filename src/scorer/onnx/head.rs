//! The leading operators of a graph, scored from the columns of a mini-batch as they lie.
//!
//! Most tabular models begin with operators that change each feature by itself (Scaler, Imputer) and a model over the
//! features. Making rows of the columns for them would cost more than a linear model itself. So a head takes tiles of
//! the columns through these operators, and gives its outputs, a few values a row, to the rest of the graph.

use std::collections::HashSet;
use std::fmt;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension as Dim, dimension::Value as DimValue};
use tract_onnx::pb::type_proto::{Tensor as TensorType, Value as TypeValue};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorShapeProto, TypeProto, ValueInfoProto};
use tract_onnx::prelude::*;

use super::ops::columns::{self, ColumnScorer, FeatureStep, TILE};
use crate::scorer::{Dimension, ElementType, TensorSpec};

/// A chain of feature steps and the model at its end.
pub(super) struct Head {
    steps: Vec<Box<dyn FeatureStep>>,
    scorer: Box<dyn ColumnScorer>,
}

/// A graph taken apart behind its head.
pub(super) struct Split {
    pub(super) head: Head,
    /// What is left: it takes the outputs of the head.
    pub(super) rest: ModelProto,
    pub(super) rest_inputs: Vec<TensorSpec>,
}

/// The operators from a table on that change each feature by itself, and the one behind them, each the only reader of what
/// the one before gives.
pub(super) struct Chain<'g> {
    pub(super) steps: Vec<Box<dyn FeatureStep>>,
    /// Places of all of them in the graph.
    taken: HashSet<usize>,
    pub(super) last: &'g NodeProto,
}

/// The chain from the table of float32 that is the only one of `inputs`. Errors are those of operators with malformed
/// attributes.
pub(super) fn chain<'g>(graph: &'g GraphProto, inputs: &[TensorSpec]) -> TractResult<Option<Chain<'g>>> {
    let [TensorSpec { name, element: ElementType::Float32, shape }] = inputs else { return Ok(None) };
    // A graph within a node may read any value.
    let has_subgraphs = |node: &NodeProto| node.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty());
    if shape.len() != 2 || graph.node.iter().any(has_subgraphs) {
        return Ok(None);
    }
    let mut steps = Vec::new();
    let mut taken = HashSet::new();
    let mut value = name.as_str();
    loop {
        let Some((index, node)) = only_reader(graph, value) else { return Ok(None) };
        // A circle has no end.
        if !taken.insert(index) {
            return Ok(None);
        }
        let Some(step) = columns::step(node)? else { return Ok(Some(Chain { steps, taken, last: node })) };
        steps.push(step);
        let [output] = node.output.as_slice() else { return Ok(None) };
        value = output;
    }
}

/// Takes the head off the graph of `model`, if it has one. Errors are those of operators with malformed attributes.
pub(super) fn split(model: &ModelProto, inputs: &[TensorSpec]) -> TractResult<Option<Split>> {
    let (Some(graph), [TensorSpec { name, .. }]) = (&model.graph, inputs) else { return Ok(None) };
    let Some(Chain { steps, taken, last }) = chain(graph, inputs)? else { return Ok(None) };
    let Some(scorer) = columns::scorer(last)? else { return Ok(None) };
    let head = Head { steps, scorer };
    let rest_inputs = outputs(last, &head)?;
    let mut rest =
        GraphProto { node: Vec::new(), input: rest_inputs.iter().map(declaration).collect(), ..graph.clone() };
    rest.node =
        graph.node.iter().enumerate().filter(|(index, _)| !taken.contains(index)).map(|(_, n)| n.clone()).collect();
    // Initialised values may be declared as inputs too.
    rest.input.extend(graph.input.iter().filter(|input| input.name != *name).cloned());
    Ok(Some(Split { head, rest: ModelProto { graph: Some(rest), ..model.clone() }, rest_inputs }))
}

/// The node that reads `value`, if it is the only one, reads nothing else, and `value` is no output of the graph.
fn only_reader<'g>(graph: &'g GraphProto, value: &str) -> Option<(usize, &'g NodeProto)> {
    let reads = |node: &NodeProto| node.input.iter().any(|input| input == value);
    let mut readers = graph.node.iter().enumerate().filter(|(_, node)| reads(node));
    let (index, node) = readers.next()?;
    let is_output = graph.output.iter().any(|output| output.name == value);
    (readers.next().is_none() && !is_output && node.input.len() == 1).then_some((index, node))
}

/// The outputs of `node`, the last one of `head`. One that the graph does not use has no name there, and gets one.
fn outputs(node: &NodeProto, head: &Head) -> TractResult<Vec<TensorSpec>> {
    let rows = || Dimension::Symbol("N".to_owned());
    let spec = |(index, (datum_type, columns)): (usize, (DatumType, Option<usize>))| {
        let name = node.output.get(index).filter(|name| !name.is_empty());
        let name = name.cloned().unwrap_or_else(|| format!("batchscore_unused_{index}"));
        let element = match datum_type {
            DatumType::I64 => ElementType::Int64,
            DatumType::F32 => ElementType::Float32,
            DatumType::String => ElementType::String,
            other => return Err(TractError::msg(format!("{} gives {other:?}", node.op_type))),
        };
        Ok(TensorSpec { name, element, shape: std::iter::once(rows()).chain(columns.map(Dimension::Fixed)).collect() })
    };
    head.scorer.outputs().into_iter().enumerate().map(spec).collect()
}

fn declaration(spec: &TensorSpec) -> ValueInfoProto {
    let value = |dimension: &Dimension| match dimension {
        Dimension::Fixed(n) => DimValue::DimValue(*n as i64),
        Dimension::Symbol(name) => DimValue::DimParam(name.clone()),
    };
    let dim = spec.shape.iter().map(|d| Dim { value: Some(value(d)), denotation: String::new() }).collect();
    let elem_type = match spec.element {
        ElementType::Float32 => DataType::Float,
        ElementType::Int64 => DataType::Int64,
        _ => DataType::String,
    } as i32;
    let tensor = TensorType { elem_type, shape: Some(TensorShapeProto { dim }) };
    let r#type = Some(TypeProto { value: Some(TypeValue::TensorType(tensor)), ..TypeProto::default() });
    ValueInfoProto { name: spec.name.clone(), r#type, ..ValueInfoProto::default() }
}

/// The operators' names, in order.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| write!(f, "{}, ", step.name()))?;
        f.write_str(&self.scorer.name())
    }
}

impl Head {
    /// Its outputs for the rows that lie in `columns`, each of so many values as there are rows.
    pub(super) fn eval(&self, columns: &[&[f32]]) -> TractResult<TVec<TValue>> {
        let features = columns.len();
        for wanted in self.steps.iter().filter_map(|step| step.features()) {
            if wanted != features {
                return Err(TractError::msg(format!("the model is made for {wanted} features, not {features}")));
            }
        }
        self.scorer.check(features)?;
        let rows = columns.first().map_or(0, |column| column.len());
        let width = self.scorer.width();
        let mut scores = Tensor::zero::<f32>(&[rows, width])?;
        {
            let mut view = scores.try_as_plain_ram_mut()?;
            let mut changed = vec![0.0; if self.steps.is_empty() { 0 } else { features * TILE }];
            let tiles = view.as_slice_mut::<f32>()?.chunks_mut(width * TILE);
            for (tile, start) in tiles.zip((0..rows).step_by(TILE)) {
                let range = start..rows.min(start + TILE);
                let tile_columns: TVec<&[f32]> = if self.steps.is_empty() {
                    columns.iter().map(|column| &column[range.clone()]).collect()
                } else {
                    self.change(columns, range.clone(), &mut changed);
                    changed.chunks_exact(TILE).map(|column| &column[..range.len()]).collect()
                };
                self.scorer.scores(&tile_columns, tile);
            }
        }
        self.scorer.finish(scores)
    }

    /// Takes the rows `range` through the steps; columns of [`TILE`] values each come to lie in `changed`.
    fn change(&self, columns: &[&[f32]], range: std::ops::Range<usize>, changed: &mut [f32]) {
        for (index, (column, changed)) in columns.iter().zip(changed.chunks_exact_mut(TILE)).enumerate() {
            let changed = &mut changed[..range.len()];
            changed.copy_from_slice(&column[range.clone()]);
            for step in &self.steps {
                step.apply(index, columns.len(), changed);
            }
        }
    }
}

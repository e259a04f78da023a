//! The leading operators of a graph, scored from the columns of a mini-batch as they lie.
//!
//! Most tabular models begin with operators that change each feature by itself (Scaler, Imputer) or encode texts
//! (OneHotEncoder, LabelEncoder), and a model over the features. Making rows of the columns for them would cost more than
//! a linear model itself. So a head takes tiles of the columns through these operators, and gives its outputs, a few
//! values a row, to the rest of the graph.

mod table;
#[cfg(test)]
mod tests;
mod tile;

use std::collections::BTreeSet;
use std::fmt;

use arrow_array::ArrayRef;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension as Dim, dimension::Value as DimValue};
use tract_onnx::pb::type_proto::{Tensor as TensorType, Value as TypeValue};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorShapeProto, TypeProto, ValueInfoProto};
use tract_onnx::prelude::*;

use self::table::{Encoder, Found, Part};
use super::ops::columns::{self, ColumnScorer};
use crate::scorer::{Dimension, ElementType, TensorSpec};

/// What becomes of the columns, and the model behind that.
pub(super) struct Head {
    /// Element types of the columns that it takes.
    elements: Vec<ElementType>,
    parts: Vec<Part>,
    /// Names of the operators that the parts go through.
    operators: Vec<String>,
    scorer: Box<dyn ColumnScorer>,
    /// Columns of numbers that a tile needs room for.
    numbers: usize,
    /// Columns of places of categories that it needs room for.
    categories: usize,
}

/// A graph taken apart behind its head.
pub(super) struct Split {
    pub(super) head: Head,
    /// What is left: it takes the outputs of the head.
    pub(super) rest: ModelProto,
    pub(super) rest_inputs: Vec<TensorSpec>,
}

/// Takes the head off the graph of `model`, if it has one. Errors are those of operators with malformed attributes.
pub(super) fn split(model: &ModelProto, inputs: &[TensorSpec]) -> TractResult<Option<Split>> {
    let Some(graph) = &model.graph else { return Ok(None) };
    let Some(Found { table, taken, last }) = table::before_scorer(graph, inputs)? else { return Ok(None) };
    let Some(scorer) = columns::scorer(&graph.node[last])? else { return Ok(None) };
    if scorer.check(table.width()).is_err() {
        return Ok(None);
    }
    let head = Head::new(inputs, table.parts, operators(graph, &taken), scorer);
    let rest_inputs = outputs(&graph.node[last], &head)?;
    // Not by cloning the graph: the trees of a head make up most of a file.
    let is_left = |index: &usize| *index != last && !taken.contains(index);
    let mut rest = GraphProto {
        node: (0..graph.node.len()).filter(is_left).map(|index| graph.node[index].clone()).collect(),
        name: graph.name.clone(),
        initializer: graph.initializer.clone(),
        input: rest_inputs.iter().map(declaration).collect(),
        output: graph.output.clone(),
        ..GraphProto::default()
    };
    // Initialised values may be declared as inputs too.
    let is_given = |name: &str| inputs.iter().any(|input| input.name == name);
    rest.input.extend(graph.input.iter().filter(|input| !is_given(&input.name)).cloned());
    let rest = ModelProto {
        ir_version: model.ir_version,
        opset_import: model.opset_import.clone(),
        graph: Some(rest),
        ..ModelProto::default()
    };
    Ok(Some(Split { head, rest, rest_inputs }))
}

/// The names of the nodes `taken` that do something to values, each once.
fn operators(graph: &GraphProto, taken: &BTreeSet<usize>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for index in taken {
        let name = &graph.node[*index].op_type;
        if table::computes(name) && !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// A graph within a node may read any value.
fn has_subgraphs(node: &NodeProto) -> bool {
    node.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty())
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

impl Head {
    fn new(inputs: &[TensorSpec], parts: Vec<Part>, operators: Vec<String>, scorer: Box<dyn ColumnScorer>) -> Self {
        let columns = |input: &TensorSpec| match input.shape.get(1) {
            Some(Dimension::Fixed(columns)) => vec![input.element; *columns],
            _ => vec![input.element],
        };
        let elements: Vec<ElementType> = inputs.iter().flat_map(columns).collect();
        let is_category = |part: &&Part| matches!(part.encoder, Encoder::OneHot(_));
        let categories = parts.iter().filter(is_category).count();
        let room = |part: &Part| match (&part.encoder, elements[part.column]) {
            (Encoder::OneHot(_), _) if scorer.takes_categories() => 0,
            (Encoder::None, ElementType::Float32) if part.steps.is_empty() => 0,
            _ => part.width(),
        };
        let numbers = parts.iter().map(room).sum();
        Head { elements, parts, operators, scorer, numbers, categories }
    }

    /// Columns of `rows` rows, as it is first run with.
    pub(super) fn zeros(&self, rows: usize) -> Vec<ArrayRef> {
        tile::zeros(&self.elements, rows)
    }
}

/// The operators' names, in order.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operators.iter().try_for_each(|name| write!(f, "{name}, "))?;
        f.write_str(&self.scorer.name())
    }
}

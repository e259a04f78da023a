//! Operators in a row, from a table on.

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::prelude::*;

use super::ops::columns::{self, FeatureStep};
use crate::scorer::{ElementType, TensorSpec};

/// The operators from a table on that change each feature by itself, and the one behind them, each the only reader of what
/// the one before gives.
pub(super) struct Chain<'g> {
    pub(super) steps: Vec<Box<dyn FeatureStep>>,
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
        let Some(step) = columns::step(node)? else { return Ok(Some(Chain { steps, last: node })) };
        steps.push(step);
        let [output] = node.output.as_slice() else { return Ok(None) };
        value = output;
    }
}

/// The node that reads `value`, if it is the only one, reads nothing else, and `value` is no output of the graph.
fn only_reader<'g>(graph: &'g GraphProto, value: &str) -> Option<(usize, &'g NodeProto)> {
    let reads = |node: &NodeProto| node.input.iter().any(|input| input == value);
    let mut readers = graph.node.iter().enumerate().filter(|(_, node)| reads(node));
    let (index, node) = readers.next()?;
    let is_output = graph.output.iter().any(|output| output.name == value);
    (readers.next().is_none() && !is_output && node.input.len() == 1).then_some((index, node))
}

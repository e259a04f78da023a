//! The names of a classifier's classes, from the graph.

use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};
use tract_onnx::prelude::*;

use super::graph::producer;

/// The classes that `label` (an output of integers or texts) is one of, in the order of the scores.
///
/// ZipMap names them; else the classifier does that gives the label, or the table that the label is looked up in.
pub(super) fn of_label(graph: &GraphProto, label: &str) -> Option<Vec<String>> {
    zip_map(graph).or_else(|| {
        let mut value = label;
        // Not longer than the graph: names may form a circle.
        for _ in 0..graph.node.len() {
            let node = producer(graph, value)?;
            if let Some(classes) = of_node(graph, node) {
                return Some(classes);
            }
            value = node.input.first()?;
        }
        None
    })
}

/// The classes of the first ZipMap.
fn zip_map(graph: &GraphProto) -> Option<Vec<String>> {
    attributes(graph.node.iter().find(|node| node.op_type == "ZipMap")?)
}

/// The classes that `node` names, if it is one that does.
pub(super) fn of_node(graph: &GraphProto, node: &NodeProto) -> Option<Vec<String>> {
    match node.op_type.as_str() {
        "LinearClassifier" | "TreeEnsembleClassifier" | "SVMClassifier" => attributes(node),
        "ArrayFeatureExtractor" => {
            let table = node.input.first()?;
            tensor(graph.initializer.iter().find(|tensor| tensor.name == *table)?)
        }
        "LabelEncoder" => node
            .attribute
            .iter()
            .find(|a| matches!(a.name.as_str(), "values_int64s" | "values_strings" | "classes_strings"))
            .and_then(|a| names(&a.ints, &a.strings)),
        _ => None,
    }
}

fn attributes(node: &NodeProto) -> Option<Vec<String>> {
    node.attribute.iter().filter(|a| a.name.starts_with("classlabels_")).find_map(|a| names(&a.ints, &a.strings))
}

fn names(ints: &[i64], strings: &[Vec<u8>]) -> Option<Vec<String>> {
    if !ints.is_empty() {
        Some(ints.iter().map(i64::to_string).collect())
    } else if !strings.is_empty() {
        strings.iter().map(|text| String::from_utf8(text.clone()).ok()).collect()
    } else {
        None
    }
}

fn tensor(proto: &TensorProto) -> Option<Vec<String>> {
    let tensor = tract_onnx::tensor::load_tensor(&MmapDataResolver, proto, None).ok()?;
    if tensor.datum_type() == String::datum_type() {
        Some(tensor.try_as_plain_ram().ok()?.as_slice::<String>().ok()?.to_vec())
    } else {
        let tensor = tensor.cast_to::<i64>().ok()?;
        names(tensor.try_as_plain_ram().ok()?.as_slice::<i64>().ok()?, &[])
    }
}

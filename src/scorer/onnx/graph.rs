//! The model file: read, and checked before tract sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, ValueInfoProto};
use tract_onnx::prelude::Framework;

use crate::scorer::{ModelError, OperatorCount};

/// Operator domains whose names tract's register (which knows no domains) stands for.
const DOMAINS: [&str; 5] = ["", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "com.microsoft"];

/// Gives each tensor of a sequence that the graph gives out as an output of its own, named `<sequence>_<number>`.
fn take_sequences_apart(graph: &mut GraphProto) {
    for place in (0..graph.output.len()).rev() {
        let name = graph.output[place].name.clone();
        let made = |node: &NodeProto| node.op_type == "SequenceConstruct" && node.output.first() == Some(&name);
        let Some(maker) = graph.node.iter().position(made) else { continue };
        if graph.node.iter().any(|node| node.input.contains(&name)) {
            continue;
        }
        let parts = graph.node.remove(maker).input;
        let part = |number: usize| format!("{name}_{number}");
        graph.node.extend(parts.iter().enumerate().map(|(number, input)| NodeProto {
            input: vec![input.clone()],
            output: vec![part(number)],
            op_type: "Identity".to_owned(),
            ..NodeProto::default()
        }));
        let outputs = (0..parts.len()).map(|number| ValueInfoProto { name: part(number), ..ValueInfoProto::default() });
        graph.output.splice(place..=place, outputs);
    }
}

/// Reads the protobuf at `path`.
pub(super) fn read(path: &Path) -> Result<ModelProto, ModelError> {
    let name = || path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| ModelError::Unreadable { path: name(), source })?;
    let mut model = parse(&bytes).map_err(|cause| ModelError::NotOnnx { path: name(), cause })?;
    model.graph.iter_mut().for_each(take_sequences_apart);
    Ok(model)
}

fn parse(bytes: &[u8]) -> Result<ModelProto, String> {
    if bytes.is_empty() {
        return Err("it is empty".to_owned());
    }
    let model = tract_onnx::onnx().proto_model_for_read(&mut &*bytes).map_err(|error| format!("{error:#}"))?;
    // Protobuf has no end mark: a file that is cut off between two fields parses, and so does much that is no model.
    if model.ir_version == 0 || model.opset_import.is_empty() {
        return Err("it names no ONNX version".to_owned());
    }
    match &model.graph {
        None => Err("it holds no graph".to_owned()),
        Some(graph) if graph.output.is_empty() => Err("its graph has no outputs".to_owned()),
        Some(_) => Ok(model),
    }
}

/// The operators that `register` has no implementation of, each with its domain; sorted, each once.
pub(super) fn unsupported_operators(graph: &GraphProto, register: &OnnxOpRegister) -> Vec<String> {
    let known = |node: &&NodeProto| DOMAINS.contains(&node.domain.as_str()) && register.0.contains_key(&node.op_type);
    let found: BTreeSet<String> =
        nodes(graph).into_iter().filter(|node| !known(node)).map(|node| full_name(node, "ai.onnx")).collect();
    found.into_iter().collect()
}

/// How often the graph has each operator, by name; `is_own` says which operators are of our own.
pub(super) fn operators(graph: &GraphProto, is_own: impl Fn(&str) -> bool) -> Vec<OperatorCount> {
    let mut counts: BTreeMap<String, (u64, bool)> = BTreeMap::new();
    for node in nodes(graph) {
        let entry = counts.entry(full_name(node, "")).or_insert_with(|| (0, is_own(&node.op_type)));
        entry.0 += 1;
    }
    counts.into_iter().map(|(name, (count, own))| OperatorCount { name, count, own }).collect()
}

/// The nodes of the graph, and of the graphs within them.
pub(super) fn nodes(graph: &GraphProto) -> Vec<&NodeProto> {
    let mut found = Vec::new();
    let mut graphs = vec![graph];
    while let Some(graph) = graphs.pop() {
        found.extend(&graph.node);
        let attributes = graph.node.iter().flat_map(|node| &node.attribute);
        graphs.extend(attributes.flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs)));
    }
    found
}

/// An operator's name with its domain; `plain` stands for that of ONNX itself, which has no name.
fn full_name(node: &NodeProto, plain: &str) -> String {
    let domain = if node.domain.is_empty() { plain } else { &node.domain };
    if domain.is_empty() { node.op_type.clone() } else { format!("{domain}.{}", node.op_type) }
}

/// Refuses a graph that uses values which nothing in it makes.
pub(super) fn check_names(graph: &GraphProto) -> Result<(), String> {
    let mut known: BTreeSet<&str> = graph.input.iter().map(|value| value.name.as_str()).collect();
    known.extend(graph.initializer.iter().map(|tensor| tensor.name.as_str()));
    known.extend(graph.node.iter().flat_map(|node| &node.output).map(String::as_str));
    for node in &graph.node {
        if let Some(name) = node.input.iter().find(|name| !name.is_empty() && !known.contains(name.as_str())) {
            return Err(format!("{} reads {name:?}, which nothing in the graph gives", describe(node)));
        }
    }
    match graph.output.iter().find(|output| !known.contains(output.name.as_str())) {
        Some(output) => Err(format!("nothing in the graph gives its output {:?}", output.name)),
        None => Ok(()),
    }
}

/// How messages call a node.
fn describe(node: &NodeProto) -> String {
    if node.name.is_empty() { format!("a node {}", node.op_type) } else { format!("node {:?}", node.name) }
}

/// The node that gives `value`.
pub(super) fn producer<'g>(graph: &'g GraphProto, value: &str) -> Option<&'g NodeProto> {
    graph.node.iter().find(|node| node.output.iter().any(|output| output == value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_model() {
        for bytes in [&b""[..], b"hello, world", b"\x00\x01\x02", b"{\"a\": 1}", b"PK\x03\x04", b"\x08\x08"] {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
    }
}

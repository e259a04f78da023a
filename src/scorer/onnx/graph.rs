//! The model file: read, and checked before tract sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as DimensionValue;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

use super::protobuf;
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

/// Gives each entry of a map that the graph takes, and only looks up the words of a vocabulary in, as an input of its own:
/// columns of float32 by the names of the words. What a record lacks counts as 0, as in a map.
fn take_maps_apart(graph: &mut GraphProto) {
    for place in (0..graph.input.len()).rev() {
        let input = &graph.input[place];
        // Of all types only tensors are read from a file.
        if input.r#type.as_ref().is_some_and(|of| of.value.is_some()) {
            continue;
        }
        let name = input.name.clone();
        let readers: Vec<usize> = (0..graph.node.len()).filter(|at| graph.node[*at].input.contains(&name)).collect();
        let &[reader] = readers.as_slice() else { continue };
        let words = vocabulary(&graph.node[reader]);
        let mut others: BTreeSet<&str> = graph.input.iter().map(|other| other.name.as_str()).collect();
        others.extend(graph.initializer.iter().map(|other| other.name.as_str()));
        others.extend(graph.node.iter().flat_map(|node| &node.output).map(String::as_str));
        if words.is_empty() || words.iter().any(|word| word.is_empty() || !others.insert(word)) {
            continue;
        }
        graph.input.splice(place..=place, words.iter().map(|word| float_column(word)));
        let dimension = AttributeProto { name: "axis".to_owned(), i: 1, ..attribute(AttributeType::Int) };
        let zero = AttributeProto {
            name: "imputed_value_floats".to_owned(),
            floats: vec![0.0],
            ..attribute(AttributeType::Floats)
        };
        let missing =
            AttributeProto { name: "replaced_value_float".to_owned(), f: f32::NAN, ..attribute(AttributeType::Float) };
        let lookup = &mut graph.node[reader];
        lookup.op_type = "Imputer".to_owned();
        lookup.attribute = vec![zero, missing];
        let side_by_side = NodeProto {
            input: words,
            output: vec![name],
            op_type: "Concat".to_owned(),
            attribute: vec![dimension],
            ..NodeProto::default()
        };
        graph.node.insert(reader, side_by_side);
    }
}

/// The words that `node` looks up in a map; none if it is no DictVectorizer.
fn vocabulary(node: &NodeProto) -> Vec<String> {
    let attribute =
        |name: &str| node.attribute.iter().find(|attribute| node.op_type == "DictVectorizer" && attribute.name == name);
    let texts = attribute("string_vocabulary").into_iter().flat_map(|words| &words.strings);
    let numbers = attribute("int64_vocabulary").into_iter().flat_map(|words| &words.ints);
    texts.map(|word| String::from_utf8_lossy(word).into_owned()).chain(numbers.map(i64::to_string)).collect()
}

fn attribute(kind: AttributeType) -> AttributeProto {
    AttributeProto { r#type: kind.into(), ..AttributeProto::default() }
}

/// What documents the inputs that are entries of a map.
const ENTRY: &str = "an entry of a map";

/// Whether the graph is not as it was in the file: it has outputs in place of a sequence, which declare nothing, or inputs
/// in place of a map.
pub(super) fn is_rewritten(graph: &GraphProto) -> bool {
    let declares_nothing = |output: &ValueInfoProto| output.r#type.is_none();
    graph.output.iter().any(declares_nothing) || graph.input.iter().any(|input| input.doc_string == ENTRY)
}

/// An input of shape `[N, 1]`, for an entry of a map.
fn float_column(name: &str) -> ValueInfoProto {
    let dimension = |value| Dimension { value: Some(value), ..Dimension::default() };
    let shape = vec![dimension(DimensionValue::DimParam("N".to_owned())), dimension(DimensionValue::DimValue(1))];
    let tensor = type_proto::Tensor { elem_type: DataType::Float.into(), shape: Some(TensorShapeProto { dim: shape }) };
    let value = Some(type_proto::Value::TensorType(tensor));
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto { value, ..TypeProto::default() }),
        doc_string: ENTRY.to_owned(),
    }
}

/// Reads the protobuf at `path`.
pub(super) fn read(path: &Path) -> Result<ModelProto, ModelError> {
    let name = || path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| ModelError::Unreadable { path: name(), source })?;
    let mut model = parse(&bytes).map_err(|cause| ModelError::NotOnnx { path: name(), cause })?;
    model.graph.iter_mut().for_each(|graph| {
        take_sequences_apart(graph);
        take_maps_apart(graph);
    });
    Ok(model)
}

fn parse(bytes: &[u8]) -> Result<ModelProto, String> {
    if bytes.is_empty() {
        return Err("it is empty".to_owned());
    }
    let model = protobuf::decode(bytes).map_err(|error| error.to_string())?;
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

/// The size of the largest vocabulary that the graph counts words of.
pub(super) fn words(graph: &GraphProto) -> usize {
    let counters = nodes(graph).into_iter().filter(|node| node.op_type == "TfIdfVectorizer");
    let attributes = counters.flat_map(|node| &node.attribute);
    let indexes = attributes.filter(|attribute| attribute.name == "ngram_indexes");
    indexes.map(|attribute| attribute.ints.len()).max().unwrap_or(0)
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

    /// A graph that looks up `words` in a map.
    fn of_a_map(words: &[&str]) -> GraphProto {
        let words = AttributeProto {
            name: "string_vocabulary".to_owned(),
            strings: words.iter().map(|word| word.as_bytes().to_vec()).collect(),
            ..attribute(AttributeType::Strings)
        };
        GraphProto {
            input: vec![ValueInfoProto { name: "map".to_owned(), ..ValueInfoProto::default() }],
            node: vec![NodeProto {
                input: vec!["map".to_owned()],
                output: vec!["table".to_owned()],
                op_type: "DictVectorizer".to_owned(),
                attribute: vec![words],
                ..NodeProto::default()
            }],
            ..GraphProto::default()
        }
    }

    #[test]
    fn a_map_becomes_columns() {
        let mut graph = of_a_map(&["a", "b=c"]);
        take_maps_apart(&mut graph);
        let inputs = super::super::signature::inputs(&graph).unwrap();
        let inputs: Vec<String> = inputs.iter().map(ToString::to_string).collect();
        assert_eq!(inputs, ["a: float32[N, 1]", "b=c: float32[N, 1]"]);
        let operators: Vec<&str> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
        assert_eq!(operators, ["Concat", "Imputer"]);
        assert!(is_rewritten(&graph));
        assert_eq!(check_names(&graph), Ok(()));
    }

    #[test]
    fn a_map_stays_whose_words_are_no_names_of_columns() {
        for words in [&["a", "a"][..], &["table"], &["map"], &["a", ""], &[]] {
            let mut graph = of_a_map(words);
            take_maps_apart(&mut graph);
            assert_eq!(graph.input.len(), 1, "{words:?}");
            assert!(!is_rewritten(&graph), "{words:?}");
            assert!(super::super::signature::inputs(&graph).is_err(), "{words:?}");
        }
    }

    #[test]
    fn what_is_no_model() {
        for bytes in [&b""[..], b"hello, world", b"\x00\x01\x02", b"{\"a\": 1}", b"PK\x03\x04", b"\x08\x08"] {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
    }
}

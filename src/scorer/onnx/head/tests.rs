//! A head gives, bit for bit, what the graph gives that it was taken off.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int64Array, StringArray};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};
use tract_onnx::prelude::*;

use super::{declaration, split};
use crate::data::ElementType;
use crate::scorer::onnx::plan::{Plan, Rows};
use crate::scorer::onnx::{gather, tract};
use crate::scorer::trees::WALKED_ROWS;
use crate::scorer::{Dimension, TensorSpec};

/// More than a tile of any scorer.
const ROWS: usize = WALKED_ROWS + 37;

enum Value<'a> {
    Int(i64),
    Ints(&'a [i64]),
    Floats(&'a [f32]),
    Texts(&'a [&'a str]),
    Text(&'a str),
    Nan,
}

fn node(op_type: &str, input: &[&str], output: &str, attributes: &[(&str, Value)]) -> NodeProto {
    let attribute = |(name, value): &(&str, Value)| {
        let mut attribute = AttributeProto { name: (*name).to_owned(), ..AttributeProto::default() };
        let kind = match value {
            Value::Int(i) => {
                attribute.i = *i;
                AttributeType::Int
            }
            Value::Ints(ints) => {
                attribute.ints = ints.to_vec();
                AttributeType::Ints
            }
            Value::Floats(floats) => {
                attribute.floats = floats.to_vec();
                AttributeType::Floats
            }
            Value::Texts(texts) => {
                attribute.strings = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
                AttributeType::Strings
            }
            Value::Text(text) => {
                attribute.s = text.as_bytes().to_vec();
                AttributeType::String
            }
            Value::Nan => {
                attribute.f = f32::NAN;
                AttributeType::Float
            }
        };
        attribute.r#type = kind.into();
        attribute
    };
    NodeProto {
        op_type: op_type.to_owned(),
        input: input.iter().map(|name| (*name).to_owned()).collect(),
        output: vec![output.to_owned()],
        attribute: attributes.iter().map(attribute).collect(),
        ..NodeProto::default()
    }
}

fn inputs() -> Vec<TensorSpec> {
    let input = |(name, element): (&str, ElementType)| TensorSpec {
        name: name.to_owned(),
        element,
        shape: vec![Dimension::Symbol("N".to_owned()), Dimension::Fixed(1)],
    };
    let inputs = [
        ("text", ElementType::String),
        ("whole", ElementType::Int64),
        ("real", ElementType::Float32),
        ("other", ElementType::Float32),
        ("unread", ElementType::Float32),
    ];
    inputs.map(input).to_vec()
}

/// Numbers scaled and imputed, a text as a label and as categories, an integer as a number and as categories: a table of
/// 4 + 1 + 3 + 2 features for `scorer`, which reads `table` and gives `y`.
fn model(zeros: i64, scorer: NodeProto, outputs: &[&str]) -> ModelProto {
    let shape = TensorProto {
        name: "shape".to_owned(),
        dims: vec![2],
        data_type: DataType::Int64.into(),
        int64_data: vec![-1, 5],
        ..TensorProto::default()
    };
    let pick = TensorProto {
        name: "pick".to_owned(),
        dims: vec![4],
        data_type: DataType::Int64.into(),
        int64_data: vec![2, 0, 1, 0],
        ..TensorProto::default()
    };
    let float = || ("to", Value::Int(DataType::Float as i64));
    let nodes = vec![
        node("Cast", &["whole"], "whole_float", &[float()]),
        node("Concat", &["real", "whole_float", "other"], "numbers", &[("axis", Value::Int(1))]),
        node(
            "Imputer",
            &["numbers"],
            "imputed",
            &[("imputed_value_floats", Value::Floats(&[0.5, 1.5, -2.5])), ("replaced_value_float", Value::Nan)],
        ),
        node(
            "Scaler",
            &["imputed"],
            "scaled",
            &[("offset", Value::Floats(&[0.1, 0.2, 0.3])), ("scale", Value::Floats(&[1.7, -0.3, 0.9]))],
        ),
        node("ArrayFeatureExtractor", &["scaled", "pick"], "picked", &[]),
        node(
            "LabelEncoder",
            &["text"],
            "label",
            &[("keys_strings", Value::Texts(&["a", "bb", ""])), ("values_int64s", Value::Ints(&[3, -1, 7]))],
        ),
        node("Cast", &["label"], "label_float", &[float()]),
        node(
            "OneHotEncoder",
            &["text"],
            "text_ones",
            &[("cats_strings", Value::Texts(&["bb", "a", "é"])), ("zeros", Value::Int(zeros))],
        ),
        node(
            "OneHotEncoder",
            &["whole"],
            "whole_ones",
            &[("cats_int64s", Value::Ints(&[0, 2])), ("zeros", Value::Int(1))],
        ),
        node("Concat", &["text_ones", "whole_ones"], "deep_ones", &[("axis", Value::Int(-1))]),
        node("Reshape", &["deep_ones", "shape"], "ones", &[]),
        node("Concat", &["picked", "label_float", "ones"], "table", &[("axis", Value::Int(1))]),
        scorer,
    ];
    let graph = GraphProto {
        name: "graph".to_owned(),
        node: nodes,
        input: inputs().iter().map(declaration).collect(),
        output: outputs
            .iter()
            .map(|name| ValueInfoProto { name: (*name).to_owned(), ..ValueInfoProto::default() })
            .collect(),
        initializer: vec![shape, pick],
        ..GraphProto::default()
    };
    let opset = |(domain, version): (&str, i64)| OperatorSetIdProto { domain: domain.to_owned(), version };
    ModelProto {
        ir_version: 8,
        opset_import: [("", 15), ("ai.onnx.ml", 3)].map(opset).to_vec(),
        graph: Some(graph),
        ..ModelProto::default()
    }
}

fn columns() -> Vec<ArrayRef> {
    let texts = ["a", "bb", "é", "", "unknown"];
    let number = |row: usize, factor: f32| if row.is_multiple_of(11) { f32::NAN } else { (row as f32 * factor).sin() };
    let text = |row: usize| (row % 7 != 6).then(|| texts[row * row % 5]);
    vec![
        Arc::new((0..ROWS).map(text).collect::<StringArray>()),
        Arc::new((0..ROWS as i64).map(|row| row % 4 - 1).collect::<Int64Array>()),
        Arc::new((0..ROWS).map(|row| number(row, 0.7)).collect::<Float32Array>()),
        Arc::new((0..ROWS).map(|row| number(row + 3, 1.3)).collect::<Float32Array>()),
        Arc::new((0..ROWS).map(|_| f32::NAN).collect::<Float32Array>()),
    ]
}

/// What the head and the rest give, and what the whole graph gives, of the last rows.
fn both(model: &ModelProto, from: usize) -> [TVec<TValue>; 2] {
    let columns = columns();
    let split = split(model, &inputs()).unwrap().expect("a head");
    let rest = Plan::prepare(tract().parse(&split.rest, None).unwrap().model, &split.rest_inputs, Rows::Any).unwrap();
    let by_head = rest.run(split.head.eval(&columns, from..ROWS).unwrap()).unwrap();
    let whole = Plan::prepare(tract().parse(model, None).unwrap().model, &inputs(), Rows::Any).unwrap();
    let tensors = inputs().into_iter().zip(columns.chunks(1)).map(|(input, column)| {
        gather::tensor(column, from..ROWS, input.element, 2, ROWS - from).unwrap().into_tvalue()
    });
    [by_head, whole.run(tensors.collect()).unwrap()]
}

fn linear() -> NodeProto {
    let coefficients: Vec<f32> = (0..20).map(|i| (i as f32 * 0.37).cos()).collect();
    node(
        "LinearRegressor",
        &["table"],
        "y",
        &[
            ("coefficients", Value::Floats(&coefficients)),
            ("intercepts", Value::Floats(&[0.25, -0.5])),
            ("targets", Value::Int(2)),
        ],
    )
}

/// One tree: a number, a label, a category of the text and one of the integer are asked.
fn tree() -> NodeProto {
    let modes = ["BRANCH_LEQ", "BRANCH_LEQ", "BRANCH_GT", "BRANCH_LT", "LEAF", "LEAF", "LEAF", "LEAF", "LEAF"];
    node(
        "TreeEnsembleRegressor",
        &["table"],
        "y",
        &[
            ("n_targets", Value::Int(1)),
            ("nodes_treeids", Value::Ints(&[0; 9])),
            ("nodes_nodeids", Value::Ints(&[0, 1, 2, 3, 4, 5, 6, 7, 8])),
            ("nodes_featureids", Value::Ints(&[0, 4, 6, 9, 0, 0, 0, 0, 0])),
            ("nodes_values", Value::Floats(&[0.1, 2.5, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0])),
            ("nodes_modes", Value::Texts(&modes)),
            ("nodes_truenodeids", Value::Ints(&[1, 3, 4, 5, 0, 0, 0, 0, 0])),
            ("nodes_falsenodeids", Value::Ints(&[2, 6, 7, 8, 0, 0, 0, 0, 0])),
            ("target_treeids", Value::Ints(&[0; 5])),
            ("target_nodeids", Value::Ints(&[4, 5, 6, 7, 8])),
            ("target_ids", Value::Ints(&[0; 5])),
            ("target_weights", Value::Floats(&[1.0, 2.0, 4.0, 8.0, 16.0])),
            ("aggregate_function", Value::Text("SUM")),
        ],
    )
}

#[test]
fn numbers_labels_and_categories_before_a_linear_model() {
    for from in [0, ROWS - 1] {
        let [by_head, whole] = both(&model(1, linear(), &["y"]), from);
        assert_eq!(by_head[0].shape(), [ROWS - from, 2]);
        assert_eq!(by_head, whole);
    }
}

#[test]
fn numbers_labels_and_categories_before_trees() {
    let [by_head, whole] = both(&model(1, tree(), &["y"]), 0);
    assert_eq!(by_head, whole);
    let sums = whole[0].try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec();
    for leaf in [1.0, 2.0, 4.0, 8.0, 16.0] {
        assert!(sums.contains(&leaf), "no row ends in leaf {leaf}");
    }
}

#[test]
fn unknown_categories_are_refused_where_the_model_says_so() {
    let split = split(&model(0, linear(), &["y"]), &inputs()).unwrap().expect("a head");
    let error = split.head.eval(&columns(), 0..ROWS).unwrap_err();
    assert!(error.to_string().contains("the model knows no category"), "{error}");
}

#[test]
fn what_is_read_elsewhere_stays() {
    assert!(split(&model(1, linear(), &["y", "scaled"]), &inputs()).unwrap().is_none());
    let mut reads_an_input = model(1, linear(), &["y", "copy"]);
    reads_an_input.graph.as_mut().unwrap().node.push(node("Identity", &["other"], "copy", &[]));
    assert!(split(&reads_an_input, &inputs()).unwrap().is_none());
}

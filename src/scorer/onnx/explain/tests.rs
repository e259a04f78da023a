//! Which features columns are made of, and contributions to the scores of trees that tell what came to their nodes.

use std::path::Path;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::super::OnnxScorer;
use super::super::tests::{Table, attribute, block, floats, ints, model, node};
use super::sources::of_columns;
use super::*;
use crate::data::ElementType;
use crate::scorer::Scorer;

/// A node of ONNX itself: the operator, its inputs and its output.
fn step(op_type: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    let input = inputs.iter().map(|name| (*name).to_owned()).collect();
    NodeProto { input, output: vec![output.to_owned()], domain: String::new(), ..node(op_type, attribute) }
}

fn integer(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i, ..attribute(name, AttributeType::Int) }
}

fn constant(name: &str, dims: &[i64], values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: 7,
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

/// The features that columns of `y` are made of, in a graph that reads the table `x` of three features, or the columns
/// `a` and `b`.
fn sources(inputs: &[&str], node: Vec<NodeProto>) -> Option<Vec<u32>> {
    let initializer = vec![
        constant("three", &[3], &[1, 2, 3]),
        constant("row", &[1, 3], &[1, 2, 3]),
        constant("two_rows", &[2, 3], &[1; 6]),
        constant("two", &[2], &[1, 2]),
        constant("one", &[], &[1]),
        constant("places", &[2], &[2, -3]),
        constant("flat", &[2], &[-1, 4]),
        constant("flat_by_zero", &[2], &[0, -1]),
        constant("turned", &[2], &[3, -1]),
    ];
    let graph = GraphProto { node, initializer, ..GraphProto::default() };
    let rows = || Dimension::Symbol("N".to_owned());
    let width = if inputs == ["x"] { 3 } else { 1 };
    let spec = |name: &&str| TensorSpec {
        name: (*name).to_owned(),
        element: ElementType::Float32,
        shape: vec![rows(), Dimension::Fixed(width)],
    };
    of_columns(&graph, &inputs.iter().map(spec).collect::<Vec<_>>(), "y")
}

#[test]
fn columns_are_followed_to_their_features() {
    let of_table =
        |operator: &str, inputs: &[&str], attribute| sources(&["x"], vec![step(operator, inputs, "y", attribute)]);
    for (operator, inputs, attribute, wanted) in [
        ("Cast", &["x"][..], vec![], Some(vec![0, 1, 2])),
        ("Mul", &["x", "three"], vec![], Some(vec![0, 1, 2])),
        ("Sub", &["row", "x"], vec![], Some(vec![0, 1, 2])),
        ("Clip", &["x", "", "one"], vec![], Some(vec![0, 1, 2])),
        ("Mul", &["x", "x"], vec![], Some(vec![0, 1, 2])),
        ("Gather", &["x", "places"], vec![integer("axis", 1)], Some(vec![2, 0])),
        ("Concat", &["x", "x"], vec![integer("axis", -1)], Some(vec![0, 1, 2, 0, 1, 2])),
        // Not of one shape, not along the rows, or of other rows.
        ("Mul", &["x", "two"], vec![], None),
        ("Mul", &["x", "two_rows"], vec![], None),
        ("Gather", &["x", "places"], vec![], None),
        ("Concat", &["x", "x"], vec![integer("axis", 0)], None),
        ("Concat", &["x", "row"], vec![integer("axis", 1)], None),
        ("Reshape", &["x", "flat"], vec![], None),
        ("Reshape", &["x", "turned"], vec![], None),
        ("Reshape", &["x", "flat_by_zero"], vec![], Some(vec![0, 1, 2])),
        ("Softmax", &["x"], vec![], None),
        ("MatMul", &["x", "three"], vec![], None),
        ("Cast", &["nothing"], vec![], None),
    ] {
        assert_eq!(of_table(operator, inputs, attribute), wanted, "{operator} {inputs:?}");
    }
    // A value that depends on two features.
    let turned = step("Gather", &["x", "places"], "t", vec![integer("axis", 1)]);
    let first = step("Gather", &["x", "two"], "f", vec![integer("axis", 1)]);
    assert_eq!(sources(&["x"], vec![turned, first, step("Add", &["t", "f"], "y", vec![])]), None);
    // Two columns, each as two categories; then one after the other.
    let both = step("Concat", &["a", "b"], "t", vec![integer("axis", 1)]);
    let categories = step("OneHotEncoder", &["t"], "c", vec![ints("cats_int64s", &[4, 7])]);
    let flat = step("Reshape", &["c", "flat"], "y", vec![]);
    assert_eq!(sources(&["a", "b"], vec![both, categories, flat]), Some(vec![0, 0, 1, 1]));
    let wide = step("Mul", &["b", "three"], "y", vec![]);
    assert_eq!(sources(&["a", "b"], vec![wide]), Some(vec![1, 1, 1]));
}

/// A tree that asks for feature 0, then for feature 1 below the true side, with `hits` at its nodes.
fn tree(hits: Option<&[f32]>) -> ModelProto {
    let modes = ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"].map(|mode| mode.as_bytes().to_vec());
    let mut attributes = vec![
        ints("nodes_treeids", &[0; 5]),
        ints("nodes_nodeids", &[0, 1, 2, 3, 4]),
        ints("nodes_featureids", &[0, 1, 0, 0, 0]),
        ints("nodes_truenodeids", &[1, 2, 0, 0, 0]),
        ints("nodes_falsenodeids", &[4, 3, 0, 0, 0]),
        floats("nodes_values", &[0.5, 0.5, 0.0, 0.0, 0.0]),
        AttributeProto { strings: modes.to_vec(), ..attribute("nodes_modes", AttributeType::Strings) },
        ints("target_ids", &[0; 3]),
        ints("target_treeids", &[0; 3]),
        ints("target_nodeids", &[2, 3, 4]),
        floats("target_weights", &[8.0, 4.0, 1.0]),
        floats("base_values", &[100.0]),
    ];
    attributes.extend(hits.map(|hits| floats("nodes_hitrates", hits)));
    model(Some(2), vec![node("TreeEnsembleRegressor", attributes)])
}

/// What explains `model`, its records of the features 0 and 1, and what is given for these.
fn explained(model: &ModelProto, rows: &[[&str; 2]], observed: bool) -> Result<(Vec<f64>, Vec<f64>), Unexplained> {
    let scorer = OnnxScorer::of_model(model, Path::new("model.onnx"), None).unwrap();
    let table = Table {
        header: ["a", "b"].map(str::to_owned).to_vec(),
        rows: rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect(),
    };
    let records = MiniBatch { block: block(&table, scorer.needs()), records: 0..rows.len() };
    let mut explainer = OnnxExplainer::of_model(model, &scorer.signature.inputs);
    if observed {
        explainer.observe(&mut std::iter::once(records.clone())).unwrap();
    }
    let explainer = explainer.ready()?;
    Ok((explainer.expected(), explainer.contributions(&records).unwrap().values))
}

#[test]
fn trees_that_tell_what_came_to_their_nodes_are_explained() {
    // Of ten, four go to the true side, and three of these again: (3 * 8 + 1 * 4 + 6 * 1) / 10.
    let (expected, contributions) =
        explained(&tree(Some(&[10.0, 4.0, 3.0, 1.0, 6.0])), &[["0", "0"], ["1", "0"]], false).unwrap();
    assert!((expected[0] - 103.4).abs() < 1e-12, "{expected:?}");
    // With a alone, a = 0: (3 * 8 + 4) / 4 = 7. With b alone, b = 0: 0.4 * 8 + 0.6 = 3.8.
    let wanted = [(7.0 - 3.4 + 8.0 - 3.8) / 2.0, (3.8 - 3.4 + 8.0 - 7.0) / 2.0];
    // With a alone, a = 1: 1, as with both.
    let others = [(1.0 - 3.4 + 1.0 - 3.8) / 2.0, (3.8 - 3.4 + 1.0 - 1.0) / 2.0];
    for (have, want) in contributions.iter().zip([wanted, others].as_flattened()) {
        assert!((have - want).abs() < 1e-12, "{contributions:?}");
    }
}

#[test]
fn trees_that_do_not_tell_need_records() {
    for hits in [None, Some(&[1.0_f32; 5][..]), Some(&[0.0; 5]), Some(&[10.0, 4.0, 3.0, 1.0, 5.0]), Some(&[10.0, 4.0])]
    {
        let unexplained = explained(&tree(hits), &[["0", "0"]], false).unwrap_err();
        assert!(unexplained.observing && unexplained.cause.contains("training data"), "{unexplained:?}");
        // Records that come to the nodes as above.
        let rows = [
            ["0", "0"],
            ["0", "0"],
            ["0", "0"],
            ["0", "1"],
            ["1", "0"],
            ["1", "0"],
            ["1", "0"],
            ["1", "1"],
            ["1", "1"],
            ["1", "1"],
        ];
        let counted = explained(&tree(hits), &rows, true).unwrap();
        let told = explained(&tree(Some(&[10.0, 4.0, 3.0, 1.0, 6.0])), &rows, false).unwrap();
        assert_eq!(counted, told);
    }
}

#[test]
fn what_the_graph_does_not_tell_is_left_to_sampling() {
    let cause = |nodes: Vec<NodeProto>| {
        let inputs = [TensorSpec {
            name: "x".to_owned(),
            element: ElementType::Float32,
            shape: vec![Dimension::Symbol("N".to_owned()), Dimension::Fixed(2)],
        }];
        let unexplained = OnnxExplainer::of_model(&model(Some(2), nodes), &inputs).ready().err().unwrap();
        assert!(!unexplained.observing);
        unexplained.cause
    };
    let linear = |input: &str, output: &str| NodeProto {
        input: vec![input.to_owned()],
        output: vec![output.to_owned()],
        ..node("LinearRegressor", vec![floats("coefficients", &[1.0, 2.0])])
    };
    assert!(cause(vec![step("Relu", &["x"], "y", vec![])]).contains("neither a linear model nor one of trees"));
    assert!(cause(vec![linear("x", "a"), linear("x", "y")]).contains("several"));
    let softmax = step("Softmax", &["x"], "s", vec![]);
    assert!(cause(vec![softmax, linear("s", "y")]).contains("one feature each"));
    // The output depends on the input beside the model.
    let sum = step("Add", &["l", "x"], "y", vec![]);
    assert!(cause(vec![linear("x", "l"), sum]).contains("not all of it"));
    let mut extreme = tree(None).graph.unwrap().node.remove(0);
    let function = AttributeProto { s: b"MAX".to_vec(), ..attribute("aggregate_function", AttributeType::String) };
    extreme.attribute.push(function);
    assert!(cause(vec![extreme]).contains("sums of leaf weights"));
}

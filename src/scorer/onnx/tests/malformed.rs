//! Malformed graphs and operators are refused, with a cause.

use tract_onnx::pb::TensorProto;

use super::*;

fn cause(model: &ModelProto) -> String {
    match OnnxScorer::of_model(model, Path::new("model.onnx"), None) {
        Err(ModelError::Unusable { cause, .. }) => cause,
        Err(other) => panic!("{other}"),
        Ok(scorer) => panic!("it loads, with {:?}", scorer.output_schema()),
    }
}

/// A tree with one split, with one attribute replaced.
pub(super) fn tree(replaced: AttributeProto) -> ModelProto {
    let modes = AttributeProto {
        strings: [&b"BRANCH_LEQ"[..], b"LEAF", b"LEAF"].map(<[u8]>::to_vec).to_vec(),
        ..attribute("nodes_modes", AttributeType::Strings)
    };
    let mut attributes = vec![
        ints("nodes_treeids", &[0, 0, 0]),
        ints("nodes_nodeids", &[0, 1, 2]),
        ints("nodes_featureids", &[1, 0, 0]),
        ints("nodes_truenodeids", &[1, 0, 0]),
        ints("nodes_falsenodeids", &[2, 0, 0]),
        floats("nodes_values", &[0.5, 0.0, 0.0]),
        modes,
        ints("target_ids", &[0, 0]),
        ints("target_nodeids", &[1, 2]),
        ints("target_treeids", &[0, 0]),
        floats("target_weights", &[1.0, 2.0]),
    ];
    attributes.retain(|attribute| attribute.name != replaced.name);
    attributes.push(replaced);
    model(Some(2), vec![node("TreeEnsembleRegressor", attributes)])
}

#[test]
fn malformed_trees_are_refused_with_a_cause() {
    for (replaced, word) in [
        (ints("nodes_truenodeids", &[9, 0, 0]), "node 9"),
        (ints("nodes_truenodeids", &[0, 0, 0]), "comes back"),
        (ints("nodes_truenodeids", &[-1, 0, 0]), "node -1"),
        (ints("nodes_featureids", &[7, 0, 0]), "feature 7"),
        (ints("nodes_featureids", &[-7, 0, 0]), "feature -7"),
        (ints("nodes_featureids", &[i64::MAX, 0, 0]), "feature 9223372036854775807"),
        (ints("nodes_treeids", &[0, 0]), "nodes_treeids"),
        (ints("nodes_nodeids", &[0, 1, 1]), "twice"),
        (floats("nodes_values", &[]), "nodes_values"),
        (ints("nodes_values", &[1, 2, 3]), "nodes_values"),
        (ints("target_ids", &[0, 3]), "target 3"),
        (ints("target_ids", &[0, -3]), "-3"),
        (ints("target_nodeids", &[1, 5]), "node 5"),
        (ints("target_treeids", &[0]), "target_treeids"),
        (floats("target_weights", &[1.0]), "target_ids"),
    ] {
        let name = replaced.name.clone();
        let cause = cause(&tree(replaced));
        assert!(cause.contains(word), "{name}: {cause}");
    }
    assert!(OnnxScorer::of_model(&tree(ints("n_nothing", &[])), Path::new("model.onnx"), None).is_ok());
}

#[test]
fn malformed_graphs_are_refused_with_a_cause() {
    let scaler = |len| vec![floats("offset", &vec![0.0; len]), floats("scale", &[1.0; 3])];
    assert!(cause(&model(Some(2), vec![node("Scaler", scaler(2))])).contains("as many offsets as scales"));
    assert!(cause(&model(Some(2), vec![node("Scaler", scaler(3))])).contains("made for 3 features, not 2"));
    assert!(cause(&model(Some(2), vec![])).contains("its output \"y\""));
    let mut astray = node("Identity", vec![]);
    astray.input = vec!["z".to_owned()];
    assert!(cause(&model(Some(2), vec![astray])).contains("\"z\""));
}

fn text(name: &str, text: &str) -> AttributeProto {
    AttributeProto { s: text.as_bytes().to_vec(), ..attribute(name, AttributeType::String) }
}

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i, ..attribute(name, AttributeType::Int) }
}

/// A tensor of float32.
fn reals(name: &str, values: &[f32]) -> AttributeProto {
    let tensor = TensorProto {
        dims: vec![values.len() as i64],
        data_type: DataType::Float as i32,
        float_data: values.to_vec(),
        ..TensorProto::default()
    };
    AttributeProto { t: Some(tensor), ..attribute(name, AttributeType::Tensor) }
}

/// A tensor of bytes.
fn bytes(name: &str, values: &[u8]) -> AttributeProto {
    let tensor = TensorProto {
        dims: vec![values.len() as i64],
        data_type: DataType::Uint8 as i32,
        raw_data: values.to_vec(),
        ..TensorProto::default()
    };
    AttributeProto { t: Some(tensor), ..attribute(name, AttributeType::Tensor) }
}

/// A model of one operator, with one attribute replaced.
fn replaced(op_type: &str, outputs: &[&str], mut attributes: Vec<AttributeProto>, by: AttributeProto) -> ModelProto {
    attributes.retain(|attribute| attribute.name != by.name);
    attributes.push(by);
    let output = outputs.iter().map(|name| (*name).to_owned()).collect();
    model(Some(2), vec![NodeProto { output, ..node(op_type, attributes) }])
}

/// Two nodes, of which the first leads to the second, and two leaves.
fn tree_ensemble(by: AttributeProto) -> ModelProto {
    let attributes = vec![
        ints("tree_roots", &[0]),
        int("n_targets", 1),
        ints("nodes_featureids", &[0, 1]),
        reals("nodes_splits", &[0.5, 0.5]),
        bytes("nodes_modes", &[0, 0]),
        ints("nodes_truenodeids", &[1, 0]),
        ints("nodes_trueleafs", &[0, 1]),
        ints("nodes_falsenodeids", &[0, 1]),
        ints("nodes_falseleafs", &[1, 1]),
        ints("leaf_targetids", &[0, 0]),
        reals("leaf_weights", &[1.0, 2.0]),
    ];
    replaced("TreeEnsemble", &["y"], attributes, by)
}

#[test]
fn malformed_trees_of_version_5_are_refused_with_a_cause() {
    for (by, word) in [
        (ints("nodes_truenodeids", &[0, 0]), "two ways lead to node 0"),
        (ints("nodes_truenodeids", &[9, 0]), "9 does not exist"),
        (ints("nodes_truenodeids", &[-1, 0]), "-1 is negative"),
        (ints("tree_roots", &[5]), "numbers below 2"),
        (ints("tree_roots", &[0, 0]), "two ways lead to node 0"),
        (ints("tree_roots", &[]), "there are no trees"),
        (bytes("nodes_modes", &[6, 0]), "membership in set 0"),
        (bytes("nodes_modes", &[9, 0]), "9 is no way to compare"),
        (ints("leaf_targetids", &[0, 7]), "target 7"),
        (ints("leaf_targetids", &[0]), "2 values, not 1"),
        (ints("nodes_trueleafs", &[2, 1]), "zeros and ones"),
        (int("n_targets", 0), "at least one target"),
        (int("n_targets", 1 << 62), "at most 65536"),
        (ints("nodes_featureids", &[1 << 62, 1]), "beyond what a table can have"),
        (ints("nodes_featureids", &[5, 1]), "TreeEnsemble asks for feature 5 of rows that have 2"),
        (int("aggregate_function", 9), "a number from 0 to 3"),
        (reals("leaf_weights", &[]), "does not exist"),
    ] {
        let name = by.name.clone();
        let cause = cause(&tree_ensemble(by));
        assert!(cause.contains(word), "{name}: {cause}");
        assert!(!cause.contains("TreeEnsembleRegressor"), "the operator's own name: {cause}");
    }
    let scorer = OnnxScorer::of_model(&tree_ensemble(int("n_nothing", 0)), Path::new("model.onnx"), None).unwrap();
    assert!(scorer.engine().starts_with("TreeEnsemble (1 trees, by "), "{}", scorer.engine());
}

/// Two classes with a support vector each.
fn svm_classifier(by: AttributeProto) -> ModelProto {
    let attributes = vec![
        text("kernel_type", "RBF"),
        floats("kernel_params", &[0.1, 0.0, 0.0]),
        ints("vectors_per_class", &[1, 1]),
        floats("support_vectors", &[1.0, 2.0, 3.0, 4.0]),
        floats("coefficients", &[1.0, -1.0]),
        floats("rho", &[0.1]),
        ints("classlabels_ints", &[0, 1]),
    ];
    replaced("SVMClassifier", &["label", "y"], attributes, by)
}

#[test]
fn malformed_support_vectors_are_refused_with_a_cause() {
    for (by, word) in [
        (ints("vectors_per_class", &[1 << 62, 1 << 62]), "coefficients"),
        (ints("vectors_per_class", &[1, 1 << 40]), "coefficients"),
        (ints("vectors_per_class", &[2]), "2 values"),
        (ints("vectors_per_class", &[-1, 1]), "non-negative"),
        (floats("coefficients", &[1.0]), "coefficients"),
        (floats("support_vectors", &[1.0, 2.0, 3.0]), "as many values as features"),
        (floats("kernel_params", &[1.0]), "gamma, coef0 and degree"),
        (floats("prob_a", &[1.0]), "prob_b"),
        (ints("classlabels_ints", &[1]), "two class labels"),
    ] {
        let name = by.name.clone();
        let cause = cause(&svm_classifier(by));
        assert!(cause.contains(word), "{name}: {cause}");
    }
    assert!(OnnxScorer::of_model(&svm_classifier(ints("nothing", &[])), Path::new("model.onnx"), None).is_ok());
}

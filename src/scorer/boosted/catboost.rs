//! CatBoost's JSON files, as `save_model(format="json")` writes them.
//!
//! Trees ask whether a float32 value is above a border. Most are oblivious: all nodes of a level ask the same.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::numbers::Numbers;
use super::output::{Adjustment, Classes, Finish, Output, Transform};
use super::{Features, Model};
use crate::scorer::trees::{Comparison, LeafWeight, NodeSpec, Split, TreeSpec};

/// Levels of an oblivious tree; CatBoost has no more.
const DEEPEST: usize = 16;

#[derive(Deserialize)]
struct File<'f> {
    features_info: FeaturesInfo,
    model_info: ModelInfo,
    #[serde(borrow)]
    oblivious_trees: Option<Vec<ObliviousTree<'f>>>,
    #[serde(borrow)]
    trees: Option<Vec<Node<'f>>>,
    scale_and_bias: Option<(f64, Several)>,
}

#[derive(Deserialize)]
struct FeaturesInfo {
    #[serde(default)]
    float_features: Vec<FloatFeature>,
    #[serde(default)]
    categorical_features: Vec<IgnoredAny>,
    #[serde(default)]
    text_features: Vec<IgnoredAny>,
    #[serde(default)]
    embedding_features: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct FloatFeature {
    /// Its number among features of all kinds.
    flat_feature_index: usize,
    #[serde(default)]
    feature_id: String,
    nan_value_treatment: Option<String>,
}

#[derive(Deserialize)]
struct ModelInfo {
    params: Parameters,
    class_params: Option<ClassParameters>,
}

#[derive(Deserialize)]
struct Parameters {
    loss_function: LossFunction,
}

#[derive(Deserialize)]
struct LossFunction {
    r#type: String,
}

#[derive(Deserialize)]
struct ClassParameters {
    #[serde(default)]
    class_names: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct ObliviousTree<'f> {
    splits: Option<Vec<Border>>,
    #[serde(borrow)]
    leaf_values: Numbers<'f>,
}

#[derive(Deserialize)]
struct Border {
    split_type: String,
    border: Option<f64>,
    float_feature_index: Option<usize>,
}

/// A node of a tree that is not oblivious: with a split and children, or with a value.
#[derive(Deserialize)]
struct Node<'f> {
    split: Option<Border>,
    #[serde(borrow)]
    left: Option<Box<Node<'f>>>,
    #[serde(borrow)]
    right: Option<Box<Node<'f>>>,
    #[serde(borrow)]
    value: Option<&'f serde_json::value::RawValue>,
}

/// One number for all outputs, or one for each.
#[derive(Deserialize)]
#[serde(untagged)]
enum Several {
    One(f64),
    Each(Vec<f64>),
}

/// Reads the model in `json`.
pub(super) fn read(json: &str) -> Result<Model<f64>, String> {
    let file: File =
        serde_json::from_str(json).map_err(|error| format!("it is no readable CatBoost model: {error}"))?;
    let info = &file.features_info;
    let others = [&info.categorical_features, &info.text_features, &info.embedding_features];
    if others.iter().any(|features| !features.is_empty()) {
        return Err(
            "it takes categories, text or embeddings, which CatBoost turns into numbers in ways that are not in the \
                    file; encode them before training"
                .to_owned(),
        );
    }
    let objective = file.model_info.params.loss_function.r#type;
    let (scale, bias) = match file.scale_and_bias {
        Some((scale, Several::One(bias))) => (scale, vec![bias]),
        Some((scale, Several::Each(bias))) => (scale, bias),
        None => (1.0, vec![0.0]),
    };
    let targets = bias.len().max(1);
    let classes = file.model_info.class_params.map(|parameters| classes(&parameters.class_names));
    let (transform, output) = finish(&objective, targets, classes)?;
    let mut spec = TreeSpec { nodes: vec![], weights: vec![], targets, sets: vec![] };
    let iterations = match (&file.oblivious_trees, &file.trees) {
        (Some(trees), None) => {
            for (index, tree) in trees.iter().enumerate() {
                push_oblivious(&mut spec, tree, index, info).map_err(|cause| format!("tree {index}: {cause}"))?;
            }
            trees.len()
        }
        (None, Some(trees)) => {
            for (index, tree) in trees.iter().enumerate() {
                push_tree(&mut spec, tree, index, info).map_err(|cause| format!("tree {index}: {cause}"))?;
            }
            trees.len()
        }
        _ => return Err("it is no readable CatBoost model: it has no trees, or two kinds of them".to_owned()),
    };
    let count = info.float_features.len();
    let mut names = vec![String::new(); count];
    for feature in &info.float_features {
        let name = names.get_mut(feature.flat_feature_index);
        name.ok_or("its features are not numbered from 0")?.clone_from(&feature.feature_id);
    }
    let named = names.iter().enumerate().any(|(index, name)| !name.is_empty() && *name != index.to_string());
    Ok(Model {
        library: "CatBoost".to_owned(),
        objective,
        iterations,
        features: Features { count, names: named.then_some(names), encodings: vec![] },
        trees: spec,
        finish: Finish { adjustment: Adjustment::ScaleAndBias(scale, bias), transform, output },
    })
}

/// The classes, as whole numbers or as text.
fn classes(names: &[serde_json::Value]) -> Classes {
    match names.iter().map(serde_json::Value::as_i64).collect() {
        Some(numbers) => Classes::Numbers(numbers),
        None => Classes::Texts(
            names.iter().map(|name| name.as_str().map_or_else(|| name.to_string(), str::to_owned)).collect(),
        ),
    }
}

/// What becomes of sums for so many targets.
fn finish(objective: &str, targets: usize, classes: Option<Classes>) -> Result<(Transform<f64>, Output), String> {
    let of = |count| {
        let classes = classes.filter(|classes| classes.len() > 0).unwrap_or_else(|| Classes::counted(count));
        match classes.len() {
            len if len == count => Ok(classes),
            len => Err(format!("it has {len} classes, and values for {count}")),
        }
    };
    match objective {
        "Logloss" | "CrossEntropy" if targets == 1 => Ok((Transform::Logistic(1.0), Output::TwoClasses(of(2)?))),
        "MultiClass" => Ok((Transform::Softmax, Output::Classes(of(targets)?))),
        "MultiClassOneVsAll" => Ok((Transform::Logistic(1.0), Output::Classes(of(targets)?))),
        "MultiLogloss" | "MultiCrossEntropy" => Ok((Transform::Logistic(1.0), Output::Values)),
        "Poisson" | "Tweedie" => Ok((Transform::Exp, Output::Values)),
        "RMSE"
        | "MAE"
        | "MAPE"
        | "Quantile"
        | "MultiQuantile"
        | "Expectile"
        | "Huber"
        | "Lq"
        | "LogCosh"
        | "MultiRMSE"
        | "MultiRMSEWithMissingValues"
        | "YetiRank"
        | "YetiRankPairwise"
        | "PairLogit"
        | "PairLogitPairwise"
        | "QueryRMSE"
        | "QuerySoftMax"
        | "GroupQuantile"
        | "StochasticFilter"
        | "LambdaMart" => Ok((Transform::None, Output::Values)),
        _ => Err(format!("its objective {objective:?} is not known to this version")),
    }
}

/// The question whether the feature of `border` is above it.
fn question(border: &Border, info: &FeaturesInfo, if_true: i64, if_false: i64) -> Result<Split<f32>, String> {
    let (Some(threshold), Some(index), "FloatFeature") =
        (border.border, border.float_feature_index, border.split_type.as_str())
    else {
        return Err(format!("it has a split of the kind {:?}, which this version does not run", border.split_type));
    };
    let feature = info.float_features.get(index).ok_or_else(|| format!("it asks for feature {index}"))?;
    let missing_is_true = match feature.nan_value_treatment.as_deref() {
        None | Some("AsIs" | "AsFalse") => false,
        Some("AsTrue") => true,
        Some(other) => return Err(format!("it treats missing values as {other:?}, which this version does not know")),
    };
    Ok(Split {
        feature: feature.flat_feature_index,
        comparison: Comparison::Greater,
        threshold: threshold as f32,
        if_true,
        if_false,
        missing_is_true,
    })
}

/// Adds an oblivious tree: the answer to split `i` is bit `i` of a leaf's number.
fn push_oblivious(
    spec: &mut TreeSpec<f32, f64>,
    tree: &ObliviousTree,
    index: usize,
    info: &FeaturesInfo,
) -> Result<(), String> {
    let values: Vec<f64> = tree.leaf_values.parse("leaf_values")?;
    let splits = tree.splits.as_deref().unwrap_or_default();
    if splits.len() > DEEPEST || values.len() != spec.targets << splits.len() {
        return Err(format!("it has {} splits and {} leaf values", splits.len(), values.len()));
    }
    let inner = (1 << splits.len()) - 1;
    // Level by level, from the last split to the first; the children of node i are 2 i + 1 and 2 i + 2.
    for (level, border) in splits.iter().rev().enumerate() {
        for node in (1 << level) - 1..(2 << level) - 1 {
            let split = Some(question(border, info, 2 * node + 2, 2 * node + 1)?);
            spec.nodes.push(NodeSpec { tree: index as i64, node, split });
        }
    }
    for (leaf, values) in values.chunks_exact(spec.targets).enumerate() {
        push_leaf(spec, index, inner + leaf as i64, values);
    }
    Ok(())
}

fn push_leaf(spec: &mut TreeSpec<f32, f64>, index: usize, node: i64, values: &[f64]) {
    let tree = index as i64;
    spec.nodes.push(NodeSpec { tree, node, split: None });
    for (target, weight) in values.iter().enumerate() {
        spec.weights.push(LeafWeight { tree, node, target, weight: *weight });
    }
}

/// Adds a tree of any form.
fn push_tree(spec: &mut TreeSpec<f32, f64>, root: &Node, index: usize, info: &FeaturesInfo) -> Result<(), String> {
    let mut stack = vec![(root, 0)];
    let mut nodes = 1;
    while let Some((node, number)) = stack.pop() {
        match (&node.split, &node.left, &node.right, node.value) {
            (Some(border), Some(left), Some(right), _) => {
                let split = Some(question(border, info, nodes + 1, nodes)?);
                spec.nodes.push(NodeSpec { tree: index as i64, node: number, split });
                stack.extend([(&**left, nodes), (&**right, nodes + 1)]);
                nodes += 2;
            }
            (None, None, None, Some(value)) => {
                let text = value.get().trim_start_matches('[').trim_end_matches(']');
                let values: Vec<f64> =
                    text.split(',').map(|text| super::numbers::number(text, "value")).collect::<Result<_, _>>()?;
                if values.len() != spec.targets {
                    return Err(format!("a leaf has {} values, not {}", values.len(), spec.targets));
                }
                push_leaf(spec, index, number, &values);
            }
            _ => return Err("a node is neither a split nor a leaf".to_owned()),
        }
    }
    Ok(())
}

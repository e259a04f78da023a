//! CatBoost's JSON files, as `save_model(format="json")` writes them.
//!
//! Trees ask whether a float32 value is above a border, or whether a category is a certain one, known by its hash. Most are oblivious: all nodes of a level ask the same.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::encoding::Encoding;
use super::numbers::{Numbers, number};
use super::output::{Adjustment, Classes, Finish, Output, Transform};
use super::{Features, Model, fault};
use crate::scorer::trees::{Comparison, LeafWeight, NodeSpec, Split, TreeSpec};

/// What is wrong where contributions are wanted and cannot be told.
const NO_WEIGHTS: &str = "it does not say the weights of the training data at its leaves";

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
    /// A factor, and an addend for each output in an array of their own.
    #[serde(borrow)]
    scale_and_bias: Option<&'f RawValue>,
}

#[derive(Deserialize)]
struct FeaturesInfo {
    #[serde(default)]
    float_features: Vec<FloatFeature>,
    #[serde(default)]
    categorical_features: Vec<CategoricalFeature>,
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

/// A feature of texts, also where they are whole numbers.
#[derive(Deserialize)]
struct CategoricalFeature {
    flat_feature_index: usize,
    #[serde(default)]
    feature_id: String,
    /// Hashes of the categories that splits ask for.
    #[serde(default)]
    values: Vec<i32>,
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
    /// Of the training data that came to each leaf.
    #[serde(borrow)]
    leaf_weights: Option<Numbers<'f>>,
}

#[derive(Deserialize)]
struct Border {
    split_type: String,
    border: Option<f64>,
    float_feature_index: Option<usize>,
    cat_feature_index: Option<usize>,
    /// The hash of a category.
    value: Option<i32>,
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
    value: Option<&'f RawValue>,
    /// Of the training data that came to a leaf.
    weight: Option<f64>,
}

/// Reads the model in `json`; with the weights of the training data at its nodes if they are wanted.
pub(super) fn read(json: &str, with_covers: bool) -> Result<Model<f64>, String> {
    let file: File =
        serde_json::from_str(json).map_err(|error| format!("it is no readable CatBoost model: {error}"))?;
    let info = &file.features_info;
    if !info.text_features.is_empty() || !info.embedding_features.is_empty() {
        return Err(
            "it takes text or embeddings, which this version does not run; turn them into numbers before training"
                .to_owned(),
        );
    }
    let objective = file.model_info.params.loss_function.r#type;
    let (scale, bias) = scale_and_bias(file.scale_and_bias)?;
    let targets = bias.len();
    let classes = file.model_info.class_params.map(|parameters| classes(&parameters.class_names));
    let (transform, output) = finish(&objective, targets, classes)?;
    let mut spec = TreeSpec { nodes: vec![], weights: vec![], targets, sets: vec![], covers: vec![] };
    let questions = Questions::of(info);
    let mut unexplained = Model::<f64>::not_wanted(with_covers);
    let iterations = match (&file.oblivious_trees, &file.trees) {
        (Some(trees), None) => {
            for (index, tree) in trees.iter().enumerate() {
                push_oblivious(&mut spec, tree, index, &questions).map_err(|cause| format!("tree {index}: {cause}"))?;
                if unexplained.is_none() {
                    unexplained = fault(index, push_oblivious_covers(&mut spec, tree));
                }
            }
            trees.len()
        }
        (None, Some(trees)) => {
            for (index, tree) in trees.iter().enumerate() {
                let first = spec.nodes.len();
                let weights = push_tree(&mut spec, tree, index, &questions);
                let weights = weights.map_err(|cause| format!("tree {index}: {cause}"))?;
                if unexplained.is_none() {
                    unexplained = fault(index, push_covers(&mut spec, first, &weights));
                }
            }
            trees.len()
        }
        _ => return Err("it is no readable CatBoost model: it has no trees, or two kinds of them".to_owned()),
    };
    let count = info.float_features.len() + info.categorical_features.len();
    let mut names = vec![String::new(); count];
    let of_floats = info.float_features.iter().map(|feature| (feature.flat_feature_index, &feature.feature_id));
    let of_categories =
        info.categorical_features.iter().map(|feature| (feature.flat_feature_index, &feature.feature_id));
    for (index, name) in of_floats.chain(of_categories) {
        names.get_mut(index).ok_or("its features are not numbered from 0")?.clone_from(name);
    }
    let encoding = |feature: &CategoricalFeature| (feature.flat_feature_index, Encoding::of_hashes(&feature.values));
    let encodings = info.categorical_features.iter().map(encoding).collect();
    let named = names.iter().enumerate().any(|(index, name)| !name.is_empty() && *name != index.to_string());
    Ok(Model {
        library: "CatBoost".to_owned(),
        objective,
        iterations,
        features: Features { count, names: named.then_some(names), encodings },
        trees: spec,
        unexplained,
        finish: Finish { adjustment: Adjustment::ScaleAndBias(scale, bias), transform, output },
    })
}

/// The factor of all outputs, and the addend of each.
fn scale_and_bias(array: Option<&RawValue>) -> Result<(f64, Vec<f64>), String> {
    let Some(array) = array else { return Ok((1.0, vec![0.0])) };
    let numbers = array.get().split(['[', ']', ',']).filter(|text| !text.trim().is_empty());
    let numbers: Vec<f64> = numbers.map(|text| number(text, "scale_and_bias")).collect::<Result<_, _>>()?;
    match numbers.split_first() {
        Some((scale, bias)) if !bias.is_empty() => Ok((*scale, bias.to_vec())),
        _ => Err("its scale_and_bias are no two numbers".to_owned()),
    }
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

/// What splits ask, in terms of the features.
struct Questions<'f> {
    info: &'f FeaturesInfo,
    /// Places of hashes among those of a categorical feature.
    places: HashMap<(usize, i32), usize>,
}

impl<'f> Questions<'f> {
    fn of(info: &'f FeaturesInfo) -> Self {
        let features = info.categorical_features.iter().enumerate();
        let places = features.flat_map(|(feature, categories)| {
            categories.values.iter().enumerate().map(move |(place, hash)| ((feature, *hash), place))
        });
        Questions { info, places: places.collect() }
    }

    /// What `border` asks: whether a feature is above it, or the category that it names. It leads nowhere yet.
    fn ask(&self, border: &Border) -> Result<Split<f32>, String> {
        let split = |feature, comparison, threshold, missing_is_true| {
            Ok(Split { feature, comparison, threshold, if_true: 0, if_false: 0, missing_is_true })
        };
        match border.split_type.as_str() {
            "FloatFeature" => {
                let feature = border.float_feature_index.and_then(|index| self.info.float_features.get(index));
                let (Some(feature), Some(threshold)) = (feature, border.border) else {
                    return Err("it has a split without a feature or a border".to_owned());
                };
                let missing_is_true = match feature.nan_value_treatment.as_deref() {
                    None | Some("AsIs" | "AsFalse") => false,
                    Some("AsTrue") => true,
                    Some(other) => {
                        return Err(format!("it treats missing values as {other:?}, which this version does not know"));
                    }
                };
                split(feature.flat_feature_index, Comparison::Greater, threshold as f32, missing_is_true)
            }
            "OneHotFeature" => {
                let index = border.cat_feature_index;
                let feature = index.and_then(|index| self.info.categorical_features.get(index));
                let place = index.zip(border.value).and_then(|key| self.places.get(&key));
                let (Some(feature), Some(place)) = (feature, place) else {
                    return Err(format!("it asks for a category {:?} that it does not list", border.value));
                };
                split(feature.flat_feature_index, Comparison::Equal, *place as f32, false)
            }
            "OnlineCtr" => Err("it turns categories into numbers by statistics of the target (CTRs), which this version \
                                does not run; train with one_hot_max_size as large as the number of categories, or encode \
                                them before training"
                .to_owned()),
            kind => Err(format!("it has a split of the kind {kind:?}, which this version does not run")),
        }
    }
}

/// Adds an oblivious tree: the answer to split `i` is bit `i` of a leaf's number.
fn push_oblivious(
    spec: &mut TreeSpec<f32, f64>,
    tree: &ObliviousTree,
    index: usize,
    questions: &Questions,
) -> Result<(), String> {
    let values: Vec<f64> = tree.leaf_values.parse("leaf_values")?;
    let splits = tree.splits.as_deref().unwrap_or_default();
    if splits.len() > DEEPEST || values.len() != spec.targets << splits.len() {
        return Err(format!("it has {} splits and {} leaf values", splits.len(), values.len()));
    }
    let inner = (1 << splits.len()) - 1;
    // Level by level, from the last split to the first; the children of node i are 2 i + 1 and 2 i + 2.
    for (level, border) in splits.iter().rev().enumerate() {
        let question = questions.ask(border)?;
        for node in (1 << level) - 1..(2 << level) - 1 {
            let split = Some(Split { if_true: 2 * node + 2, if_false: 2 * node + 1, ..question.clone() });
            spec.nodes.push(NodeSpec { tree: index as i64, node, split });
        }
    }
    for (leaf, values) in values.chunks_exact(spec.targets).enumerate() {
        push_leaf(spec, index, inner + leaf as i64, values);
    }
    Ok(())
}

/// Adds the weights of the data at the nodes of an oblivious tree, in the order of [`push_oblivious`].
fn push_oblivious_covers(spec: &mut TreeSpec<f32, f64>, tree: &ObliviousTree) -> Result<(), String> {
    let leaves = 1 << tree.splits.as_deref().unwrap_or_default().len();
    let weights = tree.leaf_weights.as_ref().ok_or(NO_WEIGHTS)?.parse::<f64>("leaf_weights")?;
    if weights.len() != leaves {
        return Err(format!("it has {leaves} leaves and {} leaf weights", weights.len()));
    }
    let mut covers = vec![0.0; leaves - 1];
    covers.extend(weights);
    for node in (0..leaves - 1).rev() {
        covers[node] = covers[2 * node + 1] + covers[2 * node + 2];
    }
    spec.covers.extend(covers);
    Ok(())
}

fn push_leaf(spec: &mut TreeSpec<f32, f64>, index: usize, node: i64, values: &[f64]) {
    let tree = index as i64;
    spec.nodes.push(NodeSpec { tree, node, split: None });
    for (target, weight) in values.iter().enumerate() {
        spec.weights.push(LeafWeight { tree, node, target, weight: *weight });
    }
}

/// Adds a tree of any form, and gives what the file says of the weights of the data at its nodes, in their order.
fn push_tree(
    spec: &mut TreeSpec<f32, f64>,
    root: &Node,
    index: usize,
    questions: &Questions,
) -> Result<Vec<Option<f64>>, String> {
    let mut weights = vec![];
    let mut stack = vec![(root, 0)];
    let mut nodes = 1;
    while let Some((node, place)) = stack.pop() {
        weights.push(node.weight);
        match (&node.split, &node.left, &node.right, node.value) {
            (Some(border), Some(left), Some(right), _) => {
                let split = Some(Split { if_true: nodes + 1, if_false: nodes, ..questions.ask(border)? });
                spec.nodes.push(NodeSpec { tree: index as i64, node: place, split });
                stack.extend([(&**left, nodes), (&**right, nodes + 1)]);
                nodes += 2;
            }
            (None, None, None, Some(value)) => {
                let text = value.get().trim_start_matches('[').trim_end_matches(']');
                let values: Vec<f64> = text.split(',').map(|text| number(text, "value")).collect::<Result<_, _>>()?;
                if values.len() != spec.targets {
                    return Err(format!("a leaf has {} values, not {}", values.len(), spec.targets));
                }
                push_leaf(spec, index, place, &values);
            }
            _ => return Err("a node is neither a split nor a leaf".to_owned()),
        }
    }
    Ok(weights)
}

/// Adds the weights of the data at the nodes of a tree, those from `first` on; `weights` has those of its leaves.
fn push_covers(spec: &mut TreeSpec<f32, f64>, first: usize, weights: &[Option<f64>]) -> Result<(), String> {
    let nodes = &spec.nodes[first..];
    let places: HashMap<i64, usize> = nodes.iter().enumerate().map(|(place, node)| (node.node, place)).collect();
    let mut covers = vec![0.0; nodes.len()];
    // Children come after their parents.
    for (place, node) in nodes.iter().enumerate().rev() {
        covers[place] = match &node.split {
            Some(split) => [split.if_true, split.if_false].iter().map(|child| covers[places[child]]).sum(),
            None => weights[place].ok_or(NO_WEIGHTS)?,
        };
    }
    spec.covers.extend(covers);
    Ok(())
}

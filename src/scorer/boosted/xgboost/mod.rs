//! XGBoost's JSON files, as `Booster.save_model` writes them.
//!
//! The form is that of `doc/model.schema` of XGBoost. Sums are of float32: they begin with the base score, and trees are
//! added in order, as XGBoost does on a CPU.

mod file;

use std::collections::HashMap;

use self::file::{Booster, Categories, FeatureCategories, File, Tree, Trees};
use super::encoding::{Category, Encoding};
use super::numbers::{Numbers, categories, number};
use super::output::{Adjustment, Classes, Finish, Output, Transform};
use super::{Features, Model, fault};
use crate::scorer::trees::{Comparison, LeafWeight, NodeSpec, Split, TreeSpec};

/// Categories from here on are none: float32 does not tell them apart.
const NO_CATEGORY: u32 = 1 << 24;

/// Reads the model in `json`; with the covers of its nodes if they are wanted.
pub(super) fn read(json: &str, with_covers: bool) -> Result<Model<f32>, String> {
    let unreadable = |error: serde_json::Error| format!("it is no readable XGBoost model: {error}");
    let File { learner, version } = serde_json::from_str(json).map_err(unreadable)?;
    let (booster, weights) = match learner.gradient_booster {
        Booster { name, .. } if name == "gblinear" => {
            return Err("it is a linear model (gblinear), which this version only runs as ONNX".to_owned());
        }
        Booster { gbtree: Some(inner), weight_drop: Some(weights), .. } => {
            let inner: Booster = serde_json::from_str(inner.get()).map_err(unreadable)?;
            (inner, Some(weights.parse::<f32>("weight_drop")?))
        }
        booster => (booster, None),
    };
    let Some(model) = booster.model.filter(|_| booster.name == "gbtree") else {
        return Err(format!("it has a booster {:?}, which this version does not know", booster.name));
    };
    let model: Trees = serde_json::from_str(model.get()).map_err(unreadable)?;
    let parameters = &learner.learner_model_param;
    let count: usize = number(&parameters.num_feature, "num_feature")?;
    let classes: usize = number(&parameters.num_class, "num_class")?;
    let outputs: usize = parameters.num_target.as_ref().map_or(Ok(1), |text| number(text, "num_target"))?;
    let targets = classes.max(outputs).max(1);
    if targets > json.len() {
        return Err(format!("it has {targets} outputs, more than a file of this size can have"));
    }
    let objective = learner.objective.name;
    let (transform, output, link) = finish(&objective, targets)?;

    let groups: Vec<usize> = model.tree_info.parse("tree_info")?;
    if groups.len() != model.trees.len() || weights.as_ref().is_some_and(|weights| weights.len() != groups.len()) {
        return Err(format!("it has {} trees, and says of {} what they are for", model.trees.len(), groups.len()));
    }
    let best = learner.attributes.get("best_iteration").map(|text| number::<usize>(text, "best_iteration"));
    let (used, iterations) = used_trees(&model, targets, best.transpose()?)?;
    let mut spec = TreeSpec { nodes: vec![], weights: vec![], targets, sets: vec![], covers: vec![] };
    push_base_score(&mut spec, &base_scores(&parameters.base_score, link)?)?;
    spec.covers.push(1.0);
    let mut unexplained = Model::<f32>::not_wanted(with_covers);
    for (index, tree) in model.trees[..used].iter().enumerate() {
        let weight = weights.as_ref().map_or(1.0, |weights| weights[index]);
        push_tree(&mut spec, tree, index, groups[index], weight).map_err(|cause| format!("tree {index}: {cause}"))?;
        if unexplained.is_none() {
            let covers = tree.sum_hessian.as_ref().ok_or_else(|| "it has no sum_hessian".to_owned());
            let covers = covers.and_then(|covers| covers.parse::<f64>("sum_hessian"));
            unexplained = fault(index, covers.map(|covers| spec.covers.extend(covers)));
        }
    }
    let encodings = match model.cats {
        Some(categories) => encodings(categories, count)?,
        None => vec![],
    };
    let names = learner.feature_names;
    if !names.is_empty() && names.len() != count {
        return Err(format!("it names {} features of {count}", names.len()));
    }
    let named = names.iter().enumerate().any(|(index, name)| *name != format!("f{index}"));
    let version = version.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
    Ok(Model {
        library: format!("XGBoost {version}"),
        objective,
        iterations,
        features: Features { count, names: named.then_some(names), encodings },
        trees: spec,
        unexplained,
        finish: Finish { adjustment: Adjustment::None, transform, output },
    })
}

/// How a base score becomes a margin.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Link {
    Identity,
    Logit,
    Ln,
}

/// What becomes of margins for so many targets, and of the base score.
fn finish(objective: &str, targets: usize) -> Result<(Transform<f32>, Output, Link), String> {
    let values = |transform, link| Ok((transform, Output::Values, link));
    match objective {
        "binary:logistic" if targets == 1 => {
            Ok((Transform::Logistic(1.0), Output::TwoClasses(Classes::counted(2)), Link::Logit))
        }
        "binary:logistic" | "reg:logistic" => values(Transform::Logistic(1.0), Link::Logit),
        "multi:softprob" | "multi:softmax" => {
            Ok((Transform::Softmax, Output::Classes(Classes::counted(targets)), Link::Identity))
        }
        "binary:hinge" if targets == 1 => Ok((Transform::Step, Output::Label, Link::Identity)),
        "binary:hinge" => values(Transform::Step, Link::Identity),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" => values(Transform::Exp, Link::Ln),
        "survival:aft" => values(Transform::Exp, Link::Ln),
        "reg:squarederror"
        | "reg:linear"
        | "reg:squaredlogerror"
        | "reg:pseudohubererror"
        | "reg:absoluteerror"
        | "reg:quantileerror"
        | "binary:logitraw"
        | "rank:pairwise"
        | "rank:ndcg"
        | "rank:map" => values(Transform::None, Link::Identity),
        _ => Err(format!("its objective {objective:?} is not known to this version")),
    }
}

/// The margins that sums begin with.
fn base_scores(text: &str, link: Link) -> Result<Vec<f32>, String> {
    let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
    let margin = |text| {
        let score: f32 = number(text, "base_score")?;
        let margin = match link {
            Link::Identity => score,
            Link::Logit => -(1.0 / score.clamp(1e-6, 1.0 - 1e-6) - 1.0).ln(),
            Link::Ln => score.ln(),
        };
        if margin.is_finite() { Ok(margin) } else { Err(format!("its base_score {text} is none for its objective")) }
    };
    inner.split(',').map(margin).collect()
}

/// Adds the margins as a tree of one leaf, the first to be added.
fn push_base_score(spec: &mut TreeSpec<f32>, margins: &[f32]) -> Result<(), String> {
    let targets = spec.targets;
    if margins.len() != 1 && margins.len() != targets {
        return Err(format!("its base_score has {} values for {targets} outputs", margins.len()));
    }
    spec.nodes.push(NodeSpec { tree: -1, node: 0, split: None });
    for (target, weight) in margins.iter().cycle().take(targets).enumerate() {
        spec.weights.push(LeafWeight { tree: -1, node: 0, target, weight: *weight });
    }
    Ok(())
}

/// How many of the trees are used, and in how many iterations they were trained: all, or those up to the best iteration.
fn used_trees(model: &Trees, targets: usize, best: Option<usize>) -> Result<(usize, usize), String> {
    let all = model.trees.len();
    let parallel: usize =
        model.gbtree_model_param.num_parallel_tree.as_ref().map_or(Ok(1), |text| number(text, "num_parallel_tree"))?;
    let ends: Vec<usize> = match &model.iteration_indptr {
        Some(ends) => ends.parse("iteration_indptr")?,
        // Older versions train as many trees in every iteration.
        None => (0..=all).step_by(parallel.saturating_mul(targets).max(1)).collect(),
    };
    let iterations = ends.len().saturating_sub(1);
    match best.and_then(|best| ends.get(best.checked_add(1)?).map(|end| (*end, best + 1))) {
        Some((end, best)) if end <= all => Ok((end, best)),
        Some((end, _)) => Err(format!("its iterations end at tree {end} of {all}")),
        None => Ok((all, iterations)),
    }
}

/// Adds `tree`, whose leaves count `factor` times, to `spec`.
fn push_tree(spec: &mut TreeSpec<f32>, tree: &Tree, index: usize, group: usize, factor: f32) -> Result<(), String> {
    let left: Vec<i64> = tree.left_children.parse("left_children")?;
    let right: Vec<i64> = tree.right_children.parse("right_children")?;
    let features: Vec<usize> = tree.split_indices.parse("split_indices")?;
    let conditions: Vec<f32> = tree.split_conditions.parse("split_conditions")?;
    let nodes = left.len();
    if [right.len(), features.len(), conditions.len(), tree.default_left.len()] != [nodes; 4] || nodes == 0 {
        return Err("its arrays are empty or of different lengths".to_owned());
    }
    if conditions.iter().any(|condition| condition.is_nan()) {
        return Err("it has a threshold or a leaf that is no number".to_owned());
    }
    let sets = category_sets(spec, tree)?;
    let is_category: Vec<u8> = match &tree.split_type {
        Some(kinds) => kinds.parse("split_type")?,
        None => vec![],
    };
    let size = tree.tree_param.size_leaf_vector.as_ref().map_or(Ok(1), |text| number(text, "size_leaf_vector"))?;
    let vectors: Option<Vec<f32>> = if size > 1 {
        if size != spec.targets {
            return Err(format!("its leaves have {size} values for {} outputs", spec.targets));
        }
        let Some(weights) = &tree.leaf_weights else {
            return Err(
                "its leaves are vectors as versions before 3.2 write them; load the model with XGBoost 3.2 or later \
                        and save it again"
                    .to_owned(),
            );
        };
        Some(weights.parse("leaf_weights")?)
    } else {
        None
    };
    let tree_number = index as i64;
    for node in 0..nodes {
        let number = node as i64;
        let is_leaf = left[node] == -1;
        let split = if is_leaf {
            None
        } else {
            let missing_is_left = tree.default_left[node].is_set();
            let in_set = is_category.get(node) == Some(&1);
            let comparison = match sets.get(&node) {
                _ if !in_set => Comparison::Less,
                Some(set) => Comparison::Member(*set),
                None => return Err(format!("node {node} asks for categories that it does not have")),
            };
            // Members go right, and what is below a threshold goes left.
            let (if_true, if_false) = if in_set { (right[node], left[node]) } else { (left[node], right[node]) };
            let missing_is_true = missing_is_left != in_set;
            let (feature, threshold) = (features[node], conditions[node]);
            Some(Split { feature, comparison, threshold, if_true, if_false, missing_is_true })
        };
        spec.nodes.push(NodeSpec { tree: tree_number, node: number, split });
        if !is_leaf {
            continue;
        }
        let mut add = |target, weight: f32| {
            let weight = weight * factor;
            spec.weights.push(LeafWeight { tree: tree_number, node: number, target, weight });
        };
        match &vectors {
            None => add(group, conditions[node]),
            Some(vectors) => {
                // The right child of a leaf is its number among the leaves.
                let leaf = usize::try_from(right[node]).ok().and_then(|leaf| leaf.checked_mul(size));
                let values = leaf.and_then(|start| vectors.get(start..)?.get(..size));
                let values = values.ok_or_else(|| format!("node {node} is a leaf without values"))?;
                values.iter().enumerate().for_each(|(target, weight)| add(target, *weight));
            }
        }
    }
    Ok(())
}

/// The sets of categories by node, added to `spec`.
fn category_sets(spec: &mut TreeSpec<f32>, tree: &Tree) -> Result<HashMap<usize, u32>, String> {
    let numbers = |array: &Option<Numbers>, name: &str| -> Result<Vec<usize>, String> {
        array.as_ref().map_or(Ok(vec![]), |array| array.parse(name))
    };
    let nodes = numbers(&tree.categories_nodes, "categories_nodes")?;
    let starts = numbers(&tree.categories_segments, "categories_segments")?;
    let sizes = numbers(&tree.categories_sizes, "categories_sizes")?;
    let all: Vec<u32> = tree.categories.as_ref().map_or(Ok(vec![]), |array| array.parse("categories"))?;
    let total = sizes.iter().try_fold(0usize, |sum, size| sum.checked_add(*size));
    if starts.len() != nodes.len() || sizes.len() != nodes.len() || total.is_none_or(|total| total > all.len()) {
        return Err("its sets of categories overlap or are of different lengths".to_owned());
    }
    let mut sets = HashMap::new();
    for ((node, start), size) in nodes.into_iter().zip(starts).zip(sizes) {
        let Some(members) = all.get(start..).and_then(|rest| rest.get(..size)) else {
            return Err(format!("node {node} asks for categories beyond the last one"));
        };
        let mut members: Vec<u32> = members.iter().copied().filter(|category| *category < NO_CATEGORY).collect();
        members.sort_unstable();
        // Negative values are no categories, and negative zero is zero.
        spec.sets.push(categories(members, 0.0));
        sets.insert(node, (spec.sets.len() - 1) as u32);
    }
    Ok(sets)
}

/// Which number stands for which category, where the data had others.
fn encodings(categories: Categories, count: usize) -> Result<Vec<(usize, Encoding)>, String> {
    if categories.enc.len() > count {
        return Err(format!("it has categories of {} features of {count}", categories.enc.len()));
    }
    let mut encodings = vec![];
    for (feature, FeatureCategories { offsets, values }) in categories.enc.into_iter().enumerate() {
        if values.is_empty() {
            continue;
        }
        let malformed = || format!("it has malformed categories of feature {feature}");
        let list: Vec<Category> = match offsets {
            None => values.iter().map(|value| value.as_f64().map(Category::Number)).collect::<Option<_>>(),
            Some(offsets) => {
                let byte = |value: &serde_json::Number| value.as_i64().map(|byte| byte as u8);
                let bytes = values.iter().map(byte).collect::<Option<Vec<u8>>>().ok_or_else(malformed)?;
                let text = |pair: &[usize]| String::from_utf8(bytes.get(pair[0]..pair[1])?.to_vec()).ok();
                if !offsets.is_sorted() {
                    return Err(malformed());
                }
                offsets.windows(2).map(|pair| text(pair).map(Category::Text)).collect::<Option<_>>()
            }
        }
        .ok_or_else(malformed)?;
        encodings.push((feature, Encoding::of(list)));
    }
    Ok(encodings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_scores_become_margins() {
        assert_eq!(base_scores("5E-1", Link::Logit), Ok(vec![0.0]));
        assert_eq!(base_scores("[1E0,2.5E0]", Link::Identity), Ok(vec![1.0, 2.5]));
        assert_eq!(base_scores("[1E0]", Link::Ln), Ok(vec![0.0]));
        assert!(base_scores("[0E0]", Link::Ln).is_err());
        assert!(base_scores("", Link::Identity).is_err());
    }

    #[test]
    fn objectives() {
        assert!(matches!(finish("binary:logistic", 1), Ok((_, Output::TwoClasses(_), Link::Logit))));
        assert!(matches!(finish("binary:logistic", 2), Ok((_, Output::Values, Link::Logit))));
        assert!(finish("reg:expectileerror", 1).unwrap_err().contains("reg:expectileerror"));
    }
}

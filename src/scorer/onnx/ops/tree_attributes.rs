//! The attributes of `TreeEnsembleClassifier` and `TreeEnsembleRegressor`, as a description of trees.

use std::collections::HashSet;

use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::super::protobuf::{NODE_MODES, node_modes};
use crate::scorer::trees::{Comparison, LeafWeight, NodeSpec, Split, Threshold, TreeSpec};

/// Names of the attributes about leaf weights: `class_ids` and so on, or `target_ids` and so on.
pub(super) struct WeightAttributes {
    pub ids: &'static str,
    pub nodes: &'static str,
    pub trees: &'static str,
    pub weights: &'static str,
    pub weights_as_tensor: &'static str,
}

/// Numbers that a model holds as float32, or (from version 3 of ai.onnx.ml) as a tensor of float64.
#[derive(Clone)]
pub(super) enum Reals<'n> {
    F32(Cow<'n, [f32]>),
    F64(Vec<f64>),
}

impl<'n> Reals<'n> {
    /// Reads the attribute `name`, or the tensor `as_tensor`; empty when there is neither.
    pub(super) fn of(node: &'n NodeProto, name: &str, as_tensor: &str) -> TractResult<Self> {
        if let Some(values) = node.get_attr_opt_slice::<f32>(name)?.filter(|values| !values.is_empty()) {
            return Ok(Reals::F32(values.into()));
        }
        match tensor(node, as_tensor)? {
            Some(tensor) => Self::of_tensor(&tensor),
            None => Ok(Reals::F32(Cow::default())),
        }
    }

    pub(super) fn of_tensor(tensor: &Tensor) -> TractResult<Self> {
        Ok(if tensor.datum_type() == f32::datum_type() {
            Reals::F32(tensor.try_as_plain_ram()?.as_slice::<f32>()?.to_vec().into())
        } else {
            Reals::F64(tensor.cast_to::<f64>()?.try_as_plain_ram()?.as_slice::<f64>()?.to_vec())
        })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Reals::F32(values) => values.len(),
            Reals::F64(values) => values.len(),
        }
    }

    /// As float32; nothing when they need float64.
    pub(super) fn f32(&self) -> Option<&[f32]> {
        match self {
            Reals::F32(values) => Some(values),
            Reals::F64(_) => None,
        }
    }

    pub(super) fn f64(&self) -> Cow<'_, [f64]> {
        match self {
            Reals::F32(values) => values.iter().copied().map(f64::from).collect(),
            Reals::F64(values) => values.into(),
        }
    }

    pub(super) fn into_owned(self) -> Reals<'static> {
        match self {
            Reals::F32(values) => Reals::F32(values.into_owned().into()),
            Reals::F64(values) => Reals::F64(values),
        }
    }
}

/// Trees as a node describes them, in the numbers that their thresholds, weights and base values need.
pub(super) enum Described {
    F32(TreeSpec<f32>),
    F64(TreeSpec<f64>),
}

impl Described {
    /// Keeps of the weights of each leaf the first.
    pub(super) fn keep_first_weights(&mut self) {
        fn keep<T>(spec: &mut TreeSpec<T>) {
            let place = |leaf: &LeafWeight<T>| (leaf.tree, leaf.node);
            // In most files they are in order, and each leaf has one.
            if !spec.weights.is_sorted_by(|a, b| place(a) < place(b)) {
                let mut met = HashSet::new();
                spec.weights.retain(|leaf| met.insert(place(leaf)));
            }
        }
        match self {
            Described::F32(spec) => keep(spec),
            Described::F64(spec) => keep(spec),
        }
    }

    /// Whether all weights are for one and the same target.
    pub(super) fn is_for_one_target(&self) -> bool {
        fn of<T>(spec: &TreeSpec<T>) -> bool {
            spec.weights.windows(2).all(|pair| pair[0].target == pair[1].target)
        }
        match self {
            Described::F32(spec) => of(spec),
            Described::F64(spec) => of(spec),
        }
    }

    /// Whether no weight is below zero.
    pub(super) fn is_positive(&self) -> bool {
        match self {
            Described::F32(spec) => spec.weights.iter().all(|leaf| leaf.weight >= 0.0),
            Described::F64(spec) => spec.weights.iter().all(|leaf| leaf.weight >= 0.0),
        }
    }
}

/// The tensor that the attribute `name` holds.
pub(super) fn tensor(node: &NodeProto, name: &str) -> TractResult<Option<Tensor>> {
    let Some(proto) = node.get_attr_opt::<&TensorProto>(name)? else { return Ok(None) };
    Ok(Some(tract_onnx::tensor::load_tensor(&MmapDataResolver, proto, None)?))
}

/// The attribute `name`, of `len` numbers.
pub(super) fn ints<'n>(node: &'n NodeProto, name: &str, len: usize) -> TractResult<&'n [i64]> {
    let values = node.get_attr_slice::<i64>(name)?;
    node.expect_attr(name, values.len() == len, || format!("{len} values, not {}", values.len()))?;
    Ok(values)
}

/// The attribute `name`, of `len` numbers, none of them negative.
pub(super) fn indices(node: &NodeProto, name: &str, len: usize) -> TractResult<Vec<usize>> {
    let index =
        |number: &i64| usize::try_from(*number).or_else(|_| node.bail_attr(name, &format!("{number} is negative")));
    ints(node, name, len)?.iter().map(index).collect()
}

/// Whether a missing value goes to the true side, for each of so many nodes.
pub(super) fn missing_is_true(node: &NodeProto, nodes: usize) -> TractResult<Vec<bool>> {
    const NAME: &str = "nodes_missing_value_tracks_true";
    match node.get_attr_opt_slice::<i64>(NAME)? {
        Some(values) if !values.is_empty() => Ok(ints(node, NAME, nodes)?.iter().map(|value| *value == 1).collect()),
        _ => Ok(vec![false; nodes]),
    }
}

/// Reads the trees of `node`, with weights for so many targets, to which `base_values` are added.
pub(super) fn described(
    node: &NodeProto,
    names: &WeightAttributes,
    targets: usize,
    base_values: &Reals,
) -> TractResult<Described> {
    let thresholds = Reals::of(node, "nodes_values", "nodes_values_as_tensor")?;
    let weights = Reals::of(node, names.weights, names.weights_as_tensor)?;
    Ok(match (thresholds.f32(), weights.f32(), base_values.f32()) {
        (Some(thresholds), Some(weights), Some(_)) => Described::F32(spec(node, names, targets, thresholds, weights)?),
        _ => Described::F64(spec(node, names, targets, &thresholds.f64(), &weights.f64())?),
    })
}

fn spec<T: Threshold>(
    node: &NodeProto,
    names: &WeightAttributes,
    targets: usize,
    thresholds: &[T],
    weights: &[T],
) -> TractResult<TreeSpec<T>> {
    let modes =
        node_modes(node).or_else(|mode| node.bail_attr("nodes_modes", &format!("{mode:?} is no way to compare")))?;
    let (len, values) = (modes.len(), thresholds.len());
    node.expect_attr("nodes_values", values == len, || format!("{len} values, not {values}"))?;
    let features = ints(node, "nodes_featureids", len)?;
    let trees = ints(node, "nodes_treeids", len)?;
    let ids = ints(node, "nodes_nodeids", len)?;
    let if_true = ints(node, "nodes_truenodeids", len)?;
    let if_false = ints(node, "nodes_falsenodeids", len)?;
    let missing_is_true = missing_is_true(node, len)?;
    let comparisons = NODE_MODES.map(comparison);
    let split = |index: usize| -> TractResult<Option<Split<T>>> {
        let Some(comparison) = comparisons[usize::from(modes[index])] else { return Ok(None) };
        let feature = features[index];
        Ok(Some(Split {
            feature: usize::try_from(feature).map_err(|_| format_err!("a tree asks for feature {feature}"))?,
            comparison,
            threshold: thresholds[index],
            if_true: if_true[index],
            if_false: if_false[index],
            missing_is_true: missing_is_true[index],
        }))
    };
    let mut nodes = Vec::with_capacity(len);
    for index in 0..len {
        nodes.push(NodeSpec { tree: trees[index], node: ids[index], split: split(index)? });
    }
    let leaves = weights.len();
    let weight_targets = indices(node, names.ids, leaves)?;
    let weight_trees = ints(node, names.trees, leaves)?;
    let weight_nodes = ints(node, names.nodes, leaves)?;
    let weight = |(index, &weight): (usize, &T)| LeafWeight {
        tree: weight_trees[index],
        node: weight_nodes[index],
        target: weight_targets[index],
        weight,
    };
    let weights = weights.iter().enumerate().map(weight).collect();
    Ok(TreeSpec { nodes, weights, targets, sets: vec![], covers: vec![] })
}

/// What a mode compares; nothing in a leaf.
fn comparison(mode: &str) -> Option<Comparison> {
    match mode {
        "BRANCH_LEQ" => Some(Comparison::LessOrEqual),
        "BRANCH_LT" => Some(Comparison::Less),
        "BRANCH_GTE" => Some(Comparison::GreaterOrEqual),
        "BRANCH_GT" => Some(Comparison::Greater),
        "BRANCH_EQ" => Some(Comparison::Equal),
        "BRANCH_NEQ" => Some(Comparison::NotEqual),
        _ => None,
    }
}

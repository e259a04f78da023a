//! The attributes of `TreeEnsembleClassifier` and `TreeEnsembleRegressor`, as a description of trees.

use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use crate::scorer::trees::{Comparison, LeafWeight, NodeSpec, Split, TreeSpec};

/// Names of the attributes about leaf weights: `class_ids` and so on, or `target_ids` and so on.
pub(super) struct WeightAttributes {
    pub ids: &'static str,
    pub nodes: &'static str,
    pub trees: &'static str,
    pub weights: &'static str,
    pub weights_as_tensor: &'static str,
}

/// Numbers that a model holds as float32, or (from version 3 of ai.onnx.ml) as a tensor of float64.
pub(super) struct Reals {
    pub values: Vec<f64>,
    /// They need float64.
    pub is_f64: bool,
}

impl Reals {
    /// Reads the attribute `name`, or the tensor `as_tensor`; empty when there is neither.
    pub(super) fn of(node: &NodeProto, name: &str, as_tensor: &str) -> TractResult<Self> {
        if let Some(values) = node.get_attr_opt_vec::<f32>(name)?.filter(|values| !values.is_empty()) {
            return Ok(Reals { values: values.into_iter().map(f64::from).collect(), is_f64: false });
        }
        match tensor(node, as_tensor)? {
            Some(tensor) => Self::of_tensor(&tensor),
            None => Ok(Reals { values: vec![], is_f64: false }),
        }
    }

    pub(super) fn of_tensor(tensor: &Tensor) -> TractResult<Self> {
        let is_f64 = tensor.datum_type() != f32::datum_type();
        Ok(Reals { values: tensor.cast_to::<f64>()?.try_as_plain_ram()?.as_slice::<f64>()?.to_vec(), is_f64 })
    }

    /// As float32; exact where `is_f64` is false.
    pub(super) fn f32(&self) -> Vec<f32> {
        self.values.iter().map(|x| *x as f32).collect()
    }
}

/// Trees as a node describes them.
pub(super) struct Described {
    pub spec: TreeSpec<f64>,
    /// Thresholds or weights need float64.
    pub is_f64: bool,
}

/// The tensor that the attribute `name` holds.
pub(super) fn tensor(node: &NodeProto, name: &str) -> TractResult<Option<Tensor>> {
    let Some(proto) = node.get_attr_opt::<&TensorProto>(name)? else { return Ok(None) };
    Ok(Some(tract_onnx::tensor::load_tensor(&MmapDataResolver, proto, None)?))
}

/// The attribute `name`, of `len` numbers.
pub(super) fn ints(node: &NodeProto, name: &str, len: usize) -> TractResult<Vec<i64>> {
    let values: Vec<i64> = node.get_attr_vec(name)?;
    node.expect_attr(name, values.len() == len, || format!("{len} values, not {}", values.len()))?;
    Ok(values)
}

/// The attribute `name`, of `len` numbers, none of them negative.
pub(super) fn indices(node: &NodeProto, name: &str, len: usize) -> TractResult<Vec<usize>> {
    let index = |number| usize::try_from(number).or_else(|_| node.bail_attr(name, &format!("{number} is negative")));
    ints(node, name, len)?.into_iter().map(index).collect()
}

/// Whether a missing value goes to the true side, for each of so many nodes.
pub(super) fn missing_is_true(node: &NodeProto, nodes: usize) -> TractResult<Vec<bool>> {
    const NAME: &str = "nodes_missing_value_tracks_true";
    match node.get_attr_opt_vec::<i64>(NAME)? {
        Some(values) if !values.is_empty() => Ok(ints(node, NAME, nodes)?.iter().map(|value| *value == 1).collect()),
        _ => Ok(vec![false; nodes]),
    }
}

/// Reads the trees of `node`, with weights for so many targets.
pub(super) fn described(node: &NodeProto, names: &WeightAttributes, targets: usize) -> TractResult<Described> {
    let thresholds = Reals::of(node, "nodes_values", "nodes_values_as_tensor")?;
    let weights = Reals::of(node, names.weights, names.weights_as_tensor)?;
    let modes = node.get_attr_vec::<&str>("nodes_modes")?;
    let (len, values) = (modes.len(), thresholds.values.len());
    node.expect_attr("nodes_values", values == len, || format!("{len} values, not {values}"))?;
    let features = ints(node, "nodes_featureids", len)?;
    let trees = ints(node, "nodes_treeids", len)?;
    let ids = ints(node, "nodes_nodeids", len)?;
    let if_true = ints(node, "nodes_truenodeids", len)?;
    let if_false = ints(node, "nodes_falsenodeids", len)?;
    let missing_is_true = missing_is_true(node, len)?;
    let split = |index: usize| -> TractResult<Option<Split<f64>>> {
        let Some(comparison) = comparison(node, modes[index])? else { return Ok(None) };
        let feature = features[index];
        Ok(Some(Split {
            feature: usize::try_from(feature).map_err(|_| format_err!("a tree asks for feature {feature}"))?,
            comparison,
            threshold: thresholds.values[index],
            if_true: if_true[index],
            if_false: if_false[index],
            missing_is_true: missing_is_true[index],
        }))
    };
    let nodes = (0..len)
        .map(|index| Ok(NodeSpec { tree: trees[index], node: ids[index], split: split(index)? }))
        .collect::<TractResult<_>>()?;
    let leaves = weights.values.len();
    let weight_targets = indices(node, names.ids, leaves)?;
    let weight_trees = ints(node, names.trees, leaves)?;
    let weight_nodes = ints(node, names.nodes, leaves)?;
    let weight = |(index, &weight): (usize, &f64)| LeafWeight {
        tree: weight_trees[index],
        node: weight_nodes[index],
        target: weight_targets[index],
        weight,
    };
    let is_f64 = thresholds.is_f64 || weights.is_f64;
    let weights = weights.values.iter().enumerate().map(weight).collect();
    Ok(Described { spec: TreeSpec { nodes, weights, targets, sets: vec![], covers: vec![] }, is_f64 })
}

fn comparison(node: &NodeProto, mode: &str) -> TractResult<Option<Comparison>> {
    Ok(Some(match mode {
        "LEAF" => return Ok(None),
        "BRANCH_LEQ" => Comparison::LessOrEqual,
        "BRANCH_LT" => Comparison::Less,
        "BRANCH_GTE" => Comparison::GreaterOrEqual,
        "BRANCH_GT" => Comparison::Greater,
        "BRANCH_EQ" => Comparison::Equal,
        "BRANCH_NEQ" => Comparison::NotEqual,
        _ => return node.bail_attr("nodes_modes", &format!("{mode:?} is no way to compare")),
    }))
}

//! The attributes that `TreeEnsembleClassifier` and `TreeEnsembleRegressor` share, as a description of trees.

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
pub(super) enum Reals {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Reals {
    /// Reads the attribute `name`, or the tensor `as_tensor`; empty when there is neither.
    pub(super) fn of(node: &NodeProto, name: &str, as_tensor: &str) -> TractResult<Self> {
        if let Some(values) = node.get_attr_opt_vec::<f32>(name)?.filter(|values| !values.is_empty()) {
            return Ok(Reals::F32(values));
        }
        let Some(proto) = node.get_attr_opt::<&TensorProto>(as_tensor)? else { return Ok(Reals::F32(vec![])) };
        let tensor = tract_onnx::tensor::load_tensor(&MmapDataResolver, proto, None)?;
        if tensor.datum_type() == f32::datum_type() {
            return Ok(Reals::F32(tensor.try_as_plain_ram()?.as_slice::<f32>()?.to_vec()));
        }
        Ok(Reals::F64(tensor.cast_to::<f64>()?.try_as_plain_ram()?.as_slice::<f64>()?.to_vec()))
    }

    pub(super) fn is_f64(&self) -> bool {
        matches!(self, Reals::F64(_))
    }

    /// As float64; exact.
    pub(super) fn f64(&self) -> Vec<f64> {
        match self {
            Reals::F32(values) => values.iter().map(|x| f64::from(*x)).collect(),
            Reals::F64(values) => values.clone(),
        }
    }

    /// As float32; exact where [`Self::is_f64`] is false.
    pub(super) fn f32(&self) -> Vec<f32> {
        match self {
            Reals::F32(values) => values.clone(),
            Reals::F64(values) => values.iter().map(|x| *x as f32).collect(),
        }
    }
}

/// The trees of a node, before it is known which numbers they are kept in.
pub(super) struct TreeAttributes {
    pub thresholds: Reals,
    pub weights: Reals,
    modes: Vec<Option<Comparison>>,
    features: Vec<i64>,
    tree_ids: Vec<i64>,
    node_ids: Vec<i64>,
    if_true: Vec<i64>,
    if_false: Vec<i64>,
    missing_is_true: Vec<i64>,
    weight_trees: Vec<i64>,
    weight_nodes: Vec<i64>,
    /// The class or output that each weight is for.
    pub weight_targets: Vec<usize>,
}

impl TreeAttributes {
    /// Reads and measures the attributes of `node`.
    pub(super) fn of(node: &NodeProto, names: &WeightAttributes) -> TractResult<Self> {
        let thresholds = Reals::of(node, "nodes_values", "nodes_values_as_tensor")?;
        let weights = Reals::of(node, names.weights, names.weights_as_tensor)?;
        let modes = node.get_attr_vec::<&str>("nodes_modes")?;
        let (nodes, leaves) = (modes.len(), weights.f64().len());
        let ints = |name: &str, len: usize| -> TractResult<Vec<i64>> {
            let values: Vec<i64> = node.get_attr_vec(name)?;
            node.expect_attr(name, values.len() == len, || format!("{len} values, not {}", values.len()))?;
            Ok(values)
        };
        let thresholds_len = thresholds.f64().len();
        node.expect_attr("nodes_values", thresholds_len == nodes, || format!("{nodes} values, not {thresholds_len}"))?;
        let missing_is_true = match node.get_attr_opt_vec::<i64>("nodes_missing_value_tracks_true")? {
            Some(values) if !values.is_empty() => ints("nodes_missing_value_tracks_true", values.len().max(nodes))?,
            _ => vec![0; nodes],
        };
        let weight_targets = ints(names.ids, leaves)?
            .into_iter()
            .map(|id| usize::try_from(id).or_else(|_| node.bail_attr(names.ids, &format!("{id} is negative"))))
            .collect::<TractResult<_>>()?;
        Ok(TreeAttributes {
            thresholds,
            weights,
            features: ints("nodes_featureids", nodes)?,
            tree_ids: ints("nodes_treeids", nodes)?,
            node_ids: ints("nodes_nodeids", nodes)?,
            if_true: ints("nodes_truenodeids", nodes)?,
            if_false: ints("nodes_falsenodeids", nodes)?,
            missing_is_true,
            weight_trees: ints(names.trees, leaves)?,
            weight_nodes: ints(names.nodes, leaves)?,
            weight_targets,
            modes: modes.into_iter().map(|mode| comparison(node, mode)).collect::<TractResult<_>>()?,
        })
    }

    /// The description, with numbers as given; both are as long as the attributes.
    pub(super) fn spec<T: Copy>(&self, thresholds: &[T], weights: &[T], targets: usize) -> TractResult<TreeSpec<T>> {
        let nodes = thresholds
            .iter()
            .enumerate()
            .map(|(index, &threshold)| {
                let split = match self.modes[index] {
                    None => None,
                    Some(comparison) => Some(Split {
                        feature: usize::try_from(self.features[index])
                            .map_err(|_| format_err!("a tree asks for feature {}", self.features[index]))?,
                        comparison,
                        threshold,
                        if_true: self.if_true[index],
                        if_false: self.if_false[index],
                        missing_is_true: self.missing_is_true[index] == 1,
                    }),
                };
                Ok(NodeSpec { tree: self.tree_ids[index], node: self.node_ids[index], split })
            })
            .collect::<TractResult<_>>()?;
        let weights = weights
            .iter()
            .enumerate()
            .map(|(index, &weight)| LeafWeight {
                tree: self.weight_trees[index],
                node: self.weight_nodes[index],
                target: self.weight_targets[index],
                weight,
            })
            .collect();
        Ok(TreeSpec { nodes, weights, targets, sets: vec![] })
    }
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

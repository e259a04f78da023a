//! The sums of leaf weights that the operators of trees make, before anything becomes of them.

use std::collections::HashMap;

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::tree_attributes::{Described, Reals};
use super::tree_classifier::TreeEnsembleClassifier;
use super::tree_regressor::{Function, TreeEnsembleRegressor};
use crate::scorer::trees::{NodeSpec, TreeEnsemble, TreeSpec};

/// By how much the data at a node may differ from that at its children together, as a share of it.
const ROUNDING: f64 = 1e-3;

/// Scores that are sums of leaf weights: for each target, its sum times the factor, and what is added to it.
pub(in super::super) struct SumsOfTrees {
    /// With covers where the node tells them.
    pub trees: TreeEnsemble<f64>,
    pub factor: f64,
    /// One for each target.
    pub addends: Vec<f64>,
    /// The targets that are scores.
    pub scores: Vec<usize>,
}

/// The sums of `node`, if it is a model of trees whose scores are nothing but sums.
pub(in super::super) fn of(node: &NodeProto) -> TractResult<Option<SumsOfTrees>> {
    match node.op_type.as_str() {
        "TreeEnsembleClassifier" => of_classifier(node),
        "TreeEnsembleRegressor" | "TreeEnsemble" => of_regressor(node),
        _ => Ok(None),
    }
}

fn of_classifier(node: &NodeProto) -> TractResult<Option<SumsOfTrees>> {
    let (labels, described, base_values) = TreeEnsembleClassifier::described(node)?;
    let mut addends = base_values.f64().into_owned();
    let classes = labels.len();
    let lone = match &described {
        Described::F32(spec) => spec.weights.first().map(|leaf| leaf.target),
        Described::F64(spec) => spec.weights.first().map(|leaf| leaf.target),
    };
    let scores = match (classes, lone.filter(|_| described.is_for_one_target())) {
        (2, Some(target)) => {
            // One score, that of the second class. ONNX Runtime adds a lone base value to it only if it stands as the
            // first's.
            if addends.len() > 1 {
                return Ok(None);
            }
            if target == 1 {
                addends.clear();
            }
            vec![target]
        }
        // What ONNX Runtime makes of base values here is no sum.
        (2, None) if !addends.is_empty() => return Ok(None),
        _ => (0..classes).collect(),
    };
    if addends.len() > classes {
        return Ok(None);
    }
    addends.resize(classes, 0.0);
    Ok(Some(SumsOfTrees { trees: trees(node, described)?, factor: 1.0, addends, scores }))
}

fn of_regressor(node: &NodeProto) -> TractResult<Option<SumsOfTrees>> {
    let (described, base_values, function, _) = TreeEnsembleRegressor::described(node)?;
    let trees = trees(node, described)?;
    let factor = match function {
        Function::Sum => 1.0,
        Function::Average => 1.0 / trees.trees() as f64,
        Function::Min | Function::Max => return Ok(None),
    };
    let targets = trees.targets();
    let mut addends = base_values.f64().into_owned();
    // As the operator: base values count only when there is one for each target.
    if addends.len() != targets {
        addends = vec![0.0; targets];
    }
    Ok(Some(SumsOfTrees { trees, factor, addends, scores: (0..targets).collect() }))
}

/// The trees of `node` in float64, with covers where it tells them.
fn trees(node: &NodeProto, described: Described) -> TractResult<TreeEnsemble<f64>> {
    Ok(match described {
        Described::F32(mut spec) => {
            spec.covers = covers(node, &spec)?.unwrap_or_default();
            TreeEnsemble::build(&spec)?.widened()
        }
        Described::F64(mut spec) => {
            spec.covers = covers(node, &spec)?.unwrap_or_default();
            TreeEnsemble::build(&spec)?
        }
    })
}

/// How much of the training data came to each node, if `node` tells: most exporters write ones, or nothing.
fn covers<T>(node: &NodeProto, spec: &TreeSpec<T>) -> TractResult<Option<Vec<f64>>> {
    // TreeEnsemble says nothing of its leaves.
    if node.op_type == "TreeEnsemble" {
        return Ok(None);
    }
    let covers = Reals::of(node, "nodes_hitrates", "nodes_hitrates_as_tensor")?.f64().into_owned();
    if covers.len() != spec.nodes.len() {
        return Ok(None);
    }
    let places: HashMap<(i64, i64), usize> =
        spec.nodes.iter().enumerate().map(|(place, node)| ((node.tree, node.node), place)).collect();
    let adds_up = |(node, cover): (&NodeSpec<T>, &f64)| {
        let Some(split) = &node.split else { return *cover >= 0.0 };
        let child = |id: i64| places.get(&(node.tree, id)).map(|place| covers[*place]);
        let (Some(a), Some(b)) = (child(split.if_true), child(split.if_false)) else { return false };
        *cover > 0.0 && (a + b - cover).abs() <= ROUNDING * cover
    };
    let informative = spec.nodes.iter().any(|node| node.split.is_some()) && spec.nodes.iter().zip(&covers).all(adds_up);
    Ok(informative.then_some(covers))
}

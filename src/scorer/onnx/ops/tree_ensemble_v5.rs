//! `ai.onnx.ml.TreeEnsemble`, of version 5: the trees of its forerunners, with leaves apart from the nodes and tests of
//! membership. What it gives is what `TreeEnsembleRegressor` gives, in the numbers of its input.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::post_transform::PostTransform;
use super::row_operator::Built;
use super::tree_attributes::{Described, Reals, indices, missing_is_true, tensor};
use super::tree_regressor::{Function, TreeEnsembleRegressor, targets};
use crate::scorer::trees::{Comparison, LeafWeight, NodeSpec, Split, Threshold, TreeSpec, ValueSet};

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    TreeEnsembleRegressor::of(node)?.built(node)
}

impl TreeEnsembleRegressor {
    /// The trees of `node`, a TreeEnsemble, what is added to their sums, and what becomes of them.
    pub(super) fn described_in_version_5(
        node: &NodeProto,
    ) -> TractResult<(Described, Reals<'_>, Function, PostTransform)> {
        let targets = targets(node)?;
        let function = match node.get_attr_opt::<i64>("aggregate_function")?.unwrap_or(1) {
            0 => Function::Average,
            1 => Function::Sum,
            2 => Function::Min,
            3 => Function::Max,
            _ => return node.bail_attr("aggregate_function", "expected a number from 0 to 3"),
        };
        let post_transform = match node.get_attr_opt::<i64>("post_transform")?.unwrap_or(0) {
            0 => PostTransform::None,
            1 => PostTransform::Softmax,
            2 => PostTransform::Logistic,
            3 => PostTransform::SoftmaxZero,
            4 => PostTransform::Probit,
            _ => return node.bail_attr("post_transform", "expected a number from 0 to 4"),
        };
        Ok((described(node, targets)?, Reals::F32(Cow::default()), function, post_transform))
    }
}

fn described(node: &NodeProto, targets: usize) -> TractResult<Described> {
    let reals = |name: &str| match tensor(node, name)? {
        Some(tensor) => Reals::of_tensor(&tensor),
        None => node.bail_attr(name, "expected a tensor"),
    };
    let (thresholds, weights) = (reals("nodes_splits")?, reals("leaf_weights")?);
    let sets = match tensor(node, "membership_values")? {
        Some(values) => sets(&Reals::of_tensor(&values)?.f64()),
        None => vec![],
    };
    Ok(match (thresholds.f32(), weights.f32()) {
        (Some(thresholds), Some(weights)) => {
            let sets = sets.iter().map(ValueSet::narrowed).collect();
            Described::F32(spec(node, targets, sets, thresholds, weights)?)
        }
        _ => Described::F64(spec(node, targets, sets, &thresholds.f64(), &weights.f64())?),
    })
}

fn spec<T: Threshold>(
    node: &NodeProto,
    targets: usize,
    sets: Vec<ValueSet<T>>,
    thresholds: &[T],
    weights: &[T],
) -> TractResult<TreeSpec<T>> {
    let (len, leaves) = (thresholds.len(), weights.len());
    let layout = Layout {
        node,
        comparisons: comparisons(node, len)?,
        features: indices(node, "nodes_featureids", len)?,
        if_true: children(node, "nodes_truenodeids", "nodes_trueleafs", len, leaves)?,
        if_false: children(node, "nodes_falsenodeids", "nodes_falseleafs", len, leaves)?,
        missing_is_true: missing_is_true(node, len)?,
        leaf_targets: indices(node, "leaf_targetids", leaves)?,
        thresholds,
        weights,
    };
    let mut spec = TreeSpec { nodes: vec![], weights: vec![], targets, sets, covers: vec![] };
    let mut met = vec![false; len];
    for (tree, root) in (0..).zip(node.get_attr_slice::<i64>("tree_roots")?) {
        let root = usize::try_from(*root).ok().filter(|root| *root < len);
        let Some(root) = root else { return node.bail_attr("tree_roots", &format!("expected numbers below {len}")) };
        layout.tree(tree, root, &mut met, &mut spec)?;
    }
    Ok(spec)
}

/// The sets, which NaN keeps apart.
fn sets(values: &[f64]) -> Vec<ValueSet<f64>> {
    let mut sets: Vec<_> = values.split(|x| x.is_nan()).map(|set| ValueSet::of_values(set.iter().copied())).collect();
    // Behind the last NaN there is no set.
    if values.last().is_none_or(|x| x.is_nan()) {
        sets.pop();
    }
    sets
}

/// How each node compares; the sets are those of the tests of membership, in their order.
fn comparisons(node: &NodeProto, len: usize) -> TractResult<Vec<Comparison>> {
    let Some(modes) = tensor(node, "nodes_modes")? else { return node.bail_attr("nodes_modes", "expected a tensor") };
    let modes = modes.cast_to::<i64>()?;
    let modes = modes.try_as_plain_ram()?;
    let modes = modes.as_slice::<i64>()?;
    node.expect_attr("nodes_modes", modes.len() == len, || format!("{len} values, not {}", modes.len()))?;
    let mut sets = 0..;
    let mut comparison = |mode: &i64| {
        Ok(match mode {
            0 => Comparison::LessOrEqual,
            1 => Comparison::Less,
            2 => Comparison::GreaterOrEqual,
            3 => Comparison::Greater,
            4 => Comparison::Equal,
            5 => Comparison::NotEqual,
            6 => Comparison::Member(sets.next().unwrap_or(u32::MAX)),
            _ => return node.bail_attr("nodes_modes", &format!("{mode} is no way to compare")),
        })
    };
    modes.iter().map(&mut comparison).collect()
}

#[derive(Clone, Copy)]
enum Child {
    Node(usize),
    Leaf(usize),
}

fn children(node: &NodeProto, ids: &str, leaves: &str, nodes: usize, count: usize) -> TractResult<Vec<Child>> {
    let is_leaf = indices(node, leaves, nodes)?;
    let child = |(id, is_leaf): (usize, &usize)| match is_leaf {
        0 if id < nodes => Ok(Child::Node(id)),
        1 if id < count => Ok(Child::Leaf(id)),
        0 | 1 => node.bail_attr(ids, &format!("{id} does not exist")),
        _ => node.bail_attr(leaves, "expected zeros and ones"),
    };
    indices(node, ids, nodes)?.into_iter().zip(&is_leaf).map(child).collect()
}

/// The attributes, by node and by leaf.
struct Layout<'a, T> {
    node: &'a NodeProto,
    comparisons: Vec<Comparison>,
    features: Vec<usize>,
    if_true: Vec<Child>,
    if_false: Vec<Child>,
    missing_is_true: Vec<bool>,
    leaf_targets: Vec<usize>,
    thresholds: &'a [T],
    weights: &'a [T],
}

impl<T: Threshold> Layout<'_, T> {
    /// Adds the tree at `root` to `spec`. Leaves are numbered in the order in which they are met, behind all nodes: one
    /// that two nodes lead to becomes two.
    fn tree(&self, tree: i64, root: usize, met: &mut [bool], spec: &mut TreeSpec<T>) -> TractResult<()> {
        let mut open = vec![root];
        let mut next_leaf = met.len() as i64;
        while let Some(place) = open.pop() {
            // Each node belongs to one place in one tree, so that the work is bounded by the size of the file.
            if std::mem::replace(&mut met[place], true) {
                return self.node.bail(&format!("trees, but two ways lead to node {place}"));
            }
            let mut leaves = tvec![];
            let mut child = |child: Child| match child {
                Child::Node(node) => {
                    open.push(node);
                    node as i64
                }
                Child::Leaf(leaf) => {
                    let node = next_leaf;
                    next_leaf += 1;
                    leaves.push((node, leaf));
                    node
                }
            };
            let split = Split {
                feature: self.features[place],
                comparison: self.comparisons[place],
                threshold: self.thresholds[place],
                if_true: child(self.if_true[place]),
                if_false: child(self.if_false[place]),
                missing_is_true: self.missing_is_true[place],
            };
            spec.nodes.push(NodeSpec { tree, node: place as i64, split: Some(split) });
            for (node, leaf) in leaves {
                spec.nodes.push(NodeSpec { tree, node, split: None });
                let (target, weight) = (self.leaf_targets[leaf], self.weights[leaf]);
                spec.weights.push(LeafWeight { tree, node, target, weight });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_kept_apart_by_nan() {
        let nan = f64::NAN;
        let of =
            |values: &[&[f64]]| values.iter().map(|set| ValueSet::of_values(set.iter().copied())).collect::<Vec<_>>();
        assert_eq!(sets(&[]), of(&[]));
        assert_eq!(sets(&[1.0, 2.0, nan, 3.0, nan]), of(&[&[1.0, 2.0], &[3.0]]));
        assert_eq!(sets(&[1.0, nan, nan, 3.0]), of(&[&[1.0], &[], &[3.0]]));
    }
}

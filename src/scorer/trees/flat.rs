//! Trees in the one form that the kernels work on.

use super::ensemble::{Node, TreeEnsemble};
use super::spec::Comparison;

/// A tree in which a row goes right when its value is above the threshold.
#[derive(Debug, PartialEq)]
pub(super) struct FlatTree {
    /// The root is the first; children come after their parents.
    pub nodes: Vec<FlatNode>,
    /// What the leaves have weights for, in the order in which they are added.
    pub targets: Vec<u32>,
    /// For each leaf, from left to right, a weight for each of `targets`.
    pub weights: Vec<f32>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FlatNode {
    Split {
        feature: u32,
        /// Never NaN.
        threshold: f32,
        missing_is_right: bool,
        left: u32,
        right: u32,
    },
    /// Its place among the leaves, from left to right.
    Leaf(u32),
}

impl FlatTree {
    /// Number of leaves.
    pub(super) fn leaves(&self) -> usize {
        self.weights.len() / self.targets.len()
    }
}

/// The trees of `ensemble`, if all have this form: with comparisons of order, without shared children, and with leaves
/// that have weights for the same targets throughout a tree.
pub(super) fn flatten(ensemble: &TreeEnsemble<f32>) -> Option<Vec<FlatTree>> {
    let mut met = vec![false; ensemble.nodes.len()];
    ensemble.roots.iter().map(|root| flatten_tree(ensemble, *root, &mut met)).collect()
}

fn flatten_tree(ensemble: &TreeEnsemble<f32>, root: u32, met: &mut [bool]) -> Option<FlatTree> {
    let mut tree = FlatTree { nodes: vec![], targets: vec![], weights: vec![] };
    let mut leaves = 0;
    // Places in the ensemble, each with the flat node that waits for it and on which side. Without recursion: trees may
    // be very deep.
    let mut stack = vec![(root, None)];
    while let Some((place, parent)) = stack.pop() {
        if std::mem::replace(&mut met[place as usize], true) {
            return None;
        }
        let index = tree.nodes.len() as u32;
        if let Some((parent, is_right)) = parent
            && let Some(FlatNode::Split { left, right, .. }) = tree.nodes.get_mut(parent as usize)
        {
            *(if is_right { right } else { left }) = index;
        }
        match ensemble.nodes[place as usize] {
            Node::Split { feature, comparison, threshold, if_true, if_false, if_missing } => {
                let (threshold, left, right) = ordered(comparison, threshold, if_true, if_false)?;
                tree.nodes.push(FlatNode::Split {
                    feature,
                    threshold,
                    missing_is_right: if_missing == right,
                    left: 0,
                    right: 0,
                });
                // The left one is met first, so that leaves are met from left to right.
                stack.push((right, Some((index, true))));
                stack.push((left, Some((index, false))));
            }
            Node::Leaf { first, end } => {
                let weights = &ensemble.weights[first as usize..end as usize];
                let targets = weights.iter().map(|(target, _)| *target);
                if leaves == 0 {
                    tree.targets.extend(targets);
                } else if !targets.eq(tree.targets.iter().copied()) {
                    return None;
                }
                tree.weights.extend(weights.iter().map(|(_, weight)| *weight));
                tree.nodes.push(FlatNode::Leaf(leaves));
                leaves += 1;
            }
        }
    }
    (!tree.targets.is_empty()).then_some(tree)
}

/// Threshold, left and right child such that what is above the threshold goes right.
fn ordered(comparison: Comparison, threshold: f32, if_true: u32, if_false: u32) -> Option<(f32, u32, u32)> {
    // `x < t` is `x <= u`, where `u` is the next number below `t`.
    let below = (threshold != f32::NEG_INFINITY).then(|| threshold.next_down());
    let (threshold, left, right) = match comparison {
        Comparison::LessOrEqual => (threshold, if_true, if_false),
        Comparison::Less => (below?, if_true, if_false),
        Comparison::Greater => (threshold, if_false, if_true),
        Comparison::GreaterOrEqual => (below?, if_false, if_true),
        Comparison::Equal | Comparison::NotEqual => return None,
    };
    (!threshold.is_nan()).then_some((threshold, left, right))
}

//! Trees in the one form that the kernels work on.

use super::derived::{Derived, Questions};
use super::ensemble::{Node, TreeEnsemble};
use super::spec::Comparison;
use super::value_set::ValueSet;
use super::weight::Weight;

/// A tree in which a row goes right when its value is above the threshold.
#[derive(Debug, PartialEq)]
pub(super) struct FlatTree<W> {
    /// The root is the first; children come after their parents.
    pub nodes: Vec<FlatNode>,
    /// What the leaves have weights for, in the order in which they are added.
    pub targets: Vec<u32>,
    /// For each leaf, from left to right, a weight for each of `targets`.
    pub weights: Vec<W>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FlatNode {
    Split {
        /// One that a row has, or, behind these, the answer to a question of [`Flat::derived`].
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

impl<W> FlatTree<W> {
    /// Number of leaves.
    pub(super) fn leaves(&self) -> usize {
        self.weights.len() / self.targets.len()
    }
}

/// An ensemble in this form.
#[derive(Debug, PartialEq)]
pub(super) struct Flat<W> {
    pub trees: Vec<FlatTree<W>>,
    /// Number of features that rows have; at least 1.
    pub features: usize,
    /// The features behind these.
    pub derived: Derived,
}

/// The trees of `ensemble`, if all have this form: without shared children, and with leaves that have weights for the
/// same targets throughout a tree.
pub(super) fn flatten<W: Weight>(ensemble: &TreeEnsemble<f32, W>) -> Option<Flat<W>> {
    let mut met = vec![false; ensemble.nodes.len()];
    let features = ensemble.features().max(1);
    let mut questions = Questions::default();
    // A tree has as many nodes as lie before the next one's root, if none is shared.
    let ends = ensemble.roots.iter().skip(1).copied().chain([ensemble.nodes.len() as u32]);
    let trees = ensemble
        .roots
        .iter()
        .zip(ends)
        .map(|(root, end)| {
            flatten_tree(ensemble, *root, end.saturating_sub(*root) as usize, features, &mut met, &mut questions)
        })
        .collect::<Option<_>>()?;
    Some(Flat { trees, features, derived: questions.finish() })
}

fn flatten_tree<W: Weight>(
    ensemble: &TreeEnsemble<f32, W>,
    root: u32,
    nodes: usize,
    features: usize,
    met: &mut [bool],
    questions: &mut Questions,
) -> Option<FlatTree<W>> {
    let mut tree =
        FlatTree { nodes: Vec::with_capacity(nodes), targets: vec![], weights: Vec::with_capacity(nodes / 2 + 1) };
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
                let mut ask = |set: &ValueSet<f32>| {
                    // Features and nodes are both numbered in 31 bits.
                    let feature = features as u32 + questions.ask(feature, set);
                    (feature, 0.5)
                };
                let one = || ValueSet::of_values([threshold]);
                let ((feature, threshold), left, right) = match comparison {
                    Comparison::Equal => (ask(&one()), if_false, if_true),
                    Comparison::NotEqual => (ask(&one()), if_true, if_false),
                    Comparison::Member(set) => (ask(&ensemble.sets[set as usize]), if_false, if_true),
                    _ => {
                        let (threshold, left, right) = ordered(comparison, threshold, if_true, if_false);
                        ((feature, threshold), left, right)
                    }
                };
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

/// Nothing is above it: all rows go left that have a value.
const NEVER_RIGHT: f32 = f32::INFINITY;

/// Threshold, left and right child such that what is above the threshold goes right.
fn ordered(comparison: Comparison, threshold: f32, if_true: u32, if_false: u32) -> (f32, u32, u32) {
    let is_less = matches!(comparison, Comparison::Less | Comparison::LessOrEqual);
    let (left, right) = if is_less { (if_true, if_false) } else { (if_false, if_true) };
    if threshold.is_nan() {
        return (NEVER_RIGHT, if_false, if_true);
    }
    match comparison {
        // `x < t` is `x <= u`, where `u` is the next number below `t`.
        Comparison::Less | Comparison::GreaterOrEqual if threshold != f32::NEG_INFINITY => {
            (threshold.next_down(), left, right)
        }
        // Nothing is below.
        Comparison::Less | Comparison::GreaterOrEqual => (NEVER_RIGHT, right, left),
        _ => (threshold, left, right),
    }
}

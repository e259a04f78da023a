//! From a description to flat arrays, checked.

use std::collections::HashSet;

use thiserror::Error;

use super::ensemble::{Node, Threshold, TreeEnsemble};
use super::node_index::{NodeIndex, NodeWeights};
use super::spec::{Comparison, NodeSpec, TreeSpec};

/// Most targets: rows have a score for each, whether a leaf has a weight for it or not, and a few bytes of a file can ask
/// for any number.
const MOST_TARGETS: usize = 1 << 16;

/// A description that is no ensemble of trees.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum TreeError {
    #[error("there are no trees")]
    Empty,
    #[error("node {node} of tree {tree} is described twice")]
    Duplicate { tree: i64, node: i64 },
    #[error("node {node} of tree {tree} leads to node {child}, which does not exist")]
    MissingChild { tree: i64, node: i64, child: i64 },
    #[error("a path in tree {tree} comes back to node {node}")]
    Cycle { tree: i64, node: i64 },
    #[error("a weight is given for node {node} of tree {tree}, which does not exist")]
    WeightWithoutNode { tree: i64, node: i64 },
    #[error("a weight of node {node} of tree {tree} is for target {target}, and there are {targets}")]
    TargetOutOfRange { tree: i64, node: i64, target: usize, targets: usize },
    #[error("node {node} of tree {tree} asks for feature {feature}, which is beyond what a table can have")]
    FeatureOutOfRange { tree: i64, node: i64, feature: usize },
    #[error("node {node} of tree {tree} asks for membership in set {set}, which does not exist")]
    MissingSet { tree: i64, node: i64, set: u32 },
    #[error("it has {nodes} nodes, and says of {covers} how much of the training data came there")]
    Covers { nodes: usize, covers: usize },
    #[error("it has {targets} targets, and at most {MOST_TARGETS} can be scored")]
    TooManyTargets { targets: usize },
    #[error("it has more nodes or weights than can be numbered")]
    TooLarge,
}

impl<T: Threshold, W: Threshold> TreeEnsemble<T, W> {
    /// Lays `spec` out in the order in which a walk meets the nodes.
    pub fn build(spec: &TreeSpec<T, W>) -> Result<Self, TreeError> {
        if spec.nodes.is_empty() || spec.targets == 0 {
            return Err(TreeError::Empty);
        }
        if !spec.covers.is_empty() && spec.covers.len() != spec.nodes.len() {
            return Err(TreeError::Covers { nodes: spec.nodes.len(), covers: spec.covers.len() });
        }
        if spec.targets > MOST_TARGETS {
            return Err(TreeError::TooManyTargets { targets: spec.targets });
        }
        // Positions are kept in 32 bits.
        if spec.nodes.len() >= u32::MAX as usize || spec.weights.len() >= u32::MAX as usize {
            return Err(TreeError::TooLarge);
        }
        let index = NodeIndex::new(&spec.nodes)?;
        let weights = NodeWeights::new(spec, &index)?;
        let mut layout = Layout {
            spec,
            index,
            weights,
            states: vec![State::Unseen; spec.nodes.len()],
            open: vec![],
            ensemble: TreeEnsemble::empty(spec.targets),
        };
        layout.ensemble.nodes.reserve(spec.nodes.len());
        layout.ensemble.weights.reserve(spec.weights.len());
        let mut trees = HashSet::new();
        let mut last = None;
        for (position, node) in spec.nodes.iter().enumerate() {
            if last.replace(node.tree) != Some(node.tree) && trees.insert(node.tree) {
                layout.tree(position)?;
            }
        }
        layout.ensemble.sets.clone_from(&spec.sets);
        Ok(layout.ensemble)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unseen,
    /// On the path from the root to where the walk is.
    Open,
    /// Laid out at this place, with all that it leads to.
    Done(u32),
}

/// A step of laying out a tree, about the node at a position.
enum Step {
    /// Give it a place, unless it has one.
    Meet(usize),
    /// Link it to its children, which have places.
    Close { position: usize, place: u32, children: [usize; 2] },
}

/// The work in progress. Converters of LightGBM let nodes share a child (one test for each category of a set, one child
/// for all), so that a node may be met more than once; only a path that comes back to itself is a mistake.
struct Layout<'s, T, W> {
    spec: &'s TreeSpec<T, W>,
    index: NodeIndex,
    weights: NodeWeights<W>,
    states: Vec<State>,
    /// What is to be done for the tree at hand.
    open: Vec<Step>,
    ensemble: TreeEnsemble<T, W>,
}

impl<T: Threshold, W: Threshold> Layout<'_, T, W> {
    /// Lays out the tree whose root is the node at `root`, without recursion: a malformed tree may be very deep.
    fn tree(&mut self, root: usize) -> Result<(), TreeError> {
        // `open` is empty when a tree is done; it is kept for the next one's sake.
        let mut open = std::mem::take(&mut self.open);
        open.push(Step::Meet(root));
        while let Some(step) = open.pop() {
            match step {
                Step::Meet(position) => match self.states[position] {
                    State::Done(_) => {}
                    State::Open => {
                        let spec = &self.spec.nodes[position];
                        return Err(TreeError::Cycle { tree: spec.tree, node: spec.node });
                    }
                    State::Unseen => {
                        let place = self.place(position)?;
                        let spec = &self.spec.nodes[position];
                        if let Some(split) = &spec.split {
                            let children = [self.child(spec, split.if_true)?, self.child(spec, split.if_false)?];
                            self.states[position] = State::Open;
                            open.push(Step::Close { position, place, children });
                            // The last pushed is laid out first, and so comes next in memory.
                            open.extend(children.map(Step::Meet));
                        } else {
                            self.states[position] = State::Done(place);
                        }
                    }
                },
                Step::Close { position, place, children } => self.close(position, place, children)?,
            }
        }
        self.open = open;
        let State::Done(root) = self.states[root] else { unreachable!("the walk ends with the root") };
        self.ensemble.roots.push(root);
        Ok(())
    }

    /// Gives the node at `position` a place; an inner node's children are filled in when they have theirs.
    fn place(&mut self, position: usize) -> Result<u32, TreeError> {
        let ensemble = &mut self.ensemble;
        let place = ensemble.nodes.len() as u32;
        let spec = &self.spec.nodes[position];
        ensemble.covers.extend(self.spec.covers.get(position));
        ensemble.nodes.push(match &spec.split {
            Some(split) => {
                let feature = u32::try_from(split.feature).ok().filter(|feature| *feature < i32::MAX as u32);
                let Some(feature) = feature else {
                    let (tree, node, feature) = (spec.tree, spec.node, split.feature);
                    return Err(TreeError::FeatureOutOfRange { tree, node, feature });
                };
                if let Comparison::Member(set) = split.comparison
                    && set as usize >= self.spec.sets.len()
                {
                    return Err(TreeError::MissingSet { tree: spec.tree, node: spec.node, set });
                }
                ensemble.features = ensemble.features.max(split.feature + 1);
                ensemble.comparisons.add(split.comparison);
                Node::Split {
                    feature,
                    comparison: split.comparison,
                    threshold: split.threshold,
                    if_true: 0,
                    if_false: 0,
                    if_missing: 0,
                }
            }
            None => {
                let first = ensemble.weights.len() as u32;
                ensemble.weights.extend(self.weights.of(position));
                Node::Leaf { first, end: ensemble.weights.len() as u32 }
            }
        });
        Ok(place)
    }

    fn child(&self, spec: &NodeSpec<T>, child: i64) -> Result<usize, TreeError> {
        let missing = TreeError::MissingChild { tree: spec.tree, node: spec.node, child };
        self.index.position(spec.tree, child).ok_or(missing)
    }

    /// Links the node at `position` to its children, which are laid out.
    fn close(&mut self, position: usize, place: u32, children: [usize; 2]) -> Result<(), TreeError> {
        let spec = &self.spec.nodes[position];
        let Some(split) = &spec.split else { return Ok(()) };
        let of = |child: usize| match self.states[child] {
            State::Done(place) => Ok(place),
            _ => Err(TreeError::Cycle { tree: spec.tree, node: self.spec.nodes[child].node }),
        };
        let (yes, no) = (of(children[0])?, of(children[1])?);
        if let Node::Split { if_true, if_false, if_missing, .. } = &mut self.ensemble.nodes[place as usize] {
            // Every comparison with NaN is false but `!=`.
            let missing_is_true = split.missing_is_true || split.comparison == Comparison::NotEqual;
            (*if_true, *if_false, *if_missing) = (yes, no, if missing_is_true { yes } else { no });
        }
        self.states[position] = State::Done(place);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::{LeafWeight, Split};
    use super::*;

    fn split(node: i64, if_true: i64, if_false: i64) -> NodeSpec<f32> {
        let split = Split {
            feature: 0,
            comparison: Comparison::LessOrEqual,
            threshold: 0.0,
            if_true,
            if_false,
            missing_is_true: false,
        };
        NodeSpec { tree: 0, node, split: Some(split) }
    }

    fn leaf(node: i64) -> NodeSpec<f32> {
        NodeSpec { tree: 0, node, split: None }
    }

    fn error(nodes: Vec<NodeSpec<f32>>, weights: Vec<LeafWeight<f32>>) -> TreeError {
        TreeEnsemble::<f32>::build(&TreeSpec { nodes, weights, targets: 1, sets: vec![], covers: vec![] })
            .map(|_| ())
            .unwrap_err()
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(error(vec![], vec![]), TreeError::Empty);
        assert_eq!(error(vec![leaf(0), leaf(0)], vec![]), TreeError::Duplicate { tree: 0, node: 0 });
        assert_eq!(
            error(vec![split(0, 1, 7), leaf(1)], vec![]),
            TreeError::MissingChild { tree: 0, node: 0, child: 7 }
        );
        let mut member = split(0, 1, 2);
        member.split.as_mut().unwrap().comparison = Comparison::Member(0);
        assert_eq!(error(vec![member, leaf(1), leaf(2)], vec![]), TreeError::MissingSet { tree: 0, node: 0, set: 0 });
        let weight = |node, target| vec![LeafWeight { tree: 0, node, target, weight: 1.0 }];
        assert_eq!(error(vec![leaf(0)], weight(3, 0)), TreeError::WeightWithoutNode { tree: 0, node: 3 });
        assert!(matches!(error(vec![leaf(0)], weight(0, 1)), TreeError::TargetOutOfRange { target: 1, .. }));
    }

    #[test]
    fn targets_are_bounded() {
        for (targets, fits) in [(MOST_TARGETS, true), (MOST_TARGETS + 1, false), (usize::MAX, false)] {
            let spec = TreeSpec { nodes: vec![leaf(0)], weights: vec![], targets, sets: vec![], covers: vec![] };
            let built = TreeEnsemble::<f32>::build(&spec).map(|_| ());
            assert_eq!(built, if fits { Ok(()) } else { Err(TreeError::TooManyTargets { targets }) });
        }
    }

    #[test]
    fn circles_are_found() {
        for nodes in [
            vec![split(0, 0, 1), leaf(1)],
            vec![split(0, 1, 2), split(1, 2, 0), leaf(2)],
            vec![split(0, 1, 2), leaf(1), split(2, 1, 3), split(3, 2, 1)],
        ] {
            assert!(matches!(error(nodes, vec![]), TreeError::Cycle { tree: 0, .. }));
        }
    }

    #[test]
    fn a_child_may_have_two_parents() {
        let nodes = vec![split(0, 1, 2), leaf(1), split(2, 1, 3), leaf(3)];
        let weights = vec![
            LeafWeight { tree: 0, node: 1, target: 0, weight: 1.0 },
            LeafWeight { tree: 0, node: 3, target: 0, weight: 2.0 },
        ];
        assert!(TreeEnsemble::build(&TreeSpec { nodes, weights, targets: 1, sets: vec![], covers: vec![] }).is_ok());
    }

    #[test]
    fn a_very_deep_tree_is_laid_out() {
        let depth = 200_000;
        let mut nodes: Vec<_> = (0..depth).map(|i| split(i, i + 1, depth)).collect();
        nodes.push(leaf(depth));
        assert!(
            TreeEnsemble::<f32>::build(&TreeSpec { nodes, weights: vec![], targets: 1, sets: vec![], covers: vec![] })
                .is_ok()
        );
    }
}

//! Where the nodes of a description stand, and what weights they have.

use std::collections::HashMap;

use super::build::TreeError;
use super::spec::{NodeSpec, TreeSpec};

/// Positions of nodes by tree and number.
pub(super) enum NodeIndex {
    /// Trees and their nodes come in the order of their numbers, without gaps: so most files have them, and no table is
    /// needed.
    InOrder { first_tree: i64, trees: Vec<Run> },
    /// In any order.
    Table(HashMap<(i64, i64), usize>),
}

/// The nodes of a tree.
pub(super) struct Run {
    /// Number of the first.
    first: i64,
    /// Its position.
    start: usize,
    len: usize,
}

impl NodeIndex {
    /// Fails where a node comes twice.
    pub(super) fn new<T>(nodes: &[NodeSpec<T>]) -> Result<Self, TreeError> {
        if let Some(index) = Self::in_order(nodes) {
            return Ok(index);
        }
        let mut table = HashMap::with_capacity(nodes.len());
        for (position, node) in nodes.iter().enumerate() {
            if table.insert((node.tree, node.node), position).is_some() {
                return Err(TreeError::Duplicate { tree: node.tree, node: node.node });
            }
        }
        Ok(NodeIndex::Table(table))
    }

    fn in_order<T>(nodes: &[NodeSpec<T>]) -> Option<Self> {
        let first_tree = nodes.first()?.tree;
        let mut trees: Vec<Run> = vec![];
        let mut tree = first_tree.checked_sub(1)?;
        for (start, node) in nodes.iter().enumerate() {
            match trees.last_mut() {
                Some(run) if node.tree == tree => {
                    if node.node != run.first.checked_add(run.len as i64)? {
                        return None;
                    }
                    run.len += 1;
                }
                _ => {
                    if node.tree != tree.checked_add(1)? {
                        return None;
                    }
                    tree = node.tree;
                    trees.push(Run { first: node.node, start, len: 1 });
                }
            }
        }
        Some(NodeIndex::InOrder { first_tree, trees })
    }

    /// The position of a node; `None` when there is none of that number.
    pub(super) fn position(&self, tree: i64, node: i64) -> Option<usize> {
        match self {
            NodeIndex::InOrder { first_tree, trees } => {
                let run = trees.get(usize::try_from(tree.checked_sub(*first_tree)?).ok()?)?;
                let offset = usize::try_from(node.checked_sub(run.first)?).ok()?;
                (offset < run.len).then(|| run.start + offset)
            }
            NodeIndex::Table(table) => table.get(&(tree, node)).copied(),
        }
    }
}

/// The (target, weight) pairs of nodes.
pub(super) struct NodeWeights<W> {
    /// Where those of each node begin, and the end.
    starts: Vec<u32>,
    pairs: Vec<(u32, W)>,
}

impl<W: Copy + Default> NodeWeights<W> {
    /// Fails where a node or a target does not exist. There are fewer weights than 32 bits number.
    pub(super) fn new<T>(spec: &TreeSpec<T, W>, index: &NodeIndex) -> Result<Self, TreeError> {
        let mut positions = Vec::with_capacity(spec.weights.len());
        let mut starts = vec![0u32; spec.nodes.len() + 1];
        for weight in &spec.weights {
            let (tree, node, target, targets) = (weight.tree, weight.node, weight.target, spec.targets);
            let position = index.position(tree, node).ok_or(TreeError::WeightWithoutNode { tree, node })?;
            if target >= targets || u32::try_from(target).is_err() {
                return Err(TreeError::TargetOutOfRange { tree, node, target, targets });
            }
            positions.push(position);
            starts[position] += 1;
        }
        // From counts to ends; each weight put in moves its node's place one back, from the last one on.
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        let mut pairs = vec![(0, W::default()); spec.weights.len()];
        for (weight, position) in spec.weights.iter().zip(positions).rev() {
            starts[position] -= 1;
            pairs[starts[position] as usize] = (weight.target as u32, weight.weight);
        }
        Ok(NodeWeights { starts, pairs })
    }

    /// Those of the node at `position`, in the order of the description.
    pub(super) fn of(&self, position: usize) -> &[(u32, W)] {
        &self.pairs[self.starts[position] as usize..self.starts[position + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::LeafWeight;
    use super::*;

    fn nodes(numbers: &[(i64, i64)]) -> Vec<NodeSpec<f32>> {
        numbers.iter().map(|&(tree, node)| NodeSpec { tree, node, split: None }).collect()
    }

    #[test]
    fn in_order_or_not() {
        for (numbers, in_order) in [
            (&[(0, 0), (0, 1), (1, 0)][..], true),
            (&[(3, 5), (3, 6), (4, -2), (4, -1)], true),
            (&[(0, 0), (0, 2), (1, 0)], false),
            (&[(1, 0), (0, 0)], false),
            (&[(0, 0), (1, 0), (0, 1)], false),
            (&[(i64::MAX, 0)], true),
            (&[(i64::MIN, 0)], false),
        ] {
            let index = NodeIndex::new(&nodes(numbers)).unwrap();
            assert_eq!(matches!(index, NodeIndex::InOrder { .. }), in_order, "{numbers:?}");
            for (position, (tree, node)) in numbers.iter().enumerate() {
                assert_eq!(index.position(*tree, *node), Some(position), "{numbers:?}");
            }
            for (tree, node) in [(0, 7), (0, -1), (9, 0), (i64::MIN, i64::MAX), (i64::MAX, i64::MIN)] {
                assert_eq!(index.position(tree, node).is_some(), numbers.contains(&(tree, node)));
            }
        }
        assert!(matches!(NodeIndex::new(&nodes(&[(0, 0), (0, 0)])), Err(TreeError::Duplicate { .. })));
    }

    #[test]
    fn weights_keep_their_order() {
        let weight = |node, target, weight| LeafWeight { tree: 0, node, target, weight };
        let weights = vec![weight(2, 1, 1.0), weight(0, 0, 2.0), weight(2, 0, 3.0), weight(2, 1, 4.0)];
        let spec =
            TreeSpec { nodes: nodes(&[(0, 0), (0, 1), (0, 2)]), weights, targets: 2, sets: vec![], covers: vec![] };
        let weights = NodeWeights::new(&spec, &NodeIndex::new(&spec.nodes).unwrap()).unwrap();
        let of: Vec<&[(u32, f32)]> = (0..3).map(|position| weights.of(position)).collect();
        assert_eq!(of, [&[(0, 2.0)][..], &[], &[(1, 1.0), (0, 3.0), (1, 4.0)]]);
    }
}

//! The upper part of a deep tree, as a tree of its own.

use super::flat::{FlatNode, FlatTree};

/// The upper part of a tree.
pub(super) struct Top {
    /// Its leaves have no weights that mean anything.
    pub tree: FlatTree<f32>,
    /// For each of its leaves, the node of the whole tree.
    pub ends: Vec<u32>,
    /// Most levels from one of these nodes to a leaf of the whole tree.
    pub levels_left: u32,
}

impl Top {
    /// The part with at most `most` leaves (at least 1) that leaves the fewest levels.
    pub(super) fn of<W>(tree: &FlatTree<W>, most: usize) -> Self {
        let heights = heights(tree);
        let levels_left = levels_left(tree, &heights, most);
        let mut top = FlatTree { nodes: vec![], targets: vec![0], weights: vec![] };
        let mut ends = Vec::new();
        // Nodes of the whole tree, each with the node of the top that waits for it and on which side.
        let mut stack = vec![(0u32, None)];
        while let Some((place, parent)) = stack.pop() {
            let index = top.nodes.len() as u32;
            if let Some((parent, is_right)) = parent
                && let Some(FlatNode::Split { left, right, .. }) = top.nodes.get_mut(parent as usize)
            {
                *(if is_right { right } else { left }) = index;
            }
            match tree.nodes[place as usize] {
                node @ FlatNode::Split { left, right, .. } if heights[place as usize] > levels_left => {
                    top.nodes.push(node);
                    stack.push((right, Some((index, true))));
                    stack.push((left, Some((index, false))));
                }
                _ => {
                    top.nodes.push(FlatNode::Leaf(ends.len() as u32));
                    ends.push(place);
                }
            }
        }
        top.weights = vec![0.0; ends.len()];
        Top { tree: top, ends, levels_left }
    }
}

/// The most levels from each node to a leaf.
fn heights<W>(tree: &FlatTree<W>) -> Vec<u32> {
    let mut heights = vec![0; tree.nodes.len()];
    for (index, node) in tree.nodes.iter().enumerate().rev() {
        if let FlatNode::Split { left, right, .. } = *node {
            heights[index] = 1 + heights[left as usize].max(heights[right as usize]);
        }
    }
    heights
}

/// The fewest levels such that at most `most` nodes are that high or less and below higher ones.
fn levels_left<W>(tree: &FlatTree<W>, heights: &[u32], most: usize) -> u32 {
    // How many such nodes there are more for each height than for the next smaller one.
    let mut more = vec![0i64; heights[0] as usize + 1];
    more[heights[0] as usize] += 1;
    for (node, height) in tree.nodes.iter().zip(heights) {
        if let FlatNode::Split { left, right, .. } = *node {
            for child in [left, right] {
                more[heights[child as usize] as usize] += 1;
                more[*height as usize] -= 1;
            }
        }
    }
    let mut count = 0;
    let fits = |more: &i64| {
        count += more;
        count <= most as i64
    };
    more.iter().position(fits).unwrap_or(heights[0] as usize) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(left: u32, right: u32) -> FlatNode {
        FlatNode::Split { feature: left, threshold: 0.5, missing_is_right: false, left, right }
    }

    /// A complete tree of three levels, the rightmost leaf of which is a chain of three more.
    fn tree() -> FlatTree<f32> {
        let mut nodes = vec![split(1, 2), split(3, 4), split(5, 6)];
        nodes.extend([split(7, 8), split(9, 10), split(11, 12), split(13, 14)]);
        nodes.extend((0..7).map(FlatNode::Leaf));
        nodes.extend([split(15, 16), FlatNode::Leaf(7), split(17, 18), FlatNode::Leaf(8), split(19, 20)]);
        nodes.extend([FlatNode::Leaf(9), FlatNode::Leaf(10)]);
        FlatTree { nodes, targets: vec![0], weights: vec![0.0; 11] }
    }

    #[test]
    fn the_fewest_levels_are_left() {
        let tree = tree();
        for (most, levels_left, ends) in [
            (1, 6, vec![0]),
            (2, 5, vec![1, 2]),
            (3, 4, vec![1, 5, 6]),
            (4, 3, vec![1, 5, 13, 14]),
            (5, 2, vec![1, 5, 13, 15, 16]),
            (6, 2, vec![1, 5, 13, 15, 16]),
            (10, 1, vec![3, 4, 5, 13, 15, 17, 18]),
            (100, 0, vec![7, 8, 9, 10, 11, 12, 13, 15, 17, 19, 20]),
        ] {
            let top = Top::of(&tree, most);
            assert_eq!((top.levels_left, &top.ends), (levels_left, &ends), "{most}");
            assert_eq!(top.tree.leaves(), ends.len());
        }
    }

    #[test]
    fn splits_are_those_of_the_whole_tree() {
        let top = Top::of(&tree(), 3);
        let expected = [split(1, 2), FlatNode::Leaf(0), split(3, 4), FlatNode::Leaf(1), FlatNode::Leaf(2)].map(
            |node| match node {
                // The feature of a split is its left child in the whole tree.
                FlatNode::Split { left: 3, right, threshold, missing_is_right, .. } => {
                    FlatNode::Split { feature: 5, left: 3, right, threshold, missing_is_right }
                }
                other => other,
            },
        );
        assert_eq!(top.tree.nodes, expected);
    }
}

//! Trees walked by several rows, or several trees walked by one row, in lockstep: while one step waits for memory, the
//! others go on.
//!
//! There are no vector instructions in it on purpose: looking up many nodes at once takes processors longer than looking
//! them up one after the other.

use super::flat::{FlatNode, FlatTree};
use super::tile::{TILE, Tile};
use super::vector::Weight;

/// Walks side by side.
const LANES: usize = 16;

const _: () = assert!(TILE.is_multiple_of(LANES));

/// Levels between two looks at whether all have arrived.
const STRIDE: u32 = 4;

/// Trees level by level.
pub(super) struct Walk<W> {
    nodes: Vec<WalkNode>,
    trees: Vec<Tree>,
    weights: Vec<W>,
    targets: usize,
    /// All features that nodes look at are below; at least 1, as leaves look at the first.
    features: usize,
}

/// A node; the right child follows the left one. A leaf leads to itself: nothing is above its threshold.
#[derive(Clone, Copy)]
struct WalkNode {
    threshold: f32,
    /// The feature, and in the lowest bit whether a missing value goes right.
    feature: u32,
    left: u32,
    /// Where a leaf's weights begin.
    weights: u32,
}

struct Tree {
    root: u32,
    depth: u32,
    targets: Vec<u32>,
}

impl<W: Weight> Walk<W> {
    /// Nothing when the tables would be too large to be numbered.
    pub(super) fn new(trees: &[FlatTree<W>], targets: usize) -> Option<Self> {
        let mut made = Walk { nodes: vec![], trees: vec![], weights: vec![], targets, features: 1 };
        for tree in trees {
            made.push(tree)?;
        }
        Some(made)
    }

    fn push(&mut self, tree: &FlatTree<W>) -> Option<()> {
        let root = self.nodes.len();
        let first_weight = self.weights.len();
        // Numbers must fit once all nodes and weights are there, and features leave room for a bit.
        u32::try_from(root + 2 * tree.nodes.len()).ok()?;
        u32::try_from(first_weight + tree.weights.len()).ok()?;
        self.weights.extend(&tree.weights);
        let nothing = WalkNode { threshold: f32::INFINITY, feature: 0, left: 0, weights: 0 };
        self.nodes.push(nothing);
        let mut level = vec![(0u32, root)];
        let mut depth = 0;
        loop {
            let mut next = Vec::new();
            for (flat, place) in level {
                self.nodes[place] = match tree.nodes[flat as usize] {
                    FlatNode::Leaf(leaf) => {
                        let weights = (first_weight + leaf as usize * tree.targets.len()) as u32;
                        WalkNode { left: place as u32, weights, ..nothing }
                    }
                    FlatNode::Split { feature, threshold, missing_is_right, left, right } => {
                        let child = self.nodes.len();
                        self.nodes.extend([nothing; 2]);
                        next.extend([(left, child), (right, child + 1)]);
                        self.features = self.features.max(feature as usize + 1);
                        let feature = feature.checked_mul(2)? | u32::from(missing_is_right);
                        WalkNode { threshold, feature, left: child as u32, weights: 0 }
                    }
                };
            }
            if next.is_empty() {
                break;
            }
            depth += 1;
            level = next;
        }
        self.trees.push(Tree { root: root as u32, depth, targets: tree.targets.clone() });
        Some(())
    }

    /// The sums for the rows of `tile`: row-major `[rows, targets]` into `sums`, which is of that length.
    pub(super) fn sums(&self, tile: &Tile, sums: &mut [W]) {
        sums.fill(W::default());
        if tile.has_missing() {
            rows(self, tile, sums, right_or_missing);
        } else {
            rows(self, tile, sums, right);
        }
    }

    /// The same, for few rows: the trees go side by side.
    pub(super) fn sums_of_few(&self, tile: &Tile, sums: &mut [W]) {
        sums.fill(W::default());
        for (row, sums) in sums.chunks_exact_mut(self.targets).enumerate() {
            if tile.has_missing() {
                by_trees(self, tile.values(), row, sums, right_or_missing);
            } else {
                by_trees(self, tile.values(), row, sums, right);
            }
        }
    }

    #[inline(always)]
    fn add(&self, tree: &Tree, place: u32, sums: &mut [W]) {
        let weights = &self.weights[self.nodes[place as usize].weights as usize..];
        for (target, weight) in tree.targets.iter().zip(weights) {
            let sum = &mut sums[*target as usize];
            *sum = *sum + *weight;
        }
    }
}

/// One where the row goes right; there is no missing value.
#[inline(always)]
fn right(node: &WalkNode, x: f32) -> u32 {
    u32::from(x > node.threshold)
}

/// One where the row goes right.
#[inline(always)]
fn right_or_missing(node: &WalkNode, x: f32) -> u32 {
    u32::from(x > node.threshold) | (u32::from(x.is_nan()) & node.feature & 1)
}

fn rows<W: Weight>(walk: &Walk<W>, tile: &Tile, sums: &mut [W], step: impl Fn(&WalkNode, f32) -> u32 + Copy) {
    assert!(tile.rows() <= TILE && tile.values().len() >= walk.features * TILE, "the tile has all features");
    // The rows of a tile go through a tree before the next tree's turn: it then stays in the cache for all of them.
    for tree in &walk.trees {
        for (start, sums) in (0..tile.rows()).step_by(LANES).zip(sums.chunks_mut(LANES * walk.targets)) {
            let mut places = [tree.root; LANES];
            let mut level = 0;
            while level < tree.depth {
                let before = places;
                for _ in 0..STRIDE {
                    for (lane, place) in places.iter_mut().enumerate() {
                        // Checks of these two accesses took a third of the time.
                        #[expect(unsafe_code, reason = "the hottest loop of deep trees")]
                        // SAFETY: a place is a root or a child of a node, and all of these are nodes. Features are below
                        // `walk.features`, of all of which there are `TILE` values, as is asserted above; `start`
                        // is below `TILE`, and both are multiples of `LANES`.
                        let (node, x) = unsafe {
                            let node = walk.nodes.get_unchecked(*place as usize);
                            let index = (node.feature / 2) as usize * TILE + start + lane;
                            (node, *tile.values().get_unchecked(index))
                        };
                        *place = node.left + step(node, x);
                    }
                }
                if places == before {
                    break;
                }
                level += STRIDE;
            }
            for (place, sums) in places.iter().zip(sums.chunks_exact_mut(walk.targets)) {
                walk.add(tree, *place, sums);
            }
        }
    }
}

fn by_trees<W: Weight>(
    walk: &Walk<W>,
    values: &[f32],
    row: usize,
    sums: &mut [W],
    step: impl Fn(&WalkNode, f32) -> u32 + Copy,
) {
    for trees in walk.trees.chunks(LANES) {
        let mut places = [0; LANES];
        places.iter_mut().zip(trees).for_each(|(place, tree)| *place = tree.root);
        // Lanes without a tree walk the last one again.
        let last = trees.last().map_or(0, |tree| tree.root);
        places[trees.len()..].fill(last);
        let depth = trees.iter().map(|tree| tree.depth).max().unwrap_or(0);
        let mut level = 0;
        while level < depth {
            let before = places;
            for _ in 0..STRIDE {
                for place in &mut places {
                    let node = &walk.nodes[*place as usize];
                    let x = values[(node.feature / 2) as usize * TILE + row];
                    *place = node.left + step(node, x);
                }
            }
            if places == before {
                break;
            }
            level += STRIDE;
        }
        for (tree, place) in trees.iter().zip(places) {
            walk.add(tree, place, sums);
        }
    }
}

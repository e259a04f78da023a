//! Trees walked by several rows, or several trees walked by one row, in lockstep: while one step waits for memory, the
//! others go on.
//!
//! There are no vector instructions in it on purpose: looking up many nodes at once takes processors longer than looking
//! them up one after the other. But many rows do not walk through the upper part of a tree, which is small enough for
//! [`LeafSets`]; they begin where these say.

use super::flat::{FlatNode, FlatTree};
use super::leaf_sets::LeafSets;
use super::tile::{TILE, Tile};
use super::top::Top;
use super::weight::Weight;
use crate::simd::Level;

/// Walks side by side.
const LANES: usize = 16;

const _: () = assert!(TILE.is_multiple_of(LANES));

/// Most nodes where walks begin below the upper part of a tree.
const MOST_ENTRIES: usize = 128;

/// Rows for which the upper parts are not worth their ranks.
const FEW_FOR_TOPS: usize = 32;

/// Levels between two looks at whether all have arrived.
const STRIDE: u32 = 4;

/// Trees level by level.
pub(super) struct Walk<W> {
    nodes: Vec<WalkNode>,
    trees: Vec<Tree>,
    /// Of trees whose leaves do not hold them: for each leaf, from left to right, a weight for each of them.
    weights: Vec<W>,
    targets: usize,
    /// The upper parts of the trees, if they are not too many to be numbered.
    tops: Option<LeafSets>,
    /// For each leaf of the upper parts, the node where the walk goes on, counted from the root.
    entries: Vec<u32>,
    /// Number of features. Behind them lies a column of missing values.
    features: usize,
    /// Bits of a feature's number.
    feature_bits: u32,
}

/// A node; the right child follows the left one. A leaf leads to itself: it looks at a feature that is always missing. Half as
/// many bytes as an easier form would have let trees stay in the nearest cache.
#[derive(Clone, Copy)]
struct WalkNode {
    /// In its place a leaf holds its weight if its tree has one target and the weight is a float32, and else the bits of its
    /// number: a look into another table for each row and tree took a third of the time.
    threshold: f32,
    /// From the lowest bit on: the feature, whether a missing value goes right, and the left child, counted from the root.
    link: u32,
}

struct Tree {
    root: u32,
    depth: u32,
    /// Where the entries of its upper part begin.
    first_entry: u32,
    /// Levels below its upper part.
    levels_left: u32,
    /// Where its weights begin, if leaves do not hold them.
    first_weight: u32,
    /// Whether leaves hold their weights.
    holds_weights: bool,
    targets: Vec<u32>,
}

impl<W: Weight> Walk<W> {
    /// For rows of so many features, of which there may be `many` at a time. Nothing when the tables would be too large to
    /// be numbered.
    pub(super) fn new(trees: &[FlatTree<W>], targets: usize, features: usize, many: bool) -> Option<Self> {
        let feature_bits = (features + 1).next_power_of_two().trailing_zeros();
        // Upper parts are only used for many rows, and take as long to make as all else.
        let tops: Vec<Top> = if many { trees.iter().map(|tree| Top::of(tree, MOST_ENTRIES)).collect() } else { vec![] };
        let mut made = Walk {
            nodes: vec![],
            trees: vec![],
            weights: vec![],
            targets,
            tops: if many { LeafSets::new(tops.iter().map(|top| &top.tree)) } else { None },
            entries: vec![],
            features,
            feature_bits,
        };
        for (index, tree) in trees.iter().enumerate() {
            made.push(tree, tops.get(index))?;
        }
        Some(made)
    }

    fn push(&mut self, tree: &FlatTree<W>, top: Option<&Top>) -> Option<()> {
        let root = self.nodes.len();
        let first_weight = self.weights.len();
        // Numbers must fit once all nodes and weights are there.
        u32::try_from(root + tree.nodes.len()).ok()?;
        u32::try_from(first_weight + tree.weights.len()).ok()?;
        let left_bits = u32::BITS.checked_sub(self.feature_bits + 1)?;
        if tree.nodes.len() as u64 > 1 << left_bits {
            return None;
        }
        // `None` where weights lie in their own table.
        let lone = |leaf: usize| if tree.targets.len() == 1 { tree.weights[leaf].to_threshold() } else { None };
        let holds_weights = (0..tree.weights.len()).all(|leaf| lone(leaf).is_some());
        if !holds_weights {
            self.weights.extend(&tree.weights);
        }
        let nothing = WalkNode { threshold: f32::INFINITY, link: 0 };
        self.nodes.push(nothing);
        let mut level = vec![(0u32, root)];
        let mut depth = 0;
        let mut places = vec![0; tree.nodes.len()];
        loop {
            let mut next = Vec::new();
            for (flat, place) in level {
                places[flat as usize] = (place - root) as u32;
                let (threshold, feature, missing_is_right, left) = match tree.nodes[flat as usize] {
                    FlatNode::Leaf(leaf) => {
                        let leaf = leaf as usize;
                        let held = lone(leaf).unwrap_or(f32::from_bits(leaf as u32));
                        (held, self.features as u32, false, place)
                    }
                    FlatNode::Split { feature, threshold, missing_is_right, left, right } => {
                        let child = self.nodes.len();
                        self.nodes.extend([nothing; 2]);
                        next.extend([(left, child), (right, child + 1)]);
                        (threshold, feature, missing_is_right, child)
                    }
                };
                let left = ((left - root) as u32).checked_shl(self.feature_bits + 1).unwrap_or(0);
                let link = left | u32::from(missing_is_right) << self.feature_bits | feature;
                self.nodes[place] = WalkNode { threshold, link };
            }
            if next.is_empty() {
                break;
            }
            depth += 1;
            level = next;
        }
        let first_entry = u32::try_from(self.entries.len()).ok()?;
        let ends = top.map_or(&[][..], |top| &top.ends);
        self.entries.extend(ends.iter().map(|end| places[*end as usize]));
        let (root, levels_left, targets) =
            (root as u32, top.map_or(depth, |top| top.levels_left), tree.targets.clone());
        let first_weight = first_weight as u32;
        self.trees.push(Tree { root, depth, first_entry, levels_left, first_weight, holds_weights, targets });
        Some(())
    }

    /// The sums for the rows of `tile`: row-major `[rows, targets]` into `sums`, which is of that length.
    pub(super) fn sums(&self, level: Level, tile: &Tile, sums: &mut [W]) {
        sums.fill(W::default());
        if tile.has_missing() {
            rows::<true, W>(self, level, tile, sums);
        } else {
            rows::<false, W>(self, level, tile, sums);
        }
    }

    /// The same, for few rows: the trees go side by side.
    pub(super) fn sums_of_few(&self, tile: &Tile, sums: &mut [W]) {
        sums.fill(W::default());
        for (row, sums) in sums.chunks_exact_mut(self.targets).enumerate() {
            if tile.has_missing() {
                by_trees::<true, W>(self, tile.values(), row, sums);
            } else {
                by_trees::<false, W>(self, tile.values(), row, sums);
            }
        }
    }

    #[inline(always)]
    fn feature(&self, node: WalkNode) -> usize {
        (node.link & ((1 << self.feature_bits) - 1)) as usize
    }

    /// Where a row with the value `x` goes on from `node`, counted from the root.
    #[inline(always)]
    fn next<const MISSING: bool>(&self, node: WalkNode, x: f32) -> u32 {
        let mut right = u32::from(x > node.threshold);
        if MISSING {
            right |= u32::from(x.is_nan()) & (node.link >> self.feature_bits);
        }
        (node.link >> (self.feature_bits + 1)) + right
    }

    #[inline(always)]
    fn add(&self, tree: &Tree, place: u32, sums: &mut [W]) {
        let held = self.nodes[place as usize].threshold;
        if tree.holds_weights {
            let sum = &mut sums[tree.targets[0] as usize];
            *sum = *sum + W::of_threshold(held);
        } else {
            let weights = &self.weights[tree.first_weight as usize + held.to_bits() as usize * tree.targets.len()..];
            for (target, weight) in tree.targets.iter().zip(weights) {
                let sum = &mut sums[*target as usize];
                *sum = *sum + *weight;
            }
        }
    }
}

fn rows<const MISSING: bool, W: Weight>(walk: &Walk<W>, level: Level, tile: &Tile, sums: &mut [W]) {
    assert!(tile.rows() <= TILE && tile.values().len() == (walk.features + 1) * TILE, "the tile has all features");
    let tops = walk.tops.as_ref().filter(|_| tile.rows() > FEW_FOR_TOPS).map(|tops| (tops, tops.ranks(level, tile)));
    // The rows of a tile go through a tree before the next tree's turn: it then stays in the cache for all of them.
    for (index, tree) in walk.trees.iter().enumerate() {
        let nodes = &walk.nodes[tree.root as usize..];
        let mut starts = [0; TILE];
        let mut levels = tree.depth;
        if let Some((tops, ranks)) = &tops {
            let entries = &walk.entries[tree.first_entry as usize..];
            let numbers = tops.numbers(level, index, ranks, tile.rows());
            starts
                .iter_mut()
                .zip(numbers)
                .take(tile.rows())
                .for_each(|(start, number)| *start = entries[usize::from(number)]);
            levels = tree.levels_left;
        }
        for (start, sums) in (0..tile.rows()).step_by(LANES).zip(sums.chunks_mut(LANES * walk.targets)) {
            let values = &tile.values()[start..];
            let mut places = [0; LANES];
            places.copy_from_slice(&starts[start..start + LANES]);
            let mut left = levels;
            while left > 0 {
                let before = places;
                let some = left.min(STRIDE);
                for _ in 0..some {
                    for (lane, place) in places.iter_mut().enumerate() {
                        // Checks of these two accesses took a third of the time.
                        #[expect(unsafe_code, reason = "the hottest loop of deep trees")]
                        // SAFETY: a place is a root, an entry or a child of a node, and all of these are nodes of the tree.
                        // Nodes look at features up to `walk.features`, of all of which there are `TILE` values, as is
                        // asserted above; `start` is below `TILE`, and both are multiples of `LANES`.
                        let (node, x) = unsafe {
                            let node = *nodes.get_unchecked(*place as usize);
                            (node, *values.get_unchecked(walk.feature(node) * TILE + lane))
                        };
                        *place = walk.next::<MISSING>(node, x);
                    }
                }
                left -= some;
                if places == before {
                    break;
                }
            }
            for (place, sums) in places.iter().zip(sums.chunks_exact_mut(walk.targets)) {
                walk.add(tree, tree.root + *place, sums);
            }
        }
    }
}

fn by_trees<const MISSING: bool, W: Weight>(walk: &Walk<W>, values: &[f32], row: usize, sums: &mut [W]) {
    for trees in walk.trees.chunks(LANES) {
        // Lanes without a tree walk the last one again.
        let last = trees.last().map_or(0, |tree| tree.root);
        let mut roots = [last; LANES];
        roots.iter_mut().zip(trees).for_each(|(root, tree)| *root = tree.root);
        let mut places = roots;
        let depth = trees.iter().map(|tree| tree.depth).max().unwrap_or(0);
        let mut level = 0;
        while level < depth {
            let before = places;
            for _ in 0..STRIDE {
                for (place, root) in places.iter_mut().zip(roots) {
                    let node = walk.nodes[*place as usize];
                    *place = root + walk.next::<MISSING>(node, values[walk.feature(node) * TILE + row]);
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

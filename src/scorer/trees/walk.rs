//! Trees walked by several rows, or several trees walked by one row, in lockstep: while one step waits for memory, the
//! others go on.
//!
//! There are no vector instructions in it on purpose: looking up many nodes at once takes processors longer than looking
//! them up one after the other. But many rows do not walk through the upper part of a tree, which is small enough for
//! [`LeafSets`]; they begin where these say.

#![expect(unsafe_code, reason = "the hottest loop of deep trees")]

use std::ops::Range;

use super::flat::{FlatNode, FlatTree};
use super::keys::{self, Keys, LANES};
use super::leaf_sets::LeafSets;
use super::tile::{TILE, Tile};
use super::top::Top;
use super::weight::Weight;
use crate::simd::Level;

/// Most nodes where walks begin below the upper part of a tree; a power of 2.
const MOST_ENTRIES: usize = 32;

/// Rows for which the upper parts are not worth their ranks.
const FEW_FOR_TOPS: usize = 32;

/// Levels between two looks at whether all have arrived.
const STRIDE: u32 = 16;

/// Trees that one row walks through side by side.
const TREES: usize = 16;

/// Bytes of nodes that all rows go through before the next ones: they stay in a core's second cache meanwhile.
const CHUNK: usize = 64 << 10;

/// Trees level by level.
pub(super) struct Walk<W> {
    nodes: Vec<WalkNode>,
    trees: Vec<Tree>,
    /// Trees whose nodes are about [`CHUNK`] bytes.
    chunks: Vec<Range<usize>>,
    /// Of trees whose leaves do not hold them: for each leaf, from left to right, a weight for each of them.
    weights: Vec<W>,
    targets: usize,
    /// The upper parts of the trees, if they are not too many to be numbered.
    tops: Option<LeafSets>,
    /// For each leaf of a tree's upper part, the node where the walk goes on, counted from the root.
    entries: Vec<[u32; MOST_ENTRIES]>,
    keys: Keys,
    layout: Layout,
}

/// How the 64 bits of a node are shared out.
#[derive(Clone, Copy)]
enum Layout {
    /// Of few features, large trees.
    Narrow,
    Middle,
    /// Of many features, small trees.
    Wide,
}

/// Bits of four times the number of a node's column, for each layout.
const NARROW: u32 = 10;
const MIDDLE: u32 = 14;
const WIDE: u32 = 18;

/// A node, from the lowest bit on: four times the number of its column of keys, in as many bits as the layout says; the key
/// of its threshold, in 32; and in the rest its left child, counted from the root. The right child follows the left one.
///
/// A leaf leads to itself: it asks for a column of lowest keys. In place of a threshold it holds its weight if its tree has
/// one target and the weight is a float32, and else its number: a look into another table for each row and tree took a third
/// of the time. All in one word means one load and no more than six other instructions for a step.
#[derive(Clone, Copy)]
struct WalkNode(u64);

impl WalkNode {
    /// Nothing when a number is too large for the layout.
    fn new(layout: Layout, column: u32, held: u32, left: usize) -> Option<Self> {
        let bits = layout.column_bits();
        let left = u64::try_from(left).ok()?;
        let column = u64::from(column) * 4;
        let fits = column < 1 << bits && left < 1 << (u32::BITS - bits);
        fits.then_some(WalkNode(left << (bits + u32::BITS) | u64::from(held) << bits | column))
    }

    /// Where among the keys of some rows those of its column begin.
    #[inline(always)]
    fn first_key<const BITS: u32>(self) -> usize {
        // Four times a column, of which each has `LANES` keys.
        (self.0 & ((1 << BITS) - 1)) as usize * (LANES / 4)
    }

    #[inline(always)]
    fn held<const BITS: u32>(self) -> u32 {
        (self.0 >> BITS) as u32
    }

    /// Where a row with the key `key` goes on, counted from the root.
    #[inline(always)]
    fn next<const BITS: u32>(self, key: u32) -> usize {
        (self.0 >> (BITS + u32::BITS)) as usize + usize::from(self.held::<BITS>() < key)
    }
}

impl Layout {
    fn column_bits(self) -> u32 {
        match self {
            Layout::Narrow => NARROW,
            Layout::Middle => MIDDLE,
            Layout::Wide => WIDE,
        }
    }

    /// The first one in which so many columns have room.
    fn of_columns(columns: usize) -> Option<Self> {
        [Layout::Narrow, Layout::Middle, Layout::Wide]
            .into_iter()
            .find(|layout| columns * 4 < 1 << layout.column_bits())
    }
}

struct Tree {
    root: u32,
    depth: u32,
    /// Levels below its upper part.
    levels_left: u32,
    /// Where its weights begin, if leaves do not hold them.
    first_weight: u32,
    /// Whether leaves hold their weights.
    holds_weights: bool,
    targets: Vec<u32>,
}

/// What walks look at of the rows of a tile.
pub(super) struct Looks {
    rows: usize,
    keys: Vec<u32>,
    /// The ranks that upper parts ask for; none where they are not asked.
    ranks: Vec<[i8; TILE]>,
}

impl<W: Weight> Walk<W> {
    /// For rows of so many features, of which there may be `many` at a time. Nothing when the tables would be too large to be numbered.
    pub(super) fn new(trees: &[FlatTree<W>], targets: usize, features: usize, many: bool) -> Option<Self> {
        // Upper parts are only used for many rows, and take as long to make as all else.
        let tops: Vec<Top> = if many { trees.iter().map(|tree| Top::of(tree, MOST_ENTRIES)).collect() } else { vec![] };
        let keys = Keys::new(trees, features);
        let mut made = Walk {
            nodes: vec![],
            trees: vec![],
            chunks: vec![],
            weights: vec![],
            targets,
            tops: if many { LeafSets::new(tops.iter().map(|top| &top.tree)) } else { None },
            entries: vec![],
            layout: Layout::of_columns(keys.columns())?,
            keys,
        };
        let mut first = 0;
        for (index, tree) in trees.iter().enumerate() {
            made.push(tree, tops.get(index))?;
            let start = made.trees[first].root as usize;
            if (made.nodes.len() - start) * size_of::<WalkNode>() >= CHUNK || index + 1 == trees.len() {
                made.chunks.push(first..index + 1);
                first = index + 1;
            }
        }
        Some(made)
    }

    fn push(&mut self, tree: &FlatTree<W>, top: Option<&Top>) -> Option<()> {
        let root = self.nodes.len();
        let first_weight = self.weights.len();
        // Numbers must fit once all nodes and weights are there.
        u32::try_from(root + tree.nodes.len()).ok()?;
        u32::try_from(first_weight + tree.weights.len()).ok()?;
        // `None` where weights lie in their own table.
        let lone = |leaf: usize| if tree.targets.len() == 1 { tree.weights[leaf].to_threshold() } else { None };
        let holds_weights = (0..tree.weights.len()).all(|leaf| lone(leaf).is_some());
        if !holds_weights {
            self.weights.extend(&tree.weights);
        }
        self.nodes.push(WalkNode(0));
        let mut level = vec![(0u32, root)];
        let mut depth = 0;
        let mut places = vec![0; tree.nodes.len()];
        loop {
            let mut next = Vec::new();
            for (flat, place) in level {
                places[flat as usize] = (place - root) as u32;
                let (column, held, left) = match tree.nodes[flat as usize] {
                    FlatNode::Leaf(leaf) => {
                        let held = lone(leaf as usize).map_or(leaf, f32::to_bits);
                        (keys::LOWEST_COLUMN, held, place)
                    }
                    FlatNode::Split { feature, threshold, missing_is_right, left, right } => {
                        let child = self.nodes.len();
                        self.nodes.extend([WalkNode(0); 2]);
                        next.extend([(left, child), (right, child + 1)]);
                        (self.keys.column(feature, missing_is_right)?, keys::of_threshold(threshold), child)
                    }
                };
                self.nodes[place] = WalkNode::new(self.layout, column, held, left - root)?;
            }
            if next.is_empty() {
                break;
            }
            depth += 1;
            level = next;
        }
        let mut entries = [0; MOST_ENTRIES];
        let ends = top.map_or(&[][..], |top| &top.ends);
        entries.iter_mut().zip(ends).for_each(|(entry, end)| *entry = places[*end as usize]);
        self.entries.push(entries);
        let (root, levels_left, targets) =
            (root as u32, top.map_or(depth, |top| top.levels_left), tree.targets.clone());
        let first_weight = first_weight as u32;
        self.trees.push(Tree { root, depth, levels_left, first_weight, holds_weights, targets });
        Some(())
    }

    /// What walks look at of the rows of `tile`.
    pub(super) fn looks(&self, level: Level, tile: &Tile) -> Looks {
        let tops = self.tops.as_ref().filter(|_| tile.rows() > FEW_FOR_TOPS);
        let ranks = tops.map_or_else(Vec::new, |tops| tops.ranks(level, tile));
        Looks { rows: tile.rows(), keys: self.keys.of(level, tile), ranks }
    }

    /// The sums for the rows of tiles, all but the last of which are full: row-major `[rows, targets]` into `sums`, which is of
    /// that length.
    pub(super) fn sums(&self, level: Level, tiles: &[Looks], sums: &mut [W]) {
        sums.fill(W::default());
        match self.layout {
            Layout::Narrow => rows::<NARROW, W>(self, level, tiles, sums),
            Layout::Middle => rows::<MIDDLE, W>(self, level, tiles, sums),
            Layout::Wide => rows::<WIDE, W>(self, level, tiles, sums),
        }
    }

    /// The same, for few rows: the trees go side by side.
    pub(super) fn sums_of_few(&self, level: Level, tile: &Tile, sums: &mut [W]) {
        sums.fill(W::default());
        let keys = &self.keys.of(level, tile);
        match self.layout {
            Layout::Narrow => by_trees::<NARROW, W>(self, keys, sums),
            Layout::Middle => by_trees::<MIDDLE, W>(self, keys, sums),
            Layout::Wide => by_trees::<WIDE, W>(self, keys, sums),
        }
    }

    #[inline(always)]
    fn add(&self, tree: &Tree, held: u32, sums: &mut [W]) {
        if tree.holds_weights {
            let sum = &mut sums[tree.targets[0] as usize];
            *sum = *sum + W::of_threshold(f32::from_bits(held));
        } else {
            let weights = &self.weights[tree.first_weight as usize + held as usize * tree.targets.len()..];
            for (target, weight) in tree.targets.iter().zip(weights) {
                let sum = &mut sums[*target as usize];
                *sum = *sum + *weight;
            }
        }
    }
}

fn rows<const BITS: u32, W: Weight>(walk: &Walk<W>, level: Level, tiles: &[Looks], sums: &mut [W]) {
    let width = walk.keys.columns() * LANES;
    // All rows go through some trees before the next trees' turn, and those of a tile through one tree: a tree then stays
    // in the nearest cache for a tile, and some trees in the second one for all tiles.
    for chunk in &walk.chunks {
        for (tile, sums) in tiles.iter().zip(sums.chunks_mut(TILE * walk.targets)) {
            let tops = walk.tops.as_ref().filter(|_| !tile.ranks.is_empty());
            for index in chunk.clone() {
                let tree = &walk.trees[index];
                let nodes = &walk.nodes[tree.root as usize..];
                let entries = &walk.entries[index];
                let mut numbers = [0; TILE];
                if let Some(tops) = tops {
                    numbers = tops.numbers(level, index, &tile.ranks, tile.rows);
                    numbers[tile.rows..].fill(0);
                }
                let blocks = tile.keys.chunks_exact(width).zip(numbers.as_chunks::<LANES>().0);
                for ((keys, numbers), sums) in blocks.zip(sums.chunks_mut(LANES * walk.targets)) {
                    let mut places = [0; LANES];
                    let mut left = tree.depth;
                    if tops.is_some() {
                        for (place, number) in places.iter_mut().zip(numbers) {
                            *place = entries[usize::from(*number) % MOST_ENTRIES] as usize;
                        }
                        left = tree.levels_left;
                    }
                    while left > STRIDE {
                        let before = places;
                        // SAFETY: places are nodes of the tree; the keys are those of a block, of all columns.
                        unsafe { steps::<BITS>(nodes, keys, &mut places, STRIDE) };
                        left = if places == before { 0 } else { left - STRIDE };
                    }
                    // SAFETY: the same.
                    unsafe { steps::<BITS>(nodes, keys, &mut places, left) };
                    if let (true, [target]) = (tree.holds_weights, tree.targets.as_slice()) {
                        for (place, sums) in places.iter().zip(sums.chunks_exact_mut(walk.targets)) {
                            let weight = W::of_threshold(f32::from_bits(nodes[*place].held::<BITS>()));
                            sums[*target as usize] = sums[*target as usize] + weight;
                        }
                    } else {
                        for (place, sums) in places.iter().zip(sums.chunks_exact_mut(walk.targets)) {
                            walk.add(tree, nodes[*place].held::<BITS>(), sums);
                        }
                    }
                }
            }
        }
    }
}

/// Takes rows so many levels down.
///
/// # Safety
///
/// `places` are nodes of a tree, all of which are in `nodes`; there are [`LANES`] of `keys` for each column that they ask for.
#[inline(always)]
unsafe fn steps<const BITS: u32>(nodes: &[WalkNode], keys: &[u32], places: &mut [usize; LANES], levels: u32) {
    for _ in 0..levels {
        for (lane, place) in places.iter_mut().enumerate() {
            // SAFETY: as for this function: what a node leads to is a node too. Checks of these two accesses took a third of
            // the time.
            let (node, key) = unsafe {
                let node = *nodes.get_unchecked(*place);
                (node, *keys.get_unchecked(node.first_key::<BITS>() + lane))
            };
            *place = node.next::<BITS>(key);
        }
    }
}

fn by_trees<const BITS: u32, W: Weight>(walk: &Walk<W>, keys: &[u32], sums: &mut [W]) {
    let width = walk.keys.columns() * LANES;
    for (row, sums) in sums.chunks_exact_mut(walk.targets).enumerate() {
        let keys = &keys[row / LANES * width + row % LANES..];
        for trees in walk.trees.chunks(TREES) {
            // Lanes without a tree walk the last one again.
            let last = trees.last().map_or(0, |tree| tree.root as usize);
            let mut roots = [last; TREES];
            roots.iter_mut().zip(trees).for_each(|(root, tree)| *root = tree.root as usize);
            let mut places = roots;
            let mut left = trees.iter().map(|tree| tree.depth).max().unwrap_or(0);
            loop {
                let before = places;
                for _ in 0..left.min(STRIDE) {
                    for (place, root) in places.iter_mut().zip(roots) {
                        let node = walk.nodes[*place];
                        *place = root + node.next::<BITS>(keys[node.first_key::<BITS>()]);
                    }
                }
                left = left.saturating_sub(STRIDE);
                if left == 0 || places == before {
                    break;
                }
            }
            for (tree, place) in trees.iter().zip(places) {
                walk.add(tree, walk.nodes[place].held::<BITS>(), sums);
            }
        }
    }
}

//! Sums of weights for trees of few leaves: what leaf a row falls into ([`LeafSets`]), and what its weight is, are both
//! found in vector registers.

#![expect(unsafe_code, reason = "vector instructions, which only some processors have")]

use super::flat::FlatTree;
use super::leaf_sets::LeafSets;
use super::tile::{TILE, Tile};
#[cfg(target_arch = "x86_64")]
use super::vector::Avx2;
use super::vector::{Bytes, GROUP, Portable, row};
use super::weight::Weight;
use crate::simd::Level;

/// Trees as sets of leaves, with their weights.
pub(super) struct BitVectors<W: Weight> {
    sets: LeafSets,
    trees: Vec<Tree>,
    tables: Vec<W::Table>,
    targets: usize,
}

struct Tree {
    /// Number of its tables for each target.
    groups: u32,
    /// The targets, in `BitVectors::tables` order.
    targets: Vec<u32>,
}

impl<W: Weight> BitVectors<W> {
    /// For trees of at most [`super::leaf_sets::MOST_LEAVES`]. Nothing when the tables would be too large to be numbered.
    pub(super) fn new(trees: &[FlatTree<W>], targets: usize) -> Option<Self> {
        let mut made = BitVectors { sets: LeafSets::new(trees.iter())?, trees: vec![], tables: vec![], targets };
        trees.iter().for_each(|tree| made.push(tree));
        Some(made)
    }

    fn push(&mut self, tree: &FlatTree<W>) {
        for target in 0..tree.targets.len() {
            let weights: Vec<W> = tree.weights.iter().skip(target).step_by(tree.targets.len()).copied().collect();
            self.tables.extend(weights.chunks(GROUP).map(W::table));
        }
        self.trees.push(Tree { groups: tree.leaves().div_ceil(GROUP) as u32, targets: tree.targets.clone() });
    }

    /// The sums for the rows of `tile`: row-major `[rows, targets]` into `sums`, which is of that length. They are the same
    /// at any level.
    pub(super) fn sums(&self, level: Level, tile: &Tile, sums: &mut [W]) {
        let ranks = &self.sets.ranks(level, tile);
        #[cfg(target_arch = "x86_64")]
        if level.min(Level::of_processor()) >= Level::Avx2 {
            #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
            fn avx2<W: Weight>(trees: &BitVectors<W>, ranks: &[[i8; TILE]], sums: &mut [W]) {
                // SAFETY: this function has the instructions, and ranks are made of these trees.
                unsafe { chunks::<W, Avx2>(trees, ranks, sums) }
            }

            // SAFETY: the processor has all instructions that the function may use.
            unsafe { avx2(self, ranks, sums) };
            return;
        }
        // SAFETY: every processor has the instructions, and the ranks are of these trees.
        unsafe { chunks::<W, Portable>(self, ranks, sums) }
    }
}

/// The rows of `ranks`, four vectors of them at a time, or fewer at the end.
///
/// # Safety
///
/// The processor has the instructions of `V`, and `ranks` are of these trees; so it is for the function below.
#[inline(always)]
unsafe fn chunks<W: Weight, V: Bytes>(trees: &BitVectors<W>, ranks: &[[i8; TILE]], sums: &mut [W]) {
    let rows = sums.len() / trees.targets;
    let mut start = 0;
    while start < rows {
        let sums = &mut sums[start * trees.targets..];
        // SAFETY: as for this function.
        start += unsafe {
            match (rows - start).div_ceil(V::ROWS) {
                1 => chunk::<W, V, 1>(trees, ranks, start, sums),
                2 => chunk::<W, V, 2>(trees, ranks, start, sums),
                _ => chunk::<W, V, 4>(trees, ranks, start, sums),
            }
        };
    }
}

/// The rows from `start` on, and how many they are; those beyond the end of `sums` are not kept.
#[inline(always)]
unsafe fn chunk<W: Weight, V: Bytes, const N: usize>(
    trees: &BitVectors<W>,
    ranks: &[[i8; TILE]],
    start: usize,
    sums: &mut [W],
) -> usize {
    let targets = trees.targets;
    let rows = N * V::ROWS;
    assert!(start + rows <= TILE, "vectors of rows lie within a tile");
    let mut lone = [W::default(); TILE];
    let mut several = if targets == 1 { vec![] } else { vec![[W::default(); TILE]; targets] };
    let mut tables = trees.tables.as_slice();
    for (index, tree) in trees.trees.iter().enumerate() {
        // SAFETY: as for this function; the rows lie within a tile, as is asserted above.
        let leaves = unsafe { trees.sets.leaves::<V, N>(index, ranks, start) };
        for target in &tree.targets {
            let sums = if targets == 1 { &mut lone } else { &mut several[*target as usize] };
            let (of_target, rest) = tables.split_at(tree.groups as usize);
            tables = rest;
            for (leaves, sums) in leaves.iter().zip(sums.chunks_exact_mut(V::ROWS)) {
                // SAFETY: as for this function.
                unsafe { W::add_of_leaves(*leaves, of_target, sums) };
            }
        }
    }
    for place in 0..rows {
        let row = place / V::ROWS * V::ROWS + row(place % V::ROWS, V::ROWS);
        if let Some(sums) = sums.get_mut(row * targets..(row + 1) * targets) {
            match sums {
                [sum] => *sum = lone[place],
                sums => sums.iter_mut().zip(&several).for_each(|(sum, of_target)| *sum = of_target[place]),
            }
        }
    }
    rows
}

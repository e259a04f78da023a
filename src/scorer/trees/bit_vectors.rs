//! Small trees as sets of leaves that are still possible.
//!
//! Instead of being walked, every node of a tree is asked; one that sends a row to the right rules out the leaves to its
//! left. In the end, the leftmost leaf that is left is the row's. There is no branch and no jump through memory in it,
//! and many rows go through at once. This is QuickScorer (Lucchese et al., "QuickScorer: a fast algorithm to rank documents
//! with additive ensembles of regression trees", SIGIR 2015), turned by 90 degrees: rows are side by side in vector
//! registers, and trees come one after the other, so that sums are formed in the order of the trees. Questions are asked of
//! ranks, which are bytes, and sets are bytes too: most nodes have few leaves to their left, and so are asked for one
//! byte of a tree's leaves only.

#![expect(unsafe_code, reason = "vector instructions, which only some processors have")]

use super::flat::{FlatNode, FlatTree};
use super::ranks::Ranks;
use super::tile::{TILE, Tile};
#[cfg(target_arch = "x86_64")]
use super::vector::Avx2;
use super::vector::{Bytes, GROUP, Portable, row};
use super::weight::Weight;
use crate::simd::Level;

/// Leaves of a set.
const SET: usize = u8::BITS as usize;

/// Most leaves of a tree: their numbers are bytes.
pub(super) const MOST_LEAVES: usize = 128;

/// Trees as sets of leaves.
pub(super) struct BitVectors<W: Weight> {
    ranks: Ranks,
    questions: Vec<Question>,
    /// Where the questions about each set end.
    sets: Vec<u32>,
    trees: Vec<Tree>,
    tables: Vec<W::Table>,
    targets: usize,
}

/// What a node asks of a column of `BitVectors::ranks`, and what it leaves of a set of leaves when the answer is that a row
/// goes right.
#[derive(Clone, Copy)]
struct Question {
    column: u16,
    least: i8,
    kept: u8,
}

struct Tree {
    /// Number of its sets.
    sets: u32,
    /// Number of its tables for each target.
    groups: u32,
    /// The targets, in `BitVectors::tables` order.
    targets: Vec<u32>,
}

impl<W: Weight> BitVectors<W> {
    /// For trees of at most [`MOST_LEAVES`]. Nothing when the tables would be too large to be numbered.
    pub(super) fn new(trees: &[FlatTree<W>], targets: usize) -> Option<Self> {
        let ranks = Ranks::new(trees)?;
        let mut made = BitVectors { ranks, questions: vec![], sets: vec![], trees: vec![], tables: vec![], targets };
        for tree in trees {
            made.push(tree)?;
        }
        Some(made)
    }

    fn push(&mut self, tree: &FlatTree<W>) -> Option<()> {
        let leaves = tree.leaves();
        let sets = leaves.div_ceil(SET);
        let mut questions: Vec<Vec<Question>> = vec![vec![]; sets];
        for (node, ruled_out) in tree.nodes.iter().zip(left_leaves(tree)) {
            let FlatNode::Split { feature, threshold, missing_is_right, .. } = *node else { continue };
            let question = self.ranks.question(feature, missing_is_right, threshold)?;
            for (set, questions) in questions.iter_mut().enumerate() {
                let start = ruled_out.start.max(set * SET);
                let end = ruled_out.end.min((set + 1) * SET);
                if start < end {
                    let ones = u8::MAX >> (SET - (end - start));
                    let kept = !(ones << (start - set * SET));
                    questions.push(Question { column: question.column, least: question.least, kept });
                }
            }
        }
        // The last set comes first.
        for questions in questions.into_iter().rev() {
            self.questions.extend(questions);
            self.sets.push(u32::try_from(self.questions.len()).ok()?);
        }
        let groups = leaves.div_ceil(GROUP);
        for target in 0..tree.targets.len() {
            let weights: Vec<W> = tree.weights.iter().skip(target).step_by(tree.targets.len()).copied().collect();
            self.tables.extend(weights.chunks(GROUP).map(W::table));
        }
        self.trees.push(Tree { sets: sets as u32, groups: groups as u32, targets: tree.targets.clone() });
        Some(())
    }

    /// The sums for the rows of `tile`: row-major `[rows, targets]` into `sums`, which is of that length. They are the same
    /// at any level.
    pub(super) fn sums(&self, level: Level, tile: &Tile, sums: &mut [W]) {
        let ranks = self.ranks.of(level, tile);
        let ranks = ranks.as_chunks::<TILE>().0;
        #[cfg(target_arch = "x86_64")]
        if level.min(Level::of_processor()) >= Level::Avx2 {
            #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
            fn avx2<W: Weight>(trees: &BitVectors<W>, ranks: &[[i8; TILE]], sums: &mut [W]) {
                // SAFETY: this function has the instructions.
                unsafe { chunks::<W, Avx2>(trees, ranks, sums) }
            }

            // SAFETY: the processor has all instructions that the function may use.
            unsafe { avx2(self, ranks, sums) };
            return;
        }
        // SAFETY: every processor has the instructions.
        unsafe { chunks::<W, Portable>(self, ranks, sums) }
    }
}

/// The rows of `ranks`, four vectors of them at a time, or fewer at the end.
///
/// # Safety
///
/// The processor has the instructions of `V`; so it is for the functions below.
#[inline(always)]
unsafe fn chunks<W: Weight, V: Bytes>(trees: &BitVectors<W>, ranks: &[[i8; TILE]], sums: &mut [W]) {
    assert!(ranks.len() == trees.ranks.columns() && sums.len() <= TILE * trees.targets, "ranks are of these trees");
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
    let (mut questions, mut sets, mut tables) = (0, trees.sets.iter(), trees.tables.as_slice());
    for tree in &trees.trees {
        // SAFETY: as for this function; columns of questions are those that `Ranks` gave, and the rest is asserted above and
        // in `chunks`.
        let leaves = unsafe {
            let mut leftmost = [V::all(0); N];
            let mut base = [V::all(0); N];
            for (index, end) in sets.by_ref().take(tree.sets as usize).enumerate() {
                let first = V::all(((tree.sets as usize - 1 - index) * SET) as u8);
                let possible = possible::<V, N>(&trees.questions[questions..*end as usize], ranks, start);
                questions = *end as usize;
                for i in 0..N {
                    base[i] = possible[i].or_else(first, base[i]);
                    leftmost[i] = possible[i].or_else(possible[i], leftmost[i]);
                }
            }
            let mut leaves = base;
            for i in 0..N {
                leaves[i] = leftmost[i].lowest_bit(base[i]);
            }
            leaves
        };
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

/// The leaves of a set that are left after all questions, for `N` vectors of rows.
///
/// # Safety
///
/// As above; there are ranks for the columns of all questions, and `N` vectors of rows from `start` on lie within a tile.
#[inline(always)]
unsafe fn possible<V: Bytes, const N: usize>(questions: &[Question], ranks: &[[i8; TILE]], start: usize) -> [V; N] {
    // SAFETY: as for this function. Checks of the accesses took a quarter of the time.
    unsafe {
        let mut vectors = [V::all(u8::MAX); N];
        for question in questions {
            let ranks = ranks.get_unchecked(usize::from(question.column)).as_ptr().add(start);
            for (i, vector) in vectors.iter_mut().enumerate() {
                *vector = vector.keep_unless_below(ranks.add(i * V::ROWS), question.least, question.kept);
            }
        }
        vectors
    }
}

/// For each node, the leaves to its left: those that it rules out for a row that goes right. Empty for a leaf.
fn left_leaves<W>(tree: &FlatTree<W>) -> Vec<std::ops::Range<usize>> {
    // (first leaf, end of leaves) below each node; children come after their parents.
    let mut below = vec![0..0; tree.nodes.len()];
    let mut left_leaves = vec![0..0; tree.nodes.len()];
    for (index, node) in tree.nodes.iter().enumerate().rev() {
        match *node {
            FlatNode::Leaf(leaf) => below[index] = leaf as usize..leaf as usize + 1,
            FlatNode::Split { left, right, .. } => {
                left_leaves[index] = below[left as usize].clone();
                below[index] = below[left as usize].start..below[right as usize].end;
            }
        }
    }
    left_leaves
}

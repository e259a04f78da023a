//! Which leaf a row falls into, for trees of few leaves: sets of leaves that are still possible.
//!
//! Instead of being walked, every node of a tree is asked; one that sends a row to the right rules out the leaves to its
//! left. In the end, the leftmost leaf that is left is the row's. There is no branch and no jump through memory in it,
//! and many rows go through at once. This is QuickScorer (Lucchese et al., "QuickScorer: a fast algorithm to rank documents
//! with additive ensembles of regression trees", SIGIR 2015), turned by 90 degrees: rows are side by side in vector
//! registers, and trees come one after the other, so that sums are formed in the order of the trees. Questions are asked of
//! ranks, which are bytes, and sets are bytes too: most nodes have few leaves to their left, and so are asked for one
//! byte of a tree's leaves only.

#![expect(unsafe_code, reason = "the hottest loop of all, in vector instructions")]

use super::flat::{FlatNode, FlatTree};
use super::ranks::{RankQuestion, Ranks};
use super::tile::{TILE, Tile};
#[cfg(target_arch = "x86_64")]
use super::vector::Avx2;
use super::vector::{Bytes, Portable};
use crate::simd::Level;

/// Leaves of a set.
const SET: usize = u8::BITS as usize;

/// Most leaves of a tree: their numbers are bytes.
pub(super) const MOST_LEAVES: usize = 128;

/// Trees as sets of leaves.
pub(super) struct LeafSets {
    ranks: Ranks,
    questions: Vec<Question>,
    /// Where the questions about each set end. A tree's last set comes first.
    ends: Vec<u32>,
    /// Where the sets of each tree end.
    trees: Vec<u32>,
}

/// What a node asks of a column of `LeafSets::ranks`, and what it leaves of a set of leaves when the answer is that a row
/// goes right.
#[derive(Clone, Copy)]
struct Question {
    column: u16,
    least: i8,
    kept: u8,
}

impl LeafSets {
    /// For trees of at most [`MOST_LEAVES`]. Nothing when the tables would be too large to be numbered.
    pub(super) fn new<'t, W: 't>(trees: impl Iterator<Item = &'t FlatTree<W>> + Clone) -> Option<Self> {
        let (ranks, of_splits) = Ranks::new(trees.clone())?;
        let mut made = LeafSets { ranks, questions: vec![], ends: vec![], trees: vec![] };
        let mut of_splits = of_splits.into_iter();
        let mut of_sets = vec![vec![]; MOST_LEAVES.div_ceil(SET)];
        for tree in trees {
            made.push(tree, &mut of_splits, &mut of_sets)?;
        }
        Some(made)
    }

    /// Adds `tree`, for whose splits `of_splits` gives the questions. `of_sets` are empty before and behind.
    fn push<W>(
        &mut self,
        tree: &FlatTree<W>,
        of_splits: &mut impl Iterator<Item = RankQuestion>,
        of_sets: &mut [Vec<Question>],
    ) -> Option<()> {
        let questions = &mut of_sets[..tree.leaves().div_ceil(SET)];
        let splits =
            tree.nodes.iter().zip(left_leaves(tree)).filter(|(node, _)| matches!(node, FlatNode::Split { .. }));
        for ((_, ruled_out), question) in splits.zip(of_splits) {
            let sets = ruled_out.start / SET..ruled_out.end.div_ceil(SET);
            for (set, questions) in sets.clone().zip(&mut questions[sets]) {
                let start = ruled_out.start.max(set * SET);
                let end = ruled_out.end.min((set + 1) * SET);
                let ones = u8::MAX >> (SET - (end - start));
                let kept = !(ones << (start - set * SET));
                questions.push(Question { column: question.column, least: question.least, kept });
            }
        }
        for questions in questions.iter_mut().rev() {
            self.questions.append(questions);
            self.ends.push(u32::try_from(self.questions.len()).ok()?);
        }
        self.trees.push(u32::try_from(self.ends.len()).ok()?);
        Some(())
    }

    /// The ranks of the rows of `tile`, which the trees ask for; the same at any level.
    pub(super) fn ranks(&self, level: Level, tile: &Tile) -> Vec<[i8; TILE]> {
        self.ranks.of(level, tile)
    }

    /// The numbers of the leaves of the tree `tree` that the first `rows` rows of a tile fall into. What is behind these is
    /// anything.
    ///
    /// # Panics
    ///
    /// When `ranks` are not of these trees.
    pub(super) fn numbers(&self, level: Level, tree: usize, ranks: &[[i8; TILE]], rows: usize) -> [u8; TILE] {
        assert!(ranks.len() == self.ranks.columns() && rows <= TILE, "ranks are of these trees");
        #[cfg(target_arch = "x86_64")]
        if level.min(Level::of_processor()) >= Level::Avx2 {
            #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
            fn avx2(sets: &LeafSets, tree: usize, ranks: &[[i8; TILE]], rows: usize) -> [u8; TILE] {
                // SAFETY: this function has the instructions; the ranks are of these trees.
                unsafe { sets.numbers_by::<Avx2, 4>(tree, ranks, rows) }
            }

            // SAFETY: the processor has all instructions that the function may use.
            return unsafe { avx2(self, tree, ranks, rows) };
        }
        let _ = level;
        // SAFETY: every processor has the instructions; the ranks are of these trees.
        unsafe { self.numbers_by::<Portable, 8>(tree, ranks, rows) }
    }

    /// # Safety
    ///
    /// The processor has the instructions of `V`, `ranks` are of these trees, and `ALL` vectors are at most a tile.
    #[inline(always)]
    unsafe fn numbers_by<V: Bytes, const ALL: usize>(
        &self,
        tree: usize,
        ranks: &[[i8; TILE]],
        rows: usize,
    ) -> [u8; TILE] {
        let mut numbers = [0; TILE];
        let mut start = 0;
        while start < rows {
            let numbers = &mut numbers[start..];
            // SAFETY: as for this function.
            unsafe {
                if rows - start > V::ROWS {
                    let leaves = self.leaves::<V, ALL>(tree, ranks, start);
                    for (leaves, numbers) in leaves.into_iter().zip(numbers.chunks_exact_mut(V::ROWS)) {
                        leaves.store(numbers);
                    }
                    start += ALL * V::ROWS;
                } else {
                    let [leaves] = self.leaves::<V, 1>(tree, ranks, start);
                    leaves.store(numbers);
                    start += V::ROWS;
                }
            }
        }
        numbers
    }

    /// The numbers of the leaves of the tree `tree` that `N` vectors of rows from `start` on fall into.
    ///
    /// # Safety
    ///
    /// The processor has the instructions of `V`; `ranks` are of these trees; the rows lie within a tile.
    #[inline(always)]
    pub(super) unsafe fn leaves<V: Bytes, const N: usize>(
        &self,
        tree: usize,
        ranks: &[[i8; TILE]],
        start: usize,
    ) -> [V; N] {
        debug_assert!(ranks.len() == self.ranks.columns() && start + N * V::ROWS <= TILE);
        let first = tree.checked_sub(1).map_or(0, |before| self.trees[before] as usize);
        let ends = &self.ends[first..self.trees[tree] as usize];
        let mut questions = first.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        // SAFETY: as for this function; columns of questions are those that `Ranks` gave.
        unsafe {
            let mut leftmost = [V::all(0); N];
            let mut base = [V::all(0); N];
            for (index, end) in ends.iter().enumerate() {
                let leaf = V::all(((ends.len() - 1 - index) * SET) as u8);
                let possible = possible::<V, N>(&self.questions[questions..*end as usize], ranks, start);
                questions = *end as usize;
                for i in 0..N {
                    base[i] = possible[i].or_else(leaf, base[i]);
                    leftmost[i] = possible[i].or_else(possible[i], leftmost[i]);
                }
            }
            for i in 0..N {
                base[i] = leftmost[i].lowest_bit(base[i]);
            }
            base
        }
    }
}

/// The leaves of a set that are left after all questions, for `N` vectors of rows.
///
/// # Safety
///
/// The processor has the instructions of `V`; there are ranks for the columns of all questions; the rows lie within a tile.
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

//! Small trees as sets of leaves that are still possible.
//!
//! Instead of being walked, every node of a tree is asked; one that sends a row to the right rules out the leaves to its
//! left. In the end, the leftmost leaf that is left is the row's. There is no branch and no jump through memory in it,
//! and many rows go through at once. This is QuickScorer (Lucchese et al., "QuickScorer: a fast algorithm to rank documents
//! with additive ensembles of regression trees", SIGIR 2015), turned by 90 degrees: rows are side by side in vector
//! registers, and trees come one after the other, so that sums are formed in the order of the trees.

#![expect(unsafe_code, reason = "vector instructions, which only some processors have")]

use super::flat::{FlatNode, FlatTree};
use super::tile::{TILE, Tile};
#[cfg(target_arch = "x86_64")]
use super::vector::{Avx2, Avx512};
use super::vector::{LeafSets, Portable, Weight};
use crate::simd::Level;

/// Leaves of a set.
const WORD: usize = u32::BITS as usize;

/// Most rows that go through a tree together.
const CHUNK: usize = 64;

/// Trees as sets of leaves.
pub(super) struct BitVectors<W> {
    questions: Vec<Question>,
    sets: Vec<Set>,
    trees: Vec<Tree>,
    /// The trees' weights; each tree's are filled up to whole sets.
    weights: Vec<W>,
    targets: usize,
}

/// What a node asks, and what it leaves of a set of leaves when the answer is that a row goes right.
#[derive(Clone, Copy)]
struct Question {
    feature: u32,
    threshold: f32,
    kept: u32,
}

/// The questions about a set of at most [`WORD`] leaves: first those whose missing values go right, then the others.
struct Set {
    first: u32,
    missing_is_left: u32,
    end: u32,
}

struct Tree {
    /// Its sets, from left to right.
    first_set: u32,
    sets: u32,
    /// Where its weights begin: for each target, the weights of all leaves.
    weights: u32,
    /// The targets, in `BitVectors::weights` order.
    targets: Vec<u32>,
}

impl<W: Weight> BitVectors<W> {
    /// Nothing when the tables would be too large to be numbered.
    pub(super) fn new(trees: &[FlatTree<W>], targets: usize) -> Option<Self> {
        let mut made = BitVectors { questions: vec![], sets: vec![], trees: vec![], weights: vec![], targets };
        for tree in trees {
            made.push(tree)?;
        }
        Some(made)
    }

    fn push(&mut self, tree: &FlatTree<W>) -> Option<()> {
        let leaves = tree.leaves();
        let sets = leaves.div_ceil(WORD);
        let mut questions: Vec<[Vec<Question>; 2]> = (0..sets).map(|_| [vec![], vec![]]).collect();
        for (node, ruled_out) in tree.nodes.iter().zip(left_leaves(tree)) {
            let FlatNode::Split { feature, threshold, missing_is_right, .. } = *node else { continue };
            for (set, questions) in questions.iter_mut().enumerate() {
                let start = ruled_out.start.max(set * WORD);
                let end = ruled_out.end.min((set + 1) * WORD);
                if start < end {
                    let ones = u32::MAX >> (WORD - (end - start));
                    let kept = !(ones << (start - set * WORD));
                    let questions = &mut questions[usize::from(!missing_is_right)];
                    // All nodes that ask the same send a row the same way; oblivious trees have only such.
                    let is_same = |q: &&mut Question| q.feature == feature && q.threshold == threshold;
                    match questions.iter_mut().find(is_same) {
                        Some(question) => question.kept &= kept,
                        None => questions.push(Question { feature, threshold, kept }),
                    }
                }
            }
        }
        let first_set = u32::try_from(self.sets.len()).ok()?;
        for [right, left] in questions {
            let first = u32::try_from(self.questions.len()).ok()?;
            self.questions.extend(right);
            let missing_is_left = u32::try_from(self.questions.len()).ok()?;
            self.questions.extend(left);
            self.sets.push(Set { first, missing_is_left, end: u32::try_from(self.questions.len()).ok()? });
        }
        let weights = u32::try_from(self.weights.len()).ok()?;
        for target in 0..tree.targets.len() {
            self.weights.extend(tree.weights.iter().skip(target).step_by(tree.targets.len()));
            self.weights.resize(self.weights.len().next_multiple_of(WORD), W::default());
        }
        self.trees.push(Tree { first_set, sets: sets as u32, weights, targets: tree.targets.clone() });
        Some(())
    }

    /// The sums for the rows of `tile`: row-major `[rows, targets]` into `sums`, which is of that length.
    pub(super) fn sums(&self, tile: &Tile, sums: &mut [W]) {
        evaluate(Level::get(), self, tile, sums);
    }
}

/// By each kind of register, eight of them for a chunk of rows (or two for a small one).
fn evaluate<W: Weight>(level: Level, trees: &BitVectors<W>, tile: &Tile, sums: &mut [W]) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
        fn avx512<W: Weight>(trees: &BitVectors<W>, tile: &Tile, sums: &mut [W]) {
            // SAFETY: this function has the instructions.
            unsafe { chunks::<W, Avx512, 4, 1>(trees, tile, sums) }
        }

        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        fn avx2<W: Weight>(trees: &BitVectors<W>, tile: &Tile, sums: &mut [W]) {
            // SAFETY: this function has the instructions.
            unsafe { chunks::<W, Avx2, 8, 2>(trees, tile, sums) }
        }

        match level.min(Level::of_processor()) {
            // SAFETY: the processor has all instructions that the function may use.
            Level::Avx512 => return unsafe { avx512(trees, tile, sums) },
            // SAFETY: the same.
            Level::Avx2 => return unsafe { avx2(trees, tile, sums) },
            Level::Portable => {}
        }
    }
    let _ = level;
    // SAFETY: every processor has the instructions.
    unsafe { chunks::<W, Portable, 8, 4>(trees, tile, sums) }
}

/// The rows of `tile`, `LARGE` vectors of them at a time, or `SMALL` ones at the end.
///
/// # Safety
///
/// The processor has the instructions of `V`; so it is for the functions below.
#[inline(always)]
unsafe fn chunks<W: Weight, V: LeafSets, const LARGE: usize, const SMALL: usize>(
    trees: &BitVectors<W>,
    tile: &Tile,
    sums: &mut [W],
) {
    let mut start = 0;
    while start < tile.rows() {
        let sums = &mut sums[start * trees.targets..];
        start += if tile.rows() - start > SMALL * V::ROWS {
            // SAFETY: as for this function.
            unsafe { chunk::<W, V, LARGE>(trees, tile.values(), start, sums) }
        } else {
            // SAFETY: as for this function.
            unsafe { chunk::<W, V, SMALL>(trees, tile.values(), start, sums) }
        };
    }
}

/// The rows from `start` on, and how many they are; those beyond the end of `sums` are not kept.
#[inline(always)]
unsafe fn chunk<W: Weight, V: LeafSets, const N: usize>(
    trees: &BitVectors<W>,
    values: &[f32],
    start: usize,
    sums: &mut [W],
) -> usize {
    let targets = trees.targets;
    let rows = N * V::ROWS;
    let mut leaves = [0; CHUNK];
    let leaves = &mut leaves[..rows];
    let mut lone = [W::default(); CHUNK];
    let mut several = if targets == 1 { vec![] } else { vec![[W::default(); CHUNK]; targets] };
    for tree in &trees.trees {
        let weights = &trees.weights[tree.weights as usize..];
        let sets = &trees.sets[tree.first_set as usize..][..tree.sets as usize];
        if let [set] = sets {
            // SAFETY: as for this function.
            let vectors = unsafe { possible::<W, V, N>(trees, set, values, start) };
            for (weights, target) in weights.as_chunks().0.iter().zip(&tree.targets) {
                let sums = if targets == 1 { &mut lone } else { &mut several[*target as usize] };
                for (i, vector) in vectors.iter().enumerate() {
                    // SAFETY: as for this function.
                    unsafe {
                        W::add_leftmost(*vector, weights, &mut sums[i * V::ROWS..]);
                    }
                }
            }
        } else {
            // SAFETY: as for this function.
            unsafe { find_leaves::<W, V, N>(trees, sets, values, start, leaves) };
            for (weights, target) in weights.chunks_exact(sets.len() * WORD).zip(&tree.targets) {
                let sums = if targets == 1 { &mut lone } else { &mut several[*target as usize] };
                for (sum, leaf) in sums.iter_mut().zip(&*leaves) {
                    *sum = *sum + weights[*leaf as usize];
                }
            }
        }
    }
    if targets == 1 {
        sums.iter_mut().zip(&lone[..rows]).for_each(|(sum, lone)| *sum = *lone);
    } else {
        for (row, sums) in sums.chunks_exact_mut(targets).take(rows).enumerate() {
            sums.iter_mut().zip(&several).for_each(|(sum, of_target)| *sum = of_target[row]);
        }
    }
    rows
}

/// The leaf of each row in a tree of several sets.
#[inline(always)]
unsafe fn find_leaves<W: Weight, V: LeafSets, const N: usize>(
    trees: &BitVectors<W>,
    sets: &[Set],
    values: &[f32],
    start: usize,
    leaves: &mut [u32],
) {
    // From right to left, so that the leftmost leaf has the last word.
    for (index, set) in sets.iter().enumerate().rev() {
        // SAFETY: as for this function.
        let vectors = unsafe { possible::<W, V, N>(trees, set, values, start) };
        let mut possible = [0; CHUNK];
        for (i, vector) in vectors.iter().enumerate() {
            // SAFETY: as for this function.
            unsafe {
                vector.store(&mut possible[i * V::ROWS..]);
            }
        }
        let base = (index * WORD) as u32;
        for (leaf, possible) in leaves.iter_mut().zip(possible) {
            *leaf = if possible != 0 { base + possible.trailing_zeros() } else { *leaf };
        }
    }
}

/// The leaves of a set that are left after all questions, for `N` vectors of rows.
#[inline(always)]
unsafe fn possible<W: Weight, V: LeafSets, const N: usize>(
    trees: &BitVectors<W>,
    set: &Set,
    values: &[f32],
    start: usize,
) -> [V; N] {
    let (first, middle, end) = (set.first as usize, set.missing_is_left as usize, set.end as usize);
    // SAFETY: as for this function.
    unsafe {
        let mut vectors = [V::all(); N];
        for question in &trees.questions[first..middle] {
            let column = &values[question.feature as usize * TILE + start..][..N * V::ROWS];
            for (i, vector) in vectors.iter_mut().enumerate() {
                *vector = vector.keep_unless_at_most(&column[i * V::ROWS..], question.threshold, question.kept);
            }
        }
        for question in &trees.questions[middle..end] {
            let column = &values[question.feature as usize * TILE + start..][..N * V::ROWS];
            for (i, vector) in vectors.iter_mut().enumerate() {
                *vector = vector.keep_where_above(&column[i * V::ROWS..], question.threshold, question.kept);
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

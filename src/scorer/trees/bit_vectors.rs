//! Small trees as sets of leaves that are still possible.
//!
//! Instead of being walked, every node of a tree is asked; one that sends a row to the right rules out the leaves to its
//! left. In the end, the leftmost leaf that is left is the row's. There is no branch and no jump through memory in it,
//! and many rows go through at once. This is QuickScorer (Lucchese et al., "QuickScorer: a fast algorithm to rank documents
//! with additive ensembles of regression trees", SIGIR 2015), turned by 90 degrees: rows are side by side in vector
//! registers, and trees come one after the other, so that sums are formed in the order of the trees.

use super::flat::{FlatNode, FlatTree};
use super::tile::{TILE, Tile};
use crate::simd::{Level, vectorised};

/// Leaves of a set.
const WORD: usize = u32::BITS as usize;

/// Rows that go through a tree together.
const CHUNK: usize = 64;

/// Rows of a chunk when there are few.
const SMALL_CHUNK: usize = 16;

/// Trees as sets of leaves.
pub(super) struct BitVectors {
    questions: Vec<Question>,
    sets: Vec<Set>,
    trees: Vec<Tree>,
    /// The trees' weights; each tree's are filled up to whole sets.
    weights: Vec<f32>,
    targets: usize,
}

/// What a node asks, and what it leaves of a set of leaves when the answer is that a row goes right.
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

impl BitVectors {
    /// Nothing when the tables would be too large to be numbered.
    pub(super) fn new(trees: &[FlatTree], targets: usize) -> Option<Self> {
        let mut made = BitVectors { questions: vec![], sets: vec![], trees: vec![], weights: vec![], targets };
        for tree in trees {
            made.push(tree)?;
        }
        Some(made)
    }

    fn push(&mut self, tree: &FlatTree) -> Option<()> {
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
                    questions[usize::from(!missing_is_right)].push(Question { feature, threshold, kept });
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
            self.weights.resize(self.weights.len().next_multiple_of(WORD), 0.0);
        }
        self.trees.push(Tree { first_set, sets: sets as u32, weights, targets: tree.targets.clone() });
        Some(())
    }

    /// The sums for the rows of `tile`: row-major `[rows, targets]` into `sums`, which is of that length.
    pub(super) fn sums(&self, tile: &Tile, sums: &mut [f32]) {
        evaluate(Level::get(), self, tile, sums);
    }
}

vectorised! {
    fn evaluate(trees: &BitVectors, tile: &Tile, sums: &mut [f32]) {
        let mut start = 0;
        while start < tile.rows() {
            let left = tile.rows() - start;
            let taken = if left > SMALL_CHUNK {
                chunk::<CHUNK>(trees, tile.values(), start, &mut sums[start * trees.targets..]);
                CHUNK
            } else {
                chunk::<SMALL_CHUNK>(trees, tile.values(), start, &mut sums[start * trees.targets..]);
                SMALL_CHUNK
            };
            start += taken;
        }
    }
}

/// The rows from `start` on; those beyond the end of `sums` are not kept.
#[inline(always)]
fn chunk<const ROWS: usize>(trees: &BitVectors, values: &[f32], start: usize, sums: &mut [f32]) {
    let targets = trees.targets;
    let mut lone = [0.0; ROWS];
    let mut several = if targets == 1 { vec![] } else { vec![[0.0; ROWS]; targets] };
    for tree in &trees.trees {
        let leaves = leaves::<ROWS>(trees, tree, values, start);
        let len = tree.sets as usize * WORD;
        let weights = &trees.weights[tree.weights as usize..];
        for (weights, target) in weights.chunks_exact(len).zip(&tree.targets) {
            let sums = if targets == 1 { &mut lone } else { &mut several[*target as usize] };
            if let Ok(weights) = <&[f32; WORD]>::try_from(weights) {
                for (sum, leaf) in sums.iter_mut().zip(&leaves) {
                    *sum += weights[*leaf as usize % WORD];
                }
            } else {
                for (sum, leaf) in sums.iter_mut().zip(&leaves) {
                    *sum += weights[*leaf as usize];
                }
            }
        }
    }
    if targets == 1 {
        sums.iter_mut().zip(lone).for_each(|(sum, lone)| *sum = lone);
    } else {
        for (row, sums) in sums.chunks_exact_mut(targets).take(ROWS).enumerate() {
            sums.iter_mut().zip(&several).for_each(|(sum, of_target)| *sum = of_target[row]);
        }
    }
}

/// The leaf of each row.
#[inline(always)]
fn leaves<const ROWS: usize>(trees: &BitVectors, tree: &Tree, values: &[f32], start: usize) -> [u32; ROWS] {
    let mut leaves = [0; ROWS];
    let sets = &trees.sets[tree.first_set as usize..][..tree.sets as usize];
    // From right to left, so that the leftmost leaf has the last word.
    for (index, set) in sets.iter().enumerate().rev() {
        let mut possible = [u32::MAX; ROWS];
        let (right, left) =
            (set.first as usize..set.missing_is_left as usize, set.missing_is_left as usize..set.end as usize);
        for question in &trees.questions[right] {
            let column = column::<ROWS>(values, question.feature, start);
            for (possible, x) in possible.iter_mut().zip(column) {
                *possible &= if *x <= question.threshold { u32::MAX } else { question.kept };
            }
        }
        for question in &trees.questions[left] {
            let column = column::<ROWS>(values, question.feature, start);
            for (possible, x) in possible.iter_mut().zip(column) {
                *possible &= if *x > question.threshold { question.kept } else { u32::MAX };
            }
        }
        let base = (index * WORD) as u32;
        if sets.len() == 1 {
            leaves.iter_mut().zip(possible).for_each(|(leaf, possible)| *leaf = possible.trailing_zeros());
        } else {
            for (leaf, possible) in leaves.iter_mut().zip(possible) {
                *leaf = if possible != 0 { base + possible.trailing_zeros() } else { *leaf };
            }
        }
    }
    leaves
}

#[inline(always)]
fn column<const ROWS: usize>(values: &[f32], feature: u32, start: usize) -> &[f32; ROWS] {
    match values[feature as usize * TILE + start..].first_chunk() {
        Some(column) => column,
        None => unreachable!("a tile has whole chunks of every feature"),
    }
}

/// For each node, the leaves to its left: those that it rules out for a row that goes right. Empty for a leaf.
fn left_leaves(tree: &FlatTree) -> Vec<std::ops::Range<usize>> {
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

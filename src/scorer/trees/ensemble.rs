//! The flat arrays, and the walk.

use super::spec::Comparison;
use super::value_set::ValueSet;

/// Element types of thresholds, features and weights: `f32` and `f64`.
pub trait Threshold: Copy + PartialOrd + std::ops::Add<Output = Self> + Default + Send + Sync + 'static {
    /// Whether the value is missing.
    fn is_missing(self) -> bool;
}

impl Threshold for f32 {
    fn is_missing(self) -> bool {
        self.is_nan()
    }
}

impl Threshold for f64 {
    fn is_missing(self) -> bool {
        self.is_nan()
    }
}

/// How the weights of the leaves that a row falls into become one score for each target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum, in the order of the trees.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

/// The score of a row for a target.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Score<T> {
    /// The aggregate; zero when there is none.
    pub value: T,
    /// Whether any leaf had a weight for the target.
    pub scored: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Node<T> {
    Split {
        feature: u32,
        comparison: Comparison,
        threshold: T,
        if_true: u32,
        if_false: u32,
        if_missing: u32,
    },
    /// The weights from `first` to before `end`.
    Leaf {
        first: u32,
        end: u32,
    },
}

/// Which comparisons occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparisons {
    None,
    /// Only this one: most libraries use one throughout.
    Only(Comparison),
    Mixed,
}

impl Comparisons {
    pub(super) fn add(&mut self, comparison: Comparison) {
        *self = match *self {
            Comparisons::None => Comparisons::Only(comparison),
            Comparisons::Only(other) if other == comparison => Comparisons::Only(comparison),
            _ => Comparisons::Mixed,
        };
    }
}

/// An ensemble of decision trees for features of type `T`, with weights of type `W`. See the module for what is certain of
/// it.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeEnsemble<T, W = T> {
    /// The nodes of all trees; what a node leads to comes after it or was laid out for another node before.
    pub(super) nodes: Vec<Node<T>>,
    pub(super) roots: Vec<u32>,
    /// (target, weight) pairs of the leaves.
    pub(super) weights: Vec<(u32, W)>,
    pub(super) targets: usize,
    pub(super) features: usize,
    pub(super) comparisons: Comparisons,
    /// What [`Comparison::Member`] asks about.
    pub(super) sets: Vec<ValueSet<T>>,
    /// The cover of each node; empty where that is not known.
    pub(super) covers: Vec<f64>,
}

/// Rows that go through a tree before the next tree's turn: a tree then stays in the cache for all of them, and so do
/// they.
const BLOCK_ROWS: usize = 64;

impl<T, W> TreeEnsemble<T, W> {
    pub(super) fn empty(targets: usize) -> Self {
        TreeEnsemble {
            nodes: vec![],
            roots: vec![],
            weights: vec![],
            targets,
            features: 0,
            comparisons: Comparisons::None,
            sets: vec![],
            covers: vec![],
        }
    }

    /// Number of targets.
    pub fn targets(&self) -> usize {
        self.targets
    }

    /// Number of trees.
    pub fn trees(&self) -> usize {
        self.roots.len()
    }

    /// Whether it is known how much of the training data came to each node.
    pub fn has_covers(&self) -> bool {
        !self.covers.is_empty()
    }

    /// How many features a row must have at least.
    pub fn features(&self) -> usize {
        self.features
    }
}

impl TreeEnsemble<f32> {
    /// The same ensemble for float64 features.
    pub fn widened(&self) -> TreeEnsemble<f64> {
        let node = |node: &Node<f32>| match *node {
            Node::Leaf { first, end } => Node::Leaf { first, end },
            Node::Split { feature, comparison, threshold, if_true, if_false, if_missing } => {
                Node::Split { feature, comparison, threshold: threshold.into(), if_true, if_false, if_missing }
            }
        };
        TreeEnsemble {
            nodes: self.nodes.iter().map(node).collect(),
            roots: self.roots.clone(),
            weights: self.weights.iter().map(|&(target, weight)| (target, weight.into())).collect(),
            targets: self.targets,
            features: self.features,
            comparisons: self.comparisons,
            sets: self.sets.iter().map(ValueSet::widened).collect(),
            covers: self.covers.clone(),
        }
    }
}

impl<T: Threshold, W: Threshold> TreeEnsemble<T, W> {
    /// The scores of rows of `columns` features, row-major: `[rows, targets]` into `scores`, which is of that length.
    ///
    /// # Panics
    ///
    /// When there are fewer columns than [`Self::features`], or none.
    pub fn scores(&self, rows: &[T], columns: usize, aggregate: Aggregate, scores: &mut [Score<W>]) {
        assert!(columns >= self.features.max(1), "rows of {columns} features for trees that ask for {}", self.features);
        scores.fill(Score::default());
        match self.comparisons {
            Comparisons::None | Comparisons::Only(Comparison::LessOrEqual) => {
                self.walk(rows, columns, aggregate, scores, |_, x, threshold| x <= threshold);
            }
            Comparisons::Only(Comparison::Less) => {
                self.walk(rows, columns, aggregate, scores, |_, x, threshold| x < threshold);
            }
            _ => self.walk(rows, columns, aggregate, scores, |comparison, x, threshold| {
                holds(comparison, x, threshold, &self.sets)
            }),
        }
    }

    fn walk(
        &self,
        rows: &[T],
        columns: usize,
        aggregate: Aggregate,
        scores: &mut [Score<W>],
        compare: impl Fn(Comparison, T, T) -> bool + Copy,
    ) {
        let blocks = rows.chunks(BLOCK_ROWS * columns).zip(scores.chunks_mut(BLOCK_ROWS * self.targets));
        for (rows, scores) in blocks {
            for root in &self.roots {
                for (row, scores) in rows.chunks_exact(columns).zip(scores.chunks_exact_mut(self.targets)) {
                    self.add(row, *root, aggregate, scores, compare);
                }
            }
        }
    }

    /// Adds the leaf of the tree at `root` that `row` falls into to `scores`.
    #[inline]
    fn add(
        &self,
        row: &[T],
        root: u32,
        aggregate: Aggregate,
        scores: &mut [Score<W>],
        compare: impl Fn(Comparison, T, T) -> bool,
    ) {
        let mut place = root;
        let leaf = loop {
            match self.nodes[place as usize] {
                Node::Leaf { first, end } => break first as usize..end as usize,
                Node::Split { feature, comparison, threshold, if_true, if_false, if_missing } => {
                    let x = row[feature as usize];
                    place = if compare(comparison, x, threshold) {
                        if_true
                    } else if x.is_missing() {
                        if_missing
                    } else {
                        if_false
                    };
                }
            }
        };
        for &(target, weight) in &self.weights[leaf] {
            let score = &mut scores[target as usize];
            score.value = match aggregate {
                Aggregate::Sum => score.value + weight,
                Aggregate::Min if score.scored && score.value <= weight => score.value,
                Aggregate::Max if score.scored && score.value >= weight => score.value,
                Aggregate::Min | Aggregate::Max => weight,
            };
            score.scored = true;
        }
    }
}

/// Whether `row` goes to the true side of `node`; no row does at a leaf.
pub(super) fn answer<T: Threshold>(node: &Node<T>, row: &[T], sets: &[ValueSet<T>]) -> bool {
    match *node {
        Node::Leaf { .. } => false,
        Node::Split { feature, comparison, threshold, if_true, if_missing, .. } => {
            let x = row[feature as usize];
            holds(comparison, x, threshold, sets) || (x.is_missing() && if_missing == if_true)
        }
    }
}

fn holds<T: Threshold>(comparison: Comparison, x: T, threshold: T, sets: &[ValueSet<T>]) -> bool {
    match comparison {
        Comparison::LessOrEqual => x <= threshold,
        Comparison::Less => x < threshold,
        Comparison::GreaterOrEqual => x >= threshold,
        Comparison::Greater => x > threshold,
        Comparison::Equal => x == threshold,
        Comparison::NotEqual => x != threshold,
        Comparison::Member(set) => sets[set as usize].contains(x),
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::{LeafWeight, NodeSpec, Split, TreeSpec};
    use super::*;

    /// One split on feature 1 at 0.5: weight 1 when the comparison holds, 2 when not; and a tree of one leaf, weight
    /// 10.
    fn ensemble(comparison: Comparison, missing_is_true: bool) -> TreeEnsemble<f32> {
        let split = Split { feature: 1, comparison, threshold: 0.5, if_true: 1, if_false: 2, missing_is_true };
        let node = |tree, node, split| NodeSpec { tree, node, split };
        let weight = |tree, node, weight| LeafWeight { tree, node, target: 0, weight };
        TreeEnsemble::build(&TreeSpec {
            nodes: vec![node(0, 0, Some(split)), node(0, 1, None), node(0, 2, None), node(1, 0, None)],
            weights: vec![weight(0, 1, 1.0), weight(0, 2, 2.0), weight(1, 0, 10.0)],
            targets: 1,
            sets: vec![ValueSet::of_values([1.0, 0.0])],
            covers: vec![],
        })
        .unwrap()
    }

    fn scores(ensemble: &TreeEnsemble<f32>, xs: &[f32], aggregate: Aggregate) -> Vec<f32> {
        let rows: Vec<f32> = xs.iter().flat_map(|x| [f32::NAN, *x]).collect();
        let mut scores = vec![Score::default(); xs.len()];
        ensemble.scores(&rows, 2, aggregate, &mut scores);
        scores.iter().map(|score| score.value).collect()
    }

    #[test]
    fn every_comparison_and_a_missing_value() {
        for (comparison, expected) in [
            (Comparison::LessOrEqual, [11.0, 11.0, 12.0, 12.0]),
            (Comparison::Less, [11.0, 12.0, 12.0, 12.0]),
            (Comparison::GreaterOrEqual, [12.0, 11.0, 11.0, 12.0]),
            (Comparison::Greater, [12.0, 12.0, 11.0, 12.0]),
            (Comparison::Equal, [12.0, 11.0, 12.0, 12.0]),
            (Comparison::NotEqual, [11.0, 12.0, 11.0, 11.0]),
            (Comparison::Member(0), [11.0, 12.0, 11.0, 12.0]),
        ] {
            let xs = [0.0, 0.5, 1.0, f32::NAN];
            assert_eq!(scores(&ensemble(comparison, false), &xs, Aggregate::Sum), expected, "{comparison:?}");
            let missing = scores(&ensemble(comparison, true), &xs, Aggregate::Sum);
            assert_eq!((&missing[..3], missing[3]), (&expected[..3], 11.0), "{comparison:?}");
        }
    }

    #[test]
    fn extremes() {
        let ensemble = ensemble(Comparison::LessOrEqual, false);
        assert_eq!(scores(&ensemble, &[0.0, 1.0], Aggregate::Min), [1.0, 2.0]);
        assert_eq!(scores(&ensemble, &[0.0, 1.0], Aggregate::Max), [10.0, 10.0]);
    }

    #[test]
    fn rows_beyond_a_block() {
        let ensemble = ensemble(Comparison::LessOrEqual, false);
        let xs: Vec<f32> = (0..3 * BLOCK_ROWS + 5).map(|i| (i % 2) as f32).collect();
        let expected: Vec<f32> = xs.iter().map(|x| 11.0 + x).collect();
        assert_eq!(scores(&ensemble, &xs, Aggregate::Sum), expected);
        assert_eq!((ensemble.trees(), ensemble.features(), ensemble.targets()), (2, 2, 1));
    }

    #[test]
    fn widened_gives_the_same() {
        let ensemble = ensemble(Comparison::LessOrEqual, true).widened();
        let mut scores = [Score::default(); 2];
        ensemble.scores(&[0.0, 0.5, 0.0, 0.500_000_001], 2, Aggregate::Sum, &mut scores);
        assert_eq!(scores.map(|score| score.value), [11.0, 12.0]);
    }
}

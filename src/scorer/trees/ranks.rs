//! Values as ranks among the thresholds that they are compared with.
//!
//! Whether a value is above a threshold can be told from how many thresholds it is above. Where there are at most 255 of
//! them, that number is a byte, and four times as many bytes as float32 numbers go through a vector register. Libraries
//! that train on histograms have about so many thresholds for a feature in all trees together; a feature with more gets
//! several columns of ranks, each for a range of its thresholds.

use super::flat::{FlatNode, FlatTree};
use super::search::{self, Heap};
use super::tile::{TILE, Tile};
use crate::simd::Level;

/// The rank of what is above no threshold. Signed numbers are what vector registers can compare.
const LOWEST: i8 = i8::MIN;

/// Most thresholds of a column.
const MOST: usize = u8::MAX as usize;

/// The rank that goes right whatever it is compared with.
const ALWAYS_RIGHT: i8 = i8::MAX;

/// What is asked of a column of ranks: a row goes right where its rank is not below `least`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RankQuestion {
    pub column: u16,
    pub least: i8,
}

/// The columns of ranks for some trees.
pub(super) struct Ranks {
    columns: Vec<Column>,
    /// For each column its thresholds, without repetitions.
    heaps: Vec<Heap>,
}

struct Column {
    feature: u32,
    missing_is_right: bool,
    /// Of a search through its thresholds.
    steps: u32,
}

/// What a node asks; equal for nodes that ask the same. From the highest bit on: the feature, whether a missing value goes
/// right, and the threshold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Asked(u64);

impl Asked {
    /// Nothing when the feature's number has more than 31 bits.
    fn new(feature: u32, missing_is_right: bool, threshold: f32) -> Option<Self> {
        // Of two zeros, which compare as equal, one. Negative numbers are turned round, so that bits are in the order of
        // the numbers.
        let bits = (threshold + 0.0).to_bits();
        let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
        let feature = (feature >> 31 == 0).then_some(u64::from(feature))?;
        Some(Asked(feature << 33 | u64::from(missing_is_right) << 32 | u64::from(ordered)))
    }

    /// What a column is for: the feature, and whether a missing value goes right.
    fn column(self) -> (u32, bool) {
        ((self.0 >> 33) as u32, self.0 >> 32 & 1 == 1)
    }

    fn threshold(self) -> f32 {
        let ordered = self.0 as u32;
        f32::from_bits(if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered })
    }
}

impl Ranks {
    /// For the splits of `trees`, with what to ask in place of each of them, in their order; nothing when they need too
    /// many columns.
    pub(super) fn new<'t, W: 't>(
        trees: impl Iterator<Item = &'t FlatTree<W>> + Clone,
    ) -> Option<(Self, Vec<RankQuestion>)> {
        let asked = |node: &FlatNode| match *node {
            FlatNode::Split { feature, threshold, missing_is_right, .. } => {
                Some(Asked::new(feature, missing_is_right, threshold))
            }
            FlatNode::Leaf(_) => None,
        };
        // Each with its place among all.
        let splits = trees.clone().map(|tree| tree.leaves() - 1).sum();
        let mut all: Vec<(Asked, u32)> = Vec::with_capacity(splits);
        for asked in trees.flat_map(|tree| &tree.nodes).filter_map(asked) {
            all.push((asked?, u32::try_from(all.len()).ok()?));
        }
        all.sort_unstable_by_key(|(asked, _)| *asked);
        let mut made = Ranks { columns: vec![], heaps: vec![] };
        let mut questions = vec![RankQuestion { column: 0, least: LOWEST }; all.len()];
        for of_column in all.chunk_by(|(a, _), (b, _)| a.column() == b.column()) {
            let thresholds: Vec<&[(Asked, u32)]> = of_column.chunk_by(|(a, _), (b, _)| a == b).collect();
            for part in thresholds.chunks(MOST) {
                let column = u16::try_from(made.columns.len()).ok()?;
                for (same, least) in part.iter().zip(LOWEST + 1..=i8::MAX) {
                    same.iter().for_each(|(_, place)| questions[*place as usize] = RankQuestion { column, least });
                }
                let (heap, steps) = search::heap(part.iter().map(|same| same[0].0.threshold()));
                made.heaps.push(heap);
                let (feature, missing_is_right) = of_column[0].0.column();
                made.columns.push(Column { feature, missing_is_right, steps });
            }
        }
        Some((made, questions))
    }

    /// Number of columns.
    pub(super) fn columns(&self) -> usize {
        self.columns.len()
    }

    /// The ranks of the rows of `tile`, a column after the other.
    pub(super) fn of(&self, level: Level, tile: &Tile) -> Vec<[i8; TILE]> {
        let mut ranks = vec![[LOWEST; TILE]; self.columns.len()];
        for ((column, heap), ranks) in self.columns.iter().zip(&self.heaps).zip(&mut ranks) {
            let values = &tile.columns()[column.feature as usize];
            search::ranks(level, values, tile.rows(), heap, column.steps, ranks);
            if column.missing_is_right && tile.has_missing() {
                for (rank, x) in ranks.iter_mut().zip(values) {
                    *rank = if x.is_nan() { ALWAYS_RIGHT } else { *rank };
                }
            }
        }
        ranks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of one leaf more than splits, in a chain to the right.
    fn chain(splits: &[(u32, bool, f32)]) -> FlatTree<f32> {
        let mut nodes = Vec::new();
        for (index, &(feature, missing_is_right, threshold)) in splits.iter().enumerate() {
            let left = 2 * index as u32 + 1;
            nodes.push(FlatNode::Split { feature, threshold, missing_is_right, left, right: left + 1 });
            nodes.push(FlatNode::Leaf(index as u32));
        }
        nodes.push(FlatNode::Leaf(splits.len() as u32));
        FlatTree { nodes, targets: vec![0], weights: vec![0.0; splits.len() + 1] }
    }

    #[test]
    fn ranks_tell_what_the_thresholds_tell() {
        let mut splits: Vec<(u32, bool, f32)> = (0..700).map(|i| (1, false, (i * 37 % 700) as f32)).collect();
        splits.extend((0..300).map(|i| (0, true, i as f32 / 7.0 - 20.0)));
        splits.extend([(0, false, -0.0), (0, true, 0.0), (0, false, f32::INFINITY), (0, false, 1e-45)]);
        splits.extend([(2, true, -1.5), (2, true, -1.5), (2, true, f32::MAX)]);
        let (ranks, questions) = Ranks::new([chain(&splits)].iter()).unwrap();
        // 700 thresholds take three columns, 301 two, and two lie aside for another answer to missing values.
        assert_eq!((ranks.columns(), questions.len()), (3 + 2 + 1 + 1, splits.len()));

        let odd = [0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-45, -1.5, f32::MAX, 699.0, 254.0, 255.0];
        let mut rows: Vec<f32> = odd.iter().flat_map(|x| [*x; 3]).collect();
        rows.extend((0..90).flat_map(|i| [i as f32 / 3.0 - 15.0, i as f32 * 8.0 - 5.0, i as f32 - 40.0]));
        let mut tile = Tile::new(3, 0);
        tile.take_rows(&rows, 3);
        for level in [Level::Portable, Level::Avx2] {
            let of_tile = ranks.of(level, &tile);
            for (&(feature, missing_is_right, threshold), question) in splits.iter().zip(&questions) {
                let RankQuestion { column, least } = *question;
                for row in 0..tile.rows() {
                    let x = rows[row * 3 + feature as usize];
                    let right = x > threshold || (x.is_nan() && missing_is_right);
                    let rank = of_tile[usize::from(column)][row];
                    assert_eq!(rank >= least, right, "{x} at {threshold}, {missing_is_right}, {}", level.name());
                }
            }
        }
        assert!(Ranks::new([chain(&[(1 << 31, false, 0.0)])].iter()).is_none(), "no feature has such a number");
    }
}

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
    /// The questions that there are, by rising (feature, whether a missing value goes right, threshold).
    known: Vec<(Asked, RankQuestion)>,
}

struct Column {
    feature: u32,
    missing_is_right: bool,
    /// Of a search through its thresholds.
    steps: u32,
}

/// What a node asks; equal for nodes that ask the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    feature: u32,
    missing_is_right: bool,
    /// The threshold's bits, in an order that is that of the numbers.
    threshold: i32,
}

impl Asked {
    fn new(feature: u32, missing_is_right: bool, threshold: f32) -> Self {
        // Of two zeros, which compare as equal, one.
        let bits = (threshold + 0.0).to_bits() as i32;
        Asked { feature, missing_is_right, threshold: bits ^ (((bits >> 31) as u32) >> 1) as i32 }
    }

    fn threshold(self) -> f32 {
        f32::from_bits((self.threshold ^ (((self.threshold >> 31) as u32) >> 1) as i32) as u32)
    }
}

impl Ranks {
    /// For the splits of `trees`; nothing when they need too many columns.
    pub(super) fn new<'t, W: 't>(trees: impl Iterator<Item = &'t FlatTree<W>>) -> Option<Self> {
        let asked = |node: &FlatNode| match *node {
            FlatNode::Split { feature, threshold, missing_is_right, .. } => {
                Some(Asked::new(feature, missing_is_right, threshold))
            }
            FlatNode::Leaf(_) => None,
        };
        let mut all: Vec<Asked> = trees.flat_map(|tree| &tree.nodes).filter_map(asked).collect();
        all.sort_unstable();
        all.dedup();
        let mut made = Ranks { columns: vec![], heaps: vec![], known: Vec::with_capacity(all.len()) };
        let same_column = |a: &Asked, b: &Asked| (a.feature, a.missing_is_right) == (b.feature, b.missing_is_right);
        for part in all.chunk_by(same_column).flat_map(|of_feature| of_feature.chunks(MOST)) {
            let column = u16::try_from(made.columns.len()).ok()?;
            made.known.extend(
                part.iter().zip(LOWEST + 1..=i8::MAX).map(|(asked, least)| (*asked, RankQuestion { column, least })),
            );
            let (heap, steps) = search::heap(part.iter().map(|asked| asked.threshold()));
            made.heaps.push(heap);
            let (feature, missing_is_right) = (part[0].feature, part[0].missing_is_right);
            made.columns.push(Column { feature, missing_is_right, steps });
        }
        Some(made)
    }

    /// Number of columns.
    pub(super) fn columns(&self) -> usize {
        self.columns.len()
    }

    /// What to ask of which column in place of a split of the trees that this was made for.
    pub(super) fn question(&self, feature: u32, missing_is_right: bool, threshold: f32) -> Option<RankQuestion> {
        let asked = Asked::new(feature, missing_is_right, threshold);
        let place = self.known.binary_search_by_key(&asked, |(asked, _)| *asked).ok()?;
        Some(self.known[place].1)
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
        let ranks = Ranks::new([chain(&splits)].iter()).unwrap();
        // 700 thresholds take three columns, 301 two, and two lie aside for another answer to missing values.
        assert_eq!(ranks.columns(), 3 + 2 + 1 + 1);

        let odd = [0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-45, -1.5, f32::MAX, 699.0, 254.0, 255.0];
        let mut rows: Vec<f32> = odd.iter().flat_map(|x| [*x; 3]).collect();
        rows.extend((0..90).flat_map(|i| [i as f32 / 3.0 - 15.0, i as f32 * 8.0 - 5.0, i as f32 - 40.0]));
        let mut tile = Tile::new(3, 0);
        tile.take_rows(&rows, 3);
        for level in [Level::Portable, Level::Avx2] {
            let of_tile = ranks.of(level, &tile);
            for &(feature, missing_is_right, threshold) in &splits {
                let RankQuestion { column, least } = ranks.question(feature, missing_is_right, threshold).unwrap();
                for row in 0..tile.rows() {
                    let x = rows[row * 3 + feature as usize];
                    let right = x > threshold || (x.is_nan() && missing_is_right);
                    let rank = of_tile[usize::from(column)][row];
                    assert_eq!(rank >= least, right, "{x} at {threshold}, {missing_is_right}, {}", level.name());
                }
            }
        }
        assert!(ranks.question(1, false, 0.5).is_none() && ranks.question(1, true, 1.0).is_none());
    }
}

//! Values as keys: unsigned integers in the order of the numbers, so that a walk compares them in one step, and knows
//! nothing of missing values.

use super::flat::{FlatNode, FlatTree};
use super::tile::{TILE, Tile};
use crate::simd::{Level, vectorised};

/// Rows whose keys lie side by side, column after column.
pub(super) const LANES: usize = 8;

const _: () = assert!(TILE.is_multiple_of(LANES));

/// The key of what is above no threshold: that of a missing value that goes left.
const LOWEST: u32 = 0;

/// The key of a missing value that goes right.
const HIGHEST: u32 = u32::MAX;

/// The column whose keys are all [`LOWEST`].
pub(super) const LOWEST_COLUMN: u32 = 0;

/// The columns of keys that some trees ask for.
pub(super) struct Keys {
    /// From the second on.
    columns: Vec<Column>,
    /// For each feature, and whether a missing value goes right, the number of the column if there is one.
    numbers: Vec<[Option<u32>; 2]>,
}

struct Column {
    feature: u32,
    missing_is_right: bool,
}

/// The key of a threshold, which is not NaN: that of a number is higher if and only if the number is.
pub(super) fn of_threshold(x: f32) -> u32 {
    key(x, LOWEST)
}

#[inline(always)]
fn key(x: f32, missing: u32) -> u32 {
    // Of two zeros, which compare as equal, one.
    let bits = (x + 0.0).to_bits();
    let sign = ((bits as i32) >> 31) as u32;
    if x.is_nan() { missing } else { bits ^ (sign | 1 << 31) }
}

impl Keys {
    /// For trees that ask for no more than so many features.
    pub(super) fn new<W>(trees: &[FlatTree<W>], features: usize) -> Self {
        let mut keys = Keys { columns: vec![], numbers: vec![[None; 2]; features] };
        for node in trees.iter().flat_map(|tree| &tree.nodes) {
            let FlatNode::Split { feature, missing_is_right, .. } = *node else { continue };
            let number = &mut keys.numbers[feature as usize][usize::from(missing_is_right)];
            if number.is_none() {
                keys.columns.push(Column { feature, missing_is_right });
                *number = u32::try_from(keys.columns.len()).ok();
            }
        }
        keys
    }

    /// Number of columns.
    pub(super) fn columns(&self) -> usize {
        1 + self.columns.len()
    }

    /// The column that a node of one of the trees asks for.
    pub(super) fn column(&self, feature: u32, missing_is_right: bool) -> Option<u32> {
        self.numbers.get(feature as usize)?[usize::from(missing_is_right)]
    }

    /// The keys of the rows of `tile`: shape `[rows / LANES, columns, LANES]`, the first one rounded up. Those beyond the
    /// rows are of whatever the tile holds.
    pub(super) fn of(&self, level: Level, tile: &Tile) -> Vec<u32> {
        let mut keys = vec![LOWEST; tile.rows().next_multiple_of(LANES) * self.columns()];
        fill(level, &self.columns, tile.columns(), &mut keys);
        keys
    }
}

vectorised! {
    fn fill(columns: &[Column], values: &[[f32; TILE]], keys: &mut [u32]) {
        let all = (columns.len() + 1) * LANES;
        for (index, column) in columns.iter().enumerate() {
            let missing = if column.missing_is_right { HIGHEST } else { LOWEST };
            let values = values[column.feature as usize].as_chunks::<LANES>().0;
            for (block, values) in keys.chunks_exact_mut(all).zip(values) {
                let keys = &mut block[(1 + index) * LANES..][..LANES];
                keys.iter_mut().zip(values).for_each(|(key, x)| *key = self::key(*x, missing));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_compare_as_numbers_do() {
        let numbers = [
            f32::NEG_INFINITY,
            f32::MIN,
            -1.5,
            -1e-45,
            -0.0,
            0.0,
            1e-45,
            f32::MIN_POSITIVE,
            2.5,
            f32::MAX,
            f32::INFINITY,
        ];
        for x in numbers {
            for threshold in numbers {
                assert_eq!(key(x, LOWEST) > of_threshold(threshold), x > threshold, "{x} at {threshold}");
            }
            assert!(key(f32::NAN, LOWEST) <= of_threshold(x) && key(-f32::NAN, HIGHEST) > of_threshold(x));
        }
    }
}

use std::fmt;
use std::ops::Range;

use crate::data::InputFile;

/// Rows that are counted one by one, at most: about a second's worth.
const MAX_COUNTED: u64 = 1 << 30;

/// A share of the records, drawn by their places: the same ones on every machine, whatever else is read with them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    percent: f64,
    seed: u64,
}

impl Sample {
    /// What is taken of all records, in percent, above 0 and up to 100; `None` for anything else.
    pub fn new(percent: f64, seed: u64) -> Option<Sample> {
        (percent > 0.0 && percent <= 100.0).then_some(Sample { percent, seed })
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Draws among the rows of one file.
    pub(super) fn of_file(&self, file: &InputFile) -> FileSample {
        // 64-bit FNV-1a over the name, from a start that the seed chooses.
        let start = mix(self.seed) ^ 0xcbf2_9ce4_8422_2325;
        let name = file.name.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        let below = (self.percent / 100.0 * 2_f64.powi(64)) as u64;
        FileSample { name: mix(name), below, all: self.percent >= 100.0 }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.percent)
    }
}

/// Which rows of a file are drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileSample {
    name: u64,
    below: u64,
    all: bool,
}

impl FileSample {
    /// Whether a row is drawn.
    pub(super) fn takes(&self, row: u64) -> bool {
        self.all || mix(self.name.wrapping_add(row.wrapping_mul(0x9e37_79b9_7f4a_7c15))) < self.below
    }

    /// How many of these rows are drawn. Of more than any file has, their share is told: a damaged file may claim as many
    /// as would take years to count.
    pub(super) fn count(&self, rows: Range<u64>) -> u64 {
        let all = rows.end.saturating_sub(rows.start);
        if all > MAX_COUNTED {
            let share = (u128::from(all) * u128::from(self.below)) >> 64;
            return if self.all { all } else { share as u64 };
        }
        rows.filter(|row| self.takes(*row)).count() as u64
    }
}

/// The finalizer of splitmix64, by Sebastiano Vigna.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(percent: f64, seed: u64, name: &str, rows: u64) -> Vec<u64> {
        let file = InputFile { index: 0, name: name.to_owned() };
        let sample = Sample::new(percent, seed).unwrap().of_file(&file);
        (0..rows).filter(|row| sample.takes(*row)).collect()
    }

    #[test]
    fn the_share_is_about_what_was_asked_for() {
        for percent in [0.1, 1.0, 10.0, 50.0, 99.0] {
            let share = percent / 100.0;
            let taken = rows(percent, 0, "a.csv", 200_000).len() as f64;
            let deviation = (200_000.0 * share * (1.0 - share)).sqrt();
            assert!((taken - 200_000.0 * share).abs() < 4.0 * deviation, "{percent}: {taken}");
        }
        assert_eq!(rows(100.0, 0, "a.csv", 1000).len(), 1000);
    }

    #[test]
    fn the_rows_are_always_the_same_and_depend_on_file_and_seed() {
        // What was drawn once must be drawn by every later version.
        assert_eq!(rows(5.0, 0, "a.csv", 100), REMEMBERED);
        assert_ne!(rows(5.0, 1, "a.csv", 1000), rows(5.0, 0, "a.csv", 1000));
        assert_ne!(rows(5.0, 0, "b.csv", 1000), rows(5.0, 0, "a.csv", 1000));
        // A larger share of the same file holds the smaller one.
        let (small, large) = (rows(5.0, 0, "a.csv", 1000), rows(20.0, 0, "a.csv", 1000));
        assert!(small.iter().all(|row| large.contains(row)));
    }

    const REMEMBERED: &[u64] = &[14, 35, 65, 91];

    #[test]
    fn rows_that_cannot_be_counted_are_told_by_their_share() {
        let file = InputFile { index: 0, name: "a.parquet".to_owned() };
        let count = |percent| Sample::new(percent, 0).unwrap().of_file(&file).count(5..5 + 1_000_000_000_000_000);
        assert_eq!((count(25.0), count(100.0)), (250_000_000_000_000, 1_000_000_000_000_000));
        let few = Sample::new(25.0, 0).unwrap().of_file(&file);
        assert_eq!(few.count(3..1000), (3..1000).filter(|row| few.takes(*row)).count() as u64);
    }

    #[test]
    fn percentages() {
        for percent in [0.0, -1.0, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Sample::new(percent, 0), None);
        }
    }
}

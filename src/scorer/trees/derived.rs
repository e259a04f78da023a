//! Questions that are no comparisons of order, answered ahead of the trees.
//!
//! The fast ways through trees only know whether a value is above a threshold. So membership in a set (and equality, a
//! set of one) is asked once for all rows of a tile, and the answers become a column of their own, of which a node asks
//! whether they are above one half.

use std::collections::HashMap;

use super::value_set::ValueSet;

/// Ranges up to which each is compared with all values, which goes through vector registers.
const FEW_RANGES: usize = 8;

/// Whether a feature is in a set.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Membership {
    feature: u32,
    set: ValueSet<f32>,
}

impl Membership {
    /// The answers for the values of the feature: 1 for a member, 0 for others, NaN for a missing value.
    fn answer(&self, values: &[f32], answers: &mut [f32]) {
        let ranges = self.set.ranges();
        if ranges.len() <= FEW_RANGES {
            answers.fill(0.0);
            for &[first, last] in ranges {
                for (answer, x) in answers.iter_mut().zip(values) {
                    *answer = if (*x >= first) & (*x <= last) { 1.0 } else { *answer };
                }
            }
        } else {
            for (answer, x) in answers.iter_mut().zip(values) {
                *answer = if self.set.contains(*x) { 1.0 } else { 0.0 };
            }
        }
        for (answer, x) in answers.iter_mut().zip(values) {
            *answer = if x.is_nan() { *x } else { *answer };
        }
    }
}

/// All such questions of an ensemble, each once.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Derived {
    questions: Vec<Membership>,
}

impl Derived {
    /// Number of columns.
    pub(super) fn len(&self) -> usize {
        self.questions.len()
    }

    /// Fills `answers` from `values`: columns of `rows` values each, one for each feature and one for each question.
    pub(super) fn answer(&self, values: &[f32], rows: usize, answers: &mut [f32]) {
        for (question, answers) in self.questions.iter().zip(answers.chunks_exact_mut(rows)) {
            question.answer(&values[question.feature as usize * rows..][..rows], answers);
        }
    }
}

/// Collects questions.
#[derive(Default)]
pub(super) struct Questions {
    derived: Derived,
    /// By feature and the bits of the ranges.
    known: HashMap<(u32, Vec<[u32; 2]>), u32>,
}

impl Questions {
    /// The number of the question whether `feature` is in `set`.
    pub(super) fn ask(&mut self, feature: u32, set: &ValueSet<f32>) -> u32 {
        let bits = set.ranges().iter().map(|range| range.map(f32::to_bits)).collect();
        let questions = &mut self.derived.questions;
        *self.known.entry((feature, bits)).or_insert_with(|| {
            questions.push(Membership { feature, set: set.clone() });
            (questions.len() - 1) as u32
        })
    }

    /// All that were asked.
    pub(super) fn finish(self) -> Derived {
        self.derived
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_however_many_ranges_there_are() {
        let values = [0.0, 1.0, 2.0, 19.0, 20.0, 21.0, -1.0, f32::NAN];
        for odd in [1, FEW_RANGES, FEW_RANGES + 1] {
            let mut questions = Questions::default();
            let set = ValueSet::of_values((0..odd).map(|i| (2 * i + 1) as f32).chain([20.0]));
            let question = questions.ask(1, &set);
            assert_eq!((question, questions.ask(1, &set.clone()), questions.ask(0, &set)), (0, 0, 1));
            let derived = questions.finish();
            assert_eq!(derived.len(), 2);
            let both: Vec<f32> = [7.0; 8].into_iter().chain(values).collect();
            let mut answers = [9.0; 16];
            derived.answer(&both, 8, &mut answers);
            for (x, answer) in values.iter().zip(answers) {
                if x.is_nan() {
                    assert!(answer.is_nan());
                } else {
                    assert_eq!(answer == 1.0, set.contains(*x), "{x} in {odd} ranges and one");
                }
            }
        }
    }
}

//! Which rows are made of an item and of records of the background, and what their scores credit the features with.

/// Most features of which all sets are gone through.
const MOST_IN_SETS: usize = 16;

/// What is scored for an item: units of rows, in each of which the features that are not the item's are those of one
/// record of the background.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Design {
    features: usize,
    /// Records of the background.
    records: usize,
    /// Units for each record.
    repeats: usize,
    /// Every unit is all sets of features; else it is two opposite orders of them.
    sets: bool,
    /// The records are all that there are, and not a sample of them.
    complete: bool,
}

impl Design {
    /// That for `records` of the background, which are all that there are if it is `complete`, and at least so many pairs
    /// of orders if there are fewer of them. Where all sets of features come to no more rows than the orders would, they
    /// are gone through, which leaves nothing to chance but the choice of the records.
    pub(super) fn new(features: usize, records: usize, complete: bool, samples: usize) -> Self {
        // The spread within a record takes two pairs to be seen.
        let repeats = if complete { samples.div_ceil(records.max(1)).max(2) } else { 1 };
        let of_orders = repeats.saturating_mul(2 * features.saturating_sub(1));
        let sets = features <= MOST_IN_SETS && (1 << features) - 2 <= of_orders;
        Design { features, records, repeats: if sets { 1 } else { repeats }, sets, complete }
    }

    pub(super) fn features(&self) -> usize {
        self.features
    }

    /// Whether nothing is left to chance.
    pub(super) fn is_exact(&self) -> bool {
        self.sets && self.complete
    }

    pub(super) fn units(&self) -> usize {
        self.records * self.repeats
    }

    /// Rows of a unit.
    pub(super) fn rows(&self) -> usize {
        if self.sets { (1 << self.features) - 2 } else { 2 * self.features.saturating_sub(1) }
    }

    /// Units that tell how far chance goes: those of one record if all records are taken, else all units.
    pub(super) fn group(&self) -> usize {
        if self.complete { self.repeats } else { self.units() }
    }

    /// The record of the background that `unit` takes features from.
    pub(super) fn record(&self, unit: usize) -> usize {
        unit / self.repeats
    }

    /// The unit of this number. Orders depend on nothing but it and the number of features.
    pub(super) fn unit(&self, unit: usize) -> Unit {
        match self.sets {
            true => Unit::Sets { features: self.features },
            false => Unit::Orders { ranks: order(self.features, unit as u64) },
        }
    }
}

/// The rows of a unit.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Unit {
    /// Features come one after the other, in an order and then in the opposite one; row by row, so many of the first are
    /// the item's. For each feature, its place in the first order.
    Orders { ranks: Vec<u32> },
    /// The item's features are those in the bits of the row's number plus one.
    Sets { features: usize },
}

impl Unit {
    /// Whether `feature` is the item's in `row`.
    pub(super) fn is_of_item(&self, row: usize, feature: usize) -> bool {
        match self {
            Unit::Orders { ranks } => {
                let (rank, steps) = (ranks[feature] as usize, ranks.len() - 1);
                if row < steps { rank <= row } else { steps - rank <= row - steps }
            }
            Unit::Sets { .. } => (row + 1) >> feature & 1 == 1,
        }
    }

    /// What each feature adds to a score, on the average over the orders: `row` gives the score of a row of the unit,
    /// `none` is that of the background's record, and `all` that of the item. The sum of them is `all - none`.
    pub(super) fn credit(&self, none: f64, all: f64, row: impl Fn(usize) -> f64, credits: &mut [f64]) {
        match self {
            Unit::Orders { ranks } => {
                let (features, steps) = (ranks.len(), ranks.len() - 1);
                // The score with the first so many features of one of the two orders.
                let with = |first: usize, count: usize| match count {
                    0 => none,
                    count if count == features => all,
                    count => row(first + count - 1),
                };
                for (credit, rank) in credits.iter_mut().zip(ranks) {
                    let (rank, opposite) = (*rank as usize, steps - *rank as usize);
                    let forth = with(0, rank + 1) - with(0, rank);
                    let back = with(steps, opposite + 1) - with(steps, opposite);
                    *credit = (forth + back) / 2.0;
                }
            }
            Unit::Sets { features } => {
                let full = (1_usize << features) - 1;
                let of = |set: usize| match set {
                    0 => none,
                    set if set == full => all,
                    set => row(set - 1),
                };
                // The share of the orders in which a feature comes behind just a set: by the set's size.
                let mut shares = vec![1.0 / *features as f64; *features];
                for size in 1..*features {
                    shares[size] = shares[size - 1] * size as f64 / (features - size) as f64;
                }
                for (feature, credit) in credits.iter_mut().enumerate() {
                    let bit = 1 << feature;
                    let without = (0..=full).filter(|set| set & bit == 0);
                    *credit = without.map(|set| shares[set.count_ones() as usize] * (of(set | bit) - of(set))).sum();
                }
            }
        }
    }
}

/// A random order of so many features: the place of each. The same on every machine.
fn order(features: usize, seed: u64) -> Vec<u32> {
    let mut ranks: Vec<u32> = (0..features as u32).collect();
    let mut state = mixed(seed);
    for last in (1..features).rev() {
        state = mixed(state);
        ranks.swap(last, ((u128::from(state) * (last as u128 + 1)) >> 64) as usize);
    }
    ranks
}

/// The next number of splitmix64 by Sebastiano Vigna.
pub(super) fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Means of credits over the units, and how far chance goes.
pub(super) struct Moments {
    /// Units of a group.
    group: usize,
    /// Units of the group at hand, their means and the squares of what differs from these.
    count: usize,
    means: Vec<f64>,
    squares: Vec<f64>,
    groups: usize,
    /// Sums over the groups before: of means, and of the squares of their standard errors.
    sums: Vec<f64>,
    variances: Vec<f64>,
}

impl Moments {
    /// Those of so many numbers a unit, in groups of so many units.
    pub(super) fn new(numbers: usize, group: usize) -> Self {
        let zeros = || vec![0.0; numbers];
        let (means, squares, sums, variances) = (zeros(), zeros(), zeros(), zeros());
        Moments { group, count: 0, means, squares, groups: 0, sums, variances }
    }

    /// Takes in the numbers of a unit (after Welford).
    pub(super) fn add(&mut self, numbers: &[f64]) {
        self.count += 1;
        let count = self.count as f64;
        for ((number, mean), squares) in numbers.iter().zip(&mut self.means).zip(&mut self.squares) {
            let off = number - *mean;
            *mean += off / count;
            *squares += off * (number - *mean);
        }
        if self.count < self.group {
            return;
        }
        self.groups += 1;
        self.count = 0;
        let degrees = (self.group.max(2) - 1) as f64 * self.group as f64;
        for (sum, mean) in self.sums.iter_mut().zip(&mut self.means) {
            *sum += std::mem::take(mean);
        }
        for (variance, squares) in self.variances.iter_mut().zip(&mut self.squares) {
            *variance += std::mem::take(squares) / degrees;
        }
    }

    /// The means over all groups.
    pub(super) fn means(&self) -> impl Iterator<Item = f64> {
        self.sums.iter().map(|sum| sum / self.groups as f64)
    }

    /// The standard errors of the means.
    pub(super) fn errors(&self) -> impl Iterator<Item = f64> {
        self.variances.iter().map(|variance| variance.sqrt() / self.groups as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_orders_and_differ() {
        for features in [1, 2, 3, 10, 100] {
            let mut sorted = order(features, 7);
            sorted.sort_unstable();
            assert_eq!(sorted, (0..features as u32).collect::<Vec<_>>());
        }
        assert_ne!(order(20, 0), order(20, 1));
        // Each feature comes to each place as often as to others.
        let mut counts = [[0; 4]; 4];
        for seed in 0..4000 {
            order(4, seed).iter().enumerate().for_each(|(feature, rank)| counts[feature][*rank as usize] += 1);
        }
        assert!(counts.iter().flatten().all(|count| (900..1100).contains(count)), "{counts:?}");
    }

    #[test]
    fn rows_take_more_and_more_of_the_item() {
        let unit = Unit::Orders { ranks: vec![1, 0, 2] };
        let rows: Vec<[bool; 3]> = (0..4).map(|row| [0, 1, 2].map(|feature| unit.is_of_item(row, feature))).collect();
        assert_eq!(rows, [[false, true, false], [true, true, false], [false, false, true], [true, false, true]]);
    }

    #[test]
    fn sets_are_gone_through_where_that_is_no_dearer() {
        // Ten records, each with ten pairs of orders: at most 2 * 10 * (features - 1) rows.
        for (features, sets) in [(1, true), (2, true), (6, true), (7, false), (100, false)] {
            let design = Design::new(features, 10, true, 100);
            assert_eq!((design.is_exact(), design.sets), (sets, sets), "{features}");
        }
        let sampled = Design::new(3, 100, false, 100);
        assert!(!sampled.sets && sampled.units() == 100 && sampled.group() == 100);
        assert!(!Design::new(2, 100, false, 100).is_exact());
        // All records, but too few for the samples: several pairs of each.
        let design = Design::new(20, 30, true, 100);
        assert_eq!((design.units(), design.group(), design.record(119)), (120, 4, 29));
    }

    #[test]
    fn moments_are_those_of_the_groups() {
        let mut moments = Moments::new(1, 2);
        for number in [1.0, 3.0, 10.0, 10.0] {
            moments.add(&[number]);
        }
        // Groups of mean 2 (standard error 1) and 10 (none).
        assert_eq!(moments.means().collect::<Vec<_>>(), [6.0]);
        assert_eq!(moments.errors().collect::<Vec<_>>(), [0.5]);
    }
}

//! Sets of values that a node may ask for membership in.

use super::ensemble::Threshold;

/// Disjoint ranges of values, of which both ends belong to the set. NaN is in no set.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueSet<T> {
    /// First and last value of each range, rising.
    ranges: Vec<[T; 2]>,
}

impl<T: Threshold> ValueSet<T> {
    /// The set of `values`, in any order.
    pub fn of_values(values: impl IntoIterator<Item = T>) -> Self {
        Self::of_ranges(values.into_iter().map(|value| [value, value]))
    }

    /// The set of all values that lie in one of `ranges` (first and last value each), which come in any order and may
    /// overlap. Ranges that end before they begin, or have NaN for an end, are empty.
    pub fn of_ranges(ranges: impl IntoIterator<Item = [T; 2]>) -> Self {
        let mut given: Vec<[T; 2]> = ranges.into_iter().filter(|[first, last]| first <= last).collect();
        // There is no NaN among them.
        given.sort_by(|a, b| a[0].partial_cmp(&b[0]).unwrap_or(std::cmp::Ordering::Equal));
        let mut ranges: Vec<[T; 2]> = Vec::with_capacity(given.len());
        for [first, last] in given {
            match ranges.last_mut() {
                Some(before) if first <= before[1] => before[1] = if last > before[1] { last } else { before[1] },
                _ => ranges.push([first, last]),
            }
        }
        ranges.shrink_to_fit();
        ValueSet { ranges }
    }

    /// Whether `x` is in the set.
    pub fn contains(&self, x: T) -> bool {
        let after = self.ranges.partition_point(|[first, _]| *first <= x);
        after > 0 && x <= self.ranges[after - 1][1]
    }

    /// First and last value of each range, rising.
    pub(super) fn ranges(&self) -> &[[T; 2]] {
        &self.ranges
    }
}

impl ValueSet<f64> {
    /// The same set of float32 values; ends that float32 does not have are rounded to it.
    pub fn narrowed(&self) -> ValueSet<f32> {
        ValueSet::of_ranges(self.ranges.iter().map(|range| range.map(|x| x as f32)))
    }
}

impl ValueSet<f32> {
    /// The same set of float64 values.
    pub(super) fn widened(&self) -> ValueSet<f64> {
        ValueSet { ranges: self.ranges.iter().map(|range| range.map(f64::from)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_however_they_are_given() {
        let set = ValueSet::of_values([3.0, -1.0, 0.0, 3.0, f32::INFINITY, f32::NAN]);
        assert_eq!(set.ranges().len(), 4);
        for x in [3.0, -1.0, 0.0, -0.0, f32::INFINITY] {
            assert!(set.contains(x), "{x}");
        }
        for x in [2.0, 3.000_000_2, -2.0, f32::NEG_INFINITY, f32::NAN] {
            assert!(!set.contains(x), "{x}");
        }
        assert!(!ValueSet::of_values([]).contains(0.0f32));
    }

    #[test]
    fn ranges_are_joined() {
        let set = ValueSet::of_ranges([[5.0, 6.0], [1.0, 4.0], [2.0, 3.0], [9.0, 8.0], [f32::NAN, 1.0], [4.0, 4.5]]);
        assert_eq!(set.ranges(), [[1.0, 4.5], [5.0, 6.0]]);
        assert!(set.contains(4.5) && !set.contains(4.75) && set.contains(6.0) && !set.contains(8.5));
        assert_eq!(set.widened().ranges(), [[1.0, 4.5], [5.0, 6.0]]);
    }
}

//! Numbers of model files, as exact as they are written.

use std::str::FromStr;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::scorer::trees::ValueSet;

/// An array of numbers in a JSON file, unparsed: serde_json would round some of them the wrong way.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Numbers<'f>(#[serde(borrow)] &'f RawValue);

impl Numbers<'_> {
    /// The numbers; `name` is what the file calls them.
    pub(super) fn parse<T: FromStr>(&self, name: &str) -> Result<Vec<T>, String> {
        let text = self.0.get().trim();
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let inner = inner.ok_or_else(|| format!("its {name} is no array of numbers"))?.trim();
        if inner.is_empty() { Ok(vec![]) } else { inner.split(',').map(|text| number(text, name)).collect() }
    }
}

/// The number in `text`; `name` is what the file calls it.
pub(super) fn number<T: FromStr>(text: &str, name: &str) -> Result<T, String> {
    let text = text.trim();
    let shown = || text.chars().take(30).collect::<String>();
    text.parse().map_err(|_| format!("its {name} holds {:?} where a number of another kind should be", shown()))
}

/// The largest float32 number that is not above `x`: float32 values are at most the one exactly when they are at most
/// the other. NaN gives NaN.
pub(super) fn rounded_down(x: f64) -> f32 {
    let nearest = x as f32;
    if f64::from(nearest) > x { nearest.next_down() } else { nearest }
}

/// The set of float32 values that become one of `categories`, which rise, when their fraction is cut off; `lowest` is the
/// least value that becomes 0.
pub(super) fn categories(categories: impl IntoIterator<Item = u32>, lowest: f32) -> ValueSet<f32> {
    let mut runs: Vec<[u32; 2]> = Vec::new();
    for category in categories {
        match runs.last_mut() {
            Some([_, last]) if last.checked_add(1) == Some(category) => *last = category,
            _ => runs.push([category, category]),
        }
    }
    ValueSet::of_ranges(runs.into_iter().map(|[first, last]| {
        let first = f64::from(first);
        let nearest = rounded_down(first);
        let from = if f64::from(nearest) < first { nearest.next_up() } else { nearest };
        let below = f64::from(last) + 1.0;
        let to = rounded_down(below);
        [if first == 0.0 { lowest } else { from }, if f64::from(to) == below { to.next_down() } else { to }]
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float32_values_compare_with_rounded_thresholds_as_with_exact_ones() {
        for x in [0.1, -0.1, 1.0, 1e300, -1e300, f64::INFINITY, 1e-46, -1e-46, 16_777_217.0] {
            let rounded = rounded_down(x);
            for value in [rounded.next_down(), rounded, rounded.next_up(), 0.0, f32::INFINITY, f32::MAX] {
                assert_eq!(value <= rounded, f64::from(value) <= x, "{value:e} and {x:e}");
            }
        }
    }

    #[test]
    fn categories_are_whole_parts() {
        let set = categories([0, 1, 2, 7, 16_777_216, 16_777_217], (-1.0f32).next_up());
        for x in [-0.99, -0.0, 0.0, 0.5, 2.99, 7.0, 7.5, 16_777_216.0] {
            assert!(set.contains(x), "{x}");
        }
        for x in [-1.0, 3.0, 6.99, 8.0, 16_777_218.0, 16_777_215.0, f32::INFINITY, f32::NAN] {
            assert!(!set.contains(x), "{x}");
        }
        assert!(!categories([0], 0.0).contains(-0.5));
    }

    #[test]
    fn arrays_of_numbers() {
        let read = |text: &str| serde_json::from_str::<Numbers>(text).unwrap().parse::<f32>("x");
        assert_eq!(read(" [ 1.5, -2E-1,3 ] "), Ok(vec![1.5, -0.2, 3.0]));
        assert_eq!(read("[]"), Ok(vec![]));
        for wrong in ["3", "{}", "[1,\"2\"]", "[[1]]", "[null]", "[true]"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

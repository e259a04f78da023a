//! Categories as the numbers that trees know them by.

use std::collections::HashMap;

use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef, cast::AsArray};
use serde::Deserialize;

use super::city_hash::city_hash_64;
use crate::scorer::ElementType;

/// A category as a model file names it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Category {
    Flag(bool),
    Number(f64),
    Text(String),
}

/// The categories of a feature; a value is known to the trees by its place in a list of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Encoding {
    Texts(HashMap<String, f32>),
    /// Values and their places, by rising value.
    Numbers(Vec<(f32, f32)>),
    /// Texts by the lower half of their hash.
    Hashes(HashMap<i32, f32>),
}

impl Encoding {
    /// Of categories in the order of their places.
    pub(super) fn of(categories: Vec<Category>) -> Self {
        let numbers: Option<Vec<f32>> = categories
            .iter()
            .map(|category| match category {
                Category::Flag(flag) => Some(f32::from(u8::from(*flag))),
                Category::Number(number) => Some(*number as f32),
                Category::Text(_) => None,
            })
            .collect();
        if let Some(numbers) = numbers {
            let mut pairs: Vec<(f32, f32)> = numbers.into_iter().zip((0u32..).map(|place| place as f32)).collect();
            pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
            return Encoding::Numbers(pairs);
        }
        let text = |category| match category {
            Category::Flag(flag) => flag.to_string(),
            Category::Number(number) => number.to_string(),
            Category::Text(text) => text,
        };
        Encoding::Texts(categories.into_iter().map(text).zip((0u32..).map(|place| place as f32)).collect())
    }

    /// Of categories that are known by their hashes, in the order of their places.
    pub(super) fn of_hashes(hashes: &[i32]) -> Self {
        Encoding::Hashes(hashes.iter().copied().zip((0u32..).map(|place| place as f32)).collect())
    }

    /// What the column of the feature holds.
    pub(super) fn element(&self) -> ElementType {
        match self {
            Encoding::Texts(_) | Encoding::Hashes(_) => ElementType::String,
            Encoding::Numbers(_) => ElementType::Float32,
        }
    }

    /// The places of the records `range` of `column`; what is not among the categories is missing. Nothing when the column
    /// is of another type.
    pub(super) fn places(&self, column: &ArrayRef, range: std::ops::Range<usize>) -> Option<Vec<f32>> {
        match self {
            Encoding::Texts(places) => {
                let texts = column.as_string_opt::<i32>()?;
                let place = |row| if texts.is_null(row) { None } else { places.get(texts.value(row)).copied() };
                Some(range.map(|row| place(row).unwrap_or(f32::NAN)).collect())
            }
            Encoding::Hashes(places) => {
                let texts = column.as_string_opt::<i32>()?;
                // A missing text is the empty text.
                let text = |row| if texts.is_null(row) { "" } else { texts.value(row) };
                let place = |row| places.get(&(city_hash_64(text(row).as_bytes()) as i32)).copied();
                Some(range.map(|row| place(row).unwrap_or(f32::NAN)).collect())
            }
            Encoding::Numbers(places) => {
                let place = |x: &f32| {
                    let at = places.partition_point(|(value, _)| value < x);
                    places.get(at).filter(|(value, _)| value == x).map_or(f32::NAN, |(_, place)| *place)
                };
                Some(column.as_primitive_opt::<Float32Type>()?.values()[range].iter().map(place).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Float32Array, StringArray};

    use super::*;

    fn places(json: &str, column: ArrayRef) -> Vec<f32> {
        let len = column.len();
        Encoding::of(serde_json::from_str(json).unwrap()).places(&column, 1..len).unwrap()
    }

    #[test]
    fn categories_become_their_places() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), Some("b"), Some("a"), Some("x"), None]));
        assert!(matches!(places(r#"["a","b"]"#, texts)[..], [b, a, x, none]
            if b == 1.0 && a == 0.0 && x.is_nan() && none.is_nan()));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("abc"), Some("a"), None]));
        let known = Encoding::of_hashes(&[-805_065_478, 978_243_121]).places(&texts, 0..3).unwrap();
        assert!(matches!(known[..], [abc, a, none] if abc == 1.0 && a == 0.0 && none.is_nan()));
        let numbers: ArrayRef = Arc::new(Float32Array::from(vec![0.0, 20.0, 10.0, 15.0, f32::NAN]));
        assert!(matches!(places("[20,10,40]", numbers)[..], [a, b, c, d]
            if a == 0.0 && b == 1.0 && c.is_nan() && d.is_nan()));
    }
}

//! Two columns of predictions, value by value.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef};
use arrow_cast::display::array_value_to_string;
use arrow_schema::{ArrowError, DataType};

/// How the values of a column differ from the expected ones.
#[derive(Debug, PartialEq)]
pub(super) struct ColumnDifference {
    /// The largest distance between two numbers; `None` for labels.
    pub(super) largest: Option<f64>,
    /// Indices of the values that are not the same.
    pub(super) differing: Vec<usize>,
}

/// Compares `have` with `want`, of one type and length: labels must be equal, and floating-point numbers no further
/// apart than `tolerance` and `tolerance` times the expected one together. NaN, which a missing value is too, equals NaN.
pub(super) fn column(have: &ArrayRef, want: &ArrayRef, tolerance: f64) -> Result<ColumnDifference, ArrowError> {
    let rows = have.len().min(want.len());
    if !have.data_type().is_floating() {
        let same = |row: &usize| Ok(text(have, *row)? == text(want, *row)?);
        let differing = (0..rows).filter_map(|row| match same(&row) {
            Ok(true) => None,
            Ok(false) => Some(Ok(row)),
            Err(error) => Some(Err(error)),
        });
        return Ok(ColumnDifference { largest: None, differing: differing.collect::<Result<_, ArrowError>>()? });
    }
    let numbers = |array: &ArrayRef| -> Result<Vec<f64>, ArrowError> {
        let array = arrow_cast::cast(array, &DataType::Float64)?;
        Ok(array.as_primitive::<Float64Type>().iter().map(|number| number.unwrap_or(f64::NAN)).collect())
    };
    let mut found = ColumnDifference { largest: Some(0.0), differing: Vec::new() };
    for (row, (have, want)) in numbers(have)?.into_iter().zip(numbers(want)?).enumerate() {
        let distance = distance(have, want);
        // A number and NaN, or infinities, are infinitely far apart.
        found.largest = found.largest.map(|largest| largest.max(distance));
        if distance > tolerance + tolerance * want.abs() || (distance.is_infinite() && distance > 0.0) {
            found.differing.push(row);
        }
    }
    Ok(found)
}

/// How far apart two numbers are; NaN lies on NaN, and infinitely far from all else.
fn distance(have: f64, want: f64) -> f64 {
    let distance = (have - want).abs();
    match (have == want || (have.is_nan() && want.is_nan()), distance.is_nan()) {
        (true, _) => 0.0,
        (false, true) => f64::INFINITY,
        (false, false) => distance,
    }
}

/// A value as users read it.
pub(super) fn text(array: &ArrayRef, row: usize) -> Result<String, ArrowError> {
    if array.is_null(row) { Ok(String::new()) } else { array_value_to_string(array, row) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Float32Array, Int64Array, StringArray};

    use super::*;

    fn floats(values: &[f32]) -> ArrayRef {
        Arc::new(Float32Array::from(values.to_vec()))
    }

    #[test]
    fn numbers_may_differ_by_the_tolerance() {
        let have = floats(&[1.0, 0.5, 100.0, f32::NAN, f32::INFINITY]);
        let found = column(&have, &have, 0.0).unwrap();
        assert_eq!(found, ColumnDifference { largest: Some(0.0), differing: vec![] });
        let want = floats(&[1.5, 0.5, 100.5, f32::NAN, f32::INFINITY]);
        assert_eq!(column(&have, &want, 0.3).unwrap().differing, [] as [usize; 0]);
        let found = column(&have, &want, 0.1).unwrap();
        assert_eq!(found, ColumnDifference { largest: Some(0.5), differing: vec![0] });
    }

    #[test]
    fn what_is_no_number_on_one_side_differs_at_any_tolerance() {
        for (have, want) in [(f32::NAN, 1.0), (1.0, f32::NAN), (f32::INFINITY, 1.0), (1.0, f32::NEG_INFINITY)] {
            let found = column(&floats(&[have]), &floats(&[want]), 1e30).unwrap();
            assert_eq!(found, ColumnDifference { largest: Some(f64::INFINITY), differing: vec![0] }, "{have} {want}");
        }
    }

    #[test]
    fn labels_must_be_equal() {
        let have: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("b"), Some("")]));
        let want: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("B"), None]));
        assert_eq!(column(&have, &want, 1.0).unwrap(), ColumnDifference { largest: None, differing: vec![1] });
        let labels = |labels: [i64; 2]| Arc::new(Int64Array::from(labels.to_vec())) as ArrayRef;
        assert_eq!(column(&labels([1, 2]), &labels([1, 3]), 5.0).unwrap().differing, [1]);
    }
}

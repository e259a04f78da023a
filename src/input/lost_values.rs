//! Values that become others when a column is given another type.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};

use super::convert::cast;

/// Digits behind the point by which a text is read more finely than a column of decimals holds it.
const MORE_DIGITS: i8 = 20;

/// The rows of `before` whose values `after`, the same column in another type, does not have: there is none, or not the
/// same one. A floating-point number is as good in another floating-point type, unless it is beyond its range.
pub(super) fn lost_values(before: &ArrayRef, after: &ArrayRef) -> Vec<usize> {
    let (from, to) = (before.data_type(), after.data_type());
    let valid_before = before.logical_nulls();
    let valid_after = after.logical_nulls();
    let is_value = |index: usize| valid_before.as_ref().is_none_or(|nulls| nulls.is_valid(index));
    let is_kept = |index: usize| valid_after.as_ref().is_none_or(|nulls| nulls.is_valid(index));
    let missing = |index: usize| is_value(index) && !is_kept(index);
    // What is compared, in one type.
    let (original, returned) = match finer(from, to) {
        Compared::Alike if after.null_count() == before.logical_null_count() => return Vec::new(),
        Compared::Alike => return (0..after.len()).filter(|index| missing(*index)).collect(),
        Compared::In(data_type) => (cast(before, &data_type), cast(after, &data_type)),
    };
    let is_rounded = from.is_floating() && to.is_floating();
    let (Ok(original), Ok(returned)) = (original, returned) else {
        return (0..after.len()).filter(|index| missing(*index)).collect();
    };
    if original.to_data() == returned.to_data() && before.logical_null_count() == original.logical_null_count() {
        return Vec::new();
    }
    let differs = |index: usize| original.is_valid(index) && !same(&original, &returned, index, is_rounded);
    (0..after.len()).filter(|index| is_value(*index) && (!is_kept(*index) || differs(*index))).collect()
}

/// How values before and after are compared.
enum Compared {
    /// They are the same wherever there is one.
    Alike,
    /// In this type, which holds both.
    In(DataType),
}

fn finer(from: &DataType, to: &DataType) -> Compared {
    let is_text = |data_type: &DataType| matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    match (from, to) {
        // A text says all of a value.
        (_, to) if is_text(to) => Compared::Alike,
        (from, DataType::Timestamp(unit, zone)) if is_text(from) && *unit != TimeUnit::Nanosecond => {
            let finer = if *unit == TimeUnit::Microsecond { TimeUnit::Nanosecond } else { TimeUnit::Microsecond };
            Compared::In(DataType::Timestamp(finer, zone.clone()))
        }
        (from, DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale))
            if is_text(from) =>
        {
            Compared::In(DataType::Decimal256(76, scale + MORE_DIGITS))
        }
        (from, DataType::Date32) if is_text(from) => Compared::In(DataType::Timestamp(TimeUnit::Microsecond, None)),
        // Others are read from texts exactly or not at all.
        (from, _) if is_text(from) => Compared::Alike,
        (from, _) => Compared::In(from.clone()),
    }
}

fn same(original: &ArrayRef, returned: &ArrayRef, index: usize, is_rounded: bool) -> bool {
    macro_rules! floats {
        ($float:ty) => {{
            let value = |array: &ArrayRef| array.is_valid(index).then(|| array.as_primitive::<$float>().value(index));
            match (value(original), value(returned)) {
                (Some(a), Some(b)) if is_rounded && a.is_finite() => b.is_finite(),
                // There are two noughts, and NaN is no number.
                (Some(a), Some(b)) => a.partial_cmp(&b) == Some(Ordering::Equal) || (a.is_nan() && b.is_nan()),
                _ => false,
            }
        }};
    }
    match original.data_type() {
        DataType::Float16 => floats!(Float16Type),
        DataType::Float32 => floats!(Float32Type),
        DataType::Float64 => floats!(Float64Type),
        _ => original.slice(index, 1).to_data() == returned.slice(index, 1).to_data(),
    }
}

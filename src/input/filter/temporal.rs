//! Dates and times: what is written in quotes is read in the type of the column.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, TimeUnit};

/// Whether values of this type are dates or points in time.
pub(super) fn is_temporal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
}

/// A column of dates or times as whole numbers of its unit.
pub(super) fn ticks(array: &dyn Array) -> Result<ArrayRef, ArrowError> {
    cast(array, &DataType::Int64)
}

/// What `text` is in the unit of `data_type`; `None` if it is no such date or time, or finer than the unit.
pub(super) fn literal(text: &str, data_type: &DataType) -> Option<i64> {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let value = cast(&texts, data_type).ok()?;
    let fine = match data_type {
        // Nothing is finer, and the range of the others would be cut to that of nanoseconds.
        DataType::Timestamp(TimeUnit::Nanosecond, _) => data_type.clone(),
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        _ => DataType::Timestamp(TimeUnit::Microsecond, None),
    };
    let (written, meant) = (cast(&texts, &fine).ok()?, cast(&value, &fine).ok()?);
    (whole(&written)? == whole(&meant)?).then(|| whole(&value))?
}

fn whole(array: &ArrayRef) -> Option<i64> {
    let ticks = ticks(array).ok()?;
    let ticks = ticks.as_primitive_opt::<Int64Type>()?;
    ticks.is_valid(0).then(|| ticks.value(0))
}

fn cast(array: &dyn Array, to: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(array, to, &CastOptions { safe: true, ..CastOptions::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_ticks() {
        let seconds = DataType::Timestamp(TimeUnit::Second, None);
        let berlin = DataType::Timestamp(TimeUnit::Second, Some("+01:00".into()));
        for (text, data_type, expected) in [
            ("1970-01-03", &DataType::Date32, Some(2)),
            ("9999-12-31", &DataType::Date32, Some(2_932_896)),
            ("1970-01-03 10:00:00", &DataType::Date32, None),
            ("soon", &DataType::Date32, None),
            ("1970-01-02", &DataType::Date64, Some(86_400_000)),
            ("1970-01-02", &seconds, Some(86_400)),
            ("1970-01-02T00:00:05", &seconds, Some(86_405)),
            ("1970-01-02T00:00:05.5", &seconds, None),
            ("1970-01-02T00:00:00", &berlin, Some(82_800)),
            ("1970-01-01T00:00:00.000000001", &DataType::Timestamp(TimeUnit::Nanosecond, None), Some(1)),
        ] {
            assert_eq!(literal(text, data_type), expected, "{text} {data_type}");
        }
    }
}

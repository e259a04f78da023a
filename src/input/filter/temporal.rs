//! Dates and times: what is written in quotes is read in the type of the column.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::{DataType, TimeUnit};
use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

use crate::input::convert::cast;

/// What writers call the zone in which Parquet keeps instants.
const UTC: [&str; 5] = ["UTC", "Etc/UTC", "GMT", "Z", "Zulu"];

/// Whether values of this type are dates or points in time.
pub(super) fn is_temporal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
}

/// What `text` is in the unit of `data_type`; `None` if it is no such date or time, or finer than the unit.
///
/// Without an offset of its own it is by the clocks of the column's zone, and nothing at an hour that these skip or have
/// twice.
pub(super) fn literal(text: &str, data_type: &DataType) -> Option<i64> {
    let DataType::Timestamp(unit, Some(zone)) = data_type else { return by_offset(text, data_type) };
    if zone.starts_with(['+', '-']) {
        return by_offset(text, data_type);
    }
    let at = |offset: &str| by_offset(text, &DataType::Timestamp(*unit, Some(offset.into())));
    let utc = at("+00:00")?;
    let has_offset = at("+01:00") == Some(utc);
    if has_offset || UTC.iter().any(|name| name.eq_ignore_ascii_case(zone)) {
        return Some(utc);
    }
    let second: i64 = match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    let clock = DateTime::from_timestamp(utc.div_euclid(second), 0)?.naive_utc();
    let offset = zone.parse::<Tz>().ok()?.offset_from_local_datetime(&clock).single()?;
    utc.checked_sub(i64::from(offset.fix().local_minus_utc()) * second)
}

/// The same for a type whose zone is an offset, if it has one.
fn by_offset(text: &str, data_type: &DataType) -> Option<i64> {
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
    let ticks = cast(array, &DataType::Int64).ok()?;
    let ticks = ticks.as_primitive_opt::<Int64Type>()?;
    ticks.is_valid(0).then(|| ticks.value(0))
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

    #[test]
    fn clocks_of_the_zone_count() {
        let zoned = |unit, zone: &str| DataType::Timestamp(unit, Some(zone.into()));
        let micros = |zone| zoned(TimeUnit::Microsecond, zone);
        for zone in ["UTC", "utc", "Etc/UTC", "GMT", "Z", "+00:00"] {
            for text in ["2026-01-31", "2026-01-31T00:00:00", "2026-01-31 00:00:00Z", "2026-01-31T01:00:00+01:00"] {
                assert_eq!(literal(text, &micros(zone)), Some(1_769_817_600_000_000), "{text} {zone}");
            }
        }
        for (text, zone, expected) in [
            ("2026-01-31T12:00:00", "Europe/Berlin", Some(1_769_857_200)),
            ("2026-07-31T12:00:00", "Europe/Berlin", Some(1_785_492_000)),
            ("2026-07-31T12:00:00Z", "Europe/Berlin", Some(1_785_499_200)),
            ("2026-01-31", "America/New_York", Some(1_769_835_600)),
            // An hour that is skipped, one that comes twice, and a way to say which of the two.
            ("2026-03-29T02:30:00", "Europe/Berlin", None),
            ("2026-10-25T02:30:00", "Europe/Berlin", None),
            ("2026-10-25T02:30:00+02:00", "Europe/Berlin", Some(1_792_888_200)),
            ("2026-01-31", "Middle/Earth", None),
            ("2026-01-31T00:00:00+01:00", "Middle/Earth", Some(1_769_814_000)),
        ] {
            for (unit, second) in [(TimeUnit::Second, 1), (TimeUnit::Nanosecond, 1_000_000_000)] {
                let expected = expected.map(|seconds: i64| seconds * second);
                assert_eq!(literal(text, &zoned(unit, zone)), expected, "{text} {zone}");
            }
        }
    }
}

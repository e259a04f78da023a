//! Types of the data in place of which a format has others.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, TimeUnit};

/// `data_type` with those types changed for which `change` has another, be they nested or not.
pub(super) fn changed(data_type: &DataType, change: fn(&DataType) -> Option<DataType>) -> DataType {
    if let Some(other) = change(data_type) {
        return other;
    }
    let inside = |field: &FieldRef| changed_field(field, change);
    match data_type {
        DataType::List(field) => DataType::List(inside(field)),
        DataType::LargeList(field) => DataType::LargeList(inside(field)),
        DataType::FixedSizeList(field, len) => DataType::FixedSizeList(inside(field), *len),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inside).collect()),
        DataType::Map(field, is_sorted) => DataType::Map(inside(field), *is_sorted),
        other => other.clone(),
    }
}

/// The same for the type of a field.
pub(super) fn changed_field(field: &FieldRef, change: fn(&DataType) -> Option<DataType>) -> FieldRef {
    let other = changed(field.data_type(), change);
    if &other == field.data_type() { Arc::clone(field) } else { typed(field, &other) }
}

/// `field` with another type.
pub(super) fn typed(field: &Field, data_type: &DataType) -> FieldRef {
    Arc::new(field.clone().with_data_type(data_type.clone()))
}

/// Without dictionaries, of which an Arrow file can hold only one for all blocks.
pub(super) fn without_dictionary(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Dictionary(_, values) => Some(values.as_ref().clone()),
        _ => None,
    }
}

/// Dates and times that Parquet has, in place of those that it would hold as bare numbers: dates in milliseconds, which
/// are whole days by Arrow's own rule, and seconds.
pub(super) fn parquet_time(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Date64 => Some(DataType::Date32),
        DataType::Time32(TimeUnit::Second) => Some(DataType::Time32(TimeUnit::Millisecond)),
        DataType::Timestamp(TimeUnit::Second, zone) => Some(DataType::Timestamp(TimeUnit::Millisecond, zone.clone())),
        DataType::Dictionary(keys, values) => {
            Some(DataType::Dictionary(keys.clone(), Box::new(changed(values, parquet_time))))
        }
        _ => None,
    }
}

/// Types whose values have a text: instants are told in UTC where their zone is a name, and run-ends are expanded.
pub(super) fn displayable_type(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Timestamp(unit, Some(zone)) if !zone.starts_with(['+', '-']) => {
            Some(DataType::Timestamp(*unit, Some("+00:00".into())))
        }
        DataType::RunEndEncoded(_, values) => Some(changed(values.data_type(), displayable_type)),
        _ => None,
    }
}

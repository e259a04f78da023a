//! Columns that are written a value at a time, their types looked up once a block.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, LargeStringArray, StringArray, StringViewArray};
use arrow_buffer::NullBuffer;
use arrow_cast::display::{ArrayFormatter, DurationFormat, FormatOptions};
use arrow_schema::{ArrowError, DataType, Field};

use super::Layout;
use super::half::{has_halves, with_decimals};
use super::probability::Scores;
use super::text::Counter;
use super::types::{changed, displayable_type};
use crate::data::RowNumbers;

/// A column's values by type, and which of them are null.
pub(super) struct Cells<'a> {
    pub(super) values: Values<'a>,
    nulls: Option<&'a NullBuffer>,
}

/// The values of a column.
pub(super) enum Values<'a> {
    /// Row numbers, one a record.
    Rows(&'a [u64]),
    /// Row numbers from a first one on; they are asked for in order.
    Counter(Counter),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    UInt8(&'a [u8]),
    UInt16(&'a [u16]),
    UInt32(&'a [u32]),
    UInt64(&'a [u64]),
    Float32(Box<Scores<'a>>),
    Float64(&'a [f64]),
    Boolean(&'a BooleanArray),
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Utf8View(&'a StringViewArray),
    /// A value a key; nulls of the values count too.
    Dictionary {
        keys: Vec<usize>,
        values: Box<Cells<'a>>,
    },
    /// Decimals: numbers whose text is exact.
    Decimal(ArrayFormatter<'a>),
    /// Anything else, by its usual text.
    Other(ArrayFormatter<'a>),
    /// Nothing but nulls.
    Null,
}

const OPTIONS: FormatOptions<'static> =
    FormatOptions::new().with_display_error(false).with_duration_format(DurationFormat::ISO8601);

impl<'a> Cells<'a> {
    /// Looks up how the values of `array` are written.
    pub(super) fn new(array: &'a ArrayRef) -> Result<Self, ArrowError> {
        let values = match array.data_type() {
            DataType::Int8 => Values::Int8(array.as_primitive::<Int8Type>().values()),
            DataType::Int16 => Values::Int16(array.as_primitive::<Int16Type>().values()),
            DataType::Int32 => Values::Int32(array.as_primitive::<Int32Type>().values()),
            DataType::Int64 => Values::Int64(array.as_primitive::<Int64Type>().values()),
            DataType::UInt8 => Values::UInt8(array.as_primitive::<UInt8Type>().values()),
            DataType::UInt16 => Values::UInt16(array.as_primitive::<UInt16Type>().values()),
            DataType::UInt32 => Values::UInt32(array.as_primitive::<UInt32Type>().values()),
            DataType::UInt64 => Values::UInt64(array.as_primitive::<UInt64Type>().values()),
            DataType::Float32 => Values::Float32(Box::new(Scores::new(array.as_primitive::<Float32Type>().values()))),
            DataType::Float64 => Values::Float64(array.as_primitive::<Float64Type>().values()),
            DataType::Boolean => Values::Boolean(array.as_boolean()),
            DataType::Utf8 => Values::Utf8(array.as_string()),
            DataType::LargeUtf8 => Values::LargeUtf8(array.as_string()),
            DataType::Utf8View => Values::Utf8View(array.as_string_view()),
            DataType::Null => Values::Null,
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                if dictionary.values().is_empty() {
                    Values::Null
                } else {
                    let values = Box::new(Cells::new(dictionary.values())?);
                    Values::Dictionary { keys: dictionary.normalized_keys(), values }
                }
            }
            data_type if data_type.is_decimal() => Values::Decimal(ArrayFormatter::try_new(array, &OPTIONS)?),
            _ => Values::Other(ArrayFormatter::try_new(array, &OPTIONS)?),
        };
        Ok(Cells { values, nulls: array.nulls() })
    }

    /// The row numbers as a column.
    pub(super) fn rows(rows: &'a RowNumbers) -> Self {
        let values = match rows {
            RowNumbers::From(first) => Values::Counter(Counter::new(*first)),
            RowNumbers::Listed(rows) => Values::Rows(rows),
        };
        Cells { values, nulls: None }
    }

    /// Whether there is no value at `index`.
    #[inline]
    pub(super) fn is_null(&self, index: usize) -> bool {
        match self.nulls {
            Some(nulls) => nulls.is_null(index),
            None => matches!(self.values, Values::Null),
        }
    }
}

/// `array` in a type whose values have a text.
pub(super) fn displayable(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let wanted = changed(array.data_type(), displayable_type);
    let array = if &wanted == array.data_type() { Arc::clone(array) } else { arrow_cast::cast(array, &wanted)? };
    if has_halves(&wanted) { with_decimals(&array) } else { Ok(array) }
}

/// JSON text as plain text: a string without its quotes, nothing for `null`, everything else as it is.
pub(super) fn plain_text(json: &StringArray) -> StringArray {
    let plain = |text: &str| match text.trim() {
        "null" => None,
        quoted if quoted.starts_with('"') => Some(serde_json::from_str(quoted).unwrap_or_else(|_| text.to_owned())),
        _ => Some(text.to_owned()),
    };
    json.iter().map(|text| text.and_then(plain)).collect()
}

/// The column `field` of an output that is not JSON.
pub(super) fn without_json(field: &Field, array: &ArrayRef) -> ArrayRef {
    match array.as_string_opt::<i32>() {
        Some(json) if Layout::is_raw_json(field) => Arc::new(plain_text(json)),
        _ => Arc::clone(array),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_plain_text() {
        let json = StringArray::from(vec![
            Some(r#""a \"b\" \u00e9""#),
            Some("12.50"),
            Some("null"),
            None,
            Some(r#"{"a": 1}"#),
            Some("\"broken"),
        ]);
        let plain = [Some("a \"b\" é"), Some("12.50"), None, None, Some(r#"{"a": 1}"#), Some("\"broken")];
        assert_eq!(plain_text(&json), StringArray::from(plain.to_vec()));
    }
}

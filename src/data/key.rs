use std::fmt;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::instants::in_utc;

/// Key of a field's metadata; with the value `true`, its strings are JSON text, to be passed on as it is.
pub const RAW_JSON: &str = "batchscore:json";

/// The value of a record's key, as the JSON text that stands for it. Where the data is JSON it is the data's own text, so
/// that no number changes on its way.
#[derive(Debug, Clone)]
pub struct ItemKey(Box<RawValue>);

impl ItemKey {
    /// The JSON text.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for ItemKey {
    fn eq(&self, other: &ItemKey) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for ItemKey {}

impl Serialize for ItemKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}

/// A value of a key column as JSON: numbers and truth values as they are, all else as text. `None` if it cannot be shown.
pub fn key_value(field: &Field, values: &ArrayRef, row: usize) -> Option<ItemKey> {
    let value = values.slice(row, 1);
    let is_json = field.metadata().get(RAW_JSON).is_some_and(|mark| mark == "true");
    let raw = match value.as_string_opt::<i32>().filter(|texts| is_json && texts.is_valid(0)) {
        Some(texts) => serde_json::from_str(texts.value(0)).ok()?,
        None => serde_json::value::to_raw_value(&json_value(&value)?).ok()?,
    };
    Some(ItemKey(raw))
}

/// The only value of a column.
fn json_value(value: &ArrayRef) -> Option<Value> {
    if value.logical_null_count() > 0 {
        return Some(Value::Null);
    }
    let cast = |to: &DataType| cast_with_options(value, to, &CastOptions::default()).ok();
    match value.data_type() {
        DataType::Boolean => Some(Value::from(value.as_boolean().value(0))),
        DataType::UInt64 => Some(Value::from(value.as_primitive::<UInt64Type>().value(0))),
        data_type if data_type.is_integer() => {
            Some(Value::from(cast(&DataType::Int64)?.as_primitive::<Int64Type>().value(0)))
        }
        // The shortest digits that mean the value in its own type.
        DataType::Float32 => {
            let shown = value.as_primitive::<Float32Type>().value(0).to_string();
            Some(serde_json::from_str(&shown).unwrap_or(Value::Null))
        }
        DataType::Float64 => Some(Value::from(value.as_primitive::<Float64Type>().value(0))),
        data_type => {
            let shown = cast(&in_utc(data_type))?;
            let options = FormatOptions::new().with_display_error(false);
            let shown = ArrayFormatter::try_new(&shown, &options).ok()?;
            Some(Value::from(shown.value(0).try_to_string().ok()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use arrow_array::{Date32Array, Float32Array, Int8Array, StringArray, TimestampMillisecondArray, UInt64Array};

    use super::*;

    impl From<Value> for ItemKey {
        fn from(value: Value) -> ItemKey {
            ItemKey(serde_json::value::to_raw_value(&value).unwrap())
        }
    }

    impl From<&str> for ItemKey {
        fn from(text: &str) -> ItemKey {
            Value::from(text).into()
        }
    }

    #[test]
    fn keys_as_json() {
        let shown = |field: Field, array: ArrayRef| key_value(&field, &array, 0).map(|key| key.to_string());
        let instant = |zone| TimestampMillisecondArray::from(vec![86_400_500]).with_timezone_opt(zone);
        for (array, expected) in [
            (Arc::new(StringArray::from(vec!["a\"b"])) as ArrayRef, r#""a\"b""#),
            (Arc::new(StringArray::from(vec![None::<&str>])), "null"),
            (Arc::new(Int8Array::from(vec![-3])), "-3"),
            (Arc::new(UInt64Array::from(vec![u64::MAX])), "18446744073709551615"),
            (Arc::new(Float32Array::from(vec![0.1])), "0.1"),
            (Arc::new(Float32Array::from(vec![f32::NAN])), "null"),
            (Arc::new(Date32Array::from(vec![1])), r#""1970-01-02""#),
            (Arc::new(instant(None::<&str>)), r#""1970-01-02T00:00:00.500""#),
            (Arc::new(instant(Some("+01:00"))), r#""1970-01-02T01:00:00.500+01:00""#),
            (Arc::new(instant(Some("UTC"))), r#""1970-01-02T00:00:00.500Z""#),
            (Arc::new(instant(Some("Europe/Berlin"))), r#""1970-01-02T00:00:00.500Z""#),
        ] {
            let field = Field::new("k", array.data_type().clone(), true);
            assert_eq!(shown(field, array).as_deref(), Some(expected));
        }
    }

    #[test]
    fn json_keys_are_as_they_were_written() {
        let mark = HashMap::from([(RAW_JSON.to_owned(), "true".to_owned())]);
        let field = Field::new("k", DataType::Utf8, true).with_metadata(mark);
        for text in ["{\"a\": [1]}", "36893488147419103233", "0.10000000000000000000001", "1E2", "\"\\u00e9\"", "null"]
        {
            let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
            assert_eq!(key_value(&field, &array, 0).unwrap().as_json(), text);
        }
        let missing: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
        assert_eq!(key_value(&field, &missing, 0).unwrap().as_json(), "null");
        let broken: ArrayRef = Arc::new(StringArray::from(vec!["{"]));
        assert_eq!(key_value(&field, &broken, 0), None);
    }
}

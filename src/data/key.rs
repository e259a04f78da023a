use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field};
use serde_json::Value;

/// Key of a field's metadata; with the value `true`, its strings are JSON text, to be passed on as it is.
pub const RAW_JSON: &str = "batchscore:json";

/// A value of a key column as JSON: numbers and truth values as they are, all else as text. `None` if it cannot be shown.
pub fn key_value(field: &Field, values: &ArrayRef, row: usize) -> Option<Value> {
    let value = values.slice(row, 1);
    if value.logical_null_count() > 0 {
        return Some(Value::Null);
    }
    let cast = |to: &DataType| cast_with_options(&value, to, &CastOptions::default()).ok();
    match value.data_type() {
        DataType::Utf8 if field.metadata().get(RAW_JSON).is_some_and(|mark| mark == "true") => {
            serde_json::from_str(value.as_string::<i32>().value(0)).ok()
        }
        DataType::Boolean => Some(Value::from(value.as_boolean().value(0))),
        DataType::UInt64 => Some(Value::from(value.as_primitive::<UInt64Type>().value(0))),
        data_type if data_type.is_integer() => {
            Some(Value::from(cast(&DataType::Int64)?.as_primitive::<Int64Type>().value(0)))
        }
        // The shortest digits that mean the value in its own type.
        DataType::Float32 => serde_json::from_str(&value.as_primitive::<Float32Type>().value(0).to_string()).ok(),
        DataType::Float64 => Some(Value::from(value.as_primitive::<Float64Type>().value(0))),
        _ => {
            let options = FormatOptions::new().with_display_error(false);
            let shown = ArrayFormatter::try_new(&value, &options).ok()?;
            Some(Value::from(shown.value(0).try_to_string().ok()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use arrow_array::{Date32Array, Float32Array, Int8Array, StringArray, UInt64Array};
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_as_json() {
        let plain = |array: ArrayRef| key_value(&Field::new("k", array.data_type().clone(), true), &array, 0);
        for (array, expected) in [
            (Arc::new(StringArray::from(vec!["a\"b"])) as ArrayRef, json!("a\"b")),
            (Arc::new(StringArray::from(vec![None::<&str>])), json!(null)),
            (Arc::new(Int8Array::from(vec![-3])), json!(-3)),
            (Arc::new(UInt64Array::from(vec![u64::MAX])), json!(u64::MAX)),
            (Arc::new(Float32Array::from(vec![0.1])), json!(0.1)),
            (Arc::new(Date32Array::from(vec![1])), json!("1970-01-02")),
        ] {
            assert_eq!(plain(array), Some(expected));
        }
        let mark = HashMap::from([(RAW_JSON.to_owned(), "true".to_owned())]);
        let field = Field::new("k", DataType::Utf8, true).with_metadata(mark);
        let array: ArrayRef = Arc::new(StringArray::from(vec!["{\"a\": [1]}"]));
        assert_eq!(key_value(&field, &array, 0), Some(json!({"a": [1]})));
    }
}

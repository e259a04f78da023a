//! About how much memory results take, before there are any.

use arrow_schema::{DataType, Schema};

use super::OutputFormat;
use super::layout::{Layout, Source};

/// What a text takes that nobody has seen yet, in memory.
const USUAL_TEXT: u64 = 32;

/// How many items a list has that nobody has seen yet.
const USUAL_ITEMS: u64 = 16;

/// What a value of most columns takes as text, with what separates it from the next.
const USUAL_WIDTH: u64 = 12;

/// The same for numbers of double precision, most of which have all their digits.
const DOUBLE_WIDTH: u64 = 20;

/// What a name takes as a member of an object, beside its own bytes: quotes and a colon.
const AROUND_NAMES: u64 = 3;

/// About how many bytes the result for a record takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowBytes {
    /// As the scorer gives it.
    pub predicted: u64,
    /// As it waits to be written.
    pub encoded: u64,
}

impl RowBytes {
    pub(super) fn new(layout: &Layout, format: OutputFormat) -> RowBytes {
        let schema: &Schema = layout.schema();
        let (mut predicted, mut encoded) = (0, 0);
        for (source, field) in layout.sources().iter().zip(schema.fields()) {
            let (in_memory, as_text) = (value_bytes(field.data_type()), text_bytes(field.data_type()));
            if let Source::Prediction(_) = source {
                predicted += in_memory;
            }
            encoded += match format {
                OutputFormat::Txt | OutputFormat::Csv => as_text,
                OutputFormat::JsonLines => as_text + field.name().len() as u64 + AROUND_NAMES,
                OutputFormat::Parquet | OutputFormat::Arrow => in_memory,
            };
        }
        RowBytes { predicted, encoded }
    }

    /// What a result takes from the scorer's call until it is encoded, when that of a block is joined from many calls.
    pub fn at_most(self) -> u64 {
        2 * self.predicted + self.encoded
    }
}

/// What a value takes in memory.
fn value_bytes(data_type: &DataType) -> u64 {
    match data_type {
        DataType::Null => 0,
        DataType::Boolean => 1,
        DataType::FixedSizeBinary(width) => (*width).try_into().unwrap_or(0),
        DataType::FixedSizeList(item, len) => value_bytes(item.data_type()) * u64::try_from(*len).unwrap_or(0),
        DataType::List(item) | DataType::LargeList(item) | DataType::Map(item, _) => {
            value_bytes(item.data_type()) * USUAL_ITEMS
        }
        DataType::Struct(fields) => fields.iter().map(|field| value_bytes(field.data_type())).sum(),
        DataType::Dictionary(keys, _) => value_bytes(keys),
        other => other.primitive_width().map_or(USUAL_TEXT, |width| width as u64),
    }
}

/// What a value takes as text.
fn text_bytes(data_type: &DataType) -> u64 {
    match data_type {
        DataType::Null => 1,
        DataType::Float64 => DOUBLE_WIDTH,
        DataType::FixedSizeList(item, len) => text_bytes(item.data_type()) * u64::try_from(*len).unwrap_or(0),
        DataType::List(item) | DataType::LargeList(item) | DataType::Map(item, _) => {
            text_bytes(item.data_type()) * USUAL_ITEMS
        }
        DataType::Struct(fields) => {
            fields.iter().map(|field| text_bytes(field.data_type()) + field.name().len() as u64 + AROUND_NAMES).sum()
        }
        _ => USUAL_WIDTH,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::Field;

    use super::*;

    fn of(types: &[DataType], format: OutputFormat) -> RowBytes {
        let fields: Vec<_> = types.iter().map(|data_type| Field::new("p", data_type.clone(), true)).collect();
        RowBytes::new(&Layout::new(&Schema::new(fields), &Schema::empty()), format)
    }

    #[test]
    fn wide_results_take_what_they_take() {
        let wide = vec![DataType::Float32; 768];
        let bytes = of(&wide, OutputFormat::Csv);
        assert_eq!(bytes.predicted, 768 * 4);
        assert!((768 * 10..768 * 14).contains(&bytes.encoded), "{bytes:?}");
        let bytes = of(&vec![DataType::Float64; 10], OutputFormat::Parquet);
        assert_eq!(bytes.predicted, 80);
        assert!((88..140).contains(&bytes.encoded), "{bytes:?}");
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        let list = of(&[DataType::FixedSizeList(item, 768)], OutputFormat::JsonLines);
        assert_eq!(list.predicted, 768 * 4);
        assert!(list.encoded > 768 * 10, "{list:?}");
    }

    #[test]
    fn a_label_and_two_probabilities_take_little() {
        let types = [DataType::Int64, DataType::Float32, DataType::Float32];
        for format in [OutputFormat::Txt, OutputFormat::Csv, OutputFormat::Parquet, OutputFormat::Arrow] {
            assert!(of(&types, format).at_most() < 100, "{format}");
        }
    }
}

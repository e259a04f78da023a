//! How many bytes the values of a column take once they are laid out plainly, one after the other.
//!
//! Columns often share what they hold: a dictionary has a text once that stands in many rows, a view points into a page
//! that many views point into. What is counted here is what becomes of them when they are written out for a model.

use arrow_array::cast::AsArray;
use arrow_array::types::{ByteArrayType, ByteViewType, Int16Type, Int32Type, Int64Type, RunEndIndexType};
use arrow_array::{Array, GenericByteArray, GenericByteViewArray, OffsetSizeTrait, RecordBatch, RunArray};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;

/// Where the value of a text ends.
const OFFSET_BYTES: u64 = 4;

/// The bytes of the value in a row.
type Bytes<'a> = Box<dyn Fn(usize) -> u64 + 'a>;

/// The bytes that a value takes when its type says so.
pub(super) fn fixed_bytes(data_type: &DataType) -> Option<u64> {
    match data_type {
        DataType::Boolean => Some(1),
        DataType::Null => Some(0),
        DataType::FixedSizeBinary(width) => u64::try_from(*width).ok(),
        DataType::Dictionary(_, values) => fixed_bytes(values),
        DataType::RunEndEncoded(_, values) => fixed_bytes(values.data_type()),
        DataType::FixedSizeList(item, length) => Some(fixed_bytes(item.data_type())? * u64::try_from(*length).ok()?),
        DataType::Struct(fields) => fields.iter().map(|field| fixed_bytes(field.data_type())).sum(),
        other => other.primitive_width().map(|width| width as u64),
    }
}

/// The bytes of each row of a batch.
pub(super) fn row_bytes(batch: &RecordBatch) -> impl Iterator<Item = u64> {
    let fixed: u64 = batch.columns().iter().filter_map(|column| fixed_bytes(column.data_type())).sum();
    let variable = batch.columns().iter().filter(|column| fixed_bytes(column.data_type()).is_none());
    let variable: Vec<Bytes<'_>> = variable.map(|column| value_bytes(column)).collect();
    (0..batch.num_rows()).map(move |row| fixed + variable.iter().map(|bytes| bytes(row)).sum::<u64>())
}

/// The bytes of a whole column.
pub(super) fn column_bytes(column: &dyn Array) -> u64 {
    match fixed_bytes(column.data_type()) {
        Some(width) => width * column.len() as u64,
        None => {
            let bytes = value_bytes(column);
            (0..column.len()).map(bytes).sum()
        }
    }
}

/// The bytes of each value of a column.
fn value_bytes(column: &dyn Array) -> Bytes<'_> {
    if let Some(width) = fixed_bytes(column.data_type()) {
        return Box::new(move |_| width);
    }
    match column.data_type() {
        DataType::Utf8 => texts(column.as_string::<i32>()),
        DataType::LargeUtf8 => texts(column.as_string::<i64>()),
        DataType::Binary => texts(column.as_binary::<i32>()),
        DataType::LargeBinary => texts(column.as_binary::<i64>()),
        DataType::Utf8View => views(column.as_string_view()),
        DataType::BinaryView => views(column.as_binary_view()),
        DataType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let (keys, of_value) = (dictionary.keys(), value_bytes(dictionary.values()));
            // Nulls have keys that may be anything.
            let places = if dictionary.values().is_empty() { Vec::new() } else { dictionary.normalized_keys() };
            Box::new(move |row| match places.get(row) {
                Some(place) if keys.is_valid(row) => of_value(*place),
                _ => OFFSET_BYTES,
            })
        }
        DataType::RunEndEncoded(ends, _) => match ends.data_type() {
            DataType::Int16 => runs::<Int16Type>(column),
            DataType::Int32 => runs::<Int32Type>(column),
            _ => runs::<Int64Type>(column),
        },
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            items(list.value_offsets(), list.values())
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>();
            items(list.value_offsets(), list.values())
        }
        DataType::Map(..) => {
            let map = column.as_map();
            items(map.value_offsets(), map.entries())
        }
        DataType::FixedSizeList(_, length) => {
            let of_item = value_bytes(column.as_fixed_size_list().values());
            let length = usize::try_from(*length).unwrap_or(0);
            Box::new(move |row| (row * length..(row + 1) * length).map(&of_item).sum())
        }
        DataType::Struct(_) => {
            let fields: Vec<Bytes<'_>> = column.as_struct().columns().iter().map(|field| value_bytes(field)).collect();
            Box::new(move |row| fields.iter().map(|field| field(row)).sum())
        }
        _ => {
            let held = column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size());
            let mean = (held / column.len().max(1)) as u64;
            Box::new(move |_| mean)
        }
    }
}

fn texts<T: ByteArrayType>(array: &GenericByteArray<T>) -> Bytes<'_> {
    Box::new(|row| OFFSET_BYTES + array.value_length(row).as_usize() as u64)
}

fn views<T: ByteViewType>(array: &GenericByteViewArray<T>) -> Bytes<'_> {
    // The lower half of a view is the length of its value.
    Box::new(|row| OFFSET_BYTES + u64::from(array.views()[row] as u32))
}

fn runs<R: RunEndIndexType>(column: &dyn Array) -> Bytes<'_> {
    match column.as_any().downcast_ref::<RunArray<R>>() {
        Some(runs) => {
            let of_value = value_bytes(runs.values());
            Box::new(move |row| of_value(runs.get_physical_index(row)))
        }
        None => Box::new(|_| 0),
    }
}

fn items<'a, O: OffsetSizeTrait>(offsets: &'a [O], values: &'a dyn Array) -> Bytes<'a> {
    let range = move |row: usize| offsets[row].as_usize()..offsets[row + 1].as_usize();
    match fixed_bytes(values.data_type()) {
        Some(width) => Box::new(move |row| OFFSET_BYTES + width * range(row).len() as u64),
        None => {
            let of_item = value_bytes(values);
            Box::new(move |row| OFFSET_BYTES + range(row).map(&of_item).sum::<u64>())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{ListBuilder, StringBuilder, StringRunBuilder};
    use arrow_array::{
        ArrayRef, BinaryArray, DictionaryArray, FixedSizeListArray, Int8Array, LargeStringArray, ListArray,
        StringArray, StringViewArray, StructArray,
    };
    use arrow_schema::Field;

    use super::*;

    #[test]
    fn what_is_shared_counts_in_every_row() {
        let long = "x".repeat(100);
        let texts = || StringArray::from(vec![Some("a"), Some(long.as_str()), None, Some(long.as_str())]);
        let dictionary: DictionaryArray<Int32Type> = texts().iter().collect();
        let mut run = StringRunBuilder::<Int32Type>::new();
        run.append_value("a");
        (0..2).for_each(|_| run.append_value(&long));
        run.append_value("bc");
        let mut list = ListBuilder::new(StringBuilder::new());
        for length in [1, 0, 2, 0] {
            (0..length).for_each(|_| list.values().append_value(&long));
            list.append(true);
        }
        let item = Arc::new(Field::new("item", DataType::Utf8, true));
        let pairs = FixedSizeListArray::new(item, 2, Arc::new(texts()), None);
        let numbers =
            ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
        let both = StructArray::from(vec![
            (Arc::new(Field::new("a", DataType::Int8, true)), Arc::new(Int8Array::from(vec![1; 4])) as ArrayRef),
            (Arc::new(Field::new("b", DataType::Utf8, true)), Arc::new(texts())),
        ]);
        for (array, expected) in [
            (Arc::new(texts()) as ArrayRef, vec![5, 104, 4, 104]),
            (Arc::new(LargeStringArray::from_iter(texts().iter())), vec![5, 104, 4, 104]),
            (Arc::new(StringViewArray::from_iter(texts().iter())), vec![5, 104, 4, 104]),
            (
                Arc::new(BinaryArray::from_iter(texts().iter().map(|text| text.map(str::as_bytes)))),
                vec![5, 104, 4, 104],
            ),
            (Arc::new(dictionary), vec![5, 104, 4, 104]),
            (Arc::new(run.finish()), vec![5, 104, 104, 6]),
            (Arc::new(list.finish()), vec![108, 4, 212, 4]),
            (Arc::new(pairs), vec![109, 108]),
            (Arc::new(numbers), vec![20, 4, 4]),
            (Arc::new(both), vec![6, 105, 5, 105]),
            (Arc::new(Int8Array::from(vec![1, 2])), vec![1, 1]),
        ] {
            let name = array.data_type().clone();
            let bytes = |array: &ArrayRef| {
                let batch = RecordBatch::try_from_iter_with_nullable([("c", Arc::clone(array), true)]).unwrap();
                row_bytes(&batch).collect::<Vec<_>>()
            };
            assert_eq!(bytes(&array), expected, "{name}");
            assert_eq!(bytes(&array.slice(1, array.len() - 1)), expected[1..], "{name}");
            assert_eq!(column_bytes(&array), expected.iter().sum::<u64>(), "{name}");
        }
    }
}

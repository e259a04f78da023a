//! Results as Arrow record batches and arrays.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};

use super::cells::without_json;
use super::layout::{Layout, Scored, Source};
use super::{OutputError, OutputFormat};
use crate::data::{InputFile, RAW_JSON, RowNumbers};

/// The columns as a binary format writes them: JSON text is plain text there.
pub(super) fn binary_schema(layout: &Layout) -> SchemaRef {
    let fields = layout.schema().fields().iter().map(|field| {
        if !Layout::is_raw_json(field) {
            return Arc::clone(field);
        }
        let mut metadata = field.metadata().clone();
        metadata.remove(RAW_JSON);
        Arc::new(field.as_ref().clone().with_metadata(metadata))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The columns of an Arrow file: without dictionaries, of which such a file can hold only one for all blocks.
pub(super) fn file_schema(layout: &Layout) -> SchemaRef {
    let schema = binary_schema(layout);
    Arc::new(Schema::new(schema.fields().iter().map(without_dictionaries).collect::<Vec<_>>()))
}

fn without_dictionaries(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        DataType::List(items) => DataType::List(without_dictionaries(items)),
        DataType::LargeList(items) => DataType::LargeList(without_dictionaries(items)),
        DataType::FixedSizeList(items, len) => DataType::FixedSizeList(without_dictionaries(items), *len),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(without_dictionaries).collect()),
        _ => return Arc::clone(field),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// The block's column for `field`, whose source is not the row number or the file.
pub(super) fn column(
    layout: &Layout,
    scored: &Scored,
    index: usize,
    field: &Field,
) -> Result<Option<ArrayRef>, OutputError> {
    let Some(array) = scored.column(layout.sources()[index]) else { return Ok(None) };
    let array = without_json(layout.schema().field(index), array);
    if array.data_type() == field.data_type() {
        return Ok(Some(array));
    }
    // Files of one input may differ a little, in the width of their integers for one.
    arrow_cast::cast(&array, field.data_type()).map(Some).map_err(|cause| OutputError::Mismatch {
        file: scored.file.name.clone(),
        cause: format!("column {:?} is {}, not {}: {cause}", field.name(), array.data_type(), field.data_type()),
    })
}

/// The block as one batch of `schema`, which has the layout's columns.
pub(super) fn batch(layout: &Layout, schema: &SchemaRef, scored: &Scored) -> Result<RecordBatch, OutputError> {
    let rows = scored.predictions.num_rows();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (index, source) in layout.sources().iter().enumerate() {
        let array = match (source, column(layout, scored, index, schema.field(index))?) {
            (_, Some(array)) => array,
            (Source::File, None) => {
                check_file_column(&scored.file, rows)?;
                file_column(&scored.file, rows)
            }
            (_, None) => row_column(&scored.rows, rows),
        };
        columns.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|cause| OutputError::Mismatch { file: scored.file.name.clone(), cause: cause.to_string() })
}

/// What the rows of `batch` take in memory, whatever larger buffers they are a part of.
pub(super) fn size(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| column_size(column)).sum()
}

/// What `column` takes in memory, whatever larger buffers it is a part of.
pub(super) fn column_size(column: &dyn Array) -> usize {
    column.to_data().get_slice_memory_size().unwrap_or(0)
}

/// The row numbers as a column. They fit: no file has 2^63 rows.
pub(super) fn row_column(numbers: &RowNumbers, rows: usize) -> ArrayRef {
    Arc::new(match numbers {
        RowNumbers::From(first) => Int64Array::from_iter_values((*first..).take(rows).map(|row| row as i64)),
        RowNumbers::Listed(numbers) => Int64Array::from_iter_values(numbers.iter().map(|row| *row as i64)),
    })
}

/// The name of `file` as a column, which [`check_file_column`] takes.
pub(super) fn file_column(file: &InputFile, rows: usize) -> ArrayRef {
    Arc::new(StringArray::new_repeated(&file.name, rows))
}

fn check_file_column(file: &InputFile, rows: usize) -> Result<(), OutputError> {
    if file.name.len().saturating_mul(rows) > i32::MAX as usize {
        return Err(OutputError::Value {
            file: file.name.clone(),
            format: OutputFormat::Arrow,
            cause: format!("its name, repeated {rows} times, takes more than 2 GB; write .parquet or .csv"),
        });
    }
    Ok(())
}

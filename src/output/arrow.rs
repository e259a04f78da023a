//! Results as Arrow record batches and arrays.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow_cast::{CastOptions, can_cast_types, cast_with_options};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::cells::without_json;
use super::layout::{Layout, Scored, Source};
use super::types::{changed, changed_field, parquet_time, without_dictionary};
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

/// The columns of an Arrow file.
pub(super) fn file_schema(layout: &Layout) -> SchemaRef {
    with_types(&binary_schema(layout), without_dictionary)
}

/// The columns of a Parquet file.
pub(super) fn parquet_schema(layout: &Layout) -> SchemaRef {
    with_types(&binary_schema(layout), parquet_time)
}

fn with_types(schema: &SchemaRef, change: fn(&DataType) -> Option<DataType>) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().iter().map(|field| changed_field(field, change)).collect::<Vec<_>>()))
}

/// The block's column for `field`, whose source is not the row number or the file.
pub(super) fn column(
    layout: &Layout,
    scored: &Scored,
    index: usize,
    field: &Field,
    format: OutputFormat,
) -> Result<Option<ArrayRef>, OutputError> {
    let Some(array) = scored.column(layout.sources()[index]) else { return Ok(None) };
    let array = without_json(layout.schema().field(index), array);
    if array.data_type() == field.data_type() {
        return Ok(Some(array));
    }
    // Files of one input may differ a little, in the width of their integers for one.
    let types = || format!("column {:?} is {}, not {}", field.name(), array.data_type(), field.data_type());
    let file = || scored.file.name.clone();
    if !can_cast_types(array.data_type(), field.data_type()) {
        return Err(OutputError::Mismatch { file: file(), cause: types() });
    }
    let strictly = CastOptions { safe: false, ..CastOptions::default() };
    let refused = |cause| OutputError::Value { file: file(), format, cause };
    let cast = cast_with_options(&array, field.data_type(), &strictly);
    let cast = cast.map_err(|cause| refused(format!("{}: {cause}", types())))?;
    // A time of day would be lost in a date.
    if changed(array.data_type(), parquet_time) == *field.data_type()
        && arrow_cast::cast(&cast, array.data_type()).is_ok_and(|back| back != array)
    {
        return Err(refused(format!("column {:?} has dates with a time of day", field.name())));
    }
    Ok(Some(cast))
}

/// The block as one batch of `schema`, which has the layout's columns.
pub(super) fn batch(layout: &Layout, schema: &SchemaRef, scored: &Scored) -> Result<RecordBatch, OutputError> {
    let rows = scored.predictions.num_rows();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (index, source) in layout.sources().iter().enumerate() {
        let array = match (source, column(layout, scored, index, schema.field(index), OutputFormat::Arrow)?) {
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

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::{Scene, Table};

/// The columns of a table of numbers; an empty cell is a null.
pub(crate) fn number_columns(table: &Table) -> RecordBatch {
    let columns = table.columns.iter().map(|name| {
        let values: Float64Array = table.column(name).iter().map(|text| text.parse::<f64>().ok()).collect();
        (name.clone(), Arc::new(values) as ArrayRef)
    });
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true))).unwrap()
}

/// Writes a Parquet file of row groups of so many rows.
pub(crate) fn write_parquet(scene: &Scene, name: &str, batch: &RecordBatch, row_group: usize) {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(row_group)).build();
    let file = File::create(scene.path(name)).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// Writes an Arrow IPC file of record batches of so many rows.
pub(crate) fn write_arrow(scene: &Scene, name: &str, batch: &RecordBatch, rows: usize) {
    let file = File::create(scene.path(name)).unwrap();
    let mut writer = arrow_ipc::writer::FileWriter::try_new(file, &batch.schema()).unwrap();
    for start in (0..batch.num_rows()).step_by(rows) {
        writer.write(&batch.slice(start, rows.min(batch.num_rows() - start))).unwrap();
    }
    writer.finish().unwrap();
}

/// Writes an Arrow IPC stream.
pub(crate) fn write_arrow_stream(scene: &Scene, name: &str, batch: &RecordBatch) {
    let file = File::create(scene.path(name)).unwrap();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(file, &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
}

/// `bytes` as one gzip member.
pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

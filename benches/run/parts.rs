//! The same rows as several Parquet files and as one CSV file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;

use crate::Result;
use crate::data::{Layout, Normal, names};

pub(crate) struct Parts {
    /// A folder of files, each as pyarrow would write it.
    pub(crate) parquet: PathBuf,
    pub(crate) csv: PathBuf,
}

/// `rows` by `columns` float32 numbers, made unless they are there; what is interrupted does not bear their folder's name.
pub(crate) fn make(folder: &Path, rows: usize, columns: usize, files: usize) -> Result<Parts> {
    let folder = folder.join(format!("{rows}x{columns}-in-{files}"));
    let parts = |folder: &Path| Parts { parquet: folder.join("parquet"), csv: folder.join("rows.csv") };
    if !folder.exists() {
        let unfinished = folder.with_extension("unfinished");
        write(&parts(&unfinished), rows, columns, files)?;
        std::fs::rename(&unfinished, &folder)?;
    }
    Ok(parts(&folder))
}

fn write(to: &Parts, rows: usize, columns: usize, files: usize) -> Result<()> {
    std::fs::create_dir_all(&to.parquet)?;
    let fields: Vec<_> = names(columns).map(|name| Field::new(name, DataType::Float32, false)).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut csv = BufWriter::with_capacity(1 << 20, File::create(&to.csv)?);
    writeln!(csv, "{}", names(columns).collect::<Vec<_>>().join(","))?;
    let mut numbers = Normal::new();
    let mut buffer = zmij::Buffer::new();
    let mut text = Vec::new();
    for file in 0..files {
        let count = rows * (file + 1) / files - rows * file / files;
        let values: Vec<Vec<f32>> = (0..columns).map(|_| numbers.by_ref().take(count).collect()).collect();
        for row in 0..count {
            text.clear();
            for column in &values {
                text.extend_from_slice(buffer.format(column[row]).as_bytes());
                text.push(b',');
            }
            text.pop();
            text.push(b'\n');
            csv.write_all(&text)?;
        }
        let arrays = values.into_iter().map(|column| Arc::new(Float32Array::from(column)) as ArrayRef).collect();
        let out = File::create(to.parquet.join(format!("part-{file:02}.parquet")))?;
        let mut writer = ArrowWriter::try_new(&out, Arc::clone(&schema), Some(Layout::Pyarrow.properties().build()))?;
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), arrays)?)?;
        writer.close()?;
        // What is left to write back to the disk would disturb the first measurements.
        out.sync_all()?;
    }
    Ok(csv.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?)
}

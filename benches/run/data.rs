//! The data that is scored: standard normal numbers from a fixed seed, made on first use.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

use crate::Result;

/// How a Parquet file is laid out; both kinds are compressed with snappy.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Layout {
    /// Plain encoding, and row groups that several threads can share well.
    Plain,
    /// As pyarrow writes it unless told otherwise: large row groups, each column with a dictionary until that grows too
    /// large to be of use.
    Pyarrow,
}

impl Layout {
    fn name(self) -> &'static str {
        match self {
            Layout::Plain => "plain",
            Layout::Pyarrow => "pyarrow",
        }
    }

    pub(crate) fn properties(self) -> WriterPropertiesBuilder {
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
        match self {
            Layout::Plain => properties.set_dictionary_enabled(false).set_max_row_group_row_count(Some(131_072)),
            Layout::Pyarrow => properties.set_dictionary_enabled(true).set_max_row_group_row_count(Some(1_048_576)),
        }
    }
}

/// A Parquet file of `rows` by `columns` float32 numbers.
pub(crate) fn parquet(folder: &Path, rows: usize, columns: usize, layout: Layout) -> Result<PathBuf> {
    const AT_ONCE: usize = 65_536;
    let folder = folder.join(format!("{rows}x{columns}"));
    make(folder.join(format!("{}.parquet", layout.name())), |file| {
        let fields: Vec<_> = names(columns).map(|name| Field::new(name, DataType::Float32, false)).collect();
        let schema = Arc::new(Schema::new(fields));
        let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(layout.properties().build()))?;
        let mut numbers = Normal::new();
        for first in (0..rows).step_by(AT_ONCE) {
            let count = AT_ONCE.min(rows - first);
            let column = |_| Arc::new(Float32Array::from_iter_values(numbers.by_ref().take(count))) as ArrayRef;
            writer.write(&RecordBatch::try_new(Arc::clone(&schema), (0..columns).map(column).collect())?)?;
        }
        writer.close()?;
        Ok(())
    })
}

/// A CSV file of at least `bytes` with a header.
pub(crate) fn csv(folder: &Path, bytes: u64, columns: usize) -> Result<PathBuf> {
    let header = names(columns).collect::<Vec<_>>().join(",") + "\n";
    let mut buffer = zmij::Buffer::new();
    lines(folder, &format!("{}mb-x{columns}.csv", bytes / 1_000_000), bytes, &header, |numbers, text| {
        for number in numbers.by_ref().take(columns) {
            text.extend_from_slice(buffer.format(number).as_bytes());
            text.push(b',');
        }
        text.pop();
    })
}

/// A file of lines of at least `bytes`, with `header` before them. They are some 100,000 different ones over and over:
/// making them is slower than scoring them.
pub(crate) fn lines(
    folder: &Path,
    name: &str,
    bytes: u64,
    header: &str,
    mut line: impl FnMut(&mut Normal, &mut Vec<u8>),
) -> Result<PathBuf> {
    const DIFFERENT: usize = 100_000;
    make(folder.join(name), |mut file| {
        let mut numbers = Normal::new();
        let mut text = Vec::new();
        for _ in 0..DIFFERENT {
            line(&mut numbers, &mut text);
            text.push(b'\n');
        }
        file.write_all(header.as_bytes())?;
        for _ in 0..bytes.div_ceil(text.len() as u64) {
            file.write_all(&text)?;
        }
        Ok(file.flush()?)
    })
}

/// The names of columns.
pub(crate) fn names(columns: usize) -> impl Iterator<Item = String> {
    (0..columns).map(|column| format!("f{column}"))
}

/// Makes a file unless it is there; what is interrupted does not bear its name.
fn make(path: PathBuf, write: impl FnOnce(BufWriter<File>) -> Result<()>) -> Result<PathBuf> {
    if !path.exists() {
        std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
        let unfinished = path.with_extension("unfinished");
        write(BufWriter::with_capacity(1 << 20, File::create(&unfinished)?))?;
        // What is left to write back to the disk would disturb the first measurements.
        File::open(&unfinished)?.sync_all()?;
        std::fs::rename(&unfinished, &path)?;
    }
    Ok(path)
}

/// Normal numbers by Box and Muller's method, over the SplitMix64 generator of Steele, Lea and Flood.
pub(crate) struct Normal {
    state: u64,
    spare: Option<f32>,
}

impl Normal {
    pub(crate) fn new() -> Self {
        Normal { state: 20_240_517, spare: None }
    }

    /// Above 0, up to 1.
    fn uniform(&mut self) -> f32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 40) as f32 / (1 << 24) as f32 + f32::EPSILON / 4.0
    }
}

impl Iterator for Normal {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        if let Some(spare) = self.spare.take() {
            return Some(spare);
        }
        let radius = (-2.0 * self.uniform().ln()).max(0.0).sqrt();
        let (sin, cos) = (self.uniform() * std::f32::consts::TAU).sin_cos();
        self.spare = Some(radius * sin);
        Some(radius * cos)
    }
}

use std::fmt;
use std::io::Write as _;

use ::arrow_ipc::writer::FileWriter;
use ::arrow_schema::ArrowError;
use ::parquet::errors::ParquetError;

use super::encoder::{Encoded, Encoder, Kind, Piece};
use super::parquet::ParquetWriter;
use super::sink::Sink;
use super::{OutputError, OutputFormat, delimited};
use crate::storage::NewFile;

/// Writes encoded blocks, in the order in which they come, to a new file.
pub struct Writer {
    target: Target,
    format: OutputFormat,
    object: String,
    rows: u64,
    /// Whether a write failed.
    is_broken: bool,
}

enum Target {
    Text(Box<Sink>),
    Parquet(Box<ParquetWriter>),
    Arrow(Box<FileWriter<Sink>>),
}

impl Writer {
    /// Begins the output: writes what stands before the first result.
    pub fn create(file: NewFile, encoder: &Encoder) -> Result<Self, OutputError> {
        let object = file.location();
        let mut sink = Sink::new(file);
        let target = match &encoder.kind {
            Kind::Text => {
                if encoder.format == OutputFormat::Csv {
                    let header = delimited::header(encoder.layout.schema());
                    sink.write_all(&header).map_err(|e| OutputError::from_io(&object, e))?;
                }
                Target::Text(Box::new(sink))
            }
            Kind::Parquet(parquet) => {
                let writer = ParquetWriter::new(sink, parquet).map_err(|e| OutputError::from_parquet(&object, e))?;
                Target::Parquet(Box::new(writer))
            }
            Kind::Arrow(schema) => {
                let writer = FileWriter::try_new(sink, schema).map_err(|e| OutputError::from_arrow(&object, e))?;
                Target::Arrow(Box::new(writer))
            }
        };
        Ok(Writer { target, format: encoder.format, object, rows: 0, is_broken: false })
    }

    /// Appends a block, which must come from the encoder that this writer was created with.
    pub fn write(&mut self, encoded: Encoded) -> Result<(), OutputError> {
        let rows = encoded.rows();
        let result = self.append(encoded.piece);
        match &result {
            Ok(()) => self.rows += rows as u64,
            Err(_) => self.is_broken = true,
        }
        result
    }

    fn append(&mut self, piece: Piece) -> Result<(), OutputError> {
        match (&mut self.target, piece) {
            (Target::Text(sink), Piece::Bytes(bytes)) => {
                sink.write_all(&bytes).map_err(|e| OutputError::from_io(&self.object, e))
            }
            (Target::Parquet(writer), Piece::Parquet(piece)) => {
                writer.write(piece).map_err(|e| OutputError::from_parquet(&self.object, e))
            }
            // A batch costs a few hundred bytes of its own, so that none is written for nothing.
            (Target::Arrow(_), Piece::Batch(batch)) if batch.num_rows() == 0 => Ok(()),
            (Target::Arrow(writer), Piece::Batch(batch)) => {
                writer.write(&batch).map_err(|e| OutputError::from_arrow(&self.object, e))
            }
            _ => Err(OutputError::Format {
                object: self.object.clone(),
                format: self.format,
                cause: "the block was encoded for another format".into(),
            }),
        }
    }

    /// How many results have been written.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Completes the output: it is durable and visible from now on. Says where it is.
    pub fn commit(self) -> Result<String, OutputError> {
        Ok(self.finish()?.commit()?)
    }

    /// Keeps what was written of an unfinished output, closed as its format demands, where the place of the output can
    /// keep it. Says where it is. A Parquet or Arrow file cannot be closed after a failed write, and is given up.
    pub fn keep_partial(self) -> Result<Option<String>, OutputError> {
        if self.is_broken && !matches!(self.target, Target::Text(_)) {
            return Ok(None);
        }
        Ok(self.finish()?.keep_partial()?)
    }

    /// Writes what stands after the last result.
    fn finish(self) -> Result<NewFile, OutputError> {
        let parquet = |e: ParquetError| OutputError::from_parquet(&self.object, e);
        let arrow = |e: ArrowError| OutputError::from_arrow(&self.object, e);
        let sink = match self.target {
            Target::Text(sink) => *sink,
            Target::Parquet(writer) => writer.finish().map_err(parquet)?,
            Target::Arrow(mut writer) => {
                writer.finish().map_err(arrow)?;
                writer.into_inner().map_err(arrow)?
            }
        };
        sink.into_file().map_err(|e| OutputError::from_io(&self.object, e))
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writer({}, {} rows)", self.object, self.rows)
    }
}

use std::fmt;
use std::io::{self, Write as _};

use ::arrow_ipc::writer::FileWriter as ArrowWriter;
use ::arrow_schema::ArrowError;
use ::parquet::errors::ParquetError;
use ::zstd::stream::write::Encoder as ZstdEncoder;

use super::compression::{gzip_member, zstd_frame};
use super::encoder::{Encoder, Kind, Piece};
use super::parquet::ParquetWriter;
use super::sink::Sink;
use super::{Compression, OutputError, OutputForm, OutputFormat, delimited};
use crate::storage::NewFile;

/// Writes encoded blocks, in the order in which they come, to a new file.
pub(super) struct FileWriter {
    target: Target,
    form: OutputForm,
    object: String,
    rows: u64,
    /// Whether a write failed.
    is_broken: bool,
}

enum Target {
    Text(Box<Sink>),
    Zstd(Box<ZstdEncoder<'static, Sink>>),
    Parquet(Box<ParquetWriter>),
    Arrow(Box<ArrowWriter<Sink>>),
}

impl FileWriter {
    /// Begins the file: writes what stands before the first result.
    pub(super) fn create(file: NewFile, encoder: &Encoder) -> Result<Self, OutputError> {
        let object = file.location();
        let sink = Sink::new(file);
        let target = match &encoder.kind {
            Kind::Text => Target::text(sink, encoder).map_err(|e| OutputError::from_io(&object, e))?,
            Kind::Parquet(parquet) => {
                let writer = ParquetWriter::new(sink, parquet).map_err(|e| OutputError::from_parquet(&object, e))?;
                Target::Parquet(Box::new(writer))
            }
            Kind::Arrow(schema, options) => {
                let writer = ArrowWriter::try_new_with_options(sink, schema, options.clone());
                Target::Arrow(Box::new(writer.map_err(|e| OutputError::from_arrow(&object, e))?))
            }
        };
        Ok(FileWriter { target, form: encoder.form, object, rows: 0, is_broken: false })
    }

    /// Appends a block, which must come from the encoder that this writer was created with.
    pub(super) fn write(&mut self, rows: usize, piece: Piece) -> Result<(), OutputError> {
        let result = self.append(piece);
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
            (Target::Zstd(frame), Piece::Bytes(bytes)) => {
                frame.write_all(&bytes).map_err(|e| OutputError::from_io(&self.object, e))
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
                format: self.form.format,
                cause: "the block was encoded for another format".into(),
            }),
        }
    }

    /// How many results have been written.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// About how many bytes the file has by now.
    pub(super) fn bytes(&self) -> u64 {
        match &self.target {
            Target::Text(sink) => sink.written(),
            Target::Zstd(frame) => frame.get_ref().written(),
            Target::Parquet(writer) => writer.bytes(),
            Target::Arrow(writer) => writer.get_ref().written(),
        }
    }

    /// The same as [`FileWriter::finish`] for an output that is not complete: `None` when a write failed, unless it is plain
    /// or gzipped text, which ends with a whole block then. The others cannot be closed after a failed write.
    pub(super) fn finish_unless_broken(self) -> Result<Option<NewFile>, OutputError> {
        if self.is_broken && !matches!(self.target, Target::Text(_)) {
            return Ok(None);
        }
        self.finish().map(Some)
    }

    /// Writes what stands after the last result.
    pub(super) fn finish(self) -> Result<NewFile, OutputError> {
        let io = |e: io::Error| OutputError::from_io(&self.object, e);
        let parquet = |e: ParquetError| OutputError::from_parquet(&self.object, e);
        let arrow = |e: ArrowError| OutputError::from_arrow(&self.object, e);
        let sink = match self.target {
            Target::Text(mut sink) => {
                // No member at all would not be a gzip file.
                if self.form.compression == Some(Compression::Gzip) && sink.written() == 0 {
                    gzip_member(&[]).and_then(|empty| sink.write_all(&empty)).map_err(io)?;
                }
                *sink
            }
            Target::Zstd(frame) => frame.finish().map_err(io)?,
            Target::Parquet(writer) => writer.finish().map_err(parquet)?,
            Target::Arrow(mut writer) => {
                writer.finish().map_err(arrow)?;
                writer.into_inner().map_err(arrow)?
            }
        };
        sink.into_file().map_err(io)
    }
}

impl Target {
    /// A text, with its header if it has one.
    fn text(mut sink: Sink, encoder: &Encoder) -> io::Result<Target> {
        let OutputForm { format, compression } = encoder.form;
        let header = match format {
            OutputFormat::Csv => delimited::header(encoder.layout.schema()),
            _ => Vec::new(),
        };
        if compression == Some(Compression::Zstd) {
            let mut frame = zstd_frame(sink)?;
            frame.write_all(&header)?;
            return Ok(Target::Zstd(Box::new(frame)));
        }
        match compression {
            Some(Compression::Gzip) if !header.is_empty() => sink.write_all(&gzip_member(&header)?)?,
            _ => sink.write_all(&header)?,
        }
        Ok(Target::Text(Box::new(sink)))
    }
}

impl fmt::Debug for FileWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileWriter({}, {} rows)", self.object, self.rows)
    }
}

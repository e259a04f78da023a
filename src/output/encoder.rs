use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::IpcWriteOptions;
use arrow_schema::{ArrowError, SchemaRef};

use super::compression::gzip_member;
use super::layout::{Layout, Scored};
use super::parquet::{ColumnChunk, ParquetEncoder, ParquetPiece};
use super::{Compression, OutputError, OutputForm, OutputFormat, RowBytes, arrow, delimited, json};
use crate::data::InputFile;
use crate::policy::PartitionSize;

/// Turns blocks of results into pieces of the output. It is shared by all workers, which do the costly work here.
pub struct Encoder {
    pub(super) form: OutputForm,
    pub(super) layout: Layout,
    pub(super) kind: Kind,
    /// Whether pieces may have to be cut.
    is_cut_by_records: bool,
}

/// What a format needs to know besides the layout.
pub(super) enum Kind {
    Text,
    Parquet(Arc<ParquetEncoder>),
    Arrow(SchemaRef, IpcWriteOptions),
}

/// A block of results as the output holds it, ready to be written.
pub struct Encoded {
    rows: usize,
    bytes: usize,
    pub(super) piece: Piece,
    /// The file that the records come from, and the first and last row; `None` when there is no record.
    pub(super) span: Option<(Arc<InputFile>, u64, u64)>,
    /// What was encoded, where a part of the output may end within it.
    pub(super) scored: Option<Scored>,
}

/// What a writer appends.
pub(super) enum Piece {
    Bytes(Vec<u8>),
    Parquet(ParquetPiece),
    Batch(RecordBatch),
}

impl Encoder {
    /// Prepares the encoding of these columns; fails when the format cannot hold them.
    pub fn new(form: OutputForm, layout: &Layout) -> Result<Self, OutputError> {
        let kind = match form.format {
            OutputFormat::Txt | OutputFormat::Csv | OutputFormat::JsonLines => Kind::Text,
            OutputFormat::Parquet => Kind::Parquet(Arc::new(ParquetEncoder::new(layout, form.compression)?)),
            OutputFormat::Arrow => {
                let options = IpcWriteOptions::default()
                    .try_with_compression(form.compression.and_then(Compression::of_arrow))
                    .map_err(|cause| OutputError::UnsupportedColumn {
                        format: form.format,
                        cause: cause.to_string(),
                    })?;
                Kind::Arrow(arrow::file_schema(layout), options)
            }
        };
        Ok(Encoder { form, layout: layout.clone(), kind, is_cut_by_records: false })
    }

    /// The same for an output in parts of this size.
    pub fn for_parts(self, size: PartitionSize) -> Self {
        Encoder { is_cut_by_records: matches!(size, PartitionSize::Records(_)), ..self }
    }

    /// About how many bytes the result for a record takes.
    pub fn row_bytes(&self) -> RowBytes {
        let bytes = RowBytes::new(&self.layout, self.form.format);
        // What may have to be cut is kept until it is written.
        let kept = if self.is_cut_by_records { bytes.predicted } else { 0 };
        RowBytes { encoded: bytes.encoded + kept, ..bytes }
    }

    /// The format that it writes.
    pub fn format(&self) -> OutputFormat {
        self.form.format
    }

    /// Encodes a block.
    pub fn encode(&self, scored: &Scored) -> Result<Encoded, OutputError> {
        self.layout.check(scored)?;
        let piece = match &self.kind {
            Kind::Text => Piece::Bytes(self.encode_text(scored).map_err(|cause| OutputError::Value {
                file: scored.file.name.clone(),
                format: self.form.format,
                cause: cause.to_string(),
            })?),
            Kind::Parquet(encoder) => Piece::Parquet(encoder.encode(scored)?),
            Kind::Arrow(schema, _) => Piece::Batch(arrow::batch(&self.layout, schema, scored)?),
        };
        let bytes = match &piece {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::Parquet(ParquetPiece::RowGroup(chunks)) => chunks.iter().map(ColumnChunk::len).sum(),
            Piece::Parquet(ParquetPiece::Rows(rows)) => rows.size(),
            Piece::Batch(batch) => arrow::size(batch),
        };
        let rows = scored.predictions.num_rows();
        let span = rows.checked_sub(1).map(|last| {
            let numbers = &scored.rows;
            (Arc::clone(&scored.file), numbers.get(0), numbers.get(last))
        });
        let scored = self.is_cut_by_records.then(|| scored.clone());
        let bytes =
            bytes + scored.as_ref().map_or(0, |scored| arrow::size(&scored.predictions) + arrow::size(&scored.kept));
        Ok(Encoded { rows, bytes, piece, span, scored })
    }

    fn encode_text(&self, scored: &Scored) -> Result<Vec<u8>, ArrowError> {
        let text = match self.form.format {
            OutputFormat::JsonLines => json::encode(&self.layout, scored)?,
            _ => delimited::encode(&self.layout, scored)?,
        };
        match self.form.compression {
            Some(Compression::Gzip) if !text.is_empty() => Ok(gzip_member(&text)?),
            _ => Ok(text),
        }
    }
}

impl Encoded {
    /// How many results it holds.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// About how many bytes it takes in memory until it is written.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoder({}, {} columns)", self.form.format, self.layout.schema().fields().len())
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoded({} rows, {} bytes)", self.rows, self.bytes)
    }
}

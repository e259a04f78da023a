use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};

use super::layout::{Layout, Scored};
use super::parquet::{ColumnChunk, ParquetEncoder, ParquetPiece};
use super::{OutputError, OutputFormat, arrow, delimited, json};

/// Turns blocks of results into pieces of the output. It is shared by all workers, which do the costly work here.
pub struct Encoder {
    pub(super) format: OutputFormat,
    pub(super) layout: Layout,
    pub(super) kind: Kind,
}

/// What a format needs to know besides the layout.
pub(super) enum Kind {
    Text,
    Parquet(Arc<ParquetEncoder>),
    Arrow(SchemaRef),
}

/// A block of results as the output holds it, ready to be written.
pub struct Encoded {
    rows: usize,
    bytes: usize,
    pub(super) piece: Piece,
}

/// What a writer appends.
pub(super) enum Piece {
    Bytes(Vec<u8>),
    Parquet(ParquetPiece),
    Batch(RecordBatch),
}

impl Encoder {
    /// Prepares the encoding of these columns; fails when the format cannot hold them.
    pub fn new(format: OutputFormat, layout: &Layout) -> Result<Self, OutputError> {
        let kind = match format {
            OutputFormat::Txt | OutputFormat::Csv | OutputFormat::JsonLines => Kind::Text,
            OutputFormat::Parquet => Kind::Parquet(Arc::new(ParquetEncoder::new(layout)?)),
            OutputFormat::Arrow => Kind::Arrow(arrow::file_schema(layout)),
        };
        Ok(Encoder { format, layout: layout.clone(), kind })
    }

    /// The format that it writes.
    pub fn format(&self) -> OutputFormat {
        self.format
    }

    /// Encodes a block.
    pub fn encode(&self, scored: &Scored) -> Result<Encoded, OutputError> {
        self.layout.check(scored)?;
        let value_error = |cause: ArrowError| OutputError::Value {
            file: scored.file.name.clone(),
            format: self.format,
            cause: cause.to_string(),
        };
        let piece = match &self.kind {
            Kind::Text if self.format == OutputFormat::JsonLines => {
                Piece::Bytes(json::encode(&self.layout, scored).map_err(value_error)?)
            }
            Kind::Text => Piece::Bytes(delimited::encode(&self.layout, scored).map_err(value_error)?),
            Kind::Parquet(encoder) => Piece::Parquet(encoder.encode(scored)?),
            Kind::Arrow(schema) => Piece::Batch(arrow::batch(&self.layout, schema, scored)?),
        };
        let bytes = match &piece {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::Parquet(ParquetPiece::RowGroup(chunks)) => chunks.iter().map(ColumnChunk::len).sum(),
            Piece::Parquet(ParquetPiece::Rows(rows)) => rows.size(),
            Piece::Batch(batch) => arrow::size(batch),
        };
        Ok(Encoded { rows: scored.predictions.num_rows(), bytes, piece })
    }
}

impl Encoded {
    /// How many results it holds.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// About how many bytes it takes, in memory and in the output.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoder({}, {} columns)", self.format, self.layout.schema().fields().len())
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoded({} rows, {} bytes)", self.rows, self.bytes)
    }
}

//! Parquet: a row group a block, encoded by the workers; blocks too small for one are gathered by the writer.
//!
//! How each column is encoded was chosen by measuring, unless the user chooses the compression. Floating-point scores hardly repeat, so a dictionary costs twenty
//! times more than their plain bytes and compression gains nothing: they are written plainly. Integers (classes, counts,
//! times) are delta-encoded, which leaves nothing for a compressor to do. Strings get a dictionary and Snappy.

use std::io;
use std::sync::Arc;

use ::parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use ::parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use ::parquet::basic::{Encoding, Type};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::types::SchemaDescPtr;
use arrow_array::{Array, ArrayRef};
use arrow_schema::SchemaRef;

use super::arrow::{column, column_size, file_column, parquet_schema, row_column};
use super::constant_chunk::{Chunk, consecutive, constant};
use super::layout::{Layout, Scored, Source};
use super::sink::Sink;
use super::{Compression, OutputError, OutputFormat};
use crate::data::{InputFile, RowNumbers};

/// Blocks of fewer rows are gathered: a row group for each would make a file that is slow to read.
const SMALL_BLOCK: usize = 16 << 10;

/// Gathered rows become a row group when there are so many.
const GATHERED_ROWS: usize = 64 << 10;

/// Gathered rows become a row group when they take so many bytes.
const GATHERED_BYTES: usize = 8 << 20;

/// Turns blocks into row groups.
pub(super) struct ParquetEncoder {
    layout: Layout,
    schema: SchemaRef,
    descr: SchemaDescPtr,
    properties: WriterPropertiesPtr,
    factory: ArrowRowGroupWriterFactory,
}

/// A block that is ready to be written.
pub(super) enum ParquetPiece {
    /// A row group's column chunks.
    RowGroup(Vec<ColumnChunk>),
    /// Rows to be gathered.
    Rows(Rows),
}

/// Rows that are not encoded yet.
pub(super) struct Rows {
    len: usize,
    /// One for each of the schema's columns.
    columns: Vec<Column>,
}

/// A column of some rows.
enum Column {
    Values(ArrayRef),
    /// The same file in each row.
    File(Arc<InputFile>),
    /// The number of the first row; the next ones follow.
    RowsFrom(u64),
}

/// A column chunk of a row group.
pub(super) enum ColumnChunk {
    Encoded(ArrowColumnChunk),
    Constant(Chunk),
}

impl ColumnChunk {
    /// Bytes that it takes in memory and in the file.
    pub(super) fn len(&self) -> usize {
        match self {
            ColumnChunk::Encoded(chunk) => chunk.close().bytes_written as usize,
            ColumnChunk::Constant(chunk) => chunk.pages.len(),
        }
    }

    fn append_to(self, group: &mut SerializedRowGroupWriter<'_, Sink>) -> Result<()> {
        match self {
            ColumnChunk::Encoded(chunk) => chunk.append_to_row_group(group),
            ColumnChunk::Constant(chunk) => group.append_column(&chunk.pages, chunk.close),
        }
    }
}

impl ParquetEncoder {
    /// Every column gets this compression, or the one that suits it.
    pub(super) fn new(layout: &Layout, compression: Option<Compression>) -> std::result::Result<Self, OutputError> {
        let schema = parquet_schema(layout);
        let refuse =
            |e: ParquetError| OutputError::UnsupportedColumn { format: OutputFormat::Parquet, cause: e.to_string() };
        let descr = Arc::new(ArrowSchemaConverter::new().convert(&schema).map_err(refuse)?);
        let properties = Arc::new(properties(&descr, &schema, compression));
        // The factory is made from a file's writer, but keeps nothing of the file.
        let root = descr.root_schema_ptr();
        let nowhere = SerializedFileWriter::new(io::sink(), root, Arc::clone(&properties)).map_err(refuse)?;
        let factory = ArrowRowGroupWriterFactory::new(&nowhere, Arc::clone(&schema));
        // Refuses here, before any work, what would be refused at the first block.
        factory.create_column_writers(0).map_err(refuse)?;
        Ok(ParquetEncoder { layout: layout.clone(), schema, descr, properties, factory })
    }

    pub(super) fn encode(&self, scored: &Scored) -> std::result::Result<ParquetPiece, OutputError> {
        let len = scored.predictions.num_rows();
        let columns = self.layout.sources().iter().enumerate().map(|(index, source)| {
            let array = column(&self.layout, scored, index, self.schema.field(index), OutputFormat::Parquet)?;
            Ok(match (array, source, &scored.rows) {
                (Some(array), ..) => Column::Values(array),
                (None, Source::File, _) => Column::File(Arc::clone(&scored.file)),
                (None, _, RowNumbers::From(first)) => Column::RowsFrom(*first),
                (None, _, listed) => Column::Values(row_column(listed, len)),
            })
        });
        let rows = Rows { len, columns: columns.collect::<std::result::Result<_, OutputError>>()? };
        if len < SMALL_BLOCK {
            return Ok(ParquetPiece::Rows(rows));
        }
        self.row_group(&rows).map(ParquetPiece::RowGroup).map_err(|cause| OutputError::Value {
            file: scored.file.name.clone(),
            format: OutputFormat::Parquet,
            cause: cause.to_string(),
        })
    }

    fn row_group(&self, rows: &Rows) -> Result<Vec<ColumnChunk>> {
        let mut chunks = Vec::with_capacity(self.descr.num_columns());
        let mut writers = self.factory.create_column_writers(0)?.into_iter();
        for (column, field) in rows.columns.iter().zip(self.schema.fields()) {
            let descr = self.descr.column(chunks.len());
            let made = match column {
                Column::File(file) => constant(&descr, file.name.as_bytes(), rows.len)?,
                // No file has 2^63 rows.
                Column::RowsFrom(first) => consecutive(&descr, *first as i64, rows.len)?,
                Column::Values(array) => {
                    for leaf in compute_leaves(field, array)? {
                        let Some(mut writer) = writers.next() else {
                            return Err(ParquetError::General("a column has more leaves than its type".into()));
                        };
                        writer.write(&leaf)?;
                        chunks.push(ColumnChunk::Encoded(writer.close()?));
                    }
                    continue;
                }
            };
            // The writer that is not needed has no pages yet and is dropped.
            writers.next();
            chunks.push(ColumnChunk::Constant(made));
        }
        Ok(chunks)
    }
}

impl Rows {
    /// The rows of `parts`, of which there is at least one, after each other.
    fn concat(parts: &[Rows]) -> Result<Rows> {
        let len = parts.iter().map(|part| part.len).sum();
        let columns = (0..parts[0].columns.len()).map(|index| {
            let columns: Vec<_> = parts.iter().map(|part| (part.len, &part.columns[index])).collect();
            Column::concat(&columns)
        });
        Ok(Rows { len, columns: columns.collect::<Result<_>>()? })
    }

    /// What they take in memory, whatever larger buffers they are a part of.
    pub(super) fn size(&self) -> usize {
        self.columns.iter().map(Column::size).sum()
    }
}

impl Column {
    /// `parts`, each with its number of rows, after each other; all are of one column.
    fn concat(parts: &[(usize, &Column)]) -> Result<Column> {
        let same_file = |file: &Arc<InputFile>| {
            parts.iter().all(|(_, part)| matches!(part, Column::File(other) if other.name == file.name))
        };
        let follow = |mut next: u64| {
            parts.iter().all(|(len, part)| {
                let follows = matches!(part, Column::RowsFrom(first) if *first == next);
                next += *len as u64;
                follows
            })
        };
        match parts[0].1 {
            Column::File(file) if same_file(file) => Ok(Column::File(Arc::clone(file))),
            Column::RowsFrom(first) if follow(*first) => Ok(Column::RowsFrom(*first)),
            _ => {
                let arrays: Vec<ArrayRef> = parts.iter().map(|(len, part)| part.to_array(*len)).collect();
                let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
                Ok(Column::Values(arrow_select::concat::concat(&arrays)?))
            }
        }
    }

    fn to_array(&self, len: usize) -> ArrayRef {
        match self {
            Column::Values(array) => Arc::clone(array),
            Column::File(file) => file_column(file, len),
            Column::RowsFrom(first) => row_column(&RowNumbers::From(*first), len),
        }
    }

    fn size(&self) -> usize {
        match self {
            Column::Values(array) => column_size(array),
            Column::File(_) | Column::RowsFrom(_) => 0,
        }
    }
}

/// How each column is written: see the module's description.
fn properties(descr: &SchemaDescPtr, schema: &SchemaRef, compression: Option<Compression>) -> WriterProperties {
    let numbers = compression.unwrap_or(Compression::None).of_parquet();
    let mut builder = WriterProperties::builder()
        .set_compression(compression.unwrap_or(Compression::Snappy).of_parquet())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    for leaf in descr.columns() {
        let path = leaf.path().clone();
        builder = match leaf.physical_type() {
            Type::FLOAT | Type::DOUBLE => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path.clone(), Encoding::PLAIN)
                .set_column_compression(path, numbers),
            Type::INT32 | Type::INT64 => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED)
                .set_column_compression(path, numbers),
            _ => builder,
        };
    }
    let mut properties = builder.build();
    // Lets readers that know Arrow have the very types back.
    add_encoded_arrow_schema_to_metadata(schema, &mut properties);
    properties
}

/// Writes row groups to a file.
pub(super) struct ParquetWriter {
    encoder: Arc<ParquetEncoder>,
    file: SerializedFileWriter<Sink>,
    gathered: Vec<Rows>,
    gathered_rows: usize,
    gathered_bytes: usize,
}

impl ParquetWriter {
    pub(super) fn new(sink: Sink, encoder: &Arc<ParquetEncoder>) -> Result<Self> {
        let root = encoder.descr.root_schema_ptr();
        Ok(ParquetWriter {
            encoder: Arc::clone(encoder),
            file: SerializedFileWriter::new(sink, root, Arc::clone(&encoder.properties))?,
            gathered: Vec::new(),
            gathered_rows: 0,
            gathered_bytes: 0,
        })
    }

    pub(super) fn write(&mut self, piece: ParquetPiece) -> Result<()> {
        match piece {
            ParquetPiece::RowGroup(chunks) => {
                self.flush_gathered()?;
                self.append(chunks)
            }
            ParquetPiece::Rows(rows) => {
                self.gathered_rows += rows.len;
                self.gathered_bytes += rows.size();
                self.gathered.push(rows);
                if self.gathered_rows >= GATHERED_ROWS || self.gathered_bytes >= GATHERED_BYTES {
                    self.flush_gathered()?;
                }
                Ok(())
            }
        }
    }

    /// How many bytes have been written, and those that rows which wait take about.
    pub(super) fn bytes(&self) -> u64 {
        (self.file.bytes_written() + self.gathered_bytes) as u64
    }

    /// Writes the footer and gives the file back.
    pub(super) fn finish(mut self) -> Result<Sink> {
        self.flush_gathered()?;
        self.file.into_inner()
    }

    fn append(&mut self, chunks: Vec<ColumnChunk>) -> Result<()> {
        let mut group = self.file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to(&mut group)?;
        }
        group.close()?;
        Ok(())
    }

    fn flush_gathered(&mut self) -> Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        if std::mem::take(&mut self.gathered_rows) > 0 {
            let chunks = self.encoder.row_group(&Rows::concat(&gathered)?)?;
            self.append(chunks)?;
        }
        self.gathered_bytes = 0;
        Ok(())
    }
}

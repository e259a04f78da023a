//! Parquet column chunks that need no encoder: one value for all rows, and consecutive numbers.
//!
//! Every row of a block has the same file and, as a rule, the next row number. An encoder would look at each of them and
//! cost more than all other columns together; the pages written here have the same content and cost nothing. They use
//! what every reader of Parquet knows: a dictionary of one value with one run of its index, and delta encoding in which
//! all deltas are alike.

use ::parquet::basic::{Compression, Encoding};
use ::parquet::column::writer::ColumnCloseResult;
use ::parquet::data_type::ByteArray;
use ::parquet::errors::Result;
use ::parquet::file::metadata::{ColumnChunkMetaData, ColumnChunkMetaDataBuilder};
use ::parquet::file::statistics::Statistics;
use ::parquet::schema::types::ColumnDescPtr;
use bytes::Bytes;

/// Numbers of the format's own lists: page types and encodings.
mod code {
    pub(super) const DATA_PAGE: i64 = 0;
    pub(super) const DICTIONARY_PAGE: i64 = 2;
    pub(super) const PLAIN: i64 = 0;
    pub(super) const RLE: i64 = 3;
    pub(super) const DELTA_BINARY_PACKED: i64 = 5;
    pub(super) const RLE_DICTIONARY: i64 = 8;
}

/// A finished column chunk: its pages, and what the file's footer says about it.
pub(super) struct Chunk {
    pub(super) pages: Bytes,
    pub(super) close: ColumnCloseResult,
}

/// `rows` times `value` in a required column of strings.
pub(super) fn constant(descr: &ColumnDescPtr, value: &[u8], rows: usize) -> Result<Chunk> {
    let mut dictionary = Vec::with_capacity(value.len() + 4);
    dictionary.extend_from_slice(&(value.len() as u32).to_le_bytes());
    dictionary.extend_from_slice(value);
    // Indices of one bit, though none would do: not every reader expects a width of nothing.
    let mut indices = vec![1];
    push_varint(&mut indices, (rows as u64) << 1);
    indices.push(0);

    let mut pages = Vec::with_capacity(dictionary.len() + 64);
    push_dictionary_header(&mut pages, dictionary.len());
    pages.extend_from_slice(&dictionary);
    let data_offset = pages.len();
    push_data_header(&mut pages, indices.len(), rows, code::RLE_DICTIONARY);
    pages.extend_from_slice(&indices);

    let bound = ByteArray::from(value.to_vec());
    let close = ColumnChunkMetaData::builder(descr.clone())
        .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
        .set_dictionary_page_offset(Some(0))
        .set_data_page_offset(data_offset as i64)
        .set_statistics(Statistics::byte_array(Some(bound.clone()), Some(bound), None, Some(0), false));
    finish(pages, close, rows)
}

/// The numbers `first`, `first + 1`, ... in a required column of 64-bit integers.
pub(super) fn consecutive(descr: &ColumnDescPtr, first: i64, rows: usize) -> Result<Chunk> {
    /// Values of a block and its parts, as all writers choose them.
    const BLOCK: usize = 128;
    const MINI_BLOCKS: usize = 4;

    let blocks = rows.saturating_sub(1).div_ceil(BLOCK);
    let mut deltas = Vec::with_capacity(blocks * (1 + MINI_BLOCKS) + 24);
    push_varint(&mut deltas, BLOCK as u64);
    push_varint(&mut deltas, MINI_BLOCKS as u64);
    push_varint(&mut deltas, rows as u64);
    push_zigzag(&mut deltas, first);
    for _ in 0..blocks {
        // The smallest delta is 1, and what the others exceed it by takes no bits.
        push_zigzag(&mut deltas, 1);
        deltas.extend_from_slice(&[0; MINI_BLOCKS]);
    }

    let mut pages = Vec::with_capacity(deltas.len() + 32);
    push_data_header(&mut pages, deltas.len(), rows, code::DELTA_BINARY_PACKED);
    pages.extend_from_slice(&deltas);
    let last = first + rows.saturating_sub(1) as i64;
    let close = ColumnChunkMetaData::builder(descr.clone())
        .set_encodings(vec![Encoding::RLE, Encoding::DELTA_BINARY_PACKED])
        .set_data_page_offset(0)
        .set_statistics(Statistics::int64(Some(first), Some(last), None, Some(0), false));
    finish(pages, close, rows)
}

fn finish(pages: Vec<u8>, metadata: ColumnChunkMetaDataBuilder, rows: usize) -> Result<Chunk> {
    let metadata = metadata
        .set_compression(Compression::UNCOMPRESSED)
        .set_num_values(rows as i64)
        .set_total_compressed_size(pages.len() as i64)
        .set_total_uncompressed_size(pages.len() as i64)
        .build()?;
    let close = ColumnCloseResult {
        bytes_written: pages.len() as u64,
        rows_written: rows as u64,
        metadata,
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    };
    Ok(Chunk { pages: pages.into(), close })
}

/// A `PageHeader` with a `DataPageHeader`, in Thrift's compact protocol. Required columns have no levels, but the header
/// names their encoding all the same.
fn push_data_header(out: &mut Vec<u8>, len: usize, rows: usize, encoding: i64) {
    push_page_header(out, code::DATA_PAGE, len);
    // Field 5, two after field 3.
    out.push(0x2c);
    push_field(out, rows as i64);
    push_field(out, encoding);
    push_field(out, code::RLE);
    push_field(out, code::RLE);
    // The ends of the inner and the outer struct.
    out.extend_from_slice(&[0, 0]);
}

/// A `PageHeader` with a `DictionaryPageHeader` of one value.
fn push_dictionary_header(out: &mut Vec<u8>, len: usize) {
    push_page_header(out, code::DICTIONARY_PAGE, len);
    // Field 7, four after field 3.
    out.push(0x4c);
    push_field(out, 1);
    push_field(out, code::PLAIN);
    out.extend_from_slice(&[0, 0]);
}

/// The page's type and its size, which is the same with and without compression.
fn push_page_header(out: &mut Vec<u8>, page_type: i64, len: usize) {
    push_field(out, page_type);
    push_field(out, len as i64);
    push_field(out, len as i64);
}

/// The next field of a struct, a 32-bit integer.
fn push_field(out: &mut Vec<u8>, value: i64) {
    out.push(0x15);
    push_zigzag(out, value);
}

fn push_zigzag(out: &mut Vec<u8>, value: i64) {
    push_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

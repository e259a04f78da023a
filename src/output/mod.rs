//! Results as files: encoding by format, writing in order, and the record of failed items.
//!
//! A [`Layout`] fixes the columns. Workers turn their blocks' results ([`Scored`]) into [`Encoded`] pieces through one
//! shared [`Encoder`], where all the costly work is done; a single [`Writer`] puts the pieces, in order, into a
//! [`NewFile`](crate::storage::NewFile), or into the parts of a [`NewFolder`](crate::storage::NewFolder), which appears
//! under its name when it is committed. Failed items go to an [`ErrorWriter`].
//!
//! This room does not know where results come from, in which order to write them, or when to give up.

mod arrow;
mod cells;
mod compression;
mod constant_chunk;
mod delimited;
mod encoder;
mod error;
mod error_writer;
mod file_writer;
mod form;
mod format;
mod half;
mod json;
mod layout;
mod parquet;
mod parts_writer;
mod probability;
mod row_bytes;
mod sink;
#[cfg(test)]
mod tests;
mod text;
mod types;
mod unwritable;
mod writer;

pub use compression::Compression;
pub use encoder::{Encoded, Encoder};
pub use error::OutputError;
pub use error_writer::ErrorWriter;
pub use form::{OutputForm, split_name};
pub use format::OutputFormat;
pub use layout::{Layout, Scored};
pub use row_bytes::RowBytes;
pub use unwritable::Writable;
pub use writer::Writer;

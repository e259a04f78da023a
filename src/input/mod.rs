//! From pointers to blocks of decoded records, in a stable order.
//!
//! ```text
//! list(pointers)   -> Listing      files in the order of the results, each with its format, listed as they are needed
//! ColumnPlan::new  -> ColumnPlan   what each record brings, from the scorer's needs and the first file
//! open(file, plan) -> OpenedFile   its parts: one for text and Arrow, one for each row group of Parquet
//! Part::next_block -> RawBlock     in order: whole records, counted and cut at mini-batch boundaries
//! RawBlock::decode -> Block        on any thread: columns in the types that the model takes
//! ```
//!
//! A [`Filter`] and a [`Sample`] say which records are items. Samples are drawn before anything is decoded, conditions are
//! tried on their own columns first, and only what is left is decoded whole: what is wrong with other records costs
//! nothing. `reading.rs` holds what that means for one file.
//!
//! Where mini-batches are cut depends on the files and the settings, never on the machine or on timing. A record that
//! cannot be decoded costs itself; a stretch that cannot be read costs itself and what comes behind it in its part.
//! Nothing here scores, writes, or starts threads.

mod arrow_ipc;
mod chunk_source;
mod columnar;
mod compression;
mod convert;
mod csv;
mod decimal;
mod digits;
mod error;
mod feature_choice;
mod field_index;
mod file_columns;
mod filter;
mod format;
mod header;
mod input_type;
mod json_layout;
mod json_lines;
mod json_run;
mod json_tokens;
mod listing;
mod lost_values;
mod marks;
mod nearest;
mod number;
mod parquet_file;
mod partitions;
mod pending;
mod plan;
mod raw_block;
mod reading;
mod record_count;
mod renames;
mod row_groups;
mod sample;
mod scanner;
mod settings;
mod snapshot;
mod source;
mod text_column;
mod text_content;
mod text_decode;
mod text_part;
mod text_run;
mod value_bytes;

#[cfg(test)]
mod tests;

pub use error::InputError;
pub use filter::Filter;
pub use format::InputFormat;
pub use input_type::InputType;
pub use listing::{Found, ListedFile, Listing, list};
pub use plan::ColumnPlan;
pub use raw_block::RawBlock;
pub use renames::Renames;
pub use sample::Sample;
pub use settings::{Header, InputSettings, Keep};
pub use snapshot::columns;
pub use source::{OpenedFile, Part, PassedOver, PassedOverBefore, open};

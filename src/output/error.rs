use std::error::Error;
use std::io;

use ::arrow_schema::ArrowError;
use ::parquet::errors::ParquetError;
use thiserror::Error;

use super::OutputFormat;
use crate::storage::StorageError;

/// Why results could not be encoded or written.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The extension of the output file's name says no format.
    #[error(
        "{name:?} does not say which format to write: end it in .txt, .csv, .jsonl or .ndjson (with .gz or .zst behind it to compress), .parquet or .pq, .arrow, .feather or .ipc"
    )]
    UnknownFormat {
        /// The file's name.
        name: String,
    },
    /// The output file's name asks for a compression around a format that has its own inside.
    #[error(
        "{name:?} would be {format} with a compression around it, which its readers do not undo: leave {extension} out, and \
         choose the compression inside with output_compression"
    )]
    CompressedAround {
        /// The file's name.
        name: String,
        /// The format.
        format: OutputFormat,
        /// `.gz` or `.zst`.
        extension: String,
    },
    /// There are as many parts as names that sort in order.
    #[error("{object} has {parts} parts, which is as many as there may be; make output_partition_size larger")]
    TooManyParts {
        /// The output.
        object: String,
        /// How many there are.
        parts: usize,
    },
    /// The format has no place for a column of this type.
    #[error("{format} cannot hold the output's columns: {cause}; leave the column out, or write another format")]
    UnsupportedColumn {
        /// The format.
        format: OutputFormat,
        /// The format's own words, with the column or its type.
        cause: String,
    },
    /// The columns of a block are not those of the output.
    #[error(
        "the results for {file} do not fit the output's columns: {cause}; write .txt, .csv or .jsonl, or make the input files alike"
    )]
    Mismatch {
        /// The input file.
        file: String,
        /// The column and the difference.
        cause: String,
    },
    /// A value cannot be written in this format.
    #[error("a result for {file} cannot be written as {format}: {cause}")]
    Value {
        /// The input file.
        file: String,
        /// The format.
        format: OutputFormat,
        /// What is wrong with it.
        cause: String,
    },
    /// The place of the output failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The format's writer failed for a reason of its own.
    #[error("{object} could not be written as {format}: {cause}")]
    Format {
        /// The output.
        object: String,
        /// The format.
        format: OutputFormat,
        /// The format's own words.
        cause: String,
    },
}

impl OutputError {
    /// Finds the storage error inside a Parquet writer's error.
    pub(super) fn from_parquet(object: &str, error: ParquetError) -> Self {
        match error {
            ParquetError::External(cause) => OutputError::from_source(object, OutputFormat::Parquet, cause),
            other => OutputError::Format {
                object: object.to_owned(),
                format: OutputFormat::Parquet,
                cause: other.to_string(),
            },
        }
    }

    /// Finds the storage error inside an Arrow writer's error.
    pub(super) fn from_arrow(object: &str, error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, cause) => OutputError::from_source(object, OutputFormat::Arrow, Box::new(cause)),
            other => {
                OutputError::Format { object: object.to_owned(), format: OutputFormat::Arrow, cause: other.to_string() }
            }
        }
    }

    pub(super) fn from_io(object: &str, error: io::Error) -> Self {
        OutputError::Storage(StorageError::from_io(object, "written", error))
    }

    fn from_source(object: &str, format: OutputFormat, cause: Box<dyn Error + Send + Sync>) -> Self {
        match cause.downcast::<io::Error>() {
            Ok(error) => OutputError::from_io(object, *error),
            Err(cause) => OutputError::Format { object: object.to_owned(), format, cause: cause.to_string() },
        }
    }
}

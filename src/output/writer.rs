use std::sync::Arc;

use super::OutputError;
use super::encoder::{Encoded, Encoder};
use super::file_writer::FileWriter;
use super::parts_writer::PartsWriter;
use crate::policy::PartitionSize;
use crate::storage::{NewFile, NewFolder};

/// Writes encoded blocks, in the order in which they come, to where the predictions go.
#[derive(Debug)]
pub struct Writer(Target);

#[derive(Debug)]
enum Target {
    File(FileWriter),
    Parts(Box<PartsWriter>),
}

impl Writer {
    /// An output of one file; what stands before the first result is written.
    pub fn create(file: NewFile, encoder: &Encoder) -> Result<Self, OutputError> {
        FileWriter::create(file, encoder).map(|writer| Writer(Target::File(writer)))
    }

    /// An output of many files in a folder, each of about this size and with `extension`.
    pub fn in_parts(folder: NewFolder, encoder: &Arc<Encoder>, size: PartitionSize, extension: &str) -> Self {
        Writer(Target::Parts(Box::new(PartsWriter::new(folder, encoder, size, extension))))
    }

    /// Appends a block, which must come from the encoder that this writer was created with.
    pub fn write(&mut self, encoded: Encoded) -> Result<(), OutputError> {
        match &mut self.0 {
            Target::File(writer) => writer.write(encoded.rows(), encoded.piece),
            Target::Parts(writer) => writer.write(encoded),
        }
    }

    /// How many results have been written.
    pub fn rows(&self) -> u64 {
        match &self.0 {
            Target::File(writer) => writer.rows(),
            Target::Parts(writer) => writer.rows(),
        }
    }

    /// Completes the output: it is durable and visible from now on. Says where it is.
    pub fn commit(self) -> Result<String, OutputError> {
        match self.0 {
            Target::File(writer) => Ok(writer.finish()?.commit()?),
            Target::Parts(writer) => writer.commit(),
        }
    }

    /// Keeps what was written of an unfinished output, closed as its format demands, where the place of the output can
    /// keep it. Says where it is. A Parquet, Arrow or Zstandard file cannot be closed after a failed write, and is given up.
    pub fn keep_partial(self) -> Result<Option<String>, OutputError> {
        match self.0 {
            Target::File(writer) => match writer.finish_unless_broken()? {
                Some(file) => Ok(file.keep_partial()?),
                None => Ok(None),
            },
            Target::Parts(writer) => writer.keep_partial(),
        }
    }
}

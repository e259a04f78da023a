use std::fmt;
use std::io::Write as _;

use serde::Serialize;

use super::OutputError;
use super::sink::Sink;
use crate::data::{ErrorRecord, ItemKey, Stage};
use crate::storage::NewFile;

/// Writes the record of failed items: one JSON object a line.
pub struct ErrorWriter {
    sink: Sink,
    line: Vec<u8>,
    records: u64,
}

/// A line, its members in this order.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    row: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a ItemKey>,
    #[serde(skip_serializing_if = "is_one")]
    items: u64,
    stage: Stage,
    attempts: u32,
    cause: &'a str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_one(items: &u64) -> bool {
    *items == 1
}

impl ErrorWriter {
    /// Begins the record.
    pub fn create(file: NewFile) -> Self {
        ErrorWriter { sink: Sink::new(file), line: Vec::new(), records: 0 }
    }

    /// Appends a record. `items` is written only when it is not 1, `key` only when there is one.
    pub fn write(&mut self, record: &ErrorRecord) -> Result<(), OutputError> {
        let line = Line {
            file: &record.file.name,
            row: record.row,
            key: record.key.as_ref(),
            items: record.items,
            stage: record.stage,
            attempts: record.attempts,
            cause: &record.cause,
        };
        self.line.clear();
        serde_json::to_writer(&mut self.line, &line).map_err(|e| OutputError::from_io(&self.location(), e.into()))?;
        self.line.push(b'\n');
        let result = self.sink.write_all(&self.line);
        result.map_err(|e| OutputError::from_io(&self.location(), e))?;
        self.records += 1;
        Ok(())
    }

    /// How many records have been written.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Where the record goes, for display.
    pub fn location(&self) -> String {
        self.sink.location()
    }

    /// Completes the record: it is durable and visible from now on. Says where it is.
    pub fn commit(self) -> Result<String, OutputError> {
        let object = self.location();
        let file = self.sink.into_file().map_err(|e| OutputError::from_io(&object, e))?;
        Ok(file.commit()?)
    }
}

impl fmt::Debug for ErrorWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorWriter({}, {} records)", self.location(), self.records)
    }
}

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::{InputFile, ItemKey};

/// Where on its way an item failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The file could not be opened or read on.
    Read,
    /// The record could not be turned into the columns that the model takes.
    Decode,
    /// The model gave no usable result.
    Score,
    /// The result could not be written.
    Write,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Read => "read",
            Stage::Decode => "decode",
            Stage::Score => "score",
            Stage::Write => "write",
        })
    }
}

/// A failed item, or a run of items that failed for one reason (the rest of a file that cannot be read on).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorRecord {
    /// The file it came from.
    pub file: Arc<InputFile>,
    /// Row in the file, from 0; `None` when a whole file failed before its rows were known.
    pub row: Option<u64>,
    /// The value of its key column, if the job has one and the value could be read.
    pub key: Option<ItemKey>,
    /// How many items this record answers for: 1 but for unreadable stretches.
    pub items: u64,
    /// Where it failed.
    pub stage: Stage,
    /// How many model calls the item took part in; 0 when it never reached the model.
    pub attempts: u32,
    /// Why, in words for the user.
    pub cause: String,
}

impl ErrorRecord {
    /// About how many bytes it takes in memory.
    pub fn memory(&self) -> u64 {
        (size_of::<ErrorRecord>() + self.cause.len() + self.key.as_ref().map_or(0, |key| key.as_json().len())) as u64
    }
}

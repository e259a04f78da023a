//! What happened in a run, typed. The run's only output besides its files: reporters, logs and metrics consume these.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::data::Stage;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The input is listed, the model loaded and the output opened; scoring begins.
    JobStarted {
        /// The job's name.
        job: String,
        /// Input files.
        files: usize,
        /// How many of them are of each format.
        formats: BTreeMap<String, u64>,
        /// Their size together, where it is known.
        input_bytes: u64,
        /// Whether that is all of the input; a long one is listed while it is read.
        is_listed: bool,
        /// Workers that score.
        workers: usize,
    },
    /// Something that the user should know and that does not stop the job.
    Warning {
        /// In words.
        message: String,
    },
    /// A file, or the rest of one, cannot be read.
    ReadFailed {
        /// Its name.
        file: String,
        /// Why.
        cause: String,
    },
    /// An attempt failed, and the mini-batch will be tried again.
    Retrying {
        /// The mini-batch's file.
        file: String,
        /// Its first row.
        row: u64,
        /// Failed attempts so far.
        attempts: u32,
        /// Pause before the next one.
        pause_ms: u64,
        /// Why it failed.
        cause: String,
    },
    /// An item will have no prediction.
    ItemFailed {
        /// Its file.
        file: String,
        /// Its row.
        row: u64,
        /// Where it failed.
        stage: Stage,
        /// Why.
        cause: String,
    },
    /// A model call took too long, was abandoned, and its worker replaced.
    AttemptAbandoned {
        /// The mini-batch's file.
        file: String,
        /// Its first row.
        row: u64,
        /// Abandoned calls that have not returned yet.
        stuck: usize,
    },
    /// How far the job is; a few a second.
    Progress(Progress),
    /// The job will end early; what is finished is kept.
    Stopping {
        /// Why.
        cause: String,
    },
    /// The job has ended.
    JobEnded(Box<Summary>),
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Progress {
    /// Items with a prediction.
    pub succeeded: u64,
    /// Items that failed.
    pub failed: u64,
    /// Attempts beyond a mini-batch's first.
    pub retries: u64,
    /// Workers with something to do.
    pub workers_busy: usize,
    /// Bytes of the input that are done, of [`Event::JobStarted`]'s `input_bytes`.
    pub input_bytes_done: u64,
    /// Time since the job started.
    #[serde(serialize_with = "seconds")]
    pub elapsed: Duration,
}

/// Every item that came in, by what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Items taken from the input and answered for: `succeeded + failed`.
    pub items: u64,
    /// Items with a prediction.
    pub succeeded: u64,
    /// Items with an error record.
    pub failed: u64,
    /// Items that were read, but not scored because the job ended early.
    pub unscored: u64,
    /// Records that are no items, because the job wants others: by its condition, or by chance. Those of files that
    /// were passed over as a whole are not among them.
    pub passed_over: u64,
    /// Files of which nothing was read, by what their paths say.
    pub files_passed_over: u64,
    /// Row groups of which nothing was read, by what their statistics say; their records are in `passed_over`.
    pub row_groups_passed_over: u64,
    /// Mini-batches that ended.
    pub mini_batches: u64,
    /// Mini-batches of which an item failed in scoring.
    pub failed_mini_batches: u64,
    /// Attempts beyond a mini-batch's first.
    pub retries: u64,
    /// Attempts that took too long.
    pub timeouts: u64,
}

/// What the input of a job is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct InputAccount {
    /// Its files.
    pub files: usize,
    /// How many of them are of each format: `parquet`, `csv.gz`.
    pub formats: BTreeMap<String, u64>,
    /// Their size together, where it is known.
    pub bytes: u64,
    /// Whether that is all of it: of a job that ended early, the rest may not have been listed.
    pub is_listed: bool,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The job's name.
    pub job: String,
    /// How it ended.
    pub status: Status,
    /// Why it did not complete.
    pub error: Option<String>,
    /// The first failure of an item, as an example.
    pub first_failure: Option<String>,
    /// What the input is.
    pub input: InputAccount,
    /// What became of the items.
    pub counts: Counts,
    /// What ran the model.
    pub engine: String,
    /// From the start of the job to its end.
    #[serde(serialize_with = "seconds", rename = "elapsed_seconds")]
    pub elapsed: Duration,
    /// Items answered for in a second.
    pub items_per_second: f64,
    /// The most memory that the process held at once, in bytes, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// Where the predictions are.
    pub predictions: Option<String>,
    /// Where the predictions of a job that ended early are.
    pub partial_predictions: Option<String>,
    /// Where the error records are.
    pub errors: Option<String>,
}

/// How a job ended, in Azure's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Status {
    /// All items are answered for, and the thresholds hold.
    Completed,
    /// It stopped for the reason given.
    Failed,
    /// The user stopped it.
    Canceled,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Completed => "Completed",
            Status::Failed => "Failed",
            Status::Canceled => "Canceled",
        })
    }
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e6)
}

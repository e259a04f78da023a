//! Consumers of events: progress on the terminal, in lines or as JSON, the summary, and `job.json`.
//!
//! Reporters only look; a run is the same with any of them or none.

mod job_file;
mod numbers;
mod progress;
mod summary;

pub use job_file::{EndedJob, read_job_file, write_job_file};
pub use numbers::grouped;
pub use progress::{ProgressMode, Reporter};
pub use summary::summary_text;

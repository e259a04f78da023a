//! The rules of a run as plain data: each file holds one policy, what it asks and how it is written.
//!
//! Nothing here waits, counts or reads a clock; the run asks and acts.

mod duration;
mod error_threshold;
mod mini_batch_size;
mod partition_size;
mod retry;
mod timeout;

pub use duration::{format_duration, parse_duration};
pub use error_threshold::{ErrorThreshold, Tally};
pub use mini_batch_size::MiniBatchSize;
pub use partition_size::PartitionSize;
pub use retry::RetryPolicy;
pub use timeout::{ProgressTimeout, StuckLimit, Timeout};

use thiserror::Error;

/// A setting whose value makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{setting} is {value:?}: {rule}")]
pub struct PolicyError {
    /// The setting's name as users write it.
    pub setting: &'static str,
    /// What was written.
    pub value: String,
    /// What may be written.
    pub rule: &'static str,
}

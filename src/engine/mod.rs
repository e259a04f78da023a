//! The core that every mode shares: a pool of workers, one attempt at a mini-batch, and the watch over attempts.
//!
//! The engine knows nothing of files, retries or outputs. It runs a call of the model such that whatever happens inside
//! (an error, a panic, a wrong number of results, no return at all) comes out as a value.

mod attempt;
mod pool;
mod watch;

pub use attempt::{AttemptError, score_mini_batch};
pub use pool::{Pool, PoolError};
pub use watch::{Expired, Slot, Watch, WatchCounts};

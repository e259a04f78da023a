//! What users write, and what it comes to.
//!
//! A [`JobSpec`] is what was typed: a job file, flags, `--set` pairs, each with only what it says. They are laid over each
//! other and [resolved](JobSpec::resolve) once, without IO, into a [`Job`], in which nothing is missing and everything
//! makes sense. `defaults.rs` says what is taken where nobody said anything.

mod defaults;
mod job_file;
mod resolve;
mod set;

pub use job_file::{JobSpec, RetrySettings, Scalar, SpecError, StringOrList};
pub use resolve::{Job, JobDescription, OutputTarget, Policies, PredictionsTo, ResolveError};

//! What users write, and what it comes to.
//!
//! A [`JobSpec`] is what was typed: a job file, flags, `--set` pairs, each with only what it says. They are laid over each
//! other and [resolved](JobSpec::resolve) once, without IO, into a [`Job`], in which nothing is missing and everything
//! makes sense. `defaults.rs` says what is taken where nobody said anything. Datastores ([`DatastoreSpec`]) and registered
//! data ([`DataSpec`]) are written likewise.

mod data_file;
mod datastore_file;
mod defaults;
mod description;
mod input;
mod job_file;
mod output;
mod policies;
mod resolve;
mod set;
mod yaml;

pub use data_file::{DataSpec, InputType};
pub use datastore_file::{CredentialsSpec, DatastoreSpec, DatastoresFile};
pub use defaults::OUTPUT_ROOT;
pub use description::JobDescription;
pub use job_file::{JobSpec, NamePairs, RetrySettings, Scalar, StringOrList};
pub use output::{OutputTarget, PredictionsTo};
pub use policies::Policies;
pub use resolve::{Job, ResolveError};
pub use yaml::SpecError;

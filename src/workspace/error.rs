use thiserror::Error;

use crate::spec::SpecError;

/// Why the workspace cannot be read or changed.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum WorkspaceError {
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(
        "{path} could not be {done}: {source}; check its permissions, or name another workspace with BATCHSCORE_WORKSPACE"
    )]
    Io { path: String, done: &'static str, source: std::io::Error },
    #[error("the workspace's database {path} could not be used: {cause}")]
    Database { path: String, cause: String },
    #[error("{path} is written in a way in which {thing} cannot be {done} by a command: change it by hand")]
    ByHand { path: String, thing: String, done: &'static str },
    #[error("{thing} exists already; {remedy}")]
    Exists { thing: String, remedy: &'static str },
    #[error("{thing} is not in the workspace {folder}{hint}")]
    Missing { thing: String, folder: String, hint: String },
}

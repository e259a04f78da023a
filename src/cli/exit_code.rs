use crate::run::{StartError, StopReason};

/// How the process ends, as documented in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// The job completed; single items may have failed within the thresholds.
    Success = 0,
    /// A fault of batchscore itself.
    Internal = 1,
    /// The command line or the job file makes no sense.
    Usage = 2,
    /// The input cannot be read, or does not have the columns that the model takes.
    Input = 3,
    /// The model cannot be loaded.
    Model = 4,
    /// Too many items or mini-batches failed, or none succeeded; or predictions are not those that were expected.
    Thresholds = 5,
    /// The output cannot be written, or exists.
    Output = 6,
    /// The model hangs: no progress, or too many stuck calls.
    Stuck = 7,
    /// The user stopped the job (128 + SIGINT).
    Interrupted = 130,
}

/// Shown under the help of `run`.
pub const HELP: &str = "\
Exit codes:
  0    completed; single items may have failed within the thresholds
  1    a fault of batchscore itself
  2    usage: the command line or the job file makes no sense
  3    the input cannot be read, or lacks the columns that the model takes
  4    the model cannot be loaded
  5    thresholds exceeded, or no item succeeded
  6    the output cannot be written, or exists
  7    the model hangs
  130  interrupted";

impl From<&StartError> for ExitCode {
    fn from(error: &StartError) -> Self {
        match error {
            StartError::Input(_) => ExitCode::Input,
            StartError::Model(_) => ExitCode::Model,
            StartError::Output(_) => ExitCode::Output,
            StartError::Pool(_) | StartError::Thread(_) => ExitCode::Internal,
        }
    }
}

impl From<&StopReason> for ExitCode {
    fn from(reason: &StopReason) -> Self {
        match reason {
            StopReason::ErrorThreshold { .. } | StopReason::MiniBatchErrorThreshold { .. } => ExitCode::Thresholds,
            StopReason::NothingSucceeded { unreadable: true, .. } => ExitCode::Input,
            StopReason::NothingSucceeded { unreadable: false, .. } => ExitCode::Thresholds,
            StopReason::NoProgress(_) | StopReason::Stuck(_) => ExitCode::Stuck,
            StopReason::Interrupted => ExitCode::Interrupted,
            StopReason::Input(_) => ExitCode::Input,
            StopReason::Output(_) | StopReason::Unwritable => ExitCode::Output,
            StopReason::Internal(_) => ExitCode::Internal,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        std::process::ExitCode::from(code as u8)
    }
}

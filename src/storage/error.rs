use std::io;

use thiserror::Error;

/// Why something could not be found, read or written. Every message names the object, the cause and what to do.
#[derive(Debug, Error)]
pub enum StorageError {
    /// The text is no pointer to data or no place for results.
    #[error("{text:?} does not say where data is: {rule}")]
    Pointer {
        /// What was written, without secrets.
        text: String,
        /// What may be written.
        rule: String,
    },
    /// The pointer is a name that stands for nothing, in the words of the place where names are known.
    #[error("{0}")]
    Name(String),
    /// The pointer is understood, but this place cannot be used in this way.
    #[error("{object} cannot be used here: {reason}")]
    Unsupported {
        /// The pointer or location.
        object: String,
        /// Why not, and what to use in its place.
        reason: String,
    },
    /// There is nothing at this place.
    #[error("{object} does not exist{hint}")]
    Missing {
        /// The pointer or location.
        object: String,
        /// What exists near it, ready to follow the message, or empty.
        hint: String,
    },
    /// The folder or prefix holds no file.
    #[error("{object} holds no files{hint}; point at a folder with data in it")]
    Empty {
        /// The folder.
        object: String,
        /// What was passed over, ready to follow the message, or empty.
        hint: String,
    },
    /// The pattern fits no file.
    #[error("no file matches {object}; quote the pattern, and check it against the names in {folder}")]
    NoMatch {
        /// The pattern.
        object: String,
        /// The folder that was searched.
        folder: String,
    },
    /// The result's name is taken.
    #[error("{object} already exists{hint}")]
    Exists {
        /// The location.
        object: String,
        /// What to do, ready to follow the message.
        hint: String,
    },
    /// An object is not the one that was listed any more.
    #[error(
        "{object} changed while the job ran: it is not the content that was listed; score it again once nobody writes to it"
    )]
    Changed {
        /// The location.
        object: String,
    },
    /// The user may not do this.
    #[error("{object} cannot be {done} by this user: {source}; check its permissions and owner")]
    Denied {
        /// The location.
        object: String,
        /// What was to be done to it: `read`, `listed`, `written`.
        done: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// There is no room left.
    #[error(
        "the disk is full: {object} could not be written beyond {written} bytes: {source}; free some space, or write elsewhere"
    )]
    DiskFull {
        /// The location.
        object: String,
        /// How many bytes of it had been written.
        written: u64,
        /// The system's answer.
        source: io::Error,
    },
    /// Who was to read the results has gone away.
    #[error("{object} was closed by its reader before all results were written")]
    BrokenPipe {
        /// The stream.
        object: String,
    },
    /// Another failure of the system.
    #[error("{object} could not be {done}: {source}")]
    Io {
        /// The location.
        object: String,
        /// What was to be done to it: `opened`, `read`, `listed`, `written`.
        done: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The remote store refused or could not be reached.
    #[error("{object} could not be {done}: {cause}{remedy}")]
    Remote {
        /// The location, without secrets.
        object: String,
        /// What was to be done to it: `read`, `listed`, `written`.
        done: &'static str,
        /// The store's answer on one line, without secrets.
        cause: String,
        /// What to do, ready to follow the message, or empty.
        remedy: String,
    },
}

impl StorageError {
    /// Sorts a system's answer by its kind.
    pub(super) fn io(object: impl Into<String>, done: &'static str, source: io::Error) -> Self {
        let object = object.into();
        match source.kind() {
            io::ErrorKind::NotFound => StorageError::Missing { object, hint: String::new() },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StorageError::Denied { object, done, source }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StorageError::DiskFull { object, written: 0, source }
            }
            io::ErrorKind::BrokenPipe => StorageError::BrokenPipe { object },
            _ => StorageError::Io { object, done, source },
        }
    }

    /// The storage error inside an error that went through [`std::io::Write`] or [`std::io::Read`] of this room; any other
    /// error is taken as one about `object`.
    pub fn from_io(object: impl Into<String>, done: &'static str, error: io::Error) -> Self {
        match error.downcast::<StorageError>() {
            Ok(error) => error,
            Err(error) => StorageError::io(object, done, error),
        }
    }

    /// The same error for the traits of [`std::io`], its kind kept.
    pub(super) fn into_io(self) -> io::Error {
        let kind = match &self {
            StorageError::Missing { .. } | StorageError::Empty { .. } | StorageError::NoMatch { .. } => {
                io::ErrorKind::NotFound
            }
            StorageError::Exists { .. } => io::ErrorKind::AlreadyExists,
            StorageError::BrokenPipe { .. } => io::ErrorKind::BrokenPipe,
            StorageError::Denied { source, .. }
            | StorageError::DiskFull { source, .. }
            | StorageError::Io { source, .. } => source.kind(),
            StorageError::Pointer { .. }
            | StorageError::Name(_)
            | StorageError::Unsupported { .. }
            | StorageError::Changed { .. }
            | StorageError::Remote { .. } => io::ErrorKind::Other,
        };
        io::Error::new(kind, self)
    }
}

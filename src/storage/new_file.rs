use std::fmt;
use std::io::{self, Write};

use super::StorageError;
use super::local_file::LocalFile;
use super::upload::Upload;

/// A result that is being written. It has its name, and is seen by others, only once it is committed; dropping it leaves
/// nothing behind.
///
/// Writes go straight to the system, so they should be large. Errors of [`Write`] carry a [`StorageError`]; see
/// [`StorageError::from_io`].
pub struct NewFile {
    target: Target,
    written: u64,
}

enum Target {
    Local(LocalFile),
    Upload(Upload),
    Stdout(io::Stdout),
    Discard,
}

impl NewFile {
    pub(super) fn local(file: LocalFile) -> Self {
        NewFile { target: Target::Local(file), written: 0 }
    }

    pub(super) fn upload(upload: Upload) -> Self {
        NewFile { target: Target::Upload(upload), written: 0 }
    }

    /// A result that is counted and thrown away.
    pub fn discard() -> Self {
        NewFile { target: Target::Discard, written: 0 }
    }

    /// The program's standard output. It has no name to take, so what is written is seen at once.
    pub fn stdout() -> Self {
        NewFile { target: Target::Stdout(io::stdout()), written: 0 }
    }

    /// A device that is written as it is, to see its failures.
    #[cfg(test)]
    pub(crate) fn device(path: &str) -> Result<Self, StorageError> {
        let file = LocalFile::open_in_place(std::path::Path::new(path))?;
        Ok(NewFile { target: Target::Local(file), written: 0 })
    }

    /// How many bytes have been written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Where the result goes, for display.
    pub fn location(&self) -> String {
        match &self.target {
            Target::Local(file) => file.target(),
            Target::Upload(upload) => upload.target().to_owned(),
            Target::Stdout(_) => "standard output".into(),
            Target::Discard => "nowhere (results are discarded)".into(),
        }
    }

    /// Writes all of `bytes`, or, to a local file, nothing of them: what a full disk has taken of them is cut off, so that
    /// what is kept of the result ends where an earlier write ended.
    pub fn write_whole(&mut self, bytes: &[u8]) -> io::Result<()> {
        let before = self.written;
        self.write_all(bytes).inspect_err(|_| self.cut_off(before))
    }

    fn cut_off(&mut self, len: u64) {
        // A device cannot be cut, nor can it be kept.
        if let Target::Local(file) = &mut self.target
            && file.truncate(len).is_ok()
        {
            self.written = len;
        }
    }

    /// Writes as if the disk were full after `bytes`.
    #[cfg(test)]
    pub(super) fn fail_after(&mut self, bytes: &[u8]) {
        let before = self.written;
        self.write_all(bytes).unwrap();
        self.cut_off(before);
    }

    /// Makes the result durable and visible under its name, and says where it is.
    pub fn commit(self) -> Result<String, StorageError> {
        let location = self.location();
        match self.target {
            Target::Local(file) => file.commit().map_err(|e| with_written(e, self.written)),
            Target::Upload(upload) => upload.commit(),
            Target::Stdout(mut out) => match out.flush() {
                Ok(()) => Ok(location),
                Err(error) => Err(StorageError::io(location, "written", error)),
            },
            Target::Discard => Ok(location),
        }
    }

    /// The upload that it is, with everything sent, so that only its completion is left and little memory is held; `None`
    /// for what is no upload.
    pub(super) fn into_sealed_upload(self) -> Result<Option<Upload>, StorageError> {
        match self.target {
            Target::Upload(mut upload) => upload.seal().map(|()| Some(upload)),
            Target::Local(_) | Target::Stdout(_) | Target::Discard => Ok(None),
        }
    }

    /// Keeps what was written of an unfinished result: a local file as `<name>.partial`, whose place is returned. An
    /// upload is given up, since a store has no room for unfinished objects.
    pub fn keep_partial(self) -> Result<Option<String>, StorageError> {
        match self.target {
            Target::Local(file) => file.keep_partial().map(Some).map_err(|e| with_written(e, self.written)),
            Target::Upload(upload) => upload.abort().map(|()| None),
            Target::Stdout(mut out) => {
                out.flush().map_err(|e| StorageError::io("standard output", "written", e))?;
                Ok(None)
            }
            Target::Discard => Ok(None),
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = match &mut self.target {
            Target::Local(file) => file.write(bytes),
            Target::Stdout(out) => out.write(bytes),
            Target::Discard => Ok(bytes.len()),
            Target::Upload(upload) => upload.write(bytes).map(|()| bytes.len()).map_err(StorageError::into_io),
        };
        match result {
            Ok(len) => {
                self.written += len as u64;
                Ok(len)
            }
            // The caller's loop tries again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let error = StorageError::from_io(self.location(), "written", error);
                Err(with_written(error, self.written).into_io())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            Target::Stdout(out) => out.flush().map_err(|e| StorageError::io("standard output", "written", e).into_io()),
            Target::Local(_) | Target::Upload(_) | Target::Discard => Ok(()),
        }
    }
}

/// A full disk's message says how far the result had come.
fn with_written(error: StorageError, written: u64) -> StorageError {
    match error {
        StorageError::DiskFull { object, source, .. } => StorageError::DiskFull { object, written, source },
        other => other,
    }
}

impl fmt::Debug for NewFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewFile({}, {} bytes)", self.location(), self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_discarded_is_counted() {
        let mut file = NewFile::discard();
        file.write_all(b"12345").unwrap();
        assert_eq!(file.written(), 5);
        assert!(file.commit().is_ok());
    }
}

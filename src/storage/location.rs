use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::{Ranges, RemoteObject, StorageError, Want};

/// One file that can be read.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file of this machine.
    Local(PathBuf),
    /// An object of a store, or a file on a web server.
    Remote(RemoteObject),
    /// What was named and means no file.
    Nothing(Nothing),
}

/// A place that means no file: reading it fails.
#[derive(Debug, Clone)]
pub struct Nothing {
    /// How it is shown.
    pub(super) object: Arc<str>,
    /// Why it means none, ready to follow the message that it does not exist.
    pub(super) hint: Arc<str>,
}

impl Nothing {
    fn error(&self) -> StorageError {
        StorageError::Missing { object: self.object.to_string(), hint: self.hint.to_string() }
    }
}

impl Location {
    /// Opens the file to be read from start to end. A remote object is read a bounded stretch ahead.
    pub fn open(&self) -> Result<Box<dyn Read + Send>, StorageError> {
        match self {
            Location::Local(path) => Ok(Box::new(open_local(path)?)),
            Location::Remote(object) => Ok(Box::new(object.open()?)),
            Location::Nothing(nothing) => Err(nothing.error()),
        }
    }

    /// The size in bytes.
    pub fn size(&self) -> Result<u64, StorageError> {
        match self {
            Location::Local(path) => {
                let meta = path.metadata().map_err(|e| StorageError::io(path.display().to_string(), "read", e))?;
                Ok(meta.len())
            }
            Location::Remote(object) => object.size(),
            Location::Nothing(nothing) => Err(nothing.error()),
        }
    }

    /// Reads these stretches of the file, in the order given. A stretch that reaches beyond the end is an error.
    pub fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        match self {
            Location::Local(path) => read_local_ranges(path, ranges),
            Location::Remote(object) => object.read_ranges(ranges),
            Location::Nothing(nothing) => Err(nothing.error()),
        }
    }
}

impl Location {
    /// Begins to fetch what will be wanted first of a remote file.
    pub fn fetch_ahead(&self, want: Want) {
        if let Location::Remote(object) = self {
            object.fetch_ahead(want);
        }
    }

    /// Begins to fetch these stretches of a remote file, as soon as there is room for them; nothing for a local one.
    pub fn fetch_ranges(&self, ranges: Vec<Range<u64>>) -> Option<Ranges> {
        match self {
            Location::Local(_) | Location::Nothing(_) => None,
            Location::Remote(object) => Some(object.fetch_ranges(ranges)),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Local(path) => path.display().fmt(f),
            Location::Remote(object) => object.fmt(f),
            Location::Nothing(nothing) => f.write_str(&nothing.object),
        }
    }
}

fn open_local(path: &FilePath) -> Result<File, StorageError> {
    let failed = |e| StorageError::io(path.display().to_string(), "read", e);
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    Ok(file)
}

fn read_local_ranges(path: &FilePath, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
    let failed = |e| StorageError::io(path.display().to_string(), "read", e);
    let mut file = open_local(path)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut parts = Vec::with_capacity(ranges.len());
    for range in ranges {
        // Checked before room is made, since a damaged file may ask for any amount.
        if range.start > range.end || range.end > size {
            let cause = format!("bytes {} to {} were asked for, but it has {size}", range.start, range.end);
            return Err(failed(io::Error::new(io::ErrorKind::UnexpectedEof, cause)));
        }
        let len = range.end - range.start;
        let mut bytes = Vec::with_capacity(len as usize);
        file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
        (&mut file).take(len).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 != len {
            return Err(failed(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read")));
        }
        parts.push(Bytes::from(bytes));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::{TempDir, memory_object};

    #[test]
    fn local_files_are_read() {
        let dir = TempDir::new();
        let path = dir.file("a.bin", b"0123456789");
        let location = Location::Local(path);
        assert_eq!(location.size().unwrap(), 10);
        let mut all = Vec::new();
        location.open().unwrap().read_to_end(&mut all).unwrap();
        assert_eq!(all, b"0123456789");
        let parts = location.read_ranges(&[7..10, 0..2, 4..4]).unwrap();
        assert_eq!(parts, [&b"789"[..], b"01", b""]);
    }

    #[test]
    fn wrong_reads_say_what_is_wrong() {
        let dir = TempDir::new();
        let location = Location::Local(dir.file("a.bin", b"0123"));
        let error = location.read_ranges(&[0..2, 0..u64::MAX]).unwrap_err().to_string();
        assert!(error.contains("but it has 4"), "{error}");
        let error = Location::Local(dir.path().into()).open().err().unwrap().to_string();
        assert!(error.contains("directory"), "{error}");
        let error = Location::Local(dir.path().join("no")).open().err().unwrap();
        assert!(matches!(error, StorageError::Missing { .. }), "{error}");
    }

    #[test]
    fn remote_objects_are_read() {
        // Larger than the read-ahead, so that the reader has to wait and go on.
        let content: Vec<u8> = (0..20_000_000u32).map(|i| (i % 251) as u8).collect();
        let location = Location::Remote(memory_object("a/b.bin", &content));
        assert_eq!(location.size().unwrap(), content.len() as u64);
        let mut all = Vec::new();
        location.open().unwrap().read_to_end(&mut all).unwrap();
        assert!(all == content);
        assert_eq!(location.read_ranges(&[1..4, 0..2]).unwrap(), [&content[1..4], &content[0..2]]);
        // A reader that is dropped early does not keep anything waiting.
        let mut some = [0; 10];
        location.open().unwrap().read_exact(&mut some).unwrap();
    }
}

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::slice;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::storage::{Location, Ranges, StorageError};

/// The end of a remote file that is fetched at first: enough for the metadata of most files.
pub(super) const TAIL_BYTES: u64 = 256 << 10;
/// Read ahead where the Parquet reader asks for a stream: it wants a page's header, and then the page by its length.
const HEADER_BYTES: usize = 1 << 10;

/// Random access to a file, shared by all that read it at once.
#[derive(Clone)]
pub(super) enum ChunkSource {
    /// A file of this machine. It is read at positions, so that readers do not move each other.
    Local { file: Arc<File>, length: u64 },
    /// A remote file, and those stretches of it that are here.
    Remote { location: Location, length: u64, here: Arc<Vec<(u64, Bytes)>> },
}

impl ChunkSource {
    pub(super) fn open(location: &Location) -> Result<ChunkSource, StorageError> {
        let length = location.size()?;
        if let Location::Local(path) = location {
            let failed = |error| StorageError::from_io(location.to_string(), "read", error);
            return Ok(ChunkSource::Local { file: Arc::new(File::open(path).map_err(failed)?), length });
        }
        ChunkSource::remote(location, length)
    }

    /// A file that is fetched piece by piece; its end is fetched at once.
    pub(super) fn remote(location: &Location, length: u64) -> Result<ChunkSource, StorageError> {
        let start = length.saturating_sub(TAIL_BYTES);
        let source = ChunkSource::Remote { location: location.clone(), length, here: Arc::default() };
        source.with_ranges(slice::from_ref(&(start..length)))
    }

    /// The same with these stretches of a remote file fetched, in place of those that it had.
    pub(super) fn with_ranges(&self, ranges: &[Range<u64>]) -> Result<ChunkSource, StorageError> {
        match self {
            ChunkSource::Local { .. } => Ok(self.clone()),
            ChunkSource::Remote { location, .. } => {
                let fetched = location.read_ranges(ranges)?;
                Ok(self.with_fetched(ranges.iter().map(|range| range.start), fetched))
            }
        }
    }

    /// Begins to fetch these stretches of a remote file; nothing for a local one.
    pub(super) fn fetch_ranges(&self, ranges: Vec<Range<u64>>) -> Option<Ranges> {
        match self {
            ChunkSource::Local { .. } => None,
            ChunkSource::Remote { location, .. } => location.fetch_ranges(ranges),
        }
    }

    /// The same with stretches of a remote file that were fetched, in place of those that it had.
    pub(super) fn with_fetched(&self, starts: impl IntoIterator<Item = u64>, fetched: Vec<Bytes>) -> ChunkSource {
        match self {
            ChunkSource::Local { .. } => self.clone(),
            ChunkSource::Remote { location, length, .. } => {
                let mut here: Vec<_> = starts.into_iter().zip(fetched).collect();
                here.sort_by_key(|(start, _)| *start);
                ChunkSource::Remote { location: location.clone(), length: *length, here: Arc::new(here) }
            }
        }
    }

    fn length(&self) -> u64 {
        match self {
            ChunkSource::Local { length, .. } | ChunkSource::Remote { length, .. } => *length,
        }
    }

    /// What is here of the file from `start` on.
    fn at_hand(here: &[(u64, Bytes)], start: u64) -> Option<Bytes> {
        let index = here.partition_point(|(first, _)| *first <= start).checked_sub(1)?;
        let (first, bytes) = &here[index];
        let offset = usize::try_from(start - first).ok().filter(|offset| *offset < bytes.len())?;
        Some(bytes.slice(offset..))
    }
}

impl Length for ChunkSource {
    fn len(&self) -> u64 {
        self.length()
    }
}

impl ChunkReader for ChunkSource {
    type T = ChunkRead;

    fn get_read(&self, start: u64) -> Result<ChunkRead, ParquetError> {
        match self {
            ChunkSource::Local { file, .. } => {
                let at = ReadAt { file: Arc::clone(file), position: start };
                Ok(ChunkRead::Local(BufReader::with_capacity(HEADER_BYTES, at)))
            }
            ChunkSource::Remote { length, here, .. } => match Self::at_hand(here, start) {
                Some(bytes) => Ok(ChunkRead::Remote(bytes.reader())),
                None => {
                    let ahead = length.saturating_sub(start).min(TAIL_BYTES) as usize;
                    Ok(ChunkRead::Remote(self.get_bytes(start, ahead)?.reader()))
                }
            },
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let whole = self.length();
        let end = start.checked_add(length as u64).filter(|end| *end <= whole).ok_or_else(|| {
            ParquetError::EOF(format!("{length} bytes at {start} are wanted, but the file has {whole}"))
        })?;
        match self {
            ChunkSource::Local { file, .. } => Ok(read_exact_at(file, start, length)?.into()),
            ChunkSource::Remote { location, here, .. } => {
                if let Some(mut bytes) = Self::at_hand(here, start).filter(|bytes| bytes.len() >= length) {
                    bytes.truncate(length);
                    return Ok(bytes);
                }
                let fetched = location
                    .read_ranges(slice::from_ref(&(start..end)))
                    .map_err(|error| ParquetError::External(Box::new(error)))?;
                fetched.into_iter().next().ok_or_else(|| ParquetError::EOF("nothing was fetched".to_owned()))
            }
        }
    }
}

/// A stream from somewhere in the file.
pub(super) enum ChunkRead {
    Local(BufReader<ReadAt>),
    Remote(bytes::buf::Reader<Bytes>),
}

impl Read for ChunkRead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            ChunkRead::Local(read) => read.read(buffer),
            ChunkRead::Remote(read) => read.read(buffer),
        }
    }
}

/// A position of its own in a shared file.
pub(super) struct ReadAt {
    file: Arc<File>,
    position: u64,
}

impl Read for ReadAt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = read_at(&self.file, buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

/// `length` bytes from `position` on.
fn read_exact_at(file: &File, position: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        match append_at(file, &mut bytes, position, length) {
            Ok(0) => {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // The vector may have room for more than was asked for.
    bytes.truncate(length);
    Ok(bytes)
}

/// Appends what one read gives to `bytes`, which begin at `start` in the file.
///
/// Clearing the room first, as a plain slice demands, took a fifteenth of the time of a job with a cheap model.
#[cfg(unix)]
fn append_at(file: &File, bytes: &mut Vec<u8>, start: u64, _length: usize) -> io::Result<usize> {
    let position = start + bytes.len() as u64;
    Ok(rustix::io::pread(file, rustix::buffer::spare_capacity(bytes), position)?)
}

#[cfg(windows)]
fn append_at(file: &File, bytes: &mut Vec<u8>, start: u64, length: usize) -> io::Result<usize> {
    let have = bytes.len();
    bytes.resize(length, 0);
    let read = read_at(file, &mut bytes[have..], start + have as u64);
    bytes.truncate(have + read.as_ref().copied().unwrap_or(0));
    read
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, position)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, position)
}

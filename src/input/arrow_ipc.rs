//! Arrow IPC: the stream format, and the file format, which is a stream between two marks and an index.

use std::io::{BufReader, Chain, Cursor, Read};
use std::sync::Arc;

use arrow_ipc::reader::StreamReader;

use super::columnar::{ColumnarBinding, ColumnarPart, Opened, Progress};
use super::compression::{Taken, decompressed};
use super::file_columns::FileColumns;
use super::raw_block::calmly;
use super::{InputError, ListedFile};
use crate::policy::MiniBatchSize;
use crate::storage::Location;

/// What the file format begins (padded to eight bytes) and ends with.
const FILE_MARK: &[u8] = b"ARROW1";
/// What the first version of Feather begins with, which was no Arrow yet.
const FEATHER_1_MARK: &[u8] = b"FEA1";
/// How much is read at a time.
const READ_BYTES: usize = 1 << 20;

/// What messages are aligned to, at least.
const WORD: usize = 8;

type Stream = StreamReader<Chain<Cursor<Vec<u8>>, BufReader<Box<dyn Read + Send>>>>;

/// The columns of a file.
pub(super) fn columns_of(file: &ListedFile) -> Result<FileColumns, InputError> {
    if is_cut(file)? {
        return Err(file.unreadable("its end is missing: it was not written to its end, or not all of it is here"));
    }
    match open(&file.location, None, Taken::default()) {
        Ok(Some(stream)) => Ok(FileColumns::typed(&stream.schema())),
        Ok(None) => Err(InputError::Empty { file: file.file.name.clone() }),
        Err(cause) => Err(file.unreadable(cause)),
    }
}

/// All of a file as one part.
pub(super) fn part(file: &ListedFile, binding: ColumnarBinding, size: MiniBatchSize) -> ColumnarPart {
    let binding = Arc::new(binding);
    let (location, projection) = (file.location.clone(), binding.projection.clone());
    let taken = Taken::default();
    let progress = Progress::Counted { taken: taken.clone(), reported: 0 };
    ColumnarPart::new(&file.file, &binding, size, None, progress, move || {
        let stream = open(&location, Some(projection), taken)?.ok_or("it became empty while it was read")?;
        Ok(Opened { batches: Box::new(stream), row_bytes: 0 })
    })
}

/// Whether a file of the file format lacks its end. Without this, a file cut between two batches would look complete.
fn is_cut(file: &ListedFile) -> Result<bool, InputError> {
    let mark = FILE_MARK.len() as u64;
    if file.size < mark {
        return Ok(false);
    }
    let marks = file.location.read_ranges(&[0..mark, file.size - mark..file.size])?;
    Ok(matches!(&marks[..], [first, last] if first == FILE_MARK && last != FILE_MARK))
}

/// Reads the schema; `None` if there is not a single byte.
fn open(location: &Location, projection: Option<Vec<usize>>, taken: Taken) -> Result<Option<Stream>, String> {
    let source = location.open().map_err(|error| error.to_string())?;
    let plain = decompressed(source, taken).map_err(|error| error.to_string())?.bytes;
    let mut plain = BufReader::with_capacity(READ_BYTES, plain);
    let mut start = Vec::with_capacity(WORD);
    plain.by_ref().take(WORD as u64).read_to_end(&mut start).map_err(|error| error.to_string())?;
    if start.is_empty() {
        return Ok(None);
    }
    if start.starts_with(FEATHER_1_MARK) {
        return Err("it is a Feather file of version 1: write it again as version 2 or as Parquet".to_owned());
    }
    // Behind the mark there are zeros up to the alignment that the writer chose, in words of eight bytes.
    let mut words = 0;
    while start.starts_with(FILE_MARK) || (words > 0 && start == [0; WORD]) {
        words += 1;
        start.clear();
        plain.by_ref().take(WORD as u64).read_to_end(&mut start).map_err(|error| error.to_string())?;
    }
    let stream = calmly(|| StreamReader::try_new(Cursor::new(start).chain(plain), projection));
    stream.map(Some).map_err(|cause| format!("{cause}; it is not an Arrow file, or not all of it"))
}

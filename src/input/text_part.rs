//! Delimited text and JSON lines as a stream of blocks of whole records.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use super::compression::{Taken, decompressed};
use super::raw_block::{Content, RawBlock, TextContent, TextDecoder};
use super::scanner::{Found, MAX_RECORD_BYTES, RecordRule, Scanner};
use super::{InputError, ListedFile};
use crate::data::{Cuts, InputFile};
use crate::policy::MiniBatchSize;

/// Text of a block at which the next mini-batch boundary ends it: enough to hide the cost of handing blocks over, little
/// enough that many are in flight.
pub(super) const BLOCK_BYTES: usize = 4 << 20;
/// Text of a block at which a mini-batch is cut though it is not complete: beyond it, columns could not be addressed.
pub(super) const MAX_BLOCK_BYTES: usize = 256 << 20;
/// Read beyond a block's text, so that its last record is there in one go.
const SLACK_BYTES: usize = 64 << 10;

/// The plain text of a file from the start of a record on.
pub(super) struct TextStream {
    source: Box<dyn Read + Send>,
    taken: Taken,
    text: Vec<u8>,
    /// Set when no more text will come; the error says why when that is not the file's end.
    end: Option<Option<io::Error>>,
}

impl TextStream {
    /// Opens a file and passes over a byte order mark.
    pub(super) fn open(file: &ListedFile) -> Result<TextStream, InputError> {
        let taken = Taken::default();
        let source =
            decompressed(file.location.open()?, taken.clone()).map_err(|error| file.unreadable(error.to_string()))?;
        let mut stream = TextStream { source, taken, text: Vec::new(), end: None };
        stream.fill(3);
        if stream.text.starts_with(b"\xef\xbb\xbf") {
            stream.text.clear();
        } else if stream.text.starts_with(b"\xff\xfe") || stream.text.starts_with(b"\xfe\xff") {
            return Err(file.unreadable("it is UTF-16 text: write it again as UTF-8"));
        }
        Ok(stream)
    }

    /// The first records (up to `count`, and no more than about `limit` bytes) and where they lie in `self.text()`.
    pub(super) fn peek(&mut self, rule: RecordRule, count: usize, limit: usize) -> Vec<Range<usize>> {
        let mut scanner = Scanner::new(rule);
        let mut found = Vec::new();
        while found.len() < count {
            match scanner.next(&self.text, self.is_whole()) {
                Found::Record { start, end } => found.push(start..end),
                Found::More if self.text.len() < limit && self.end.is_none() => {
                    self.fill(self.text.len() + SLACK_BYTES);
                }
                _ => break,
            }
        }
        found
    }

    /// What has been read and not given away.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Drops text from the front, such as a header.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.text.drain(..bytes);
    }

    /// Why nothing can be read any more, if that is not the file's end.
    pub(super) fn error(&self) -> Option<&io::Error> {
        self.end.as_ref().and_then(Option::as_ref)
    }

    /// Whether all of the file is here.
    fn is_whole(&self) -> bool {
        matches!(self.end, Some(None))
    }

    /// Reads until `bytes` are there or no more comes.
    fn fill(&mut self, bytes: usize) {
        let missing = bytes.saturating_sub(self.text.len());
        if self.end.is_some() || missing == 0 {
            return;
        }
        self.text.reserve(missing);
        match self.source.by_ref().take(missing as u64).read_to_end(&mut self.text) {
            Ok(read) if read < missing => self.end = Some(None),
            Ok(_) => {}
            Err(error) => self.end = Some(Some(error)),
        }
    }

    /// Gives the first `bytes` away.
    fn split(&mut self, bytes: usize) -> Vec<u8> {
        let rest = &self.text[bytes..];
        let mut next = Vec::with_capacity(if self.end.is_none() { BLOCK_BYTES + SLACK_BYTES } else { rest.len() });
        next.extend_from_slice(rest);
        let mut text = std::mem::replace(&mut self.text, next);
        text.truncate(bytes);
        text
    }
}

/// A file of text, read in blocks.
pub(super) struct TextPart {
    file: Arc<InputFile>,
    stream: TextStream,
    rule: RecordRule,
    size: MiniBatchSize,
    block_bytes: usize,
    decoder: TextDecoder,
    next_row: u64,
    reported: u64,
    done: bool,
}

/// Where a block ends, and why.
enum BlockEnd {
    /// A mini-batch boundary, at this byte.
    Boundary(usize),
    /// The file is over.
    File,
    /// It cannot be read on.
    Broken(String),
}

impl TextPart {
    /// Cuts the rest of a stream into blocks.
    pub(super) fn new(
        file: Arc<InputFile>,
        stream: TextStream,
        rule: RecordRule,
        size: MiniBatchSize,
        decoder: TextDecoder,
    ) -> TextPart {
        let block_bytes = BLOCK_BYTES;
        TextPart { file, stream, rule, size, block_bytes, decoder, next_row: 0, reported: 0, done: false }
    }

    /// Sets another size of blocks than the usual one.
    #[cfg(test)]
    pub(super) fn with_block_bytes(mut self, bytes: usize) -> TextPart {
        self.block_bytes = bytes;
        self
    }

    /// The next block, or nothing at the end of the file.
    pub(super) fn next_block(&mut self) -> Option<RawBlock> {
        if self.done {
            return None;
        }
        let mut cutter = Cutter::new(self.rule, self.size, self.block_bytes, self.next_row);
        self.stream.fill(self.block_bytes + SLACK_BYTES);
        let end = loop {
            if let Some(end) = cutter.run(&self.stream) {
                break end;
            }
            let have = self.stream.text.len();
            self.stream.fill(have + (have / 2).max(SLACK_BYTES));
        };
        let first = self.next_row;
        self.next_row += cutter.records.len() as u64;
        let (bytes, broken) = match end {
            BlockEnd::Boundary(bytes) => (bytes, None),
            BlockEnd::File => (self.stream.text.len(), None),
            BlockEnd::Broken(cause) => (cutter.text_end(), Some(cause)),
        };
        self.done = bytes == self.stream.text.len() && self.stream.is_whole();
        if cutter.records.is_empty() {
            self.done = true;
            let cause = broken?;
            let input_bytes = self.progress();
            return Some(RawBlock::lost(&self.file, first..first + 1, cause, self.decoder.plan(), input_bytes));
        }
        // What is broken stays in the stream, and comes up again, alone.
        let text = self.stream.split(bytes);
        let cuts = cutter.cuts();
        let content = TextContent { text, records: cutter.records, decoder: self.decoder.clone() };
        Some(RawBlock {
            file: Arc::clone(&self.file),
            span: first..self.next_row,
            cuts,
            input_bytes: self.progress(),
            content: Content::Text(content),
        })
    }

    /// Bytes of the file that were taken since the last call.
    fn progress(&mut self) -> u64 {
        let taken = self.stream.taken.bytes();
        taken - std::mem::replace(&mut self.reported, taken)
    }
}

/// Gathers the records of one block.
struct Cutter {
    scanner: Scanner,
    size: MiniBatchSize,
    block_bytes: usize,
    first_row: u64,
    records: Vec<Range<u32>>,
    /// Where mini-batches begin, when they are cut by their bytes.
    starts: Vec<u64>,
    /// Bytes of the records in the mini-batch at hand.
    batch_bytes: u64,
}

impl Cutter {
    fn new(rule: RecordRule, size: MiniBatchSize, block_bytes: usize, first_row: u64) -> Cutter {
        let starts = vec![first_row];
        Cutter {
            scanner: Scanner::new(rule),
            size,
            block_bytes,
            first_row,
            records: Vec::new(),
            starts,
            batch_bytes: 0,
        }
    }

    /// Goes on to the end of the block; `None` asks for more text.
    fn run(&mut self, stream: &TextStream) -> Option<BlockEnd> {
        loop {
            match self.scanner.next(&stream.text, stream.is_whole()) {
                Found::Record { start, end } => {
                    if let Some(boundary) = self.add(start, end) {
                        return Some(BlockEnd::Boundary(boundary));
                    }
                }
                Found::More => return Some(BlockEnd::Broken(format!("cannot be read on: {}", stream.error()?))),
                Found::TooLong => {
                    let limit = MAX_RECORD_BYTES >> 20;
                    let cause = format!("a record is longer than {limit} MiB: a quote was probably left open here");
                    return Some(BlockEnd::Broken(cause));
                }
                Found::End => return Some(BlockEnd::File),
            }
        }
    }

    /// Takes a record in, and says where the block ends if it ends with it or before it.
    #[inline]
    fn add(&mut self, start: usize, end: usize) -> Option<usize> {
        let is_full = match self.size {
            MiniBatchSize::Items(items) => {
                self.records.push(start as u32..end as u32);
                (self.records.len() as u64).is_multiple_of(items.max(1)) && end >= self.block_bytes
            }
            MiniBatchSize::Bytes(limit) => {
                self.batch_bytes += (end - start) as u64;
                if self.batch_bytes > limit && !self.records.is_empty() {
                    if start >= self.block_bytes {
                        return Some(start);
                    }
                    self.batch_bytes = (end - start) as u64;
                    self.starts.push(self.first_row + self.records.len() as u64);
                }
                self.records.push(start as u32..end as u32);
                false
            }
        };
        (is_full || end >= MAX_BLOCK_BYTES).then_some(end)
    }

    /// Where mini-batches begin.
    fn cuts(&mut self) -> Cuts {
        match self.size {
            MiniBatchSize::Items(items) => Cuts::Every(items.max(1)),
            MiniBatchSize::Bytes(_) => Cuts::At(std::mem::take(&mut self.starts)),
        }
    }

    /// The end of the last record.
    fn text_end(&self) -> usize {
        self.records.last().map_or(0, |record| record.end as usize)
    }
}

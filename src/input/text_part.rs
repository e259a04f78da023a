//! Delimited text and JSON lines as a stream of blocks of whole records.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use super::compression::{Plain, Taken, decompressed, is_named_compressed};
use super::raw_block::{Content, RawBlock, TextContent, TextDecoder};
use super::record_count::{Counted, RecordCounter, Tally, Wanted};
use super::scanner::{Found, MAX_RECORD_BYTES, RecordRule, Scanner};
use super::{InputError, ListedFile};
use crate::data::{Cuts, InputFile};
use crate::policy::MiniBatchSize;
use crate::simd::Level;

/// Text of a block at which the next mini-batch boundary ends it: enough to hide the cost of handing blocks over, little
/// enough that many are in flight.
pub(super) const BLOCK_BYTES: usize = 4 << 20;
/// Text of a block at which a mini-batch is cut though it is not complete: beyond it, columns could not be addressed.
pub(super) const MAX_BLOCK_BYTES: usize = 256 << 20;
/// Looked at before anything else: a byte order mark, and whether it is text at all.
const HEAD_BYTES: usize = 512;
/// Read beyond a block's text, and again when that is not enough: what is read too much must be copied into the next block.
const SLACK_BYTES: usize = 64 << 10;
/// What a record takes, before any is known.
const USUAL_RECORD_BYTES: u64 = 128;

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
        let plain = decompressed(file.location.open()?, taken.clone());
        let Plain { bytes, was_compressed } = plain.map_err(|error| file.unreadable(error.to_string()))?;
        let mut stream = TextStream { source: bytes, taken, text: Vec::new(), end: None };
        stream.fill(HEAD_BYTES);
        // No text has these bytes, and none of its records would be one.
        let is_binary = || stream.text.iter().any(|byte| matches!(byte, 0..=8 | 14..=26));
        if !was_compressed && is_named_compressed(&file.file.name) && is_binary() {
            return Err(file.unreadable(
                "its name says that it is compressed, but it is neither gzip nor Zstandard, nor text: compress it again",
            ));
        }
        if stream.text.starts_with(b"\xef\xbb\xbf") {
            stream.text.drain(..3);
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
        let mut have = self.text.len();
        if self.end.is_some() || bytes <= have {
            return;
        }
        self.text.resize(bytes, 0);
        while have < bytes && self.end.is_none() {
            match self.source.read(&mut self.text[have..]) {
                Ok(0) => self.end = Some(None),
                Ok(read) => have += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.end = Some(Some(error)),
            }
        }
        self.text.truncate(have);
    }

    /// Gives the first `bytes` away.
    fn split(&mut self, bytes: usize) -> Vec<u8> {
        let rest = &self.text[bytes..];
        // The next block will be about as long as this one.
        let room = if self.end.is_none() { self.text.len() + SLACK_BYTES } else { rest.len() };
        let mut next = Vec::with_capacity(room);
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
    block_rows: u64,
    /// About how many bytes the next block will have.
    expected_bytes: usize,
    level: Level,
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
        let (block_bytes, level) = (BLOCK_BYTES, Level::get());
        let block_rows = decoder.reading().block_rows.unwrap_or(u64::MAX);
        // What blocks of few records do not take must be copied for each.
        let expected_bytes = usize::try_from(block_rows.saturating_mul(USUAL_RECORD_BYTES)).unwrap_or(usize::MAX);
        let (next_row, reported, done) = (0, 0, false);
        TextPart {
            file,
            stream,
            rule,
            size,
            block_bytes,
            block_rows,
            expected_bytes,
            level,
            decoder,
            next_row,
            reported,
            done,
        }
    }

    /// Sets another size of blocks than the usual one.
    #[cfg(test)]
    pub(super) fn with_block_bytes(mut self, bytes: usize) -> TextPart {
        self.block_bytes = bytes;
        self
    }

    /// Sets other vector instructions than the best.
    #[cfg(test)]
    pub(super) fn with_level(mut self, level: Level) -> TextPart {
        self.level = level;
        self.decoder = self.decoder.with_level(level);
        self
    }

    /// The next block, or nothing at the end of the file.
    pub(super) fn next_block(&mut self) -> Option<RawBlock> {
        if self.done {
            return None;
        }
        let mut cutter =
            Cutter::new(self.rule, self.size, self.level, (self.block_bytes, self.block_rows), self.next_row);
        self.stream.fill(self.block_bytes.min(self.expected_bytes) + SLACK_BYTES);
        let end = loop {
            if let Some(end) = cutter.run(&self.stream) {
                break end;
            }
            self.stream.fill(self.stream.text.len() + SLACK_BYTES);
        };
        let first = self.next_row;
        self.next_row += cutter.tally.records;
        let (bytes, broken) = match end {
            BlockEnd::Boundary(bytes) => (bytes, None),
            BlockEnd::File => (self.stream.text.len(), None),
            BlockEnd::Broken(cause) => (cutter.tally.end, Some(cause)),
        };
        self.expected_bytes = if cutter.tally.records < self.block_rows { usize::MAX } else { bytes };
        self.done = bytes == self.stream.text.len() && self.stream.is_whole();
        if cutter.tally.records == 0 {
            self.done = true;
            let cause = broken?;
            let input_bytes = self.progress();
            return Some(RawBlock::lost(&self.file, first..first + 1, cause, self.decoder.plan(), input_bytes));
        }
        // What is broken stays in the stream, and comes up again, alone.
        let text = self.stream.split(bytes);
        let cuts = cutter.cuts();
        let content = TextContent::new(text, cutter.tally.records, self.rule, self.decoder.clone());
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

/// Finds the end of one block.
struct Cutter {
    rule: RecordRule,
    size: MiniBatchSize,
    block_bytes: usize,
    block_rows: u64,
    first_row: u64,
    /// For delimited text whose mini-batches are cut by their number of records.
    counter: Option<RecordCounter>,
    /// For a record that must be read byte by byte.
    scanner: Option<Scanner>,
    tally: Tally,
    /// Where mini-batches begin, when they are cut by their bytes.
    starts: Vec<u64>,
    /// Bytes of the records in the mini-batch at hand.
    batch_bytes: u64,
}

impl Cutter {
    fn new(
        rule: RecordRule,
        size: MiniBatchSize,
        level: Level,
        (block_bytes, block_rows): (usize, u64),
        first_row: u64,
    ) -> Cutter {
        let counter = match (rule, size) {
            (RecordRule::Csv { delimiter }, MiniBatchSize::Items(_)) => Some(RecordCounter::new(level, delimiter)),
            _ => None,
        };
        Cutter {
            rule,
            size,
            block_bytes,
            block_rows,
            first_row,
            counter,
            scanner: None,
            tally: Tally::default(),
            starts: vec![first_row],
            batch_bytes: 0,
        }
    }

    /// Goes on to the end of the block; `None` asks for more text.
    fn run(&mut self, stream: &TextStream) -> Option<BlockEnd> {
        loop {
            if let (None, Some(counter), MiniBatchSize::Items(items)) = (&self.scanner, &mut self.counter, self.size) {
                let wanted = Wanted { items: items.max(1), bytes: self.block_bytes, records: self.block_rows };
                match counter.run(&stream.text, wanted, &mut self.tally) {
                    Counted::Block => return Some(BlockEnd::Boundary(self.tally.end)),
                    Counted::Short if stream.end.is_none() => return None,
                    Counted::Short | Counted::Odd => self.scanner = Some(Scanner::at(self.rule, counter.start())),
                    Counted::TooLong => return Some(too_long()),
                }
            }
            let scanner = self.scanner.get_or_insert_with(|| Scanner::new(self.rule));
            match scanner.next(&stream.text, stream.is_whole()) {
                Found::Record { start, end } => {
                    if let Some(counter) = &mut self.counter {
                        counter.resume(scanner.start());
                        self.scanner = None;
                    }
                    if let Some(boundary) = self.add(start, end) {
                        return Some(BlockEnd::Boundary(boundary));
                    }
                }
                Found::More => return Some(BlockEnd::Broken(format!("cannot be read on: {}", stream.error()?))),
                Found::TooLong => return Some(too_long()),
                Found::End => return Some(BlockEnd::File),
            }
        }
    }

    /// Takes a record in, and says where the block ends if it ends with it or before it.
    #[inline]
    fn add(&mut self, start: usize, end: usize) -> Option<usize> {
        if let MiniBatchSize::Bytes(limit) = self.size {
            self.batch_bytes += (end - start) as u64;
            if self.batch_bytes > limit && self.tally.records > 0 {
                if start >= self.block_bytes || self.tally.records >= self.block_rows {
                    return Some(start);
                }
                self.batch_bytes = (end - start) as u64;
                self.starts.push(self.first_row + self.tally.records);
            }
        }
        self.tally.records += 1;
        self.tally.end = end;
        let is_full = match self.size {
            MiniBatchSize::Items(items) => {
                let is_large = end >= self.block_bytes || self.tally.records >= self.block_rows;
                is_large && self.tally.records.is_multiple_of(items.max(1))
            }
            MiniBatchSize::Bytes(_) => false,
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
}

fn too_long() -> BlockEnd {
    let limit = MAX_RECORD_BYTES >> 20;
    BlockEnd::Broken(format!("a record is longer than {limit} MiB: a quote was probably left open here"))
}

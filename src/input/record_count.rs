//! Counts the records of delimited text up to the end of a block, without looking at them one by one.

use super::marks::{self, Before, WIDTH};
use super::scanner::MAX_RECORD_BYTES;
use super::text_part::MAX_BLOCK_BYTES;
use crate::simd::Level;

/// Records found so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub records: u64,
    /// Where the last one ends, without its line end.
    pub end: usize,
}

/// Where a block may end: with the last record of a mini-batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// Records of a mini-batch; at least 1.
    pub items: u64,
    /// The least bytes of a block, unless it has so many records.
    pub bytes: usize,
    pub records: u64,
}

/// What the counting came upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// The block ends with the last record of the tally.
    Block,
    /// The text is over, but for less than can be looked at in one go.
    Short,
    /// A quote stands where no field begins: the record at hand must be read byte by byte.
    Odd,
    /// A record is longer than any record should be.
    TooLong,
}

/// A place in a text that may still grow.
#[derive(Debug)]
pub(super) struct RecordCounter {
    level: Level,
    delimiter: u8,
    at: usize,
    /// Where the record at hand begins.
    start: usize,
    before: Before,
}

impl RecordCounter {
    /// At the start of a text, which is the start of a record.
    pub(super) fn new(level: Level, delimiter: u8) -> RecordCounter {
        RecordCounter { level, delimiter, at: 0, start: 0, before: Before::RECORD }
    }

    /// Where the record at hand begins.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Goes on at the start of a record.
    pub(super) fn resume(&mut self, start: usize) {
        *self = RecordCounter { at: start, start, before: Before::RECORD, ..*self };
    }

    /// Counts on to the end of the block or of the text.
    pub(super) fn run(&mut self, text: &[u8], wanted: Wanted, tally: &mut Tally) -> Counted {
        #[cfg(target_arch = "x86_64")]
        if marks::has_avx2(self.level) {
            #[expect(unsafe_code, reason = "a function for processors with AVX2")]
            // SAFETY: the processor has AVX2.
            return unsafe { self.run_avx2(text, wanted, tally) };
        }
        let delimiter = self.delimiter;
        self.run_with(text, wanted, tally, |bytes| marks::marks(bytes, delimiter))
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn run_avx2(&mut self, text: &[u8], wanted: Wanted, tally: &mut Tally) -> Counted {
        let delimiter = self.delimiter;
        self.run_with(text, wanted, tally, |bytes| marks::marks_avx2(bytes, delimiter))
    }

    #[inline(always)]
    fn run_with(
        &mut self,
        text: &[u8],
        wanted: Wanted,
        tally: &mut Tally,
        marks: impl Fn(&[u8; WIDTH]) -> marks::Marks,
    ) -> Counted {
        while let Some(bytes) = text.get(self.at..).and_then(<[u8]>::first_chunk) {
            let separators = self.before.separate(marks(bytes));
            let mut records = separators.records;
            if records != 0 {
                // Those behind the first one are shorter than what is looked at.
                if self.at + records.trailing_zeros() as usize - self.start > MAX_RECORD_BYTES {
                    return Counted::TooLong;
                }
                if self.at + WIDTH > wanted.bytes || tally.records + WIDTH as u64 > wanted.records {
                    while records != 0 {
                        tally.records += 1;
                        tally.end = self.at + records.trailing_zeros() as usize;
                        let is_large = tally.end >= wanted.bytes || tally.records >= wanted.records;
                        let is_full = is_large && tally.records.is_multiple_of(wanted.items);
                        if is_full || tally.end >= MAX_BLOCK_BYTES {
                            return Counted::Block;
                        }
                        records &= records - 1;
                    }
                } else {
                    tally.records += u64::from(records.count_ones());
                    tally.end = self.at + last(records);
                }
            }
            if separators.line_ends != 0 {
                self.start = self.at + last(separators.line_ends) + 1;
            }
            if separators.odd.is_some() {
                return Counted::Odd;
            }
            self.at += WIDTH;
        }
        if text.len() - self.start > MAX_RECORD_BYTES { Counted::TooLong } else { Counted::Short }
    }
}

/// The place of the last of some bits.
#[inline(always)]
fn last(bits: u64) -> usize {
    WIDTH - 1 - bits.leading_zeros() as usize
}

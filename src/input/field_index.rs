//! Where the fields of many records of delimited text end, found in one go.

use super::marks::{self, Before, WIDTH};
use crate::simd::Level;

/// Fields that are indexed together, at least: enough to hide the cost of starting anew for each column, few enough that
/// their text stays in a core's inner cache until all columns have been read.
const FIELDS: usize = 2048;
/// Records of many fields that are indexed together, at least.
const RECORDS: usize = 16;

/// An index of the fields of consecutive records.
pub(super) struct FieldIndex {
    level: Level,
    delimiter: u8,
    /// Ends of fields, of which `count` are told.
    ends: Box<[u32]>,
    count: usize,
    starts: Vec<u32>,
    records: Vec<u32>,
}

/// What comes behind the records of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// Other records, from this byte on.
    More(usize),
    /// At this byte a record that must be read byte by byte.
    Odd(usize),
    /// Nothing.
    End,
}

impl FieldIndex {
    /// An index for records of so many fields.
    pub(super) fn new(level: Level, delimiter: u8, width: usize) -> FieldIndex {
        let room = FIELDS.max(RECORDS * width) + WIDTH;
        let ends = vec![0; room].into_boxed_slice();
        FieldIndex { level, delimiter, ends, count: 0, starts: Vec::new(), records: Vec::new() }
    }

    /// Where fields end, of all records in order.
    pub(super) fn ends(&self) -> &[u32] {
        &self.ends[..self.count]
    }

    /// Where records begin.
    pub(super) fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// Where records end.
    pub(super) fn records(&self) -> &[u32] {
        &self.records
    }

    /// Indexes records from `from` on, which is the start of one. `text` is the whole text; it is shorter than 4 GiB.
    pub(super) fn fill(&mut self, text: &[u8], from: usize) -> Behind {
        self.records.clear();
        let behind = self.find_ends(text, from);
        self.starts.clear();
        let mut start = from;
        for end in &self.records {
            // What is left of the line end before, and lines without anything on them.
            while matches!(text[start], b'\r' | b'\n') {
                start += 1;
            }
            self.starts.push(start as u32);
            start = *end as usize + 1;
        }
        let next = start;
        match behind {
            Behind::End => Behind::End,
            // A single record does not fit.
            Behind::More(_) if self.records.is_empty() => Behind::Odd(next),
            Behind::More(_) => Behind::More(next),
            Behind::Odd(_) => Behind::Odd(next),
        }
    }

    fn find_ends(&mut self, text: &[u8], from: usize) -> Behind {
        #[cfg(target_arch = "x86_64")]
        if marks::has_avx2(self.level) {
            #[expect(unsafe_code, reason = "a function for processors with AVX2")]
            // SAFETY: the processor has AVX2.
            return unsafe { self.find_ends_avx2(text, from) };
        }
        let delimiter = self.delimiter;
        self.find_ends_with(text, from, |bytes| marks::marks(bytes, delimiter))
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn find_ends_avx2(&mut self, text: &[u8], from: usize) -> Behind {
        let delimiter = self.delimiter;
        self.find_ends_with(text, from, |bytes| marks::marks_avx2(bytes, delimiter))
    }

    #[inline(always)]
    fn find_ends_with(&mut self, text: &[u8], from: usize, marks: impl Fn(&[u8; WIDTH]) -> marks::Marks) -> Behind {
        let mut before = Before::RECORD;
        let mut count = 0;
        let mut at = from;
        let behind = loop {
            let Some(room) = self.ends[count..].first_chunk_mut::<WIDTH>() else {
                break Behind::More(at);
            };
            let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) else {
                break Behind::End;
            };
            let separators = match rest.first_chunk() {
                Some(bytes) => before.separate(marks(bytes)),
                None => {
                    // A byte of nought separates nothing.
                    let mut bytes = [0; WIDTH];
                    bytes[..rest.len()].copy_from_slice(rest);
                    before.separate(marks(&bytes))
                }
            };
            let mut ends = separators.delimiters | separators.records;
            let found = ends.count_ones() as usize;
            for place in &mut room[..found] {
                *place = at as u32 + ends.trailing_zeros();
                ends &= ends.wrapping_sub(1);
            }
            count += found;
            let mut records = separators.records;
            while records != 0 {
                self.records.push(at as u32 + records.trailing_zeros());
                records &= records - 1;
            }
            if separators.odd.is_some() {
                break Behind::Odd(at);
            }
            at += WIDTH;
        };
        self.count = count;
        if behind != Behind::End {
            return behind;
        }
        if before.is_quoted() {
            return Behind::Odd(at);
        }
        if text[from..].last().is_some_and(|last| !matches!(last, b'\r' | b'\n')) {
            // The last record ends with the text.
            self.ends[count] = text.len() as u32;
            self.count += 1;
            self.records.push(text.len() as u32);
        }
        Behind::End
    }
}

//! Records of JSON lines that look like the one before: the same keys in the same order, with the same blanks.
//!
//! What stands between two values of a record, keys included, is compared as a whole with what stood there before.

use super::json_tokens::{self, Span};
#[cfg(target_arch = "x86_64")]
use super::marks;
use crate::simd::Level;

/// The longest stretch between values that is compared in one go.
const WORD_BYTES: usize = 16;

/// How a record is written, but for its values.
pub(super) struct Layout {
    level: Level,
    /// Whether there is one.
    known: bool,
    steps: Vec<Step>,
    /// Behind the last value.
    end: Literal,
}

/// A value of a record.
struct Step {
    before: Literal,
    /// Which of the wanted keys it has.
    key: Option<usize>,
}

/// A stretch of a text that is expected elsewhere in it.
#[derive(Clone, Copy)]
struct Literal {
    start: usize,
    length: usize,
    /// The stretch itself, if it is short, and which bits belong to it.
    word: u128,
    mask: u128,
}

impl Literal {
    fn new(text: &[u8], start: usize, end: usize) -> Literal {
        let length = end - start;
        let mut word = [0; WORD_BYTES];
        let mut mask = [0; WORD_BYTES];
        if length <= WORD_BYTES {
            word[..length].copy_from_slice(&text[start..end]);
            mask[..length].fill(u8::MAX);
        }
        Literal { start, length, word: u128::from_le_bytes(word), mask: u128::from_le_bytes(mask) }
    }

    /// Whether it stands at this place.
    #[inline(always)]
    fn is_at(&self, text: &[u8], at: usize) -> bool {
        if self.length <= WORD_BYTES
            && let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk)
        {
            return (u128::from_le_bytes(*bytes) ^ self.word) & self.mask == 0;
        }
        text.get(at..at + self.length) == Some(&text[self.start..self.start + self.length])
    }
}

impl Layout {
    /// That of no record.
    pub(super) fn new(level: Level) -> Layout {
        Layout { level, known: false, steps: Vec::new(), end: Literal::new(&[], 0, 0) }
    }

    /// Finds the values of wanted keys in the record at `text[start..end]`. `key_of` tells which key is wanted, given
    /// which one came last. `false` leaves the record to a full parser.
    ///
    /// All calls are about the same text, which is UTF-8 within the record and shorter than 4 GiB.
    pub(super) fn read(
        &mut self,
        text: &[u8],
        (start, end): (usize, usize),
        values: &mut [Span],
        key_of: impl Fn(&[u8], Option<usize>) -> Option<usize>,
    ) -> bool {
        values.fill(Span::MISSING);
        if self.known && self.follow(text, (start, end), values) {
            return true;
        }
        values.fill(Span::MISSING);
        self.known = self.learn(&text[..end], start, values, key_of).is_some();
        self.known
    }

    fn follow(&self, text: &[u8], record: (usize, usize), values: &mut [Span]) -> bool {
        #[cfg(target_arch = "x86_64")]
        if marks::has_avx2(self.level) {
            #[expect(unsafe_code, reason = "a function for processors with AVX2")]
            // SAFETY: the processor has AVX2.
            return unsafe { self.follow_avx2(text, record, values) };
        }
        self.follow_with(text, record, values, json_tokens::digits, json_tokens::string_ends)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn follow_avx2(&self, text: &[u8], record: (usize, usize), values: &mut [Span]) -> bool {
        let (digits, string_ends) =
            (|bytes: &_| json_tokens::digits_avx2(bytes), |bytes: &_| json_tokens::string_ends_avx2(bytes));
        self.follow_with(text, record, values, digits, string_ends)
    }

    #[inline(always)]
    fn follow_with(
        &self,
        text: &[u8],
        (start, end): (usize, usize),
        values: &mut [Span],
        digits: impl Fn(&[u8; json_tokens::WIDTH]) -> u32 + Copy,
        string_ends: impl Fn(&[u8; json_tokens::WIDTH]) -> u32 + Copy,
    ) -> bool {
        let mut at = start;
        for step in &self.steps {
            if !step.before.is_at(text, at) {
                return false;
            }
            let Some(value) = json_tokens::value(text, at + step.before.length, end, digits, string_ends) else {
                return false;
            };
            at = value.end as usize;
            if let Some(key) = step.key {
                values[key] = value;
            }
        }
        self.end.is_at(text, at) && at + self.end.length == end
    }

    /// Reads a record of any layout, which becomes this one; nothing when it must be left to a full parser.
    fn learn(
        &mut self,
        text: &[u8],
        start: usize,
        values: &mut [Span],
        key_of: impl Fn(&[u8], Option<usize>) -> Option<usize>,
    ) -> Option<()> {
        let value = |start| json_tokens::value(text, start, text.len(), json_tokens::digits, json_tokens::string_ends);
        self.steps.clear();
        let mut last_key = None;
        let mut from = start;
        let mut at = expect(text, start, b'{')?;
        if text.get(at) == Some(&b'}') {
            at += 1;
        } else {
            loop {
                let name = value(at).filter(|name| text[name.start as usize] == b'"' && !name.escaped)?;
                let name_bytes = name.of(text);
                let start = expect(text, skip_blanks(text, name.end as usize), b':')?;
                let found = value(start)?;
                let key = key_of(&name_bytes[1..name_bytes.len() - 1], last_key);
                if let Some(key) = key {
                    if !values[key].is_missing() {
                        return None;
                    }
                    values[key] = found;
                    last_key = Some(key);
                }
                self.steps.push(Step { before: Literal::new(text, from, start), key });
                from = found.end as usize;
                at = skip_blanks(text, from);
                if text.get(at) == Some(&b'}') {
                    at += 1;
                    break;
                }
                at = expect(text, at, b',')?;
            }
        }
        self.end = Literal::new(text, from, text.len());
        (skip_blanks(text, at) == text.len()).then_some(())
    }
}

/// The first place from `at` on that is not blank.
fn skip_blanks(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

/// The place behind a certain byte and blanks before and behind it.
fn expect(text: &[u8], at: usize, byte: u8) -> Option<usize> {
    let at = skip_blanks(text, at);
    (text.get(at) == Some(&byte)).then(|| skip_blanks(text, at + 1))
}

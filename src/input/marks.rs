//! Which bytes of delimited text separate fields and records, 64 bytes at a time.
//!
//! Quotes are told by counting them: behind an odd number of them, text is quoted. That is right as long as each quote
//! that opens stands where a field begins, or behind a quote that it makes into a doubled one. Where a quote stands
//! elsewhere, what follows up to the end of the record must be read byte by byte.

#[cfg(target_arch = "x86_64")]
use crate::simd;
use crate::simd::Level;

/// How many bytes are looked at together.
pub(super) const WIDTH: usize = 64;

/// Some of 64 bytes, one bit each, the first one lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    delimiters: u64,
    line_ends: u64,
    quotes: u64,
}

/// What 64 bytes come to when it is known what stands before them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Separators {
    /// Delimiters between fields.
    pub delimiters: u64,
    /// Line ends of all lines.
    pub line_ends: u64,
    /// Line ends of lines with something on them: the ends of records.
    pub records: u64,
    /// Where a quote stands that cannot be told by counting; nothing that is said about bytes from here on holds.
    pub odd: Option<u32>,
}

/// What is known of the bytes before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    /// All bits when a quote is open, else none.
    quoted: u64,
    /// 1 behind a separator or a quote: another quote may come.
    may_open: u64,
    /// 1 behind a line end.
    line_end: u64,
}

impl Before {
    /// Nothing, or a line end.
    pub(super) const RECORD: Before = Before { quoted: 0, may_open: 1, line_end: 1 };

    /// Whether a quote is open.
    pub(super) fn is_quoted(self) -> bool {
        self.quoted != 0
    }

    /// Tells what the next marks separate.
    #[inline(always)]
    pub(super) fn separate(&mut self, marks: Marks) -> Separators {
        let Marks { mut delimiters, mut line_ends, quotes } = marks;
        let mut odd = 0;
        if quotes | self.quoted != 0 {
            let quoted = up_to_here(quotes) ^ self.quoted;
            delimiters &= !quoted;
            line_ends &= !quoted;
            let may_open = (delimiters | line_ends | quotes) << 1 | self.may_open;
            odd = quotes & quoted & !may_open;
            self.quoted = if quoted >> 63 == 1 { u64::MAX } else { 0 };
        }
        let records = line_ends & !(line_ends << 1 | self.line_end);
        self.may_open = (delimiters | line_ends | quotes) >> 63;
        self.line_end = line_ends >> 63;
        if odd == 0 {
            return Separators { delimiters, line_ends, records, odd: None };
        }
        let place = odd.trailing_zeros();
        let before = (1 << place) - 1;
        let (delimiters, line_ends) = (delimiters & before, line_ends & before);
        Separators { delimiters, line_ends, records: records & before, odd: Some(place) }
    }
}

/// For each bit, whether an odd number of bits is set up to it and with it.
#[inline(always)]
fn up_to_here(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// Whether the functions for AVX2 may be called at this level.
pub(super) fn has_avx2(level: Level) -> bool {
    level.min(Level::of_processor()) >= Level::Avx2
}

/// Finds marks on any processor.
#[inline(always)]
pub(super) fn marks(bytes: &[u8; WIDTH], delimiter: u8) -> Marks {
    let mut marks = Marks { delimiters: 0, line_ends: 0, quotes: 0 };
    let (words, _) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        marks.delimiters |= bit_a_byte(equal(word, delimiter)) << (8 * index);
        marks.line_ends |= bit_a_byte(equal(word, b'\n') | equal(word, b'\r')) << (8 * index);
        marks.quotes |= bit_a_byte(equal(word, b'"')) << (8 * index);
    }
    marks
}

/// The highest bit of each byte that is equal.
#[inline(always)]
fn equal(word: u64, byte: u8) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let other = word ^ u64::from_ne_bytes([byte; 8]);
    !(((other & LOW) + LOW) | other | LOW)
}

/// The highest bits of eight bytes, side by side.
#[inline(always)]
fn bit_a_byte(highest: u64) -> u64 {
    (highest >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Finds marks with AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn marks_avx2(bytes: &[u8; WIDTH], delimiter: u8) -> Marks {
    use std::arch::x86_64::{_mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8};

    let mut marks = Marks { delimiters: 0, line_ends: 0, quotes: 0 };
    let (halves, _) = bytes.as_chunks::<32>();
    for (index, half) in halves.iter().enumerate() {
        let half = simd::load(half);
        let equal = |byte: u8| _mm256_cmpeq_epi8(half, _mm256_set1_epi8(byte.cast_signed()));
        let bits = |bytes| u64::from(_mm256_movemask_epi8(bytes).cast_unsigned()) << (32 * index);
        marks.delimiters |= bits(equal(delimiter));
        marks.line_ends |= bits(_mm256_or_si256(equal(b'\n'), equal(b'\r')));
        marks.quotes |= bits(equal(b'"'));
    }
    marks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(bytes: &[u8; WIDTH], delimiter: u8) -> Marks {
        let bits = |is: &dyn Fn(u8) -> bool| (0..WIDTH).filter(|i| is(bytes[*i])).fold(0, |bits, i| bits | 1 << i);
        Marks {
            delimiters: bits(&|byte| byte == delimiter),
            line_ends: bits(&|byte| byte == b'\n' || byte == b'\r'),
            quotes: bits(&|byte| byte == b'"'),
        }
    }

    proptest! {
        #[test]
        fn every_byte_is_told(
            bytes in prop::collection::vec(prop_oneof![Just(b','), Just(b'"'), Just(b'\n'), Just(b'\r'), Just(b'\t'), any::<u8>()], WIDTH),
            delimiter in prop_oneof![Just(b','), Just(b'\t'), Just(b'|')],
        ) {
            let bytes: &[u8; WIDTH] = bytes.as_slice().try_into().unwrap();
            let expected = plain(bytes, delimiter);
            prop_assert_eq!(marks(bytes, delimiter), expected);
            #[cfg(target_arch = "x86_64")]
            if has_avx2(Level::Avx512) {
                #[expect(unsafe_code, reason = "a function for processors with AVX2")]
                // SAFETY: the processor has AVX2.
                let with_avx2 = unsafe { marks_avx2(bytes, delimiter) };
                prop_assert_eq!(with_avx2, expected);
            }
        }

        #[test]
        fn bits_are_counted(bits: u64) {
            let expected = (0..64).filter(|i| (bits << (63 - i)).count_ones() % 2 == 1).fold(0, |all, i| all | 1 << i);
            prop_assert_eq!(up_to_here(bits), expected);
        }
    }
}

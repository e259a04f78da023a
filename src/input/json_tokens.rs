//! Where values of JSON end, 32 bytes at a time.
//!
//! What is not a value for certain is left to a full parser.

use serde::de::IgnoredAny;

#[cfg(target_arch = "x86_64")]
use crate::simd;

/// How many bytes are looked at together.
pub(super) const WIDTH: usize = 32;

/// Where a value lies in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
    /// Whether it is a string with backslashes.
    pub escaped: bool,
}

impl Span {
    /// No value.
    pub(super) const MISSING: Span = Span { start: 0, end: 0, escaped: false };

    /// Whether there is a value.
    #[inline(always)]
    pub(super) fn is_missing(self) -> bool {
        self.end == 0
    }

    /// The value as it is written.
    #[inline(always)]
    pub(super) fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..self.end as usize]
    }
}

/// The value at a place in a text that is shorter than 4 GiB, where a record ends at `record_end`. `digits` says which of some bytes are decimal digits,
/// `string_ends` which cannot stand in a string as they are; one bit each, the first one lowest.
#[inline(always)]
pub(super) fn value(
    text: &[u8],
    start: usize,
    record_end: usize,
    digits: impl Fn(&[u8; WIDTH]) -> u32,
    string_ends: impl Fn(&[u8; WIDTH]) -> u32,
) -> Option<Span> {
    let mut escaped = false;
    let end = match text.get(start)? {
        b'-' | b'0'..=b'9' => number_end(text, start, digits)?,
        b'"' => string_end(text, start, &mut escaped, string_ends)?,
        b't' => word_end(text, start, b"true")?,
        b'f' => word_end(text, start, b"false")?,
        b'n' => word_end(text, start, b"null")?,
        b'{' | b'[' => nested_end(text.get(..record_end)?, start)?,
        _ => return None,
    };
    Some(Span { start: start as u32, end: end as u32, escaped })
}

#[inline(always)]
fn number_end(text: &[u8], start: usize, digits: impl Fn(&[u8; WIDTH]) -> u32) -> Option<usize> {
    let Some(bytes) = text[start..].first_chunk() else {
        return any_number_end(text, start);
    };
    let digits = digits(bytes);
    let sign = usize::from(bytes[0] == b'-');
    let whole = (digits >> sign).trailing_ones() as usize;
    let mut length = sign + whole;
    if whole == 0 || length >= WIDTH - 1 || (whole > 1 && bytes[sign] == b'0') {
        return any_number_end(text, start);
    }
    if bytes[length] == b'.' {
        let fraction = (digits >> (length + 1)).trailing_ones() as usize;
        length += 1 + fraction;
        if fraction == 0 || length >= WIDTH {
            return any_number_end(text, start);
        }
    }
    if matches!(bytes[length], b'e' | b'E') {
        return any_number_end(text, start);
    }
    Some(start + length)
}

/// The end of a number of any form and length.
#[inline(never)]
fn any_number_end(text: &[u8], start: usize) -> Option<usize> {
    let digits_at = |at: usize| text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = start + usize::from(text[start] == b'-');
    let whole = digits_at(at);
    if whole == 0 || (whole > 1 && text[at] == b'0') {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits_at(at + 1);
        at += 1 + fraction;
        if fraction == 0 {
            return None;
        }
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits_at(at);
        at += exponent;
        if exponent == 0 {
            return None;
        }
    }
    Some(at)
}

#[inline(always)]
fn string_end(
    text: &[u8],
    start: usize,
    escaped: &mut bool,
    string_ends: impl Fn(&[u8; WIDTH]) -> u32,
) -> Option<usize> {
    let mut at = start + 1;
    loop {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let ends = match rest.first_chunk() {
            Some(bytes) => string_ends(bytes),
            None => {
                let mut bytes = [0; WIDTH];
                bytes[..rest.len()].copy_from_slice(rest);
                string_ends(&bytes)
            }
        };
        if ends == 0 {
            at += WIDTH;
            continue;
        }
        at += ends.trailing_zeros() as usize;
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => {
                *escaped = true;
                at += escape_length(&text[at..])?;
            }
            _ => return None,
        }
    }
}

fn escape_length(text: &[u8]) -> Option<usize> {
    match text.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => text.get(2..6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}

fn word_end(text: &[u8], start: usize, word: &[u8]) -> Option<usize> {
    text[start..].starts_with(word).then_some(start + word.len())
}

/// The end of an object or array.
#[inline(never)]
fn nested_end(text: &[u8], start: usize) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_slice(&text[start..]).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(start + values.byte_offset())
}

/// Which bytes are decimal digits, on any processor.
#[inline(always)]
pub(super) fn digits(bytes: &[u8; WIDTH]) -> u32 {
    bits(bytes, |byte| byte.is_ascii_digit())
}

/// Which bytes cannot stand in a string as they are, on any processor: quotes, backslashes, control characters.
#[inline(always)]
pub(super) fn string_ends(bytes: &[u8; WIDTH]) -> u32 {
    bits(bytes, |byte| matches!(byte, b'"' | b'\\' | 0..0x20))
}

#[inline(always)]
fn bits(bytes: &[u8; WIDTH], is: impl Fn(u8) -> bool) -> u32 {
    bytes.iter().enumerate().fold(0, |bits, (place, byte)| bits | u32::from(is(*byte)) << place)
}

/// Which bytes are decimal digits, with AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn digits_avx2(bytes: &[u8; WIDTH]) -> u32 {
    use std::arch::x86_64::{
        _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_set1_epi8, _mm256_sub_epi8,
    };

    let values = _mm256_sub_epi8(simd::load(bytes), _mm256_set1_epi8(b'0'.cast_signed()));
    let below_ten = _mm256_cmpeq_epi8(values, _mm256_min_epu8(values, _mm256_set1_epi8(9)));
    _mm256_movemask_epi8(below_ten).cast_unsigned()
}

/// Which bytes cannot stand in a string as they are, with AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn string_ends_avx2(bytes: &[u8; WIDTH]) -> u32 {
    use std::arch::x86_64::{
        _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    };

    let bytes = simd::load(bytes);
    let equal = |byte: u8| _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed()));
    let control = _mm256_cmpeq_epi8(bytes, _mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)));
    _mm256_movemask_epi8(_mm256_or_si256(control, _mm256_or_si256(equal(b'"'), equal(b'\\')))).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn end(text: &str) -> Option<usize> {
        let ends = value(text.as_bytes(), 0, text.len(), digits, string_ends).map(|span| span.end as usize);
        #[cfg(target_arch = "x86_64")]
        if super::super::marks::has_avx2(crate::simd::Level::Avx512) {
            #[target_feature(enable = "avx2")]
            fn end_avx2(text: &[u8]) -> Option<Span> {
                value(text, 0, text.len(), |bytes| digits_avx2(bytes), |bytes| string_ends_avx2(bytes))
            }
            #[expect(unsafe_code, reason = "a function for processors with AVX2")]
            // SAFETY: the processor has AVX2.
            let with_avx2 = unsafe { end_avx2(text.as_bytes()) };
            assert_eq!(with_avx2.map(|span| span.end as usize), ends, "{text:?}");
        }
        ends
    }

    /// The end of the first value as serde_json sees it; nothing when it sees none.
    fn expected(text: &str) -> Option<usize> {
        // Behind a value without an end of its own it wants something that ends it.
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        Some(values.byte_offset())
    }

    #[test]
    fn ends_of_values() {
        let long = format!("\"{}\" ", "x".repeat(100));
        let digits = format!("1{}.{} ", "0".repeat(40), "5".repeat(40));
        for text in [
            "0 ",
            "-0,",
            "01 ",
            "1.5,",
            "1. ",
            ".5 ",
            "-.5 ",
            "- ",
            "1e5 ",
            "1E-5}",
            "1e ",
            "1.5e+07 ",
            "\"\" ",
            "\"a\"",
            "\"a\\\"b\" ",
            "\"\\u00e9\" ",
            "\"\\u00g9\" ",
            "\"\\x\" ",
            "\"\t\" ",
            "\"",
            "\"\\",
            "true ",
            "tru ",
            "null,",
            "false}",
            "{} ",
            "{\"a\":[1,{}]},",
            "[1,] ",
            "nan ",
            " 1",
            "+1 ",
            "",
            long.as_str(),
            digits.as_str(),
        ] {
            let is_value = !text.starts_with(' ');
            assert_eq!(end(text), expected(text).filter(|_| is_value), "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn numbers_end_where_they_should(number in "-?[0-9]{0,34}(\\.[0-9]{0,34})?([eE][+-]?[0-9]{0,3})?", after in "[, }]") {
            let text = number + &after;
            prop_assert_eq!(end(&text), expected(&text).filter(|_| !text.starts_with(' ')));
        }

        #[test]
        fn strings_end_where_they_should(inner in "([a-zé ]{0,9}|\\\\[\"\\\\/bfnrtux]|\\\\u[0-9a-f]{4}|\"|\n){0,12}") {
            let text = format!("\"{inner}\" ");
            prop_assert_eq!(end(&text), expected(&text));
        }
    }
}

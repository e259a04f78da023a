//! Numbers whose ends are known, sixteen characters at a time, in vector instructions.

use super::decimal::Decimal;
use super::nearest::MAX_FRACTION;

/// Characters that are looked at together.
const WIDTH: usize = 16;

/// For each place of a point among 16 characters, or none: where each of the others moves, which closes the gap.
const CLOSE_GAP: [[u8; WIDTH]; WIDTH + 1] = {
    let mut all = [[0; WIDTH]; WIDTH + 1];
    let mut point = 0;
    while point <= WIDTH {
        let mut to = 0;
        while to < WIDTH {
            all[point][to] = match to {
                _ if to > point || point == WIDTH => to as u8,
                // Nothing comes from there.
                0 => 0x80,
                _ => to as u8 - 1,
            };
            to += 1;
        }
        point += 1;
    }
    all
};

/// The number that is all of `text[start..end]`, if it is a usual one: perhaps a minus, then up to 16 digits, or 15 and a
/// point among them. Nothing also at the very start of a text.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn decimal(text: &[u8], start: usize, end: usize) -> Option<Decimal> {
    let negative = *text.get(start)? == b'-';
    let length = (end - start).wrapping_sub(usize::from(negative));
    if length > WIDTH {
        return None;
    }
    let (mantissa, point) = digits(before(text, end)?, length)?;
    let fraction = if point == WIDTH { 0 } else { WIDTH - 1 - point };
    Some(Decimal { negative, mantissa, fraction })
}

/// The same for longer ones: up to 31 characters behind the minus, with a point among the first 16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn long_decimal(text: &[u8], start: usize, end: usize) -> Option<Decimal> {
    let negative = *text.get(start)? == b'-';
    let start = start + usize::from(negative);
    let more = end.checked_sub(start + WIDTH)?;
    if more >= WIDTH {
        return None;
    }
    let (first, point) = digits(before(text, start + WIDTH)?, WIDTH)?;
    let rest = last(values(before(text, end)?), more);
    let fraction = (WIDTH - 1).checked_sub(point)? + more;
    if !are_digits(rest) || fraction > MAX_FRACTION {
        return None;
    }
    let rest = joined(rest);
    let mantissa = first.checked_mul(TENS[more])?.checked_add(rest)?;
    Some(Decimal { negative, mantissa, fraction })
}

/// Powers of ten.
const TENS: [u64; WIDTH] = {
    let mut all = [1; WIDTH];
    let mut power = 1;
    while power < WIDTH {
        all[power] = 10 * all[power - 1];
        power += 1;
    }
    all
};

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m128i;

/// The 16 characters before a place.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn before(text: &[u8], end: usize) -> Option<__m128i> {
    Some(vector(text.get(end.wrapping_sub(WIDTH)..end)?.first_chunk()?))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn vector(bytes: &[u8; WIDTH]) -> __m128i {
    let both = u128::from_le_bytes(*bytes);
    std::arch::x86_64::_mm_set_epi64x((both >> 64) as i64, both as i64)
}

/// The last `length` of 16 values; noughts in place of the others.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn last(values: __m128i, length: usize) -> __m128i {
    use std::arch::x86_64::{_mm_and_si128, _mm_cmpgt_epi8, _mm_set1_epi8, _mm_setr_epi8};

    let places = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let dropped = (WIDTH - length) as i8 - 1;
    _mm_and_si128(values, _mm_cmpgt_epi8(places, _mm_set1_epi8(dropped)))
}

/// Whether all values are below ten.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn are_digits(values: __m128i) -> bool {
    use std::arch::x86_64::{_mm_set1_epi8, _mm_subs_epu8, _mm_testz_si128};

    let above = _mm_subs_epu8(values, _mm_set1_epi8(9));
    _mm_testz_si128(above, above) == 1
}

/// What digits stand for; 10 and more for other characters.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn values(characters: __m128i) -> __m128i {
    use std::arch::x86_64::{_mm_set1_epi8, _mm_sub_epi8};

    _mm_sub_epi8(characters, _mm_set1_epi8(b'0'.cast_signed()))
}

/// The last `length` of 16 characters as a number without its point, and the place of the point, 16 when there is none.
/// Nothing when they are something else.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn digits(characters: __m128i, length: usize) -> Option<(u64, usize)> {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set1_epi8, _mm_shuffle_epi8};

    const POINT: i8 = b'.'.wrapping_sub(b'0').cast_signed();
    let values = last(values(characters), length);
    let points = _mm_cmpeq_epi8(values, _mm_set1_epi8(POINT));
    let point = (_mm_movemask_epi8(points) | 1 << WIDTH).trailing_zeros() as usize;
    let has_point = point < WIDTH;
    if length.wrapping_sub(usize::from(has_point)).wrapping_sub(1) >= WIDTH {
        return None;
    }
    let values = _mm_shuffle_epi8(values, vector(&CLOSE_GAP[point]));
    // A closure would not be compiled for the same instructions where it is called.
    if are_digits(values) { Some((joined(values), point)) } else { None }
}

/// The number that 16 digits make.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn joined(values: __m128i) -> u64 {
    use std::arch::x86_64::{
        _mm_cvtsi128_si64, _mm_madd_epi16, _mm_maddubs_epi16, _mm_packus_epi32, _mm_set1_epi16, _mm_set1_epi32,
    };

    // Neighbours are joined: to pairs, fours, eights.
    let pairs = _mm_maddubs_epi16(values, _mm_set1_epi16(10 | 1 << 8));
    let fours = _mm_madd_epi16(pairs, _mm_set1_epi32(100 | 1 << 16));
    let eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32(10_000 | 1 << 16));
    let both = _mm_cvtsi128_si64(eights).cast_unsigned();
    (both & 0xffff_ffff) * 100_000_000 + (both >> 32)
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use proptest::prelude::*;

    use super::super::marks;
    use super::super::number::Float;
    use super::*;
    use crate::simd::Level;

    /// The number that is all of `field`, with other text around it; nothing without AVX2.
    fn read(field: &str) -> Option<Decimal> {
        if !marks::has_avx2(Level::Avx512) {
            return None;
        }
        let text = format!("12345678.9012345,{field},7");
        let (start, end) = (17, 17 + field.len());
        #[expect(unsafe_code, reason = "functions for processors with AVX2")]
        // SAFETY: the processor has AVX2.
        unsafe {
            decimal(text.as_bytes(), start, end).or_else(|| long_decimal(text.as_bytes(), start, end))
        }
    }

    fn check(field: &str) {
        let Some(decimal) = read(field) else { return };
        assert_eq!(Some(decimal.f64().to_bits()), field.parse::<f64>().ok().map(f64::to_bits), "{field}");
        if let Some(single) = f32::of(decimal) {
            assert_eq!(Some(single.to_bits()), field.parse::<f32>().ok().map(f32::to_bits), "{field}");
        }
    }

    #[test]
    fn usual_and_unusual_numbers() {
        if !marks::has_avx2(Level::Avx512) {
            return;
        }
        for field in [
            "0",
            "-0",
            "5",
            "-5.",
            ".5",
            "-.5",
            "1234567890123456",
            "123456789012345.",
            ".123456789012345",
            "-0.12345678901234567",
            "0.0000000000000000000000001",
            "1234567890.1234567890",
            "-123456.7890123456789",
            "9999999999999999",
            "0.99999999999999999",
        ] {
            assert!(read(field).is_some(), "{field}");
            check(field);
        }
        for field in [
            "",
            "-",
            ".",
            "-.",
            "+1",
            "--1",
            "1-",
            "1.2.3",
            "1e5",
            "1,5",
            " 1",
            "1 ",
            "nan",
            "12345678901234567",
            "/",
            ":",
            "1:2",
            "1/2",
            "\"1\"",
            "0.1234567890123456.8",
            "123456789012345678.0",
            "99999.99999999999999999999",
            "\u{ff11}",
        ] {
            assert_eq!(read(field), None, "{field}");
        }
        let at_the_start = b"123,4";
        #[expect(unsafe_code, reason = "a function for processors with AVX2")]
        // SAFETY: the processor has AVX2.
        let read = unsafe { decimal(at_the_start, 0, 3) };
        assert_eq!(read, None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn agrees_with_the_full_parser(field in "-?[0-9]{0,20}(\\.[0-9]{0,30})?") {
            check(&field);
        }

        #[test]
        fn takes_nothing_else(field in "[0-9.+eE/: -]{0,20}") {
            check(&field);
        }

        #[test]
        fn written_floats_come_back(single in any::<f32>(), double in any::<f64>()) {
            check(&single.to_string());
            check(&double.to_string());
        }
    }
}

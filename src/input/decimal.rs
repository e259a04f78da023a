//! The usual decimal numbers, eight digits at a time.
//!
//! Most numbers in text have a sign, some digits and a point, and few enough digits that one exact division gives the
//! nearest value (Clinger's fast path). Everything else is left to slower ways.

use super::nearest::nearest;

/// Powers of ten that a float holds exactly, as far as they are needed.
const POWERS: [f64; 19] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];
/// Every whole number up to 2^53 is a float. This is less, so that among numbers written with all 17 digits of a double
/// few are below it: what comes at random is often guessed wrongly.
const MAX_EXACT: u64 = 1_000_000_000_000_000;
/// More digits than this could overflow before they are looked at.
const MAX_DIGITS: usize = 18;

/// A number without exponent: `mantissa`, divided by ten as often as `fraction` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    pub negative: bool,
    pub mantissa: u64,
    /// At most [`MAX_FRACTION`](super::nearest::MAX_FRACTION).
    pub fraction: usize,
}

impl Decimal {
    /// The nearest double.
    #[inline(always)]
    pub(super) fn f64(self) -> f64 {
        let value = if self.mantissa < MAX_EXACT && self.fraction < POWERS.len() {
            self.mantissa as f64 / POWERS[self.fraction]
        } else {
            nearest(self.mantissa, self.fraction)
        };
        // Signs come at random, so that a branch would often be guessed wrongly.
        f64::from_bits(value.to_bits() | u64::from(self.negative) << 63)
    }

    /// The nearest single, unless that takes a closer look.
    #[inline(always)]
    pub(super) fn f32(self) -> Option<f32> {
        /// The bits of a double that a single does not have.
        const DROPPED: u64 = (1 << 29) - 1;
        const HALF: u64 = 1 << 28;
        let wide = self.f64();
        // Rounding twice is rounding once, unless the first result lies halfway between two singles.
        (wide.to_bits() & DROPPED != HALF).then_some(wide as f32)
    }
}

/// The whole number that is written without a point, if the type holds it.
#[inline(always)]
pub(super) fn whole<I: TryFrom<i128>>(decimal: Decimal) -> Option<I> {
    if decimal.fraction > 0 {
        return None;
    }
    let value = i128::from(decimal.mantissa);
    I::try_from(if decimal.negative { -value } else { value }).ok()
}

/// Reads a number at the start of `text`: the nearest double, and how many bytes were read. Nothing for numbers with
/// exponents, with very many digits, and for what is no number.
#[inline]
pub(super) fn leading_f64(text: &[u8]) -> Option<(f64, usize)> {
    let (decimal, length) = leading(text)?;
    Some((decimal.f64(), length))
}

/// The same for the nearest single.
#[inline]
pub(super) fn leading_f32(text: &[u8]) -> Option<(f32, usize)> {
    let (decimal, length) = leading(text)?;
    Some((decimal.f32()?, length))
}

/// Reads a number at the start of `text`, and says how many bytes were read.
#[inline]
pub(super) fn leading(text: &[u8]) -> Option<(Decimal, usize)> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative);
    let mut at = start;
    let mut mantissa = 0;
    let mut fraction = 0;
    at += digits(&text[at..], &mut mantissa)?;
    let mut count = at - start;
    if text.get(at) == Some(&b'.') {
        fraction = digits(&text[at + 1..], &mut mantissa)?;
        count += fraction;
        at += 1 + fraction;
    }
    let is_plain = count > 0 && count <= MAX_DIGITS && !matches!(text.get(at), Some(b'e' | b'E'));
    is_plain.then_some((Decimal { negative, mantissa, fraction }, at))
}

/// Appends the digits at the start of `text` to a number, and says how many there are; nothing if they are too many.
#[inline]
fn digits(text: &[u8], number: &mut u64) -> Option<usize> {
    const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
    let mut at = 0;
    loop {
        let (value, count) = up_to_eight(&text[at..]);
        *number = number.checked_mul(TENS[count])?.checked_add(value)?;
        at += count;
        if count < 8 {
            return Some(at);
        }
    }
}

/// The digits among the first eight bytes, as a number, and how many there are.
#[inline]
fn up_to_eight(text: &[u8]) -> (u64, usize) {
    let Some(bytes) = text.first_chunk::<8>() else {
        // Only at the end of a record.
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
        return digits.fold((0, 0), |(value, count), digit| (value * 10 + u64::from(digit - b'0'), count + 1));
    };
    // Digits become 0 to 9; in any other byte the highest bit of `other` is set. A carry comes from such a byte only, so
    // that the first one is always right.
    let values = u64::from_le_bytes(*bytes) ^ 0x3030_3030_3030_3030;
    let other = (values | values.wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080;
    let count = (other.trailing_zeros() / 8) as usize;
    if count == 0 {
        return (0, 0);
    }
    // Noughts move in before the digits, and then neighbours are joined: bytes, pairs, fours.
    let eight = values << (64 - 8 * count);
    let pairs = eight.wrapping_mul(10).wrapping_add(eight >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(100 + (1_000_000 << 32));
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(1 + (10_000 << 32));
    (low.wrapping_add(high) >> 32, count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usual_and_unusual_numbers() {
        for (text, expected) in [
            ("1.5", Some((1.5, 3))),
            ("-0.25,7", Some((-0.25, 5))),
            ("12345678", Some((12_345_678.0, 8))),
            ("123456789.125;", Some((123_456_789.125, 13))),
            (".5", Some((0.5, 2))),
            ("5.", Some((5.0, 2))),
            ("0", Some((0.0, 1))),
            ("1e5", None),
            ("1.5E5", None),
            ("", None),
            ("-", None),
            (".", None),
            ("abc", None),
            ("nan", None),
            ("+1", None),
            ("9007199254740993", Some((9_007_199_254_740_992.0, 16))),
            ("0.0000000000000000001", None),
            ("99999999999999999999999999", None),
        ] {
            assert_eq!(leading_f64(text.as_bytes()), expected, "{text}");
        }
        assert!(leading_f64(b"-0").unwrap().0.is_sign_negative());
    }

    #[test]
    fn halfway_is_left_to_others() {
        // 2^24 + 1 lies between two singles.
        assert_eq!(leading_f32(b"16777217"), None);
        assert_eq!(leading_f32(b"16777218"), Some((16_777_218.0, 8)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn agrees_with_the_full_parser(text in "-?[0-9]{0,12}(\\.[0-9]{0,12})?([,;e ].{0,3})?") {
            if let Some((value, length)) = leading_f64(text.as_bytes()) {
                prop_assert_eq!(Ok(value.to_bits()), text[..length].parse::<f64>().map(f64::to_bits));
                prop_assert_eq!(fast_float2::parse_partial::<f64, _>(&text).map(|(_, length)| length), Ok(length));
            }
            if let Some((value, length)) = leading_f32(text.as_bytes()) {
                prop_assert_eq!(Ok(value.to_bits()), text[..length].parse::<f32>().map(f32::to_bits));
            }
        }

        #[test]
        fn written_floats_come_back(value in any::<f32>(), wide in any::<f64>()) {
            if let Some((read, _)) = leading_f32(value.to_string().as_bytes()) {
                prop_assert_eq!(read.to_bits(), value.to_bits());
            }
            if let Some((read, _)) = leading_f64(wide.to_string().as_bytes()) {
                prop_assert_eq!(read.to_bits(), wide.to_bits());
            }
        }
    }
}

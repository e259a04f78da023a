//! Numbers from text, exactly: what cannot be held is refused, never rounded away or cut.

use super::decimal::{self, Decimal};
use crate::data::ElementType;

/// Why a value does not fit its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    Empty,
    NotNumber,
    NotBool,
    NotText,
    NotWhole,
    OutOfRange,
    NotUtf8,
    NotCast,
}

impl Misfit {
    /// The rest of a sentence that begins with the column and its value.
    pub(super) fn explain(self, element: Option<ElementType>) -> String {
        let model = element.map(|element| format!("the model's input is {element}")).unwrap_or_default();
        match self {
            Misfit::Empty => format!("is empty, and {model}"),
            Misfit::NotNumber => format!("is not a number, and {model}"),
            Misfit::NotBool => format!("is not true, false, 1 or 0, and {model}"),
            Misfit::NotText => format!("is not text, and {model}"),
            Misfit::NotWhole => format!("is not a whole number, and {model}"),
            Misfit::OutOfRange => format!("is out of range, and {model}"),
            Misfit::NotUtf8 => "is not valid UTF-8".to_owned(),
            Misfit::NotCast => "cannot be converted to the type that this column has in the first file".to_owned(),
        }
    }
}

/// Floating-point types that text is read into.
pub(super) trait Float: fast_float2::FastFloat + Copy {
    const MISSING: Self;
    fn is_finite(self) -> bool;
    /// The nearest value, unless that takes a closer look.
    fn of(decimal: Decimal) -> Option<Self>;
    /// Reads the number at the start of a text, and says how many bytes it takes.
    fn leading(text: &[u8]) -> Option<(Self, usize)>;
}

impl Float for f32 {
    const MISSING: f32 = f32::NAN;

    fn is_finite(self) -> bool {
        self.is_finite()
    }

    #[inline(always)]
    fn of(decimal: Decimal) -> Option<f32> {
        decimal.f32()
    }

    #[inline]
    fn leading(text: &[u8]) -> Option<(f32, usize)> {
        decimal::leading_f32(text).or_else(|| fast_float2::parse_partial(text).ok())
    }
}

impl Float for f64 {
    const MISSING: f64 = f64::NAN;

    fn is_finite(self) -> bool {
        self.is_finite()
    }

    #[inline(always)]
    fn of(decimal: Decimal) -> Option<f64> {
        Some(decimal.f64())
    }

    #[inline]
    fn leading(text: &[u8]) -> Option<(f64, usize)> {
        decimal::leading_f64(text).or_else(|| fast_float2::parse_partial(text).ok())
    }
}

/// Reads a number; nothing, `NaN`, `NA`, `N/A` and `null` are NaN, and only `inf` is infinite.
pub(super) fn float<F: Float>(text: &[u8]) -> Result<F, Misfit> {
    let text = text.trim_ascii();
    if is_missing(text) {
        return Ok(F::MISSING);
    }
    match F::leading(text) {
        Some((_, length)) if length < text.len() => Err(Misfit::NotNumber),
        // A literal infinity has no digit in it.
        Some((value, _)) if !value.is_finite() && text.iter().any(u8::is_ascii_digit) => Err(Misfit::OutOfRange),
        Some((value, _)) => Ok(value),
        None => Err(Misfit::NotNumber),
    }
}

/// Whether a field stands for a missing number.
pub(super) fn is_missing(text: &[u8]) -> bool {
    match text.len() {
        0 => true,
        2 => text.eq_ignore_ascii_case(b"na"),
        3 => text.eq_ignore_ascii_case(b"nan") || text.eq_ignore_ascii_case(b"n/a"),
        4 => text.eq_ignore_ascii_case(b"null"),
        _ => false,
    }
}

/// Whether a field reads as a number (`nan` and `inf` do).
pub(super) fn is_number(text: &[u8]) -> bool {
    fast_float2::parse::<f64, _>(text.trim_ascii()).is_ok()
}

/// Reads a whole number; `5.0` and `5e3` are, `5.5` is not.
pub(super) fn integer<I: TryFrom<i128>>(text: &[u8]) -> Result<I, Misfit> {
    let text = text.trim_ascii();
    if is_missing(text) {
        return Err(Misfit::Empty);
    }
    I::try_from(whole(text)?).map_err(|_| Misfit::OutOfRange)
}

fn whole(text: &[u8]) -> Result<i128, Misfit> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    // The common case: digits only, and few enough that nothing can overflow.
    let value = if !digits.is_empty() && digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit) {
        i128::from(digits.iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0')))
    } else {
        whole_decimal(digits)?
    };
    Ok(if negative { -value } else { value })
}

/// Digits with a fraction or an exponent, as long as the value is whole.
fn whole_decimal(text: &[u8]) -> Result<i128, Misfit> {
    if !is_number(text) || matches!(text.first(), Some(b'-' | b'+')) {
        return Err(Misfit::NotNumber); // A second sign, too.
    }
    let (mantissa, exponent) = match text.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &b"0"[..]),
    };
    if !mantissa.iter().all(|b| b.is_ascii_digit() || *b == b'.') {
        return Err(Misfit::NotWhole); // inf and nan
    }
    let exponent: i64 = std::str::from_utf8(exponent).ok().and_then(|e| e.parse().ok()).ok_or(Misfit::OutOfRange)?;
    let point = mantissa.iter().position(|b| *b == b'.').unwrap_or(mantissa.len());
    let mut digits: Vec<u8> = mantissa.iter().filter(|b| **b != b'.').map(|b| b - b'0').collect();
    let fraction = digits.len() - point;
    while digits.last() == Some(&0) {
        digits.pop();
    }
    if digits.iter().all(|d| *d == 0) {
        return Ok(0);
    }
    // The value is the digits with `zeros` more noughts behind them.
    let dropped = mantissa.iter().filter(|b| **b != b'.').count() - digits.len();
    let zeros = exponent.saturating_sub(fraction as i64).saturating_add(dropped as i64);
    if zeros < 0 {
        return Err(Misfit::NotWhole);
    }
    let zeros = u32::try_from(zeros).map_err(|_| Misfit::OutOfRange)?;
    let scale = 10i128.checked_pow(zeros).ok_or(Misfit::OutOfRange)?;
    digits
        .iter()
        .try_fold(0i128, |value, digit| value.checked_mul(10)?.checked_add(i128::from(*digit)))
        .and_then(|value| value.checked_mul(scale))
        .ok_or(Misfit::OutOfRange)
}

/// Reads `true`, `false`, `1` or `0`.
pub(super) fn boolean(text: &[u8]) -> Result<bool, Misfit> {
    let text = text.trim_ascii();
    if text == b"1" || text.eq_ignore_ascii_case(b"true") {
        Ok(true)
    } else if text == b"0" || text.eq_ignore_ascii_case(b"false") {
        Ok(false)
    } else if is_missing(text) {
        Err(Misfit::Empty)
    } else {
        Err(Misfit::NotBool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats() {
        for (text, expected) in [
            ("1.5", Ok(1.5f32)),
            (" -2 ", Ok(-2.0)),
            ("+3", Ok(3.0)),
            ("1e3", Ok(1000.0)),
            ("inf", Ok(f32::INFINITY)),
            ("-Infinity", Ok(f32::NEG_INFINITY)),
            ("1e39", Err(Misfit::OutOfRange)),
            ("-1e999", Err(Misfit::OutOfRange)),
            ("abc", Err(Misfit::NotNumber)),
            ("1,5", Err(Misfit::NotNumber)),
            ("1.5x", Err(Misfit::NotNumber)),
            ("true", Err(Misfit::NotNumber)),
        ] {
            assert_eq!(float::<f32>(text.as_bytes()), expected, "{text}");
        }
        for text in ["", "NaN", "nan", "NA", "null", "NULL", "N/A", " "] {
            assert!(float::<f64>(text.as_bytes()).is_ok_and(f64::is_nan), "{text}");
        }
        assert_eq!(float::<f64>(b"1e39"), Ok(1e39));
    }

    #[test]
    fn integers() {
        for (text, expected) in [
            ("5", Ok(5)),
            ("-7", Ok(-7)),
            ("+7", Ok(7)),
            ("5.0", Ok(5)),
            ("5.", Ok(5)),
            ("5e2", Ok(500)),
            ("1.25e2", Ok(125)),
            ("1200e-2", Ok(12)),
            ("0.000", Ok(0)),
            ("00012", Ok(12)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("9223372036854775807.000", Ok(i64::MAX)),
            ("1.23456789012345678e17", Ok(123_456_789_012_345_678)),
            ("9223372036854775808", Err(Misfit::OutOfRange)),
            ("5.5", Err(Misfit::NotWhole)),
            ("1.25e1", Err(Misfit::NotWhole)),
            ("5e-1", Err(Misfit::NotWhole)),
            ("1e999999999999999999999", Err(Misfit::OutOfRange)),
            ("inf", Err(Misfit::NotWhole)),
            ("", Err(Misfit::Empty)),
            ("null", Err(Misfit::Empty)),
            ("abc", Err(Misfit::NotNumber)),
            ("-", Err(Misfit::NotNumber)),
            ("--5", Err(Misfit::NotNumber)),
            ("1_000", Err(Misfit::NotNumber)),
        ] {
            assert_eq!(integer::<i64>(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(integer::<i32>(b"3e10"), Err(Misfit::OutOfRange));
        assert_eq!(integer::<u8>(b"-1"), Err(Misfit::OutOfRange));
        assert_eq!(integer::<u64>(b"18446744073709551615"), Ok(u64::MAX));
    }

    #[test]
    fn booleans() {
        for (text, expected) in [
            ("true", Ok(true)),
            ("True", Ok(true)),
            ("FALSE", Ok(false)),
            ("1", Ok(true)),
            (" 0", Ok(false)),
            ("", Err(Misfit::Empty)),
            ("yes", Err(Misfit::NotBool)),
            ("2", Err(Misfit::NotBool)),
        ] {
            assert_eq!(boolean(text.as_bytes()), expected, "{text}");
        }
    }
}

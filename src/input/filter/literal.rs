use std::cmp::Ordering;
use std::collections::BTreeSet;

use arrow_buffer::i256;

use crate::input::number::{self, Misfit};

/// Largest whole number up to which float64 holds them all.
const EXACT: i128 = 1 << 53;

/// What a column is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Number(Number),
    Text(String),
    Bool(bool),
}

/// A list of `IN`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Members {
    /// Rising.
    Numbers(Vec<Number>),
    Texts(BTreeSet<String>),
}

/// A number as it was written: whole ones are not rounded. There is no NaN among them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::input) enum Number {
    Whole(i128),
    Float(f64),
    /// A literal with a fraction: the nearest float, and what it is exactly, in units of ten to the power of `-scale`.
    Decimal {
        float: f64,
        units: i128,
        scale: i32,
    },
}

/// A number beside the whole numbers that a column of decimals holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scaled {
    /// The largest whole number that is not above it.
    floor: i256,
    is_whole: bool,
}

impl Scaled {
    /// So many units, each ten to the power of `power`.
    fn new(units: i256, power: i32) -> Scaled {
        let ten = i256::from_i128(10).checked_pow(power.unsigned_abs());
        let beyond = if units.is_negative() { (i256::MIN, i256::MINUS_ONE) } else { (i256::MAX, i256::ZERO) };
        let (floor, is_whole) = match ten {
            _ if units == i256::ZERO => (units, true),
            Some(ten) if power >= 0 => units.checked_mul(ten).map_or((beyond.0, false), |product| (product, true)),
            // Every value of a column lies between.
            None if power >= 0 => (beyond.0, false),
            None => (beyond.1, false),
            Some(ten) => {
                let (quotient, rest) = units.wrapping_div_rem(ten);
                let floor = if rest.is_negative() { quotient.wrapping_sub(i256::ONE) } else { quotient };
                (floor, rest == i256::ZERO)
            }
        };
        Scaled { floor, is_whole }
    }

    /// How a value of the column stands to it.
    pub(super) fn ordering_of(self, value: i256) -> Ordering {
        value.cmp(&self.floor).then(if self.is_whole { Ordering::Equal } else { Ordering::Less })
    }

    /// The value of the column that is equal to it.
    pub(super) fn value(self) -> Option<i256> {
        self.is_whole.then_some(self.floor)
    }
}

impl Number {
    /// A floating-point value; NaN is none.
    pub(super) fn float(value: f64) -> Option<Number> {
        (!value.is_nan()).then_some(Number::Float(value))
    }

    /// Which of the two is larger, exactly.
    pub(super) fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Whole(a), Number::Whole(b)) => a.cmp(&b),
            (Number::Whole(a), Number::Float(b) | Number::Decimal { float: b, .. }) => whole_to_float(a, b),
            (Number::Float(a) | Number::Decimal { float: a, .. }, Number::Whole(b)) => whole_to_float(b, a).reverse(),
            (
                Number::Float(a) | Number::Decimal { float: a, .. },
                Number::Float(b) | Number::Decimal { float: b, .. },
            ) => {
                // Neither is NaN.
                a.partial_cmp(&b).unwrap_or(Ordering::Equal)
            }
        }
    }

    /// The number beside those of a column of decimals with so many digits behind the point.
    pub(super) fn at_scale(self, scale: i8) -> Scaled {
        let scale = i32::from(scale);
        match self {
            Number::Whole(whole) => Scaled::new(whole.into(), scale),
            Number::Decimal { units, scale: own, .. } => Scaled::new(units.into(), scale - own),
            Number::Float(float) => {
                let product = float * 10_f64.powi(scale);
                match i256::from_f64(product.floor()) {
                    Some(floor) => Scaled { floor, is_whole: product == product.floor() },
                    None if float < 0.0 => Scaled { floor: i256::MIN, is_whole: false },
                    None => Scaled { floor: i256::MAX, is_whole: false },
                }
            }
        }
    }

    /// The number as a column of float64 holds it, where that is the same.
    pub(super) fn for_float64(self) -> Number {
        match self {
            Number::Whole(whole) if whole.abs() <= EXACT => Number::Float(whole as f64),
            Number::Decimal { float, .. } => Number::Float(float),
            other => other,
        }
    }

    /// The number as a column of float32 holds it: `x = 0.1` means the value that was written as 0.1. What would become
    /// infinite stays as it is.
    pub(super) fn for_float32(self) -> Number {
        let Number::Float(value) = self.for_float64() else { return self };
        let rounded = value as f32;
        if rounded.is_finite() { Number::Float(f64::from(rounded)) } else { Number::Float(value) }
    }
}

/// The number that a text stands for; `None` where it is missing.
pub(super) fn number(text: &[u8]) -> Result<Option<Number>, Misfit> {
    let text = text.trim_ascii();
    if number::is_missing(text) {
        return Ok(None);
    }
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    if digits.iter().all(u8::is_ascii_digit)
        && let Ok(whole) = number::integer::<i128>(text)
    {
        return Ok(Some(Number::Whole(whole)));
    }
    number::float::<f64>(text).map(Number::float)
}

/// The number that a literal stands for, with all its digits.
pub(super) fn numeral(text: &str) -> Option<Number> {
    match number(text.as_bytes()).ok()?? {
        Number::Float(float) => Some(match decimal(text.trim()) {
            Some((units, scale)) => Number::Decimal { float, units, scale },
            None => Number::Float(float),
        }),
        other => Some(other),
    }
}

/// The digits of a number as a whole number, and by how many places the point stands before their end.
fn decimal(text: &str) -> Option<(i128, i32)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let units = format!("{whole}{fraction}").parse().ok()?;
    Some((units, i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?))
}

/// How a whole number stands to a float that is not NaN.
fn whole_to_float(whole: i128, float: f64) -> Ordering {
    // The cast rounds towards zero and saturates; what is beyond 128 bits is beyond every whole number here.
    let truncated = float as i128;
    whole.cmp(&truncated).then_with(|| {
        let rest = float - truncated as f64;
        0.0_f64.partial_cmp(&rest).unwrap_or(Ordering::Equal)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_exactly() {
        let big = (1 << 53) + 1;
        for (whole, float, expected) in [
            (5, 5.0, Ordering::Equal),
            (5, 5.5, Ordering::Less),
            (-5, -5.5, Ordering::Greater),
            (0, -0.0, Ordering::Equal),
            (big, 9_007_199_254_740_992.0, Ordering::Greater),
            (i128::from(u64::MAX), 18_446_744_073_709_551_616.0, Ordering::Less),
            (i128::MAX, f64::INFINITY, Ordering::Less),
            (i128::MIN, f64::NEG_INFINITY, Ordering::Greater),
            (1, 1e300, Ordering::Less),
        ] {
            assert_eq!(Number::Whole(whole).compare(Number::Float(float)), expected, "{whole} {float}");
            assert_eq!(Number::Float(float).compare(Number::Whole(whole)), expected.reverse(), "{whole} {float}");
        }
    }

    #[test]
    fn literals_are_placed_among_decimals_exactly() {
        for (literal, scale, below, equal) in [
            ("12345678901234567890", 0, 12_345_678_901_234_567_889, Some(12_345_678_901_234_567_890)),
            ("19.99", 2, 1998, Some(1999)),
            ("19.995", 2, 1999, None),
            ("-19.995", 2, -2000, None),
            ("19.99", 4, 199_899, Some(199_900)),
            ("1.000000000000000001", 18, 1_000_000_000_000_000_000, Some(1_000_000_000_000_000_001)),
            ("0.1e-2", 3, 0, Some(1)),
            ("1e3", 2, 99_999, Some(100_000)),
            ("12300", -2, 122, Some(123)),
            ("0.0", 5, -1, Some(0)),
            ("-1e-300", 5, -1, None),
        ] {
            let scaled = numeral(literal).unwrap().at_scale(scale);
            assert_eq!(scaled.ordering_of(i256::from_i128(below)), Ordering::Less, "{literal}");
            let above = if equal.is_some() { below + 2 } else { below + 1 };
            assert_eq!(scaled.ordering_of(i256::from_i128(above)), Ordering::Greater, "{literal}");
            assert_eq!(scaled.value(), equal.map(i256::from_i128), "{literal}");
        }
        for (literal, ordering) in [("1e300", Ordering::Less), ("-1e300", Ordering::Greater)] {
            for value in [i256::from_i128(i128::MIN), i256::ZERO, i256::from_i128(i128::MAX)] {
                assert_eq!(numeral(literal).unwrap().at_scale(2).ordering_of(value), ordering, "{literal}");
            }
        }
    }

    #[test]
    fn texts_are_numbers_or_missing() {
        for (text, expected) in [
            ("12", Some(Number::Whole(12))),
            (" -7 ", Some(Number::Whole(-7))),
            ("9223372036854775808", Some(Number::Whole(1 << 63))),
            ("1.5", Some(Number::Float(1.5))),
            ("1e3", Some(Number::Float(1000.0))),
            ("", None),
            ("NaN", None),
            ("NA", None),
        ] {
            assert_eq!(number(text.as_bytes()).unwrap(), expected, "{text}");
        }
        assert!(number(b"x").is_err() && number(b"1e999").is_err() && number(b"-").is_err());
    }
}

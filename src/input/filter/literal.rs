use std::cmp::Ordering;
use std::collections::BTreeSet;

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
            // Neither is NaN.
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Number::Whole(a), Number::Float(b)) => whole_to_float(a, b),
            (Number::Float(a), Number::Whole(b)) => whole_to_float(b, a).reverse(),
        }
    }

    /// The number as a column of float64 holds it, where that is the same.
    pub(super) fn for_float64(self) -> Number {
        match self {
            Number::Whole(whole) if whole.abs() <= EXACT => Number::Float(whole as f64),
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

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::PolicyError;

/// How many failures a job tolerates. The check is strict: a job fails when there are *more* than the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum ErrorThreshold {
    /// Any number (`-1`, as in Azure).
    #[default]
    Any,
    /// So many.
    Count(u64),
    /// So many of a hundred, from 0 to 100. A share can still fall while the job goes on, so it is judged once all items
    /// are known: as soon as the failures exceed the share of a known total, else at the end.
    Percent(f64),
}

const RULE: &str = "write -1 for any number of failures, a count from 0 to 2147483647, or a percentage from 0% to 100%";

/// What has been counted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Failures so far.
    pub failed: u64,
    /// How many there will be in all, failed or not, once that is known.
    pub total: Option<u64>,
}

impl ErrorThreshold {
    /// Whether `tally` holds more failures than this threshold tolerates.
    pub fn is_exceeded(self, tally: Tally) -> bool {
        match self {
            ErrorThreshold::Any => false,
            ErrorThreshold::Count(count) => tally.failed > count,
            ErrorThreshold::Percent(percent) => {
                tally.total.is_some_and(|total| tally.failed as f64 * 100.0 > total as f64 * percent)
            }
        }
    }
}

impl FromStr for ErrorThreshold {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let error = || PolicyError { setting: "error_threshold", value: text.to_owned(), rule: RULE };
        let text = text.trim();
        if let Some(number) = text.strip_suffix('%') {
            let percent: f64 = number.trim_end().parse().map_err(|_| error())?;
            return if (0.0..=100.0).contains(&percent) { Ok(ErrorThreshold::Percent(percent)) } else { Err(error()) };
        }
        match text.parse::<i64>() {
            Ok(-1) => Ok(ErrorThreshold::Any),
            Ok(count @ 0..=0x7fff_ffff) => Ok(ErrorThreshold::Count(count as u64)),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for ErrorThreshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorThreshold::Any => f.write_str("-1"),
            ErrorThreshold::Count(count) => write!(f, "{count}"),
            ErrorThreshold::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Serialize for ErrorThreshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ErrorThreshold::Any => serializer.serialize_i64(-1),
            ErrorThreshold::Count(count) => serializer.serialize_u64(*count),
            ErrorThreshold::Percent(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for ErrorThreshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl Visitor<'_> for V {
            type Value = ErrorThreshold;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("-1, a count or a percentage")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<ErrorThreshold, E> {
                value.to_string().parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<ErrorThreshold, E> {
                value.to_string().parse().map_err(E::custom)
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<ErrorThreshold, E> {
                value.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(V)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for (text, threshold) in [
            ("-1", ErrorThreshold::Any),
            ("0", ErrorThreshold::Count(0)),
            ("2147483647", ErrorThreshold::Count(2_147_483_647)),
            ("5%", ErrorThreshold::Percent(5.0)),
            ("0.5%", ErrorThreshold::Percent(0.5)),
        ] {
            assert_eq!(text.parse(), Ok(threshold), "{text}");
            assert_eq!(threshold.to_string(), text);
        }
        for text in ["-2", "2147483648", "5.5", "101%", "-1%", "NaN%", "", "many"] {
            assert!(text.parse::<ErrorThreshold>().is_err(), "{text}");
        }
    }

    #[test]
    fn more_than_the_threshold_is_too_many() {
        let tally = |failed, total| Tally { failed, total };
        for (threshold, tally, exceeded) in [
            ("-1", tally(u64::MAX, Some(u64::MAX)), false),
            ("0", tally(0, None), false),
            ("0", tally(1, None), true),
            ("3", tally(3, Some(3)), false),
            ("3", tally(4, None), true),
            ("10%", tally(10, Some(100)), false),
            ("10%", tally(11, Some(100)), true),
            ("10%", tally(11, None), false),
            ("0%", tally(1, Some(1_000_000)), true),
            ("100%", tally(5, Some(5)), false),
        ] {
            assert_eq!(
                threshold.parse::<ErrorThreshold>().unwrap().is_exceeded(tally),
                exceeded,
                "{threshold} {tally:?}"
            );
        }
    }
}

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::PolicyError;

/// How large a mini-batch is: a number of items, or a size in bytes (1,024-based, as in Azure's parallel jobs).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MiniBatchSize {
    /// So many items; at least 1.
    Items(u64),
    /// Items until their text or columns take so many bytes; at least 1 byte, and always at least one item.
    Bytes(u64),
}

const RULE: &str = "write a number of items from 1 up (10), or a size in bytes with its unit (64kb, 1MB, 1GB)";

impl MiniBatchSize {
    /// How many rows of `row_bytes` bytes each go into a mini-batch; at least 1.
    pub fn rows(self, row_bytes: u64) -> u64 {
        match self {
            MiniBatchSize::Items(items) => items,
            MiniBatchSize::Bytes(bytes) => (bytes / row_bytes.max(1)).max(1),
        }
    }
}

impl Default for MiniBatchSize {
    fn default() -> Self {
        MiniBatchSize::Items(10)
    }
}

impl FromStr for MiniBatchSize {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let error = || PolicyError { setting: "mini_batch_size", value: text.to_owned(), rule: RULE };
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let number: u64 = text[..digits].parse().map_err(|_| error())?;
        let unit: u64 = match text[digits..].to_ascii_lowercase().as_str() {
            "" => 0,
            "kb" => 1 << 10,
            "mb" => 1 << 20,
            "gb" => 1 << 30,
            _ => return Err(error()),
        };
        if number == 0 {
            return Err(error());
        }
        if unit == 0 {
            return Ok(MiniBatchSize::Items(number));
        }
        number.checked_mul(unit).map(MiniBatchSize::Bytes).ok_or_else(error)
    }
}

impl fmt::Display for MiniBatchSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            MiniBatchSize::Items(items) => write!(f, "{items}"),
            MiniBatchSize::Bytes(bytes) => {
                let (unit, name) = [(1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kb")]
                    .into_iter()
                    .find(|(unit, _)| bytes % unit == 0)
                    .unwrap_or((1 << 10, "kb"));
                write!(f, "{}{name}", bytes / unit)
            }
        }
    }
}

impl Serialize for MiniBatchSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            MiniBatchSize::Items(items) => serializer.serialize_u64(*items),
            MiniBatchSize::Bytes(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for MiniBatchSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl Visitor<'_> for V {
            type Value = MiniBatchSize;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of items or a size in bytes")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<MiniBatchSize, E> {
                value.to_string().parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<MiniBatchSize, E> {
                value.to_string().parse().map_err(E::custom)
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<MiniBatchSize, E> {
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
    fn reads_counts_and_byte_sizes() {
        for (text, expected) in [
            ("10", MiniBatchSize::Items(10)),
            (" 1 ", MiniBatchSize::Items(1)),
            ("64kb", MiniBatchSize::Bytes(65_536)),
            ("64KB", MiniBatchSize::Bytes(65_536)),
            ("1MB", MiniBatchSize::Bytes(1_048_576)),
            ("2gB", MiniBatchSize::Bytes(2_147_483_648)),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_cuts_nothing() {
        for text in ["0", "-5", "", "kb", "0kb", "1.5", "10b", "ten", "99999999999999999999", "99999999999999999gb"] {
            assert!(text.parse::<MiniBatchSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["10", "64kb", "1MB", "3GB", "1025kb"] {
            assert_eq!(text.parse::<MiniBatchSize>().map(|s| s.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn bytes_become_rows_and_never_none() {
        assert_eq!(MiniBatchSize::Bytes(1024).rows(100), 10);
        assert_eq!(MiniBatchSize::Bytes(1024).rows(5000), 1);
        assert_eq!(MiniBatchSize::Bytes(1024).rows(0), 1024);
        assert_eq!(MiniBatchSize::Items(7).rows(5000), 7);
    }
}

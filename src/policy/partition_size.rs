use std::fmt;
use std::str::FromStr;

use super::{MiniBatchSize, PolicyError};

/// How large the parts of an output are: so many records, or a size in bytes (1,024-based). It is written like a
/// mini-batch size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionSize {
    /// So many records; at least 1.
    Records(u64),
    /// So many bytes, or a little more; at least 1.
    Bytes(u64),
}

const RULE: &str = "write a number of records from 1 up (1000000), or a size in bytes with its unit (64kb, 256MB, 1GB)";

impl PartitionSize {
    /// Whether a part that has these is complete.
    pub fn is_reached(self, records: u64, bytes: u64) -> bool {
        match self {
            PartitionSize::Records(most) => records >= most,
            PartitionSize::Bytes(most) => bytes >= most,
        }
    }
}

impl FromStr for PartitionSize {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        match text.parse() {
            Ok(MiniBatchSize::Items(records)) => Ok(PartitionSize::Records(records)),
            Ok(MiniBatchSize::Bytes(bytes)) => Ok(PartitionSize::Bytes(bytes)),
            Err(error) => Err(PolicyError { setting: "output_partition_size", rule: RULE, ..error }),
        }
    }
}

impl fmt::Display for PartitionSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            PartitionSize::Records(records) => MiniBatchSize::Items(records).fmt(f),
            PartitionSize::Bytes(bytes) => MiniBatchSize::Bytes(bytes).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_like_a_mini_batch_size() {
        for (text, size) in [("1000", PartitionSize::Records(1000)), ("256MB", PartitionSize::Bytes(256 << 20))] {
            assert_eq!(text.parse(), Ok(size));
            assert_eq!(size.to_string(), text);
        }
        for text in ["0", "-1", "1.5GB", "all"] {
            let error = text.parse::<PartitionSize>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("output_partition_size is {text:?}: write a number of records")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_part_is_complete_at_its_size() {
        let (records, bytes) = (PartitionSize::Records(10), PartitionSize::Bytes(10));
        assert!(!records.is_reached(9, 1000) && records.is_reached(10, 0));
        assert!(!bytes.is_reached(1000, 9) && bytes.is_reached(0, 10));
    }
}

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use arrow_ipc::CompressionType;
use flate2::write::GzEncoder;
use parquet::basic::{self, GzipLevel, ZstdLevel};
use zstd::stream::write::Encoder as ZstdEncoder;

use super::sink::Sink;

/// How an output is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
}

/// Zstandard's own default.
const ZSTD_LEVEL: i32 = 3;

/// Every compression by its name.
const NAMES: [(&str, Compression); 5] = [
    ("none", Compression::None),
    ("gzip", Compression::Gzip),
    ("zstd", Compression::Zstd),
    ("snappy", Compression::Snappy),
    ("lz4", Compression::Lz4),
];

impl Compression {
    /// The compression around a text that an extension stands for.
    pub(super) fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "gz" => Some(Compression::Gzip),
            "zst" => Some(Compression::Zstd),
            _ => None,
        }
    }

    /// The extension of a text that is compressed so.
    pub(super) fn extension(self) -> Option<&'static str> {
        match self {
            Compression::Gzip => Some(".gz"),
            Compression::Zstd => Some(".zst"),
            Compression::None | Compression::Snappy | Compression::Lz4 => None,
        }
    }

    /// The same inside a Parquet file.
    pub(super) fn of_parquet(self) -> basic::Compression {
        match self {
            Compression::None => basic::Compression::UNCOMPRESSED,
            Compression::Gzip => basic::Compression::GZIP(GzipLevel::default()),
            Compression::Zstd => basic::Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default()),
            Compression::Snappy => basic::Compression::SNAPPY,
            // The older codec of this name is read in different ways.
            Compression::Lz4 => basic::Compression::LZ4_RAW,
        }
    }

    /// The same for the buffers of an Arrow file; `None` for what such a file cannot hold.
    pub(super) fn of_arrow(self) -> Option<CompressionType> {
        match self {
            Compression::Zstd => Some(CompressionType::ZSTD),
            Compression::Lz4 => Some(CompressionType::LZ4_FRAME),
            Compression::None | Compression::Gzip | Compression::Snappy => None,
        }
    }
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(name, _)| *name == text).map(|(_, compression)| *compression);
        found.ok_or_else(|| "write none, gzip, zstd, snappy or lz4".to_owned())
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, compression)| compression == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

/// `bytes` as a member of a gzip file. Members may follow each other, so that workers can make them apart.
pub(super) fn gzip_member(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), flate2::Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// A sink behind a single Zstandard frame: some readers go no further than the first.
pub(super) fn zstd_frame(sink: Sink) -> io::Result<ZstdEncoder<'static, Sink>> {
    let mut encoder = ZstdEncoder::new(sink, ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (name, compression) in NAMES {
            assert_eq!(name.parse(), Ok(compression));
            assert_eq!(compression.to_string(), name);
        }
        assert!("brotli".parse::<Compression>().unwrap_err().contains("snappy"));
    }
}

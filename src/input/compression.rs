//! Streams that are told to be compressed by their first bytes, whatever they are called.

use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

/// How much of a compressed stream is read at a time.
const READ_BYTES: usize = 256 << 10;

/// Counts the bytes that were taken from a file, for progress.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken(Arc<AtomicU64>);

impl Taken {
    /// Bytes taken so far.
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Counted<R> {
    inner: R,
    taken: Taken,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.taken.0.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// A stream, and whether it was compressed.
pub(super) struct Plain {
    pub bytes: Box<dyn Read + Send>,
    pub was_compressed: bool,
}

/// The plain bytes of a stream that may be gzip (of any number of members) or Zstandard; `taken` counts what it takes.
pub(super) fn decompressed(source: impl Read + Send + 'static, taken: Taken) -> io::Result<Plain> {
    let mut source = Counted { inner: source, taken };
    let mut magic = Vec::with_capacity(4);
    source.by_ref().take(4).read_to_end(&mut magic)?;
    let kind = match magic[..] {
        [0x1f, 0x8b, ..] => Some(true),
        // A frame, or one to be skipped, with which what several threads compress begins.
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Some(false),
        _ => None,
    };
    let whole = Cursor::new(magic).chain(source);
    let bytes: Box<dyn Read + Send> = match kind {
        Some(true) => Box::new(MultiGzDecoder::new(BufReader::with_capacity(READ_BYTES, whole))),
        Some(false) => Box::new(ZstdDecoder::with_buffer(BufReader::with_capacity(READ_BYTES, whole))?),
        None => Box::new(whole),
    };
    Ok(Plain { bytes, was_compressed: kind.is_some() })
}

/// Whether a file is called as if it were compressed.
pub(super) fn is_named_compressed(name: &str) -> bool {
    [".gz", ".zst"].iter().any(|end| name.to_ascii_lowercase().ends_with(end))
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    /// `bytes` as one gzip member.
    pub(in crate::input) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: Vec<u8>) -> (io::Result<Vec<u8>>, u64) {
        let taken = Taken::default();
        let mut plain = decompressed(Cursor::new(bytes), taken.clone()).unwrap().bytes;
        let mut all = Vec::new();
        (plain.read_to_end(&mut all).map(|_| all), taken.bytes())
    }

    #[test]
    fn every_member_is_read() {
        let two = [gzip(b"one,"), gzip(b"two")].concat();
        let length = two.len() as u64;
        let (all, taken) = read(two);
        assert_eq!((all.unwrap(), taken), (b"one,two".to_vec(), length));
        let frames = [zstd::encode_all(&b"one,"[..], 1).unwrap(), zstd::encode_all(&b"two"[..], 1).unwrap()].concat();
        assert_eq!(read(frames.clone()).0.unwrap(), b"one,two");
        let skipped = [0x5a, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
        for parts in [[&skipped[..], &frames], [&frames[..], &skipped]] {
            assert_eq!(read(parts.concat()).0.unwrap(), b"one,two");
        }
    }

    #[test]
    fn plain_and_short_streams() {
        for text in ["", "a", "abc", "abcdefgh"] {
            assert_eq!(read(text.into()).0.unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn a_cut_stream_is_an_error() {
        let text: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        for mut bytes in [gzip(&text), zstd::encode_all(&text[..], 1).unwrap()] {
            bytes.truncate(bytes.len() / 2);
            assert!(read(bytes).0.is_err());
        }
    }
}

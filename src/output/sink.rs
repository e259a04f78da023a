use std::io::{self, Write};

use crate::storage::NewFile;

/// Joins small writes into large ones before they go to a file, which writes straight to the system. A failed write
/// leaves nothing of itself, so that a text ends with a whole block.
pub(super) struct Sink {
    file: NewFile,
    waiting: Vec<u8>,
}

/// Up to this much is gathered; larger writes pass through.
const LARGE: usize = 128 << 10;

impl Sink {
    pub(super) fn new(file: NewFile) -> Self {
        Sink { file, waiting: Vec::new() }
    }

    pub(super) fn location(&self) -> String {
        self.file.location()
    }

    /// How many bytes were given to it.
    pub(super) fn written(&self) -> u64 {
        self.file.written() + self.waiting.len() as u64
    }

    /// The file, with everything written to it.
    pub(super) fn into_file(mut self) -> io::Result<NewFile> {
        self.flush()?;
        Ok(self.file)
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.waiting.len() + bytes.len() > LARGE {
            self.flush_waiting()?;
        }
        if bytes.len() > LARGE {
            self.file.write_whole(bytes)?;
        } else {
            self.waiting.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush_waiting()?;
        self.file.flush()
    }
}

impl Sink {
    fn flush_waiting(&mut self) -> io::Result<()> {
        // Emptied first: a failed write must not be repeated by a later flush.
        let waiting = std::mem::take(&mut self.waiting);
        self.file.write_whole(&waiting)?;
        self.waiting = waiting;
        self.waiting.clear();
        Ok(())
    }
}

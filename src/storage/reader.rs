use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, mpsc};

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use tokio::sync::Semaphore;

use super::runtime::spawn;
use super::{RemoteObject, StorageError};

/// The body of a remote object.
pub(super) type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, object_store::Error>> + Send>>;

/// How many bytes of a remote object may wait to be read.
const READ_AHEAD: usize = 8 << 20;

/// A remote object read from start to end, a bounded stretch ahead of its reader.
///
/// A task pulls the body and takes permits by the byte; reading gives them back. Dropping the reader ends the task.
pub(super) struct RemoteReader {
    chunks: mpsc::Receiver<Result<Bytes, object_store::Error>>,
    room: Arc<Semaphore>,
    current: Bytes,
    /// Permits that the current chunk holds.
    held: usize,
    object: RemoteObject,
}

impl RemoteReader {
    /// Reads `body`, the content of `object`.
    pub(super) fn new(mut body: ByteStream, object: RemoteObject) -> Result<Self, StorageError> {
        let (sender, chunks) = mpsc::channel();
        let room = Arc::new(Semaphore::new(READ_AHEAD));
        let permits = Arc::clone(&room);
        spawn(async move {
            while let Some(chunk) = body.next().await {
                let need = chunk.as_ref().map_or(0, permits_for);
                // The semaphore is closed when the reader is gone.
                let Ok(permit) = permits.acquire_many(need as u32).await else { return };
                permit.forget();
                if sender.send(chunk).is_err() {
                    return;
                }
            }
        })?;
        Ok(RemoteReader { chunks, room, current: Bytes::new(), held: 0, object })
    }
}

/// A chunk larger than the whole room takes all of it.
fn permits_for(chunk: &Bytes) -> usize {
    chunk.len().min(READ_AHEAD)
}

impl Read for RemoteReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            self.room.add_permits(std::mem::take(&mut self.held));
            match self.chunks.recv() {
                Ok(Ok(chunk)) => {
                    self.held = permits_for(&chunk);
                    self.current = chunk;
                }
                Ok(Err(error)) => return Err(self.object.failed(&error).into_io()),
                // The task has ended: all was read.
                Err(mpsc::RecvError) => return Ok(0),
            }
        }
        let len = buf.len().min(self.current.len());
        self.current.copy_to_slice(&mut buf[..len]);
        Ok(len)
    }
}

impl Drop for RemoteReader {
    fn drop(&mut self) {
        self.room.close();
    }
}

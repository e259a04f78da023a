use std::collections::VecDeque;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, mpsc};

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::found::{Found, STRETCH};
use super::read_ahead::{Fetch, Room};
use super::remote_object::lost;
use super::runtime::spawn;
use super::{RemoteObject, StorageError};

/// The body of a remote object.
pub(super) type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, object_store::Error>> + Send>>;

/// Stretches of one object that are here or under way at once.
const STRETCHES: usize = 8;

/// How many bytes of a body that comes as one may wait to be read.
const READ_AHEAD: usize = 32 << 20;

/// A remote object read from start to end, a bounded stretch ahead of its reader, who may pause for as long as he likes.
pub(super) struct RemoteReader {
    content: Content,
    current: Bytes,
    /// The room that the current bytes take.
    held: Option<OwnedSemaphorePermit>,
    /// Why it cannot be read on.
    broken: Option<String>,
    object: RemoteObject,
}

enum Content {
    Stretches(Stretches),
    Body(Body),
}

/// What is read next, with the room that it takes; nothing at the end.
type Piece = Option<Result<(Bytes, Option<OwnedSemaphorePermit>), object_store::Error>>;

impl RemoteReader {
    /// Reads all of an object in stretches, of which the first bytes are here.
    pub(super) fn of_stretches(first: Bytes, found: Found, object: RemoteObject) -> Self {
        let stretches = Stretches { next: first.len() as u64, found, coming: VecDeque::new() };
        RemoteReader::new(Content::Stretches(stretches), first, object)
    }

    /// Reads `body`, the content of `object`.
    pub(super) fn of_body(body: ByteStream, object: RemoteObject) -> Result<Self, StorageError> {
        Ok(RemoteReader::new(Content::Body(Body::pull(body)?), Bytes::new(), object))
    }

    fn new(content: Content, current: Bytes, object: RemoteObject) -> Self {
        RemoteReader { content, current, held: None, broken: None, object }
    }
}

impl Read for RemoteReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(cause) = &self.broken {
            return Err(io::Error::other(cause.clone()));
        }
        while self.current.is_empty() {
            self.held = None;
            let next = match &mut self.content {
                Content::Stretches(stretches) => stretches.next(),
                Content::Body(body) => body.next(),
            };
            match next {
                Some(Ok((bytes, held))) => (self.current, self.held) = (bytes, held),
                Some(Err(error)) => {
                    let error = self.object.failed(&error);
                    // What follows must not pass for what is missing.
                    self.broken = Some(error.to_string());
                    return Err(error.into_io());
                }
                None => return Ok(0),
            }
        }
        let len = buf.len().min(self.current.len());
        self.current.copy_to_slice(&mut buf[..len]);
        Ok(len)
    }
}

/// An object in stretches, each fetched by a task of its own: what has been begun comes in whether or not it is read.
struct Stretches {
    found: Found,
    /// Where the next one begins that has not been begun.
    next: u64,
    coming: VecDeque<Fetch<object_store::Result<Bytes>>>,
}

impl Stretches {
    fn next(&mut self) -> Piece {
        let size = self.found.size();
        while self.coming.len() < STRETCHES && self.next < size {
            let range = self.next..(self.next + STRETCH).min(size);
            self.next = range.end;
            let (found, bytes) = (self.found.clone(), range.end - range.start);
            self.coming.push_back(Fetch::begin(Room::Opened, bytes, async move { found.stretch(range).await }));
        }
        let (stretch, held) = match self.coming.pop_front()?.wait() {
            Some((stretch, held)) => (stretch, held),
            None => (Err(lost()), None),
        };
        Some(stretch.map(|bytes| (bytes, held)))
    }
}

/// A body that comes as one. A task pulls it as far as there is room.
struct Body {
    /// `None` is its end.
    pieces: mpsc::Receiver<Option<Result<Bytes, object_store::Error>>>,
    room: Arc<Semaphore>,
    /// Permits that the piece read last holds.
    held: usize,
    has_ended: bool,
}

impl Body {
    fn pull(mut body: ByteStream) -> Result<Body, StorageError> {
        let (sender, pieces) = mpsc::channel();
        let room = Arc::new(Semaphore::new(READ_AHEAD));
        let permits = Arc::clone(&room);
        spawn(async move {
            loop {
                let piece = body.next().await;
                let need = piece.as_ref().and_then(|piece| piece.as_ref().ok()).map_or(0, permits_for);
                // The semaphore is closed when the reader is gone.
                let Ok(permit) = permits.acquire_many(need as u32).await else { return };
                permit.forget();
                let is_last = !matches!(piece, Some(Ok(_)));
                if sender.send(piece).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Body { pieces, room, held: 0, has_ended: false })
    }

    fn next(&mut self) -> Piece {
        if self.has_ended {
            return None;
        }
        self.room.add_permits(std::mem::take(&mut self.held));
        // Without an end the task has not come to it.
        let Some(piece) = self.pieces.recv().unwrap_or_else(|_| Some(Err(lost()))) else {
            self.has_ended = true;
            return None;
        };
        Some(piece.map(|bytes| {
            self.held = permits_for(&bytes);
            (bytes, None)
        }))
    }
}

/// A piece larger than the whole room takes all of it.
fn permits_for(piece: &Bytes) -> usize {
    piece.len().min(READ_AHEAD)
}

impl Drop for Body {
    fn drop(&mut self) {
        self.room.close();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use object_store::client::{HttpConnector, ReqwestConnector};
    use object_store::http::HttpBuilder;
    use object_store::path::Path;
    use object_store::{ClientOptions, RetryConfig};

    use super::*;
    use crate::storage::found::Version;
    use crate::storage::patience::Patient;
    use crate::storage::runtime::wait;
    use crate::storage::testing::{answer_with, memory_object, serve};

    fn content(size: usize) -> Arc<Vec<u8>> {
        Arc::new((0..size).map(|i| (i % 251) as u8).collect())
    }

    /// What a server serves, by a client without patience.
    fn found(address: &str, size: u64, has_ranges: bool, connector: impl HttpConnector) -> Found {
        let silence = Duration::from_millis(300);
        let retry = RetryConfig { max_retries: 1, retry_timeout: silence, ..RetryConfig::default() };
        let store = HttpBuilder::new()
            .with_url(format!("http://{address}/x"))
            .with_client_options(ClientOptions::new().with_allow_http(true).with_read_timeout(silence))
            .with_retry(retry)
            .with_http_connector(connector)
            .build()
            .unwrap();
        let version = Some(Version { size, etag: Some("\"e\"".into()) });
        Found { store: Arc::new(store), path: Path::default(), version, has_ranges, plain: None }
    }

    /// Reads everything, with pauses that are longer than any limit.
    fn read_slowly(mut reader: RemoteReader) -> io::Result<Vec<u8>> {
        let (mut all, mut some) = (Vec::new(), vec![0; 5 << 20]);
        loop {
            let begun = all.len();
            while all.len() < begun + some.len() {
                match reader.read(&mut some)? {
                    0 => return Ok(all),
                    read => all.extend_from_slice(&some[..read]),
                }
            }
            if all.len() < 21 << 20 {
                std::thread::sleep(Duration::from_millis(700));
            }
        }
    }

    #[test]
    fn whoever_reads_may_pause() {
        let whole = content(80 << 20);
        let served = Arc::clone(&whole);
        let address = serve(move |request, stream| answer_with(&served, request, stream));
        let object = || memory_object("x", b"");
        let stretches = found(&address, whole.len() as u64, true, ReqwestConnector::default());
        let read = read_slowly(RemoteReader::of_stretches(Bytes::new(), stretches, object())).unwrap();
        assert!(read == *whole);
        let one = found(&address, whole.len() as u64, false, Patient);
        let body = wait(async move { one.get(None).await }).unwrap().unwrap();
        let read = read_slowly(RemoteReader::of_body(body, object()).unwrap()).unwrap();
        assert!(read == *whole);
    }

    #[test]
    fn answers_that_break_off_are_gone_on_with() {
        let whole = content(9 << 20);
        for has_ranges in [true, false] {
            let (served, requests) = (Arc::clone(&whole), Arc::new(std::sync::atomic::AtomicUsize::new(0)));
            let address = serve(move |request, stream| {
                let number = requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let mut answer = Vec::new();
                let ranged = request.contains("range: ");
                if ranged && !has_ranges {
                    return answer_with(&served, &request.replace("range: ", ""), stream);
                }
                answer_with(&served, request, &mut answer);
                // Nearly every answer breaks off, more often than the client asks again.
                let end = if number % 8 == 7 { answer.len() } else { answer.len() * (number % 8 + 1) / 10 };
                let _ = io::Write::write_all(stream, &answer[..end]);
            });
            let found = found(&address, whole.len() as u64, has_ranges, Patient);
            let object = memory_object("x", b"");
            let reader = match has_ranges {
                true => RemoteReader::of_stretches(Bytes::new(), found, object),
                false => RemoteReader::of_body(wait(found.body()).unwrap().unwrap(), object).unwrap(),
            };
            let mut read = Vec::new();
            let mut reader = reader;
            reader.read_to_end(&mut read).unwrap();
            assert!(read == *whole, "{has_ranges}");
        }
    }

    #[test]
    fn the_end_stays_the_end() {
        let body = futures_util::stream::iter([Ok(Bytes::from_static(b"all"))]);
        let mut reader = RemoteReader::of_body(Box::pin(body), memory_object("a.csv", b"")).unwrap();
        let mut read = Vec::new();
        assert_eq!([3, 0, 0].map(|_| reader.read_to_end(&mut read).unwrap()), [3, 0, 0]);
    }

    #[test]
    fn a_body_without_an_end_is_not_whole() {
        let pieces = futures_util::stream::iter(0..3).map(|piece| {
            assert!(piece < 2, "the task ends here");
            Ok(Bytes::from_static(b"piece"))
        });
        let mut reader = RemoteReader::of_body(Box::pin(pieces), memory_object("a.csv", b"")).unwrap();
        for _ in 0..2 {
            let error = reader.read_to_end(&mut Vec::new()).unwrap_err().to_string();
            assert!(error.contains("memory://test/a.csv") && error.contains("without an answer"), "{error}");
        }
    }
}

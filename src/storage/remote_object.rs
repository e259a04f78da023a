use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{OBJECT_STORE_COALESCE_DEFAULT, ObjectMeta, coalesce_ranges};
use tokio::sync::{OnceCell, OwnedSemaphorePermit};

use super::StorageError;
use super::connect::Client;
use super::failure::failure;
use super::found::{Found, STRETCH, look};
use super::http::Address;
use super::place::StoreKind;
use super::read_ahead::{Fetch, Room};
use super::reader::RemoteReader;
use super::runtime::wait;

/// An object of a store, or a file on a web server.
#[derive(Clone)]
pub struct RemoteObject {
    source: Source,
    /// What is known of it: from a listing, or from the first look at it.
    found: Arc<OnceCell<Found>>,
    /// A stretch of it that was asked for before anybody wanted to read it.
    ahead: Arc<Mutex<Ahead>>,
}

/// The part of a file that will be wanted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Its beginning: it will be read from start to end.
    Start,
    /// So many bytes at its end, or all of it if it is not much longer: it will be read in stretches.
    End(u64),
}

/// A stretch that is fetched ahead.
#[derive(Default)]
enum Ahead {
    #[default]
    Nothing,
    Coming(Fetch<object_store::Result<Stretch>>),
    /// With the room that it takes, until it is dropped.
    Here(Stretch, #[expect(dead_code, reason = "it is held")] Option<OwnedSemaphorePermit>),
}

/// Bytes of an object, from `start` on.
#[derive(Clone)]
struct Stretch {
    start: u64,
    bytes: Bytes,
}

/// Stretches that are fetched ahead of those who will read them.
pub struct Ranges(Coming);

enum Coming {
    /// They were among what was fetched ahead of the file.
    Here(Vec<Bytes>),
    Fetch(Fetch<object_store::Result<Vec<Bytes>>>, RemoteObject),
}

impl Ranges {
    /// The stretches, in the order in which they were asked for.
    pub fn wait(self) -> Result<Vec<Bytes>, StorageError> {
        match self.0 {
            Coming::Here(parts) => Ok(parts),
            Coming::Fetch(fetch, object) => match fetch.wait() {
                Some((fetched, _)) => fetched.map_err(|e| object.failed(&e)),
                None => Err(object.failed(&lost())),
            },
        }
    }
}

pub(super) fn lost() -> object_store::Error {
    object_store::Error::Generic { store: "remote", source: "the request ended without an answer".into() }
}

/// Where an object is.
#[derive(Clone)]
enum Source {
    Store {
        client: Arc<Client>,
        path: Path,
        /// What stands before the path when it is shown.
        root: Arc<str>,
    },
    Web(Arc<Address>),
    /// It was listed, but nobody can ask for it.
    Unusable {
        shown: Arc<str>,
        reason: Arc<str>,
    },
}

impl RemoteObject {
    /// An object of a store that nothing is known of yet.
    pub(super) fn in_store(client: &Arc<Client>, root: &Arc<str>, path: Path) -> Self {
        let source = Source::Store { client: Arc::clone(client), path, root: Arc::clone(root) };
        RemoteObject { source, found: Arc::default(), ahead: Arc::default() }
    }

    /// The object as it was listed: another content will not be taken for it.
    pub(super) fn listed(client: &Arc<Client>, root: &Arc<str>, meta: &ObjectMeta) -> Self {
        let object = RemoteObject::in_store(client, root, meta.location.clone());
        let found = Found {
            store: Arc::clone(&client.store),
            path: meta.location.clone(),
            version: Some(meta.into()),
            has_ranges: true,
            plain: None,
        };
        RemoteObject { found: Arc::new(OnceCell::new_with(Some(found))), ..object }
    }

    /// An object that was listed, and that fails when it is read.
    pub(super) fn unusable(shown: String, reason: String) -> Self {
        let source = Source::Unusable { shown: shown.into(), reason: reason.into() };
        RemoteObject { source, found: Arc::default(), ahead: Arc::default() }
    }

    /// A file on a web server that nothing is known of yet.
    pub(super) fn on_web(address: Address) -> Self {
        RemoteObject { source: Source::Web(Arc::new(address)), found: Arc::default(), ahead: Arc::default() }
    }

    pub(super) fn failed(&self, error: &object_store::Error) -> StorageError {
        let kind = match &self.source {
            Source::Store { client, .. } => client.kind,
            Source::Web(_) => StoreKind::Web,
            Source::Unusable { shown, reason } => {
                return StorageError::Unsupported { object: shown.to_string(), reason: reason.to_string() };
            }
        };
        failure(&self.to_string(), "read", kind, error)
    }

    /// Looks at it, unless something is known of it already; its size, 0 when the server does not say.
    pub(super) fn look(&self) -> Result<u64, StorageError> {
        Ok(self.found()?.version.as_ref().map_or(0, |version| version.size))
    }

    /// Begins to look at it, before anybody asks.
    pub(super) fn look_ahead(&self) -> Fetch<()> {
        let object = self.clone();
        // What went wrong is tried again by whoever asks, and told then.
        Fetch::begin(Room::Looks, 1, async move { drop(object.find().await) })
    }

    fn found(&self) -> Result<Found, StorageError> {
        if let Some(found) = self.found.get() {
            return Ok(found.clone());
        }
        let object = self.clone();
        wait(async move { object.find().await.cloned() })?.map_err(|e| self.failed(&e))
    }

    async fn find(&self) -> object_store::Result<&Found> {
        let find = async || match &self.source {
            Source::Web(address) => address.find().await,
            Source::Store { client, path, .. } => {
                let version = Some((&look(&*client.store, path).await?).into());
                let store = Arc::clone(&client.store);
                Ok(Found { store, path: path.clone(), version, has_ranges: true, plain: None })
            }
            // `failed` says why.
            Source::Unusable { .. } => Err(lost()),
        };
        self.found.get_or_try_init(find).await
    }

    /// Fetches what will be wanted first, as soon as there is room for it.
    pub(super) fn fetch_ahead(&self, want: Want) {
        let object = self.clone();
        let known = self.found.get().and_then(|found| found.version.as_ref()).map(|version| version.size);
        let bytes = match (known.map(|size| want.range(size)), want) {
            (Some(range), _) => range.end - range.start,
            (None, Want::Start) => STRETCH,
            (None, Want::End(bytes)) => bytes,
        };
        let work = async move {
            let found = object.find().await?;
            let range = match &found.version {
                Some(version) if found.has_ranges => want.range(version.size),
                Some(version) if version.size <= STRETCH => 0..version.size,
                _ => 0..0,
            };
            let bytes = match range.is_empty() {
                true => Bytes::new(),
                false if found.has_ranges && range.end - range.start < found.size() => {
                    found.stretch(range.clone()).await?
                }
                // All of it needs no range, which not all servers know.
                false => found.whole().await?,
            };
            Ok(Stretch { start: range.start, bytes })
        };
        *self.ahead() = Ahead::Coming(Fetch::begin(Room::Unopened, bytes, work));
    }

    /// Begins to fetch stretches of it, as soon as there is room for them.
    pub(super) fn fetch_ranges(&self, ranges: Vec<Range<u64>>) -> Ranges {
        if let Some(parts) = slices(&self.ahead(), &ranges) {
            return Ranges(Coming::Here(parts));
        }
        let object = self.clone();
        let bytes = ranges.iter().map(|range| range.end.saturating_sub(range.start)).sum();
        let work = async move {
            let found = object.find().await?;
            coalesce_ranges(&ranges, |range| found.stretch(range), OBJECT_STORE_COALESCE_DEFAULT).await
        };
        Ranges(Coming::Fetch(Fetch::begin(Room::Opened, bytes, work), self.clone()))
    }

    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        // Nothing is changed there in steps.
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens it to be read from start to end.
    pub(super) fn open(&self) -> Result<RemoteReader, StorageError> {
        let first = self.fetched_start();
        let found = self.found()?;
        let has_stretches = found.has_ranges && found.size() > STRETCH;
        let body = match (&found.plain, first) {
            (Some(plain), _) => wait(plain.clone().stream())?,
            (None, Some(first)) if first.len() as u64 == found.size() || found.has_ranges => {
                return Ok(RemoteReader::of_stretches(first, found, self.clone()));
            }
            _ if has_stretches => return Ok(RemoteReader::of_stretches(Bytes::new(), found, self.clone())),
            _ => wait(found.body())?,
        };
        RemoteReader::of_body(body.map_err(|e| self.failed(&e))?, self.clone())
    }

    /// Its size in bytes.
    pub(super) fn size(&self) -> Result<u64, StorageError> {
        match self.found()?.version {
            Some(version) => Ok(version.size),
            None => Err(StorageError::Unsupported {
                object: self.to_string(),
                reason: "its server does not tell how long it is; download it first".into(),
            }),
        }
    }

    /// Reads stretches of it, several at a time; those that lie close together in one request.
    pub(super) fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        if let Some(parts) = self.at_hand(ranges) {
            return Ok(parts);
        }
        let (found, ranges) = (self.found()?, ranges.to_vec());
        let read =
            async move { coalesce_ranges(&ranges, |range| found.stretch(range), OBJECT_STORE_COALESCE_DEFAULT).await };
        wait(read)?.map_err(|e| self.failed(&e))
    }
}

impl RemoteObject {
    /// What was fetched ahead, once it is here. What went wrong ahead of time is tried again by whoever reads, and told
    /// then.
    fn fetched(&self) -> MutexGuard<'_, Ahead> {
        let mut ahead = self.ahead();
        if let Ahead::Coming(_) = &*ahead
            && let Ahead::Coming(fetch) = std::mem::take(&mut *ahead)
            && let Some((Ok(stretch), room)) = fetch.wait()
        {
            *ahead = Ahead::Here(stretch, room);
        }
        ahead
    }

    /// The beginning of the file, if it was fetched ahead. All of a file stays for others, a part gives its room back.
    fn fetched_start(&self) -> Option<Bytes> {
        let mut ahead = self.fetched();
        let Ahead::Here(stretch, _) = &*ahead else { return None };
        let bytes = (stretch.start == 0 && !stretch.bytes.is_empty()).then(|| stretch.bytes.clone());
        let size = self.found.get().map_or(0, Found::size);
        if bytes.as_ref().is_some_and(|bytes| (bytes.len() as u64) < size) {
            *ahead = Ahead::Nothing;
        }
        bytes
    }

    /// The stretches, if what was fetched ahead has all of them. All of a file stays for others; a part, which is its
    /// end, is asked for once, and gives its room back.
    fn at_hand(&self, ranges: &[Range<u64>]) -> Option<Vec<Bytes>> {
        let mut ahead = self.fetched();
        let parts = slices(&ahead, ranges)?;
        let size = self.found.get().map_or(0, Found::size);
        if matches!(&*ahead, Ahead::Here(stretch, _) if (stretch.bytes.len() as u64) < size) {
            *ahead = Ahead::Nothing;
        }
        Some(parts)
    }
}

/// These stretches of a file, if they are all here.
fn slices(ahead: &Ahead, ranges: &[Range<u64>]) -> Option<Vec<Bytes>> {
    let Ahead::Here(stretch, _) = ahead else { return None };
    let slice = |range: &Range<u64>| {
        let start = usize::try_from(range.start.checked_sub(stretch.start)?).ok()?;
        let end = usize::try_from(range.end.checked_sub(stretch.start)?).ok()?;
        (start <= end && end <= stretch.bytes.len()).then(|| stretch.bytes.slice(start..end))
    };
    ranges.iter().map(slice).collect()
}

impl Want {
    /// The stretch that is meant of a file of `size` bytes.
    fn range(self, size: u64) -> Range<u64> {
        match self {
            Want::Start => 0..size.min(STRETCH),
            Want::End(bytes) if size <= bytes.saturating_mul(4) => 0..size,
            Want::End(bytes) => size - bytes..size,
        }
    }
}

impl fmt::Display for RemoteObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Store { path, root, .. } => write!(f, "{root}{path}"),
            Source::Web(address) => f.write_str(address.shown()),
            Source::Unusable { shown, .. } => f.write_str(shown),
        }
    }
}

impl fmt::Debug for RemoteObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteObject({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use object_store::ObjectStoreExt;

    use super::*;
    use crate::storage::testing::memory_place;

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|i| (i % 251) as u8).collect()
    }

    fn object(size: usize) -> RemoteObject {
        let place = memory_place(&[("a.bin", &content(size))], "a.bin");
        let (store, path) = (place.store(), place.path.clone());
        let meta = wait(async move { store.head(&path).await }).unwrap().unwrap();
        RemoteObject::listed(&place.client, &place.root, &meta)
    }

    #[test]
    fn large_objects_come_in_order() {
        for size in [0, 1, STRETCH as usize, STRETCH as usize + 1, 40 << 20] {
            let mut read = Vec::new();
            object(size).open().unwrap().read_to_end(&mut read).unwrap();
            assert!(read == content(size), "{size}");
        }
    }

    #[test]
    fn ranges_come_in_the_order_asked_for() {
        let object = object(10 << 20);
        let whole = content(10 << 20);
        let ranges = [9_000_000..9_000_010, 0..5, 5..6, 3..100, 7..7];
        let parts = object.read_ranges(&ranges).unwrap();
        for (range, part) in ranges.iter().zip(parts) {
            assert_eq!(part, whole[range.start as usize..range.end as usize]);
        }
        assert!(object.read_ranges(std::slice::from_ref(&(0..(10 << 20) + 1))).is_err());
    }

    #[test]
    fn what_was_fetched_ahead_is_what_is_read() {
        for size in [0, 10, 1000, STRETCH as usize, 11 << 20] {
            let whole = content(size);
            let ahead = object(size);
            ahead.fetch_ahead(Want::Start);
            let mut read = Vec::new();
            ahead.open().unwrap().read_to_end(&mut read).unwrap();
            assert!(read == whole, "{size}");
            if size > 0 {
                let ahead = object(size);
                ahead.fetch_ahead(Want::End(100));
                let tail = size.saturating_sub(50) as u64..size as u64;
                for ranges in [vec![tail.clone()], vec![0..1, tail.clone()], vec![tail.clone(), 3..4]] {
                    let parts = ahead.read_ranges(&ranges).unwrap();
                    for (range, part) in ranges.iter().zip(parts) {
                        assert_eq!(part, whole[range.start as usize..range.end as usize]);
                    }
                }
                let parts = ahead.fetch_ranges(vec![tail.clone(), 0..1]).wait().unwrap();
                assert_eq!(parts, [&whole[tail.start as usize..], &whole[..1]]);
            }
        }
    }

    #[test]
    fn what_was_fetched_ahead_gives_its_room_back_once_it_has_been_used() {
        let part = object(10_000);
        part.fetch_ahead(Want::End(100));
        part.read_ranges(std::slice::from_ref(&(9_900..10_000))).unwrap();
        assert!(matches!(*part.ahead(), Ahead::Nothing));
        assert!(matches!(part.fetch_ranges(vec![0..5, 6..7]).0, Coming::Fetch(..)));
        // All of a file is not fetched again.
        let whole = object(300);
        whole.fetch_ahead(Want::End(100));
        for _ in 0..2 {
            whole.read_ranges(std::slice::from_ref(&(200..300))).unwrap();
            let ranges = whole.fetch_ranges(vec![0..5, 100..300]);
            assert!(matches!(ranges.0, Coming::Here(_)));
            assert_eq!(ranges.wait().unwrap()[1], content(300)[100..]);
        }
    }

    #[test]
    fn another_content_is_not_taken_for_the_listed_one() {
        for size in [10, 20 << 20] {
            let object = object(size);
            let Found { store, path, .. } = object.found().unwrap();
            let other = vec![1; size];
            wait(async move { store.put(&path, other.into()).await }).unwrap().unwrap();
            let read =
                object.open().map_err(StorageError::into_io).and_then(|mut reader| reader.read_to_end(&mut Vec::new()));
            let error = read.unwrap_err().to_string();
            assert!(error.contains("memory://test/a.bin changed while"), "{error}");
            let error = object.read_ranges(std::slice::from_ref(&(0..5))).unwrap_err();
            assert!(matches!(error, StorageError::Changed { .. }), "{error}");
        }
    }
}

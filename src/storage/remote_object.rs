use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, OBJECT_STORE_COALESCE_DEFAULT, ObjectMeta, ObjectStore, ObjectStoreExt, coalesce_ranges,
};
use tokio::sync::OnceCell;

use super::StorageError;
use super::connect::Client;
use super::failure::failure;
use super::http::{Address, PlainGet};
use super::place::StoreKind;
use super::reader::{ByteStream, RemoteReader};
use super::runtime::wait;

/// Larger objects are read in stretches of this size, several at a time: one connection of a cloud's store gives some 50
/// to 100 MB a second, and a distant one pauses before each answer.
const STRETCH: u64 = 4 << 20;

/// Stretches of one object that are under way at once.
const STRETCHES_IN_FLIGHT: usize = 8;

/// An object of a store, or a file on a web server.
#[derive(Clone)]
pub struct RemoteObject {
    source: Source,
    /// What is known of it: from a listing, or from the first look at it.
    found: Arc<OnceCell<Found>>,
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
}

/// What is known of an object before it is read.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    /// Reads are bound to it.
    pub(super) version: Option<Version>,
    /// Whether parts of it can be asked for.
    pub(super) has_ranges: bool,
    /// How to read it when the server does not tell its length.
    pub(super) plain: Option<PlainGet>,
}

/// Which content an object had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) size: u64,
    pub(super) etag: Option<String>,
}

impl From<&ObjectMeta> for Version {
    fn from(meta: &ObjectMeta) -> Self {
        Version { size: meta.size, etag: meta.e_tag.clone() }
    }
}

impl RemoteObject {
    /// An object of a store that nothing is known of yet.
    pub(super) fn in_store(client: &Arc<Client>, root: &Arc<str>, path: Path) -> Self {
        let source = Source::Store { client: Arc::clone(client), path, root: Arc::clone(root) };
        RemoteObject { source, found: Arc::default() }
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

    /// A file on a web server that nothing is known of yet.
    pub(super) fn on_web(address: Address) -> Self {
        RemoteObject { source: Source::Web(Arc::new(address)), found: Arc::default() }
    }

    pub(super) fn failed(&self, error: &object_store::Error) -> StorageError {
        let kind = match &self.source {
            Source::Store { client, .. } => client.kind,
            Source::Web(_) => StoreKind::Web,
        };
        failure(&self.to_string(), "read", kind, error)
    }

    /// Looks at it, unless something is known of it already; its size, 0 when the server does not say.
    pub(super) fn look(&self) -> Result<u64, StorageError> {
        Ok(self.found()?.version.as_ref().map_or(0, |version| version.size))
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
                let version = Some((&client.store.head(path).await?).into());
                let store = Arc::clone(&client.store);
                Ok(Found { store, path: path.clone(), version, has_ranges: true, plain: None })
            }
        };
        self.found.get_or_try_init(find).await
    }

    /// Opens it to be read from start to end.
    pub(super) fn open(&self) -> Result<RemoteReader, StorageError> {
        let found = self.found()?;
        let body: ByteStream = match (&found.plain, &found.version) {
            (Some(plain), _) => wait(plain.clone().stream())?.map_err(|e| self.failed(&e))?,
            (None, Some(version)) if found.has_ranges && version.size > STRETCH => found.stretches(),
            (None, _) => wait(async move { found.get(None).await })?.map_err(|e| self.failed(&e))?,
        };
        RemoteReader::new(body, self.clone())
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
        let (found, ranges) = (self.found()?, ranges.to_vec());
        let read =
            async move { coalesce_ranges(&ranges, |range| found.stretch(range), OBJECT_STORE_COALESCE_DEFAULT).await };
        wait(read)?.map_err(|e| self.failed(&e))
    }
}

impl Found {
    /// All of it, in stretches that come in order.
    fn stretches(self) -> ByteStream {
        let size = self.version.as_ref().map_or(0, |version| version.size);
        let starts = (0..size).step_by(STRETCH as usize);
        let bodies = stream::iter(starts).map(move |start| {
            let found = self.clone();
            async move { found.stretch(start..(start + STRETCH).min(size)).await }
        });
        Box::pin(bodies.buffered(STRETCHES_IN_FLIGHT))
    }

    async fn stretch(&self, range: Range<u64>) -> object_store::Result<Bytes> {
        let len = range.end - range.start;
        let parts: Vec<Bytes> = self.get(Some(range)).await?.try_collect().await?;
        let bytes = match <[Bytes; 1]>::try_from(parts) {
            Ok([bytes]) => bytes,
            Err(parts) => parts.concat().into(),
        };
        if bytes.len() as u64 == len { Ok(bytes) } else { Err(cut_short(bytes.len() as u64, len)) }
    }

    /// Starts a request, for all of it or a stretch, and sees to it that it is the content that was listed.
    async fn get(&self, range: Option<Range<u64>>) -> object_store::Result<ByteStream> {
        let options = GetOptions {
            range: range.clone().map(GetRange::Bounded),
            if_match: self.version.as_ref().and_then(|version| strong(version.etag.as_deref()?)),
            ..GetOptions::default()
        };
        let answer = self.store.get_opts(&self.path, options).await?;
        if let Some(version) = &self.version {
            let other_etag = match (&version.etag, &answer.meta.e_tag) {
                (Some(listed), Some(found)) => bare(listed) != bare(found),
                _ => false,
            };
            if other_etag || answer.meta.size != version.size {
                return Err(object_store::Error::Precondition {
                    path: self.path.to_string(),
                    source: "its content is another one than when it was listed".into(),
                });
            }
        }
        let whole = answer.range.end - answer.range.start;
        let body = answer.into_stream();
        if range.is_some() {
            return Ok(body);
        }
        // A body that is shorter than it was said to be must not pass for the whole.
        let counted = stream::try_unfold((body, 0), move |(mut body, read)| async move {
            match body.try_next().await? {
                Some(bytes) => {
                    let read = read + bytes.len() as u64;
                    Ok(Some((bytes, (body, read))))
                }
                None if read < whole => Err(cut_short(read, whole)),
                None => Ok(None),
            }
        });
        Ok(Box::pin(counted))
    }
}

fn cut_short(read: u64, whole: u64) -> object_store::Error {
    object_store::Error::Generic {
        store: "remote",
        source: format!("its body ended after {read} of {whole} bytes").into(),
    }
}

/// The tag for a request that names it; weak tags cannot be named there.
fn strong(etag: &str) -> Option<String> {
    match etag {
        _ if etag.starts_with("W/") => None,
        _ if etag.starts_with('"') => Some(etag.to_owned()),
        // Lists of Azure leave the quotes out.
        _ => Some(format!("\"{etag}\"")),
    }
}

/// The tag without what differs between the places where it is told.
fn bare(etag: &str) -> &str {
    etag.trim_start_matches("W/").trim_matches('"')
}

impl fmt::Display for RemoteObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Store { path, root, .. } => write!(f, "{root}{path}"),
            Source::Web(address) => f.write_str(address.shown()),
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
        assert!(object.read_ranges(&[0..(10 << 20) + 1]).is_err());
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
            let error = object.read_ranges(&[0..5]).unwrap_err();
            assert!(matches!(error, StorageError::Changed { .. }), "{error}");
        }
    }

    #[test]
    fn tags_are_compared_without_their_dress() {
        assert_eq!(strong("W/\"x\""), None);
        assert_eq!(strong("0x1").as_deref(), Some("\"0x1\""));
        assert_eq!(strong("\"x\"").as_deref(), Some("\"x\""));
        assert_eq!(bare("W/\"x\""), bare("x"));
    }
}

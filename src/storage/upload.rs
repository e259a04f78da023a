use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, MultipartId, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutOptions,
};
use tokio::task::JoinSet;

use super::connect::{Client, Creating, Parts};
use super::failure::{failure, was_lost};
use super::local_file::taken;
use super::place::{RemotePlace, StoreKind};
use super::runtime::{spawn, wait};
use super::{Existing, StorageError};

/// Size of the parts of an upload, all but the last.
const PART: usize = 10 << 20;

/// Most parts that an upload may have, in S3, so that an object may have 100 GB.
const MOST_PARTS: usize = 10_000;

/// How many parts may be under way at once.
const IN_FLIGHT: usize = 4;

/// Metadata by which an object is known as the one that this upload made. The name is one that all stores take.
const MARK: &str = "batchscoreupload";

/// How often an answer that was lost is looked into.
const ANSWERS_LOST: usize = 3;

/// An object that becomes visible when its upload is completed.
///
/// What fits into one part is sent as one request; more is sent in parts. Dropping it abandons the upload.
pub(super) struct Upload {
    client: Arc<Client>,
    path: Path,
    display: String,
    existing: Existing,
    /// Tells this upload from all others.
    id: String,
    buffer: Vec<u8>,
    begun: Option<Begun>,
}

/// An upload of which parts have been sent.
struct Begun {
    store: Arc<dyn MultipartStore>,
    path: Path,
    id: MultipartId,
    done: Vec<Option<PartId>>,
    under_way: JoinSet<(usize, object_store::Result<PartId>)>,
}

impl Upload {
    /// Prepares the object `name` below `place`; when it may not be replaced, the store is asked whether it exists.
    pub(super) fn create(place: &RemotePlace, name: &str, existing: Existing) -> Result<Self, StorageError> {
        let upload = Upload::part(place, name, existing)?;
        upload.refuse_existing()?;
        Ok(upload)
    }

    /// The same without a question: of a place of which is known what it holds.
    pub(super) fn part(place: &RemotePlace, name: &str, existing: Existing) -> Result<Self, StorageError> {
        let path = place.child(name)?;
        let display = place.display(&path);
        let client = Arc::clone(&place.client);
        if client.parts.is_none() {
            return Err(StorageError::Unsupported {
                object: display,
                reason: "results cannot be written to a web server; name a folder or a store's URI".into(),
            });
        }
        Ok(Upload { client, path, display, existing, id: unique(), buffer: Vec::new(), begun: None })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Sends everything, in parts even if it fits into one; only the completion is left to be done. What is empty is left
    /// to the completion too, since not every store takes a part of nothing.
    pub(super) fn seal(&mut self) -> Result<(), StorageError> {
        if !self.buffer.is_empty() {
            self.send_part(0)?;
        }
        Ok(())
    }

    pub(super) fn target(&self) -> &str {
        &self.display
    }

    /// Takes all of `bytes`, waiting when too much is under way.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), StorageError> {
        while !bytes.is_empty() {
            if self.buffer.capacity() == 0 {
                self.buffer.reserve_exact(PART);
            }
            let (now, later) = bytes.split_at(bytes.len().min(PART - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            // A full part is sent only when more follows, so that what fits into one is one request.
            if self.buffer.len() == PART && !bytes.is_empty() {
                self.send_part(IN_FLIGHT)?;
            }
        }
        Ok(())
    }

    /// Sends what is buffered; returns when no more than `waiting` parts are under way.
    fn send_part(&mut self, waiting: usize) -> Result<(), StorageError> {
        let part = Bytes::from(std::mem::take(&mut self.buffer));
        let begun = self.begun.take();
        let client = Arc::clone(&self.client);
        let (path, attributes) = (self.path_of_parts(), self.attributes());
        let sent = wait(async move {
            let mut begun = match begun {
                Some(begun) => begun,
                None => Begun::begin(&client, path, attributes).await?,
            };
            match begun.send(part, waiting).await {
                Ok(()) => Ok(begun),
                Err(error) => {
                    // The first failure is what the user needs; what the store keeps of the parts expires.
                    let _ = begun.abort().await;
                    Err(error)
                }
            }
        })?;
        self.begun = Some(sent.map_err(|e| self.failed(&e))?);
        if self.begun.as_ref().is_some_and(|begun| begun.done.len() >= MOST_PARTS) {
            return Err(StorageError::Unsupported {
                object: self.display.clone(),
                reason: "it is larger than the 100 GB that an upload in parts may have; have it written in parts with \
                         --output-partition-size"
                    .into(),
            });
        }
        Ok(())
    }

    /// Completes the upload: the object appears.
    pub(super) fn commit(mut self) -> Result<String, StorageError> {
        let rest = Bytes::from(std::mem::take(&mut self.buffer));
        let result = match self.begun.take() {
            None => self.put(rest)?,
            Some(mut begun) => {
                let sent = wait(async move {
                    match rest.is_empty() {
                        true => begun.drain(0).await.map(|()| begun),
                        false => begun.send(rest, 0).await.map(|()| begun),
                    }
                })?;
                let begun = sent.map_err(|e| self.failed(&e))?;
                if let Err(error) = self.refuse_existing() {
                    wait(async move { begun.abort().await })?.map_err(|e| self.failed(&e))?;
                    return Err(error);
                }
                self.complete(begun)?
            }
        };
        match result {
            Ok(()) => Ok(self.display.clone()),
            // A repeated request finds what the first one made, whose answer was lost.
            Err(_) if self.is_there()? => Ok(self.display.clone()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Sends the whole object in one request.
    fn put(&self, content: Bytes) -> Result<object_store::Result<()>, StorageError> {
        let mode = match self.existing {
            Existing::Refuse => PutMode::Create,
            Existing::Replace => PutMode::Overwrite,
        };
        for attempt in 0.. {
            let (store, path) = (Arc::clone(&self.client.store), self.path.clone());
            let (mode, attributes, content) = (mode.clone(), self.attributes(), content.clone());
            let result = wait(async move {
                let options = PutOptions { mode, attributes, ..PutOptions::default() };
                match store.put_opts(&path, content.clone().into(), options).await {
                    // A store without conditional requests: it was asked before, which has to do.
                    Err(object_store::Error::NotImplemented { .. }) => store.put(&path, content.into()).await,
                    result => result,
                }
            })?;
            match result {
                // The client does not repeat a conditional request whose answer was lost; here it can be looked into.
                Err(error) if attempt < ANSWERS_LOST && was_lost(&error) => {
                    if self.is_there()? {
                        return Ok(Ok(()));
                    }
                }
                result => return Ok(result.map(drop)),
            }
        }
        unreachable!("the last attempt returns")
    }

    /// Makes one object of the parts.
    fn complete(&self, begun: Begun) -> Result<object_store::Result<()>, StorageError> {
        let creating = match (self.existing, &self.client.parts) {
            (Existing::Refuse, Some(Parts { creating, .. })) => Some(creating.clone()),
            _ => None,
        };
        let (store, target) = (Arc::clone(&self.client.store), self.path.clone());
        wait(async move {
            let parts: Vec<PartId> = begun.done.into_iter().flatten().collect();
            match creating {
                None => begun.store.complete_multipart(&begun.path, &begun.id, parts).await.map(drop),
                Some(Creating::Conditional(conditional)) => {
                    conditional.complete_multipart(&begun.path, &begun.id, parts).await.map(drop)
                }
                Some(Creating::ByCopy) => {
                    let completed = begun.store.complete_multipart(&begun.path, &begun.id, parts).await;
                    // Nobody else has its hidden name: if it is there, the answer was lost.
                    if let Err(error) = completed
                        && store.head(&begun.path).await.is_err()
                    {
                        return Err(error);
                    }
                    let copied = store.copy_if_not_exists(&begun.path, &target).await;
                    let deleted = store.delete(&begun.path).await;
                    copied.and(deleted)
                }
            }
        })
    }

    /// Gives the upload up and tells the store to forget its parts.
    pub(super) fn abort(mut self) -> Result<(), StorageError> {
        match self.begun.take() {
            Some(begun) => wait(async move { begun.abort().await })?.map_err(|e| self.failed(&e)),
            None => Ok(()),
        }
    }

    /// Where parts go: under a hidden name, if the object's own is to be taken by a copy.
    fn path_of_parts(&self) -> Path {
        let by_copy = matches!(&self.client.parts, Some(Parts { creating: Creating::ByCopy, .. }));
        if self.existing == Existing::Replace || !by_copy {
            return self.path.clone();
        }
        let path = self.path.as_ref();
        let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
        let slash = if folder.is_empty() { "" } else { "/" };
        Path::parse(format!("{folder}{slash}.{name}.{}", self.id)).unwrap_or_else(|_| self.path.clone())
    }

    fn attributes(&self) -> Attributes {
        Attributes::from_iter([(Attribute::Metadata(MARK.into()), self.id.clone())])
    }

    /// Whether the object is there and is what this upload has sent.
    fn is_there(&self) -> Result<bool, StorageError> {
        let (store, path) = (Arc::clone(&self.client.store), self.path.clone());
        let options = GetOptions { head: true, ..GetOptions::default() };
        let found = wait(async move { store.get_opts(&path, options).await })?;
        Ok(found.is_ok_and(|found| {
            found.attributes.get(&Attribute::Metadata(MARK.into())).is_some_and(|id| id.as_ref() == self.id)
        }))
    }

    fn refuse_existing(&self) -> Result<(), StorageError> {
        if self.existing == Existing::Replace {
            return Ok(());
        }
        let (store, path) = (Arc::clone(&self.client.store), self.path.clone());
        match wait(async move { store.head(&path).await })? {
            Ok(_) => Err(taken(std::path::Path::new(&self.display))),
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn failed(&self, error: &object_store::Error) -> StorageError {
        failure(&self.display, "written", self.client.kind, error)
    }
}

impl Begun {
    async fn begin(client: &Client, path: Path, attributes: Attributes) -> object_store::Result<Begun> {
        let Some(parts) = &client.parts else {
            return Err(object_store::Error::NotImplemented {
                operation: "uploads".to_owned(),
                implementer: client.store.to_string(),
            });
        };
        let store = Arc::clone(&parts.store);
        // Azure takes none at this moment.
        let attributes = if client.kind == StoreKind::Azure { Attributes::default() } else { attributes };
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let mut lost = 0;
        let id = loop {
            match store.create_multipart_opts(&path, options.clone()).await {
                // What the store may have begun all the same, it lets expire.
                Err(error) if lost < ANSWERS_LOST && was_lost(&error) => lost += 1,
                begun => break begun?,
            }
        };
        Ok(Begun { store, path, id, done: Vec::new(), under_way: JoinSet::new() })
    }

    /// Sends one more part; returns when no more than `waiting` are under way.
    async fn send(&mut self, part: Bytes, waiting: usize) -> object_store::Result<()> {
        let index = self.done.len();
        self.done.push(None);
        let (store, path, id) = (Arc::clone(&self.store), self.path.clone(), self.id.clone());
        self.under_way.spawn(async move { (index, store.put_part(&path, &id, index, part.into()).await) });
        self.drain(waiting).await
    }

    /// Returns when no more than `waiting` parts are under way.
    async fn drain(&mut self, waiting: usize) -> object_store::Result<()> {
        while self.under_way.len() > waiting {
            match self.under_way.join_next().await {
                Some(Ok((index, result))) => self.done[index] = Some(result?),
                Some(Err(error)) => {
                    return Err(object_store::Error::JoinError { source: error });
                }
                None => break,
            }
        }
        Ok(())
    }

    async fn abort(mut self) -> object_store::Result<()> {
        self.under_way.shutdown().await;
        self.store.abort_multipart(&self.path, &self.id).await
    }
}

/// A text that no other upload has: the time, and a random number.
fn unique() -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos());
    format!("{nanos:x}{:016x}", RandomState::new().build_hasher().finish())
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(begun) = self.begun.take() {
            // Nobody is left to tell; the store lets unfinished uploads expire in any case.
            let _ = spawn(async move {
                let _ = begun.abort().await;
            });
        }
    }
}

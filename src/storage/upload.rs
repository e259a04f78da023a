use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions};

use super::connect::{Client, Creating, Parts};
use super::failure::failure;
use super::local_file::taken;
use super::place::RemotePlace;
use super::repeats::Repeats;
use super::runtime::{spawn, wait};
use super::upload_name::{HiddenObject, NotNamed, is_made, marked};
use super::upload_parts::Begun;
use super::{Existing, StorageError};

/// Size of the first parts of an upload. Some stores want all parts but the last to have one size, so they grow late.
const PART: usize = 10 << 20;

/// Most parts that an upload may have, in S3.
const MOST_PARTS: usize = 10_000;

/// So many parts have the first size; then it is doubled as often as so many parts have been sent.
const GROWS_FROM: usize = 5_000;
const GROWS_EVERY: usize = 1_000;

/// How often it is doubled, so that an object may have some 360 GB.
const GROWS_TIMES: usize = 3;

/// How much may be under way at once.
const IN_FLIGHT: usize = 4 * PART;

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
    /// How many bytes were taken.
    size: u64,
    buffer: Vec<u8>,
    begun: Option<Begun>,
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
        Ok(Upload { client, path, display, existing, id: unique(), size: 0, buffer: Vec::new(), begun: None })
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
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let part = part_size(self.begun.as_ref().map_or(0, Begun::count));
            if self.buffer.capacity() == 0 {
                self.buffer.reserve_exact(part);
            }
            let (now, later) = bytes.split_at(bytes.len().min(part - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            // A full part is sent only when more follows, so that what fits into one is one request.
            if self.buffer.len() == part && !bytes.is_empty() {
                self.send_part(IN_FLIGHT.div_ceil(part))?;
            }
        }
        Ok(())
    }

    /// Sends what is buffered; returns when no more than `waiting` parts are under way.
    fn send_part(&mut self, waiting: usize) -> Result<(), StorageError> {
        let part = Bytes::from(std::mem::take(&mut self.buffer));
        let begun = match self.begun.take() {
            Some(begun) => begun,
            None => {
                let path = self.path_of_parts();
                if path != self.path && !self.client.reads {
                    return Err(StorageError::Unsupported {
                        object: self.display.clone(),
                        reason:
                            "it is large, and so has to be copied to its name, for which the signature does not let \
                                 it be read; use one with the right r, or give --overwrite"
                                .into(),
                    });
                }
                let (client, path, attributes) = (Arc::clone(&self.client), path, marked(&self.id));
                wait(async move { Begun::begin(&client, path, attributes).await })?.map_err(|e| self.failed(&e))?
            }
        };
        let begun = self.send(begun, part, waiting)?;
        let is_full = begun.count() >= MOST_PARTS;
        self.begun = Some(begun);
        if is_full {
            return Err(StorageError::Unsupported {
                object: self.display.clone(),
                reason: "it is larger than the 360 GB that an upload in parts may have; have it written in parts with \
                         --output-partition-size"
                    .into(),
            });
        }
        Ok(())
    }

    /// Sends a part of what has been begun, if there is anything in it; when it fails, the upload is given up.
    fn send(&self, mut begun: Begun, part: Bytes, waiting: usize) -> Result<Begun, StorageError> {
        let (begun, sent) = wait(async move {
            let sent = match part.is_empty() {
                true => begun.drain(waiting).await,
                false => begun.send(part, waiting).await,
            };
            (begun, sent)
        })?;
        match sent {
            Ok(()) => Ok(begun),
            Err(error) => Err(give_up(begun, self.failed(&error))),
        }
    }

    /// Completes the upload: the object appears.
    pub(super) fn commit(mut self) -> Result<String, StorageError> {
        let rest = Bytes::from(std::mem::take(&mut self.buffer));
        match self.begun.take() {
            None => self.put(rest)?,
            Some(begun) => {
                let begun = self.send(begun, rest, 0)?;
                match self.refuse_existing() {
                    Ok(()) => self.complete(begun)?,
                    Err(error) => return Err(give_up(begun, error)),
                }
            }
        }
        Ok(self.display.clone())
    }

    /// Sends the whole object in one request.
    fn put(&self, content: Bytes) -> Result<(), StorageError> {
        let mode = match self.existing {
            Existing::Refuse => PutMode::Create,
            Existing::Replace => PutMode::Overwrite,
        };
        let (store, path, id) = (Arc::clone(&self.client.store), self.path.clone(), self.id.clone());
        let put = wait(async move {
            let mut repeats = Repeats::default();
            loop {
                let options = PutOptions { mode: mode.clone(), attributes: marked(&id), ..PutOptions::default() };
                let put = match store.put_opts(&path, content.clone().into(), options).await {
                    // A store without conditional requests: it was asked before, which has to do.
                    Err(object_store::Error::NotImplemented { .. }) => store.put(&path, content.clone().into()).await,
                    put => put,
                };
                match put {
                    Ok(_) => return Ok(()),
                    // The answer was lost, or a repeated request finds what the first one made.
                    Err(_) if is_made(&store, &path, &id).await => return Ok(()),
                    Err(error) if repeats.again(&error).await => {}
                    Err(error) => return Err(error),
                }
            }
        })?;
        put.map_err(|e| self.failed(&e))
    }

    /// Makes one object of the parts.
    fn complete(&self, mut begun: Begun) -> Result<(), StorageError> {
        let conditional = match (self.existing, self.creating()) {
            (Existing::Refuse, Some(Creating::Conditional(conditional))) => Some(Arc::clone(conditional)),
            _ => None,
        };
        let (store, id) = (Arc::clone(&self.client.store), self.id.clone());
        let (begun, completed) = wait(async move {
            let completed = match begun.complete(conditional).await {
                // The answer was lost, or a repeated request finds what the first one made.
                Err(_) if is_made(&store, &begun.path, &id).await => Ok(()),
                completed => completed,
            };
            (begun, completed)
        })?;
        match completed {
            Err(error) => Err(give_up(begun, self.failed(&error))),
            Ok(()) if begun.path == self.path => Ok(()),
            Ok(()) => self.take_name(begun.path),
        }
    }

    /// Gives the object, which is complete under the name `hidden`, its own.
    fn take_name(&self, hidden: Path) -> Result<(), StorageError> {
        let (place, name) = self.display.split_at(self.display.len() - self.path.as_ref().len());
        let shown = format!("{place}{hidden}");
        let object = HiddenObject {
            store: Arc::clone(&self.client.store),
            hidden,
            name: self.path.clone(),
            id: self.id.clone(),
            size: self.size,
        };
        debug_assert_eq!(name, self.path.as_ref());
        match wait(async move { object.take_name().await })? {
            Ok(()) => Ok(()),
            Err(NotNamed::Taken(error)) => Err(self.failed(&error)),
            Err(NotNamed::Hidden(error)) => Err(match self.failed(&error) {
                StorageError::Remote { object, done, cause, remedy } => {
                    let remedy = format!("; it is complete under {shown}, copy it from there{remedy}");
                    StorageError::Remote { object, done, cause, remedy }
                }
                other => StorageError::Remote {
                    object: self.display.clone(),
                    done: "written",
                    cause: other.to_string(),
                    remedy: format!("; it is complete under {shown}, copy it from there"),
                },
            }),
        }
    }

    /// Gives the upload up and tells the store to forget its parts.
    pub(super) fn abort(mut self) -> Result<(), StorageError> {
        match self.begun.take() {
            Some(begun) => wait(async move { begun.abort().await })?.map_err(|e| self.failed(&e)),
            None => Ok(()),
        }
    }

    fn creating(&self) -> Option<&Creating> {
        self.client.parts.as_ref().map(|Parts { creating, .. }| creating)
    }

    /// Where parts go: under a hidden name, if the object's own is to be taken by a copy.
    fn path_of_parts(&self) -> Path {
        let by_copy = matches!(self.creating(), Some(Creating::ByCopy));
        if self.existing == Existing::Replace || !by_copy {
            return self.path.clone();
        }
        let path = self.path.as_ref();
        let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
        let slash = if folder.is_empty() { "" } else { "/" };
        Path::parse(format!("{folder}{slash}.{name}.{}", self.id)).unwrap_or_else(|_| self.path.clone())
    }

    fn refuse_existing(&self) -> Result<(), StorageError> {
        // Who may not look is told by the condition that the result is written on.
        if self.existing == Existing::Replace || !self.client.reads {
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

/// Has the store forget what was begun, and hands on why. What it keeps all the same, it lets expire.
fn give_up(begun: Begun, reason: StorageError) -> StorageError {
    let _ = wait(async move { begun.abort().await });
    reason
}

/// The size of the part that follows so many others.
fn part_size(before: usize) -> usize {
    let doublings = match before.checked_sub(GROWS_FROM) {
        Some(beyond) => (1 + beyond / GROWS_EVERY).min(GROWS_TIMES),
        None => 0,
    };
    PART << doublings
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_late_and_reach_far() {
        let sizes = [0, 4_999, 5_000, 5_999, 6_000, 7_000, 9_999].map(|before| part_size(before) / PART);
        assert_eq!(sizes, [1, 1, 2, 2, 4, 8, 8]);
        let most: usize = (0..MOST_PARTS).map(part_size).sum();
        assert!((360_000_000_000..370_000_000_000).contains(&most), "{most}");
    }
}

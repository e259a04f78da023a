use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, WriteMultipart};

use super::local_file::taken;
use super::remote::{RemotePlace, StoreKind, failure};
use super::runtime::{spawn, wait};
use super::{Existing, StorageError};

/// Size of the parts of an upload. Stores take up to 10,000 parts, so an object may have 100 GB.
const PART: usize = 10 << 20;

/// How many parts may be under way at once.
const IN_FLIGHT: usize = 3;

/// An object that becomes visible when its upload is completed.
///
/// What fits into one part is sent as one request; more is sent as a multipart upload. Dropping it abandons the upload.
pub(super) struct Upload {
    store: Arc<dyn ObjectStore>,
    path: Path,
    display: String,
    kind: StoreKind,
    existing: Existing,
    buffer: Vec<u8>,
    parts: Option<WriteMultipart>,
}

impl Upload {
    /// Prepares the object `name` below `place`; when it may not be replaced, the store is asked whether it exists.
    pub(super) fn create(place: &RemotePlace, name: &str, existing: Existing) -> Result<Self, StorageError> {
        let path = place.child(name)?;
        let display = place.display(&path);
        let upload = Upload {
            store: Arc::clone(&place.store),
            path,
            display,
            kind: place.kind,
            existing,
            buffer: Vec::new(),
            parts: None,
        };
        upload.refuse_existing()?;
        Ok(upload)
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
                self.send_part()?;
            }
        }
        Ok(())
    }

    fn send_part(&mut self) -> Result<(), StorageError> {
        let part = Bytes::from(std::mem::take(&mut self.buffer));
        let begun = self.parts.take();
        let (store, path) = (Arc::clone(&self.store), self.path.clone());
        let parts = wait(async move {
            let mut parts = match begun {
                Some(parts) => parts,
                None => WriteMultipart::new_with_chunk_size(store.put_multipart(&path).await?, PART),
            };
            if let Err(error) = parts.wait_for_capacity(IN_FLIGHT).await {
                // The first failure is what the user needs; what the store keeps of the parts expires.
                let _ = parts.abort().await;
                return Err(error);
            }
            parts.put(part);
            Ok(parts)
        })?;
        self.parts = Some(parts.map_err(|e| self.failed(&e))?);
        Ok(())
    }

    /// Completes the upload: the object appears.
    pub(super) fn commit(mut self) -> Result<String, StorageError> {
        let rest = Bytes::from(std::mem::take(&mut self.buffer));
        let (store, path) = (Arc::clone(&self.store), self.path.clone());
        let result = match self.parts.take() {
            Some(mut parts) => {
                if let Err(error) = self.refuse_existing() {
                    wait(async move { parts.abort().await })?.map_err(|e| self.failed(&e))?;
                    return Err(error);
                }
                wait(async move {
                    parts.put(rest);
                    parts.finish().await
                })?
            }
            None => {
                let mode = match self.existing {
                    Existing::Refuse => PutMode::Create,
                    Existing::Replace => PutMode::Overwrite,
                };
                wait(async move {
                    match store.put_opts(&path, rest.clone().into(), PutOptions::from(mode)).await {
                        // A store without conditional requests: it was asked before, which has to do.
                        Err(object_store::Error::NotImplemented { .. }) => store.put(&path, rest.into()).await,
                        result => result,
                    }
                })?
            }
        };
        result.map_err(|e| self.failed(&e))?;
        Ok(self.display.clone())
    }

    /// Gives the upload up and tells the store to forget its parts.
    pub(super) fn abort(mut self) -> Result<(), StorageError> {
        match self.parts.take() {
            Some(parts) => wait(async move { parts.abort().await })?.map_err(|e| self.failed(&e)),
            None => Ok(()),
        }
    }

    fn refuse_existing(&self) -> Result<(), StorageError> {
        if self.existing == Existing::Replace {
            return Ok(());
        }
        let (store, path) = (Arc::clone(&self.store), self.path.clone());
        match wait(async move { store.head(&path).await })? {
            Ok(_) => Err(taken(std::path::Path::new(&self.display))),
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn failed(&self, error: &object_store::Error) -> StorageError {
        failure(&self.display, "written", self.kind, error)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            // Nobody is left to tell; the store lets unfinished uploads expire in any case.
            let _ = spawn(async move {
                let _ = parts.abort().await;
            });
        }
    }
}

use std::collections::{HashSet, VecDeque};

use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::failure::failure;
use super::local_file::taken;
use super::new_folder::{MANIFEST, holds_others, is_of_results};
use super::place::RemotePlace;
use super::runtime::wait;
use super::upload::Upload;
use super::{Existing, NewFile, StorageError};

/// Objects below a prefix that appear together, as far as a store can do it: everything is uploaded before, and completed
/// one after the other when all is there. The manifest comes last: where it is, the others are complete.
///
/// Dropping it abandons the uploads.
pub(super) struct RemoteFolder {
    /// The prefix.
    place: RemotePlace,
    existing: Existing,
    /// What has the name of the folder or lies in it, and is to be replaced.
    old: Vec<Path>,
    sealed: VecDeque<Upload>,
}

impl RemoteFolder {
    /// Prepares the prefix `name` below `parent`; the store is asked what is there.
    pub(super) fn create(parent: &RemotePlace, name: &str, existing: Existing) -> Result<Self, StorageError> {
        let path = parent.child(name)?;
        let mut folder = RemoteFolder {
            place: RemotePlace { path, is_prefix: true, ..parent.clone() },
            existing,
            old: Vec::new(),
            sealed: VecDeque::new(),
        };
        // Refuses a place that takes no results before anything is asked.
        Upload::part(&folder.place, MANIFEST, existing)?;
        folder.look_around()?;
        Ok(folder)
    }

    /// Notes what is to be replaced, or fails because it must not be.
    fn look_around(&mut self) -> Result<(), StorageError> {
        let (store, prefix, refuse) = (self.place.store(), self.place.path.clone(), self.existing == Existing::Refuse);
        let found = wait(async move {
            let alone = match store.head(&prefix).await {
                // What stores with folders show in place of one is empty.
                Ok(meta) => (meta.size > 0).then_some(meta.location),
                Err(object_store::Error::NotFound { .. }) => None,
                Err(error) => return Err(error),
            };
            let mut names = alone.into_iter().collect::<Vec<_>>();
            let mut listed = store.list(Some(&prefix));
            while let Some(meta) = listed.try_next().await? {
                names.push(meta.location);
                if refuse {
                    break;
                }
            }
            Ok(names)
        })?;
        let found = found.map_err(|e| self.failed("listed", &e))?;
        if refuse && !found.is_empty() {
            return Err(taken(std::path::Path::new(&self.target())));
        }
        for path in &found {
            let below =
                path.as_ref().strip_prefix(self.place.path.as_ref()).unwrap_or_default().trim_start_matches('/');
            if !below.is_empty() && !is_of_results(below) {
                return Err(holds_others(self.target(), below));
            }
        }
        self.old = found;
        Ok(())
    }

    pub(super) fn target(&self) -> String {
        self.place.display(&self.place.path)
    }

    pub(super) fn create_file(&self, name: &str) -> Result<NewFile, StorageError> {
        Upload::part(&self.place, name, self.existing).map(NewFile::upload)
    }

    /// Has a file sent whole, and keeps it to be completed at the end.
    pub(super) fn add(&mut self, file: NewFile) -> Result<(), StorageError> {
        self.sealed.extend(file.into_sealed_upload()?);
        Ok(())
    }

    /// Completes the uploads in order, and puts the manifest. What was there before is deleted: its manifest first, so that
    /// no manifest ever tells of a mixture, and at the end the parts that were not replaced.
    pub(super) fn commit(mut self, manifest: &[u8]) -> Result<String, StorageError> {
        let manifest_path = self.place.child(MANIFEST)?;
        if self.old.contains(&manifest_path) {
            self.delete([manifest_path.clone()])?;
        }
        let mut made = HashSet::new();
        if let Err(error) = self.complete(manifest, &mut made) {
            // The first failure is what the user needs. Objects that replaced others cannot be told from them.
            if self.existing == Existing::Refuse {
                let _ = self.delete(made);
            }
            let _ = self.abort();
            return Err(error);
        }
        let old = std::mem::take(&mut self.old).into_iter();
        self.delete(old.filter(|path| *path != manifest_path && !made.contains(path)))?;
        Ok(self.target())
    }

    /// Completes everything; `made` has the objects that are there by now.
    fn complete(&mut self, manifest: &[u8], made: &mut HashSet<Path>) -> Result<(), StorageError> {
        while let Some(upload) = self.sealed.pop_front() {
            let path = upload.path().clone();
            upload.commit()?;
            made.insert(path);
        }
        let mut file = Upload::part(&self.place, MANIFEST, Existing::Refuse)?;
        file.write(manifest)?;
        file.commit().map(drop)
    }

    fn delete(&self, paths: impl IntoIterator<Item = Path>) -> Result<(), StorageError> {
        for path in paths {
            let store = self.place.store();
            let gone = wait(async move { store.delete(&path).await })?;
            match gone {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed("deleted", &error)),
            }
        }
        Ok(())
    }

    /// Gives all uploads up and tells the store to forget their parts.
    pub(super) fn abort(mut self) -> Result<(), StorageError> {
        // All are tried; the first failure is told.
        let aborted: Vec<_> = std::mem::take(&mut self.sealed).into_iter().map(Upload::abort).collect();
        aborted.into_iter().collect()
    }

    fn failed(&self, done: &'static str, error: &object_store::Error) -> StorageError {
        failure(&self.target(), done, self.place.kind(), error)
    }
}

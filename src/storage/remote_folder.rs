use std::collections::{HashSet, VecDeque};

use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::failure::failure;
use super::local_file::taken;
use super::new_folder::{MARK, holds_others, is_of_results, manifest_of};
use super::place::RemotePlace;
use super::runtime::wait;
use super::upload::Upload;
use super::{Existing, NewFile, StorageError};

/// Objects below a prefix that appear together, as far as a store can do it: everything is uploaded before, and completed
/// one after the other when all is there. Then come the manifest, beside the prefix, and the mark of completeness: where
/// it is, the others are complete.
///
/// Dropping it abandons the uploads.
pub(super) struct RemoteFolder {
    /// The prefix.
    place: RemotePlace,
    /// The prefix that it lies in, and what the manifest is called there.
    parent: RemotePlace,
    manifest: String,
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
            parent: parent.clone(),
            manifest: manifest_of(name),
            existing,
            old: Vec::new(),
            sealed: VecDeque::new(),
        };
        // Refuses a place that takes no results before anything is asked.
        Upload::part(&folder.place, MARK, existing)?;
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

    /// Completes the uploads in order, and puts the manifest and the mark. What was there before is deleted: its mark and
    /// its manifest first, so that they never tell of a mixture, and the parts that were not replaced before the new mark.
    pub(super) fn commit(mut self, manifest: &[u8]) -> Result<String, StorageError> {
        if !self.old.is_empty() {
            let mark = self.place.child(MARK)?;
            self.old.retain(|path| *path != mark);
            self.delete([mark, self.parent.child(&self.manifest)?])?;
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
        Ok(self.target())
    }

    /// Completes everything; `made` has the objects that are there by now.
    fn complete(&mut self, manifest: &[u8], made: &mut HashSet<Path>) -> Result<(), StorageError> {
        while let Some(upload) = self.sealed.pop_front() {
            let path = upload.path().clone();
            upload.commit()?;
            made.insert(path);
        }
        let old = std::mem::take(&mut self.old).into_iter();
        self.delete(old.filter(|path| !made.contains(path)))?;
        // Who has completed the parts owns the manifest's name too, whatever an earlier output left there.
        let mut file = Upload::part(&self.parent, &self.manifest, Existing::Replace)?;
        let path = file.path().clone();
        file.write(manifest)?;
        file.commit()?;
        made.insert(path);
        Upload::part(&self.place, MARK, Existing::Refuse)?.commit().map(drop)
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

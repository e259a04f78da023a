//! What the tests of this room share.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};

use super::RemoteObject;
use super::connect::{Client, Creating, Parts};
use super::place::{RemotePlace, StoreKind};
use super::runtime::wait;

/// A folder that is removed at the end of a test.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("batchscore-test-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file below the folder and returns its path.
    pub(crate) fn file(&self, name: impl AsRef<Path>, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A store in memory that holds these objects, seen from `path`.
pub(in crate::storage) fn memory_place(objects: &[(&str, &[u8])], path: &str) -> RemotePlace {
    let store = Arc::new(InMemory::new());
    for (name, content) in objects {
        let (store, name, content) =
            (Arc::clone(&store), object_store::path::Path::parse(name).unwrap(), content.to_vec());
        wait(async move { store.put(&name, content.into()).await }).unwrap().unwrap();
    }
    let parts = Some(Parts { store: store.clone(), creating: Creating::ByCopy });
    RemotePlace {
        client: Arc::new(Client { kind: StoreKind::S3, store, parts, reads: true }),
        root: "memory://test/".into(),
        path: object_store::path::Path::parse(path).unwrap(),
        is_prefix: path.ends_with('/'),
    }
}

/// The names of all objects of a place's store, sorted.
pub(in crate::storage) fn memory_names(place: &RemotePlace) -> Vec<String> {
    let listed = place.store().list(None).map_ok(|meta| meta.location.to_string());
    let mut names: Vec<String> = wait(async move { listed.try_collect().await }).unwrap().unwrap();
    names.sort();
    names
}

pub(in crate::storage) fn memory_object(name: &str, content: &[u8]) -> RemoteObject {
    let place = memory_place(&[(name, content)], name);
    RemoteObject::in_store(&place.client, &place.root, place.path.clone())
}

use std::fmt;
use std::path::PathBuf;

use super::StorageError;
use super::local_file::LocalFile;
use super::local_folder::LocalFolder;
use super::new_file::NewFile;
use super::new_folder::NewFolder;
use super::place::RemotePlace;
use super::remote_folder::RemoteFolder;
use super::upload::Upload;

/// What to do when a result's name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Fail before any work, and never overwrite, whoever creates the file meanwhile.
    Refuse,
    /// Replace it at the moment of the commit.
    Replace,
}

/// A place for results: a folder of this machine, or a prefix in a store.
#[derive(Clone)]
pub struct Folder(Place);

#[derive(Clone)]
enum Place {
    Local(PathBuf),
    Remote(RemotePlace),
}

impl Folder {
    /// Where a result of this name goes, for display.
    pub fn location_of(&self, name: &str) -> String {
        match &self.0 {
            Place::Local(folder) => folder.join(name).display().to_string(),
            Place::Remote(place) => {
                let slash = if place.path.as_ref().is_empty() { "" } else { "/" };
                format!("{}{slash}{name}", place.display(&place.path))
            }
        }
    }

    /// Begins a result. It is visible under `name` from its commit on.
    pub fn create(&self, name: &str, existing: Existing) -> Result<NewFile, StorageError> {
        check_name(name)?;
        match &self.0 {
            Place::Local(folder) => LocalFile::create(folder, name, existing).map(NewFile::local),
            Place::Remote(place) => Upload::create(place, name, existing).map(NewFile::upload),
        }
    }

    /// Begins a result of many files in a folder `name`, where it is visible from its commit on. A folder of that name is
    /// replaced only if it holds nothing but such a result.
    pub fn create_folder(&self, name: &str, existing: Existing) -> Result<NewFolder, StorageError> {
        check_name(name)?;
        match &self.0 {
            Place::Local(folder) => LocalFolder::create(folder, name, existing).map(NewFolder::local),
            Place::Remote(place) => RemoteFolder::create(place, name, existing).map(NewFolder::remote),
        }
    }
}

fn check_name(name: &str) -> Result<(), StorageError> {
    if name.is_empty() || name.contains(['/', '\0']) || matches!(name, "." | "..") {
        return Err(StorageError::Unsupported {
            object: format!("{name:?}"),
            reason: "it is no name for a file; name the folder apart from it".into(),
        });
    }
    Ok(())
}

/// A prefix in a store.
pub(super) fn remote(place: RemotePlace) -> Folder {
    Folder(Place::Remote(place))
}

impl From<PathBuf> for Folder {
    fn from(path: PathBuf) -> Self {
        Folder(Place::Local(path))
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Local(folder) => folder.display().fmt(f),
            Place::Remote(place) => f.write_str(&place.display(&place.path)),
        }
    }
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Folder({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use futures_util::TryStreamExt;

    use super::*;
    use crate::storage::testing::{TempDir, memory_place};
    use crate::storage::{Entry, Stores};

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_when_it_is_committed() {
        let dir = TempDir::new();
        let folder = Folder::from(dir.path().join("new/deep"));
        let mut file = folder.create("out.txt", Existing::Refuse).unwrap();
        file.write_all(b"results").unwrap();
        assert!(names(&dir.path().join("new/deep")).iter().all(|name| name.starts_with('.')));
        let location = file.commit().unwrap();
        assert_eq!(location, folder.location_of("out.txt"));
        assert_eq!(fs::read(&location).unwrap(), b"results");
        assert_eq!(names(&dir.path().join("new/deep")), ["out.txt"]);
    }

    #[test]
    fn what_is_dropped_leaves_nothing() {
        let dir = TempDir::new();
        let folder = Folder::from(dir.path().to_owned());
        drop(folder.create("out.txt", Existing::Refuse).unwrap());
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_part_is_kept_in_place_of_an_older_one() {
        let dir = TempDir::new();
        let folder = Folder::from(dir.path().to_owned());
        for text in ["one", "two"] {
            let mut file = folder.create("out.txt", Existing::Refuse).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert_eq!(file.keep_partial().unwrap(), Some(folder.location_of("out.txt.partial")));
        }
        assert_eq!(names(dir.path()), ["out.txt.partial"]);
        assert_eq!(fs::read(dir.path().join("out.txt.partial")).unwrap(), b"two");
    }

    #[test]
    fn existing_files_are_refused_or_replaced() {
        let dir = TempDir::new();
        let folder = Folder::from(dir.path().to_owned());
        dir.file("out.txt", b"old");
        let error = folder.create("out.txt", Existing::Refuse).unwrap_err();
        assert!(matches!(error, StorageError::Exists { .. }), "{error}");
        let mut file = folder.create("out.txt", Existing::Replace).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(dir.path().join("out.txt")).unwrap(), b"old");
        file.commit().unwrap();
        assert_eq!(fs::read(dir.path().join("out.txt")).unwrap(), b"new");
        fs::create_dir(dir.path().join("sub")).unwrap();
        let error = folder.create("sub", Existing::Replace).unwrap_err().to_string();
        assert!(error.contains("is a folder"), "{error}");
    }

    #[test]
    fn a_race_never_overwrites() {
        let dir = TempDir::new();
        let folder = Folder::from(dir.path().to_owned());
        let mut file = folder.create("out.txt", Existing::Refuse).unwrap();
        file.write_all(b"ours").unwrap();
        dir.file("out.txt", b"theirs");
        let error = file.commit().unwrap_err().to_string();
        assert!(error.contains("out.txt.partial"), "{error}");
        assert_eq!(fs::read(dir.path().join("out.txt")).unwrap(), b"theirs");
        assert_eq!(fs::read(dir.path().join("out.txt.partial")).unwrap(), b"ours");
    }

    #[test]
    fn a_failed_write_is_cut_off() {
        let dir = TempDir::new();
        let folder = Folder::from(dir.path().to_owned());
        let mut file = folder.create("out.txt", Existing::Refuse).unwrap();
        file.write_whole(b"whole\n").unwrap();
        file.fail_after(b"half a li");
        file.write_whole(b"next\n").unwrap();
        assert_eq!(fs::read(file.commit().unwrap()).unwrap(), b"whole\nnext\n");
    }

    #[test]
    fn two_writers_do_not_meet() {
        let dir = TempDir::new();
        let folder = Folder::from(dir.path().to_owned());
        let first = folder.create("out.txt", Existing::Refuse).unwrap();
        let second = folder.create("out.txt", Existing::Refuse).unwrap();
        assert_eq!(names(dir.path()).len(), 2);
        first.commit().unwrap();
        assert!(second.commit().is_err());
    }

    #[test]
    fn places_that_cannot_take_results_say_so() {
        let dir = TempDir::new();
        let file = dir.file("file", b"");
        for (place, name, expected) in [
            (file.clone(), "x", "it is a file"),
            (file.join("below"), "x", "it is a file"),
            ("/proc".into(), "x", "/proc"),
            (dir.path().into(), "a/b", "no name for a file"),
            (dir.path().into(), "..", "no name for a file"),
        ] {
            let error = Folder::from(place).create(name, Existing::Refuse).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        for text in ["https://a.b/c?sig=SECRET", "azureml:a:1", "azureml://datastores/d/paths/p"] {
            let error = Stores::default().folder(text).unwrap_err().to_string();
            assert!(error.contains("cannot be used here") && !error.contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn objects_appear_when_they_are_committed() {
        let place = memory_place(&[("out/old.txt", b"old")], "out");
        let folder = Folder(Place::Remote(place.clone()));
        let error = folder.create("old.txt", Existing::Refuse).unwrap_err();
        assert!(matches!(error, StorageError::Exists { .. }), "{error}");
        // Small, exactly one part, and several parts.
        for size in [0, 10, 10 << 20, 25 << 20] {
            let name = format!("[{size}]~.bin");
            let content: Vec<u8> = (0..size).map(|i| (i % 253) as u8).collect();
            let mut file = folder.create(&name, Existing::Refuse).unwrap();
            content.chunks(3_000_001).for_each(|chunk| file.write_all(chunk).unwrap());
            assert_eq!(read(&place, &name), None);
            assert_eq!(file.commit().unwrap(), format!("memory://test/out/{name}"));
            assert!(read(&place, &name) == Some(content));
        }
        let mut file = folder.create("x.bin", Existing::Refuse).unwrap();
        file.write_all(&vec![1; 25 << 20]).unwrap();
        assert_eq!(file.keep_partial().unwrap(), None);
        assert_eq!(read(&place, "x.bin"), None);
    }

    #[test]
    fn an_object_that_appears_meanwhile_is_left_alone() {
        let place = memory_place(&[], "out");
        let folder = Folder(Place::Remote(place.clone()));
        for size in [10, 25 << 20] {
            let name = format!("{size}.bin");
            let mut file = folder.create(&name, Existing::Refuse).unwrap();
            file.write_all(&vec![1; size]).unwrap();
            let mut theirs = folder.create(&name, Existing::Refuse).unwrap();
            theirs.write_all(b"theirs").unwrap();
            theirs.commit().unwrap();
            let error = file.commit().unwrap_err();
            assert!(matches!(error, StorageError::Exists { .. }), "{error}");
            assert_eq!(read(&place, &name).unwrap(), b"theirs");
        }
        // Nor is anything left under another name.
        let store = place.store();
        let names = store.list(None).map_ok(|meta| meta.location.to_string());
        let names: Vec<String> =
            crate::storage::runtime::wait(async move { names.try_collect().await }).unwrap().unwrap();
        assert_eq!(names.len(), 2, "{names:?}");
    }

    fn read(place: &RemotePlace, name: &str) -> Option<Vec<u8>> {
        use std::io::Read;
        let path = place.child(name).unwrap();
        let object = crate::storage::RemoteObject::in_store(&place.client, &place.root, path);
        let mut bytes = Vec::new();
        crate::storage::Location::Remote(object).open().ok()?.read_to_end(&mut bytes).unwrap();
        Some(bytes)
    }

    #[test]
    fn what_was_written_is_listed() {
        let dir = TempDir::new();
        let folder = Stores::default().folder(dir.path().to_str().unwrap()).unwrap();
        folder.create("b.txt", Existing::Refuse).unwrap().commit().unwrap();
        let _unfinished = folder.create("a.txt", Existing::Refuse).unwrap();
        let entries: Vec<Entry> =
            Stores::default().list(&dir.path().to_owned().into()).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(entries.len(), 1);
    }
}

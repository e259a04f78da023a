use std::fmt;

use super::local_folder::LocalFolder;
use super::remote_folder::RemoteFolder;
use super::{NewFile, StorageError};

/// The file that is in a folder of results exactly when this is complete, by Spark's convention. It is empty: readers
/// pass over names with an underscore, but for Polars, which passes over empty files.
pub(super) const MARK: &str = "_SUCCESS";

/// What the manifest of a folder of results is called behind the folder's name. It lies beside the folder, where no
/// reader of the folder meets it.
const MANIFEST: &str = ".manifest.json";

/// What every other file of a folder of results begins with.
const PART: &str = "part-";

/// A folder of results that is being written: files that belong together, called `part-...`. Beside it lies a manifest,
/// and the last thing that is written is an empty `_SUCCESS` in it: where this is, the parts and the manifest are those
/// of one complete result.
///
/// It has its name, and is seen by others, only once it is committed; dropping it leaves nothing behind.
pub struct NewFolder(Target);

enum Target {
    Local(LocalFolder),
    Remote(RemoteFolder),
}

impl NewFolder {
    pub(super) fn local(folder: LocalFolder) -> Self {
        NewFolder(Target::Local(folder))
    }

    pub(super) fn remote(folder: RemoteFolder) -> Self {
        NewFolder(Target::Remote(folder))
    }

    /// Where the folder will be, for display.
    pub fn location(&self) -> String {
        match &self.0 {
            Target::Local(folder) => folder.target(),
            Target::Remote(folder) => folder.target(),
        }
    }

    /// Begins a file of the folder, whose name begins with `part-`. It is to be [added](NewFolder::add) once it is written,
    /// not committed.
    pub fn create(&self, name: &str) -> Result<NewFile, StorageError> {
        match &self.0 {
            Target::Local(folder) => folder.create_file(name),
            Target::Remote(folder) => folder.create_file(name),
        }
    }

    /// Takes a file that is complete.
    pub fn add(&mut self, file: NewFile) -> Result<(), StorageError> {
        match &mut self.0 {
            // Nobody sees into the folder yet.
            Target::Local(_) => file.commit().map(drop),
            Target::Remote(folder) => folder.add(file),
        }
    }

    /// Makes the files durable and visible, with a manifest of this content beside them, and says where they are.
    pub fn commit(self, manifest: &[u8]) -> Result<String, StorageError> {
        match self.0 {
            Target::Local(folder) => folder.commit(manifest),
            Target::Remote(folder) => folder.commit(manifest),
        }
    }

    /// Keeps the files of an unfinished result: those of a local folder in `<name>.partial`, without a manifest or
    /// `_SUCCESS`, whose place is returned. Uploads are given up.
    pub fn keep_partial(self) -> Result<Option<String>, StorageError> {
        match self.0 {
            Target::Local(folder) => folder.keep_partial().map(Some),
            Target::Remote(folder) => folder.abort().map(|()| None),
        }
    }
}

/// Whether a folder of results may hold a file of this name, so that it may be replaced with the folder.
pub(super) fn is_of_results(name: &str) -> bool {
    // What was cut off at its very end may have left a hidden one.
    let shown = name.strip_prefix('.').unwrap_or(name);
    name == MARK || shown.starts_with(PART) || (shown != name && shown.starts_with(MARK))
}

/// What the manifest of the folder `name` is called.
pub(super) fn manifest_of(name: &str) -> String {
    format!("{name}{MANIFEST}")
}

/// The error for a folder with a file in it that is not ours to replace.
pub(super) fn holds_others(folder: String, name: &str) -> StorageError {
    StorageError::Exists {
        object: folder,
        hint: format!(
            " and holds {name:?}, which is no part of an output, so that it is not replaced; choose another name, or remove \
             what it holds"
        ),
    }
}

impl fmt::Debug for NewFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewFolder({})", self.location())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use super::*;
    use crate::storage::testing::{TempDir, memory_names, memory_place};
    use crate::storage::{Existing, Folder, folder};

    fn fill(folder: &mut NewFolder, parts: &[(&str, &[u8])]) {
        for (name, content) in parts {
            let mut file = folder.create(name).unwrap();
            file.write_all(content).unwrap();
            folder.add(file).unwrap();
        }
    }

    /// Every file below a folder, hidden ones too.
    fn names(folder: &Path) -> Vec<String> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() {
                names.extend(super::tests::names(&entry.path()).iter().map(|inner| format!("{name}/{inner}")));
            } else {
                names.push(name);
            }
        }
        names.sort();
        names
    }

    #[test]
    fn a_local_folder_appears_when_it_is_committed() {
        let dir = TempDir::new();
        let parent = Folder::from(dir.path().join("new"));
        let mut folder = parent.create_folder("out", Existing::Refuse).unwrap();
        fill(&mut folder, &[("part-0", b"a"), ("part-1", b"")]);
        assert!(names(&dir.path().join("new")).iter().all(|name| name.starts_with('.')));
        assert_eq!(folder.commit(b"{}").unwrap(), parent.location_of("out"));
        assert_eq!(names(&dir.path().join("new")), ["out.manifest.json", "out/_SUCCESS", "out/part-0", "out/part-1"]);
        assert_eq!(fs::read(dir.path().join("new/out/part-0")).unwrap(), b"a");
        assert_eq!(
            fs::read(dir.path().join("new/out/_SUCCESS")).unwrap(),
            b"",
            "Polars reads everything but empty files"
        );
        assert_eq!(fs::read(dir.path().join("new/out.manifest.json")).unwrap(), b"{}");
    }

    #[test]
    fn a_manifest_without_its_folder_is_an_old_one() {
        let dir = TempDir::new();
        dir.file("out.manifest.json", b"old");
        let folder = Folder::from(dir.path().to_owned()).create_folder("out", Existing::Refuse).unwrap();
        folder.commit(b"new").unwrap();
        assert_eq!(fs::read(dir.path().join("out.manifest.json")).unwrap(), b"new");
        let place = memory_place(&[("o/out.manifest.json", b"old")], "o");
        folder::remote(place.clone()).create_folder("out", Existing::Refuse).unwrap().commit(b"new").unwrap();
        assert_eq!(memory_names(&place), ["o/out.manifest.json", "o/out/_SUCCESS"]);
    }

    #[test]
    fn a_manifest_that_cannot_be_put_leaves_the_folder_unmarked() {
        let dir = TempDir::new();
        let parent = Folder::from(dir.path().to_owned());
        let mut folder = parent.create_folder("out", Existing::Refuse).unwrap();
        fill(&mut folder, &[("part-0", b"a")]);
        fs::create_dir(dir.path().join("out.manifest.json")).unwrap();
        let error = folder.commit(b"{}").unwrap_err().to_string();
        assert!(error.contains("out.manifest.json"), "{error}");
        assert_eq!(names(dir.path()), ["out.partial/part-0"]);
    }

    #[test]
    fn a_local_folder_that_is_dropped_leaves_nothing() {
        let dir = TempDir::new();
        let mut folder = Folder::from(dir.path().to_owned()).create_folder("out", Existing::Refuse).unwrap();
        fill(&mut folder, &[("part-0", b"a")]);
        let _open = folder.create("part-1").unwrap();
        drop(folder);
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_local_folder_that_exists_is_refused_or_replaced() {
        let dir = TempDir::new();
        let parent = Folder::from(dir.path().to_owned());
        dir.file("out/part-7", b"old");
        dir.file("file", b"old");
        for name in ["out", "file"] {
            let error = parent.create_folder(name, Existing::Refuse).unwrap_err();
            assert!(matches!(error, StorageError::Exists { .. }), "{error}");
            let mut folder = parent.create_folder(name, Existing::Replace).unwrap();
            fill(&mut folder, &[("part-0", b"new")]);
            assert!(names(dir.path()).contains(&"out/part-7".to_owned()) || name == "file");
            folder.commit(b"").unwrap();
        }
        let expected =
            ["file.manifest.json", "file/_SUCCESS", "file/part-0", "out.manifest.json", "out/_SUCCESS", "out/part-0"];
        assert_eq!(names(dir.path()), expected);
        // What is no result is never removed.
        dir.file("mine/notes.txt", b"");
        let error = parent.create_folder("mine", Existing::Replace).unwrap_err().to_string();
        assert!(error.contains("notes.txt") && error.contains("not replaced"), "{error}");
        fs::create_dir(dir.path().join("empty")).unwrap();
        parent.create_folder("empty", Existing::Refuse).unwrap().commit(b"").unwrap();
    }

    #[test]
    fn what_is_put_into_a_folder_that_is_replaced_stays() {
        let dir = TempDir::new();
        dir.file("out/part-0", b"old");
        let folder = Folder::from(dir.path().to_owned()).create_folder("out", Existing::Replace).unwrap();
        dir.file("out/notes.txt", b"mine");
        let error = folder.commit(b"").unwrap_err().to_string();
        assert!(error.contains("notes.txt"), "{error}");
        assert_eq!(names(dir.path()), ["out/notes.txt", "out/part-0"]);
    }

    #[test]
    fn a_race_never_overwrites_a_local_folder() {
        let dir = TempDir::new();
        let mut folder = Folder::from(dir.path().to_owned()).create_folder("out", Existing::Refuse).unwrap();
        fill(&mut folder, &[("part-0", b"ours")]);
        dir.file("out/part-0", b"theirs");
        let error = folder.commit(b"").unwrap_err().to_string();
        assert!(error.contains("out.partial"), "{error}");
        assert_eq!(fs::read(dir.path().join("out/part-0")).unwrap(), b"theirs");
        assert_eq!(fs::read(dir.path().join("out.partial/part-0")).unwrap(), b"ours");
    }

    #[test]
    fn a_file_takes_the_place_of_a_partial_folder() {
        let dir = TempDir::new();
        let parent = Folder::from(dir.path().to_owned());
        let mut folder = parent.create_folder("out", Existing::Refuse).unwrap();
        fill(&mut folder, &[("part-0", b"a")]);
        folder.keep_partial().unwrap();
        parent.create("out", Existing::Refuse).unwrap().keep_partial().unwrap();
        assert_eq!(names(dir.path()), ["out.partial"]);
    }

    #[test]
    fn objects_appear_together_and_are_marked() {
        let place = memory_place(&[("other/out/x", b"")], "o");
        let parent = folder::remote(place.clone());
        let mut new = parent.create_folder("out", Existing::Refuse).unwrap();
        let large = vec![7; 25 << 20];
        fill(&mut new, &[("part-0", b"small"), ("part-1", &large), ("part-2", b"")]);
        assert_eq!(memory_names(&place), ["other/out/x"]);
        assert_eq!(new.commit(b"{}").unwrap(), "memory://test/o/out");
        let names =
            ["o/out.manifest.json", "o/out/_SUCCESS", "o/out/part-0", "o/out/part-1", "o/out/part-2", "other/out/x"];
        assert_eq!(memory_names(&place), names);
    }

    #[test]
    fn objects_are_given_up_together() {
        let place = memory_place(&[], "o");
        let mut new = folder::remote(place.clone()).create_folder("out", Existing::Refuse).unwrap();
        fill(&mut new, &[("part-0", b"small"), ("part-1", b"")]);
        assert_eq!(new.keep_partial().unwrap(), None);
        assert!(memory_names(&place).is_empty());
    }

    #[test]
    fn objects_that_exist_are_refused_or_replaced() {
        let old: &[(&str, &[u8])] = &[
            ("o/out.manifest.json", b"old"),
            ("o/out/_SUCCESS", b""),
            ("o/out/part-0", b"old"),
            ("o/out/part-9", b"old"),
            ("o/out2", b"other"),
            ("o/file", b"old"),
        ];
        let place = memory_place(old, "o");
        let parent = folder::remote(place.clone());
        for name in ["out", "file"] {
            let error = parent.create_folder(name, Existing::Refuse).unwrap_err();
            assert!(matches!(error, StorageError::Exists { .. }), "{error}");
            let mut new = parent.create_folder(name, Existing::Replace).unwrap();
            fill(&mut new, &[("part-0", b"new"), ("part-1", b"new")]);
            assert_eq!(memory_names(&place).contains(&"o/out/part-9".to_owned()), name == "out");
            new.commit(b"").unwrap();
        }
        assert_eq!(
            memory_names(&place),
            [
                "o/file.manifest.json",
                "o/file/_SUCCESS",
                "o/file/part-0",
                "o/file/part-1",
                "o/out.manifest.json",
                "o/out/_SUCCESS",
                "o/out/part-0",
                "o/out/part-1",
                "o/out2"
            ]
        );
        let place = memory_place(&[("o/out/notes.txt", b"")], "o");
        let error = folder::remote(place).create_folder("out", Existing::Replace).unwrap_err().to_string();
        assert!(error.contains("notes.txt"), "{error}");
    }

    #[test]
    fn objects_that_appear_meanwhile_are_left_alone() {
        for theirs in ["part-1", MARK] {
            let place = memory_place(&[], "o");
            let parent = folder::remote(place.clone());
            let mut new = parent.create_folder("out", Existing::Refuse).unwrap();
            fill(&mut new, &[("part-0", b"ours"), ("part-1", b"ours"), ("part-2", b"ours")]);
            let there = folder::remote(crate::storage::place::RemotePlace {
                path: place.child("out").unwrap(),
                ..place.clone()
            });
            let mut file = there.create(theirs, Existing::Refuse).unwrap();
            file.write_all(b"theirs").unwrap();
            file.commit().unwrap();
            let error = new.commit(b"").unwrap_err();
            assert!(matches!(error, StorageError::Exists { .. }), "{error}");
            assert_eq!(memory_names(&place), [format!("o/out/{theirs}")]);
        }
    }
}

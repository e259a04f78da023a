use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::nearest::nearest;
use super::pattern::NamePattern;
use super::{Entries, Entry, Location, StorageError, hidden_hint, is_hidden};

/// The files that a path or pattern of this machine means.
pub(super) fn list(path: &Path) -> Result<Entries, StorageError> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => {
            let mut walk = Walk::new(path.to_owned(), PathBuf::new(), Wanted::All)?;
            match walk.next() {
                Some(first) => Ok(Entries::begun(first?, walk)),
                None => Err(StorageError::Empty { object: shown(path), hint: hidden_hint(walk.hidden) }),
            }
        }
        Ok(meta) => {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            let size = if meta.is_file() { meta.len() } else { 0 };
            Ok(Entries::file(Entry { location: Location::Local(path.to_owned()), name, size }))
        }
        Err(error) if is_absent(&error) => match path.to_str().and_then(NamePattern::parse) {
            Some(pattern) => list_pattern(path, pattern),
            None => Err(missing(path)),
        },
        Err(error) => Err(StorageError::io(shown(path), "read", error)),
    }
}

fn list_pattern(path: &Path, pattern: NamePattern) -> Result<Entries, StorageError> {
    let base = PathBuf::from(if pattern.base.is_empty() { "." } else { &pattern.base });
    if let Err(error) = fs::metadata(&base) {
        return Err(if is_absent(&error) { missing(&base) } else { StorageError::io(shown(&base), "listed", error) });
    }
    let mut walk = Walk::new(base.clone(), PathBuf::new(), Wanted::Matching(Arc::new(pattern)))?;
    if let Some(first) = walk.next() {
        return Ok(Entries::begun(first?, walk));
    }
    // The pattern means folders: take what lies below those. No file of one stands between files of another.
    let mut folders = std::mem::take(&mut walk.folders);
    folders.sort_unstable_by(|a, b| key(a).cmp(key(b)));
    let mut below =
        folders.into_iter().flat_map(move |folder| match Walk::new(base.join(&folder), folder, Wanted::All) {
            Ok(walk) => Box::new(walk) as Box<dyn Iterator<Item = _> + Send>,
            Err(error) => Box::new(std::iter::once(Err(error))),
        });
    match below.next() {
        Some(first) => Ok(Entries::begun(first?, below)),
        None => Err(StorageError::NoMatch { object: shown(path), folder: shown(&walk.start) }),
    }
}

/// Which names a walk takes.
#[derive(Clone)]
enum Wanted {
    All,
    Matching(Arc<NamePattern>),
}

/// Goes through a tree of folders, in the order of the bytes of whole paths. Only the names in the folders that it is
/// inside of are in memory.
struct Walk {
    start: PathBuf,
    wanted: Wanted,
    inside: Vec<Level>,
    /// Folders that match a pattern.
    folders: Vec<PathBuf>,
    hidden: usize,
}

/// A folder that the walk is inside of.
struct Level {
    /// Its path, and its path below the start of the walk.
    folder: PathBuf,
    below: PathBuf,
    /// Device and inode: a link to one of these folders is a loop.
    identity: (u64, u64),
    /// Its children, the next one last.
    children: Vec<OsString>,
}

impl Walk {
    /// A walk through `folder`, which is called `below` in results.
    fn new(folder: PathBuf, below: PathBuf, wanted: Wanted) -> Result<Walk, StorageError> {
        let mut walk = Walk { start: folder.clone(), wanted, inside: Vec::new(), folders: Vec::new(), hidden: 0 };
        walk.enter(folder, below)?;
        Ok(walk)
    }

    /// Reads a folder, unless the walk is inside of it already.
    fn enter(&mut self, folder: PathBuf, below: PathBuf) -> Result<(), StorageError> {
        let failed = |e| StorageError::io(shown(&folder), "listed", e);
        let meta = fs::metadata(&folder).map_err(failed)?;
        let identity = (meta.dev(), meta.ino());
        if self.inside.iter().any(|level| level.identity == identity) {
            return Ok(());
        }
        // Read whole before going deeper: one open folder at a time, however deep the tree.
        let mut children = Vec::new();
        for child in fs::read_dir(&folder).map_err(failed)? {
            let child = child.map_err(failed)?;
            let mut name = child.file_name();
            // Paths in a folder continue with a slash, and are sorted with it.
            if is_folder(&child.path(), child.file_type().map_err(failed)?) {
                name.push("/");
            }
            children.push(name);
        }
        children.sort_unstable_by(|a, b| b.as_bytes().cmp(a.as_bytes()));
        self.inside.push(Level { folder, below, identity, children });
        Ok(())
    }

    /// Takes in one child; an entry, if it is a file that is wanted.
    fn visit(&mut self, folder: &Path, below: &Path, child: &OsStr) -> Result<Option<Entry>, StorageError> {
        let bytes = child.as_bytes();
        let (name, is_folder) = match bytes.strip_suffix(b"/") {
            Some(name) => (OsStr::from_bytes(name), true),
            None => (child, false),
        };
        let (path, below) = (folder.join(name), below.join(name));
        let (take, enter) = match &self.wanted {
            Wanted::All => {
                let hidden = is_hidden(&name.to_string_lossy());
                self.hidden += usize::from(hidden);
                (!hidden, !hidden)
            }
            Wanted::Matching(pattern) => {
                let text = below.to_string_lossy();
                (pattern.matches(&text), is_folder && pattern.reaches_below(&text))
            }
        };
        if is_folder {
            if take && matches!(self.wanted, Wanted::Matching(_)) {
                self.folders.push(below.clone());
            }
            if enter {
                self.enter(path, below)?;
            }
            return Ok(None);
        }
        if !take {
            return Ok(None);
        }
        let name = below.to_string_lossy().into_owned();
        let size = match fs::metadata(&path) {
            Ok(meta) if meta.is_file() => meta.len(),
            Ok(_) => return Ok(None),
            // A link to nothing, to itself, or to where this user may not look: reading it will fail with the reason.
            Err(_) => 0,
        };
        Ok(Some(Entry { location: Location::Local(path), name, size }))
    }
}

impl Iterator for Walk {
    type Item = Result<Entry, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let level = self.inside.last_mut()?;
            let Some(child) = level.children.pop() else {
                self.inside.pop();
                continue;
            };
            let (folder, below) = (level.folder.clone(), level.below.clone());
            if let Some(found) = self.visit(&folder, &below, &child).transpose() {
                return Some(found);
            }
        }
    }
}

/// What paths are sorted by.
fn key(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// Whether a child of a folder is a folder, or a link to one.
fn is_folder(path: &Path, kind: FileType) -> bool {
    kind.is_dir() || kind.is_symlink() && fs::metadata(path).is_ok_and(|meta| meta.is_dir())
}

/// Whether the path leads to nothing, as against one that may not be looked at.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename)
}

fn missing(path: &Path) -> StorageError {
    StorageError::Missing { object: shown(path), hint: hint(path) }
}

/// What exists near a path that does not.
fn hint(path: &Path) -> String {
    if let Ok(target) = fs::read_link(path) {
        return format!(": it is a symbolic link to {}, which is not there", target.display());
    }
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return String::new(),
    };
    if !parent.is_dir() {
        return match parent.ancestors().find(|folder| folder.is_dir()) {
            Some(folder) => format!("; of its folders {} is the last that exists", folder.display()),
            None => "; none of its folders exists here; is the current folder the right one?".into(),
        };
    }
    let names: Vec<OsString> =
        fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.file_name()).collect();
    let names: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
    let wanted = path.file_name().unwrap_or_default().to_string_lossy();
    match nearest(&wanted, names.iter().map(AsRef::as_ref)) {
        Some(name) => format!("; did you mean {}?", path.with_file_name(name).display()),
        None => format!("; check the name, there is nothing like it in {}", parent.display()),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::storage::testing::TempDir;

    fn list(path: &Path) -> Result<Vec<Entry>, StorageError> {
        super::list(path)?.collect()
    }

    fn names(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|e| e.name.as_str()).collect()
    }

    fn tree(files: &[&str]) -> TempDir {
        let dir = TempDir::new();
        for name in files {
            dir.file(name, name.as_bytes());
        }
        dir
    }

    #[test]
    fn a_file_is_one_entry() {
        let dir = tree(&["a/b.csv"]);
        let entries = list(&dir.path().join("a/b.csv")).unwrap();
        assert_eq!(names(&entries), ["b.csv"]);
        assert_eq!(entries[0].size, 7);
    }

    #[test]
    fn folders_are_listed_by_bytes_without_hidden_names() {
        let dir = tree(&[
            "b/2.csv",
            "b/10.csv",
            "b.csv",
            "B.csv",
            "é.csv",
            "_SUCCESS",
            ".git/x",
            "_tmp/x",
            "_day=1/x.csv",
            "a/.x",
            "a/y",
        ]);
        let entries = list(dir.path()).unwrap();
        assert_eq!(names(&entries), ["B.csv", "_day=1/x.csv", "a/y", "b.csv", "b/10.csv", "b/2.csv", "é.csv"]);
    }

    #[test]
    fn a_hidden_folder_may_be_named() {
        let dir = tree(&["_tmp/x.csv"]);
        assert_eq!(names(&list(&dir.path().join("_tmp")).unwrap()), ["x.csv"]);
    }

    #[test]
    fn patterns_are_relative_to_their_folder() {
        let dir = tree(&["d/a.csv", "d/b.csv", "d/c.txt", "d/e/f.csv", "d/_x.csv", "d/g/h/i.csv", "d/x[1].csv"]);
        for (pattern, expected) in [
            ("d/*.csv", vec!["a.csv", "b.csv", "x[1].csv"]),
            ("d/[ab].csv", vec!["a.csv", "b.csv"]),
            ("d/x[1].csv", vec!["x[1].csv"]),
            ("d/**/*.csv", vec!["a.csv", "b.csv", "e/f.csv", "g/h/i.csv", "x[1].csv"]),
            ("d/*/f.csv", vec!["e/f.csv"]),
            ("d/[eg]", vec!["e/f.csv", "g/h/i.csv"]),
            ("*/?.txt", vec!["d/c.txt"]),
        ] {
            let entries = list(&dir.path().join(pattern)).unwrap_or_else(|e| panic!("{pattern}: {e}"));
            assert_eq!(names(&entries), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_not_there_has_a_hint() {
        let dir = tree(&["data/train.csv", "data/other/x", "hidden/_x", "hidden/.y"]);
        symlink("nowhere", dir.path().join("link")).unwrap();
        fs::create_dir(dir.path().join("empty")).unwrap();
        for (path, expected) in [
            ("data/trian.csv", "did you mean"),
            ("data/zzzzzz", "nothing like it in"),
            ("dta/train.csv", "is the last that exists"),
            ("data/train.csv/x", "is the last that exists"),
            ("link", "symbolic link to nowhere"),
            ("empty", "holds no files;"),
            ("hidden", "2 names that begin with"),
            ("data/*.txt", "no file matches"),
            ("nodata/*.txt", "does not exist"),
            ("data/[x", "does not exist"),
        ] {
            let error = list(&dir.path().join(path)).expect_err(path).to_string();
            assert!(error.contains(expected), "{path}: {error}");
        }
    }

    #[test]
    fn a_folder_stands_where_its_files_do() {
        let dir = tree(&["a/x", "a-b", "a.csv", "a0", "a/b/c", "a/b-"]);
        assert_eq!(names(&list(dir.path()).unwrap()), ["a-b", "a.csv", "a/b-", "a/b/c", "a/x", "a0"]);
    }

    #[test]
    fn links_are_followed_but_not_in_circles() {
        let dir = tree(&["a/x.csv", "b/y.csv"]);
        symlink("..", dir.path().join("a/up")).unwrap();
        symlink(".", dir.path().join("a/self")).unwrap();
        symlink("../b", dir.path().join("a/b")).unwrap();
        symlink("nowhere", dir.path().join("b/gone.csv")).unwrap();
        symlink("me", dir.path().join("b/me")).unwrap();
        let entries = list(&dir.path().join("a")).unwrap();
        assert_eq!(
            names(&entries),
            ["b/gone.csv", "b/me", "b/y.csv", "up/b/gone.csv", "up/b/me", "up/b/y.csv", "x.csv"]
        );
        assert!(entries[0].location.open().is_err());
        let entries = list(&dir.path().join("**/*.csv")).unwrap();
        assert!(names(&entries).contains(&"a/b/y.csv"));
    }

    #[test]
    fn names_need_not_be_utf8() {
        let dir = TempDir::new();
        dir.file(OsStr::from_bytes(b"\xffa.csv"), b"one");
        dir.file(OsStr::from_bytes(b"\xfea.csv"), b"three");
        let entries = list(dir.path()).unwrap();
        assert_eq!(names(&entries), ["\u{fffd}a.csv", "\u{fffd}a.csv"]);
        let mut text = String::new();
        entries[0].location.open().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "three");
        assert_eq!(list(&dir.path().join("*.csv")).unwrap().len(), 2);
    }
}

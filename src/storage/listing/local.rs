use std::ffi::OsString;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::nearest::nearest;
use super::pattern::NamePattern;
use super::{Entry, Location, StorageError, hidden_hint, is_hidden};

/// The files that a path or pattern of this machine means.
pub(super) fn list(path: &Path) -> Result<Vec<Entry>, StorageError> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => {
            let mut found = Found::default();
            walk(path, Path::new(""), Wanted::All, &mut found)?;
            if found.files.is_empty() {
                return Err(StorageError::Empty { object: shown(path), hint: hidden_hint(found.hidden) });
            }
            Ok(found.into_entries())
        }
        Ok(meta) => {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            let size = if meta.is_file() { meta.len() } else { 0 };
            Ok(vec![Entry { location: Location::Local(path.to_owned()), name, size }])
        }
        Err(error) if is_absent(&error) => match path.to_str().and_then(NamePattern::parse) {
            Some(pattern) => list_pattern(path, &pattern),
            None => Err(missing(path)),
        },
        Err(error) => Err(StorageError::io(shown(path), "read", error)),
    }
}

fn list_pattern(path: &Path, pattern: &NamePattern) -> Result<Vec<Entry>, StorageError> {
    let base = Path::new(if pattern.base.is_empty() { "." } else { &pattern.base });
    if let Err(error) = fs::metadata(base) {
        return Err(if is_absent(&error) { missing(base) } else { StorageError::io(shown(base), "listed", error) });
    }
    let mut found = Found::default();
    walk(base, Path::new(""), Wanted::Matching(pattern), &mut found)?;
    if found.files.is_empty() {
        for folder in std::mem::take(&mut found.folders) {
            walk(&base.join(&folder), &folder, Wanted::All, &mut found)?;
        }
    }
    if found.files.is_empty() {
        return Err(StorageError::NoMatch { object: shown(path), folder: shown(base) });
    }
    Ok(found.into_entries())
}

/// Which names a walk takes.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    All,
    Matching(&'a NamePattern),
}

/// What a walk has come by.
#[derive(Default)]
struct Found {
    /// Path below the start, path to open, size.
    files: Vec<(PathBuf, PathBuf, u64)>,
    /// Folders that match a pattern.
    folders: Vec<PathBuf>,
    hidden: usize,
    /// Device and inode of the folders that the walk is inside of: a link to one of them is a loop.
    inside: Vec<(u64, u64)>,
}

impl Found {
    fn into_entries(self) -> Vec<Entry> {
        let mut files = self.files;
        files.sort_unstable_by(|(a, ..), (b, ..)| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
        files
            .into_iter()
            .map(|(below, path, size)| Entry {
                location: Location::Local(path),
                name: below.to_string_lossy().into_owned(),
                size,
            })
            .collect()
    }
}

/// Collects what is wanted in `folder`, which stands at `below` under the start of the walk.
fn walk(folder: &Path, below: &Path, wanted: Wanted<'_>, found: &mut Found) -> Result<(), StorageError> {
    let failed = |e| StorageError::io(shown(folder), "listed", e);
    let meta = fs::metadata(folder).map_err(failed)?;
    let identity = (meta.dev(), meta.ino());
    if found.inside.contains(&identity) {
        return Ok(());
    }
    found.inside.push(identity);
    // Read whole before going deeper: one open folder at a time, however deep the tree.
    let children = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<DirEntry>>>).map_err(failed)?;
    for child in children {
        let name = below.join(child.file_name());
        let kind = kind_of(&child)?;
        let take = match wanted {
            Wanted::All => {
                let hidden = is_hidden(&child.file_name().to_string_lossy());
                found.hidden += usize::from(hidden);
                !hidden
            }
            Wanted::Matching(pattern) => pattern.matches(&name.to_string_lossy()),
        };
        match kind {
            Kind::Folder => {
                let enter = match wanted {
                    Wanted::All => take,
                    Wanted::Matching(pattern) => pattern.reaches_below(&name.to_string_lossy()),
                };
                if enter {
                    walk(&child.path(), &name, wanted, found)?;
                }
                if take && matches!(wanted, Wanted::Matching(_)) {
                    found.folders.push(name);
                }
            }
            Kind::File(size) if take => found.files.push((name, child.path(), size)),
            Kind::File(_) | Kind::Other => {}
        }
    }
    found.inside.pop();
    Ok(())
}

enum Kind {
    File(u64),
    Folder,
    /// A pipe, socket or device: no data in a folder of data.
    Other,
}

fn kind_of(child: &DirEntry) -> Result<Kind, StorageError> {
    let of_meta = |meta: Metadata| {
        if meta.is_dir() {
            Kind::Folder
        } else if meta.is_file() {
            Kind::File(meta.len())
        } else {
            Kind::Other
        }
    };
    let failed = |e| StorageError::io(shown(&child.path()), "listed", e);
    let kind = child.file_type().map_err(failed)?;
    if kind.is_dir() {
        return Ok(Kind::Folder);
    }
    match fs::metadata(child.path()) {
        Ok(meta) => Ok(of_meta(meta)),
        // A link to nothing, to itself, or to where this user may not look: reading it will fail with the reason.
        Err(_) if kind.is_symlink() => Ok(Kind::File(0)),
        Err(error) if is_absent(&error) => Ok(Kind::File(0)),
        Err(error) => Err(failed(error)),
    }
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
    use std::ffi::OsStr;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::storage::testing::TempDir;

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

use std::collections::VecDeque;

use object_store::ObjectMeta;
use object_store::path::Path;

use super::nearest::nearest;
use super::objects::Objects;
use super::pages::{Listed, PAGE, Pages};
use super::pattern::NamePattern;
use super::{Entries, Entry, Location, StorageError, hidden_hint, is_hidden};
use crate::storage::RemoteObject;
use crate::storage::failure::failure;
use crate::storage::found::look;
use crate::storage::place::RemotePlace;
use crate::storage::runtime::wait;

/// The objects that a place in a store means.
pub(super) fn list(place: &RemotePlace) -> Result<Entries, StorageError> {
    if !place.is_prefix && !place.path.as_ref().is_empty() {
        match head(place)? {
            // Some stores answer for a folder as if it were an empty object.
            Some(meta) if meta.size > 0 || !is_any(place)? => {
                let name = place.path.filename().unwrap_or_default().to_owned();
                return Ok(Entries::file(entry(place, Listed::Object(meta), name)));
            }
            _ => {}
        }
    }
    let mut walk = Walk::new(place, place.path.clone(), below(&place.path), Wanted::All);
    if let Some(first) = walk.next() {
        return Ok(Entries::begun(first?, walk));
    }
    match NamePattern::parse(place.path.as_ref()) {
        _ if walk.seen > 0 || place.path.as_ref().is_empty() => {
            Err(StorageError::Empty { object: place.display(&place.path), hint: hidden_hint(walk.hidden) })
        }
        Some(pattern) => list_pattern(place, &pattern),
        None => {
            Err(StorageError::Missing { object: place.display(&place.path), hint: hint(place).unwrap_or_default() })
        }
    }
}

fn list_pattern(place: &RemotePlace, pattern: &NamePattern) -> Result<Entries, StorageError> {
    // The base is the beginning of a path that is valid already.
    let base = Path::parse(&pattern.base).unwrap_or_default();
    // Directory buckets of S3 list by whole folders alone.
    let prefix = if place.root.contains("--x-s3/") { below(&base) } else { pattern.literal.clone() };
    // When no object fits, the pattern may mean folders.
    for wanted in [Wanted::Matching(pattern.clone()), Wanted::BelowMatching(pattern.clone())] {
        let mut walk = Walk::new(place, base.clone(), prefix.clone(), wanted);
        if let Some(first) = walk.next() {
            return Ok(Entries::begun(first?, walk));
        }
    }
    Err(StorageError::NoMatch { object: place.display(&place.path), folder: place.display(&base) })
}

/// Which names a walk takes.
enum Wanted {
    All,
    Matching(NamePattern),
    /// What lies below folders that match.
    BelowMatching(NamePattern),
}

/// Goes through the objects below a prefix, in order, a page of them at a time.
struct Walk {
    place: RemotePlace,
    base: Path,
    wanted: Wanted,
    objects: Objects,
    /// Objects that were looked at ahead.
    waiting: VecDeque<Listed>,
    seen: usize,
    hidden: usize,
}

impl Walk {
    /// Names are told from `base` on, and begin with `prefix`.
    fn new(place: &RemotePlace, base: Path, prefix: String, wanted: Wanted) -> Walk {
        Walk {
            place: place.clone(),
            objects: Objects::with_prefix(place, prefix),
            base,
            wanted,
            waiting: VecDeque::new(),
            seen: 0,
            hidden: 0,
        }
    }

    /// Looks at one more object ahead; whether there was one.
    fn look_ahead(&mut self) -> Result<bool, StorageError> {
        let next = self.objects.next().transpose()?;
        Ok(next.map(|listed| self.waiting.push_back(listed)).is_some())
    }

    /// Whether this empty object only stands for a folder, as stores without folders keep one: something is below it.
    fn is_folder_marker(&mut self, listed: &Listed) -> Result<bool, StorageError> {
        if !listed.is_empty() {
            return Ok(false);
        }
        let folder = format!("{}/", listed.path());
        for index in 0..PAGE {
            if index == self.waiting.len() && !self.look_ahead()? {
                return Ok(false);
            }
            match self.waiting[index].path() {
                path if path.starts_with(&folder) => return Ok(true),
                path if path > folder.as_str() => return Ok(false),
                _ => {}
            }
        }
        // Too many come between the two to be kept.
        is_any_with(&self.place, folder)
    }

    fn is_wanted(&mut self, name: &str) -> bool {
        match &self.wanted {
            Wanted::All => {
                let passed_over = name.split('/').any(is_hidden);
                self.hidden += usize::from(passed_over);
                !passed_over
            }
            Wanted::Matching(pattern) => pattern.matches(name),
            Wanted::BelowMatching(pattern) => {
                let inside = name.match_indices('/').find(|(slash, _)| pattern.matches(&name[..*slash]));
                inside.is_some_and(|(slash, _)| !name[slash + 1..].split('/').any(is_hidden))
            }
        }
    }

    fn step(&mut self) -> Result<Option<Entry>, StorageError> {
        let skip = if self.base.as_ref().is_empty() { 0 } else { self.base.as_ref().len() + 1 };
        loop {
            if self.waiting.is_empty() && !self.look_ahead()? {
                return Ok(None);
            }
            let Some(listed) = self.waiting.pop_front() else { return Ok(None) };
            self.seen += 1;
            let Some(name) = listed.path().get(skip..).filter(|name| !name.is_empty()) else { continue };
            let name = name.to_owned();
            if self.is_wanted(&name) && !self.is_folder_marker(&listed)? {
                return Ok(Some(entry(&self.place, listed, name)));
            }
        }
    }
}

impl Iterator for Walk {
    type Item = Result<Entry, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

fn entry(place: &RemotePlace, listed: Listed, name: String) -> Entry {
    let (object, size) = match listed {
        Listed::Object(meta) => (RemoteObject::listed(&place.client, &place.root, &meta), meta.size),
        Listed::Unusable { key, folder } => {
            let root = &place.root;
            let others = folder.map(|folder| format!(", and so was all else that lies below {root}{folder}"));
            let reason = format!(
                "a part of its name is empty, \".\" or \"..\", or has control characters, which no request can be made \
                 for, so that it was passed over{}; copy it to another name",
                others.unwrap_or_default()
            );
            (RemoteObject::unusable(format!("{root}{key}"), reason), 0)
        }
    };
    Entry { location: Location::Remote(object), name, size }
}

/// What the store says about the very object, if there is one.
fn head(place: &RemotePlace) -> Result<Option<ObjectMeta>, StorageError> {
    let (store, path) = (place.store(), place.path.clone());
    match wait(async move { look(&*store, &path).await })? {
        Ok(meta) => Ok(Some(meta)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(failure(&place.display(&place.path), "read", place.kind(), &error)),
    }
}

/// What the keys of all objects below a path begin with.
fn below(path: &Path) -> String {
    if path.as_ref().is_empty() { String::new() } else { format!("{path}/") }
}

/// Whether anything is below a place.
pub(super) fn is_any(place: &RemotePlace) -> Result<bool, StorageError> {
    is_any_with(place, below(&place.path))
}

fn is_any_with(place: &RemotePlace, prefix: String) -> Result<bool, StorageError> {
    let shown = format!("{}{}", place.root, prefix.trim_end_matches('/'));
    let pages = Pages::new(std::sync::Arc::clone(&place.client.pages), prefix);
    wait(pages.find_any())?.map_err(|error| failure(&shown, "listed", place.kind(), &error))
}

/// What exists near a path that does not; silent when the store does not tell.
fn hint(place: &RemotePlace) -> Option<String> {
    let (parent, wanted) = place.path.as_ref().rsplit_once('/').unwrap_or(("", place.path.as_ref()));
    let (store, folder) = (place.store(), Path::parse(parent).ok()?);
    let listed = wait(async move { store.list_with_delimiter(Some(&folder)).await }).ok()?.ok()?;
    let objects = listed.objects.iter().map(|meta| &meta.location);
    let names: Vec<_> = objects.chain(&listed.common_prefixes).filter_map(Path::filename).collect();
    let name = nearest(wanted, names)?;
    let slash = if parent.is_empty() { "" } else { "/" };
    Some(format!("; did you mean {}{parent}{slash}{name}?", place.root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::memory_place;

    fn list(place: &RemotePlace) -> Result<Vec<Entry>, StorageError> {
        super::list(place)?.collect()
    }

    const OBJECTS: [(&str, &[u8]); 9] = [
        ("d/a.csv", b"1"),
        ("d/b.csv", b"12"),
        ("d/e", b""),
        ("d/e/f.csv", b"123"),
        ("d/e.csv", b"1"),
        ("d/_SUCCESS", b""),
        ("d/_tmp/x.csv", b"1"),
        ("d/empty.csv", b""),
        ("h/_x", b"1"),
    ];

    #[test]
    fn prefixes_and_patterns_are_listed() {
        for (path, expected) in [
            ("d", vec!["a.csv", "b.csv", "e.csv", "e/f.csv", "empty.csv"]),
            ("d/", vec!["a.csv", "b.csv", "e.csv", "e/f.csv", "empty.csv"]),
            ("", vec!["d/a.csv", "d/b.csv", "d/e.csv", "d/e/f.csv", "d/empty.csv"]),
            ("d/b.csv", vec!["b.csv"]),
            ("d/empty.csv", vec!["empty.csv"]),
            ("d/e", vec!["f.csv"]),
            ("d/[ab].csv", vec!["a.csv", "b.csv"]),
            ("d/**/*.csv", vec!["a.csv", "b.csv", "e.csv", "e/f.csv", "empty.csv"]),
            ("*/?.csv", vec!["d/a.csv", "d/b.csv", "d/e.csv"]),
            ("?/e", vec!["d/e/f.csv"]),
        ] {
            let entries = list(&memory_place(&OBJECTS, path)).unwrap_or_else(|e| panic!("{path}: {e}"));
            assert_eq!(entries.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), expected, "{path}");
        }
        let entries = list(&memory_place(&OBJECTS, "d")).unwrap();
        assert_eq!(entries[3].location.to_string(), "memory://test/d/e/f.csv");
        assert_eq!(entries[3].size, 3);
    }

    #[test]
    fn what_is_not_there_has_a_hint() {
        for (path, expected) in [
            ("d/bb.csv", "did you mean memory://test/d/b.csv?"),
            ("dd", "memory://test/dd does not exist"),
            ("d/*.txt", "no file matches memory://test/d/*.txt"),
            ("h", "1 name that begins with"),
        ] {
            let error = list(&memory_place(&OBJECTS, path)).expect_err(path).to_string();
            assert!(error.contains(expected), "{path}: {error}");
        }
        let error = list(&memory_place(&[], "")).unwrap_err();
        assert!(matches!(error, StorageError::Empty { .. }), "{error}");
    }
}

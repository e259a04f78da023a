use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use super::nearest::nearest;
use super::pattern::NamePattern;
use super::{Entry, Location, StorageError, hidden_hint, is_hidden};
use crate::storage::RemoteObject;
use crate::storage::failure::failure;
use crate::storage::place::RemotePlace;
use crate::storage::runtime::wait;

/// The objects that a place in a store means.
pub(super) fn list(place: &RemotePlace) -> Result<Vec<Entry>, StorageError> {
    if !place.is_prefix && !place.path.as_ref().is_empty() {
        match head(place)? {
            // Some stores answer for a folder as if it were an empty object.
            Some(meta) if meta.size > 0 || objects_below(place, &place.path)?.is_empty() => {
                let name = place.path.filename().unwrap_or_default().to_owned();
                return Ok(vec![entry(place, &meta, name)]);
            }
            _ => {}
        }
    }
    let mut hidden = 0;
    let found = objects_below(place, &place.path)?;
    let is_there = !found.is_empty();
    let entries = below(place, found, &place.path, |name| {
        let passed_over = name.split('/').any(is_hidden);
        hidden += usize::from(passed_over);
        !passed_over
    });
    if !entries.is_empty() {
        return Ok(entries);
    }
    match NamePattern::parse(place.path.as_ref()) {
        _ if is_there || place.path.as_ref().is_empty() => {
            Err(StorageError::Empty { object: place.display(&place.path), hint: hidden_hint(hidden) })
        }
        Some(pattern) => list_pattern(place, &pattern),
        None => {
            Err(StorageError::Missing { object: place.display(&place.path), hint: hint(place).unwrap_or_default() })
        }
    }
}

fn list_pattern(place: &RemotePlace, pattern: &NamePattern) -> Result<Vec<Entry>, StorageError> {
    // The base is the beginning of a path that is valid already.
    let base = Path::parse(&pattern.base).unwrap_or_default();
    let found = objects_below(place, &base)?;
    let mut entries = below(place, found.clone(), &base, |name| pattern.matches(name));
    if entries.is_empty() {
        // The pattern may mean folders: take what lies below those.
        entries = below(place, found, &base, |name| {
            let inside = name.match_indices('/').find(|(slash, _)| pattern.matches(&name[..*slash]));
            inside.is_some_and(|(slash, _)| !name[slash + 1..].split('/').any(is_hidden))
        });
    }
    if entries.is_empty() {
        let object = place.display(&place.path);
        return Err(StorageError::NoMatch { object, folder: place.display(&base) });
    }
    Ok(entries)
}

/// Turns objects into entries with names relative to `base`, sorted.
fn below(
    place: &RemotePlace,
    mut objects: Vec<ObjectMeta>,
    base: &Path,
    mut wanted: impl FnMut(&str) -> bool,
) -> Vec<Entry> {
    objects.sort_unstable_by(|a, b| a.location.as_ref().cmp(b.location.as_ref()));
    let skip = if base.as_ref().is_empty() { 0 } else { base.as_ref().len() + 1 };
    let mut entries = Vec::with_capacity(objects.len());
    for (i, meta) in objects.iter().enumerate() {
        let Some(name) = meta.location.as_ref().get(skip..).filter(|name| !name.is_empty()) else { continue };
        if !is_folder_marker(meta, &objects[i + 1..]) && wanted(name) {
            entries.push(entry(place, meta, name.to_owned()));
        }
    }
    entries
}

/// Stores without folders keep an empty object in the place of one.
fn is_folder_marker(meta: &ObjectMeta, later: &[ObjectMeta]) -> bool {
    let path = meta.location.as_ref();
    meta.size == 0
        && later
            .iter()
            .take_while(|other| other.location.as_ref().starts_with(path))
            .any(|other| other.location.as_ref().as_bytes().get(path.len()) == Some(&b'/'))
}

fn entry(place: &RemotePlace, meta: &ObjectMeta, name: String) -> Entry {
    let object = RemoteObject::listed(&place.client, &place.root, meta);
    Entry { location: Location::Remote(object), name, size: meta.size }
}

/// What the store says about the very object, if there is one.
fn head(place: &RemotePlace) -> Result<Option<ObjectMeta>, StorageError> {
    let (store, path) = (place.store(), place.path.clone());
    match wait(async move { store.head(&path).await })? {
        Ok(meta) => Ok(Some(meta)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(failure(&place.display(&place.path), "read", place.kind(), &error)),
    }
}

fn objects_below(place: &RemotePlace, prefix: &Path) -> Result<Vec<ObjectMeta>, StorageError> {
    let (store, path) = (place.store(), prefix.clone());
    wait(async move { store.list(Some(&path)).try_collect().await })?
        .map_err(|error| failure(&place.display(prefix), "listed", place.kind(), &error))
}

/// Whether anything is below a place.
pub(super) fn is_any(place: &RemotePlace) -> Result<bool, StorageError> {
    let (store, path) = (place.store(), place.path.clone());
    wait(async move { store.list(Some(&path)).try_next().await })?
        .map(|first| first.is_some())
        .map_err(|error| failure(&place.display(&place.path), "listed", place.kind(), &error))
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

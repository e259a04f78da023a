//! Lists of pointers, one a line, for inputs that are no folder.

use std::io::{BufRead, BufReader, Read};

use super::pattern::NamePattern;
use super::{Entries, Entry, Location, StorageError, Stores, local, remote};
use crate::storage::http::Address;
use crate::storage::location::Nothing;
use crate::storage::{DatastorePath, Pointer, RemoteObject};

/// Longest line of a list. Beyond it the file is something else.
const MAX_LINE: u64 = 64 << 10;

impl Stores {
    /// The files of a list of pointers, in the list's order. Relative paths start at the list's own folder; blank lines and
    /// lines that begin with `#` say nothing. `-` is standard input.
    ///
    /// Files and objects are not looked at before they are read, so that a list may be long; what is not there fails then,
    /// and costs itself.
    pub(super) fn manifest(&self, list: &Pointer) -> Result<Entries, StorageError> {
        let lines = BufReader::new(self.open_list(list)?);
        let mut lines = Lines { stores: self.clone(), list: list.clone(), lines, number: 0, of_line: None };
        match lines.next() {
            Some(first) => Ok(Entries::begun(first?, lines)),
            None => Err(StorageError::Empty { object: format!("manifest:{list}"), hint: String::new() }),
        }
    }

    fn open_list(&self, list: &Pointer) -> Result<Box<dyn Read + Send>, StorageError> {
        if *list == Pointer::Local("-".into()) {
            return Ok(Box::new(std::io::stdin()));
        }
        let mut entries = self.list(list)?;
        match (entries.next().transpose()?, entries.next()) {
            (Some(only), None) => only.location.open(),
            _ => Err(StorageError::Unsupported {
                object: format!("manifest:{list}"),
                reason: "it means several files; name one file that holds a pointer a line".into(),
            }),
        }
    }

    /// What one line means; `name` is what a single file is called in results.
    fn of_line(&self, pointer: &Pointer, name: &str) -> Result<Entries, StorageError> {
        let resolved = self.resolve(pointer)?;
        let datastore = resolved.datastore.as_deref();
        let single = |location, size| Ok(Entries::file(Entry { location, name: name.to_owned(), size }));
        let several = match &resolved.pointer {
            Pointer::Local(path) => match path.metadata() {
                Ok(meta) if meta.is_file() => return single(Location::Local(path.clone()), meta.len()),
                Err(_) if path.to_str().and_then(NamePattern::parse).is_none() => {
                    return single(Location::Local(path.clone()), 0);
                }
                _ => local::list(path)?,
            },
            Pointer::Remote(url) if self.is_store(url, datastore) => {
                let place = self.open(url, datastore)?;
                let is_one = !place.is_prefix && !place.path.as_ref().is_empty();
                if is_one && NamePattern::parse(place.path.as_ref()).is_none() {
                    let object = RemoteObject::in_store(&place.client, &place.root, place.path.clone());
                    return single(Location::Remote(object), 0);
                }
                remote::list(&place)?
            }
            Pointer::Remote(url) => {
                let address = Address::new(url, &self.settings(datastore))?;
                return single(Location::Remote(RemoteObject::on_web(address)), 0);
            }
            other => self.list(other)?,
        };
        let folder = name.trim_end_matches('/').to_owned();
        let named = move |entry: Entry| Entry { name: format!("{folder}/{}", entry.name), ..entry };
        let entries = Box::new(several.map(move |entry| entry.map(&named)));
        Ok(Entries { is_file: false, entries })
    }
}

/// The lines of a list, and the files of the line at hand.
struct Lines {
    stores: Stores,
    list: Pointer,
    lines: BufReader<Box<dyn Read + Send>>,
    number: u64,
    of_line: Option<Entries>,
}

impl Lines {
    /// The text of the next line that says something.
    fn next_line(&mut self) -> Result<Option<String>, StorageError> {
        loop {
            self.number += 1;
            let mut line = Vec::new();
            let read = (&mut self.lines).take(MAX_LINE).read_until(b'\n', &mut line);
            if read.map_err(|error| StorageError::from_io(format!("manifest:{}", self.list), "read", error))? == 0 {
                return Ok(None);
            }
            if line.len() as u64 == MAX_LINE {
                return Err(self.refuse("it is too long; a manifest holds one pointer a line"));
            }
            match str::from_utf8(&line).map(str::trim) {
                Ok(text) if text.is_empty() || text.starts_with('#') => {}
                Ok(text) => return Ok(Some(text.to_owned())),
                Err(_) => return Err(self.refuse("it is no UTF-8 text; a manifest holds one pointer a line")),
            }
        }
    }

    fn files_of(&self, text: &str) -> Result<Entries, StorageError> {
        let pointer = text.parse().map_err(|error: StorageError| self.refuse(&error.to_string()))?;
        let pointer = beside(&self.list, pointer).ok_or_else(|| self.refuse("a manifest cannot name another one"))?;
        let name = name_of(&pointer, text);
        let hint = match self.stores.of_line(&pointer, &name) {
            // A line that means no file costs itself, as one that names a file that is gone.
            Err(StorageError::Empty { hint, .. }) => format!(": it holds no files{hint}"),
            Err(StorageError::NoMatch { folder, .. }) => format!(": no file in {folder} matches it"),
            Err(StorageError::Missing { hint, .. }) => hint,
            found => return found,
        };
        let location = Location::Nothing(Nothing { object: pointer.to_string().into(), hint: hint.into() });
        Ok(Entries::file(Entry { location, name, size: 0 }))
    }

    fn refuse(&self, reason: &str) -> StorageError {
        StorageError::Unsupported {
            object: format!("manifest:{}, line {}", self.list, self.number),
            reason: reason.to_owned(),
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Entry, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.of_line.as_mut().and_then(Iterator::next) {
                return Some(entry);
            }
            match self.next_line() {
                Ok(None) => return None,
                Ok(Some(text)) => match self.files_of(&text) {
                    Ok(entries) => self.of_line = Some(entries),
                    Err(error) => return Some(Err(error)),
                },
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// What a line is called in results: as it is written, or without what is secret in it.
fn name_of(pointer: &Pointer, line: &str) -> String {
    if !pointer.has_secret() {
        return line.to_owned();
    }
    let shown = pointer.to_string();
    shown.strip_suffix("?***").unwrap_or(&shown).to_owned()
}

/// The pointer of a line, seen from the list's folder; nothing if it is a list itself.
fn beside(list: &Pointer, pointer: Pointer) -> Option<Pointer> {
    match (list, pointer) {
        (_, Pointer::Manifest(_)) => None,
        (_, Pointer::Local(path)) if path.is_absolute() => Some(Pointer::Local(path)),
        (Pointer::Local(list), Pointer::Local(path)) => Some(Pointer::Local(match list.parent() {
            Some(folder) => folder.join(path),
            None => path,
        })),
        (Pointer::Datastore(list), Pointer::Local(path)) => {
            let folder = list.path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
            let path = format!("{folder}{}", path.display());
            Some(Pointer::Datastore(DatastorePath { datastore: list.datastore.clone(), path }))
        }
        (Pointer::Remote(list), Pointer::Local(path)) => {
            Some(Pointer::Remote(list.beside(&path.display().to_string())))
        }
        (_, other) => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::storage::testing::TempDir;

    fn names(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.name.as_str()).collect()
    }

    #[test]
    fn lines_are_pointers_seen_from_the_list() {
        let dir = TempDir::new();
        for name in ["data/b.csv", "data/a.csv", "data/sub/c.csv", "data/sub/d.csv"] {
            dir.file(name, name.as_bytes());
        }
        let absolute = dir.path().join("data/a.csv");
        let text = format!(
            "# comment\nb.csv\n\n  a.csv \r\n{}\nsub\nsub/*.csv\ngone.csv\nsub/*.parquet\nempty\nhttps://h.invalid/x.csv?sig=SECRET\ns3://b/k.csv\n",
            absolute.display()
        );
        let list = dir.file("data/list.txt", text.as_bytes());
        std::fs::create_dir(dir.path().join("data/empty")).unwrap();
        let entries = Stores::default().list(&Pointer::Manifest(Box::new(Pointer::Local(list)))).unwrap();
        let entries: Vec<Entry> = entries.collect::<Result<_, _>>().unwrap();
        assert_eq!(
            names(&entries),
            [
                "b.csv",
                "a.csv",
                absolute.to_str().unwrap(),
                "sub/c.csv",
                "sub/d.csv",
                "sub/*.csv/c.csv",
                "sub/*.csv/d.csv",
                "gone.csv",
                "sub/*.parquet",
                "empty",
                "https://h.invalid/x.csv",
                "s3://b/k.csv"
            ]
        );
        let mut text = String::new();
        entries[0].location.open().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), entries[0].size), ("data/b.csv", 10));
        for (entry, expected) in [
            (7, "gone.csv does not exist"),
            (8, "sub/*.parquet does not exist: no file in "),
            (9, "empty does not exist: it holds no files"),
        ] {
            let error = entries[entry].location.open().err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn relative_lines_of_remote_lists_are_beside_them() {
        for (list, line, expected) in [
            ("https://h/d/list.txt?sig=x", "a b.csv", "https://h/d/a%20b.csv?sig=x"),
            ("s3://bucket/d/list.txt", "x/y.csv", "s3://bucket/d/x/y.csv"),
            ("s3://bucket/list.txt", "s3://other/y.csv", "s3://other/y.csv"),
            ("azureml://datastores/d/paths/a/list", "b.csv", "azureml://datastores/d/paths/a/b.csv"),
        ] {
            let found = beside(&list.parse().unwrap(), line.parse().unwrap()).unwrap();
            assert_eq!(found, expected.parse().unwrap(), "{list} {line}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_list_is_told_with_its_line() {
        let dir = TempDir::new();
        for (text, expected) in [
            ("a.csv\nftp://x/y\n".as_bytes(), "line 2"),
            (b"manifest:x\n", "cannot name another"),
            (b"\xff\n", "no UTF-8"),
            (b"# nothing\n", "holds no files"),
        ] {
            let list = dir.file("list.txt", text);
            let entries = Stores::default().list(&Pointer::Manifest(Box::new(Pointer::Local(list))));
            let error = entries.and_then(Iterator::collect::<Result<Vec<_>, _>>).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        let error = Stores::default().list(&format!("manifest:{}", dir.path().display()).parse().unwrap());
        // A folder of one file is no list, though it could be read.
        assert!(error.is_err());
    }
}

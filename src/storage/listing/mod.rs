//! From a pointer to the files it means, always in the same order.

mod local;
mod manifest;
mod nearest;
mod objects;
mod pages;
mod pattern;
mod remote;

use std::fmt;

use super::http::{self, Address};
use super::{Location, Pointer, RemoteObject, RemoteUrl, StorageError, StoreSettings, Stores};

/// One file that a pointer means.
#[derive(Clone)]
pub struct Entry {
    /// Where to read it.
    pub location: Location,
    /// Its path below the pointer, with `/`; a single file's own name. Not unique when names are not UTF-8.
    pub name: String,
    /// Its size in bytes; 0 also when that is not known (a pipe, a link to nothing, a web server that does not tell).
    pub size: u64,
}

/// The files that a pointer means, one after the other. There is at least one; that it cannot be gone on with comes as a
/// last item.
pub struct Entries {
    is_file: bool,
    entries: Box<dyn Iterator<Item = Result<Entry, StorageError>> + Send>,
}

impl Entries {
    /// The one file that a pointer names.
    fn file(entry: Entry) -> Entries {
        Entries { is_file: true, entries: Box::new(std::iter::once(Ok(entry))) }
    }

    /// `first`, then the rest.
    fn begun(first: Entry, rest: impl Iterator<Item = Result<Entry, StorageError>> + Send + 'static) -> Entries {
        Entries { is_file: false, entries: Box::new(std::iter::once(Ok(first)).chain(rest)) }
    }

    /// Whether the pointer names this one file, and no folder, pattern or list.
    pub fn is_file(&self) -> bool {
        self.is_file
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.size)
    }
}

impl Stores {
    /// The files that `pointer` means, by the bytes of their names. What can be said at once of a pointer that means none is
    /// an error here; long folders are listed on the way.
    ///
    /// A file is one entry. A folder or prefix means all files below it; as in Spark and Hive, names that begin with `.`
    /// or `_` are passed over there, but for partitions (`_day=1`). A pattern means the files that match it, or, when it
    /// matches folders alone, the files below those; a path that exists as it is written is never a pattern. A link to
    /// nothing is listed, so that it is accounted for when it cannot be read.
    pub fn list(&self, pointer: &Pointer) -> Result<Entries, StorageError> {
        let mut entries = self.begin(pointer)?;
        let first = entries.next().transpose()?;
        Ok(Entries { is_file: entries.is_file, entries: Box::new(first.map(Ok).into_iter().chain(entries)) })
    }

    /// The same, but what is wrong with a file on a web server comes with its entry: it is looked at meanwhile.
    pub fn begin(&self, pointer: &Pointer) -> Result<Entries, StorageError> {
        let resolved = self.resolve(pointer)?;
        let datastore = resolved.datastore.as_deref();
        match &resolved.pointer {
            Pointer::Local(path) => local::list(path),
            Pointer::Remote(url) if self.is_store(url, datastore) => remote::list(&self.open(url, datastore)?),
            Pointer::Remote(url) => web_file(url, &self.settings(datastore)),
            Pointer::Manifest(list) => self.manifest(list),
            Pointer::Registered { .. } | Pointer::JobOutput(_) | Pointer::Datastore(_) => {
                unreachable!("names are resolved")
            }
        }
    }
}

impl Stores {
    /// Asks whether a place can be reached, and whether there is anything. Of a web server, nothing more is asked than
    /// whether it answers.
    pub fn peek(&self, pointer: &Pointer) -> Result<bool, StorageError> {
        let resolved = self.resolve(pointer)?;
        let datastore = resolved.datastore.as_deref();
        match &resolved.pointer {
            Pointer::Remote(url) if self.is_store(url, datastore) => remote::is_any(&self.open(url, datastore)?),
            other => match self.list(other) {
                Ok(mut entries) => Ok(entries.next().is_some()),
                Err(StorageError::Empty { .. }) => Ok(false),
                Err(error) => Err(error),
            },
        }
    }
}

/// A file on a web server. It is looked at from now on, and waited for when the entry is taken, so that the servers of many
/// addresses are asked at the same time.
fn web_file(url: &RemoteUrl, settings: &StoreSettings) -> Result<Entries, StorageError> {
    let object = RemoteObject::on_web(Address::new(url, settings)?);
    let (name, look) = (http::name_of(url), object.look_ahead());
    let entry = std::iter::once_with(move || {
        // Whatever came of it, what is known or wrong is told by the object itself.
        let _ = look.wait();
        let size = object.look()?;
        Ok(Entry { location: Location::Remote(object), name, size })
    });
    Ok(Entries { is_file: true, entries: Box::new(entry) })
}

/// Whether a file or folder of this name is passed over in folders.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || (name.starts_with('_') && !name.contains('='))
}

/// Says how many names were passed over, after the message about an empty folder.
fn hidden_hint(hidden: usize) -> String {
    match hidden {
        0 => String::new(),
        1 => " (1 name that begins with '.' or '_' was passed over)".into(),
        n => format!(" ({n} names that begin with '.' or '_' were passed over)"),
    }
}

//! From a pointer to the files it means, always in the same order.

mod local;
mod nearest;
mod pattern;
mod remote;

use std::fmt;

use super::remote::{RemotePlace, is_store_with_credentials};
use super::{Location, Pointer, RemoteUrl, StorageError, http};

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

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.size)
    }
}

/// The files that `pointer` means, sorted by the bytes of their names.
///
/// A file is one entry. A folder or prefix means all files below it; as in Spark and Hive, names that begin with `.` or
/// `_` are passed over there, but for partitions (`_day=1`). A pattern means the files that match it, or, when it matches
/// folders alone, the files below those; a path that exists as it is written is never a pattern. A link to nothing is
/// listed, so that it is accounted for when it cannot be read.
pub fn list(pointer: &Pointer) -> Result<Vec<Entry>, StorageError> {
    match pointer {
        Pointer::Local(path) => local::list(path),
        Pointer::Remote(url) if url.is_web() && !is_store_with_credentials(url) => web_file(url),
        Pointer::Remote(url) => remote::list(&RemotePlace::open(url)?),
        Pointer::Registered { .. } => Err(StorageError::Unsupported {
            object: pointer.to_string(),
            reason: "registered data is not known without a workspace; give the path or URL of the data".into(),
        }),
        Pointer::Datastore(_) => Err(StorageError::Unsupported {
            object: pointer.to_string(),
            reason: "datastores are not known without a workspace; give the path or URL of the data, such as \
                     abfss://<container>@<account>.dfs.core.windows.net/<path>"
                .into(),
        }),
    }
}

fn web_file(url: &RemoteUrl) -> Result<Vec<Entry>, StorageError> {
    let (object, size) = http::find(url)?;
    Ok(vec![Entry { location: Location::Remote(object), name: http::name_of(url), size }])
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

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::connect::StoreSettings;
use super::secrets::scrub;
use super::{Pointer, StorageError};

/// A place for data under a name, with the way to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datastore {
    /// A folder of this machine, or a store's URL, that paths on the datastore are relative to.
    pub root: Pointer,
    /// How the store is reached.
    pub settings: StoreSettings,
}

/// What the names in pointers stand for.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Datastores by name.
    pub datastores: BTreeMap<String, Datastore>,
    /// All other names, if there is a place where they are known.
    pub names: Option<Arc<dyn Names>>,
}

/// Names that are looked up when they are met, since lists hold names as well.
pub trait Names: fmt::Debug + Send + Sync {
    /// Data registered under this name; the version that was registered last, without one.
    fn data(&self, name: &str, version: Option<&str>) -> Result<RegisteredData, UnknownName>;

    /// This output of a job.
    fn job_output(&self, job: &str, output: &str) -> Result<JobOutput, UnknownName>;
}

/// What a job has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOutput {
    /// The folder that it is in.
    pub folder: Pointer,
    /// The name of the predictions in it, beside which there are other files.
    pub predictions: String,
}

/// Why a name stands for nothing.
pub type UnknownName = Box<dyn Error + Send + Sync>;

/// Data that was registered under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredData {
    /// Where it is.
    pub pointer: Pointer,
    /// The version that the name led to.
    pub version: String,
    /// Whether it is one file.
    pub is_file: bool,
    /// The columns of its first file when it was registered: names, and types where the format has them.
    pub columns: Vec<(String, String)>,
}

/// A path on a datastore of the workspace: `azureml://datastores/<datastore>/paths/<path>`, or one of its longer forms.
#[derive(Clone, PartialEq, Eq)]
pub struct DatastorePath {
    /// The datastore's name.
    pub datastore: String,
    /// The path below its root; empty for all of it.
    pub path: String,
}

impl DatastorePath {
    /// Reads what follows `azureml://`. Names of the outer parts are compared without regard to case, as Azure does.
    pub(super) fn parse(rest: &str) -> Option<Self> {
        let (datastore, tail) = after(rest, "datastores")?;
        let tail = tail.trim_start_matches('/');
        let path = match tail.split_once('/') {
            Some((word, path)) if word.eq_ignore_ascii_case("paths") => path,
            None if tail.is_empty() || tail.eq_ignore_ascii_case("paths") => "",
            _ => return None,
        };
        (!datastore.is_empty()).then(|| DatastorePath { datastore: datastore.to_owned(), path: path.to_owned() })
    }

    /// The path as it is written.
    pub(super) fn text(&self) -> String {
        format!("azureml://datastores/{}/paths/{}", self.datastore, self.path)
    }

    /// The pointer that it stands for, given its datastore.
    pub(super) fn below(&self, store: &Datastore) -> Result<Pointer, StorageError> {
        let path = self.path.trim_start_matches('/');
        if path.split('/').any(|part| part == "..") {
            return Err(StorageError::Unsupported {
                object: self.to_string(),
                reason: "a path on a datastore cannot lead out of it: write it without `..`".into(),
            });
        }
        inside(&store.root, path)
    }
}

/// The pointer to `path` in a folder.
pub(super) fn inside(folder: &Pointer, path: &str) -> Result<Pointer, StorageError> {
    match folder {
        Pointer::Local(folder) if path.is_empty() => Ok(Pointer::Local(folder.clone())),
        Pointer::Local(folder) => Ok(Pointer::Local(folder.join(path))),
        folder => {
            let folder = folder.text();
            let (root, query) = folder.split_once('?').map_or((folder.as_str(), ""), |(root, query)| (root, query));
            let mark = if query.is_empty() { "" } else { "?" };
            format!("{}/{path}{mark}{query}", root.trim_end_matches('/')).parse()
        }
    }
}

/// The part behind the part called `word`, and what follows that.
pub(super) fn after<'a>(path: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let mut rest = path;
    loop {
        let (part, tail) = rest.split_once('/')?;
        if part.eq_ignore_ascii_case(word) {
            let end = tail.find('/').unwrap_or(tail.len());
            return Some(tail.split_at(end));
        }
        rest = tail;
    }
}

impl fmt::Display for DatastorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&scrub(&self.text()))
    }
}

impl fmt::Debug for DatastorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatastorePath({self})")
    }
}

impl Catalog {
    /// The datastore called `name`.
    pub(super) fn datastore(&self, name: &str) -> Result<&Datastore, StorageError> {
        self.datastores.get(name).ok_or_else(|| {
            let known: Vec<_> = self.datastores.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            StorageError::Unsupported {
                object: format!("datastore {name:?}"),
                reason: format!(
                    "the workspace has no datastore of this name (it has {known}); make it with `batchscore datastore create`"
                ),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_forms_are_read() {
        for (text, datastore, path) in [
            ("datastores/d/paths/a/b.csv", "d", "a/b.csv"),
            ("Datastores/d/Paths/a/", "d", "a/"),
            ("datastores/d/paths/", "d", ""),
            ("datastores/d", "d", ""),
            ("subscriptions/s/resourceGroups/g/workspaces/w/datastores/d/paths/a?b*.csv", "d", "a?b*.csv"),
        ] {
            assert_eq!(
                DatastorePath::parse(text),
                Some(DatastorePath { datastore: datastore.into(), path: path.into() }),
                "{text}"
            );
        }
        for text in ["datastores/", "datastores//paths/x", "datastores/d/x/y", "models/d"] {
            assert_eq!(DatastorePath::parse(text), None, "{text}");
        }
    }

    #[test]
    fn paths_are_below_the_root() {
        let below = |root: &str, path: &str| {
            let store = Datastore { root: root.parse().unwrap(), settings: StoreSettings::default() };
            DatastorePath { datastore: "d".into(), path: path.into() }.below(&store)
        };
        for (root, path, expected) in [
            ("/mnt/data", "a/b.csv", "/mnt/data/a/b.csv"),
            ("/mnt/data", "/etc", "/mnt/data/etc"),
            ("/mnt/data", "", "/mnt/data"),
            ("s3://b/p/", "x/*.csv", "s3://b/p/x/*.csv"),
            ("s3://b", "x#y?.csv", "s3://b/x%23y%3F.csv"),
            ("https://h/d", "a b.csv", "https://h/d/a%20b.csv"),
        ] {
            let expected: Pointer =
                if expected.contains("%23") { "s3://b/x#y?.csv" } else { expected }.parse().unwrap();
            assert_eq!(below(root, path).unwrap(), expected, "{root} {path}");
        }
        assert!(below("/mnt/data", "../x").unwrap_err().to_string().contains("lead out"));
    }
}

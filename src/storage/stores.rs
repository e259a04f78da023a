use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::ObjectStoreScheme;

use super::connect::{self, Client, StoreSettings};
use super::datastore::{Catalog, Names, inside};
use super::folder::Folder;
use super::place::{RemotePlace, root_of};
use super::web_store::is_store_with_credentials;
use super::{Pointer, RegisteredData, RemoteUrl, StorageError, folder};

/// The way to all data: what names stand for, and one client for each store, shared by all who read and write there.
///
/// Clones are the same.
#[derive(Clone, Default)]
pub struct Stores(Arc<Shared>);

/// A store's address, with what is secret in it, and the datastore whose credentials it has.
type StoreKey = (String, Option<String>);

#[derive(Default)]
struct Shared {
    catalog: Catalog,
    /// Registered data that was looked up: the latest version stays the same as long as this lives.
    registered: Mutex<HashMap<(String, Option<String>), RegisteredData>>,
    clients: Mutex<HashMap<StoreKey, Arc<Client>>>,
}

/// A pointer that names no datastore and no registered data any more, and how its store is reached.
pub(super) struct Resolved {
    pub(super) pointer: Pointer,
    /// The datastore that it came through.
    pub(super) datastore: Option<String>,
}

impl Stores {
    /// Stores whose names `catalog` explains.
    pub fn new(catalog: Catalog) -> Self {
        Stores(Arc::new(Shared { catalog, ..Shared::default() }))
    }

    /// A place for results: a folder's path, a store's URI, or a path on a datastore. Nothing is created, and nothing is
    /// sent yet.
    pub fn folder(&self, text: &str) -> Result<Folder, StorageError> {
        let pointer: Pointer = text.parse()?;
        if let Pointer::Registered { .. } | Pointer::JobOutput(_) | Pointer::Manifest(_) = pointer {
            return Err(StorageError::Unsupported {
                object: pointer.to_string(),
                reason: "it is a name for data to be read; name a folder, a store's URI or a path on a datastore"
                    .into(),
            });
        }
        let resolved = self.resolve(&pointer)?;
        match &resolved.pointer {
            Pointer::Local(path) => Ok(Folder::from(path.clone())),
            Pointer::Remote(url) => Ok(folder::remote(self.open(url, resolved.datastore.as_deref())?)),
            _ => unreachable!("names are resolved"),
        }
    }

    /// What was registered under a name, if `pointer` is such a name.
    pub fn registered(&self, pointer: &Pointer) -> Result<Option<RegisteredData>, StorageError> {
        let Pointer::Registered { name, version } = pointer else { return Ok(None) };
        let mut known = self.0.registered.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.clone(), version.clone());
        if let Some(data) = known.get(&key) {
            return Ok(Some(data.clone()));
        }
        let data =
            self.names(pointer)?.data(name, version.as_deref()).map_err(|e| StorageError::Name(e.to_string()))?;
        known.insert(key, data.clone());
        Ok(Some(data))
    }

    /// The pointer with a job's output replaced by the place where that is.
    pub fn located(&self, pointer: &Pointer) -> Result<Pointer, StorageError> {
        match pointer {
            Pointer::JobOutput(path) => {
                let output = self.names(pointer)?.job_output(&path.job, &path.output);
                let output = output.map_err(|e| StorageError::Name(e.to_string()))?;
                inside(&output.folder, if path.path.is_empty() { &output.predictions } else { &path.path })
            }
            Pointer::Manifest(list) => Ok(Pointer::Manifest(Box::new(self.located(list)?))),
            other => Ok(other.clone()),
        }
    }

    fn names(&self, pointer: &Pointer) -> Result<&dyn Names, StorageError> {
        self.0.catalog.names.as_deref().ok_or_else(|| StorageError::Unsupported {
            object: pointer.to_string(),
            reason: "no names are known here; give its own path or URL".into(),
        })
    }

    /// Follows names until a path or a URL is reached.
    pub(super) fn resolve(&self, pointer: &Pointer) -> Result<Resolved, StorageError> {
        match pointer {
            Pointer::Registered { .. } => match self.registered(pointer)? {
                Some(data) => self.resolve(&data.pointer),
                None => unreachable!("it is the name of registered data"),
            },
            Pointer::JobOutput(_) => self.resolve(&self.located(pointer)?),
            Pointer::Datastore(path) => {
                let datastore = self.0.catalog.datastore(&path.datastore)?;
                Ok(Resolved { pointer: path.below(datastore)?, datastore: Some(path.datastore.clone()) })
            }
            other => Ok(Resolved { pointer: other.clone(), datastore: None }),
        }
    }

    /// How a datastore's store is reached; as the environment says, where there is no datastore.
    pub(super) fn settings(&self, datastore: Option<&str>) -> StoreSettings {
        datastore.and_then(|name| self.0.catalog.datastores.get(name)).map(|d| d.settings.clone()).unwrap_or_default()
    }

    /// Whether requests to this web address go to a store whose objects can be listed.
    pub(super) fn is_store(&self, url: &RemoteUrl, datastore: Option<&str>) -> bool {
        !url.is_web()
            || is_store_with_credentials(url)
            || datastore.is_some()
                && !matches!(ObjectStoreScheme::parse(url.reveal()), Ok((ObjectStoreScheme::Http, _)))
    }

    /// The place in a store that `url` names. Nothing is sent yet.
    pub(super) fn open(&self, url: &RemoteUrl, datastore: Option<&str>) -> Result<RemotePlace, StorageError> {
        let (_, target, path) = connect::parse(url)?;
        let root = root_of(url, &path);
        let key = (format!("{root}?{}", target.query().unwrap_or_default()), datastore.map(str::to_owned));
        let mut clients = self.0.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = match clients.get(&key) {
            Some(client) => Arc::clone(client),
            None => {
                let client = Arc::new(connect::connect(url, &self.settings(datastore))?);
                clients.insert(key, Arc::clone(&client));
                client
            }
        };
        Ok(RemotePlace { client, root: root.into(), is_prefix: target.path().ends_with('/'), path })
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").field("catalog", &self.0.catalog).finish_non_exhaustive()
    }
}

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use url::Url;

use super::connect::Client;
use super::{RemoteUrl, StorageError, secrets};

/// A store with the path that a URL names in it.
#[derive(Clone)]
pub(super) struct RemotePlace {
    pub(super) client: Arc<Client>,
    /// What stands before an object's path when it is shown; ends in `/`.
    pub(super) root: Arc<str>,
    /// The path, without slashes at its ends.
    pub(super) path: Path,
    /// Whether the URL ended in `/`, and so can only be a prefix.
    pub(super) is_prefix: bool,
}

/// Whose store it is: decides which variables a remedy names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreKind {
    S3,
    Azure,
    Google,
    Web,
}

impl RemotePlace {
    pub(super) fn kind(&self) -> StoreKind {
        self.client.kind
    }

    pub(super) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.client.store)
    }

    /// How an object of this store is shown.
    pub(super) fn display(&self, path: &Path) -> String {
        format!("{}{path}", self.root)
    }

    /// The object `name` below this place. The name is taken as it is, where [`Path::join`] would encode some characters.
    pub(super) fn child(&self, name: &str) -> Result<Path, StorageError> {
        let parent = self.path.as_ref();
        let slash = if parent.is_empty() { "" } else { "/" };
        Path::parse(format!("{parent}{slash}{name}")).map_err(|error| StorageError::Unsupported {
            object: format!("{}{slash}{name}", self.display(&self.path)),
            reason: format!("a store takes no object of this name: {error}"),
        })
    }
}

/// What stands before `path` in `url`, without secrets.
pub(super) fn root_of(url: &RemoteUrl, path: &Path) -> String {
    let mut shown: Url = url.reveal().clone();
    // A store URL's user name is a container; a web URL's container is the first part of its path.
    if url.is_web() {
        let container = shown.path_segments().and_then(|mut s| s.next().map(str::to_owned)).unwrap_or_default();
        let inside = shown.path().trim_matches('/') != path.as_ref();
        shown.set_path(if inside { &container } else { "" });
    } else {
        shown.set_path("");
    }
    shown.set_query(None);
    let mut root = secrets::shown(&shown);
    if !root.ends_with('/') {
        root.push('/');
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Pointer;

    #[test]
    fn web_roots_keep_the_container() {
        let Ok(Pointer::Remote(url)) = "https://acc.blob.core.windows.net/c/a/b".parse() else { panic!() };
        assert_eq!(root_of(&url, &Path::from("a/b")), "https://acc.blob.core.windows.net/c/");
    }
}

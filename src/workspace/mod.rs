//! What batchscore remembers from one command to the next: datastores, registered data, and where jobs have written.
//!
//! A [`Workspace`] is a folder, `.batchscore`: datastores stand in its `datastores.yml`, which people edit and check in;
//! everything else in an embedded database. It holds no secret, and it does no work with the data itself.

mod data;
mod database;
mod datastores;
mod error;
mod jobs;

use std::env;
use std::path::{Path, PathBuf};

pub use data::DataRecord;
pub use error::WorkspaceError;
pub use jobs::JobRecord;

/// The folder's name, looked for here and in the folders above.
const FOLDER: &str = ".batchscore";

/// The variable that names the folder.
pub const VARIABLE: &str = "BATCHSCORE_WORKSPACE";

/// The folder that remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    folder: PathBuf,
}

impl Workspace {
    /// The workspace that commands in the folder `current` use: the one that `BATCHSCORE_WORKSPACE` names, or the
    /// `.batchscore` nearest above; nothing when there is none.
    pub fn find(current: &Path) -> Option<Workspace> {
        match env::var_os(VARIABLE).filter(|folder| !folder.is_empty()) {
            Some(folder) => Some(Workspace::at(folder)),
            None => current
                .ancestors()
                .map(|folder| folder.join(FOLDER))
                .find(|folder| folder.is_dir())
                .map(|folder| Workspace { folder }),
        }
    }

    /// The same, made in `current` when there is none; whether it was made now.
    pub fn find_or_create(current: &Path) -> Result<(Workspace, bool), WorkspaceError> {
        let workspace = Workspace::find(current).unwrap_or_else(|| Workspace { folder: current.join(FOLDER) });
        let is_new = !workspace.folder.is_dir();
        if is_new {
            std::fs::create_dir_all(&workspace.folder).map_err(|source| WorkspaceError::Io {
                path: workspace.folder.display().to_string(),
                done: "created",
                source,
            })?;
        }
        Ok((workspace, is_new))
    }

    /// The workspace in this folder.
    pub fn at(folder: impl Into<PathBuf>) -> Workspace {
        Workspace { folder: folder.into() }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

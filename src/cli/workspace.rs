//! What the names in pointers stand for, for all commands that read or write data.

use std::env;
use std::error::Error;

use crate::storage::{Catalog, Pointer, RegisteredData, Stores};
use crate::workspace::{Workspace, WorkspaceError};

/// The way to all data that `pointers` name. The workspace is asked only where they name something of it.
pub(super) fn stores<'a>(pointers: impl IntoIterator<Item = &'a Pointer>) -> Result<Stores, Box<dyn Error>> {
    // What a manifest names is not known yet.
    let named: Vec<&Pointer> =
        pointers.into_iter().filter(|pointer| !matches!(pointer, Pointer::Local(_) | Pointer::Remote(_))).collect();
    if named.is_empty() {
        return Ok(Stores::default());
    }
    let mut catalog = match find()? {
        Some(workspace) => workspace.catalog()?,
        None => Catalog::default(),
    };
    for pointer in named {
        let pointer = if let Pointer::Manifest(list) = pointer { list.as_ref() } else { pointer };
        if let Pointer::Registered { name, version } = pointer {
            let record = needed()?.find_data(name, version.as_deref())?;
            let data =
                RegisteredData { pointer: record.path.parse()?, version: record.version, columns: record.columns };
            catalog.data.insert((name.clone(), version.clone()), data);
        }
    }
    Ok(Stores::new(catalog))
}

/// The workspace of the current folder, if there is one.
pub(super) fn find() -> Result<Option<Workspace>, std::io::Error> {
    Ok(Workspace::find(&env::current_dir()?))
}

/// The workspace of the current folder, or an empty one.
pub(super) fn needed() -> Result<Workspace, std::io::Error> {
    Ok(find()?.unwrap_or_else(|| Workspace::at(".batchscore")))
}

/// The workspace of the current folder, which is made if there is none, and told.
pub(super) fn created() -> Result<Workspace, Box<dyn Error>> {
    use std::io::Write;

    let current = env::current_dir()?;
    let (workspace, is_new) = Workspace::find_or_create(&current).map_err(|error: WorkspaceError| Box::new(error))?;
    if is_new {
        let _ = writeln!(std::io::stderr(), "made the workspace {}", workspace.folder().display());
    }
    Ok(workspace)
}

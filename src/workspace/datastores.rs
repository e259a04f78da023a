//! `datastores.yml`, which people write as well: what they wrote around a datastore stays as it is.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use super::{Workspace, WorkspaceError};
use crate::spec::{DatastoreSpec, DatastoresFile};
use crate::storage::Catalog;

/// What a new file begins with.
const HEADING: &str = "# Datastores of this workspace. Secrets are never written here, only where they are found: env:NAME or file:PATH.\n";

impl Workspace {
    fn datastores_path(&self) -> PathBuf {
        self.folder().join("datastores.yml")
    }

    /// The datastores as they are written, by name.
    pub fn datastores(&self) -> Result<DatastoresFile, WorkspaceError> {
        Ok(DatastoreSpec::read_all(&self.datastores_path())?)
    }

    /// The datastore called `name`, as it is written.
    pub fn find_datastore(&self, name: &str) -> Result<DatastoreSpec, WorkspaceError> {
        let mut all = self.datastores()?;
        all.remove(name).ok_or_else(|| self.missing_datastore(name, &all))
    }

    /// What the workspace's names stand for. Every datastore is checked.
    pub fn catalog(&self) -> Result<Catalog, WorkspaceError> {
        let mut catalog = Catalog::default();
        for (name, spec) in self.datastores()? {
            let datastore = spec.resolve(&name, self.folder())?;
            catalog.datastores.insert(name, datastore);
        }
        Ok(catalog)
    }

    /// Writes a new datastore to the end of the file.
    pub fn create_datastore(&self, name: &str, spec: &DatastoreSpec) -> Result<(), WorkspaceError> {
        spec.resolve(name, self.folder())?;
        let _lock = self.lock()?;
        let mut all = self.datastores()?;
        // What is of Azure's form alone is not kept.
        if all.insert(name.to_owned(), DatastoreSpec { schema: None, name: None, ..spec.clone() }).is_some() {
            let thing = format!("datastore {name:?}");
            return Err(WorkspaceError::Exists { thing, remedy: "choose another name, or delete it first" });
        }
        let body = serde_saphyr::to_string(spec).map_err(|error| WorkspaceError::Database {
            path: self.datastores_path().display().to_string(),
            cause: error.to_string(),
        })?;
        self.change(name, "added", &all, |text| {
            if text.is_empty() {
                text.push_str(HEADING);
            } else if !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&format!("{name}:\n"));
            for line in body.lines() {
                text.push_str(&format!("  {line}\n"));
            }
        })
    }

    /// Takes a datastore out of the file; its data stays where it is.
    pub fn delete_datastore(&self, name: &str) -> Result<(), WorkspaceError> {
        let _lock = self.lock()?;
        let mut all = self.datastores()?;
        if all.remove(name).is_none() {
            return Err(self.missing_datastore(name, &all));
        }
        self.change(name, "removed", &all, |text| *text = without(text, name))
    }

    fn missing_datastore(&self, name: &str, all: &DatastoresFile) -> WorkspaceError {
        let known: Vec<&str> = all.keys().map(String::as_str).collect();
        let hint = match known.is_empty() {
            true => ", which has none; `batchscore datastore create` makes one".to_owned(),
            false => format!(", which has {}", known.join(", ")),
        };
        WorkspaceError::Missing {
            thing: format!("datastore {name:?}"),
            folder: self.folder().display().to_string(),
            hint,
        }
    }

    /// Keeps other commands from changing the file until it is dropped.
    fn lock(&self) -> Result<File, WorkspaceError> {
        let path = self.folder().join("datastores.lock");
        let lock = || {
            let file = File::create(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock().map_err(|source| WorkspaceError::Io { path: path.display().to_string(), done: "locked", source })
    }

    /// Replaces the file by what `edit` makes of it, in one step, if that says `expected`: people may write a file in more
    /// ways than can be edited. It is about the datastore `name`, which is `done`.
    fn change(
        &self,
        name: &str,
        done: &'static str,
        expected: &DatastoresFile,
        edit: impl FnOnce(&mut String),
    ) -> Result<(), WorkspaceError> {
        let path = self.datastores_path();
        let failed = |source| WorkspaceError::Io { path: path.display().to_string(), done: "written", source };
        let mut text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(error)),
        };
        edit(&mut text);
        let place = path.display().to_string();
        if DatastoreSpec::parse_all(&text, &place).ok().as_ref() != Some(expected) {
            return Err(WorkspaceError::ByHand { path: place, thing: format!("datastore {name:?}"), done });
        }
        let new = path.with_extension(format!("yml.{}", std::process::id()));
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, &path)
        };
        write().map_err(failed)
    }
}

/// The text without the entry called `name`: its line, and what is indented below it.
fn without(text: &str, name: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        let is_entry = !line.starts_with([' ', '\t', '#', '\n', '\r']);
        if is_entry {
            let key = line.split(':').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
            inside = key == name;
        } else if line.starts_with('#') {
            // A comment at the margin belongs to what follows it.
            inside = false;
        }
        if !inside {
            kept.push_str(line);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::TempDir;

    fn spec(url: &str) -> DatastoreSpec {
        DatastoreSpec { url: Some(url.to_owned()), ..DatastoreSpec::default() }
    }

    #[test]
    fn datastores_come_and_go_and_comments_stay() {
        let dir = TempDir::new();
        let workspace = Workspace::at(dir.path());
        workspace.create_datastore("a", &spec("s3://a/p")).unwrap();
        let by_hand =
            "# by hand\nmine:\n  url: /data # here\n  credentials: environment\n\n# the last\nz:\n  url: gs://z";
        let path = dir.path().join("datastores.yml");
        let text = std::fs::read_to_string(&path).unwrap() + by_hand;
        std::fs::write(&path, &text).unwrap();
        workspace.create_datastore("b", &spec("az://b")).unwrap();
        assert_eq!(workspace.datastores().unwrap().keys().collect::<Vec<_>>(), ["a", "b", "mine", "z"]);
        let error = workspace.create_datastore("mine", &spec("s3://x")).unwrap_err().to_string();
        assert!(error.contains("exists already"), "{error}");
        workspace.delete_datastore("mine").unwrap();
        workspace.delete_datastore("a").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{HEADING}# by hand\n# the last\nz:\n  url: gs://z\nb:\n  url: az://b\n"));
        let error = workspace.delete_datastore("a").unwrap_err().to_string();
        assert!(error.contains("which has b, z"), "{error}");
        assert_eq!(workspace.catalog().unwrap().datastores["z"].root.to_string(), "gs://z");
    }

    #[test]
    fn a_file_that_cannot_be_edited_stays_as_it_is() {
        let dir = TempDir::new();
        let workspace = Workspace::at(dir.path());
        let path = dir.path().join("datastores.yml");
        for text in ["{a: {url: s3://a}, b: {url: s3://b}}\n", "  a: {url: s3://a}\n  b: {url: s3://b}\n"] {
            std::fs::write(&path, text).unwrap();
            for error in [workspace.delete_datastore("a"), workspace.create_datastore("c", &spec("s3://c"))] {
                let error = error.unwrap_err().to_string();
                assert!(error.contains("by hand"), "{error}");
                assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            }
        }
        std::fs::write(&path, "a: {url: s3://a}\n").unwrap();
        workspace.delete_datastore("a").unwrap();
        assert!(workspace.datastores().unwrap().is_empty());
    }

    #[test]
    fn a_datastore_that_makes_no_sense_is_not_written() {
        let dir = TempDir::new();
        let workspace = Workspace::at(dir.path());
        assert!(workspace.create_datastore("a", &spec("ftp://x")).is_err());
        assert!(workspace.create_datastore("a b", &spec("s3://x")).is_err());
        assert!(!dir.path().join("datastores.yml").exists());
    }
}

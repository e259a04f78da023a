use std::collections::BTreeMap;

use chrono::{SecondsFormat, Utc};
use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

use super::database::Database;
use super::{Workspace, WorkspaceError};
use crate::spec::InputType;

/// Registered data: what was said of it, and what it looked like then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataRecord {
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: String,
    /// A file or a folder.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// Where it is: a pointer without secrets.
    pub path: String,
    /// For people.
    pub description: Option<String>,
    /// For people and programs.
    pub tags: BTreeMap<String, String>,
    /// The columns of the first file: names, and types where the format has them.
    pub columns: Vec<(String, String)>,
    /// How many files there were.
    pub files: u64,
    /// Their size together, where it was known.
    pub bytes: u64,
    /// When it was registered, in UTC (RFC 3339).
    pub created: String,
}

const COLUMNS: &str = "name, version, kind, pointer, description, tags, columns, files, bytes, created";

impl Workspace {
    /// Registers data under its name. Without a version it gets one more than the highest number so far.
    pub fn create_data(&self, mut record: DataRecord, version: Option<String>) -> Result<DataRecord, WorkspaceError> {
        record.created = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        let Some(mut database) = self.database(true)? else { unreachable!("it is made when there is none") };
        let (tags, columns) = (json(&record.tags), json(&record.columns));
        let created = database.write(|transaction| {
            record.version = match version {
                Some(version) => version,
                None => {
                    let mut versions = transaction.prepare("SELECT version FROM data WHERE name = ?1")?;
                    let numbers = versions.query_map([&record.name], |row| row.get::<_, String>(0))?;
                    let highest = numbers.collect::<rusqlite::Result<Vec<_>>>()?;
                    let highest = highest.iter().filter_map(|version| version.parse::<u64>().ok()).max();
                    (highest.unwrap_or(0) + 1).to_string()
                }
            };
            transaction.execute(
                &format!("INSERT OR IGNORE INTO data ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"),
                params![
                    record.name,
                    record.version,
                    record.kind.to_string(),
                    record.path,
                    record.description,
                    tags,
                    columns,
                    record.files as i64,
                    record.bytes as i64,
                    record.created
                ],
            )
        })?;
        if created == 0 {
            let thing = format!("version {:?} of data {:?}", record.version, record.name);
            return Err(WorkspaceError::Exists { thing, remedy: "a version never changes: register another one" });
        }
        Ok(record)
    }

    /// Registered data, by name and, within a name, in the order in which versions were made; of one name, if given.
    pub fn list_data(&self, name: Option<&str>) -> Result<Vec<DataRecord>, WorkspaceError> {
        let Some(database) = self.database(false)? else { return Ok(Vec::new()) };
        database.read(|connection| {
            let query = format!("SELECT {COLUMNS} FROM data WHERE ?1 IS NULL OR name = ?1 ORDER BY name, sequence");
            connection.prepare(&query)?.query_map([name], record)?.collect()
        })
    }

    /// Data of this name and version; the version that was registered last, without one.
    pub fn find_data(&self, name: &str, version: Option<&str>) -> Result<DataRecord, WorkspaceError> {
        let database = self.database(false)?;
        let find = |database: &Database| {
            database.read(|connection| {
                let query = format!(
                    "SELECT {COLUMNS} FROM data WHERE name = ?1 AND (?2 IS NULL OR version = ?2) ORDER BY sequence DESC LIMIT 1"
                );
                connection.query_row(&query, [Some(name), version], record).optional()
            })
        };
        match database.as_ref().map(find).transpose()?.flatten() {
            Some(record) => Ok(record),
            None => Err(self.missing_data(name, version)?),
        }
    }

    /// Forgets one version, or all of them; the data itself stays where it is. How many were forgotten.
    pub fn delete_data(&self, name: &str, version: Option<&str>) -> Result<usize, WorkspaceError> {
        let deleted = match self.database(false)? {
            None => 0,
            Some(mut database) => database.write(|transaction| {
                transaction
                    .execute("DELETE FROM data WHERE name = ?1 AND (?2 IS NULL OR version = ?2)", [Some(name), version])
            })?,
        };
        if deleted == 0 { Err(self.missing_data(name, version)?) } else { Ok(deleted) }
    }

    fn missing_data(&self, name: &str, version: Option<&str>) -> Result<WorkspaceError, WorkspaceError> {
        let versions: Vec<String> = self.list_data(Some(name))?.into_iter().map(|record| record.version).collect();
        let hint = match (version, versions.is_empty()) {
            (Some(_), false) => format!("; it has versions {}", versions.join(", ")),
            _ => "; `batchscore data list` shows what is, `batchscore data create` registers more".to_owned(),
        };
        let version = version.map_or_else(|| "@latest".to_owned(), |version| format!(":{version}"));
        let thing = format!("azureml:{name}{version}");
        Ok(WorkspaceError::Missing { thing, folder: self.folder().display().to_string(), hint })
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<DataRecord> {
    Ok(DataRecord {
        name: row.get(0)?,
        version: row.get(1)?,
        kind: if row.get_ref(2)?.as_str()? == "uri_file" { InputType::UriFile } else { InputType::UriFolder },
        path: row.get(3)?,
        description: row.get(4)?,
        tags: of_json(row, 5)?,
        columns: of_json(row, 6)?,
        files: row.get::<_, i64>(7)? as u64,
        bytes: row.get::<_, i64>(8)? as u64,
        created: row.get(9)?,
    })
}

/// Maps and lists of texts are always JSON.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn of_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(index)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::TempDir;

    fn record(name: &str) -> DataRecord {
        DataRecord {
            name: name.to_owned(),
            version: String::new(),
            kind: InputType::UriFolder,
            path: "/data".to_owned(),
            description: None,
            tags: [("team".to_owned(), "a".to_owned())].into(),
            columns: vec![("x".to_owned(), "Float32".to_owned())],
            files: 3,
            bytes: 1 << 40,
            created: String::new(),
        }
    }

    #[test]
    fn versions_are_numbered_found_and_forgotten() {
        let dir = TempDir::new();
        let workspace = Workspace::at(dir.path());
        assert!(workspace.list_data(None).unwrap().is_empty());
        let error = workspace.find_data("heart", None).unwrap_err().to_string();
        assert!(error.contains("data create"), "{error}");
        let versions = [None, Some("7".to_owned()), None, Some("final".to_owned())]
            .map(|version| workspace.create_data(record("heart"), version).unwrap().version);
        assert_eq!(versions, ["1", "7", "8", "final"]);
        workspace.create_data(record("other"), None).unwrap();
        let latest = workspace.find_data("heart", None).unwrap();
        assert_eq!(latest.version, "final");
        let expected = DataRecord { version: "final".into(), created: latest.created.clone(), ..record("heart") };
        assert_eq!(latest, expected);
        assert_eq!(workspace.find_data("heart", Some("7")).unwrap().version, "7");
        let error = workspace.create_data(record("heart"), Some("7".into())).unwrap_err().to_string();
        assert!(error.contains("exists already"), "{error}");
        let error = workspace.find_data("heart", Some("9")).unwrap_err().to_string();
        assert!(error.contains("it has versions 1, 7, 8, final"), "{error}");
        assert_eq!(workspace.delete_data("heart", Some("final")).unwrap(), 1);
        assert_eq!(workspace.find_data("heart", None).unwrap().version, "8");
        assert_eq!(workspace.delete_data("heart", None).unwrap(), 3);
        assert!(workspace.delete_data("heart", None).is_err());
        assert_eq!(workspace.list_data(None).unwrap().len(), 1);
    }

    #[test]
    fn versions_made_at_once_differ() {
        let dir = TempDir::new();
        let workspace = Workspace::at(dir.path());
        let mut versions: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        (0..5).map(|_| workspace.create_data(record("x"), None).unwrap().version).collect::<Vec<_>>()
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        versions.sort_by_key(|version| version.parse::<u64>().unwrap());
        assert_eq!(versions, (1..=20).map(|n: u32| n.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn a_database_of_the_future_is_left_alone() {
        let dir = TempDir::new();
        let workspace = Workspace::at(dir.path());
        workspace.create_data(record("x"), None).unwrap();
        let database = workspace.database(false).unwrap().unwrap();
        database.read(|connection| connection.pragma_update(None, "user_version", 99)).unwrap();
        let error = workspace.list_data(None).unwrap_err().to_string();
        assert!(error.contains("newer batchscore"), "{error}");
    }
}

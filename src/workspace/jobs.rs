use chrono::{SecondsFormat, Utc};
use rusqlite::{OptionalExtension, params};

use super::{Workspace, WorkspaceError};

/// A job that has ended, as far as others need it to use what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// What it was called.
    pub name: String,
    /// How it ended, in Azure's words.
    pub status: String,
    /// The folder of its results, a pointer without secrets; nothing when they went elsewhere than into a folder.
    pub output: Option<String>,
    /// The name of the predictions there.
    pub predictions: String,
}

impl Workspace {
    /// Remembers how a job ended, in place of an earlier one of its name.
    pub fn remember_job(&self, job: &JobRecord) -> Result<(), WorkspaceError> {
        let Some(mut database) = self.database(true)? else { unreachable!("it is made when there is none") };
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        database.write(|transaction| {
            transaction.execute(
                "INSERT OR REPLACE INTO jobs (name, status, output, predictions, ended) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![job.name, job.status, job.output, job.predictions, now],
            )
        })?;
        Ok(())
    }

    /// The job of this name that ended last, if one is remembered.
    pub fn find_job(&self, name: &str) -> Result<Option<JobRecord>, WorkspaceError> {
        let Some(database) = self.database(false)? else { return Ok(None) };
        database.read(|connection| {
            let query = "SELECT name, status, output, predictions FROM jobs WHERE name = ?1";
            let record = |row: &rusqlite::Row<'_>| {
                let (name, status) = (row.get(0)?, row.get(1)?);
                Ok(JobRecord { name, status, output: row.get(2)?, predictions: row.get(3)? })
            };
            connection.query_row(query, [name], record).optional()
        })
    }

    /// The names of all jobs that are remembered.
    pub fn job_names(&self) -> Result<Vec<String>, WorkspaceError> {
        let Some(database) = self.database(false)? else { return Ok(Vec::new()) };
        database.read(|connection| {
            connection.prepare("SELECT name FROM jobs ORDER BY name")?.query_map([], |row| row.get(0))?.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::TempDir;

    #[test]
    fn the_last_job_of_a_name_is_remembered() {
        let dir = TempDir::new();
        let workspace = Workspace::at(dir.path());
        let job = |status: &str, output: Option<&str>| JobRecord {
            name: "j".to_owned(),
            status: status.to_owned(),
            output: output.map(str::to_owned),
            predictions: "predictions.txt".to_owned(),
        };
        assert_eq!(workspace.find_job("j").unwrap(), None);
        for record in [job("Failed", None), job("Completed", Some("s3://b/out"))] {
            workspace.remember_job(&record).unwrap();
            assert_eq!(workspace.find_job("j").unwrap(), Some(record));
        }
        assert_eq!(workspace.find_job("k").unwrap(), None);
        assert_eq!(workspace.job_names().unwrap(), ["j"]);
    }
}

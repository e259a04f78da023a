//! The embedded database; the only home of SQLite.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{Workspace, WorkspaceError};

/// How long a command waits for another one that writes.
const BUSY: Duration = Duration::from_secs(10);

/// Steps from one version of the tables to the next. A step that has been released is never changed.
const MIGRATIONS: [&str; 2] = [
    "
    CREATE TABLE data (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        version TEXT NOT NULL,
        kind TEXT NOT NULL,
        pointer TEXT NOT NULL,
        description TEXT,
        tags TEXT NOT NULL,
        columns TEXT NOT NULL,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        created TEXT NOT NULL,
        UNIQUE (name, version)
    );
",
    "
    CREATE TABLE jobs (
        name TEXT PRIMARY KEY,
        status TEXT NOT NULL,
        output TEXT,
        predictions TEXT NOT NULL,
        ended TEXT NOT NULL
    );
",
];

/// An open database.
pub(super) struct Database {
    connection: Connection,
    path: PathBuf,
}

impl Workspace {
    /// Opens the database, and makes or renews its tables. Without `create`, nothing when there is none.
    pub(super) fn database(&self, create: bool) -> Result<Option<Database>, WorkspaceError> {
        let path = self.folder().join("workspace.db");
        if !create && !path.exists() {
            return Ok(None);
        }
        let failed = |error: rusqlite::Error| failed(&path, &error);
        let mut connection = Connection::open(&path).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        migrate(&mut connection).map_err(failed)?;
        let known: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
        if known > MIGRATIONS.len() as i64 {
            let cause = "a newer batchscore has changed it; use that one".to_owned();
            return Err(WorkspaceError::Database { path: path.display().to_string(), cause });
        }
        Ok(Some(Database { connection, path }))
    }
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let version = |connection: &Connection| connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    if version(connection)? >= MIGRATIONS.len() as i64 {
        return Ok(());
    }
    // Asked again under the lock: another process may be doing the same.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = usize::try_from(version(&transaction)?).unwrap_or(0);
    for step in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    transaction.commit()
}

impl Database {
    /// Reads.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, WorkspaceError> {
        work(&self.connection).map_err(|error| failed(&self.path, &error))
    }

    /// Reads and writes; nobody else writes meanwhile.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, WorkspaceError> {
        let change = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        change().map_err(|error| failed(&self.path, &error))
    }
}

fn failed(path: &std::path::Path, error: &rusqlite::Error) -> WorkspaceError {
    WorkspaceError::Database { path: path.display().to_string(), cause: error.to_string() }
}

//! What the names in pointers stand for, for all commands that read or write data.

use std::env;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use crate::events::{Status, Summary};
use crate::report::{EndedJob, read_job_file};
use crate::spec::{InputType, Job, OUTPUT_ROOT, PredictionsTo};
use crate::storage::{Catalog, JobOutput, Names, Pointer, RegisteredData, Stores, UnknownName};
use crate::workspace::{JobRecord, Workspace, WorkspaceError};

/// The way to all data that `pointers` name. The workspace is asked only where they name something of it, or may do so: what
/// a manifest names is not known yet.
pub(super) fn stores<'a>(pointers: impl IntoIterator<Item = &'a Pointer>) -> Result<Stores, Box<dyn Error>> {
    if pointers.into_iter().all(|pointer| matches!(pointer, Pointer::Local(_) | Pointer::Remote(_))) {
        return Ok(Stores::default());
    }
    let workspace = needed()?;
    let catalog = workspace.catalog()?;
    Ok(Stores::new(Catalog { names: Some(Arc::new(WorkspaceNames(workspace))), ..catalog }))
}

/// The names that the workspace knows, and jobs whose results are below the current folder.
#[derive(Debug)]
struct WorkspaceNames(Workspace);

impl Names for WorkspaceNames {
    fn data(&self, name: &str, version: Option<&str>) -> Result<RegisteredData, UnknownName> {
        let record = self.0.find_data(name, version)?;
        Ok(RegisteredData {
            pointer: record.path.parse()?,
            version: record.version,
            is_file: record.kind == InputType::UriFile,
            columns: record.columns,
        })
    }

    fn job_output(&self, job: &str, output: &str) -> Result<JobOutput, UnknownName> {
        if output != SCORE {
            return Err(format!("job {job:?} has no output {output:?}: a job has one, {SCORE:?}").into());
        }
        let folder = Path::new(OUTPUT_ROOT).join(job);
        let (status, output) = match (self.0.find_job(job)?, read_job_file(&folder)) {
            (Some(JobRecord { status, output, predictions, .. }), _) => {
                let folder = output.map(|output| output.parse()).transpose()?;
                (status, folder.map(|folder| JobOutput { folder, predictions }))
            }
            (None, Ok(EndedJob { status, predictions })) => {
                let name = predictions.as_deref().and_then(|path| Path::new(path).file_name()?.to_str());
                // Those on standard output are not there.
                let name = name.filter(|name| folder.join(name).exists()).map(str::to_owned);
                (status, name.map(|predictions| JobOutput { folder: Pointer::Local(folder), predictions }))
            }
            (None, Err(error)) if error.kind() == std::io::ErrorKind::NotFound => return Err(self.unknown_job(job)?),
            (None, Err(error)) => return Err(format!("the job.json of job {job:?} cannot be read: {error}").into()),
        };
        if status != Status::Completed.to_string() {
            return Err(format!("job {job:?} is {status}, so its output is not complete: run it again").into());
        }
        output.ok_or_else(|| {
            format!(
                "the output of job {job:?} was not written to a folder that can be named: run it with --output-path"
            )
            .into()
        })
    }
}

/// The name of the only output of a job.
const SCORE: &str = "score";

/// Jobs that are named where one is not known.
const JOBS_NAMED: usize = 3;

impl WorkspaceNames {
    /// Says that there is no such job, and which have names that are like its.
    fn unknown_job(&self, job: &str) -> Result<UnknownName, WorkspaceError> {
        let mut names = self.0.job_names()?;
        let folders = std::fs::read_dir(OUTPUT_ROOT).into_iter().flatten().flatten();
        names.extend(folders.map(|folder| folder.file_name().to_string_lossy().into_owned()));
        let likeness = |name: &String| (-1000.0 * strsim::jaro_winkler(job, name)) as i64;
        names.sort_by_cached_key(|name| (likeness(name), name.clone()));
        names.dedup();
        names.truncate(JOBS_NAMED);
        let known = match names.is_empty() {
            true => "there is none".to_owned(),
            false => format!("there is {}", names.join(", ")),
        };
        Ok(format!("job {job:?} is not known here: {known}; name its results by their own path, if it ran elsewhere")
            .into())
    }
}

/// Remembers how a job ended, if there is a workspace.
pub(super) fn remember(job: &Job, summary: &Summary) -> Result<(), Box<dyn Error>> {
    let Some(workspace) = find()? else { return Ok(()) };
    let output = match job.output.predictions {
        PredictionsTo::Folder => job.output.folder.parse::<Pointer>().ok(),
        PredictionsTo::Stdout | PredictionsTo::Nowhere => None,
    };
    let output = output.filter(|output| !output.has_secret()).map(Pointer::absolute).transpose()?;
    workspace.remember_job(&JobRecord {
        name: job.name.clone(),
        status: summary.status.to_string(),
        output: output.map(|output| output.text()),
        predictions: job.output.file_name.clone(),
    })?;
    Ok(())
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

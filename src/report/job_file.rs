use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::events::Summary;
use crate::spec::JobDescription;
use crate::storage::{Existing, Folder, StorageError};

/// Name of the file that says what a job was and how it ended.
const JOB_FILE_NAME: &str = "job.json";

#[derive(Serialize)]
struct JobFile<'a> {
    batchscore_version: &'static str,
    settings: &'a JobDescription,
    result: &'a Summary,
}

/// Writes `job.json` beside the output: the settings as resolved, and the summary. Where it is.
pub fn write_job_file(folder: &Folder, settings: &JobDescription, result: &Summary) -> Result<String, StorageError> {
    use std::io::Write;

    let contents = JobFile { batchscore_version: env!("CARGO_PKG_VERSION"), settings, result };
    let mut file = folder.create(JOB_FILE_NAME, Existing::Replace)?;
    let display = folder.location_of(JOB_FILE_NAME);
    // At once: a file of a store or a disk takes one write better than hundreds.
    serde_json::to_vec_pretty(&contents)
        .map_err(std::io::Error::from)
        .and_then(|text| file.write_all(&[&text[..], b"\n"].concat()))
        .map_err(|source| StorageError::from_io(display, "written", source))?;
    file.commit()
}

/// What a `job.json` says of how the job ended.
#[derive(Debug, Deserialize)]
pub struct EndedJob {
    /// In Azure's words.
    pub status: String,
    /// Where the predictions are, if they are complete and kept.
    pub predictions: Option<String>,
}

/// Reads the `job.json` of a folder.
pub fn read_job_file(folder: &Path) -> std::io::Result<EndedJob> {
    #[derive(Deserialize)]
    struct Ended {
        result: EndedJob,
    }
    let text = std::fs::read(folder.join(JOB_FILE_NAME))?;
    Ok(serde_json::from_slice::<Ended>(&text)?.result)
}

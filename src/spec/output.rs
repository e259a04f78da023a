use super::defaults;
use super::job_file::JobSpec;
use super::resolve::{ResolveError, value};
use crate::output::OutputFormat;

/// Where the results go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputTarget {
    /// Folder of the error records and `job.json`, and of the predictions.
    pub folder: String,
    /// Name of the predictions; error records are called `<stem>.errors.jsonl`.
    pub file_name: String,
    /// By the extension of `file_name`.
    pub format: OutputFormat,
    /// Where the predictions themselves go.
    pub predictions: PredictionsTo,
    /// Whether an earlier output is replaced.
    pub overwrite: bool,
}

/// Where the predictions themselves go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PredictionsTo {
    /// Into the output folder.
    Folder,
    /// To standard output (`-`).
    Stdout,
    /// Nowhere (`null:`): they are made and dropped, to measure all the rest.
    Nowhere,
}

/// Takes where the results of the job of this name go out of `spec`.
pub(super) fn output_target(job: &str, spec: &mut JobSpec) -> Result<OutputTarget, ResolveError> {
    let overwrite = spec.overwrite.unwrap_or(false);
    let mut predictions = PredictionsTo::Folder;
    let redirect = |text: &str| match text {
        "-" => Some(PredictionsTo::Stdout),
        "null:" => Some(PredictionsTo::Nowhere),
        _ => None,
    };
    let file_name = spec.output_file_name.take().unwrap_or_else(|| defaults::OUTPUT_FILE_NAME.to_owned());
    let mut folder = spec.output_path.take().unwrap_or_else(|| format!("{}/{job}", defaults::OUTPUT_ROOT));
    if let Some(to) = redirect(&folder) {
        predictions = to;
        folder = format!("{}/{job}", defaults::OUTPUT_ROOT);
    }
    let file_name = match redirect(&file_name) {
        Some(to) => {
            predictions = to;
            defaults::OUTPUT_FILE_NAME.to_owned()
        }
        None => file_name,
    };
    if file_name.is_empty() || file_name.contains(['/', '\\', '\0']) || file_name == "job.json" {
        let rule = "write a file name without folders; the folder is --output-path";
        return Err(value("output_file_name", &file_name, rule));
    }
    let format =
        OutputFormat::from_file_name(&file_name).map_err(|error| value("output_file_name", &file_name, error))?;
    Ok(OutputTarget { folder, file_name, format, predictions, overwrite })
}

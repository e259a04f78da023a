use super::defaults;
use super::job_file::JobSpec;
use super::resolve::{ResolveError, value};
use crate::output::OutputForm;
use crate::policy::PartitionSize;

/// Where the results go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputTarget {
    /// Folder of the error records and `job.json`, and of the predictions.
    pub folder: String,
    /// Name of the predictions; error records are called `<stem>.errors.jsonl`.
    pub file_name: String,
    /// By the extensions of `file_name`, and what was said about the compression.
    pub form: OutputForm,
    /// How large the parts are in which the predictions are written, if they are: into a folder called `file_name`.
    pub partition_size: Option<PartitionSize>,
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
    let mut form =
        OutputForm::from_file_name(&file_name).map_err(|error| value("output_file_name", &file_name, error))?;
    if let Some(text) = spec.output_compression.take() {
        let compression = text.parse().and_then(|compression| form.compressed(compression));
        form = compression.map_err(|rule| value("output_compression", &text, rule))?;
    }
    let partition_size = spec.output_partition_size.take().map(|size| size.to_string());
    let partition_size = match (partition_size, predictions) {
        (Some(text), PredictionsTo::Stdout | PredictionsTo::Nowhere) => {
            let rule = "only predictions in a folder have parts; name one with --output-path, or leave it out";
            return Err(value("output_partition_size", &text, rule));
        }
        (text, _) => text.map(|text| text.parse()).transpose()?,
    };
    Ok(OutputTarget { folder, file_name, form, partition_size, predictions, overwrite })
}

use std::collections::BTreeMap;

use serde::Serialize;

use super::input::{HEADERS, INPUT_FORMATS, name_of};
use super::job_file::Scalar;
use super::output::PredictionsTo;
use super::resolve::Job;
use crate::input::Keep;
use crate::policy::{ErrorThreshold, PartitionSize};
use crate::storage::Pointer;

/// What a resolved job says of itself: for `--dry-run` and `job.json`.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the keys are those of a job file")]
pub struct JobDescription {
    pub name: String,
    pub model: String,
    pub engine: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ort_library: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub explain_background: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain_samples: Option<usize>,
    pub input_path: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_type: Option<String>,
    pub input_format: &'static str,
    pub csv_header: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv_delimiter: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rename: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    pub mini_batch_size: crate::policy::MiniBatchSize,
    pub workers: usize,
    pub retry_settings: RetryDescription,
    pub error_threshold: ErrorThreshold,
    pub mini_batch_error_threshold: ErrorThreshold,
    pub progress_update_timeout: f64,
    pub output_path: String,
    pub output_file_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_compression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_partition_size: Option<Scalar>,
    pub overwrite: bool,
}

/// `retry_settings` of a [`JobDescription`].
#[derive(Debug, Clone, Serialize)]
pub struct RetryDescription {
    pub max_retries: u32,
    pub timeout: f64,
}

impl Job {
    /// The job with every setting, in the keys of a job file; without secrets.
    pub fn describe(&self) -> JobDescription {
        let input = &self.input;
        JobDescription {
            name: self.name.clone(),
            model: self.model.display().to_string(),
            engine: self.model_settings.engine.to_string(),
            ort_library: self.model_settings.ort_library.as_ref().map(|path| path.display().to_string()),
            explain: self.model_settings.explain.map(|explain| explain.to_string()),
            explain_background: self.background.iter().map(ToString::to_string).collect(),
            explain_samples: (!self.background.is_empty()).then_some(self.explain_samples),
            input_path: self.inputs.iter().map(ToString::to_string).collect(),
            input_type: input.input_type.map(|input_type| input_type.to_string()),
            input_format: input.format.as_ref().map_or("auto", |format| name_of(INPUT_FORMATS, format)),
            csv_header: name_of(HEADERS, &input.header),
            csv_delimiter: input.delimiter.map(|byte| char::from(byte).to_string()),
            rename: input.renames.pairs().iter().cloned().collect(),
            features: input.features.clone(),
            key: input.key.clone(),
            keep: match &input.keep {
                Keep::None => Vec::new(),
                Keep::Columns(columns) => columns.clone(),
                Keep::All => vec!["all".to_owned()],
            },
            filter: input.filter.as_ref().map(ToString::to_string),
            sample: input.sample.map(|sample| sample.to_string()),
            sample_seed: input.sample.map(|sample| sample.seed()),
            limit: input.limit,
            mini_batch_size: input.mini_batch_size,
            workers: self.workers,
            retry_settings: RetryDescription {
                max_retries: self.policies.retry.max_retries,
                timeout: self.policies.timeout.map_or(0.0, |timeout| timeout.limit().as_secs_f64()),
            },
            error_threshold: self.policies.error_threshold,
            mini_batch_error_threshold: self.policies.mini_batch_error_threshold,
            progress_update_timeout: self.policies.progress_update_timeout.map_or(0.0, |t| t.limit().as_secs_f64()),
            output_path: match self.output.predictions {
                PredictionsTo::Folder => match self.output.folder.parse::<Pointer>() {
                    Ok(pointer) => pointer.to_string(),
                    // The error shows what was written, without secrets.
                    Err(error) => error.to_string(),
                },
                PredictionsTo::Stdout => "-".to_owned(),
                PredictionsTo::Nowhere => "null:".to_owned(),
            },
            output_file_name: self.output.file_name.clone(),
            output_compression: self.output.form.compression.map(|compression| compression.to_string()),
            output_partition_size: self.output.partition_size.map(|size| match size {
                PartitionSize::Records(records) => {
                    records.try_into().map_or(Scalar::Text(size.to_string()), Scalar::Integer)
                }
                PartitionSize::Bytes(_) => Scalar::Text(size.to_string()),
            }),
            overwrite: self.output.overwrite,
        }
    }
}

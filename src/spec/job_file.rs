use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::input::input_type_prefix;
use super::yaml::{self, SpecError};
use crate::policy::{ErrorThreshold, MiniBatchSize};

/// A job as it was written: every setting may be missing.
///
/// The keys are Azure's where Azure has them (`mini_batch_size`, `retry_settings`, `error_threshold`,
/// `output_file_name`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is documented where it is resolved, in `Job`, and in the README")]
pub struct JobSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ort_library: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<Scalar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain_background: Option<StringOrList>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain_samples: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_path: Option<StringOrList>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv_header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv_delimiter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rename: Option<NamePairs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<StringOrList>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<StringOrList>,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<Scalar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mini_batch_size: Option<MiniBatchSize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<u64>,
    #[serde(default, skip_serializing_if = "RetrySettings::is_empty")]
    pub retry_settings: RetrySettings,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_threshold: Option<ErrorThreshold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mini_batch_error_threshold: Option<ErrorThreshold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_update_timeout: Option<Scalar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_file_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_compression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_partition_size: Option<Scalar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwrite: Option<bool>,
}

/// `retry_settings` of a job file, as in Azure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in `Policies`")]
pub struct RetrySettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<Scalar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Scalar>,
}

/// A value that is written as a number or as text (`30`, `"30"`, `PT30S`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Scalar {
    Integer(i64),
    Number(f64),
    Text(String),
}

/// One text, or a list of them. On the command line and in one text, commas separate where that makes sense.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the names say it")]
pub enum StringOrList {
    One(String),
    Many(Vec<String>),
}

/// New names by old ones: `{old: new}`, or texts `old=new`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the names say it")]
pub enum NamePairs {
    Map(BTreeMap<String, String>),
    Texts(StringOrList),
}

impl JobSpec {
    /// Reads a job file. Paths in it are relative to the file's folder.
    pub fn read(path: &Path) -> Result<Self, SpecError> {
        let mut spec: JobSpec = yaml::read(path)?;
        if spec.name.is_none() {
            spec.name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        spec.model = spec.model.map(|model| below(folder, model));
        spec.ort_library = spec.ort_library.map(|library| below(folder, library));
        spec.output_path = spec.output_path.map(|output| below(folder, output));
        let all_below = |paths| match paths {
            StringOrList::One(path) => StringOrList::One(below(folder, path)),
            StringOrList::Many(paths) => StringOrList::Many(paths.into_iter().map(|p| below(folder, p)).collect()),
        };
        spec.explain_background = spec.explain_background.map(all_below);
        spec.input_path = spec.input_path.map(all_below);
        Ok(spec)
    }

    /// Reads the YAML text of a job; `place` is how errors call it.
    pub(super) fn parse(text: &str, place: &str) -> Result<Self, SpecError> {
        yaml::parse(text, place)
    }

    /// Lays `over` on this job: what it says wins.
    pub fn overlay(self, over: JobSpec) -> JobSpec {
        JobSpec {
            name: over.name.or(self.name),
            description: over.description.or(self.description),
            model: over.model.or(self.model),
            engine: over.engine.or(self.engine),
            ort_library: over.ort_library.or(self.ort_library),
            explain: over.explain.or(self.explain),
            explain_background: over.explain_background.or(self.explain_background),
            explain_samples: over.explain_samples.or(self.explain_samples),
            input_path: over.input_path.or(self.input_path),
            input_type: over.input_type.or(self.input_type),
            input_format: over.input_format.or(self.input_format),
            csv_header: over.csv_header.or(self.csv_header),
            csv_delimiter: over.csv_delimiter.or(self.csv_delimiter),
            rename: over.rename.or(self.rename),
            features: over.features.or(self.features),
            key: over.key.or(self.key),
            keep: over.keep.or(self.keep),
            filter: over.filter.or(self.filter),
            sample: over.sample.or(self.sample),
            sample_seed: over.sample_seed.or(self.sample_seed),
            limit: over.limit.or(self.limit),
            mini_batch_size: over.mini_batch_size.or(self.mini_batch_size),
            workers: over.workers.or(self.workers),
            retry_settings: RetrySettings {
                max_retries: over.retry_settings.max_retries.or(self.retry_settings.max_retries),
                timeout: over.retry_settings.timeout.or(self.retry_settings.timeout),
            },
            error_threshold: over.error_threshold.or(self.error_threshold),
            mini_batch_error_threshold: over.mini_batch_error_threshold.or(self.mini_batch_error_threshold),
            progress_update_timeout: over.progress_update_timeout.or(self.progress_update_timeout),
            output_path: over.output_path.or(self.output_path),
            output_file_name: over.output_file_name.or(self.output_file_name),
            output_compression: over.output_compression.or(self.output_compression),
            output_partition_size: over.output_partition_size.or(self.output_partition_size),
            overwrite: over.overwrite.or(self.overwrite),
        }
    }
}

impl RetrySettings {
    fn is_empty(&self) -> bool {
        self.max_retries.is_none() && self.timeout.is_none()
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scalar::Integer(value) => write!(f, "{value}"),
            Scalar::Number(value) => write!(f, "{value}"),
            Scalar::Text(value) => f.write_str(value),
        }
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Scalar::Text(text)
    }
}

impl StringOrList {
    /// The texts; a single one is cut at commas.
    pub(super) fn split_at_commas(self) -> Vec<String> {
        match self {
            StringOrList::One(text) => {
                text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
            }
            StringOrList::Many(texts) => texts,
        }
    }

    /// The texts as they are.
    pub(super) fn whole(self) -> Vec<String> {
        match self {
            StringOrList::One(text) => vec![text],
            StringOrList::Many(texts) => texts,
        }
    }
}

/// `path` as seen from `folder`, unless it is absolute, a URI, or standard output.
pub(super) fn below(folder: &Path, path: String) -> String {
    // `folder:data` and `file:data.csv` are paths as well.
    if let (Some(prefix), rest) = input_type_prefix(&path) {
        return format!("{prefix}{}", below(folder, rest.to_owned()));
    }
    if let Some(list) = path.strip_prefix("manifest:") {
        return format!("manifest:{}", below(folder, list.to_owned()));
    }
    let is_uri = path.split_once(':').is_some_and(|(scheme, _)| scheme.len() > 1 && !scheme.contains(['/', '\\', '.']));
    if is_uri || path == "-" || Path::new(&path).is_absolute() || folder.as_os_str().is_empty() {
        return path;
    }
    folder.join(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_file_may_hold_anything_or_nothing() {
        assert_eq!(JobSpec::parse("", "job.yml").unwrap(), JobSpec::default());
        assert_eq!(JobSpec::parse("# nothing\n\n", "job.yml").unwrap(), JobSpec::default());
        let text = "model: m.onnx\ninput_path: [a.csv, b.csv]\nmini_batch_size: \"20\"\nretry_settings:\n  timeout: PT45S\n\
                    error_threshold: 5%\n";
        let spec = JobSpec::parse(text, "job.yml").unwrap();
        assert_eq!(spec.mini_batch_size, Some(MiniBatchSize::Items(20)));
        assert_eq!(spec.input_path, Some(StringOrList::Many(vec!["a.csv".to_owned(), "b.csv".to_owned()])));
        assert_eq!(spec.error_threshold, Some(ErrorThreshold::Percent(5.0)));
        assert_eq!(spec.retry_settings.timeout, Some(Scalar::Text("PT45S".to_owned())));
    }

    #[test]
    fn what_cannot_be_understood_is_named_with_its_line() {
        for (text, parts) in [
            (
                "model: m\nmini_batch_siez: 3\n",
                &["job.yml, line 2", "`mini_batch_siez`", "did you mean `mini_batch_size`?"][..],
            ),
            ("retry_settings:\n  max_retry: 3\n", &["job.yml, line 2", "did you mean `max_retries`?"]),
            ("mini_batch_size: 0\n", &["job.yml, line 1", "write a number of items from 1 up"]),
            ("mini_batch_size: -5\n", &["job.yml, line 1", "-5"]),
            ("error_threshold: -2\n", &["job.yml, line 1", "-1 for any number"]),
            ("model: [\n", &["job.yml, line"]),
            ("zzz: 1\n", &["`zzz`; known keys: name"]),
        ] {
            let error = JobSpec::parse(text, "job.yml").unwrap_err().to_string();
            for part in parts {
                assert!(error.contains(part), "{text:?}: {error}");
            }
        }
    }

    #[test]
    fn what_lies_over_wins() {
        let below = JobSpec::parse("name: a\nworkers: 1\nretry_settings: {max_retries: 1, timeout: 5}\n", "f").unwrap();
        let over = JobSpec::parse("workers: 2\nretry_settings: {timeout: 6}\n", "f").unwrap();
        let both = below.overlay(over);
        assert_eq!((both.name.as_deref(), both.workers), (Some("a"), Some(2)));
        assert_eq!(both.retry_settings.max_retries, Some(Scalar::Integer(1)));
        assert_eq!(both.retry_settings.timeout, Some(Scalar::Integer(6)));
    }

    #[test]
    fn relative_paths_start_at_the_job_file() {
        let folder = Path::new("jobs");
        for (path, expected) in [
            ("data.csv", "jobs/data.csv"),
            ("../data.csv", "jobs/../data.csv"),
            ("/data.csv", "/data.csv"),
            ("s3://bucket/data.csv", "s3://bucket/data.csv"),
            ("azureml:data:1", "azureml:data:1"),
            ("null:", "null:"),
            ("manifest:list.txt", "manifest:jobs/list.txt"),
            ("manifest:-", "manifest:-"),
            ("manifest:https://h/list.txt", "manifest:https://h/list.txt"),
            ("file:manifest:list.txt", "file:manifest:jobs/list.txt"),
            ("-", "-"),
            ("./a:b.csv", "jobs/./a:b.csv"),
        ] {
            assert_eq!(below(folder, path.to_owned()), expected);
        }
    }
}

use std::path::PathBuf;

use thiserror::Error;

use super::defaults;
use super::input::{input_settings, inputs};
use super::job_file::{JobSpec, Scalar, StringOrList};
use super::output::{OutputTarget, output_target};
use super::policies::{Policies, policies};
use crate::input::InputSettings;
use crate::policy::PolicyError;
use crate::scorer::{Engine, Explain, ModelSettings};
use crate::storage::{Pointer, StorageError, Stores, scrub};

/// A job that can run: everything is there, and everything makes sense.
#[derive(Debug, Clone)]
pub struct Job {
    /// Names the output folder and the job in reports.
    pub name: String,
    /// The model file.
    pub model: PathBuf,
    /// How it is run.
    pub model_settings: ModelSettings,
    /// What names in pointers stand for, and the way to stores.
    pub stores: Stores,
    /// Where the data is, in the order in which it is scored.
    pub inputs: Vec<Pointer>,
    /// Where records are that explanations are counted from, if the model alone does not tell enough.
    pub background: Vec<Pointer>,
    /// Orders of the features, in pairs, that explanations by sampling take for each record at least.
    pub explain_samples: usize,
    /// How the data is read.
    pub input: InputSettings,
    /// How many workers score; at least 1.
    pub workers: usize,
    /// Bytes in flight between reading and writing.
    pub memory_budget: u64,
    /// What is done about failures.
    pub policies: Policies,
    /// Where the results go.
    pub output: OutputTarget,
}

/// A setting that is missing or makes no sense.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ResolveError {
    #[error("no model is given: name one with --model or with `model:` in the job file")]
    NoModel,
    #[error("no input is given: name one with --input-path or with `input_path:` in the job file")]
    NoInput,
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error("{setting}: {source}")]
    Pointer { setting: &'static str, source: StorageError },
    #[error("{setting} is {value:?}: {rule}")]
    Value { setting: &'static str, value: String, rule: String },
}

/// Least pairs of orders of the features: fewer do not tell how far apart they are.
const LEAST_SAMPLES: u64 = 10;

/// Most pairs of orders of the features: the standard error is then a 256th of their spread.
const MOST_SAMPLES: u64 = 1 << 16;

impl JobSpec {
    /// Fills in what nobody said and checks the rest. `now` is a time stamp for the name of a job that has none.
    pub fn resolve(mut self, now: &str) -> Result<Job, ResolveError> {
        let model =
            self.model.take().filter(|model| !model.is_empty()).map(PathBuf::from).ok_or(ResolveError::NoModel)?;
        if let Some(url) = model.to_str().filter(|model| model.contains("://")) {
            let rule = "a model is a file of this machine; download it, and name the file";
            return Err(value("model", url, rule));
        }
        let name = match self.name.take() {
            Some(name) => checked_name(name)?,
            None => {
                let stem = model.file_stem().map_or_else(|| "job".into(), |stem| stem.to_string_lossy());
                format!("{stem}-{now}")
            }
        };
        let model_settings = ModelSettings {
            engine: match self.engine.take() {
                None => Engine::default(),
                Some(text) => text.parse().map_err(|rule: String| value("engine", &text, rule))?,
            },
            ort_library: self.ort_library.take().map(PathBuf::from),
            explain: self.explain.take().map(|amount| explain(&amount)).transpose()?.flatten(),
            ..ModelSettings::default()
        };
        let inputs = inputs(&mut self)?;
        let background = self.explain_background.take().map(StringOrList::whole).unwrap_or_default();
        let background = pointers("explain_background", background)?;
        let explain_samples = match self.explain_samples {
            None => defaults::EXPLAIN_SAMPLES,
            Some(count @ LEAST_SAMPLES..=MOST_SAMPLES) => count as usize,
            Some(count) => {
                return Err(value("explain_samples", &count.to_string(), "write a number from 10 to 65536"));
            }
        };
        let workers = match self.workers {
            None => defaults::workers(),
            Some(count @ 1..=1024) => count as usize,
            Some(count) => return Err(value("workers", &count.to_string(), "write a number from 1 to 1024")),
        };
        let input = input_settings(&mut self)?;
        let policies = policies(&mut self)?;
        let output = output_target(&name, &mut self)?;
        Ok(Job {
            name,
            model,
            model_settings,
            stores: Stores::default(),
            inputs,
            background,
            explain_samples,
            input,
            workers,
            memory_budget: defaults::memory_budget(workers),
            policies,
            output,
        })
    }
}

/// A job's name is a folder's name, so it must be harmless as one.
fn checked_name(name: String) -> Result<String, ResolveError> {
    let fits = !name.is_empty()
        && name.len() <= 128
        && !name.starts_with(['.', '-'])
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if fits {
        Ok(name)
    } else {
        Err(value(
            "name",
            &name,
            "write up to 128 letters, digits, dots, hyphens and underscores, the first no dot or hyphen",
        ))
    }
}

fn pointers(setting: &'static str, texts: Vec<String>) -> Result<Vec<Pointer>, ResolveError> {
    texts.iter().map(|text| text.parse().map_err(|source| ResolveError::Pointer { setting, source })).collect()
}

/// `none` takes back what a job file says.
fn explain(written: &Scalar) -> Result<Option<Explain>, ResolveError> {
    match written.to_string().as_str() {
        "none" => Ok(None),
        text => text.parse().map(Some).map_err(|rule: String| value("explain", text, rule)),
    }
}

pub(super) fn value(setting: &'static str, value: &str, rule: impl ToString) -> ResolveError {
    ResolveError::Value { setting, value: scrub(value).into_owned(), rule: rule.to_string() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::input::Keep;
    use crate::policy::{ErrorThreshold, Timeout};
    use crate::spec::PredictionsTo;

    fn job(text: &str) -> Result<Job, ResolveError> {
        let whole = format!("model: m.onnx\ninput_path: data.csv\n{text}");
        JobSpec::parse(&whole, "job.yml").unwrap().resolve("20260131-120000")
    }

    #[test]
    fn what_nobody_said_has_a_default() {
        let job = job("").unwrap();
        assert_eq!(job.name, "m-20260131-120000");
        assert_eq!(job.output.folder, "outputs/m-20260131-120000");
        assert_eq!(job.output.file_name, "predictions.txt");
        assert_eq!(job.input.mini_batch_size.to_string(), "10");
        assert_eq!(job.policies.retry.max_retries, 3);
        assert_eq!(job.policies.timeout.map(Timeout::limit), Some(Duration::from_secs(30)));
        assert_eq!(job.policies.error_threshold, ErrorThreshold::Any);
        assert_eq!(job.policies.progress_update_timeout, None);
        assert!(job.workers >= 1);
        assert!(!job.output.overwrite);
    }

    #[test]
    fn dashes_and_null_redirect_the_predictions_only() {
        for (text, predictions, folder, file_name) in [
            ("name: j\noutput_path: \"-\"", PredictionsTo::Stdout, "outputs/j", "predictions.txt"),
            ("name: j\noutput_path: \"-\"\noutput_file_name: p.csv", PredictionsTo::Stdout, "outputs/j", "p.csv"),
            ("name: j\noutput_path: o\noutput_file_name: \"-\"", PredictionsTo::Stdout, "o", "predictions.txt"),
            ("name: j\noutput_path: \"null:\"", PredictionsTo::Nowhere, "outputs/j", "predictions.txt"),
            ("name: j\noutput_path: o", PredictionsTo::Folder, "o", "predictions.txt"),
        ] {
            let output = job(text).unwrap().output;
            assert_eq!(
                (output.predictions, output.folder.as_str(), output.file_name.as_str()),
                (predictions, folder, file_name)
            );
        }
    }

    #[test]
    fn features_and_keep_are_lists_or_text_with_commas() {
        let job = job("features: a, b\nkeep: [\"c,d\"]").unwrap();
        assert_eq!(job.input.features, Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(job.input.keep, Keep::Columns(vec!["c,d".to_owned()]));
        assert_eq!(super::tests::job("keep: all").unwrap().input.keep, Keep::All);
    }

    #[test]
    fn zero_switches_time_limits_off() {
        let job = job("retry_settings: {timeout: 0}\nprogress_update_timeout: 0").unwrap();
        assert_eq!(job.policies.timeout, None);
        assert_eq!(job.policies.progress_update_timeout, None);
    }

    #[test]
    fn nonsense_is_named() {
        for (text, part) in [
            ("engine: tensorflow", "auto, tract or ort"),
            ("workers: 0", "workers is \"0\""),
            ("name: ../x", "name is \"../x\""),
            ("name: .x", "name is"),
            ("output_file_name: a/b.csv", "without folders"),
            ("output_file_name: job.json", "output_file_name"),
            ("output_file_name: p.xlsx", "p.xlsx"),
            ("csv_header: maybe", "csv_header is \"maybe\""),
            ("explain: 0", "explain is \"0\": write all, or a number of features from 1 up"),
            ("explain: some", "explain is \"some\""),
            ("explain_samples: 1", "explain_samples is \"1\": write a number from 10 to 65536"),
            ("csv_delimiter: ab", "one ASCII character"),
            ("input_format: xml", "input_format is \"xml\""),
            ("retry_settings: {timeout: soon}", "retry_settings.timeout is \"soon\""),
            ("retry_settings: {max_retries: -1}", "retry_settings.max_retries is \"-1\""),
        ] {
            let error = job(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(JobSpec::default().resolve("").unwrap_err().to_string().contains("--model"));
    }
}

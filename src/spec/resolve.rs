use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

use super::defaults;
use super::job_file::{JobSpec, Scalar, StringOrList};
use crate::input::{Header, InputFormat, InputSettings, Keep};
use crate::output::OutputFormat;
use crate::policy::{ErrorThreshold, PolicyError, ProgressTimeout, RetryPolicy, Timeout, parse_duration};
use crate::scorer::{Engine, Explain, ModelSettings};
use crate::storage::{Pointer, Stores};

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

/// What is done about failures.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// `retry_settings.max_retries`.
    pub retry: RetryPolicy,
    /// `retry_settings.timeout`: for one call of the model; `None` when switched off with 0.
    pub timeout: Option<Timeout>,
    /// `error_threshold`: failed items.
    pub error_threshold: ErrorThreshold,
    /// `mini_batch_error_threshold`: mini-batches of which an item failed in scoring.
    pub mini_batch_error_threshold: ErrorThreshold,
    /// `progress_update_timeout`.
    pub progress_update_timeout: Option<ProgressTimeout>,
}

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
    #[error("{setting} is {value:?}: {rule}")]
    Value { setting: &'static str, value: String, rule: String },
}

const INPUT_FORMATS: &[(&str, InputFormat)] = &[
    ("csv", InputFormat::Csv),
    ("jsonl", InputFormat::JsonLines),
    ("parquet", InputFormat::Parquet),
    ("arrow", InputFormat::Arrow),
];

/// Least pairs of orders of the features: fewer do not tell how far apart they are.
const LEAST_SAMPLES: u64 = 10;

/// Most pairs of orders of the features: the standard error is then a 256th of their spread.
const MOST_SAMPLES: u64 = 1 << 16;

const HEADERS: &[(&str, Header)] = &[("on", Header::On), ("off", Header::Off), ("auto", Header::Auto)];

impl JobSpec {
    /// Fills in what nobody said and checks the rest. `now` is a time stamp for the name of a job that has none.
    pub fn resolve(self, now: &str) -> Result<Job, ResolveError> {
        let model = self.model.filter(|model| !model.is_empty()).map(PathBuf::from).ok_or(ResolveError::NoModel)?;
        let name = match self.name {
            Some(name) => checked_name(name)?,
            None => {
                let stem = model.file_stem().map_or_else(|| "job".into(), |stem| stem.to_string_lossy());
                format!("{stem}-{now}")
            }
        };
        let model_settings = ModelSettings {
            engine: match self.engine {
                None => Engine::default(),
                Some(text) => text.parse().map_err(|rule: String| value("engine", &text, rule))?,
            },
            ort_library: self.ort_library.map(PathBuf::from),
            explain: self.explain.map(|amount| explain(&amount)).transpose()?.flatten(),
            ..ModelSettings::default()
        };
        let inputs = self.input_path.map(StringOrList::whole).unwrap_or_default();
        if inputs.is_empty() {
            return Err(ResolveError::NoInput);
        }
        let inputs = pointers("input_path", inputs)?;
        let background = self.explain_background.map(StringOrList::whole).unwrap_or_default();
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
        let input = InputSettings {
            format: self.input_format.map_or(Ok(None), |text| input_format(&text))?,
            header: self.csv_header.map_or(Ok(Header::Auto), |text| header(&text))?,
            delimiter: self.csv_delimiter.map(|text| delimiter(&text)).transpose()?,
            features: self.features.map(StringOrList::split_at_commas),
            keep: match self.keep.map(StringOrList::split_at_commas) {
                None => Keep::None,
                Some(columns) if columns == ["all"] => Keep::All,
                Some(columns) => Keep::Columns(columns),
            },
            mini_batch_size: self.mini_batch_size.unwrap_or_default(),
        };
        let policies = Policies {
            retry: match self.retry_settings.max_retries {
                None => RetryPolicy::default(),
                Some(count) => RetryPolicy::new(parse_with_rule(
                    "retry_settings.max_retries",
                    &count,
                    "write a whole number from 0 up",
                )?),
            },
            timeout: match self.retry_settings.timeout {
                None => Some(Timeout::default()),
                Some(limit) => Timeout::new(duration("retry_settings.timeout", &limit)?),
            },
            error_threshold: self.error_threshold.unwrap_or_default(),
            mini_batch_error_threshold: self.mini_batch_error_threshold.unwrap_or_default(),
            progress_update_timeout: match self.progress_update_timeout {
                None => None,
                Some(limit) => ProgressTimeout::new(duration("progress_update_timeout", &limit)?),
            },
        };
        let output = output(&name, self.output_path, self.output_file_name, self.overwrite.unwrap_or(false))?;
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

fn output(
    job: &str,
    path: Option<String>,
    file_name: Option<String>,
    overwrite: bool,
) -> Result<OutputTarget, ResolveError> {
    let mut predictions = PredictionsTo::Folder;
    let redirect = |text: &str| match text {
        "-" => Some(PredictionsTo::Stdout),
        "null:" => Some(PredictionsTo::Nowhere),
        _ => None,
    };
    let file_name = file_name.unwrap_or_else(|| defaults::OUTPUT_FILE_NAME.to_owned());
    let mut folder = path.unwrap_or_else(|| format!("{}/{job}", defaults::OUTPUT_ROOT));
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
    texts.iter().map(|text| text.parse().map_err(|error| value(setting, text, error))).collect()
}

/// `none` takes back what a job file says.
fn explain(written: &Scalar) -> Result<Option<Explain>, ResolveError> {
    match written.to_string().as_str() {
        "none" => Ok(None),
        text => text.parse().map(Some).map_err(|rule: String| value("explain", text, rule)),
    }
}

fn input_format(text: &str) -> Result<Option<InputFormat>, ResolveError> {
    if text == "auto" {
        return Ok(None);
    }
    let format = INPUT_FORMATS.iter().find(|(name, _)| *name == text).map(|(_, format)| *format);
    format.map(Some).ok_or_else(|| value("input_format", text, "write auto, csv, jsonl, parquet or arrow"))
}

fn header(text: &str) -> Result<Header, ResolveError> {
    let header = HEADERS.iter().find(|(name, _)| *name == text).map(|(_, header)| *header);
    header.ok_or_else(|| value("csv_header", text, "write on, off or auto"))
}

/// The name of a value in one of the tables of names.
fn name_of<T: PartialEq>(names: &[(&'static str, T)], wanted: &T) -> &'static str {
    names.iter().find(|(_, value)| value == wanted).map_or("auto", |(name, _)| name)
}

fn delimiter(text: &str) -> Result<u8, ResolveError> {
    match text {
        "\\t" | "tab" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [byte] if !matches!(byte, b'"' | b'\r' | b'\n' | 0x80..) => Ok(*byte),
            _ => Err(value("csv_delimiter", text, "write one ASCII character, or `tab`")),
        },
    }
}

fn duration(setting: &'static str, written: &Scalar) -> Result<std::time::Duration, ResolveError> {
    let text = written.to_string();
    parse_duration(&text)
        .ok_or_else(|| value(setting, &text, "write seconds (30), or 500ms, 5m, 2h, PT2H46M39S; 0 switches it off"))
}

fn parse_with_rule<T: FromStr>(setting: &'static str, written: &Scalar, rule: &str) -> Result<T, ResolveError> {
    let text = written.to_string();
    text.trim().parse().map_err(|_| value(setting, &text, rule))
}

fn value(setting: &'static str, value: &str, rule: impl ToString) -> ResolveError {
    ResolveError::Value { setting, value: value.to_owned(), rule: rule.to_string() }
}

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
    pub input_format: &'static str,
    pub csv_header: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv_delimiter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
    pub mini_batch_size: crate::policy::MiniBatchSize,
    pub workers: usize,
    pub retry_settings: RetryDescription,
    pub error_threshold: ErrorThreshold,
    pub mini_batch_error_threshold: ErrorThreshold,
    pub progress_update_timeout: f64,
    pub output_path: String,
    pub output_file_name: String,
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
            input_format: input.format.as_ref().map_or("auto", |format| name_of(INPUT_FORMATS, format)),
            csv_header: name_of(HEADERS, &input.header),
            csv_delimiter: input.delimiter.map(|byte| char::from(byte).to_string()),
            features: input.features.clone(),
            keep: match &input.keep {
                Keep::None => Vec::new(),
                Keep::Columns(columns) => columns.clone(),
                Keep::All => vec!["all".to_owned()],
            },
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
            overwrite: self.output.overwrite,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

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

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};

use super::{ExitCode, complain, workspace};
use crate::policy::{ErrorThreshold, MiniBatchSize};
use crate::report::{ProgressMode, Reporter, write_job_file};
use crate::run::{Cancel, StartError, execute};
use crate::spec::{Job, JobSpec, NamePairs, PredictionsTo, RetrySettings, Scalar, StringOrList};

#[derive(Debug, Args)]
pub struct RunArgs {
    /// A job file (YAML); flags and --set override what it says
    job_file: Option<PathBuf>,

    /// The model: an ONNX file
    #[arg(long, value_name = "FILE", help_heading = "Model and data")]
    model: Option<String>,

    /// What runs an ONNX model: tract, ort (ONNX Runtime, where it is installed), or auto
    #[arg(long, value_name = "ENGINE", help_heading = "Model and data")]
    engine: Option<String>,

    /// The library of ONNX Runtime; looked for in the Python package onnxruntime unless given
    #[arg(long, value_name = "FILE", help_heading = "Model and data")]
    ort_library: Option<String>,

    /// Where the data is: a file, folder, glob, http(s) URL, or s3://, az://, abfss://, wasbs://, gs:// URI; repeatable
    #[arg(long, visible_alias = "input-local-path", value_name = "POINTER", help_heading = "Model and data")]
    input_path: Vec<String>,

    /// Registered data: NAME:VERSION, or NAME for its latest version; repeatable
    #[arg(long, value_name = "DATA", help_heading = "Model and data")]
    input_data: Vec<String>,

    /// A datastore of the workspace, below which the paths of --input-path are
    #[arg(long, value_name = "NAME", help_heading = "Model and data")]
    input_datastore: Option<String>,

    /// What the input is, to be checked: uri_file or uri_folder
    #[arg(long, value_name = "TYPE", help_heading = "Model and data")]
    input_type: Option<String>,

    /// Format of the data: auto (by extension), csv, jsonl, parquet or arrow
    #[arg(long, value_name = "FORMAT", help_heading = "Model and data")]
    input_format: Option<String>,

    /// Whether CSV files begin with the names of their columns: on, off or auto
    #[arg(long, value_name = "WHEN", help_heading = "Model and data")]
    csv_header: Option<String>,

    /// What separates the fields of CSV files: one character, or `tab`
    #[arg(long, value_name = "CHAR", help_heading = "Model and data")]
    csv_delimiter: Option<String>,

    /// Other names for columns of the data, so that it has those that the model takes
    #[arg(long, value_name = "OLD=NEW,...", help_heading = "Model and data")]
    rename: Option<String>,

    /// The columns that the model takes, in its order
    #[arg(long, value_name = "COLUMN,...", help_heading = "Model and data")]
    features: Option<String>,

    /// Score only the records for which this holds: columns compared with values, as in SQL ("age >= 18 AND country IN
    /// ('DE', 'AT')")
    #[arg(long = "where", value_name = "CONDITION", help_heading = "Model and data")]
    filter: Option<String>,

    /// Score only so many percent of the records, drawn by file name and row number: the same ones every time
    #[arg(long, value_name = "PERCENT%", help_heading = "Model and data")]
    sample: Option<String>,

    /// Draw another sample (0)
    #[arg(long, value_name = "NUMBER", help_heading = "Model and data")]
    sample_seed: Option<u64>,

    /// Score only the first so many records, of those that --where and --sample take
    #[arg(long, value_name = "COUNT", help_heading = "Model and data")]
    limit: Option<u64>,

    /// Items given to one model call (10), or their size (64kb, 1MB)
    #[arg(long, value_name = "SIZE", help_heading = "Running", allow_hyphen_values = true)]
    mini_batch_size: Option<MiniBatchSize>,

    /// Workers that score at the same time; as many as there are cores unless given
    #[arg(long, value_name = "COUNT", help_heading = "Running")]
    workers: Option<u64>,

    /// Retries of a failed mini-batch (3); then it is split to find the items that fail
    #[arg(long, value_name = "COUNT", help_heading = "Running", allow_hyphen_values = true)]
    max_retries: Option<String>,

    /// Time for one model call (30 s); 0 for no limit
    #[arg(long, value_name = "TIME", help_heading = "Running", allow_hyphen_values = true)]
    timeout: Option<String>,

    /// Failed items tolerated: a count, a percentage (5%), or -1 for any number (-1)
    #[arg(long, value_name = "LIMIT", help_heading = "Running", allow_hyphen_values = true)]
    error_threshold: Option<ErrorThreshold>,

    /// Failed mini-batches tolerated, written like --error-threshold (-1)
    #[arg(long, value_name = "LIMIT", help_heading = "Running", allow_hyphen_values = true)]
    mini_batch_error_threshold: Option<ErrorThreshold>,

    /// Fail when no mini-batch ends for so long; 0 for no limit (0)
    #[arg(long, value_name = "TIME", help_heading = "Running", allow_hyphen_values = true)]
    progress_update_timeout: Option<String>,

    /// Where the results go: a folder, a store URI, or `-` for standard output (a folder below outputs/, named after the job)
    #[arg(long, value_name = "FOLDER", help_heading = "Output", allow_hyphen_values = true)]
    output_path: Option<String>,

    /// Name of the predictions (predictions.txt); the extension chooses the format: txt, csv, jsonl (each also with .gz or
    /// .zst behind it), parquet, arrow
    #[arg(long, value_name = "NAME", help_heading = "Output", allow_hyphen_values = true)]
    output_file_name: Option<String>,

    /// How Parquet and Arrow are compressed inside: none, gzip, zstd, snappy or lz4; for texts the name says it
    #[arg(long, value_name = "CODEC", help_heading = "Output")]
    output_compression: Option<String>,

    /// Write many files of so many records, or of about so many bytes (256MB), into a folder of the output's name
    #[arg(long, value_name = "SIZE", help_heading = "Output", allow_hyphen_values = true)]
    output_partition_size: Option<String>,

    /// A column of the data that tells its records apart: it is written beside each prediction and into each error record
    #[arg(long, value_name = "COLUMN", help_heading = "Output")]
    key: Option<String>,

    /// Columns of the data to write beside the predictions, or `all`
    #[arg(long, value_name = "COLUMN,...", help_heading = "Output")]
    keep: Option<String>,

    /// Write what each feature contributed to each prediction: `all`, or the largest so many
    #[arg(long, value_name = "COUNT", help_heading = "Output", allow_hyphen_values = true)]
    explain: Option<String>,

    /// Records like the training data, for models that need some to be explained (`model inspect` says which): a file,
    /// folder, glob or URI
    #[arg(long, value_name = "POINTER", help_heading = "Output")]
    explain_background: Option<String>,

    /// Where contributions are sampled: pairs of orders of the features for each record (100); a pair takes two rows a
    /// feature
    #[arg(long, value_name = "COUNT", help_heading = "Output")]
    explain_samples: Option<u64>,

    /// Replace an output that exists
    #[arg(long, help_heading = "Output")]
    overwrite: bool,

    /// Name of the job; its default output folder is named after it
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    name: Option<String>,

    /// Set any key of the job file; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Print the job with every setting, and stop
    #[arg(long)]
    dry_run: bool,

    /// How to show progress, on standard error
    #[arg(long, value_enum, default_value_t = Progress::Auto)]
    progress: Progress,

    /// Print nothing but errors
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,

    /// Tell every failed item and every retry
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Progress {
    /// A bar on a terminal, lines elsewhere
    Auto,
    /// A line every few seconds
    Plain,
    /// Every event as a JSON line
    Json,
}

pub fn run(args: RunArgs) -> ExitCode {
    let (dry_run, quiet, verbose) = (args.dry_run, args.quiet, args.verbose);
    let mode = match (quiet, args.progress) {
        (_, Progress::Json) => ProgressMode::Json,
        (true, _) => ProgressMode::Quiet,
        (false, Progress::Plain) => ProgressMode::Plain,
        (false, Progress::Auto) => ProgressMode::Auto,
    };
    let mut job = match resolve(args) {
        Ok(job) => job,
        Err(error) => {
            complain(error.as_ref());
            return ExitCode::Usage;
        }
    };
    if dry_run {
        return print_job(&job);
    }
    let output = job.output.folder.parse().ok();
    job.stores = match workspace::stores(job.inputs.iter().chain(&job.background).chain(output.iter())) {
        Ok(stores) => stores,
        Err(error) => {
            complain(error.as_ref());
            return ExitCode::Input;
        }
    };
    let mut reporter = Reporter::new(mode, verbose);
    let cancel = Arc::new(Cancel::default());
    stop_on_signals(&cancel);
    let finished = match execute(&job, &cancel, &mut |event| reporter.on_event(&event)) {
        Ok(finished) => finished,
        Err(error) => {
            complain(&error);
            return ExitCode::from(&error);
        }
    };
    let job_file = job
        .stores
        .folder(&job.output.folder)
        .and_then(|folder| write_job_file(&folder, &job.describe(), &finished.summary));
    if quiet && let Some(error) = &finished.stop {
        complain(error);
    }
    if let Err(error) = workspace::remember(&job, &finished.summary) {
        let _ = writeln!(std::io::stderr(), "warning: the workspace does not remember this job: {error}");
    }
    // A program that reads our output wants the location; a person has seen it in the summary.
    if let Some(location) = &finished.summary.predictions
        && job.output.predictions == PredictionsTo::Folder
        && !std::io::stdout().is_terminal()
    {
        let _ = writeln!(std::io::stdout(), "{location}");
    }
    match (&finished.stop, job_file) {
        (Some(reason), _) => ExitCode::from(reason),
        (None, Ok(_)) => ExitCode::Success,
        (None, Err(error)) => {
            let error = StartError::Output(error.into());
            complain(&error);
            ExitCode::from(&error)
        }
    }
}

fn resolve(args: RunArgs) -> Result<Job, Box<dyn std::error::Error>> {
    let mut spec = match &args.job_file {
        Some(path) => JobSpec::read(path)?,
        None => JobSpec::default(),
    };
    for pair in &args.set {
        spec = spec.overlay(JobSpec::set(pair)?);
    }
    let input_path = input_path(args.input_path, args.input_data, args.input_datastore)?;
    let flags = JobSpec {
        name: args.name,
        model: args.model,
        engine: args.engine,
        ort_library: args.ort_library,
        explain: args.explain.map(Scalar::Text),
        explain_background: args.explain_background.map(StringOrList::One),
        explain_samples: args.explain_samples,
        input_path: (!input_path.is_empty()).then_some(StringOrList::Many(input_path)),
        input_type: args.input_type,
        input_format: args.input_format,
        csv_header: args.csv_header,
        csv_delimiter: args.csv_delimiter,
        rename: args.rename.map(|pairs| NamePairs::Texts(StringOrList::One(pairs))),
        features: args.features.map(StringOrList::One),
        filter: args.filter,
        sample: args.sample.map(Scalar::Text),
        sample_seed: args.sample_seed,
        limit: args.limit,
        key: args.key,
        keep: args.keep.map(StringOrList::One),
        mini_batch_size: args.mini_batch_size,
        workers: args.workers,
        retry_settings: RetrySettings {
            max_retries: args.max_retries.map(Scalar::Text),
            timeout: args.timeout.map(Scalar::Text),
        },
        error_threshold: args.error_threshold,
        mini_batch_error_threshold: args.mini_batch_error_threshold,
        progress_update_timeout: args.progress_update_timeout.map(Scalar::Text),
        output_path: args.output_path,
        output_file_name: args.output_file_name,
        output_compression: args.output_compression,
        output_partition_size: args.output_partition_size.map(Scalar::Text),
        overwrite: args.overwrite.then_some(true),
        ..JobSpec::default()
    };
    Ok(spec.overlay(flags).resolve(&time_stamp(SystemTime::now()))?)
}

/// The pointers that the flags about input come to.
fn input_path(paths: Vec<String>, data: Vec<String>, datastore: Option<String>) -> Result<Vec<String>, String> {
    let mut pointers = match datastore {
        None => paths,
        Some(_) if paths.is_empty() => return Err("--input-datastore needs --input-path, the path on it".to_owned()),
        Some(name) => paths
            .into_iter()
            .map(|path| match path.contains("://") {
                true => Err(format!("--input-path {path} is not a path on datastore {name:?}")),
                false => Ok(format!("azureml://datastores/{name}/paths/{path}")),
            })
            .collect::<Result<_, _>>()?,
    };
    pointers.extend(data.into_iter().map(|data| {
        let data = data.strip_prefix("azureml:").unwrap_or(&data);
        let latest = if data.contains([':', '@']) { "" } else { "@latest" };
        format!("azureml:{data}{latest}")
    }));
    Ok(pointers)
}

fn print_job(job: &Job) -> ExitCode {
    match serde_saphyr::to_string(&job.describe()) {
        Ok(text) => {
            let _ = write!(std::io::stdout(), "{text}");
            ExitCode::Success
        }
        Err(error) => {
            complain(&error);
            ExitCode::Internal
        }
    }
}

/// The first Ctrl-C or SIGTERM lets the job end in order; the second ends the process at once.
fn stop_on_signals(cancel: &Arc<Cancel>) {
    let cancel = Arc::clone(cancel);
    let installed = ctrlc::set_handler(move || {
        if cancel.is_requested() {
            #[expect(clippy::disallowed_methods, reason = "whoever asks twice does not want to wait for destructors")]
            std::process::exit(i32::from(ExitCode::Interrupted as u8));
        }
        cancel.request();
    });
    if let Err(error) = installed {
        let _ = writeln!(std::io::stderr(), "warning: Ctrl-C will end the job at once: {error}");
    }
}

/// `20260131-235959`, in UTC (days to civil date after Howard Hinnant's `civil_from_days`).
fn time_stamp(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}-{:02}{:02}{:02}", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_stamps_are_utc_dates() {
        for (seconds, text) in [
            (0, "19700101-000000"),
            (951_868_799, "20000229-235959"),
            (1_709_251_199, "20240229-235959"),
            (1_798_761_600, "20270101-000000"),
        ] {
            assert_eq!(time_stamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}

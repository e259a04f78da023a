//! `batchscore model`: looks at models, checks what they give, and measures how fast.

mod bench;
mod check;
mod compare;
mod inspect;
mod records;

use std::error::Error;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ExitCode, complain, workspace};
use crate::input::{InputError, InputSettings};
use crate::scorer::{Engine, ModelError, ModelSettings};
use crate::spec::{JobSpec, StringOrList};
use crate::storage::{Pointer, Stores};

#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Print what goes into a model, what comes out, and what runs it
    Inspect(inspect::InspectArgs),
    /// Score data and compare with stored predictions
    #[command(after_help = check::HELP)]
    Check(check::CheckArgs),
    /// Measure rows a second by the number of rows a call, with every engine that runs the model
    Bench(bench::BenchArgs),
}

pub fn run(command: &ModelCommand) -> ExitCode {
    let done = match command {
        ModelCommand::Inspect(args) => inspect::inspect(args),
        ModelCommand::Check(args) => check::check(args),
        ModelCommand::Bench(args) => bench::bench(args),
    };
    done.unwrap_or_else(|Failure(code, error)| {
        complain(error.as_ref());
        code
    })
}

/// Why a command failed, with the exit code for it.
struct Failure(ExitCode, Box<dyn Error>);

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        Failure(ExitCode::Model, Box::new(error))
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Failure(ExitCode::Input, Box::new(error))
    }
}

/// The way to the data that these pointers name.
fn stores(pointers: &[Pointer]) -> Result<Stores, Failure> {
    workspace::stores(pointers).map_err(|error| Failure(ExitCode::Input, error))
}

/// Where the library of ONNX Runtime is.
#[derive(Debug, Args)]
struct LibraryArgs {
    /// The library of ONNX Runtime; looked for in the Python package onnxruntime unless given
    #[arg(long, value_name = "FILE")]
    ort_library: Option<PathBuf>,
}

impl LibraryArgs {
    fn settings(&self, engine: Engine) -> ModelSettings {
        ModelSettings { engine, ort_library: self.ort_library.clone(), ..ModelSettings::default() }
    }
}

/// How data is read.
#[derive(Debug, Args)]
struct ReadArgs {
    /// Format of the data: auto (by extension), csv, jsonl, parquet or arrow
    #[arg(long, value_name = "FORMAT")]
    input_format: Option<String>,

    /// Whether CSV files begin with the names of their columns: on, off or auto
    #[arg(long, value_name = "WHEN")]
    csv_header: Option<String>,

    /// What separates the fields of CSV files: one character, or `tab`
    #[arg(long, value_name = "CHAR")]
    csv_delimiter: Option<String>,

    /// The columns that the model takes, in its order
    #[arg(long, value_name = "COLUMN,...")]
    features: Option<String>,
}

impl ReadArgs {
    /// Where the data at `pointer` is and how it is read, with the checks and meanings of a job.
    fn resolve(&self, pointer: &str) -> Result<(Vec<Pointer>, InputSettings), Failure> {
        let spec = JobSpec {
            // A job has one; nothing looks at it here.
            model: Some("model".to_owned()),
            input_path: Some(StringOrList::One(pointer.to_owned())),
            input_format: self.input_format.clone(),
            csv_header: self.csv_header.clone(),
            csv_delimiter: self.csv_delimiter.clone(),
            features: self.features.clone().map(StringOrList::One),
            ..JobSpec::default()
        };
        let job = spec.resolve("").map_err(|error| Failure(ExitCode::Usage, Box::new(error)))?;
        Ok((job.inputs, job.input))
    }
}

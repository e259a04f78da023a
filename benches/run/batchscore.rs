use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::process::{self, Run};
use crate::{Bench, Result, WORKERS};

/// Where the predictions go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Output {
    Nowhere,
    File(&'static str),
}

/// Runs a job of the program under test and reads what its `job.json` says.
pub(crate) fn run(bench: &Bench, model: &str, input: &Path, mini_batch_size: usize, output: Output) -> Result<Run> {
    run_with(bench, &bench.model(model), input, mini_batch_size, output, &[])
}

/// The same with a model from anywhere and with more arguments.
pub(crate) fn run_with(
    bench: &Bench,
    model: &Path,
    input: &Path,
    mini_batch_size: usize,
    output: Output,
    more: &[&OsStr],
) -> Result<Run> {
    let (path, file_name) = match output {
        Output::Nowhere => ("null:", "predictions.txt"),
        Output::File(name) => ("outputs/bench", name),
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_batchscore"));
    command.current_dir(&bench.data).args(["run", "--name", "bench", "--quiet"]);
    command.arg("--model").arg(model).arg("--input-path").arg(input).args(more);
    command.args(["--workers", &WORKERS.to_string(), "--mini-batch-size", &mini_batch_size.to_string()]);
    command.args(["--output-path", path, "--output-file-name", file_name]);
    // Replacing a large file costs time that a first run of a job does not take.
    let folder = bench.data.join("outputs/bench");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let (mut run, _) = process::run(&mut command)?;

    let job: Value = serde_json::from_slice(&std::fs::read(folder.join("job.json"))?)?;
    let result = &job["result"];
    let number = |value: &Value| value.as_f64().ok_or("job.json lacks a figure");
    if number(&result["counts"]["failed"])? > 0.0 {
        return Err(format!("items failed: {result}").into());
    }
    run.mini_batches_per_second = number(&result["counts"]["mini_batches"])? / number(&result["elapsed_seconds"])?;
    run.peak_mb = number(&result["peak_memory_bytes"])? / 1e6;
    Ok(run)
}

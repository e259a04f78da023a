use std::process::Stdio;

use crate::batchscore::{self, Output};
use crate::cases::Goal;
use crate::data::{self, Layout};
use crate::process::{self, Run};
use crate::series::Spread;
use crate::table::{Line, Table};
use crate::{Bench, Result};

const ROWS: usize = 5_000_000;
const COLUMNS: usize = 28;
const MODEL: &str = "lightgbm.onnx";
const MINI_BATCH_SIZE: usize = 4096;

/// Rows that the loop is given: a few of its batches, from which its time for all rows is reckoned.
const LOOP_ROWS: usize = 196_608;

/// Whole processes on two cores, from Parquet to text.
pub(crate) fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    let input = data::parquet(&bench.data, ROWS, COLUMNS, Layout::Plain)?;
    let mut rounds = Vec::new();
    // The first round warms up.
    for _ in 0..=bench.rounds.min(3) {
        let ours = batchscore::run(bench, MODEL, &input, MINI_BATCH_SIZE, Output::File("predictions.txt"))?;
        let mut command = bench.script("pyarrow_onnxruntime.py");
        command.arg(bench.model(MODEL)).arg(&input).arg(bench.data.join("outputs/peer.txt"));
        command.args(["--rows", &LOOP_ROWS.to_string()]);
        // onnxruntime warns of each batch that the model's declared shapes are wrong.
        command.stderr(Stdio::null());
        let (run, text) = process::run(&mut command)?;
        rounds.push((ours, all_rows(run, &text)?));
    }
    let rounds = &rounds[1..];
    let cpu_seconds = |run: &Run| run.cpu_seconds;
    let seconds = |run: &Run| run.seconds;
    table.push(line("CPU seconds", rounds, cpu_seconds, Some(Goal { avx512: 40.0, avx2: 20.0 })));
    table.push(line("seconds", rounds, seconds, None));
    table.note(format!(
        "The loop of pyarrow and onnxruntime ran over {LOOP_ROWS} rows; what it took without start and imports is \
         multiplied for {ROWS}."
    ));
    Ok(())
}

/// The same against Ray Data, once: it takes minutes. It starts processes that outlive it, so only its seconds are known.
pub(crate) fn measure_ray_data(bench: &Bench, table: &mut Table) -> Result<()> {
    let input = data::parquet(&bench.data, ROWS, COLUMNS, Layout::Plain)?;
    let run_ours = || batchscore::run(bench, MODEL, &input, MINI_BATCH_SIZE, Output::File("predictions.txt"));
    // The first one warms up.
    let _ = run_ours()?;
    let ours = run_ours()?;
    let mut command = bench.script("ray_data.py");
    command.arg(bench.model(MODEL)).arg(&input).arg(bench.data.join("outputs/ray"));
    command.stderr(Stdio::null());
    let (run, text) = process::run(&mut command)?;
    let Some(seconds) = text.lines().last().and_then(|line| line.trim().parse::<f64>().ok()) else {
        return Err(format!("Ray Data's script says {text:?}").into());
    };
    let rounds = [(ours, Run { seconds, ..run })];
    let line = line("seconds", &rounds, |run| run.seconds, Some(Goal::of(80.0)));
    table.push(Line { peer: "Ray Data".to_owned(), ..line });
    Ok(())
}

/// A line of the table from rounds of (ours, theirs).
fn line(unit: &str, rounds: &[(Run, Run)], figure: impl Fn(&Run) -> f64, goal: Option<Goal>) -> Line {
    let median = |values: Vec<f64>| format!("{:.2} {unit}", Spread::of(values.into_iter()).median);
    Line {
        what: format!("end to end: {ROWS} rows from Parquet through LightGBM's to txt"),
        rows_a_call: MINI_BATCH_SIZE.to_string(),
        ours: median(rounds.iter().map(|(ours, _)| figure(ours)).collect()),
        peer: "pyarrow + onnxruntime".to_owned(),
        theirs: median(rounds.iter().map(|(_, theirs)| figure(theirs)).collect()),
        ratio: Spread::of(rounds.iter().map(|(ours, theirs)| figure(theirs) / figure(ours))),
        goal,
    }
}

/// What the loop would take for all rows, as it says what it took for some.
fn all_rows(run: Run, text: &str) -> Result<Run> {
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let (Some(Ok(seconds)), Some(Ok(cpu_seconds))) = (numbers.next(), numbers.next()) else {
        return Err(format!("the loop says {text:?}").into());
    };
    let more = ROWS as f64 / LOOP_ROWS as f64 - 1.0;
    Ok(Run { seconds: run.seconds + more * seconds, cpu_seconds: run.cpu_seconds + more * cpu_seconds, ..run })
}

//! The program beside what a user would pick instead, on the same data, in turn.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::batchscore::{self, Output};
use crate::data::{self, Layout};
use crate::logistic_parquet::{CHOSEN, COLUMNS, MODEL, ROWS};
use crate::predictions::Predictions;
use crate::process::{self, Run};
use crate::series::{Series, Variant, in_turn};
use crate::table::{Figure, Goal, Table};
use crate::{Bench, Result, parts, tree, virtual_env};

/// A peer that takes longer is run only once.
const SLOW: f64 = 120.0;

/// Rows that MLflow is given of the logistic regression's job: it holds all of them in memory, as text at the end.
const MLFLOW_ROWS: usize = 500_000;

/// A script in `benches/peers`.
#[derive(Clone, Copy)]
struct Peer {
    name: &'static str,
    script: &'static str,
    /// Of its output, if it writes only one form.
    extension: Option<&'static str>,
    batch_size: Option<usize>,
    /// How many times as fast as it the program should be.
    speed: Option<f64>,
    /// The share of its memory that the program may take.
    memory: Option<f64>,
}

impl Peer {
    const fn new(name: &'static str, script: &'static str) -> Peer {
        Peer { name, script, extension: None, batch_size: None, speed: None, memory: None }
    }

    const fn speed(self, bound: f64) -> Peer {
        Peer { speed: Some(bound), ..self }
    }
}

const LOOP: Peer =
    Peer { batch_size: Some(65_536), ..Peer::new("pyarrow + onnxruntime, batches of 65536", "pyarrow_onnxruntime.py") };
const LOOP_SMALL: Peer =
    Peer { batch_size: Some(8192), ..Peer::new("pyarrow + onnxruntime, batches of 8192", "pyarrow_onnxruntime.py") };
const DAFT: Peer = Peer::new("Daft", "daft_onnxruntime.py");
const POLARS: Peer = Peer::new("Polars + onnxruntime", "polars_onnxruntime.py");
const RAY: Peer = Peer::new("Ray Data", "ray_data.py");
const MLFLOW: Peer = Peer { extension: Some("json"), ..Peer::new("mlflow models predict", "mlflow_predict.py") };

/// What the program and its peers are given.
struct Job<'a> {
    title: &'static str,
    /// Ours, and the peers'.
    models: [&'a Path; 2],
    input: &'a Path,
    /// Of our output, and of the peers'.
    extensions: [&'static str; 2],
    engines: &'static [&'static str],
    peers: &'a [Peer],
}

/// A small network over ten Parquet files and over CSV, to Parquet.
pub(crate) fn mlp(bench: &Bench) -> Result<Table> {
    const ENGINES: &[&str] = &["auto", "tract", "ort"];
    let model = make_mlp(bench)?;
    let rows = parts::make(&bench.data, 1_000_000, 32, 10)?;
    let mut table = new_table();
    let job = Job {
        title: "Parquet",
        models: [&model; 2],
        input: &rows.parquet,
        extensions: ["predictions.parquet", "parquet"],
        engines: ENGINES,
        peers: &[
            LOOP.speed(1.5),
            LOOP_SMALL.speed(1.5),
            Peer { memory: Some(0.25), ..DAFT.speed(2.0) },
            POLARS,
            RAY.speed(10.0),
        ],
    };
    compare(bench, &mut table, &job)?;
    let peers = &[LOOP, LOOP_SMALL, DAFT, POLARS, RAY, MLFLOW];
    compare(bench, &mut table, &Job { title: "CSV", input: &rows.csv, peers, ..job })?;
    table.note("mlflow models predict takes CSV or JSON only.");
    Ok(table)
}

/// A logistic regression, which costs little beside reading and writing, from Parquet to text.
pub(crate) fn logistic(bench: &Bench) -> Result<Table> {
    let [ours, theirs] = [MODEL, "logistic_28_no_zipmap.onnx"].map(|name| bench.model(name));
    let rows = data::parquet(&bench.data, ROWS, COLUMNS, Layout::Plain)?;
    let few = parts::make(&bench.data, MLFLOW_ROWS, COLUMNS, 1)?;
    let mut table = new_table();
    let job = Job {
        title: "Parquet",
        models: [&ours, &theirs],
        input: &rows,
        extensions: ["predictions.txt", "csv"],
        engines: &["auto", "tract"],
        peers: &[LOOP.speed(10.0), LOOP_SMALL.speed(10.0), DAFT, POLARS.speed(5.0), RAY.speed(30.0)],
    };
    compare(bench, &mut table, &job)?;
    let job = Job { title: "CSV, a tenth of the rows", models: [&ours; 2], input: &few.csv, peers: &[MLFLOW], ..job };
    compare(bench, &mut table, &job)?;
    table.note(format!("mlflow models predict takes CSV or JSON only, and was given {MLFLOW_ROWS} of {ROWS} rows."));
    Ok(table)
}

fn new_table() -> Table {
    let mut table = Table::of(&["our speed-up", "times our CPU seconds", "our share of memory"]);
    table.note(
        "Whole processes, with start and imports on both sides; all wrote as many predictions, of the same mean.",
    );
    table
}

fn compare(bench: &Bench, table: &mut Table, job: &Job<'_>) -> Result<()> {
    // The peers' environment must be there before ONNX Runtime is looked for in it.
    set_up(bench, LOOP.script)?;
    let library = virtual_env::onnxruntime(&bench.data)?;
    ours(bench, job, job.engines[0], &library)?;
    let expected = Predictions::read(&ours_output(bench, job))?;

    let mut variants: Vec<Variant<'_>> = Vec::new();
    for &engine in job.engines {
        let library = &library;
        let run = move || {
            let run = ours(bench, job, engine, library)?;
            Predictions::read(&ours_output(bench, job))?.check(expected)?;
            Ok(run)
        };
        run()?;
        variants.push(Variant::new(format!("{}: batchscore, engine: {engine}", job.title), run));
    }
    let mut slow = Vec::new();
    let mut fast = Vec::new();
    for peer in job.peers {
        let name = format!("{}: {}", job.title, peer.name);
        let run = move || theirs(bench, job, peer, expected);
        match set_up(bench, peer.script).and_then(|()| run()) {
            Ok(warm_up) if warm_up.seconds > SLOW => {
                slow.push((peer, Series { name: format!("{name}, once"), runs: vec![warm_up] }));
            }
            Ok(_) => {
                fast.push(peer);
                variants.push(Variant::new(name, run));
            }
            Err(error) => table.absent(&name, &error.to_string()),
        }
    }

    let mut all = in_turn(bench.rounds.min(3), &variants)?;
    let measured = all.split_off(job.engines.len());
    let base = &all[0];
    let figures = |series: &Series, goals: [Option<Goal>; 2]| {
        [
            Figure { spread: series.times(base), goal: goals[0] },
            Figure { spread: series.ratio(base, |run| run.cpu_seconds), goal: None },
            Figure { spread: base.ratio(series, |run| run.peak_mb), goal: goals[1] },
        ]
    };
    for series in &all {
        table.figures(series, &figures(series, [None, None]));
    }
    let peers: Vec<(&Peer, Series)> = fast.into_iter().zip(measured).chain(slow).collect();
    for (peer, series) in &peers {
        // Of several ways to run a script, the goals are about the fastest.
        let rivals = peers.iter().filter(|(other, _)| other.script == peer.script).map(|(_, series)| series);
        let is_best = Series::fastest(rivals).is_some_and(|best| std::ptr::eq(best, series));
        let goals = [peer.speed.map(Goal::AtLeast), peer.memory.map(Goal::AtMost)];
        table.figures(series, &figures(series, goals.map(|goal| goal.filter(|_| is_best))));
    }
    Ok(())
}

/// Makes a script's virtual environment where there is none.
fn set_up(bench: &Bench, script: &str) -> Result<()> {
    process::run(Command::new(bench.home.join("peers/run.sh")).args([script, "--help"]))?;
    Ok(())
}

fn ours(bench: &Bench, job: &Job<'_>, engine: &str, library: &Path) -> Result<Run> {
    let more = ["--engine".as_ref(), engine.as_ref(), "--ort-library".as_ref(), library.as_os_str()];
    batchscore::run_with(bench, job.models[0], job.input, CHOSEN, Output::File(job.extensions[0]), &more)
}

fn ours_output(bench: &Bench, job: &Job<'_>) -> PathBuf {
    bench.data.join("outputs/bench").join(job.extensions[0])
}

fn theirs(bench: &Bench, job: &Job<'_>, peer: &Peer, expected: Predictions) -> Result<Run> {
    let output = bench.data.join("outputs/peer").with_extension(peer.extension.unwrap_or(job.extensions[1]));
    // As for ours: the output of an earlier run is not to be replaced within the time.
    if output.is_dir() {
        std::fs::remove_dir_all(&output)?;
    } else if output.exists() {
        std::fs::remove_file(&output)?;
    }
    let mut command = Command::new(bench.home.join("peers/run.sh"));
    command.arg(peer.script).arg(job.models[1]).arg(job.input).arg(&output);
    if let Some(size) = peer.batch_size {
        command.args(["--batch-size", &size.to_string()]);
    }
    let run = tree::run(&mut command)?;
    Predictions::read(&output)?.check(expected)?;
    Ok(run)
}

/// The network, made on first use.
fn make_mlp(bench: &Bench) -> Result<PathBuf> {
    let path = bench.data.join("mlp_32.onnx");
    if !path.exists() {
        let unfinished = path.with_extension("unfinished");
        process::run(Command::new(bench.home.join("peers/run.sh")).arg("make_mlp.py").arg(&unfinished))?;
        std::fs::rename(&unfinished, &path)?;
    }
    Ok(path)
}

//! `batchscore model bench`: how fast each engine scores a model, by the number of rows a call.
//!
//! Calls go to the scorer itself, in one thread: no reading, no decoding, no writing. The engines take turns, so that
//! what else happens on the machine meets all of them.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::{ExitCode, Failure, LibraryArgs, ReadArgs, records};
use crate::data::MiniBatch;
use crate::engine::score_mini_batch;
use crate::report::grouped;
use crate::scorer::{self, Engine, FeatureNeeds, ModelError, ModelSettings, RunRows, Scorer};

/// Turns of each engine; the median of an odd number is one of them.
const ROUNDS: usize = 5;

/// Rows that mini-batches are taken from in turn, so that a model does not always see the same one.
const POOL_ROWS: usize = 4096;

/// Most values in them, if that is not more than a call takes: rows of pictures are long.
const POOL_VALUES: usize = 1 << 24;

/// Most rows a call.
const MOST_ROWS: usize = 1 << 20;

#[derive(Debug, Args)]
pub struct BenchArgs {
    /// The model file
    model: PathBuf,

    /// Data to score: a file, folder, glob or URI; normal random numbers unless given
    #[arg(long, value_name = "POINTER")]
    data: Option<String>,

    /// Only this engine: tract, ort, or auto for the one that `run` takes; every one that runs the model unless given
    #[arg(long, value_name = "ENGINE")]
    engine: Option<Engine>,

    /// Measure tract with several numbers of rows a run in place of the engines, and keep the fastest beside the model,
    /// in MODEL.plan.json, where it is found whenever tract runs the model
    #[arg(long, conflicts_with = "engine")]
    save_plan: bool,

    /// Rows a call
    #[arg(long, value_name = "COUNT,...", value_delimiter = ',', default_value = "1,10,100,1024")]
    rows: Vec<usize>,

    /// Seconds for each engine and number of rows
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    seconds: f64,

    /// Print the results as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    library: LibraryArgs,

    #[command(flatten)]
    read: ReadArgs,
}

/// What came out.
#[derive(Debug, Serialize)]
struct Results {
    model: String,
    data: String,
    results: Vec<Line>,
    /// Engines that do not run the model, and why.
    not_run: Vec<(String, String)>,
    /// The file that the fastest plan was saved in.
    #[serde(skip_serializing_if = "Option::is_none")]
    saved: Option<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    rows_per_call: usize,
    engine: String,
    /// Median over the rounds.
    rows_per_second: f64,
    /// Of the fastest and the slowest round, as a share of the median.
    spread: f64,
    /// Median over the rounds; of all threads of the process.
    rows_per_cpu_second: Option<f64>,
}

pub fn bench(args: &BenchArgs) -> Result<ExitCode, Failure> {
    let refused = |cause: &str| Failure(ExitCode::Usage, cause.to_owned().into());
    if args.rows.iter().any(|rows| !(1..=MOST_ROWS).contains(rows)) {
        return Err(refused("--rows is a list of numbers from 1 to 1048576"));
    }
    if !(args.seconds > 0.0 && args.seconds <= 3600.0) {
        return Err(refused("--seconds is a number above 0, up to 3600"));
    }
    let Loaded { scorers, run_rows, not_run } = if args.save_plan { load_plans(args)? } else { load(args)? };
    let most = args.rows.iter().copied().max().unwrap_or(1);
    let (pool, data) = pool(args, scorers[0].needs(), most)?;
    let mut results = Vec::new();
    for rows in &args.rows {
        results.extend(measure(&scorers, &pool, *rows, Duration::from_secs_f64(args.seconds))?);
    }
    let saved = if args.save_plan { Some(save(args, &results, most, &run_rows)?) } else { None };
    let results = Results { model: args.model.display().to_string(), data, results, not_run, saved };
    let text = if args.json {
        let json = serde_json::to_string_pretty(&results);
        format!("{}\n", json.map_err(|error| Failure(ExitCode::Internal, Box::new(error)))?)
    } else {
        table(&results)
    };
    let _ = write!(std::io::stdout(), "{text}");
    Ok(ExitCode::Success)
}

struct Loaded {
    /// At least one.
    scorers: Vec<Box<dyn Scorer>>,
    /// Rows a run of each, where these are what is measured.
    run_rows: Vec<RunRows>,
    not_run: Vec<(String, String)>,
}

/// The model as each engine prepares it.
fn load(args: &BenchArgs) -> Result<Loaded, Failure> {
    let with = |engine| scorer::load(&args.model, &args.library.settings(engine));
    if let Some(engine) = args.engine {
        return Ok(Loaded { scorers: vec![with(engine)?], run_rows: Vec::new(), not_run: Vec::new() });
    }
    let (mut scorers, mut not_run, mut first_error) = (Vec::new(), Vec::new(), None);
    for engine in [Engine::Tract, Engine::Ort] {
        match with(engine) {
            Ok(scorer) => scorers.push(scorer),
            // There is no choice of engines.
            Err(ModelError::OnlyOnnx { .. }) => {
                return Ok(Loaded { scorers: vec![with(Engine::Auto)?], run_rows: Vec::new(), not_run: Vec::new() });
            }
            Err(error) => {
                not_run.push((engine.to_string(), error.to_string()));
                first_error.get_or_insert(error);
            }
        }
    }
    match (scorers.is_empty(), first_error) {
        (true, Some(error)) => Err(error.into()),
        _ => Ok(Loaded { scorers, run_rows: Vec::new(), not_run }),
    }
}

/// The model as tract prepares it for several numbers of rows a run.
fn load_plans(args: &BenchArgs) -> Result<Loaded, Failure> {
    let fixed = [1, 4, 16, 64].into_iter().filter_map(NonZeroUsize::new).map(RunRows::Fixed);
    let (mut scorers, mut all): (Vec<Box<dyn Scorer>>, Vec<RunRows>) = (Vec::new(), Vec::new());
    for run_rows in [RunRows::Any].into_iter().chain(fixed) {
        let settings = ModelSettings { run_rows, ..args.library.settings(Engine::Tract) };
        let scorer = scorer::load(&args.model, &settings)?;
        // Not every graph leaves the choice.
        if scorers.iter().all(|other| other.engine() != scorer.engine()) {
            scorers.push(scorer);
            all.push(run_rows);
        }
    }
    if scorers.len() < 2 {
        let cause = format!("tract runs {} in one way only: there is no plan to choose", args.model.display());
        return Err(Failure(ExitCode::Usage, cause.into()));
    }
    Ok(Loaded { scorers, run_rows: all, not_run: Vec::new() })
}

/// Keeps the plan that was fastest with `rows` rows a call; `run_rows` are in the order of the lines of a number of rows.
fn save(args: &BenchArgs, results: &[Line], rows: usize, run_rows: &[RunRows]) -> Result<String, Failure> {
    let rate = |line: &Line| line.rows_per_cpu_second.unwrap_or(line.rows_per_second);
    let lines = results.iter().filter(|line| line.rows_per_call == rows).map(rate).zip(run_rows);
    let fastest = lines.max_by(|(a, _), (b, _)| a.total_cmp(b)).map_or(RunRows::Any, |(_, run_rows)| *run_rows);
    let saved = scorer::onnx::save_run_rows(&args.model, fastest).map_err(|error| {
        let cause = format!("the plan of {} cannot be saved: {error}", args.model.display());
        Failure(ExitCode::Output, cause.into())
    })?;
    Ok(saved.display().to_string())
}

/// Records to score, `most` or more, and what they are.
fn pool(args: &BenchArgs, needs: &FeatureNeeds, most: usize) -> Result<(MiniBatch, String), Failure> {
    let (records, what) = match &args.data {
        Some(data) => {
            let (pointers, settings) = args.read.resolve(data)?;
            let records = records::features(&records::read(&super::stores(&pointers)?, &pointers, &settings, needs)?)?;
            let records = records.ok_or_else(|| Failure(ExitCode::Input, format!("{data} has no records").into()))?;
            (records, data.clone())
        }
        None => {
            let width = if let FeatureNeeds::Table { count: Some(count), .. } = needs { *count } else { 1 };
            let records = records::made_up(needs, most.max(POOL_ROWS.min(POOL_VALUES / width.max(1))))
                .map_err(|cause| Failure(ExitCode::Usage, format!("{cause}: give data with --data").into()))?;
            (records, "normal random numbers".to_owned())
        }
    };
    Ok((records::mini_batch(records::repeated(&records, most)?), what))
}

/// How fast each scorer is with `rows` rows a call.
fn measure(scorers: &[Box<dyn Scorer>], pool: &MiniBatch, rows: usize, time: Duration) -> Result<Vec<Line>, Failure> {
    let mini_batches: Vec<MiniBatch> =
        (0..pool.len() / rows).map(|index| pool.part(index * rows..(index + 1) * rows)).collect();
    let call = |scorer: &dyn Scorer, mini_batch: &MiniBatch| match score_mini_batch(scorer, mini_batch) {
        Ok(predictions) => {
            black_box(predictions);
            Ok(())
        }
        Err(error) => {
            let cause = format!("{} does not score the records: {error}; give others with --data", scorer.engine());
            Err(Failure(ExitCode::Thresholds, cause.into()))
        }
    };
    let mut rates: Vec<Vec<Rate>> = scorers.iter().map(|_| Vec::new()).collect();
    for round in 0..=ROUNDS {
        for (scorer, rates) in scorers.iter().zip(&mut rates) {
            // The first round warms up, and need not be long.
            let limit = if round == 0 { time / (4 * ROUNDS as u32) } else { time / ROUNDS as u32 };
            let (started, cpu) = (Instant::now(), cpu_time());
            let mut calls = 0;
            while calls == 0 || started.elapsed() < limit {
                call(scorer.as_ref(), &mini_batches[calls % mini_batches.len()])?;
                calls += 1;
            }
            let scored = (calls * rows) as f64;
            let used = cpu_time().zip(cpu).map(|(after, before)| after.saturating_sub(before));
            if round > 0 {
                let cpu = used.filter(|used| !used.is_zero()).map(|used| scored / used.as_secs_f64());
                rates.push(Rate { wall: scored / started.elapsed().as_secs_f64(), cpu });
            }
        }
    }
    let line = |scorer: &dyn Scorer, rates: &[Rate]| {
        let walls = sorted(rates.iter().map(|rate| rate.wall));
        let cpus = sorted(rates.iter().filter_map(|rate| rate.cpu));
        let median = walls[ROUNDS / 2];
        Line {
            rows_per_call: rows,
            engine: scorer.engine(),
            rows_per_second: median,
            spread: (walls[ROUNDS - 1] - walls[0]) / median,
            rows_per_cpu_second: cpus.get(cpus.len() / 2).copied(),
        }
    };
    Ok(scorers.iter().zip(&rates).map(|(scorer, rates)| line(scorer.as_ref(), rates)).collect())
}

/// Rows a second of one round: of the clock on the wall, and of the processor.
struct Rate {
    wall: f64,
    cpu: Option<f64>,
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

/// CPU time of the process so far, where the system tells.
#[cfg(unix)]
fn cpu_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

#[cfg(not(unix))]
fn cpu_time() -> Option<Duration> {
    None
}

fn table(results: &Results) -> String {
    let mut text = format!("model  {}\ndata   {}\n", results.model, results.data);
    // Engines are called by a letter in the table, as their names are long.
    let mut engines: Vec<&str> = Vec::new();
    for line in &results.results {
        if !engines.contains(&line.engine.as_str()) {
            engines.push(&line.engine);
        }
    }
    let letter = |engine: &str| char::from(b'A' + engines.iter().position(|e| *e == engine).unwrap_or(0) as u8);
    for engine in &engines {
        let _ = writeln!(text, "{}      {engine}", letter(engine));
    }
    let _ = writeln!(
        text,
        "\n{:>10}    {:>14} {:>8} {:>16} {:>8}",
        "rows/call", "rows/s", "spread", "rows/CPU s", "times A"
    );
    let mut first = 0.0;
    for line in &results.results {
        if letter(&line.engine) == 'A' {
            first = line.rows_per_second;
        }
        let cpu = line.rows_per_cpu_second.map_or_else(|| "-".to_owned(), |rate| grouped(rate as u64));
        let _ = writeln!(
            text,
            "{:>10}  {} {:>14} {:>7.1}% {cpu:>16} {:>8.2}",
            line.rows_per_call,
            letter(&line.engine),
            grouped(line.rows_per_second as u64),
            line.spread * 100.0,
            line.rows_per_second / first,
        );
    }
    for (engine, cause) in &results.not_run {
        let _ = writeln!(text, "\nnot measured: {engine}: {cause}");
    }
    if let Some(saved) = &results.saved {
        let _ = writeln!(text, "\nsaved: the plan that is fastest at the most rows a call, in {saved}");
    }
    text
}

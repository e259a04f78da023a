use crate::batchscore::{self, Output};
use crate::data;
use crate::series::{Series, Spread, Variant, alternate};
use crate::table::{Goal, Table};
use crate::{Bench, Result, WORKERS};

const BYTES: u64 = 1_000_000_000;
const COLUMNS: usize = 28;
const MINI_BATCH_SIZE: usize = 4096;
/// Of the processor time that two threads could use.
const LEAST_USE: f64 = 0.9;

/// Whether both threads are at work when there is one file of text.
pub(crate) fn run(bench: &Bench) -> Result<Table> {
    let input = data::csv(&bench.data, BYTES, COLUMNS)?;
    let job = |name: &str, model: &'static str, output| {
        let input = &input;
        Variant::new(format!("CSV of {} MB: {name}", BYTES / 1_000_000), move || {
            batchscore::run(bench, model, input, MINI_BATCH_SIZE, output)
        })
    };
    let variants = [
        job("logistic regression to txt", "logistic_28.onnx", Output::File("predictions.txt")),
        job("without model and output", "nothing.scripted", Output::Nowhere),
    ];
    let mut table = Table::new("threads at work");
    for series in alternate(bench.rounds.min(3), &variants)? {
        let goal = Goal::AtLeast(LEAST_USE * WORKERS as f64);
        table.line(&series, Some(use_of_threads(&series)), Some(goal));
    }
    drop(variants);
    if !bench.keep {
        std::fs::remove_file(&input)?;
    }
    Ok(table)
}

/// CPU seconds a second.
fn use_of_threads(series: &Series) -> Spread {
    Spread::of(series.runs.iter().map(|run| run.cpu_seconds / run.seconds))
}

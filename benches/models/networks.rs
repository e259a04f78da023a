//! Networks through ONNX Runtime and the program's worker pool, and in a Python loop whose calls use all cores.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ::batchscore::data::{ElementType, FeatureNeeds, MiniBatch};
use ::batchscore::engine::Pool;
use ::batchscore::scorer::{Engine, Scorer};
use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch};

use crate::cases::Goal;
use crate::python::{Python, Rates};
use crate::series::Spread;
use crate::table::{Line, Table};
use crate::{Bench, Result, WORKERS, ours};

struct Network {
    model: &'static str,
    title: &'static str,
    rows_a_call: &'static [usize],
}

const NETWORKS: &[Network] = &[
    Network { model: "mlp", title: "MLP 28-256-256-64-1", rows_a_call: &[10, 64, 1024] },
    Network { model: "cnn", title: "CNN, 28 x 28 points", rows_a_call: &[1, 10, 64] },
    Network { model: "resnet50", title: "ResNet-50", rows_a_call: &[1, 8] },
    Network { model: "transformer", title: "transformer, 6 layers of 384, 64 tokens", rows_a_call: &[1, 10, 64] },
    Network { model: "lstm", title: "LSTM of 128, 32 steps", rows_a_call: &[1, 10, 64] },
];

/// Measurements are so many times as long as those of other models: calls of large networks take long.
const TIMES: f64 = 5.0;

const GOAL: Goal = Goal { avx512: 1.0, avx2: 1.0 };

pub(crate) fn measure(bench: &Bench, wanted: impl Fn(&str) -> bool, table: &mut Table) -> Result<()> {
    for network in NETWORKS.iter().filter(|network| wanted("networks") || wanted(network.model)) {
        let path = bench.model(&format!("{}.onnx", network.model));
        let scorer: Arc<dyn Scorer> = ours::load(bench, &path, Engine::Ort)?.into();
        let mut python = Python::with_all_cores(bench, network.model)?;
        // By rows a call, rounds of (ours, theirs).
        let mut measured = Vec::new();
        for &rows in network.rows_a_call {
            let mini_batch = mini_batch(scorer.needs(), rows)?;
            let seconds = bench.seconds * TIMES;
            let mut rounds = Vec::new();
            // The first round warms up.
            for round in 0..=bench.rounds {
                rounds.push(if round % 2 == 0 {
                    let ours = by_pool(&scorer, &mini_batch, seconds)?;
                    (ours, python.rates(rows, seconds)?)
                } else {
                    let theirs = python.rates(rows, seconds)?;
                    (by_pool(&scorer, &mini_batch, seconds)?, theirs)
                });
            }
            measured.push((rows, rounds.split_off(1)));
        }
        lines(network, &measured, table);
    }
    Ok(())
}

/// A line for each number of rows, and for each clock one for the best that either reaches with any number.
fn lines(network: &Network, measured: &[(usize, Vec<(Rates, Rates)>)], table: &mut Table) {
    for unit in ["rows/s", "rows/CPU s"] {
        let of = |rates: &Rates| if unit == "rows/s" { rates.wall } else { rates.cpu };
        let mut push = |rows_a_call: String, rounds: &[(f64, f64)], goal| {
            let rate = |values: Vec<f64>| {
                let median = Spread::of(values.into_iter()).median;
                format!("{median:.*} {unit}", if median < 100.0 { 1 } else { 0 })
            };
            table.push(Line {
                what: format!("{}, ONNX Runtime in {WORKERS} workers", network.title),
                rows_a_call,
                ours: rate(rounds.iter().map(|(ours, _)| *ours).collect()),
                peer: "onnxruntime, all cores".to_owned(),
                theirs: rate(rounds.iter().map(|(_, theirs)| *theirs).collect()),
                ratio: Spread::of(rounds.iter().map(|(ours, theirs)| ours / theirs)),
                goal,
            });
        };
        let rounds = |rounds: &[(Rates, Rates)]| -> Vec<(f64, f64)> {
            rounds.iter().map(|(ours, theirs)| (of(ours), of(theirs))).collect()
        };
        for (rows, of_rows) in measured.iter().filter(|_| unit == "rows/s") {
            push(rows.to_string(), &rounds(of_rows), None);
        }
        let best = |who: fn(&(f64, f64)) -> f64| -> Vec<f64> {
            let series = measured.iter().map(|(_, of_rows)| rounds(of_rows).iter().map(who).collect::<Vec<f64>>());
            let median = |values: &Vec<f64>| Spread::of(values.iter().copied()).median;
            series.max_by(|a, b| median(a).total_cmp(&median(b))).unwrap_or_default()
        };
        let both: Vec<(f64, f64)> = best(|round| round.0).into_iter().zip(best(|round| round.1)).collect();
        push("best of these".to_owned(), &both, (unit == "rows/s").then_some(GOAL));
    }
}

/// Each worker scores `mini_batch` over and over.
fn by_pool(scorer: &Arc<dyn Scorer>, mini_batch: &MiniBatch, seconds: f64) -> Result<Rates> {
    let pool = Pool::new(WORKERS, 0)?;
    let (sender, receiver) = mpsc::channel();
    for _ in 0..WORKERS {
        let (scorer, mini_batch, sender) = (Arc::clone(scorer), mini_batch.clone(), sender.clone());
        pool.start(move || {
            let result = worker(&*scorer, &mini_batch, seconds).map_err(|error| error.to_string());
            let _ = sender.send(result);
        });
    }
    drop(sender);
    let (mut wall, mut rows, mut cpu) = (0.0, 0.0, 0.0);
    for result in receiver {
        let (scored, took, spent) = result?;
        wall += scored / took;
        rows += scored;
        cpu += spent;
    }
    Ok(Rates { wall, cpu: rows / cpu })
}

/// Rows, seconds and CPU seconds of calls for about `seconds`.
fn worker(scorer: &dyn Scorer, mini_batch: &MiniBatch, seconds: f64) -> Result<(f64, f64, f64)> {
    let (started, cpu) = (Instant::now(), ours::cpu_seconds()?);
    let mut rows = 0;
    while rows == 0 || started.elapsed() < Duration::from_secs_f64(seconds) {
        rows += std::hint::black_box(scorer.score(mini_batch)?).len();
    }
    Ok((rows as f64, started.elapsed().as_secs_f64(), ours::cpu_seconds()? - cpu))
}

/// `rows` rows as the model takes them. No network's time depends on the values.
fn mini_batch(needs: &FeatureNeeds, rows: usize) -> Result<MiniBatch> {
    let FeatureNeeds::Table { element, count: Some(count) } = needs else {
        return Err("the model takes no table".into());
    };
    let column = |index: usize| -> ArrayRef {
        let value = |row: usize| (index * 31 + row * 17) % 41;
        match element {
            ElementType::Int64 => Arc::new((0..rows).map(|row| value(row) as i64).collect::<Int64Array>()),
            _ => Arc::new((0..rows).map(|row| value(row) as f32 / 10.0 - 2.0).collect::<Float32Array>()),
        }
    };
    let columns = (0..*count).map(|index| (format!("x{index}"), column(index)));
    let mini_batches = ours::cut(RecordBatch::try_from_iter(columns)?, "rows", rows);
    mini_batches.into_iter().next().ok_or_else(|| "there are no rows".into())
}

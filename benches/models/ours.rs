//! The program's own scorers, called in process.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ::batchscore::data::{Block, Cuts, InputFile, MiniBatch, RowNumbers};
use ::batchscore::scorer::{self, Engine, ModelSettings, Scorer};
use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::{Bench, Result};

/// The model at `path`; [`Engine::Tract`] is the program's own, and ONNX Runtime that which the peers have.
pub(crate) fn load(bench: &Bench, path: &Path, engine: Engine) -> Result<Box<dyn Scorer>> {
    let ort_library = if engine == Engine::Ort { Some(bench.onnxruntime()?) } else { None };
    Ok(scorer::load(path, &ModelSettings { engine, ort_library, ..ModelSettings::default() })?)
}

/// CPU seconds of this thread.
pub(crate) fn cpu_seconds() -> Result<f64> {
    // What the thread has used since the last tick is only added when it gives way.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split_whitespace().next().ok_or("schedstat is empty")?.parse()?;
    Ok(nanoseconds / 1e9)
}

/// Mini-batches of `rows` rows each from a Parquet file whose columns are a model's features, in order.
pub(crate) fn mini_batches(path: &Path, rows: usize) -> Result<Vec<MiniBatch>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.build()?;
    let parts = reader.collect::<std::result::Result<Vec<_>, _>>()?;
    let schema = parts.first().ok_or("there are no rows")?.schema();
    Ok(cut(concat_batches(&schema, &parts)?, &path.display().to_string(), rows))
}

/// Mini-batches of `rows` rows each from `records`, which are called `name`.
pub(crate) fn cut(records: RecordBatch, name: &str, rows: usize) -> Vec<MiniBatch> {
    let block = Block {
        file: Arc::new(InputFile { index: 0, name: name.to_owned() }),
        span: 0..records.num_rows() as u64,
        feature_count: records.num_columns(),
        key: None,
        passed_over: 0,
        records,
        rows: RowNumbers::From(0),
        failures: Arc::new([]),
        cuts: Cuts::Every(rows as u64),
    };
    Arc::new(block).mini_batches().filter(|mini_batch| mini_batch.len() == rows).collect()
}

/// Rows a CPU second, from calls for about `seconds`.
pub(crate) fn rate(scorer: &dyn Scorer, mini_batches: &[MiniBatch], seconds: f64) -> Result<f64> {
    let started = cpu_seconds()?;
    let mut rows = 0;
    let mut calls = 1;
    let mut next = mini_batches.iter().cycle();
    loop {
        // Looking at the clock takes longer than the fastest calls, so looks become rare.
        for mini_batch in next.by_ref().take(calls) {
            rows += std::hint::black_box(scorer.score(mini_batch)?).len();
        }
        let spent = cpu_seconds()? - started;
        if spent >= seconds {
            return Ok(rows as f64 / spent);
        }
        if spent < seconds / 4.0 {
            calls *= 2;
        }
    }
}

/// CPU seconds of loading a model.
pub(crate) fn loading(bench: &Bench, path: &Path) -> Result<f64> {
    let started = cpu_seconds()?;
    let scorer = load(bench, path, Engine::Tract)?;
    let seconds = cpu_seconds()? - started;
    drop(scorer);
    Ok(seconds)
}

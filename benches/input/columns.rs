//! Files read in process: by the program's own code, and by the readers of the arrow crates.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use ::batchscore::data::{ElementType, FeatureNeeds, NamedFeature};
use ::batchscore::input::{self, ColumnPlan, InputSettings, Part, RawBlock};
use ::batchscore::policy::MiniBatchSize;
use ::batchscore::storage::{Pointer, Stores};
use arrow_schema::{ArrowError, DataType, Field, Schema};

use crate::Result;
use crate::process::Run;

/// Rows of a mini-batch, and those that the arrow crates give at once.
const MINI_BATCH: u64 = 4096;
const BATCH: usize = 8192;

/// A column, and what its values become.
pub(crate) type Column = (String, ElementType);

/// Reads all columns with so many threads, which take the blocks of the file in turn. Gives the number of rows, too.
pub(crate) fn ours(path: &Path, columns: &[Column], threads: usize) -> Result<(Run, u64)> {
    let features = columns.iter().map(|(name, element)| NamedFeature { name: name.clone(), element: *element });
    let needs = FeatureNeeds::Named(features.collect());
    let started = Instant::now();
    let settings = InputSettings { mini_batch_size: MiniBatchSize::Items(MINI_BATCH), ..InputSettings::default() };
    let mut listing = input::list(&Stores::default(), &[Pointer::Local(path.into())], &settings)?;
    let plan = Arc::new(ColumnPlan::new(&needs, &settings, &listing)?);
    let file = listing.take(0)?.ok_or("the file is not there")?;
    let parts = Mutex::new(input::open(&file, &plan, &settings)?.parts);
    let read = || -> Result<(f64, u64)> {
        let before = cpu_seconds()?;
        let mut rows = 0;
        loop {
            let next = parts.lock().map_err(|_| "another thread panicked")?.first_mut().and_then(Part::next_block);
            let Some(block) = next.map(RawBlock::decode) else { break };
            if let Some(failure) = block.failures.first() {
                return Err(failure.cause.clone().into());
            }
            rows += std::hint::black_box(block).records.num_rows() as u64;
        }
        Ok((cpu_seconds()? - before, rows))
    };
    let done = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| read().map_err(|error| error.to_string()))).collect();
        threads
            .into_iter()
            .map(|thread| Ok(thread.join().map_err(|_| "a thread panicked")??))
            .collect::<Result<Vec<_>>>()
    })?;
    let seconds = started.elapsed().as_secs_f64();
    Ok((run(seconds, done.iter().map(|(cpu, _)| cpu).sum()), done.iter().map(|(_, rows)| rows).sum()))
}

/// Reads CSV with the arrow-csv crate.
pub(crate) fn arrow_csv(path: &Path, columns: &[Column]) -> Result<(Run, u64)> {
    let reader = arrow_csv::ReaderBuilder::new(schema(columns)).with_header(true).with_batch_size(BATCH);
    drain(|| Ok(reader.build(File::open(path)?)?))
}

/// Reads JSON lines with the arrow-json crate.
pub(crate) fn arrow_json(path: &Path, columns: &[Column]) -> Result<(Run, u64)> {
    let reader = arrow_json::ReaderBuilder::new(schema(columns)).with_batch_size(BATCH);
    drain(|| Ok(reader.build(BufReader::with_capacity(1 << 20, File::open(path)?))?))
}

fn drain<R>(open: impl FnOnce() -> Result<R>) -> Result<(Run, u64)>
where
    R: Iterator<Item = std::result::Result<arrow_array::RecordBatch, ArrowError>>,
{
    let (started, before) = (Instant::now(), cpu_seconds()?);
    let mut rows = 0;
    for batch in open()? {
        rows += std::hint::black_box(batch?).num_rows() as u64;
    }
    Ok((run(started.elapsed().as_secs_f64(), cpu_seconds()? - before), rows))
}

fn schema(columns: &[Column]) -> Arc<Schema> {
    let field = |(name, element): &Column| {
        let data_type = match element {
            ElementType::Float32 => DataType::Float32,
            ElementType::Float64 => DataType::Float64,
            ElementType::Int64 => DataType::Int64,
            _ => DataType::Utf8,
        };
        Field::new(name, data_type, true)
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn run(seconds: f64, cpu_seconds: f64) -> Run {
    Run { seconds, cpu_seconds, peak_mb: f64::NAN, mini_batches_per_second: f64::NAN }
}

/// CPU seconds of this thread.
fn cpu_seconds() -> Result<f64> {
    // What the thread has used since the last tick is only added when it gives way.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split_whitespace().next().ok_or("schedstat is empty")?.parse()?;
    Ok(nanoseconds / 1e9)
}

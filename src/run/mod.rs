//! Batch mode: a job from its input to its output.
//!
//! [`execute`] is the whole story; `README.md` beside this file tells how the threads work together.

mod back_off;
mod background;
mod dispatcher;
mod feed;
mod in_order;
mod passed_over;
mod task;
mod worker;
mod writer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use thiserror::Error;

use crate::engine::{Pool, PoolError, Watch};
use crate::events::{Counts, Event, InputAccount, Status, Summary};
use crate::input::{self, ColumnPlan, Found, InputError, InputSettings};
use crate::output::{Encoder, ErrorWriter, Layout, OutputError, Writer, split_name};
use crate::policy::{ErrorThreshold, StuckLimit, Tally};
use crate::scorer::{self, ModelError};
use crate::spec::{Job, Policies, PredictionsTo};
use crate::storage::{Existing, NewFile};

use dispatcher::{Dispatcher, Setup};
use feed::Feed;
use worker::Shared;
use writer::{WriterThread, Written};

/// Bytes of results at which a block is large enough, whatever it is read from. Of narrow ones the input is larger.
const BLOCK_RESULTS: u64 = 16 << 20;

/// The user's wish to stop, settable from a signal handler.
#[derive(Debug, Default)]
pub struct Cancel(AtomicBool);

impl Cancel {
    /// Asks the run to end; it finishes the model calls under way and keeps what is done.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the run was asked to end.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A job that could not begin.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the inner errors say it")]
pub enum StartError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error("cannot start the writer thread: {0}")]
    Thread(std::io::Error),
}

/// Why a job that had begun did not complete.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StopReason {
    #[error("failed items: {failed}, more than error_threshold {threshold} allows")]
    ErrorThreshold { failed: u64, threshold: ErrorThreshold },
    #[error("failed mini-batches: {failed}, more than mini_batch_error_threshold {threshold} allows")]
    MiniBatchErrorThreshold { failed: u64, threshold: ErrorThreshold },
    #[error("no item succeeded; the first failure: {first}")]
    NothingSucceeded { unreadable: bool, first: String },
    #[error("no progress in {} seconds (progress_update_timeout)", .0.as_secs_f64())]
    NoProgress(Duration),
    #[error(
        "{0} calls of the model did not return in time and are stuck: the model hangs, or retry_settings.timeout is too short"
    )]
    Stuck(usize),
    #[error("interrupted")]
    Interrupted,
    #[error("the input cannot be listed further: {0}")]
    Input(InputError),
    #[error(transparent)]
    Output(OutputError),
    #[error("the output cannot be written")]
    Unwritable,
    #[error("{0}; this is a fault of batchscore, please report it")]
    Internal(String),
}

impl StopReason {
    /// The threshold that the failures so far exceed; totals are `None` until the whole input is known.
    fn of_thresholds(
        policies: &Policies,
        failed_items: u64,
        failed_mini_batches: u64,
        items: Option<u64>,
        mini_batches: Option<u64>,
    ) -> Option<StopReason> {
        let tally = Tally { failed: failed_items, total: items };
        if policies.error_threshold.is_exceeded(tally) {
            return Some(StopReason::ErrorThreshold { failed: failed_items, threshold: policies.error_threshold });
        }
        let tally = Tally { failed: failed_mini_batches, total: mini_batches };
        if policies.mini_batch_error_threshold.is_exceeded(tally) {
            let threshold = policies.mini_batch_error_threshold;
            return Some(StopReason::MiniBatchErrorThreshold { failed: failed_mini_batches, threshold });
        }
        None
    }
}

/// How a run ended, for the summary.
struct Ended {
    counts: Counts,
    first_failure: Option<String>,
    stop: Option<StopReason>,
    written: Written,
}

/// A job that began and has ended, one way or the other.
#[derive(Debug)]
pub struct Finished {
    /// The account of it.
    pub summary: Summary,
    /// Why it did not complete.
    pub stop: Option<StopReason>,
}

/// Runs a job: lists its input, loads its model, opens its output, scores, and commits.
pub fn execute(job: &Job, cancel: &Cancel, on_event: &mut dyn FnMut(Event)) -> Result<Finished, StartError> {
    let started = Instant::now();
    let listing = input::list(&job.stores, &job.inputs, &job.input)?;
    let scorer = scorer::load(&job.model, &job.model_settings)?;
    let plan = Arc::new(ColumnPlan::new(scorer.needs(), &job.input, &listing)?);
    let scorer = background::explained(scorer, job, &plan)?;
    let (output_schema, engine) = (scorer.output_schema(), scorer.engine());
    let encoder = Encoder::new(job.output.form, &Layout::new(&output_schema, &plan.kept_schema()))?;
    let encoder = Arc::new(match job.output.partition_size {
        Some(size) => encoder.for_parts(size),
        None => encoder,
    });
    let (predictions, errors) = create_outputs(job, &encoder)?;
    let row_bytes = encoder.row_bytes();
    let block_rows = (BLOCK_RESULTS / (row_bytes.predicted + row_bytes.encoded).max(1)).max(1);

    let found = listing.found().clone();
    if found.skipped > 0 {
        on_event(Event::Warning { message: skipped_message(&found) });
    }
    if let Some(doubt) = plan.doubt() {
        on_event(Event::Warning { message: doubt.to_owned() });
    }
    let input = account(&found);
    on_event(Event::JobStarted {
        job: job.name.clone(),
        files: input.files,
        formats: input.formats,
        input_bytes: input.bytes,
        is_listed: input.is_listed,
        workers: job.workers,
    });
    let files = found.is_all.then_some(found.files);
    let (sender, messages) = unbounded();
    let shared = Arc::new(Shared {
        scorer,
        output_schema,
        feed: Feed::new(files, job.memory_budget, job.input.limit),
        listing: Mutex::new(listing),
        plan,
        settings: InputSettings { block_rows: Some(block_rows), ..job.input.clone() },
        encoder,
        watch: Watch::new(job.policies.timeout),
        messages: sender,
        stop: AtomicBool::new(false),
    });
    let pool = Pool::new(job.workers, StuckLimit::for_workers(job.workers).limit())?;
    let writer = WriterThread::start(&shared, predictions, errors).map_err(StartError::Thread)?;
    let setup = Setup {
        shared: &shared,
        files,
        pool: &pool,
        policies: &job.policies,
        cancel,
        on_event,
        writer,
        workers: job.workers,
        seed: started.elapsed().as_nanos() as u64,
    };
    let ended = Dispatcher::start(setup).run(&messages);
    let input = account(shared.listing().found());
    Ok(conclude(job, input, engine, started.elapsed(), ended, on_event))
}

fn create_outputs(job: &Job, encoder: &Arc<Encoder>) -> Result<(Writer, ErrorWriter), OutputError> {
    let target = &job.output;
    let folder = job.stores.folder(&target.folder)?;
    let existing = if target.overwrite { Existing::Replace } else { Existing::Refuse };
    let (stem, extension) = split_name(&target.file_name).unwrap_or((&target.file_name, ""));
    let predictions = match (target.predictions, target.partition_size) {
        (PredictionsTo::Folder, Some(size)) => {
            Writer::in_parts(folder.create_folder(&target.file_name, existing)?, encoder, size, extension)
        }
        (PredictionsTo::Folder, None) => Writer::create(folder.create(&target.file_name, existing)?, encoder)?,
        (PredictionsTo::Stdout, _) => Writer::create(NewFile::stdout(), encoder)?,
        (PredictionsTo::Nowhere, _) => Writer::create(NewFile::discard(), encoder)?,
    };
    // Error records of an earlier, failed try say nothing about this one.
    let errors = folder.create(&format!("{stem}.errors.jsonl"), Existing::Replace)?;
    Ok((predictions, ErrorWriter::create(errors)))
}

fn conclude(
    job: &Job,
    input: InputAccount,
    engine: String,
    elapsed: Duration,
    ended: Ended,
    on_event: &mut dyn FnMut(Event),
) -> Finished {
    let Ended { counts, first_failure, stop, written } = ended;
    // The writer knows best why it could not go on.
    let stop = match (stop, written.error) {
        (None | Some(StopReason::Unwritable), Some(error)) => Some(error),
        (stop, _) => stop,
    };
    let status = match &stop {
        None => Status::Completed,
        Some(StopReason::Interrupted) => Status::Canceled,
        Some(_) => Status::Failed,
    };
    let summary = Summary {
        job: job.name.clone(),
        status,
        error: stop.as_ref().map(ToString::to_string),
        first_failure,
        input,
        counts,
        engine,
        elapsed,
        items_per_second: per_second(&counts, elapsed),
        peak_memory_bytes: peak_memory(),
        predictions: written.predictions,
        partial_predictions: written.partial,
        errors: written.errors,
    };
    if summary.status == Status::Completed && counts.items == 0 {
        let message = match counts.passed_over + counts.files_passed_over {
            0 => "the input has no records: there was nothing to score",
            _ => "no record is taken by --where and --sample: there was nothing to score",
        };
        on_event(Event::Warning { message: message.to_owned() });
    }
    on_event(Event::JobEnded(Box::new(summary.clone())));
    Finished { summary, stop }
}

fn per_second(counts: &Counts, elapsed: Duration) -> f64 {
    let rate = counts.items as f64 / elapsed.as_secs_f64().max(1e-9);
    (rate * 10.0).round() / 10.0
}

/// `VmHWM` of `/proc/self/status` (proc(5)): the peak resident set; `None` where there is no such file.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

fn account(found: &Found) -> InputAccount {
    let Found { files, bytes, formats, is_all, .. } = found;
    InputAccount { files: *files, formats: formats.clone(), bytes: *bytes, is_listed: *is_all }
}

fn skipped_message(found: &Found) -> String {
    let shown = found.skipped_names.join(", ");
    let more = found.skipped - found.skipped_names.len();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} files of no known format are passed over: {shown}{rest}", found.skipped)
}

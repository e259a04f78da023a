use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::back_off::{BackOff, Random};
use super::feed::Work;
use super::in_order::InOrder;
use super::passed_over::PassedOverAhead;
use super::task::{BlockTask, Outcome, Piece};
use super::worker::{Finished, Message, Shared, work};
use super::writer::{Ending, WriterThread};
use super::{Cancel, Ended, StopReason};
use crate::data::{ErrorRecord, Stage};
use crate::engine::{AttemptError, Pool};
use crate::events::{Counts, Event, Progress};
use crate::policy::{ProgressTimeout, StuckLimit, Timeout};
use crate::spec::Policies;

/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Owns the state of a run: counts, thresholds, back-off, order, and the decision to stop. The only thread that tells
/// events.
pub struct Dispatcher<'a> {
    shared: &'a Arc<Shared>,
    pool: &'a Pool,
    policies: &'a Policies,
    cancel: &'a Cancel,
    on_event: &'a mut dyn FnMut(Event),
    writer: WriterThread,
    order: InOrder<Box<Finished>>,
    passed_over: PassedOverAhead,
    back_off: BackOff,
    random: Random,
    counts: Counts,
    /// Failures as they happen; `counts` holds those of finished blocks.
    failed_items: u64,
    failed_mini_batches: u64,
    first_failure: Option<String>,
    /// Whether every failure so far was one of reading the input.
    only_read_failures: bool,
    workers: usize,
    stuck: usize,
    stuck_limit: StuckLimit,
    started: Instant,
    last_progress: (u64, Instant),
    last_told: Instant,
    input_bytes_done: u64,
    stop: Option<StopReason>,
    /// Tasks that a stopped run leaves half done.
    left: Vec<Arc<BlockTask>>,
}

/// Everything that a dispatcher is made from.
pub struct Setup<'a> {
    pub shared: &'a Arc<Shared>,
    /// How many files the input has, if it has been listed to its end.
    pub files: Option<usize>,
    pub pool: &'a Pool,
    pub policies: &'a Policies,
    pub cancel: &'a Cancel,
    pub on_event: &'a mut dyn FnMut(Event),
    pub writer: WriterThread,
    pub workers: usize,
    pub seed: u64,
}

impl<'a> Dispatcher<'a> {
    /// Starts the workers.
    pub fn start(setup: Setup<'a>) -> Self {
        let now = Instant::now();
        let mut dispatcher = Dispatcher {
            order: InOrder::new(setup.files),
            passed_over: PassedOverAhead::default(),
            shared: setup.shared,
            pool: setup.pool,
            policies: setup.policies,
            cancel: setup.cancel,
            on_event: setup.on_event,
            writer: setup.writer,
            back_off: BackOff::default(),
            random: Random(setup.seed),
            counts: Counts::default(),
            failed_items: 0,
            failed_mini_batches: 0,
            first_failure: None,
            only_read_failures: true,
            workers: 0,
            stuck: 0,
            stuck_limit: StuckLimit::for_workers(setup.workers),
            started: now,
            last_progress: (0, now),
            last_told: now,
            input_bytes_done: 0,
            stop: None,
            left: Vec::new(),
        };
        for _ in 0..setup.workers {
            dispatcher.start_worker();
        }
        dispatcher
    }

    /// Runs until everything is answered for, or until a reason to stop has been seen through.
    pub fn run(mut self, messages: &Receiver<Message>) -> Ended {
        let tick = self.tick();
        while !self.is_over() {
            if let Ok(message) = messages.recv_timeout(self.wait(tick)) {
                self.on_message(message);
                while let Ok(message) = messages.try_recv() {
                    self.on_message(message);
                }
            }
            self.on_time(Instant::now());
        }
        self.end(messages)
    }

    fn is_over(&mut self) -> bool {
        if self.stop.is_some() { self.workers == 0 } else { self.order.is_complete() }
    }

    fn end(mut self, messages: &Receiver<Message>) -> Ended {
        let left = self.shared.feed.close();
        self.leave(left);
        for piece in self.back_off.drain() {
            self.left.push(piece.task);
        }
        for task in std::mem::take(&mut self.left) {
            self.shared.close(&task);
        }
        while let Ok(message) = messages.try_recv() {
            self.on_message(message);
        }
        // A run that was stopped has gaps; what stands behind them is finished all the same, and is kept.
        for finished in self.order.take_rest() {
            self.writer.write(finished);
        }
        if self.stop.is_none() {
            self.stop = self.final_reason();
        }
        let written = self.writer.finish(if self.stop.is_none() { Ending::Commit } else { Ending::KeepPartial });
        Ended { counts: self.counts, first_failure: self.first_failure, stop: self.stop, written }
    }

    fn on_message(&mut self, message: Message) {
        match message {
            Message::Listed { files } => self.order.listed(files),
            Message::FileOpened { file, parts, passed_over } => {
                self.order.file_opened(file, parts);
                self.passed_over.file_opened(file, passed_over);
            }
            Message::LimitReached { last } => {
                self.order.end_behind(last);
                self.passed_over.end_behind(last);
            }
            Message::PartEnded { file, part, blocks } => self.order.part_ended(file, part, blocks),
            Message::DecodeFailed { errors } => errors.iter().for_each(|error| self.item_failed(error)),
            Message::AttemptFailed { piece, error } => self.attempt_failed(piece, &error),
            Message::Finished(finished) => self.finished(finished),
            Message::Left(task) => self.left.push(task),
            Message::Broken(reason) => self.stop(reason),
            Message::WriteFailed => self.stop(StopReason::Unwritable),
            Message::Written { input_bytes } => self.input_bytes_done += input_bytes,
            Message::StuckReturned => self.stuck -= 1,
            Message::WorkerEnded(broken) => {
                self.workers -= 1;
                if let Some(cause) = broken {
                    self.stop(StopReason::Internal(format!("a worker panicked: {cause}")));
                }
            }
        }
        while let Some(finished) = self.order.pop() {
            self.writer.write(finished);
        }
        let passed_over = self.passed_over.take_until(self.order.position());
        self.counts.passed_over += passed_over.records;
        self.counts.row_groups_passed_over += passed_over.row_groups;
        self.counts.files_passed_over += passed_over.files;
    }

    fn on_time(&mut self, now: Instant) {
        for piece in self.back_off.due(now) {
            self.shared.feed.push(Work::Attempt(piece));
        }
        for expired in self.shared.watch.expired(now) {
            self.abandon(expired.work, AttemptError::TimedOut(expired.limit));
        }
        if self.stop.is_none() && self.cancel.is_requested() {
            self.stop(StopReason::Interrupted);
        }
        let attempts = self.shared.watch.counts();
        let finished = attempts.attempts + self.counts.items;
        if finished != self.last_progress.0 {
            self.last_progress = (finished, now);
        }
        if let Some(limit) = self.policies.progress_update_timeout
            && limit.is_exceeded(now - self.last_progress.1)
            && self.stop.is_none()
        {
            self.stop(StopReason::NoProgress(limit.limit()));
        }
        if now - self.last_told >= PROGRESS_INTERVAL {
            self.last_told = now;
            // Of blocks under way, the share that is done.
            let under_way = (attempts.items + self.failed_items).saturating_sub(self.counts.items);
            let bytes_under_way = (under_way as f64 * self.shared.feed.bytes_per_item()) as u64;
            let progress = Progress {
                succeeded: attempts.items,
                failed: self.failed_items,
                retries: self.counts.retries,
                workers_busy: self.shared.feed.busy(),
                input_bytes_done: self.input_bytes_done + bytes_under_way,
                elapsed: now - self.started,
            };
            (self.on_event)(Event::Progress(progress));
        }
    }

    fn attempt_failed(&mut self, mut piece: Piece, error: &AttemptError) {
        piece.attempts += 1;
        if self.stop.is_some() {
            self.left.push(piece.task);
        } else if piece.gets_another_attempt(error, &self.policies.retry) {
            let made = piece.attempts - piece.attempts_before_split.unwrap_or(0);
            let pause = self.policies.retry.pause(made, self.random.next());
            self.counts.retries += 1;
            (self.on_event)(Event::Retrying {
                file: piece.task.block.file.name.clone(),
                row: piece.items.row(0),
                attempts: piece.attempts,
                pause_ms: pause.as_millis() as u64,
                cause: error.to_string(),
            });
            self.back_off.push(Instant::now() + pause, piece);
        } else if piece.items.len() > 1 {
            // One bad item fails the whole call: try smaller and smaller parts until only the guilty ones fail.
            piece.task.split();
            self.counts.retries += 2;
            for half in piece.halves() {
                self.shared.feed.push(Work::Attempt(half));
            }
        } else {
            self.give_up(&piece, error);
        }
    }

    fn give_up(&mut self, piece: &Piece, error: &AttemptError) {
        let record = ErrorRecord {
            file: Arc::clone(&piece.task.block.file),
            row: Some(piece.items.row(0)),
            key: piece.task.block.key_of(piece.items.records.start),
            items: 1,
            stage: Stage::Score,
            attempts: piece.attempts,
            cause: error.to_string(),
        };
        if piece.task.mini_batch_failed(piece.mini_batch) {
            self.failed_mini_batches += 1;
        }
        self.item_failed(&record);
        if piece.task.bring(Outcome { records: piece.records(), attempts: piece.attempts, result: Err(record) }) {
            self.shared.feed.push(Work::Close(Arc::clone(&piece.task)));
        }
        if self.stop.is_some() {
            self.left.push(Arc::clone(&piece.task));
        }
    }

    fn item_failed(&mut self, record: &ErrorRecord) {
        self.failed_items += record.items;
        self.only_read_failures &= record.stage == Stage::Read;
        let file = record.file.name.clone();
        let cause = record.cause.clone();
        self.first_failure.get_or_insert_with(|| match record.row {
            Some(row) => format!("{file}, row {row}: {cause}"),
            None => format!("{file}: {cause}"),
        });
        (self.on_event)(match record.row {
            Some(row) if record.stage != Stage::Read => Event::ItemFailed { file, row, stage: record.stage, cause },
            _ => Event::ReadFailed { file, cause },
        });
        if self.stop.is_none() {
            let policies = self.policies;
            let reason = StopReason::of_thresholds(policies, self.failed_items, self.failed_mini_batches, None, None);
            if let Some(reason) = reason {
                self.stop(reason);
            }
        }
    }

    fn finished(&mut self, finished: Box<Finished>) {
        let closed = &finished.closed;
        if let Some(cause) = &closed.miscount {
            let cause = cause.clone();
            self.stop(StopReason::Internal(cause));
        }
        // The others have been told of as they happened.
        finished.closed.errors.iter().filter(|error| error.stage == Stage::Write).for_each(|e| self.item_failed(e));
        let closed = &finished.closed;
        self.counts.items += closed.succeeded + closed.failed;
        self.counts.succeeded += closed.succeeded;
        self.counts.failed += closed.failed;
        self.counts.unscored += closed.unscored;
        self.counts.passed_over += closed.passed_over;
        self.counts.mini_batches += closed.mini_batches;
        self.counts.failed_mini_batches += closed.failed_mini_batches;
        self.order.push(finished.id, finished);
    }

    /// A call is left to itself: its piece has failed, its task goes on without it, another worker takes its place.
    fn abandon(&mut self, piece: Piece, error: AttemptError) {
        self.stuck += 1;
        self.workers -= 1;
        self.counts.timeouts += 1;
        (self.on_event)(Event::AttemptAbandoned {
            file: piece.task.block.file.name.clone(),
            row: piece.items.row(0),
            stuck: self.stuck,
        });
        let task = Arc::clone(&piece.task);
        if self.stop.is_none() && self.stuck_limit.is_exceeded(self.stuck) {
            self.stop(StopReason::Stuck(self.stuck));
        }
        if self.stop.is_none() {
            self.shared.feed.push(Work::Continue(task));
            self.start_worker();
        } else {
            self.left.push(task);
        }
        self.attempt_failed(piece, &error);
    }

    fn stop(&mut self, reason: StopReason) {
        if self.stop.is_some() {
            return;
        }
        (self.on_event)(Event::Stopping { cause: reason.to_string() });
        // Calls that hang would be waited for in vain.
        let hopeless = matches!(reason, StopReason::NoProgress(_) | StopReason::Stuck(_));
        self.stop = Some(reason);
        self.shared.stop.store(true, Ordering::Relaxed);
        let left = self.shared.feed.close();
        self.leave(left);
        if hopeless {
            for piece in self.shared.watch.abandon_all() {
                self.workers -= 1;
                self.stuck += 1;
                self.left.push(piece.task);
            }
        }
    }

    fn leave(&mut self, work: Vec<Work>) {
        for work in work {
            match work {
                Work::Attempt(piece) => self.left.push(piece.task),
                Work::Continue(task) | Work::Close(task) => self.left.push(task),
                Work::Open(_) | Work::Read { .. } => {}
            }
        }
    }

    /// Whether a run that went to its end has failed all the same.
    fn final_reason(&self) -> Option<StopReason> {
        let counts = &self.counts;
        let (items, mini_batches) = (Some(counts.items), Some(counts.mini_batches));
        StopReason::of_thresholds(self.policies, counts.failed, self.failed_mini_batches, items, mini_batches).or_else(
            || {
                (counts.succeeded == 0 && counts.failed > 0).then(|| StopReason::NothingSucceeded {
                    unreadable: self.only_read_failures,
                    first: self.first_failure.clone().unwrap_or_default(),
                })
            },
        )
    }

    fn start_worker(&mut self) {
        self.workers += 1;
        let shared = Arc::clone(self.shared);
        self.pool.start(move || work(&shared));
    }

    /// How often time matters: often enough for the shortest limit.
    fn tick(&self) -> Duration {
        let limits = [
            self.policies.timeout.map(Timeout::limit),
            self.policies.progress_update_timeout.map(ProgressTimeout::limit),
        ];
        let shortest = limits.into_iter().flatten().min().unwrap_or(Duration::MAX);
        (shortest / 10).clamp(Duration::from_millis(1), Duration::from_millis(50))
    }

    fn wait(&self, tick: Duration) -> Duration {
        let next = self.back_off.next_due();
        next.map_or(tick, |due| due.saturating_duration_since(Instant::now()).min(tick))
    }
}

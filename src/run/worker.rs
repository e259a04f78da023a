use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arrow_schema::SchemaRef;
use crossbeam_channel::Sender;

use super::StopReason;
use super::feed::{Feed, Grant, Work};
use super::in_order::BlockId;
use super::task::{BlockTask, Closed, Outcome, Piece};
use crate::caught;
use crate::data::{Block, Cuts, ErrorRecord, RowNumbers, Stage};
use crate::engine::{AttemptError, Slot, Watch, score_mini_batch};
use crate::input::{self, ColumnPlan, InputSettings, Listing, OpenedFile, Part, PassedOverBefore};
use crate::output::{Encoded, Encoder, OutputError, Writable};
use crate::scorer::Scorer;

/// What all workers of a run share.
pub struct Shared {
    pub scorer: Arc<dyn Scorer>,
    pub output_schema: SchemaRef,
    pub listing: Mutex<Listing>,
    pub plan: Arc<ColumnPlan>,
    pub settings: InputSettings,
    pub encoder: Arc<Encoder>,
    pub feed: Feed,
    pub watch: Watch<Piece>,
    pub messages: Sender<Message>,
    /// Set when the run ends early: no mini-batch starts any more.
    pub stop: AtomicBool,
}

/// What workers tell the dispatcher.
pub enum Message {
    /// The input has been listed to its end.
    Listed {
        files: usize,
    },
    FileOpened {
        file: usize,
        parts: usize,
        passed_over: PassedOverBefore,
    },
    PartEnded {
        file: usize,
        part: usize,
        blocks: u64,
    },
    /// The last block that the limit allows was read: nothing behind it is read any more.
    LimitReached {
        last: BlockId,
    },
    DecodeFailed {
        errors: Arc<[ErrorRecord]>,
    },
    AttemptFailed {
        piece: Piece,
        error: AttemptError,
    },
    Finished(Box<Finished>),
    /// The run was stopped before this task was over; others may still be at work on it.
    Left(Arc<BlockTask>),
    /// A block could not be brought into the output's form.
    Broken(StopReason),
    /// An abandoned call has returned, and its worker ended.
    StuckReturned,
    /// A worker ended; the text is there when it broke down.
    WorkerEnded(Option<String>),
    /// The writer thread has written a block of so many input bytes.
    Written {
        input_bytes: u64,
    },
    /// The writer thread cannot go on; it says why when it ends.
    WriteFailed,
}

/// A block that is ready to be written.
pub struct Finished {
    pub id: BlockId,
    pub encoded: Option<Encoded>,
    pub closed: Closed,
    pub input_bytes: u64,
}

/// A worker's life: takes work until the feed is closed, or until one of its calls is abandoned.
pub fn work(shared: &Arc<Shared>) {
    let slot = shared.watch.enter();
    let ended = catch_unwind(AssertUnwindSafe(|| Worker { shared, slot: &slot }.run()));
    shared.watch.leave(&slot);
    let message = match ended {
        Ok(End::Closed) => Message::WorkerEnded(None),
        Ok(End::Abandoned) => Message::StuckReturned,
        Err(payload) => Message::WorkerEnded(Some(caught::message(payload.as_ref()))),
    };
    shared.tell(message);
}

impl Shared {
    /// The files that are still to be read.
    pub fn listing(&self) -> MutexGuard<'_, Listing> {
        // A listing that panicked says so again when it is asked for more.
        self.listing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The dispatcher outlives the workers but for those that are stuck when the run ends: nobody listens to them.
    pub fn tell(&self, message: Message) {
        let _ = self.messages.send(message);
    }

    /// Ends a task and sends what came of it on its way to the writer.
    pub fn close(&self, task: &BlockTask) {
        let Some(closed) = task.close(&self.output_schema) else { return };
        let finished = match closed {
            Ok(closed) => self.finish(task, closed).map_err(StopReason::Output),
            Err(error) => Err(StopReason::Internal(format!("the predictions of a block cannot be joined: {error}"))),
        };
        self.tell(match finished {
            Ok(finished) => Message::Finished(Box::new(finished)),
            Err(reason) => Message::Broken(reason),
        });
    }

    /// Encodes the results of a block; those that cannot be become failures.
    fn finish(&self, task: &BlockTask, mut closed: Closed) -> Result<Finished, OutputError> {
        let writable = closed.scored.take().map(|scored| self.encoder.encode_writable(&scored)).transpose()?;
        let encoded = writable.and_then(|Writable { encoded, unwritable }| {
            closed.unwritable(&task.block, unwritable);
            encoded
        });
        // Neither records nor predictions are held any more, but for what is a part of the encoded.
        let bytes = encoded.as_ref().map_or(0, |encoded| encoded.bytes() as u64);
        self.feed.holds(task.id, bytes + closed.errors_memory());
        Ok(Finished { id: task.id, encoded, closed, input_bytes: task.input_bytes })
    }
}

struct Worker<'a> {
    shared: &'a Arc<Shared>,
    slot: &'a Arc<Slot<Piece>>,
}

enum End {
    Closed,
    Abandoned,
}

/// The call under way was abandoned: its worker must end.
struct Abandoned;

impl Worker<'_> {
    fn run(&self) -> End {
        let mut was_busy = false;
        while let Some(work) = self.shared.feed.next(was_busy) {
            was_busy = true;
            let done = match work {
                Work::Open(file) => {
                    self.open(file);
                    Ok(())
                }
                Work::Read { id, part } => self.read(id, part),
                Work::Attempt(piece) => self.attempt(piece),
                Work::Continue(task) => self.score(&task),
                Work::Close(task) => {
                    self.shared.close(&task);
                    Ok(())
                }
            };
            if let Err(Abandoned) = done {
                self.shared.feed.worker_gone();
                return End::Abandoned;
            }
        }
        End::Closed
    }

    fn open(&self, file: usize) {
        let shared = self.shared;
        // Taken before it is looked at: the listing must not stay locked meanwhile.
        let taken = shared.listing().take(file);
        let listed = match taken {
            Ok(Some(listed)) => listed,
            Ok(None) => {
                let files = shared.listing().found().files;
                shared.feed.listed(files);
                shared.tell(Message::Listed { files });
                return;
            }
            Err(error) => {
                shared.tell(Message::Broken(StopReason::Input(error)));
                return;
            }
        };
        match input::open(&listed, &shared.plan, &shared.settings) {
            Ok(OpenedFile { parts, passed_over }) => {
                shared.tell(Message::FileOpened { file, parts: parts.len(), passed_over });
                shared.feed.opened(file, parts);
            }
            Err(error) => {
                let failure = ErrorRecord {
                    file: Arc::clone(&listed.file),
                    row: None,
                    key: None,
                    items: 1,
                    stage: Stage::Read,
                    attempts: 0,
                    cause: error.to_string(),
                };
                let block = Block {
                    file: Arc::clone(&listed.file),
                    span: 0..1,
                    records: arrow_array::RecordBatch::new_empty(Arc::clone(shared.plan.record_schema())),
                    feature_count: shared.plan.feature_count(),
                    key: None,
                    passed_over: 0,
                    rows: RowNumbers::From(0),
                    failures: Arc::new([failure]),
                    cuts: Cuts::Every(1),
                };
                let id = BlockId { file, part: 0, block: 0 };
                shared.tell(Message::FileOpened { file, parts: 1, passed_over: PassedOverBefore::new() });
                shared.tell(Message::PartEnded { file, part: 0, blocks: 1 });
                self.grant(id, 1);
                shared.feed.opened(file, Vec::new());
                self.take_in(&BlockTask::new(id, block, listed.size));
            }
        }
    }

    fn read(&self, id: BlockId, mut part: Part) -> Result<(), Abandoned> {
        let shared = self.shared;
        let Some(raw) = part.next_block() else {
            shared.feed.part_ended(id);
            shared.tell(Message::PartEnded { file: id.file, part: id.part, blocks: id.block });
            return Ok(());
        };
        let (mut memory, input_bytes) = (raw.memory(), raw.input_bytes());
        let span = raw.span();
        // Under a limit, it must be known how many items a block has before the next one may be read.
        let early = shared.settings.limit.is_some() && shared.settings.selects();
        let (items, block): (u64, Box<dyn FnOnce() -> Block>) = if early {
            let block = raw.decode();
            (block.items(), Box::new(move || block))
        } else {
            (span.end - span.start, Box::new(move || raw.decode()))
        };
        let granted = self.grant(id, items);
        memory += items.min(granted) * shared.encoder.row_bytes().at_most();
        shared.feed.block_read(id, part, memory, input_bytes, items);
        let mut block = block();
        block.truncate(granted);
        if !block.failures.is_empty() {
            shared.feed.holds(id, memory + block.failures.iter().map(ErrorRecord::memory).sum::<u64>());
        }
        let task = BlockTask::new(id, block, input_bytes);
        self.take_in(&task);
        shared.feed.share(&task);
        self.score(&task)
    }

    /// Takes the items of a block out of what the limit leaves; how many of them there are.
    fn grant(&self, id: BlockId, items: u64) -> u64 {
        let Grant { items, is_last } = self.shared.feed.grant(items);
        if is_last {
            self.shared.tell(Message::LimitReached { last: id });
        }
        items
    }

    /// Tells of what could not be decoded, and closes a task of which nothing could.
    fn take_in(&self, task: &Arc<BlockTask>) {
        if !task.block.failures.is_empty() {
            self.shared.tell(Message::DecodeFailed { errors: Arc::clone(&task.block.failures) });
        }
        if task.block.records.num_rows() == 0 {
            self.shared.close(task);
        }
    }

    /// Scores the mini-batches of a task that nobody has taken, one after the other. Several workers may do so at once.
    fn score(&self, task: &Arc<BlockTask>) -> Result<(), Abandoned> {
        let mut next = self.unless_stopped(|| task.take_mini_batch());
        while let Some(items) = next {
            let piece = Piece::whole(task, items);
            let records = piece.records();
            next = match self.call(piece)? {
                (_, Ok(predictions)) => {
                    let outcome = Outcome { records, attempts: 1, result: Ok(predictions) };
                    if self.stopped() {
                        task.bring(outcome);
                        None
                    } else {
                        task.bring_and_take(outcome)
                    }
                }
                (piece, Err(error)) => {
                    self.shared.tell(Message::AttemptFailed { piece, error });
                    self.unless_stopped(|| task.take_mini_batch())
                }
            };
        }
        if self.stopped() {
            self.shared.tell(Message::Left(Arc::clone(task)));
        } else if task.is_over() {
            self.shared.close(task);
        }
        Ok(())
    }

    /// Tries a piece that travels on its own.
    fn attempt(&self, piece: Piece) -> Result<(), Abandoned> {
        if self.stopped() {
            self.shared.tell(Message::Left(piece.task));
            return Ok(());
        }
        match self.call(piece)? {
            (piece, Ok(predictions)) => {
                let attempts = piece.attempts + 1;
                if piece.task.bring(Outcome { records: piece.records(), attempts, result: Ok(predictions) }) {
                    self.shared.close(&piece.task);
                }
            }
            (piece, Err(error)) => self.shared.tell(Message::AttemptFailed { piece, error }),
        }
        Ok(())
    }

    /// One attempt, under the watch.
    fn call(&self, piece: Piece) -> Result<(Piece, Result<crate::data::Predictions, AttemptError>), Abandoned> {
        let items = piece.items.clone();
        self.slot.begin(piece, Instant::now());
        let result = score_mini_batch(self.shared.scorer.as_ref(), &items);
        let scored = if result.is_ok() { items.len() as u64 } else { 0 };
        let piece = self.slot.end(scored).ok_or(Abandoned)?;
        Ok((piece, result))
    }

    fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    fn unless_stopped<T>(&self, take: impl FnOnce() -> Option<T>) -> Option<T> {
        if self.stopped() { None } else { take() }
    }
}

use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::StopReason;
use super::task::Closed;
use super::worker::{Finished, Message, Shared};
use crate::caught;
use crate::output::{ErrorWriter, OutputError, Writer};

/// The thread that writes blocks, in the order in which they are given to it, and frees their permits.
pub struct WriterThread {
    commands: Sender<Command>,
    thread: JoinHandle<Written>,
}

enum Command {
    Write(Box<Finished>),
    Finish(Ending),
}

/// What becomes of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is complete and appears under its name.
    Commit,
    /// The job ended early: what there is is kept under another name.
    KeepPartial,
}

/// Where things are after the end.
#[derive(Debug, Default)]
pub struct Written {
    pub predictions: Option<String>,
    pub partial: Option<String>,
    pub errors: Option<String>,
    /// The first thing that went wrong.
    pub error: Option<StopReason>,
}

impl WriterThread {
    /// Starts the thread. Bytes in flight are bounded by the feed, so the queue needs no bound of its own.
    pub fn start(shared: &Arc<Shared>, predictions: Writer, errors: ErrorWriter) -> std::io::Result<Self> {
        let (commands, queue) = unbounded();
        let shared = Arc::clone(shared);
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || write_all(&shared, predictions, errors, &queue))?;
        Ok(WriterThread { commands, thread })
    }

    /// Queues a block.
    pub fn write(&self, finished: Box<Finished>) {
        // A writer that is gone has panicked, which `finish` reports.
        let _ = self.commands.send(Command::Write(finished));
    }

    /// Ends the output once all that is queued is written.
    pub fn finish(self, ending: Ending) -> Written {
        let _ = self.commands.send(Command::Finish(ending));
        self.thread.join().unwrap_or_else(|payload| Written {
            error: Some(StopReason::Internal(format!("the writer panicked: {}", caught::message(payload.as_ref())))),
            ..Written::default()
        })
    }
}

fn write_all(shared: &Shared, mut predictions: Writer, mut errors: ErrorWriter, queue: &Receiver<Command>) -> Written {
    let mut written = Written::default();
    let mut ending = Ending::KeepPartial;
    while let Ok(command) = queue.recv() {
        match command {
            Command::Write(finished) => {
                let Finished { id, encoded, closed, input_bytes } = *finished;
                if written.error.is_none()
                    && let Err(error) = write(&mut predictions, &mut errors, encoded, &closed)
                {
                    written.error = Some(StopReason::Output(error));
                    shared.tell(Message::WriteFailed);
                }
                shared.feed.written(id);
                shared.tell(Message::Written { input_bytes });
            }
            Command::Finish(wanted) => {
                ending = wanted;
                break;
            }
        }
    }
    // The predictions appear last: where they are, the error records are complete.
    match errors.commit() {
        Ok(location) => written.errors = Some(location),
        Err(error) => written.fail(error),
    }
    if ending == Ending::Commit && written.error.is_none() {
        match predictions.commit() {
            Ok(location) => written.predictions = Some(location),
            Err(error) => written.fail(error),
        }
    } else {
        match predictions.keep_partial() {
            Ok(location) => written.partial = location,
            Err(error) => written.fail(error),
        }
    }
    written
}

impl Written {
    /// Notes an error, unless there was one before.
    fn fail(&mut self, error: OutputError) {
        self.error.get_or_insert(StopReason::Output(error));
    }
}

fn write(
    predictions: &mut Writer,
    errors: &mut ErrorWriter,
    encoded: Option<crate::output::Encoded>,
    closed: &Closed,
) -> Result<(), OutputError> {
    if let Some(encoded) = encoded {
        predictions.write(encoded)?;
    }
    closed.all_errors().try_for_each(|record| errors.write(record))
}

//! What is fetched before it is asked for, so that nobody waits for an answer while there is room for more requests.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, mpsc};

use futures_util::future::{self, Either};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::runtime::spawn;

/// Bytes that may be fetched ahead by all together, in units.
const ROOM: u64 = 64;

/// A unit: the least that a request counts for, so that at most [`ROOM`] are under way.
const UNIT: u64 = 1 << 20;

/// Something that is being fetched. Dropping it ends that, and gives its room back.
pub(super) struct Fetch<T> {
    urgent: Arc<Notify>,
    answer: mpsc::Receiver<(T, Option<OwnedSemaphorePermit>)>,
    task: Option<tokio::task::AbortHandle>,
}

impl<T: Send + 'static> Fetch<T> {
    /// Begins `work`, which brings `bytes`, once there is room for it; in the order of the calls.
    pub(super) fn begin(bytes: u64, work: impl Future<Output = T> + Send + 'static) -> Fetch<T> {
        let urgent = Arc::new(Notify::new());
        let (sender, answer) = mpsc::sync_channel(1);
        let hurry = Arc::clone(&urgent);
        let task = spawn(async move {
            let units = bytes.div_ceil(UNIT).clamp(1, ROOM) as u32;
            let room = pin!(Arc::clone(room()).acquire_many_owned(units));
            let permit = match future::select(room, pin!(hurry.notified())).await {
                Either::Left((permit, _)) => permit.ok(),
                // Somebody waits for it: that others hold the room is no reason to wait longer.
                Either::Right(_) => None,
            };
            let _ = sender.send((work.await, permit));
        });
        // Without a runtime there is no answer, which `wait` says.
        Fetch { urgent, answer, task: task.ok() }
    }

    /// What was fetched, and the room that it takes until that is dropped; nothing if the work was lost.
    pub(super) fn wait(self) -> Option<(T, Option<OwnedSemaphorePermit>)> {
        self.urgent.notify_one();
        self.answer.recv().ok()
    }
}

impl<T> Drop for Fetch<T> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

fn room() -> &'static Arc<Semaphore> {
    static PERMITS: std::sync::LazyLock<Arc<Semaphore>> =
        std::sync::LazyLock::new(|| Arc::new(Semaphore::new(ROOM as usize)));
    &PERMITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_does_not_wait_for_room() {
        // Those before it are never waited for, and hold more than all room.
        let held: Vec<_> = (0..3).map(|_| Fetch::begin(ROOM * UNIT, future::pending::<()>())).collect();
        let fetch = Fetch::begin(1, async { 7 });
        assert_eq!(fetch.wait().unwrap().0, 7);
        drop(held);
        // Their room has come back.
        let mut all: Vec<_> = (0..200).map(|number| Fetch::begin(UNIT, async move { number })).collect();
        let answers: Vec<i32> = all.drain(..).map(|fetch| fetch.wait().unwrap().0).collect();
        assert_eq!(answers, (0..200).collect::<Vec<_>>());
    }
}

//! What is fetched before it is asked for, so that nobody waits for an answer while there is room for more requests.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, LazyLock, mpsc};

use futures_util::future::{self, Either};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::runtime::spawn;

/// Room is counted in units of so many bytes; no request counts for less.
const UNIT: u64 = 64 << 10;

/// Who shares the bytes that may be fetched ahead. None can take the room of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// Questions about files.
    Looks,
    /// Beginnings and ends of files that nobody has opened yet.
    Unopened,
    /// Stretches of files that are being read.
    Opened,
}

impl Room {
    /// All of it, in units.
    const fn units(self) -> u64 {
        match self {
            Room::Looks => 16,
            Room::Unopened => (32 << 20) / UNIT,
            Room::Opened => (96 << 20) / UNIT,
        }
    }

    fn permits(self) -> &'static Arc<Semaphore> {
        static PERMITS: LazyLock<[Arc<Semaphore>; 3]> = LazyLock::new(|| {
            [Room::Looks, Room::Unopened, Room::Opened].map(|room| Arc::new(Semaphore::new(room.units() as usize)))
        });
        &PERMITS[self as usize]
    }
}

/// Something that is being fetched. Dropping it ends that, and gives its room back.
pub(super) struct Fetch<T> {
    urgent: Arc<Notify>,
    answer: mpsc::Receiver<(T, Option<OwnedSemaphorePermit>)>,
    task: Option<tokio::task::AbortHandle>,
}

impl<T: Send + 'static> Fetch<T> {
    /// Begins `work`, which brings `bytes`, once there is room for it; in the order of the calls.
    pub(super) fn begin(room: Room, bytes: u64, work: impl Future<Output = T> + Send + 'static) -> Fetch<T> {
        let urgent = Arc::new(Notify::new());
        let (sender, answer) = mpsc::sync_channel(1);
        let hurry = Arc::clone(&urgent);
        let task = spawn(async move {
            let units = bytes.div_ceil(UNIT).clamp(1, room.units()) as u32;
            let permits = pin!(Arc::clone(room.permits()).acquire_many_owned(units));
            let permit = match future::select(permits, pin!(hurry.notified())).await {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_does_not_wait_for_room() {
        let all = Room::Unopened.units() * UNIT;
        // Those before it are never waited for, and hold more than all room.
        let held: Vec<_> = (0..3).map(|_| Fetch::begin(Room::Unopened, all, future::pending::<()>())).collect();
        let fetch = Fetch::begin(Room::Unopened, 1, async { 7 });
        assert_eq!(fetch.wait().unwrap().0, 7);
        drop(held);
        // Their room has come back.
        let begin = |number| Fetch::begin(Room::Unopened, 1 << 20, async move { number });
        let mut all: Vec<_> = (0..200).map(begin).collect();
        let answers: Vec<i32> = all.drain(..).map(|fetch| fetch.wait().unwrap().0).collect();
        assert_eq!(answers, (0..200).collect::<Vec<_>>());
    }

    #[test]
    fn files_that_nobody_reads_leave_room_for_those_that_are_read() {
        let all = Room::Looks.units() * UNIT;
        let held = Fetch::begin(Room::Looks, all, future::pending::<()>());
        let (sender, begun) = mpsc::channel();
        let fetch = Fetch::begin(Room::Opened, 1, async move { sender.send(()) });
        // It begins though nobody waits for it.
        begun.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
        drop((held, fetch));
    }
}

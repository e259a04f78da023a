use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::policy::Timeout;

/// Watches the attempts of all workers: finds those that take too long, and counts those that ended.
///
/// `T` says what an attempt works on, so that somebody else can take over when it is abandoned.
#[derive(Debug)]
pub struct Watch<T> {
    timeout: Option<Timeout>,
    slots: Mutex<Vec<Arc<Slot<T>>>>,
    /// Counts of slots that are gone.
    gone: Mutex<WatchCounts>,
}

/// One worker's place in the watch.
#[derive(Debug)]
pub struct Slot<T>(Mutex<SlotState<T>>);

#[derive(Debug)]
struct SlotState<T> {
    /// When the attempt under way began, and what it works on.
    running: Option<(Instant, T)>,
    counts: WatchCounts,
}

/// What has been counted over all workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WatchCounts {
    /// Attempts that ended, well or not; abandoned ones do not count.
    pub attempts: u64,
    /// Items of the attempts that ended well.
    pub items: u64,
}

/// An attempt that took too long and now belongs to the caller of [`Watch::expired`].
#[derive(Debug)]
pub struct Expired<T> {
    /// What it worked on.
    pub work: T,
    /// The limit that it exceeded.
    pub limit: Duration,
}

impl<T> Watch<T> {
    /// A watch that abandons attempts by `timeout`, or never.
    pub fn new(timeout: Option<Timeout>) -> Self {
        Watch { timeout, slots: Mutex::default(), gone: Mutex::default() }
    }

    /// A place for a worker that starts.
    pub fn enter(&self) -> Arc<Slot<T>> {
        let slot = Arc::new(Slot(Mutex::new(SlotState { running: None, counts: WatchCounts::default() })));
        lock(&self.slots).push(Arc::clone(&slot));
        slot
    }

    /// Gives the place of a worker that ends back.
    pub fn leave(&self, slot: &Arc<Slot<T>>) {
        let mut slots = lock(&self.slots);
        slots.retain(|other| !Arc::ptr_eq(other, slot));
        lock(&self.gone).add(lock(&slot.0).counts);
    }

    /// Takes over every attempt that has exceeded the timeout at `now`; its worker will find that it was abandoned.
    pub fn expired(&self, now: Instant) -> Vec<Expired<T>> {
        let Some(timeout) = self.timeout else { return Vec::new() };
        let slots = lock(&self.slots);
        let mut expired = Vec::new();
        for slot in slots.iter() {
            let mut state = lock(&slot.0);
            if state
                .running
                .as_ref()
                .is_some_and(|(begin, _)| timeout.is_exceeded(now.saturating_duration_since(*begin)))
                && let Some((_, work)) = state.running.take()
            {
                expired.push(Expired { work, limit: timeout.limit() });
            }
        }
        expired
    }

    /// Takes over every attempt that is under way, whatever its time.
    pub fn abandon_all(&self) -> Vec<T> {
        lock(&self.slots).iter().filter_map(|slot| lock(&slot.0).running.take()).map(|(_, work)| work).collect()
    }

    /// The counts over all workers, those that are gone included.
    pub fn counts(&self) -> WatchCounts {
        let slots = lock(&self.slots);
        let mut counts = *lock(&self.gone);
        for slot in slots.iter() {
            counts.add(lock(&slot.0).counts);
        }
        counts
    }
}

impl<T> Slot<T> {
    /// An attempt at `work` begins.
    pub fn begin(&self, work: T, now: Instant) {
        lock(&self.0).running = Some((now, work));
    }

    /// The attempt ended with `items` predicted. `None` when it was abandoned meanwhile: its result must be dropped, and
    /// the worker must end, for another has taken its place.
    pub fn end(&self, items: u64) -> Option<T> {
        let mut state = lock(&self.0);
        let (_, work) = state.running.take()?;
        state.counts.attempts += 1;
        state.counts.items += items;
        Some(work)
    }
}

impl WatchCounts {
    fn add(&mut self, other: WatchCounts) {
        self.attempts += other.attempts;
        self.items += other.items;
    }
}

/// A panic while one of these locks is held cannot leave a half-made change, so a poisoned lock is used on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_in_time_is_its_workers_own() {
        let watch = Watch::new(Timeout::new(Duration::from_secs(1)));
        let slot = watch.enter();
        let begin = Instant::now();
        slot.begin("work", begin);
        assert!(watch.expired(begin + Duration::from_secs(1)).is_empty());
        assert_eq!(slot.end(10), Some("work"));
        assert_eq!(watch.counts(), WatchCounts { attempts: 1, items: 10 });
    }

    #[test]
    fn an_attempt_out_of_time_is_taken_over_once() {
        let watch = Watch::new(Timeout::new(Duration::from_secs(1)));
        let slot = watch.enter();
        let begin = Instant::now();
        slot.begin("work", begin);
        let late = begin + Duration::from_millis(1001);
        assert_eq!(watch.expired(late).into_iter().map(|e| e.work).collect::<Vec<_>>(), ["work"]);
        assert!(watch.expired(late).is_empty());
        assert_eq!(slot.end(10), None);
        assert_eq!(watch.counts(), WatchCounts::default());
    }

    #[test]
    fn counts_survive_their_worker() {
        let watch = Watch::new(None);
        let slot = watch.enter();
        slot.begin((), Instant::now());
        slot.end(3);
        watch.leave(&slot);
        assert_eq!(watch.counts(), WatchCounts { attempts: 1, items: 3 });
    }
}

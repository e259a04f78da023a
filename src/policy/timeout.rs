use std::time::Duration;

/// How long one call of the model may take. In-process work cannot be killed: a call that takes longer is abandoned,
/// its result is dropped and another worker takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(Duration);

impl Timeout {
    /// A call may take so long; `None` when that is no time at all.
    pub fn new(limit: Duration) -> Option<Self> {
        (!limit.is_zero()).then_some(Timeout(limit))
    }

    /// The limit.
    pub fn limit(self) -> Duration {
        self.0
    }

    /// Whether a call that has run for `elapsed` is to be abandoned.
    pub fn is_exceeded(self, elapsed: Duration) -> bool {
        elapsed > self.0
    }
}

impl Default for Timeout {
    /// 30 seconds, as in Azure.
    fn default() -> Self {
        Timeout(Duration::from_secs(30))
    }
}

/// How long a job may go without any mini-batch ending (Azure's `progress_update_timeout`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgressTimeout(Duration);

impl ProgressTimeout {
    /// The job fails after so long without progress; `None` when that is no time at all.
    pub fn new(limit: Duration) -> Option<Self> {
        (!limit.is_zero()).then_some(ProgressTimeout(limit))
    }

    /// The limit.
    pub fn limit(self) -> Duration {
        self.0
    }

    /// Whether `since_last` without a mini-batch ending is too long.
    pub fn is_exceeded(self, since_last: Duration) -> bool {
        since_last > self.0
    }
}

/// How many abandoned calls may be stuck at once before the job gives up: each keeps a thread and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StuckLimit(usize);

impl StuckLimit {
    /// The limit for a pool of `workers`: four times as many, and at least 16: one item that hangs takes a
    /// handful of calls until it is found.
    pub fn for_workers(workers: usize) -> Self {
        StuckLimit((workers * 4).max(16))
    }

    /// The limit.
    pub fn limit(self) -> usize {
        self.0
    }

    /// Whether `stuck` calls are too many.
    pub fn is_exceeded(self, stuck: usize) -> bool {
        stuck > self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_exceeded_only_beyond_it() {
        let second = Duration::from_secs(1);
        let timeout = Timeout::new(second).unwrap();
        assert!(!timeout.is_exceeded(second));
        assert!(timeout.is_exceeded(second + Duration::from_nanos(1)));
        let progress = ProgressTimeout::new(second).unwrap();
        assert!(!progress.is_exceeded(second));
        assert!(progress.is_exceeded(second * 2));
    }

    #[test]
    fn no_time_is_no_limit() {
        assert_eq!(Timeout::new(Duration::ZERO), None);
        assert_eq!(ProgressTimeout::new(Duration::ZERO), None);
    }

    #[test]
    fn the_stuck_limit_grows_with_the_pool() {
        for (workers, limit) in [(1, 16), (4, 16), (8, 32)] {
            assert_eq!(StuckLimit::for_workers(workers).limit(), limit);
            assert!(!StuckLimit::for_workers(workers).is_exceeded(limit));
            assert!(StuckLimit::for_workers(workers).is_exceeded(limit + 1));
        }
    }
}

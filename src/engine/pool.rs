use rayon::{ThreadPool, ThreadPoolBuilder};
use thiserror::Error;

/// The threads that workers run on; the only home of rayon.
///
/// A pool of `workers` has some spare threads that sleep until a worker is stuck in a call that does not return and
/// another is started in its place.
#[derive(Debug)]
pub struct Pool(ThreadPool);

/// The system would not give the threads.
#[derive(Debug, Error)]
#[error("cannot start {threads} worker threads: {cause}; lower --workers")]
pub struct PoolError {
    threads: usize,
    cause: String,
}

impl Pool {
    /// A pool for `workers`, of which up to `spare` can be replaced while they are stuck.
    pub fn new(workers: usize, spare: usize) -> Result<Self, PoolError> {
        let threads = workers + spare;
        ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("worker-{index}"))
            .build()
            .map(Pool)
            .map_err(|error| PoolError { threads, cause: error.to_string() })
    }

    /// Runs `worker` on a thread of its own until it returns. It must not panic.
    pub fn start(&self, worker: impl FnOnce() + Send + 'static) {
        self.0.spawn(worker);
    }
}

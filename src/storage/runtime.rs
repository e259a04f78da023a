//! The private runtime that carries store requests.

use std::future::Future;
use std::sync::{OnceLock, mpsc};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::AbortHandle;

use super::StorageError;

static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// A handle to the runtime, which the first caller starts.
fn handle() -> Result<&'static Handle, StorageError> {
    if RUNTIME.get().is_none() {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("storage")
            .enable_all()
            .build()
            .map_err(|e| StorageError::io("the runtime for store requests", "started", e))?;
        // When two threads meet here, the second runtime is idle and is dropped.
        let _ = RUNTIME.set(runtime);
    }
    match RUNTIME.get() {
        Some(runtime) => Ok(runtime.handle()),
        None => unreachable!("the cell was filled above"),
    }
}

/// Runs `work` on the runtime and waits for it.
///
/// It waits on a plain channel, so that it may be called from a thread of another runtime too.
pub(super) fn wait<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, StorageError> {
    let (done, answer) = mpsc::sync_channel(1);
    spawn(async move {
        let _ = done.send(work.await);
    })?;
    answer.recv().map_err(|_| StorageError::Io {
        object: "a store request".into(),
        done: "finished",
        source: std::io::Error::other("the request's task ended without an answer"),
    })
}

/// Lets `work` run on the runtime; the handle can end it.
pub(super) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Result<AbortHandle, StorageError> {
    Ok(handle()?.spawn(work).abort_handle())
}

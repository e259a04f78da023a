//! What the program is measured against: the least that anybody who reads the file with the parquet crate must do.
//!
//! It is a process of its own, as the program is, so that both are measured in the same way.

use std::ffi::OsString;
use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use crate::process::{self, Run};
use crate::{Result, WORKERS};

/// Starts [`child`] and measures it.
pub(crate) fn run(file: &Path, batch_size: usize) -> Result<Run> {
    let this = std::env::current_exe()?;
    Ok(process::run(Command::new(this).arg("decode-only").arg(file).arg(batch_size.to_string()))?.0)
}

/// Decodes every column of a file into Arrow arrays, and drops them. The threads take row groups in turn.
pub(crate) fn child(args: &[OsString]) -> Result<()> {
    let [path, batch_size] = args else { return Err("decode-only takes a file and a batch size".into()) };
    let batch_size = batch_size.to_str().and_then(|text| text.parse().ok()).ok_or("not a batch size")?;
    let metadata = ArrowReaderMetadata::load(&File::open(path)?, ArrowReaderOptions::new())?;
    let next = AtomicUsize::new(0);
    let decode = || -> std::result::Result<(), parquet::errors::ParquetError> {
        loop {
            let group = next.fetch_add(1, Ordering::Relaxed);
            if group >= metadata.metadata().num_row_groups() {
                return Ok(());
            }
            let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(File::open(path)?, metadata.clone())
                .with_row_groups(vec![group])
                .with_batch_size(batch_size)
                .build()?;
            for batch in reader {
                black_box(batch?);
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..WORKERS).map(|_| scope.spawn(decode)).collect();
        threads.into_iter().try_for_each(|thread| Ok(thread.join().map_err(|_| "a decoding thread panicked")??))
    })
}

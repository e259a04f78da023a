//! Results with a value that the output's format has no form for, such as a time beyond all calendars.

use arrow_array::BooleanArray;
use arrow_schema::ArrowError;
use arrow_select::filter::filter_record_batch;

use super::encoder::{Encoded, Encoder};
use super::layout::Scored;
use super::{OutputError, OutputFormat};
use crate::data::RowNumbers;

/// A block that is ready to be written, without those of its records that cannot be.
pub struct Writable {
    /// What can be written; `None` when nothing can.
    pub encoded: Option<Encoded>,
    /// The row of each other record, rising, and why it cannot be written.
    pub unwritable: Vec<(u64, String)>,
}

impl Encoder {
    /// Encodes a block, and finds the records that cannot be written, if there are any.
    pub fn encode_writable(&self, scored: &Scored) -> Result<Writable, OutputError> {
        let error = match self.encode(scored) {
            Ok(encoded) => return Ok(Writable { encoded: Some(encoded), unwritable: Vec::new() }),
            Err(error @ OutputError::Value { .. }) => error,
            Err(error) => return Err(error),
        };
        let rows = scored.predictions.num_rows();
        let mut found = Vec::new();
        self.find_unwritable(scored, 0, rows, error, &mut found)?;
        let mut is_good = vec![true; rows];
        for (record, _) in &found {
            is_good[*record] = false;
        }
        let encoded = match found.len() < rows {
            true => Some(self.encode(&select(scored, is_good).map_err(|cause| OutputError::Value {
                file: scored.file.name.clone(),
                format: self.format(),
                cause: cause.to_string(),
            })?)?),
            false => None,
        };
        let unwritable = found.into_iter().map(|(record, cause)| (scored.rows.get(record), cause)).collect();
        Ok(Writable { encoded, unwritable })
    }

    /// Looks for the guilty ones among the `len` records from `start` on, which `error` came of, by halves.
    fn find_unwritable(
        &self,
        scored: &Scored,
        start: usize,
        len: usize,
        error: OutputError,
        found: &mut Vec<(usize, String)>,
    ) -> Result<(), OutputError> {
        if len == 1 {
            found.push((start, cause_of(error)?));
            return Ok(());
        }
        let before = found.len();
        for (start, len) in [(start, len / 2), (start + len / 2, len - len / 2)] {
            match self.encode(&scored.slice(start, len)) {
                Ok(_) => {}
                Err(error @ OutputError::Value { .. }) => self.find_unwritable(scored, start, len, error, found)?,
                Err(error) => return Err(error),
            }
        }
        // Each half can be written alone: no single record is to blame.
        if found.len() == before { Err(error) } else { Ok(()) }
    }
}

/// The cause of a value that cannot be written, in the words of an error record.
fn cause_of(error: OutputError) -> Result<String, OutputError> {
    match error {
        OutputError::Value { format, cause, .. } => {
            let other =
                if format == OutputFormat::Parquet { "write .arrow or .csv" } else { "write .parquet or .arrow" };
            Ok(format!("cannot be written as {format}: {cause}; leave the column out, or {other}"))
        }
        other => Err(other),
    }
}

/// Those of the records that are good.
fn select(scored: &Scored, is_good: Vec<bool>) -> Result<Scored, ArrowError> {
    let good = (0..is_good.len()).filter(|record| is_good[*record]);
    let rows: Vec<u64> = good.map(|record| scored.rows.get(record)).collect();
    let kept = match scored.kept.num_columns() {
        0 => scored.kept.slice(0, rows.len()),
        _ => filter_record_batch(&scored.kept, &BooleanArray::from(is_good.clone()))?,
    };
    let predictions = match scored.predictions.num_columns() {
        0 => scored.predictions.slice(0, rows.len()),
        _ => filter_record_batch(&scored.predictions, &BooleanArray::from(is_good))?,
    };
    Ok(Scored { file: scored.file.clone(), rows: RowNumbers::Listed(rows), predictions, kept })
}

//! What delimited text and JSON lines have in common: records become columns, and a bad record costs itself only.

use std::ops::Range;

use arrow_schema::ArrowError;

use super::convert;
use super::number::Misfit;
use super::plan::{ColumnPlan, Wanted};
use super::raw_block::Decoded;
use super::text_column::TextColumn;

/// Columns under construction, and the records that did not get into them.
pub(super) struct TextRows<'a> {
    plan: &'a ColumnPlan,
    /// Whether the whole text is known to be UTF-8.
    is_utf8: bool,
    columns: Vec<TextColumn>,
    /// How long the columns are.
    len: usize,
    /// How many records were taken or refused.
    records: u64,
    /// The records in the columns, once one is missing.
    kept: Option<Vec<u64>>,
    failed: Vec<(u64, String)>,
}

impl<'a> TextRows<'a> {
    /// Columns without values, with room for those of so many records of `text`. `only_utf8` says that records are not
    /// taken in unless they are UTF-8.
    pub(super) fn new(
        plan: &'a ColumnPlan,
        text: &[u8],
        records: usize,
        only_utf8: bool,
    ) -> Result<TextRows<'a>, ArrowError> {
        if i32::try_from(text.len()).is_err() {
            return Err(ArrowError::OffsetOverflowError(text.len()));
        }
        // Text is looked over once as a whole, which is fast, and value by value only if something is wrong in it.
        let is_utf8 = (only_utf8 || plan.has_text()) && std::str::from_utf8(text).is_ok();
        let unchecked = !is_utf8 && !only_utf8;
        let columns = plan.columns().iter().map(|column| new_column(&column.wanted, records, unchecked)).collect();
        Ok(TextRows { plan, is_utf8, columns, len: 0, records: 0, kept: None, failed: Vec::new() })
    }

    /// Whether the whole text is known to be UTF-8.
    pub(super) fn is_utf8(&self) -> bool {
        self.is_utf8
    }

    /// Takes in one record with `decode`, which adds one value to each column, or says why it cannot and may leave some
    /// columns longer than others.
    pub(super) fn one(&mut self, decode: impl FnOnce(&mut [TextColumn]) -> Result<(), String>) {
        match decode(&mut self.columns) {
            Ok(()) => self.keep(1),
            Err(cause) => {
                self.undo();
                self.kept.get_or_insert_with(|| (0..self.records).collect());
                self.failed.push((self.records, cause));
                self.records += 1;
            }
        }
    }

    /// Takes in several records at once. `push` adds some of them to each column, and tells those that do not fit, for
    /// which it may add anything; these are taken again with `decode`, which does as in [`TextRows::one`].
    pub(super) fn many(
        &mut self,
        records: usize,
        mut push: impl FnMut(Range<usize>, &mut [TextColumn], &mut Vec<usize>),
        mut decode: impl FnMut(usize, &mut [TextColumn]) -> Result<(), String>,
    ) {
        let mut failed = Vec::new();
        push(0..records, &mut self.columns, &mut failed);
        if failed.is_empty() {
            self.keep(records);
            return;
        }
        self.undo();
        failed.sort_unstable();
        failed.dedup();
        let mut next = 0;
        for record in failed {
            // What fitted before fits again.
            push(next..record, &mut self.columns, &mut Vec::new());
            self.keep(record - next);
            self.one(|columns| decode(record, columns));
            next = record + 1;
        }
        push(next..records, &mut self.columns, &mut Vec::new());
        self.keep(records - next);
    }

    fn keep(&mut self, records: usize) {
        let next = self.records + records as u64;
        if let Some(kept) = &mut self.kept {
            kept.extend(self.records..next);
        }
        self.records = next;
        self.len += records;
    }

    /// Takes what was added to the columns out again.
    fn undo(&mut self) {
        self.columns.iter_mut().for_each(|column| column.truncate(self.len));
    }

    /// The columns as the plan wants them.
    pub(super) fn finish(self) -> Result<Decoded, ArrowError> {
        let mut bad = Vec::new();
        let columns = self
            .plan
            .columns()
            .iter()
            .zip(self.columns)
            .enumerate()
            .map(|(position, (column, values))| {
                let array = values.finish()?;
                if array.data_type() == &column.wanted.data_type() {
                    return Ok(array);
                }
                let (array, misfits) = convert::convert(&array, column)?;
                bad.push((position, misfits));
                Ok(array)
            })
            .collect::<Result<_, ArrowError>>()?;
        Ok(Decoded { columns, len: self.len, kept: self.kept, failed: self.failed, passed_over: 0, bad })
    }
}

fn new_column(wanted: &Wanted, rows: usize, unchecked: bool) -> TextColumn {
    match wanted {
        Wanted::Element(element) => TextColumn::of(*element, rows, unchecked),
        Wanted::As { json: true, .. } => TextColumn::json(rows, unchecked),
        Wanted::As { .. } => TextColumn::text(rows, unchecked),
    }
}

/// The words for a value that does not fit.
pub(super) fn misfit(plan: &ColumnPlan, column: usize, value: &str, why: Misfit) -> String {
    let column = &plan.columns()[column];
    convert::explain(column, value, why)
}

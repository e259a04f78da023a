use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::filter::filter_record_batch;

use super::columnar::ColumnsContent;
use super::convert::BadValue;
use super::plan::ColumnPlan;
use super::reading::Reading;
pub(super) use super::text_content::{TextContent, TextDecoder};
use crate::caught::caught;
use crate::data::{Block, Cuts, ErrorRecord, InputFile, ItemKey, RowNumbers, Stage};
use crate::policy::MiniBatchSize;

/// Consecutive records of one file, found but not decoded yet.
///
/// Blocks come out of a [`Part`](super::Part) one after the other and can then be decoded on any thread, in any order.
pub struct RawBlock {
    pub(super) file: Arc<InputFile>,
    pub(super) span: Range<u64>,
    pub(super) cuts: Cuts,
    pub(super) input_bytes: u64,
    pub(super) content: Content,
}

/// What a block is made of.
pub(super) enum Content {
    /// Records as text.
    Text(TextContent),
    /// Records as columns of the file's types.
    Columns(ColumnsContent),
    /// Records that cannot be read, so many of which would be items.
    Lost { cause: String, schema: SchemaRef, feature_count: usize, items: u64 },
}

/// Columns of a block as the plan wants them, and the records that did not get into them.
pub(super) struct Decoded {
    /// Columns of equal length in the plan's order.
    pub columns: Vec<ArrayRef>,
    /// How long they are.
    pub len: usize,
    /// The records that they hold, counted from the start of the block, rising; `None` is all of them.
    pub kept: Option<Vec<u64>>,
    /// Records that failed, rising, and why.
    pub failed: Vec<(u64, String)>,
    /// How many of the other records are no items.
    pub passed_over: u64,
    /// Values that turned out not to fit, by position in `columns`.
    pub bad: Vec<(usize, Vec<BadValue>)>,
}

impl RawBlock {
    /// A stretch that cannot be read.
    pub(super) fn lost(
        file: &Arc<InputFile>,
        span: Range<u64>,
        cause: String,
        plan: &ColumnPlan,
        input_bytes: u64,
    ) -> RawBlock {
        let schema = Arc::clone(plan.record_schema());
        let items = span.end - span.start;
        let content = Content::Lost { cause, schema, feature_count: plan.feature_count(), items };
        RawBlock { file: Arc::clone(file), span, cuts: Cuts::Every(1), input_bytes, content }
    }

    /// Rows of the file that this block answers for.
    pub fn span(&self) -> Range<u64> {
        self.span.clone()
    }

    /// An estimate of the bytes that this block holds while it is decoded, the decoded form included.
    pub fn memory(&self) -> u64 {
        match &self.content {
            Content::Text(content) => {
                let records = content.records;
                let text = content.len() as u64;
                let plan = content.decoder.plan();
                text + records * plan.fixed_row_bytes() + if plan.has_text() { text } else { 0 }
            }
            Content::Columns(content) => content.memory(),
            Content::Lost { .. } => 0,
        }
    }

    /// Bytes of the file that were consumed for this block, for progress.
    pub fn input_bytes(&self) -> u64 {
        self.input_bytes
    }

    /// Turns the records into columns. What cannot be turned becomes a failure of its row; nothing here fails as a whole.
    pub fn decode(self) -> Block {
        match &self.content {
            Content::Lost { cause, schema, feature_count, items } => {
                let failure = self.failure(self.span.start, *items, Stage::Read, cause.clone());
                self.without_records(schema, *feature_count, failure)
            }
            Content::Text(content) => {
                let decoded = calmly(|| content.decode(self.span.start));
                self.finish(content.decoder.reading(), decoded, |record| content.key(record))
            }
            Content::Columns(content) => {
                let decoded = calmly(|| content.decode(self.span.start));
                self.finish(content.reading(), decoded, |record| content.key(record))
            }
        }
    }

    fn finish(
        &self,
        reading: &Reading,
        decoded: Result<Decoded, String>,
        key: impl Fn(u64) -> Option<ItemKey>,
    ) -> Block {
        let plan = reading.plan();
        let table = decoded.and_then(|decoded| table(decoded, reading, &self.span).map_err(|error| error.to_string()));
        let Table { records, rows, failed, passed_over } = match table {
            Ok(table) => table,
            Err(cause) => {
                let failure = self.failure(self.span.start, self.span.end - self.span.start, Stage::Decode, cause);
                return self.without_records(plan.record_schema(), plan.feature_count(), failure);
            }
        };
        let cuts = match reading.selects() {
            true => self.cuts_among(&rows, records.num_rows(), &failed, reading.size),
            false => self.cuts.clone(),
        };
        let failure = |(row, cause)| ErrorRecord {
            key: key(row - self.span.start),
            ..self.failure(row, 1, Stage::Decode, cause)
        };
        Block {
            file: Arc::clone(&self.file),
            span: self.span.clone(),
            records,
            feature_count: plan.feature_count(),
            key: plan.key(),
            rows,
            failures: failed.into_iter().map(failure).collect(),
            passed_over,
            cuts,
        }
    }

    fn without_records(&self, schema: &SchemaRef, feature_count: usize, failure: ErrorRecord) -> Block {
        Block {
            file: Arc::clone(&self.file),
            span: self.span.clone(),
            records: RecordBatch::new_empty(Arc::clone(schema)),
            feature_count,
            key: None,
            rows: RowNumbers::From(self.span.start),
            passed_over: self.span.end - self.span.start - failure.items,
            failures: Arc::new([failure]),
            cuts: self.cuts.clone(),
        }
    }

    fn failure(&self, row: u64, items: u64, stage: Stage, cause: String) -> ErrorRecord {
        ErrorRecord { file: Arc::clone(&self.file), row: Some(row), key: None, items, stage, attempts: 0, cause }
    }

    /// Where mini-batches begin when only some records are items: they are as large as they would be of these alone.
    fn cuts_among(&self, rows: &RowNumbers, len: usize, failed: &[(u64, String)], size: MiniBatchSize) -> Cuts {
        let mut items: Vec<u64> = (0..len).map(|record| rows.get(record)).collect();
        items.extend(failed.iter().map(|(row, _)| *row));
        items.sort_unstable();
        let mut starts = vec![self.span.start];
        match (&self.cuts, size, &self.content) {
            (Cuts::Every(every), ..) => {
                // A mini-batch is not larger than all the items, so that it fits the platform's sizes.
                starts.extend(items.iter().step_by((*every).min(items.len().max(1) as u64) as usize).skip(1));
            }
            (Cuts::At(_), MiniBatchSize::Bytes(limit), Content::Text(content)) => {
                let mut bytes = 0;
                let ranges = content.ranges();
                for (index, row) in items.iter().enumerate() {
                    let record = &ranges[(row - self.span.start) as usize];
                    let length = u64::from(record.end - record.start);
                    bytes += length;
                    if bytes > limit && index > 0 {
                        starts.push(*row);
                        bytes = length;
                    }
                }
            }
            (Cuts::At(_), ..) => return self.cuts.clone(),
        }
        Cuts::At(starts)
    }
}

struct Table {
    records: RecordBatch,
    rows: RowNumbers,
    failed: Vec<(u64, String)>,
    passed_over: u64,
}

/// Puts columns together and takes out the records that have a bad value in any of them.
fn table(decoded: Decoded, reading: &Reading, span: &Range<u64>) -> Result<Table, ArrowError> {
    let Decoded { columns, len, kept, mut failed, passed_over, bad } = decoded;
    let columns = reading.with_constants(columns, len)?;
    let (schema, first_row) = (reading.plan().record_schema(), span.start);
    let options = RecordBatchOptions::new().with_row_count(Some(len));
    let bad: Vec<_> = bad.into_iter().filter(|(_, values)| !values.is_empty()).collect();
    if bad.is_empty() {
        let records = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?;
        let rows = match kept {
            Some(kept) if (len as u64) < span.end - span.start => {
                RowNumbers::Listed(kept.into_iter().map(|r| first_row + r).collect())
            }
            _ => RowNumbers::From(first_row),
        };
        return Ok(Table { records, rows, failed: numbered(failed, first_row), passed_over });
    }
    let record_at = |index: usize| kept.as_ref().map_or(index as u64, |kept| kept[index]);
    let mut cause_of: Vec<Option<String>> = vec![None; len];
    for (_, values) in bad {
        for BadValue { index, cause } in values {
            cause_of[index].get_or_insert(cause);
        }
    }
    let good: BooleanArray = cause_of.iter().map(|cause| Some(cause.is_none())).collect();
    let rows = (0..len).filter(|index| cause_of[*index].is_none()).map(|index| first_row + record_at(index)).collect();
    failed.extend(cause_of.into_iter().enumerate().filter_map(|(index, cause)| Some((record_at(index), cause?))));
    failed.sort_by_key(|(record, _)| *record);
    // A bad value may stand as a null where the schema has none, so the schema comes back only after the filter.
    let fields: Vec<_> = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    let loose = Arc::new(arrow_schema::Schema::new_with_metadata(fields, schema.metadata().clone()));
    let all = RecordBatch::try_new_with_options(loose, columns, &options)?;
    let (_, columns, len) = filter_record_batch(&all, &good)?.into_parts();
    let options = RecordBatchOptions::new().with_row_count(Some(len));
    let records = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?;
    Ok(Table { records, rows: RowNumbers::Listed(rows), failed: numbered(failed, first_row), passed_over })
}

fn numbered(failed: Vec<(u64, String)>, first_row: u64) -> Vec<(u64, String)> {
    failed.into_iter().map(|(record, cause)| (first_row + record, cause)).collect()
}

/// Runs decoding code of others on bytes of others: a panic in it is one more way in which data can be bad.
pub(super) fn calmly<T, E: ToString>(work: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match caught(work) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => Err(format!("the decoder failed on this data: {panic}")),
    }
}

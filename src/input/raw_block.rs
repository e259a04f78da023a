use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::filter::filter_record_batch;

use super::columnar::ColumnsContent;
use super::convert::BadValue;
use super::csv::CsvDecoder;
use super::json_lines::JsonDecoder;
use super::plan::ColumnPlan;
use crate::caught::caught;
use crate::data::{Block, Cuts, ErrorRecord, InputFile, RowNumbers, Stage};

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
    /// Records that cannot be read.
    Lost { cause: String, schema: SchemaRef, feature_count: usize },
}

/// Text and where the records lie in it.
pub(super) struct TextContent {
    pub text: Vec<u8>,
    pub records: Vec<Range<u32>>,
    pub decoder: TextDecoder,
}

/// What turns records of text into columns.
#[derive(Clone)]
pub(super) enum TextDecoder {
    Csv(Arc<CsvDecoder>),
    Json(Arc<JsonDecoder>),
}

impl TextDecoder {
    pub(super) fn plan(&self) -> &ColumnPlan {
        match self {
            TextDecoder::Csv(decoder) => decoder.plan(),
            TextDecoder::Json(decoder) => decoder.plan(),
        }
    }
}

/// Columns of a block as the plan wants them, and the records that did not get into them.
pub(super) struct Decoded {
    /// Columns of equal length in the plan's order.
    pub columns: Vec<ArrayRef>,
    /// How long they are.
    pub len: usize,
    /// The records that they hold, counted from the start of the block; `None` is all of them.
    pub kept: Option<Vec<u64>>,
    /// The other records, rising, and why they failed.
    pub failed: Vec<(u64, String)>,
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
        let content = Content::Lost { cause, schema, feature_count: plan.feature_count() };
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
                let records = content.records.len() as u64;
                let text = content.text.len() as u64;
                let plan = content.decoder.plan();
                text + 8 * records + records * plan.fixed_row_bytes() + if plan.has_text() { text } else { 0 }
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
        let RawBlock { file, span, cuts, content, .. } = self;
        let (schema, feature_count) = match &content {
            Content::Text(content) => {
                let plan = content.decoder.plan();
                (Arc::clone(plan.record_schema()), plan.feature_count())
            }
            Content::Columns(content) => (Arc::clone(content.plan().record_schema()), content.plan().feature_count()),
            Content::Lost { schema, feature_count, .. } => (Arc::clone(schema), *feature_count),
        };
        let (stage, decoded) = match content {
            Content::Lost { cause, .. } => (Stage::Read, Err(cause)),
            Content::Text(content) => (
                Stage::Decode,
                calmly(|| match &content.decoder {
                    TextDecoder::Csv(decoder) => decoder.decode(&content.text, &content.records),
                    TextDecoder::Json(decoder) => decoder.decode(&content.text, &content.records),
                }),
            ),
            Content::Columns(content) => (Stage::Decode, calmly(|| content.decode())),
        };
        let table = decoded.and_then(|decoded| {
            table(decoded, &schema, span.start, span.end - span.start).map_err(|error| error.to_string())
        });
        let failure = |row, items, stage, cause| {
            let file = Arc::clone(&file);
            ErrorRecord { file, row: Some(row), items, stage, attempts: 0, cause }
        };
        let (records, rows, failures) = match table {
            Ok(Table { records, rows, failed }) => {
                let failures = failed.into_iter().map(|(row, cause)| failure(row, 1, Stage::Decode, cause)).collect();
                (records, rows, failures)
            }
            Err(cause) => {
                let all = failure(span.start, span.end - span.start, stage, cause);
                (RecordBatch::new_empty(schema), RowNumbers::From(span.start), vec![all])
            }
        };
        Block { file, span, records, feature_count, rows, failures, cuts }
    }
}

struct Table {
    records: RecordBatch,
    rows: RowNumbers,
    failed: Vec<(u64, String)>,
}

/// Puts columns together and takes out the records that have a bad value in any of them.
fn table(decoded: Decoded, schema: &SchemaRef, first_row: u64, span: u64) -> Result<Table, ArrowError> {
    let Decoded { columns, len, kept, mut failed, bad } = decoded;
    let options = RecordBatchOptions::new().with_row_count(Some(len));
    let bad: Vec<_> = bad.into_iter().filter(|(_, values)| !values.is_empty()).collect();
    if bad.is_empty() {
        let records = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?;
        let rows = match kept {
            Some(kept) if (len as u64) < span => RowNumbers::Listed(kept.into_iter().map(|r| first_row + r).collect()),
            _ => RowNumbers::From(first_row),
        };
        return Ok(Table { records, rows, failed: numbered(failed, first_row) });
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
    Ok(Table { records, rows: RowNumbers::Listed(rows), failed: numbered(failed, first_row) })
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

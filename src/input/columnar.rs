//! Typed columns as a stream of blocks: what Parquet and Arrow files have in common.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;

use super::compression::Taken;
use super::convert;
use super::pending::{Pending, Sizing};
use super::raw_block::{Content, Decoded, RawBlock, calmly};
use super::reading::{Key, Reading, Sources};
use super::value_bytes::{column_bytes, fixed_bytes};
use crate::data::{Cuts, InputFile, ItemKey, key_value};
use crate::policy::MiniBatchSize;

/// Decoded batches, one after the other.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// A part that has been opened.
pub(super) struct Opened {
    pub batches: Batches,
    /// The mean bytes of a row, at least, as far as it is known beforehand.
    pub row_bytes: u64,
}

/// How to know how much of the file has been read.
pub(super) enum Progress {
    /// So many bytes, evenly over the rows.
    Even { bytes: u64 },
    /// As counted.
    Counted { taken: Taken, reported: u64 },
}

/// Which columns of a batch are wanted.
pub(super) struct ColumnarBinding {
    reading: Reading,
    /// Columns of the file that must be read, rising.
    pub projection: Vec<usize>,
    /// For each column of the plan for the file, its place among those.
    places: Vec<usize>,
    /// The same for the columns that the filter reads, and for the key.
    filter_places: Vec<usize>,
    key_place: Option<usize>,
}

impl ColumnarBinding {
    /// `sources` says where the columns stand in the file.
    pub(super) fn new(reading: Reading, sources: &Sources) -> ColumnarBinding {
        let all = sources.columns.iter().chain(&sources.filter).chain([&sources.key]);
        let mut projection: Vec<usize> = all.copied().flatten().collect();
        projection.sort_unstable();
        projection.dedup();
        // Every source is in there, and none is missing: only JSON may lack columns.
        let place = |source: usize| projection.partition_point(|column| *column < source);
        let places = |sources: &[Option<usize>]| sources.iter().copied().flatten().map(place).collect();
        let (columns, filter) = (places(&sources.columns), places(&sources.filter));
        let key_place = sources.key.map(place);
        ColumnarBinding { reading, projection, places: columns, filter_places: filter, key_place }
    }

    pub(super) fn reading(&self) -> &Reading {
        &self.reading
    }
}

/// Consecutive rows of a file of typed columns.
pub(super) struct ColumnarPart {
    file: Arc<InputFile>,
    binding: Arc<ColumnarBinding>,
    size: MiniBatchSize,
    /// Nothing is held until the first block is asked for.
    source: Source,
    /// What the file says of the mean bytes of a row; the first batch says the rest.
    row_bytes: u64,
    sizing: Option<Sizing>,
    next_row: u64,
    /// Rows of the part, if known beforehand.
    rows: Option<Range<u64>>,
    pending: Pending,
    progress: Progress,
}

enum Source {
    Closed(Box<dyn FnOnce() -> Result<Opened, String> + Send>),
    Open(Batches),
    Over,
    Broken(String),
    Done,
}

impl ColumnarPart {
    /// `rows` are the rows of the file that the part should have; `None` is all of a file that does not tell.
    pub(super) fn new(
        file: &Arc<InputFile>,
        binding: &Arc<ColumnarBinding>,
        size: MiniBatchSize,
        rows: Option<Range<u64>>,
        progress: Progress,
        open: impl FnOnce() -> Result<Opened, String> + Send + 'static,
    ) -> ColumnarPart {
        ColumnarPart {
            file: Arc::clone(file),
            binding: Arc::clone(binding),
            size,
            source: Source::Closed(Box::new(open)),
            row_bytes: 0,
            sizing: None,
            next_row: rows.as_ref().map_or(0, |rows| rows.start),
            rows,
            pending: Pending::default(),
            progress,
        }
    }

    /// The next block, or nothing at the end of the part. The decoding of the format is done here.
    pub(super) fn next_block(&mut self) -> Option<RawBlock> {
        loop {
            if let Some(sizing) = self.sizing
                && let Some(rows) = self.pending.full(sizing)
            {
                return Some(self.emit(rows, sizing));
            }
            self.source = match std::mem::replace(&mut self.source, Source::Done) {
                Source::Closed(open) => match calmly(open) {
                    Ok(Opened { batches, row_bytes }) => {
                        self.row_bytes = row_bytes;
                        Source::Open(batches)
                    }
                    Err(cause) => Source::Broken(cause),
                },
                Source::Open(mut batches) => match calmly(|| batches.next().transpose()) {
                    Ok(Some(batch)) => {
                        self.take_in(batch);
                        Source::Open(batches)
                    }
                    Ok(None) => Source::Over,
                    Err(cause) => Source::Broken(cause),
                },
                Source::Over => {
                    let missing = self.rows.as_ref().is_some_and(|rows| self.next_row + self.pending.rows() < rows.end);
                    self.source = match missing {
                        true => Source::Broken("it holds fewer rows than it says".to_owned()),
                        false => Source::Done,
                    };
                    match self.last_rows() {
                        Some(block) => return Some(block),
                        None => continue,
                    }
                }
                Source::Broken(cause) => {
                    if let Some(block) = self.last_rows() {
                        self.source = Source::Broken(cause);
                        return Some(block);
                    }
                    // Trouble behind the last row that the file promises costs nothing.
                    let rest = self.rows.as_ref().map_or(1, |rows| rows.end - self.next_row);
                    return (rest > 0).then(|| self.lost(&cause));
                }
                Source::Done => return None,
            };
        }
    }

    fn take_in(&mut self, batch: RecordBatch) {
        let known = self.rows.as_ref().map_or(u64::MAX, |rows| rows.end - self.next_row - self.pending.rows());
        let rows = batch.num_rows().min(usize::try_from(known).unwrap_or(usize::MAX));
        if rows == 0 {
            return;
        }
        let mean = self.pending.push(if rows == batch.num_rows() { batch } else { batch.slice(0, rows) });
        let most = self.binding.reading.block_rows;
        self.sizing.get_or_insert_with(|| Sizing::new(self.size, mean.max(self.row_bytes)).at_most(most));
    }

    /// What is left when no more comes: less than a block.
    fn last_rows(&mut self) -> Option<RawBlock> {
        let sizing = self.sizing?;
        (self.pending.rows() > 0).then(|| self.emit(self.pending.rows(), sizing))
    }

    fn emit(&mut self, rows: u64, sizing: Sizing) -> RawBlock {
        let batches = self.pending.take(rows);
        let span = self.next_row..self.next_row + rows;
        self.next_row = span.end;
        RawBlock {
            file: Arc::clone(&self.file),
            input_bytes: self.advance(&span),
            span,
            cuts: Cuts::Every(sizing.batch_rows),
            content: Content::Columns(ColumnsContent { batches, binding: Arc::clone(&self.binding) }),
        }
    }

    fn lost(&mut self, cause: &str) -> RawBlock {
        let end = self.rows.as_ref().map_or(self.next_row + 1, |rows| rows.end);
        let span = self.next_row..end;
        let bytes = self.advance(&span);
        let cause = format!("cannot be read on: {cause}");
        let mut block = RawBlock::lost(&self.file, span.clone(), cause, self.binding.reading.plan(), bytes);
        if let (Some(sample), Content::Lost { items, .. }) = (&self.binding.reading.sample, &mut block.content) {
            // That something was lost must be told even if none of it was wanted.
            *items = sample.count(span).max(1);
        }
        block
    }

    /// Bytes of the file that these rows stand for.
    fn advance(&mut self, span: &Range<u64>) -> u64 {
        match &mut self.progress {
            Progress::Even { bytes } => {
                let Some(rows) = self.rows.as_ref().filter(|rows| !rows.is_empty()) else { return 0 };
                let share = |row: u64| {
                    (u128::from(*bytes) * u128::from(row - rows.start) / u128::from(rows.end - rows.start)) as u64
                };
                share(span.end) - share(span.start)
            }
            Progress::Counted { taken, reported } => {
                let now = taken.bytes();
                now - std::mem::replace(reported, now)
            }
        }
    }
}

/// Rows of a block in the file's types.
pub(super) struct ColumnsContent {
    batches: Vec<RecordBatch>,
    binding: Arc<ColumnarBinding>,
}

impl ColumnsContent {
    pub(super) fn reading(&self) -> &Reading {
        &self.binding.reading
    }

    /// Bytes held, and those of columns that must be converted.
    pub(super) fn memory(&self) -> u64 {
        let Some(first) = self.batches.first() else { return 0 };
        let rows: u64 = self.batches.iter().map(|batch| batch.num_rows() as u64).sum();
        let held: Vec<u64> = (0..first.num_columns())
            .map(|column| self.batches.iter().map(|batch| column_bytes(batch.column(column))).sum())
            .collect();
        let columns = self.binding.reading.in_file().columns().iter().zip(&self.binding.places);
        let converted =
            columns.map(|(column, place)| (column.wanted.data_type(), *place)).map(
                |(wanted, place)| match fixed_bytes(&wanted) {
                    _ if *first.column(place).data_type() == wanted => 0,
                    Some(width) => rows * width,
                    None => held[place].max(rows * 16),
                },
            );
        held.iter().sum::<u64>() * self.batches.len().min(2) as u64 + converted.sum::<u64>()
    }

    /// Turns the columns of those records that are items into what the plan wants; `first_row` is that of the first record.
    pub(super) fn decode(&self, first_row: u64) -> Result<Decoded, ArrowError> {
        let joined;
        let batch = match &self.batches[..] {
            [one] => one,
            [] => return Err(ArrowError::InvalidArgumentError("a block without rows".to_owned())),
            several => {
                joined = concat_batches(&several[0].schema(), several)?;
                &joined
            }
        };
        let ColumnarBinding { reading, places, .. } = &*self.binding;
        let items: RecordBatch;
        let (batch, kept, passed_over) = if reading.selects() {
            let is_item = self.items(batch, first_row)?;
            let kept = is_item.set_indices().map(|record| record as u64).collect::<Vec<_>>();
            items = filter_record_batch(batch, &BooleanArray::from(is_item))?;
            let passed_over = (batch.num_rows() - kept.len()) as u64;
            (&items, Some(kept), passed_over)
        } else {
            (batch, None, 0)
        };
        let mut bad = Vec::new();
        let mut columns = Vec::with_capacity(places.len());
        for (column, place) in reading.in_file().columns().iter().zip(places) {
            let (array, misfits) = convert::convert(batch.column(*place), column)?;
            bad.push((columns.len(), misfits));
            columns.push(array);
        }
        Ok(Decoded { columns, len: batch.num_rows(), kept, failed: Vec::new(), passed_over, bad })
    }

    /// Which records of a batch are items.
    fn items(&self, batch: &RecordBatch, first_row: u64) -> Result<BooleanBuffer, ArrowError> {
        let ColumnarBinding { reading, filter_places, .. } = &*self.binding;
        let rows = batch.num_rows();
        let sampled = reading
            .sample
            .map(|sample| BooleanBuffer::collect_bool(rows, |record| sample.takes(first_row + record as u64)));
        let Some(filter) = &reading.filter else {
            return Ok(sampled.unwrap_or_else(|| BooleanBuffer::new_set(rows)));
        };
        let columns: Vec<ArrayRef> = filter_places.iter().map(|place| Arc::clone(batch.column(*place))).collect();
        // Values with types of their own never fail to be compared.
        let (taken, _) = filter.judge(&columns, rows)?;
        Ok(match sampled {
            Some(sampled) => &sampled & &taken,
            None => taken,
        })
    }

    /// The key of a record, if it has one that can be shown.
    pub(super) fn key(&self, record: u64) -> Option<ItemKey> {
        match self.binding.reading.key.as_ref()? {
            Key::Constant(value) => value.clone(),
            Key::Column(_) => {
                let mut before = usize::try_from(record).ok()?;
                for batch in &self.batches {
                    if before < batch.num_rows() {
                        let place = self.binding.key_place?;
                        return key_value(batch.schema_ref().field(place), batch.column(place), before);
                    }
                    before -= batch.num_rows();
                }
                None
            }
        }
    }
}

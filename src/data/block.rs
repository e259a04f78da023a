use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::{ErrorRecord, ItemKey, key_value};

/// One file of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Position in the listing, from 0; results come out in this order.
    pub index: usize,
    /// What results and error records call it: the path below the input pointer, or the file's own name.
    pub name: String,
}

/// Row numbers of the records of a block, counted from 0 in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowNumbers {
    /// Record `i` is row `first + i`: nothing was left out.
    From(u64),
    /// One row number a record, rising: some records could not be decoded, or are no items.
    Listed(Vec<u64>),
}

impl RowNumbers {
    /// The row number of record `index` of the block.
    pub fn get(&self, index: usize) -> u64 {
        match self {
            RowNumbers::From(first) => first + index as u64,
            RowNumbers::Listed(rows) => rows[index],
        }
    }

    /// How many of the block's `len` records have a row number below `row`.
    pub fn count_below(&self, row: u64, len: usize) -> usize {
        match self {
            RowNumbers::From(first) => row.saturating_sub(*first).min(len as u64) as usize,
            RowNumbers::Listed(rows) => rows.partition_point(|r| *r < row),
        }
    }
}

/// Consecutive records of one file, decoded: what a worker takes at a time, and what is written as one piece.
#[derive(Debug, Clone)]
pub struct Block {
    /// The file that the records come from.
    pub file: Arc<InputFile>,
    /// Rows of the file that this block answers for: decoded, failed or passed over.
    pub span: Range<u64>,
    /// Decoded records: `feature_count` columns for the scorer, in its order and element types, then the kept columns.
    pub records: RecordBatch,
    /// How many leading columns of `records` are for the scorer.
    pub feature_count: usize,
    /// Which column of `records` tells the items apart for the user, if one does.
    pub key: Option<usize>,
    /// Row number of each record.
    pub rows: RowNumbers,
    /// Rows of the span that could not be decoded, by rising row.
    pub failures: Arc<[ErrorRecord]>,
    /// Rows of the span that are no items, because the user wants others.
    pub passed_over: u64,
    /// Where mini-batches begin.
    pub cuts: Cuts,
}

/// Where the mini-batches of a block begin. A mini-batch counts the records that could not be decoded too, so that the
/// cuts do not depend on what can be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cuts {
    /// A new one every so many rows from the start of the block's span; at least 1.
    Every(u64),
    /// At these rows, rising; the first is the start of the block's span.
    At(Vec<u64>),
}

impl Block {
    /// The value of a record's key, if there are keys.
    pub fn key_of(&self, record: usize) -> Option<ItemKey> {
        let column = self.key?;
        key_value(self.records.schema_ref().field(column), self.records.column(column), record)
    }

    /// How many items there are: decoded and failed ones.
    pub fn items(&self) -> u64 {
        self.records.num_rows() as u64 + self.failures.iter().map(|failure| failure.items).sum::<u64>()
    }

    /// Keeps the first `items` items; the span ends behind the last of them.
    pub fn truncate(&mut self, items: u64) {
        if items >= self.items() {
            return;
        }
        let (mut records, mut left) = (0, items);
        let (mut failures, mut kept) = (self.failures.iter().peekable(), Vec::new());
        let mut end = self.span.start;
        while left > 0 {
            let record = (records < self.records.num_rows()).then(|| self.rows.get(records));
            // Whichever stands first in the file is next.
            let failure =
                failures.next_if(|failure| record.is_none_or(|record| failure.row.is_none_or(|row| row < record)));
            match (record, failure) {
                (_, Some(failure)) => {
                    let items = failure.items.min(left);
                    left -= items;
                    end = failure.row.unwrap_or(end) + items;
                    kept.push(ErrorRecord { items, ..failure.clone() });
                }
                (Some(record), None) => {
                    left -= 1;
                    end = record + 1;
                    records += 1;
                }
                (None, None) => break,
            }
        }
        self.failures = kept.into();
        self.records = self.records.slice(0, records);
        if let RowNumbers::Listed(rows) = &mut self.rows {
            rows.truncate(records);
        }
        self.span.end = end;
        self.passed_over = (end - self.span.start) - items;
    }

    /// The mini-batches of this block, in order; those of which nothing could be decoded are left out.
    pub fn mini_batches(self: &Arc<Self>) -> impl Iterator<Item = MiniBatch> + use<> {
        let block = Arc::clone(self);
        let len = block.records.num_rows();
        let mut next = 0;
        let mut start = 0;
        std::iter::from_fn(move || {
            while start < len {
                let end_row = match &block.cuts {
                    Cuts::Every(rows) => {
                        // Jump over mini-batches without a decoded record.
                        let done = (block.rows.get(start) - block.span.start) / rows;
                        block.span.start + (done + 1) * rows
                    }
                    Cuts::At(starts) => {
                        next += 1;
                        starts.get(next).copied().unwrap_or(block.span.end)
                    }
                };
                let end = block.rows.count_below(end_row, len);
                let records = start..end;
                start = end;
                if !records.is_empty() {
                    return Some(MiniBatch { block: Arc::clone(&block), records });
                }
            }
            None
        })
    }
}

/// Consecutive decoded items given to one model call: the unit of retry, timeout and failure accounting.
#[derive(Debug, Clone)]
pub struct MiniBatch {
    /// The block that holds the records.
    pub block: Arc<Block>,
    /// Which records of the block.
    pub records: Range<usize>,
}

impl MiniBatch {
    /// Number of items.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no item in it.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Row number, in its file, of item `index`.
    pub fn row(&self, index: usize) -> u64 {
        self.block.rows.get(self.records.start + index)
    }

    /// The part of this mini-batch that holds the items `range`.
    pub fn part(&self, range: Range<usize>) -> MiniBatch {
        let start = self.records.start;
        MiniBatch { block: Arc::clone(&self.block), records: start + range.start..start + range.end }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Int64Array};
    use arrow_schema::{DataType, Field, Schema};
    use proptest::prelude::*;

    use super::*;
    use crate::data::Stage;

    /// A block over rows `first..first + good.len()` of which those marked `false` could not be decoded.
    fn block(first: u64, good: &[bool], cuts: Cuts) -> Arc<Block> {
        let file = Arc::new(InputFile { index: 0, name: "a.csv".to_owned() });
        let rows: Vec<u64> = good.iter().zip(first..).filter(|(good, _)| **good).map(|(_, row)| row).collect();
        let failures = good.iter().zip(first..).filter(|(good, _)| !**good).map(|(_, row)| ErrorRecord {
            file: Arc::clone(&file),
            row: Some(row),
            key: None,
            items: 1,
            stage: Stage::Decode,
            attempts: 0,
            cause: "bad".to_owned(),
        });
        let column: ArrayRef = Arc::new(rows.iter().map(|row| *row as i64).collect::<Int64Array>());
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, false)]));
        Arc::new(Block {
            failures: failures.collect(),
            records: RecordBatch::try_new(schema, vec![column]).unwrap(),
            feature_count: 1,
            key: None,
            passed_over: 0,
            span: first..first + good.len() as u64,
            rows: if rows.len() == good.len() { RowNumbers::From(first) } else { RowNumbers::Listed(rows) },
            cuts,
            file,
        })
    }

    fn rows(mini_batch: &MiniBatch) -> Vec<u64> {
        (0..mini_batch.len()).map(|item| mini_batch.row(item)).collect()
    }

    proptest! {
        #[test]
        fn cuts_cover_every_decoded_record_once_and_keep_to_their_size(
            good in prop::collection::vec(prop::bool::weighted(0.8), 0..200),
            size in 1u64..20,
            first in 0u64..100,
        ) {
            let block = block(first, &good, Cuts::Every(size));
            let mini_batches: Vec<Vec<u64>> = block.mini_batches().map(|m| rows(&m)).collect();
            let expected: Vec<u64> =
                good.iter().zip(first..).filter(|(good, _)| **good).map(|(_, row)| row).collect();
            prop_assert_eq!(mini_batches.concat(), expected);
            for rows in &mini_batches {
                // All rows of a mini-batch lie between the same two cuts.
                prop_assert!(!rows.is_empty());
                prop_assert_eq!((rows[0] - first) / size, (rows[rows.len() - 1] - first) / size);
            }
        }

        #[test]
        fn splits_cover_every_item_once(len in 1usize..300) {
            let block = block(7, &vec![true; len], Cuts::Every(1000));
            let whole = block.mini_batches().next().unwrap();
            let mut left = vec![whole.clone()];
            let mut single = Vec::new();
            while let Some(part) = left.pop() {
                if part.len() == 1 {
                    single.push(part.row(0));
                } else {
                    let middle = part.len() / 2;
                    left.push(part.part(middle..part.len()));
                    left.push(part.part(0..middle));
                }
            }
            prop_assert_eq!(single, rows(&whole));
        }
    }

    #[test]
    fn cuts_at_given_rows() {
        let good = [true, true, false, false, true, true, true];
        let block = block(10, &good, Cuts::At(vec![10, 12, 14, 16]));
        let mini_batches: Vec<Vec<u64>> = block.mini_batches().map(|m| rows(&m)).collect();
        assert_eq!(mini_batches, [vec![10, 11], vec![14, 15], vec![16]]);
    }
}

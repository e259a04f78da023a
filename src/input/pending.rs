//! Rows that have been read and are in no block yet.

use std::collections::VecDeque;

use arrow_array::RecordBatch;

use super::value_bytes::{fixed_bytes, row_bytes};
use crate::policy::MiniBatchSize;

/// Decoded bytes of a block, about: what stays in a core's outer cache and hides the cost of handing blocks over.
const BLOCK_BYTES: u64 = 1 << 20;
/// Rows of a block, at most, unless a mini-batch is larger.
const BLOCK_ROWS: u64 = 131_072;
/// Decoded bytes at which a mini-batch is cut though it is not complete: beyond them, memory would not be bounded.
const MAX_BLOCK_BYTES: u64 = 256 << 20;

/// How many rows go into blocks and mini-batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizing {
    pub block_rows: u64,
    pub batch_rows: u64,
}

impl Sizing {
    /// For rows of so many bytes, on average.
    pub(super) fn new(size: MiniBatchSize, row_bytes: u64) -> Sizing {
        let row_bytes = row_bytes.max(1);
        let batch_rows = size.rows(row_bytes).clamp(1, (MAX_BLOCK_BYTES / row_bytes).max(1));
        let fitting = (BLOCK_BYTES / row_bytes).clamp(1, BLOCK_ROWS);
        Sizing { block_rows: (fitting / batch_rows).max(1) * batch_rows, batch_rows }
    }

    /// The same with blocks of no more rows than this, as far as whole mini-batches allow.
    pub(super) fn at_most(self, rows: Option<u64>) -> Sizing {
        let fitting = rows.map_or(self.block_rows, |rows| (rows / self.batch_rows).max(1) * self.batch_rows);
        Sizing { block_rows: self.block_rows.min(fitting), ..self }
    }
}

/// Decoded batches, or what is left of them.
#[derive(Default)]
pub(super) struct Pending {
    batches: VecDeque<RecordBatch>,
    rows: u64,
    /// The bytes of each row, where rows differ.
    bytes: VecDeque<u64>,
    seen: Seen,
}

/// The first rows, which have been found to fit into one block.
#[derive(Default)]
struct Seen {
    rows: u64,
    bytes: u64,
    /// As many of the rows as are in complete mini-batches.
    complete: u64,
}

impl Pending {
    /// How many rows there are.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes in a batch, and says what its rows have on average.
    pub(super) fn push(&mut self, batch: RecordBatch) -> u64 {
        let rows = batch.num_rows() as u64;
        let fixed: Option<u64> = batch.columns().iter().map(|column| fixed_bytes(column.data_type())).sum();
        let mean = fixed.unwrap_or_else(|| {
            let before = self.bytes.len();
            self.bytes.extend(row_bytes(&batch));
            self.bytes.range(before..).sum::<u64>() / rows.max(1)
        });
        self.rows += rows;
        self.batches.push_back(batch);
        mean
    }

    /// How many rows the next block has, once there are enough for it.
    pub(super) fn full(&mut self, sizing: Sizing) -> Option<u64> {
        if self.bytes.is_empty() {
            return (self.rows >= sizing.block_rows).then_some(sizing.block_rows);
        }
        let seen = &mut self.seen;
        loop {
            if seen.rows - seen.complete == sizing.batch_rows {
                seen.complete = seen.rows;
                if seen.bytes >= BLOCK_BYTES || seen.rows >= sizing.block_rows {
                    return Some(seen.rows);
                }
            }
            let next = self.bytes.get(usize::try_from(seen.rows).ok()?)?;
            if seen.bytes + next > MAX_BLOCK_BYTES && seen.rows > 0 {
                return Some(if seen.complete > 0 { seen.complete } else { seen.rows });
            }
            seen.rows += 1;
            seen.bytes += next;
        }
    }

    /// Gives the first rows away.
    pub(super) fn take(&mut self, rows: u64) -> Vec<RecordBatch> {
        let mut batches = Vec::new();
        let mut missing = rows;
        while missing > 0
            && let Some(batch) = self.batches.pop_front()
        {
            let have = batch.num_rows();
            if have as u64 <= missing {
                missing -= have as u64;
                batches.push(batch);
            } else {
                // It is shorter than a batch, so it fits the platform's sizes.
                let wanted = missing as usize;
                self.batches.push_front(batch.slice(wanted, have - wanted));
                batches.push(batch.slice(0, wanted));
                missing = 0;
            }
        }
        self.rows -= rows;
        self.bytes.drain(..self.bytes.len().min(usize::try_from(rows).unwrap_or(usize::MAX)));
        self.seen = Seen::default();
        batches
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    fn texts(lengths: impl IntoIterator<Item = usize>) -> RecordBatch {
        let texts: StringArray = lengths.into_iter().map(|length| Some("x".repeat(length))).collect();
        RecordBatch::try_from_iter([("t", Arc::new(texts) as ArrayRef)]).unwrap()
    }

    /// The rows of the blocks that are made of these batches, and of what is left.
    fn blocks(size: MiniBatchSize, batches: Vec<RecordBatch>) -> (Vec<u64>, u64) {
        let mut pending = Pending::default();
        let (mut sizing, mut blocks) = (None, Vec::new());
        for batch in batches {
            let mean = pending.push(batch);
            let sizing = *sizing.get_or_insert_with(|| Sizing::new(size, mean));
            while let Some(rows) = pending.full(sizing) {
                let taken: usize = pending.take(rows).iter().map(RecordBatch::num_rows).sum();
                assert_eq!(taken as u64, rows);
                blocks.push(rows);
            }
        }
        (blocks, pending.rows())
    }

    #[test]
    fn rows_of_one_width_come_in_blocks_of_one_size() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1; 300_000]));
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        assert_eq!(blocks(MiniBatchSize::Items(1000), vec![batch]), (vec![131_000, 131_000], 38_000));
    }

    #[test]
    fn long_texts_behind_short_ones_make_smaller_blocks() {
        const KB: usize = 1 << 10;
        // The first batch says nothing of what comes.
        let (sizes, rest) =
            blocks(MiniBatchSize::Items(10), vec![texts([0; 1000]), texts([100 * KB; 100]), texts([0; 5])]);
        assert_eq!((&sizes[..], rest), (&[1020, 20, 20, 20, 20][..], 5));
        // A mini-batch is complete, whatever it takes, up to a limit.
        let (sizes, rest) = blocks(MiniBatchSize::Items(64), vec![texts([1]), texts([100 * KB; 200])]);
        assert_eq!((&sizes[..], rest), (&[64, 64, 64][..], 9));
        let (sizes, rest) = blocks(MiniBatchSize::Items(1000), vec![texts([1]), texts([40 << 20; 10])]);
        assert_eq!((&sizes[..], rest), (&[7][..], 4));
        let (sizes, rest) = blocks(MiniBatchSize::Items(5), vec![texts([1; 6]), texts([40 << 20; 10])]);
        assert_eq!((&sizes[..], rest), (&[10, 5][..], 1));
    }
}

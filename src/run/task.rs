use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;

use super::in_order::BlockId;
use crate::data::{Block, ErrorRecord, MiniBatch, Predictions, RowNumbers, Stage};
use crate::engine::AttemptError;
use crate::output::Scored;
use crate::policy::RetryPolicy;

/// A block on its way through the workers: hands out its mini-batches and collects what became of them.
///
/// Usually one worker takes it from end to end. When an attempt fails or is abandoned, pieces of it travel on their own,
/// and whoever brings in the last outcome closes it.
pub struct BlockTask {
    pub id: BlockId,
    pub block: Arc<Block>,
    /// Bytes of the input that it covers.
    pub input_bytes: u64,
    state: Mutex<TaskState>,
}

struct TaskState {
    mini_batches: Box<dyn Iterator<Item = MiniBatch> + Send>,
    handed_out: u64,
    all_handed_out: bool,
    /// Pieces handed out whose outcome is not in yet.
    open: usize,
    outcomes: Vec<Outcome>,
    /// First records of the mini-batches with an item that failed in scoring.
    failed_mini_batches: Vec<usize>,
    closed: bool,
}

/// What became of some consecutive records of a block.
pub struct Outcome {
    pub records: Range<usize>,
    /// Model calls that they took part in.
    pub attempts: u32,
    pub result: Result<Predictions, ErrorRecord>,
}

/// Some items of a task on their way through an attempt: a whole mini-batch, or what a split left of it.
#[derive(Clone)]
pub struct Piece {
    pub task: Arc<BlockTask>,
    pub items: MiniBatch,
    /// Failed attempts so far, those of the mini-batch that it was split from included.
    pub attempts: u32,
    /// First record of the mini-batch that it belongs to.
    pub mini_batch: usize,
    /// Failed attempts when it was split off; `None` for a whole mini-batch.
    pub attempts_before_split: Option<u32>,
}

/// A task that is over: what goes to the output, to the error records and into the counts.
pub struct Closed {
    pub scored: Option<Scored>,
    /// Records that could not be decoded, as the block has them.
    pub undecoded: Arc<[ErrorRecord]>,
    /// Those that failed later, by rising row.
    pub errors: Vec<ErrorRecord>,
    /// Records that took part in more than one call and got a result, and in how many calls.
    pub retried: Vec<(Range<usize>, u32)>,
    pub succeeded: u64,
    pub failed: u64,
    pub unscored: u64,
    /// Rows that are no items.
    pub passed_over: u64,
    pub mini_batches: u64,
    pub failed_mini_batches: u64,
    /// Set when the items do not add up, which would be a fault of this program.
    pub miscount: Option<String>,
}

impl BlockTask {
    pub fn new(id: BlockId, block: Block, input_bytes: u64) -> Arc<Self> {
        let block = Arc::new(block);
        let state = TaskState {
            mini_batches: Box::new(block.mini_batches()),
            handed_out: 0,
            all_handed_out: false,
            open: 0,
            outcomes: Vec::new(),
            failed_mini_batches: Vec::new(),
            closed: false,
        };
        Arc::new(BlockTask { id, block, input_bytes, state: Mutex::new(state) })
    }

    /// The next mini-batch that nobody has taken.
    pub fn take_mini_batch(&self) -> Option<MiniBatch> {
        self.state().take_mini_batch()
    }

    /// Whether there may be mini-batches that nobody has taken.
    pub fn has_more(&self) -> bool {
        let state = self.state();
        !state.all_handed_out && !state.closed
    }

    /// Brings in an outcome; whether the task is over and is now the caller's to close.
    pub fn bring(&self, outcome: Outcome) -> bool {
        let mut state = self.state();
        state.outcomes.push(outcome);
        state.open -= 1;
        state.is_over()
    }

    /// Brings in an outcome and takes the next mini-batch: one step of the usual way.
    pub fn bring_and_take(&self, outcome: Outcome) -> Option<MiniBatch> {
        let mut state = self.state();
        state.outcomes.push(outcome);
        state.open -= 1;
        state.take_mini_batch()
    }

    /// Notes that a piece became two.
    pub fn split(&self) {
        self.state().open += 1;
    }

    /// Notes that an item of the mini-batch that begins at `first` failed in scoring; whether it is the first one.
    pub fn mini_batch_failed(&self, first: usize) -> bool {
        let mut state = self.state();
        let new = !state.failed_mini_batches.contains(&first);
        if new {
            state.failed_mini_batches.push(first);
        }
        new
    }

    /// Whether all outcomes are in and nobody has closed it.
    pub fn is_over(&self) -> bool {
        self.state().is_over()
    }

    /// Ends the task with the outcomes that are in; `None` when it was closed already. `predictions` is the scorer's
    /// output schema.
    pub fn close(&self, predictions: &SchemaRef) -> Option<Result<Closed, ArrowError>> {
        let mut state = self.state();
        if std::mem::replace(&mut state.closed, true) {
            return None;
        }
        let mut outcomes = std::mem::take(&mut state.outcomes);
        let failed_mini_batches = state.failed_mini_batches.len() as u64;
        // What was handed out and did not come back was not scored.
        let mini_batches = state.handed_out - state.open.min(state.handed_out as usize) as u64;
        drop(state);
        outcomes.sort_unstable_by_key(|outcome| outcome.records.start);
        Some(self.collect(outcomes, predictions, mini_batches, failed_mini_batches))
    }

    fn collect(
        &self,
        outcomes: Vec<Outcome>,
        schema: &SchemaRef,
        mini_batches: u64,
        failed_mini_batches: u64,
    ) -> Result<Closed, ArrowError> {
        let block = &self.block;
        let records = block.records.num_rows();
        let mut errors = Vec::new();
        let mut tables = Vec::with_capacity(outcomes.len());
        let (mut answered, mut retried) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome.result {
                Ok(predictions) => {
                    tables.push(predictions.into_table());
                    if outcome.attempts > 1 {
                        retried.push((outcome.records.clone(), outcome.attempts));
                    }
                    match answered.last_mut() {
                        Some(Range { end, .. }) if *end == outcome.records.start => *end = outcome.records.end,
                        _ => answered.push(outcome.records.clone()),
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        let succeeded = tables.iter().map(|table| table.num_rows() as u64).sum::<u64>();
        let scored = match tables.as_slice() {
            [] => None,
            [table] => Some(table.clone()),
            tables => Some(concat_batches(schema, tables)?),
        };
        // They are in the joined table now.
        drop(tables);
        let scored = match scored {
            None => None,
            Some(predictions) => {
                let (rows, kept) = self.select(&answered, records)?;
                Some(Scored { file: Arc::clone(&block.file), rows, predictions, kept })
            }
        };
        let decode_failed = block.failures.iter().map(|error| error.items).sum::<u64>();
        let scoring_failed = errors.iter().map(|error| error.items).sum::<u64>();
        let failed = decode_failed + scoring_failed;
        let unscored = (records as u64).saturating_sub(succeeded + scoring_failed);
        let in_span = block.span.end - block.span.start;
        let passed_over = block.passed_over;
        let miscount = (succeeded + failed + unscored + passed_over != in_span).then(|| {
            format!(
                "rows {}..{} of {} are {in_span}, but {succeeded} succeeded, {failed} failed, {unscored} were not scored \
                 and {passed_over} passed over",
                block.span.start, block.span.end, block.file.name
            )
        });
        Ok(Closed {
            scored,
            undecoded: Arc::clone(&block.failures),
            errors,
            retried,
            succeeded,
            failed,
            unscored,
            passed_over,
            mini_batches,
            failed_mini_batches,
            miscount,
        })
    }

    /// Row numbers and kept columns of the records in `answered`.
    fn select(&self, answered: &[Range<usize>], records: usize) -> Result<(RowNumbers, RecordBatch), ArrowError> {
        let block = &self.block;
        let kept = block.records.project(&(block.feature_count..block.records.num_columns()).collect::<Vec<_>>())?;
        if let [range] = answered {
            let rows = match &block.rows {
                RowNumbers::From(first) => RowNumbers::From(first + range.start as u64),
                RowNumbers::Listed(rows) => RowNumbers::Listed(rows[range.clone()].to_vec()),
            };
            return Ok((rows, kept.slice(range.start, range.len())));
        }
        let rows = answered.iter().cloned().flatten().map(|record| block.rows.get(record)).collect();
        let mut mask = vec![false; records];
        for range in answered {
            mask[range.clone()].fill(true);
        }
        let kept = if kept.num_columns() == 0 {
            kept.slice(0, answered.iter().map(Range::len).sum())
        } else {
            filter_record_batch(&kept, &BooleanArray::from(mask))?
        };
        Ok((RowNumbers::Listed(rows), kept))
    }

    fn state(&self) -> MutexGuard<'_, TaskState> {
        // Outcomes are pushed whole, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Closed {
    /// Takes records that cannot be written, by rising row, out of what succeeded. `block` is the one that was closed.
    pub fn unwritable(&mut self, block: &Block, found: Vec<(u64, String)>) {
        let records = block.records.num_rows();
        for (row, cause) in found {
            let record = block.rows.count_below(row, records);
            let calls = self.retried.iter().find(|(records, _)| records.contains(&record));
            self.errors.push(ErrorRecord {
                file: Arc::clone(&block.file),
                row: Some(row),
                key: block.key_of(record),
                items: 1,
                stage: Stage::Write,
                attempts: calls.map_or(1, |(_, calls)| *calls),
                cause,
            });
            self.succeeded -= 1;
            self.failed += 1;
        }
        self.errors.sort_by_key(|error| error.row);
    }

    /// All error records, by rising row.
    pub fn all_errors(&self) -> impl Iterator<Item = &ErrorRecord> {
        let (mut undecoded, mut later) = (self.undecoded.iter().peekable(), self.errors.iter().peekable());
        std::iter::from_fn(move || match (undecoded.peek(), later.peek()) {
            (Some(first), Some(second)) if second.row < first.row => later.next(),
            (Some(_), _) => undecoded.next(),
            (None, _) => later.next(),
        })
    }

    /// About how many bytes the error records take.
    pub fn errors_memory(&self) -> u64 {
        self.all_errors().map(ErrorRecord::memory).sum()
    }
}

impl TaskState {
    fn take_mini_batch(&mut self) -> Option<MiniBatch> {
        if self.closed || self.all_handed_out {
            return None;
        }
        let next = self.mini_batches.next();
        match next {
            Some(_) => {
                self.handed_out += 1;
                self.open += 1;
            }
            None => self.all_handed_out = true,
        }
        next
    }

    fn is_over(&self) -> bool {
        self.all_handed_out && self.open == 0 && !self.closed
    }
}

impl Piece {
    /// A whole mini-batch before its first attempt.
    pub fn whole(task: &Arc<BlockTask>, items: MiniBatch) -> Self {
        Piece {
            task: Arc::clone(task),
            mini_batch: items.records.start,
            items,
            attempts: 0,
            attempts_before_split: None,
        }
    }

    /// The two halves of a piece of more than one item.
    pub fn halves(self) -> [Piece; 2] {
        let middle = self.items.len() / 2;
        let (first, second) = (self.items.part(0..middle), self.items.part(middle..self.items.len()));
        let attempts_before_split = Some(self.attempts);
        [
            Piece { items: first, attempts_before_split, ..self.clone() },
            Piece { items: second, attempts_before_split, ..self },
        ]
    }

    /// Whether it gets another attempt after `error`, by `policy`.
    ///
    /// A mini-batch gets all its attempts. What is split off is only asked whether the guilty item is in it, until a single
    /// item is left: that one again gets all attempts, so that a passing fault costs no item. A call that hangs
    /// leaves a thread behind, and is not tried again once the mini-batch has been.
    pub fn gets_another_attempt(&self, error: &AttemptError, policy: &RetryPolicy) -> bool {
        error.is_retryable()
            && match self.attempts_before_split {
                None => policy.allows_another(self.attempts),
                Some(before) => {
                    self.items.len() == 1
                        && !matches!(error, AttemptError::TimedOut(_))
                        && policy.allows_another(self.attempts - before)
                }
            }
    }

    /// The records that it covers.
    pub fn records(&self) -> Range<usize> {
        self.items.records.clone()
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{ArrayRef, Int64Array};
    use arrow_schema::{DataType, Field, Schema};

    use super::*;
    use crate::data::{Cuts, InputFile};

    fn schema(name: &str) -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new(name, DataType::Int64, false)]))
    }

    fn column(rows: impl IntoIterator<Item = u64>) -> ArrayRef {
        Arc::new(rows.into_iter().map(|row| row as i64).collect::<Int64Array>())
    }

    /// A task over rows 100..100 + `rows`, in mini-batches of 4, with one kept column that holds the row number.
    fn task(rows: u64) -> Arc<BlockTask> {
        let block = Block {
            file: Arc::new(InputFile { index: 0, name: "a.csv".to_owned() }),
            span: 100..100 + rows,
            records: RecordBatch::try_new(schema("id"), vec![column(100..100 + rows)]).unwrap(),
            feature_count: 0,
            key: None,
            passed_over: 0,
            rows: RowNumbers::From(100),
            failures: Arc::new([]),
            cuts: Cuts::Every(4),
        };
        BlockTask::new(BlockId::default(), block, 0)
    }

    fn predicted(items: &MiniBatch) -> Outcome {
        let rows = (0..items.len()).map(|item| items.row(item));
        let predictions = Predictions::new(schema("prediction"), vec![column(rows)], items.len()).unwrap();
        Outcome { records: items.records.clone(), attempts: 1, result: Ok(predictions) }
    }

    fn failed(task: &BlockTask, items: &MiniBatch) -> Outcome {
        let error = ErrorRecord {
            file: Arc::clone(&task.block.file),
            row: Some(items.row(0)),
            key: None,
            items: 1,
            stage: Stage::Score,
            attempts: 1,
            cause: "no".to_owned(),
        };
        Outcome { records: items.records.clone(), attempts: 1, result: Err(error) }
    }

    fn close(task: &BlockTask) -> Closed {
        task.close(&schema("prediction")).unwrap().unwrap()
    }

    fn values(table: &RecordBatch) -> Vec<i64> {
        table.column(0).as_primitive::<Int64Type>().values().to_vec()
    }

    #[test]
    fn the_usual_way_from_end_to_end() {
        let task = task(10);
        let mut next = task.take_mini_batch();
        while let Some(items) = next {
            next = task.bring_and_take(predicted(&items));
        }
        assert!(task.is_over());
        let closed = close(&task);
        assert!(task.close(&schema("prediction")).is_none());
        let scored = closed.scored.unwrap();
        assert_eq!(values(&scored.predictions), (100..110).collect::<Vec<_>>());
        assert_eq!((scored.rows, scored.kept.num_rows()), (RowNumbers::From(100), 10));
        assert_eq!((closed.succeeded, closed.failed, closed.unscored, closed.mini_batches), (10, 0, 0, 3));
        assert_eq!(closed.miscount, None);
    }

    #[test]
    fn pieces_come_back_in_any_order_and_a_failed_one_leaves_a_hole() {
        let task = task(6);
        let first = task.take_mini_batch().unwrap();
        let second = task.take_mini_batch().unwrap();
        assert!(task.take_mini_batch().is_none());
        assert!(!task.bring(predicted(&second)));
        task.split();
        let [left, right] = Piece::whole(&task, first).halves();
        assert!(!task.bring(predicted(&right.items)));
        task.split();
        let [one, two] = left.halves();
        assert!(!task.bring(failed(&task, &two.items)));
        assert!(task.mini_batch_failed(two.mini_batch));
        assert!(!task.mini_batch_failed(two.mini_batch));
        assert!(task.bring(predicted(&one.items)));
        let closed = close(&task);
        let scored = closed.scored.unwrap();
        assert_eq!(values(&scored.predictions), [100, 102, 103, 104, 105]);
        assert_eq!(values(&scored.kept), [100, 102, 103, 104, 105]);
        assert_eq!(scored.rows, RowNumbers::Listed(vec![100, 102, 103, 104, 105]));
        assert_eq!(closed.errors.iter().map(|e| e.row).collect::<Vec<_>>(), [Some(101)]);
        assert_eq!((closed.succeeded, closed.failed, closed.failed_mini_batches), (5, 1, 1));
        assert_eq!(closed.miscount, None);
    }

    #[test]
    fn a_task_closed_early_says_what_was_not_scored() {
        let task = task(10);
        let first = task.take_mini_batch().unwrap();
        let _abandoned = task.take_mini_batch().unwrap();
        task.bring(predicted(&first));
        let closed = close(&task);
        assert_eq!((closed.succeeded, closed.failed, closed.unscored), (4, 0, 6));
        assert_eq!(closed.miscount, None);
        assert!(task.take_mini_batch().is_none());
    }

    #[test]
    fn an_item_answered_twice_is_noticed() {
        let task = task(4);
        let items = task.take_mini_batch().unwrap();
        task.split();
        task.bring(predicted(&items));
        task.bring(predicted(&items));
        assert!(close(&task).miscount.is_some());
    }
}

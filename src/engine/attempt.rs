use std::time::Duration;

use thiserror::Error;

use crate::caught::caught;
use crate::data::{MiniBatch, Predictions};
use crate::scorer::{ScoreError, Scorer};

/// Why an attempt gave no predictions.
#[derive(Debug, Error)]
pub enum AttemptError {
    /// The scorer said so.
    #[error(transparent)]
    Scorer(#[from] ScoreError),
    /// The scorer panicked.
    #[error("the model's code panicked: {0}")]
    Panicked(String),
    /// The scorer gave fewer or more results than there are items, so that none can be told to be whose.
    #[error("the model gave {results} results for {items} items")]
    WrongCount {
        /// Items of the mini-batch.
        items: usize,
        /// Results given.
        results: usize,
    },
    /// The call did not return in time and was abandoned.
    #[error("the model did not answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
}

impl AttemptError {
    /// Whether another attempt at the same items can help.
    pub fn is_retryable(&self) -> bool {
        match self {
            AttemptError::Scorer(error) => error.is_retryable(),
            AttemptError::Panicked(_) | AttemptError::TimedOut(_) => true,
            AttemptError::WrongCount { .. } => false,
        }
    }
}

/// One attempt: calls the scorer, turns a panic into an error, and checks that there is one result an item.
pub fn score_mini_batch(scorer: &dyn Scorer, mini_batch: &MiniBatch) -> Result<Predictions, AttemptError> {
    // A scorer keeps per-call state to itself and drops it on a panic, so nothing broken is seen afterwards.
    let predictions = caught(|| scorer.score(mini_batch)).map_err(AttemptError::Panicked)??;
    let (items, results) = (mini_batch.len(), predictions.len());
    if items == results { Ok(predictions) } else { Err(AttemptError::WrongCount { items, results }) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use arrow_array::{RecordBatch, RecordBatchOptions};
    use arrow_schema::Schema;

    use super::*;
    use crate::data::{Block, Cuts, InputFile, RowNumbers};
    use crate::scorer::scripted::{Script, ScriptedScorer};

    fn mini_batch(rows: usize) -> MiniBatch {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let block = Block {
            file: Arc::new(InputFile { index: 0, name: "a".to_owned() }),
            span: 0..rows as u64,
            records: RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap(),
            feature_count: 0,
            key: None,
            passed_over: 0,
            rows: RowNumbers::From(0),
            failures: Arc::new([]),
            cuts: Cuts::Every(rows as u64),
        };
        MiniBatch { block: Arc::new(block), records: 0..rows }
    }

    fn attempt(script: Script) -> Result<Predictions, AttemptError> {
        score_mini_batch(&ScriptedScorer::new(script), &mini_batch(10))
    }

    #[test]
    fn whatever_a_scorer_does_comes_out_as_a_value() {
        let three = || BTreeSet::from([3]);
        assert_eq!(attempt(Script::default()).unwrap().len(), 10);

        let transient = attempt(Script { fail: 1, ..Script::default() }).unwrap_err();
        assert!(transient.is_retryable());

        let permanent = attempt(Script { fail_rows: three(), ..Script::default() }).unwrap_err();
        assert!(!permanent.is_retryable());
        assert_eq!(permanent.to_string(), "the script refuses row 3");

        let panicked = attempt(Script { panic_rows: three(), ..Script::default() }).unwrap_err();
        assert!(panicked.is_retryable());
        assert_eq!(panicked.to_string(), "the model's code panicked: the script panics at row 3");

        for (script, results) in [
            (Script { short_rows: three(), ..Script::default() }, 9),
            (Script { extra_rows: three(), ..Script::default() }, 11),
        ] {
            let wrong = attempt(script).unwrap_err();
            assert!(!wrong.is_retryable());
            assert_eq!(wrong.to_string(), format!("the model gave {results} results for 10 items"));
        }
    }
}

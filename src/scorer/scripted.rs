//! A fake model that does what a script says: for tests of the policies and for benches of everything but scoring.
//!
//! A `.scripted` file holds `key: value` lines; every key may be left out:
//!
//! ```text
//! sleep_ms: 5            # each call takes this long
//! fail: 2                # the first calls of each mini-batch fail, as a passing fault would
//! fail_rows: 3, 17       # calls that hold one of these rows fail for good
//! panic_rows: 4          # calls that hold one of these rows panic
//! hang_rows: 9           # calls that hold one of these rows never return (they sleep for an hour)
//! short_rows: 5          # these rows get no result
//! extra_rows: 6          # these rows get two results
//! outputs: 100           # so many further columns of numbers, as a model gives that embeds
//! ```
//!
//! The prediction of a record is its row number in its file; further outputs are shares of it.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow_array::{ArrayRef, Float64Array, Int64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::{FeatureNeeds, ModelError, ScoreError, Scorer, Signature};
use crate::data::{MiniBatch, Predictions};

/// What the fake does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// Each call takes this long.
    pub sleep: Duration,
    /// So many calls of each mini-batch fail first, with an error that another attempt may not meet.
    pub fail: u32,
    /// Calls with one of these rows fail for good.
    pub fail_rows: BTreeSet<u64>,
    /// Calls with one of these rows panic.
    pub panic_rows: BTreeSet<u64>,
    /// Calls with one of these rows do not return.
    pub hang_rows: BTreeSet<u64>,
    /// These rows get no result.
    pub short_rows: BTreeSet<u64>,
    /// These rows get two results.
    pub extra_rows: BTreeSet<u64>,
    /// So many columns stand behind the prediction.
    pub outputs: u64,
}

/// How long a call that "never returns" sleeps.
const HANG: Duration = Duration::from_secs(3600);

/// The fake model.
#[derive(Debug)]
pub struct ScriptedScorer {
    script: Script,
    signature: Signature,
    schema: SchemaRef,
    /// Calls so far by (file, first row), counted only when `fail` asks for it.
    calls: Mutex<HashMap<(usize, u64), u32>>,
}

impl ScriptedScorer {
    /// A fake that follows `script`.
    pub fn new(script: Script) -> Self {
        let mut fields = vec![Field::new("prediction", DataType::Int64, false)];
        fields.extend((1..=script.outputs).map(|at| Field::new(format!("output_{at}"), DataType::Float64, false)));
        let schema = Arc::new(Schema::new(fields));
        ScriptedScorer { script, signature: Signature::default(), schema, calls: Mutex::default() }
    }

    /// Reads a `.scripted` file.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ModelError::Unreadable { path: path.display().to_string(), source })?;
        Script::parse(&text)
            .map(ScriptedScorer::new)
            .map_err(|cause| ModelError::Unusable { path: path.display().to_string(), cause })
    }
}

impl Script {
    fn parse(text: &str) -> Result<Self, String> {
        let mut script = Script::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let (key, value) =
                line.split_once(':').ok_or_else(|| format!("line {}: expected `key: value`", index + 1))?;
            let number = |text: &str| {
                text.trim().parse::<u64>().map_err(|_| format!("line {}: {text:?} is not a whole number", index + 1))
            };
            let rows = || value.split(',').map(number).collect::<Result<BTreeSet<u64>, _>>();
            match key.trim() {
                "sleep_ms" => script.sleep = Duration::from_millis(number(value)?),
                "fail" => script.fail = u32::try_from(number(value)?).unwrap_or(u32::MAX),
                "fail_rows" => script.fail_rows = rows()?,
                "panic_rows" => script.panic_rows = rows()?,
                "hang_rows" => script.hang_rows = rows()?,
                "short_rows" => script.short_rows = rows()?,
                "extra_rows" => script.extra_rows = rows()?,
                "outputs" => script.outputs = number(value)?,
                other => return Err(format!("line {}: unknown key {other:?}", index + 1)),
            }
        }
        Ok(script)
    }
}

impl Scorer for ScriptedScorer {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn engine(&self) -> String {
        "scripted fake, for tests and benches".to_owned()
    }

    fn needs(&self) -> &FeatureNeeds {
        &FeatureNeeds::Anything
    }

    fn output_schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn score(&self, mini_batch: &MiniBatch) -> Result<Predictions, ScoreError> {
        let script = &self.script;
        if !script.sleep.is_zero() {
            std::thread::sleep(script.sleep);
        }
        let rows = || (0..mini_batch.len()).map(|i| mini_batch.row(i));
        let first_in = |set: &BTreeSet<u64>| if set.is_empty() { None } else { rows().find(|r| set.contains(r)) };
        if script.fail > 0 {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let count = calls.entry((mini_batch.block.file.index, mini_batch.row(0))).or_default();
            *count += 1;
            if *count <= script.fail {
                return Err(ScoreError::Transient(format!("the script fails call {count} of {}", script.fail)));
            }
        }
        if let Some(row) = first_in(&script.fail_rows) {
            return Err(ScoreError::Permanent(format!("the script refuses row {row}")));
        }
        if let Some(row) = first_in(&script.panic_rows) {
            panic!("the script panics at row {row}");
        }
        if first_in(&script.hang_rows).is_some() {
            std::thread::sleep(HANG);
        }
        let results: Int64Array = if script.short_rows.is_empty() && script.extra_rows.is_empty() {
            rows().map(|row| row as i64).collect::<Vec<_>>().into()
        } else {
            rows()
                .filter(|row| !script.short_rows.contains(row))
                .flat_map(|row| std::iter::repeat_n(row as i64, 1 + usize::from(script.extra_rows.contains(&row))))
                .collect::<Vec<_>>()
                .into()
        };
        let len = results.len();
        let share = |at: u64| {
            let shares = results.values().iter().map(|row| *row as f64 / (at + 1) as f64);
            Arc::new(Float64Array::from_iter_values(shares)) as ArrayRef
        };
        let mut columns: Vec<ArrayRef> = (1..=script.outputs).map(share).collect();
        columns.insert(0, Arc::new(results));
        Ok(Predictions::new(Arc::clone(&self.schema), columns, len)?)
    }
}

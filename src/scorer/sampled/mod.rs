//! Contributions of the features of any model, found by scoring: Shapley values of its outputs against a background.
//!
//! What a set of features is worth for an item is what the model gives, on the average over the records of the background,
//! for rows in which these features are the item's and the others are the record's. A Shapley value is what a feature
//! adds to that on the average over all orders in which features can come. Orders are sampled, each with its opposite
//! (Castro, Gómez and Tejada, 2009; antithetic pairs: Mitchell, Cooper, Frank and Holmes, 2022), and each pair with one
//! record, so that contributions and the expected value add up to the output whatever the sample. How far chance may have
//! gone is told by the spread over the pairs, as a standard error.
//!
//! Items have the same records and orders, and each is scored in calls of its own: so contributions depend on the item, the
//! background and the settings, and neither on the items beside it nor on who works on it.

mod design;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::interleave::interleave;

use self::design::{Design, Moments, mixed};
use super::explained::{Contributions, Explainer};
use super::{ScoreError, Scorer};
use crate::caught::caught;
use crate::data::{Block, Cuts, InputFile, MiniBatch, RowNumbers};

/// Most rows of a call of the model.
const CALL_ROWS: usize = 1024;

/// Most bytes of features of a call of the model, if it has more than one row.
const CALL_BYTES: usize = 16 << 20;

/// Records that say what values features usually have: a sample of all that are shown to it.
#[derive(Debug)]
pub struct Background {
    most: usize,
    /// How many records it was shown.
    shown: u64,
    /// Records that are kept, each with its lot and its number; those with the lowest lots are.
    kept: Vec<(u64, u64, RecordBatch)>,
}

impl Background {
    /// One of at most so many records.
    pub fn new(most: usize) -> Self {
        Background { most, shown: 0, kept: Vec::new() }
    }

    /// Shows it the records of a mini-batch. Which of all are kept depends on their number alone.
    pub fn show(&mut self, mini_batch: &MiniBatch) -> Result<(), ArrowError> {
        let features = features(mini_batch)?;
        for row in 0..mini_batch.len() {
            let (lot, number) = (mixed(self.shown), self.shown);
            self.shown += 1;
            if self.kept.len() < self.most || self.kept.last().is_some_and(|(last, ..)| lot < *last) {
                let record = concat_batches(&features.schema(), [&features.slice(row, 1)])?;
                let place = self.kept.partition_point(|(other, ..)| *other < lot);
                self.kept.insert(place, (lot, number, record));
                self.kept.truncate(self.most);
            }
        }
        Ok(())
    }

    /// The records that are kept, in the order in which they came, and whether they are all; `None` if there are none.
    fn records(mut self) -> Result<Option<(RecordBatch, bool)>, ArrowError> {
        self.kept.sort_unstable_by_key(|(_, number, _)| *number);
        let Some((.., first)) = self.kept.first() else { return Ok(None) };
        let records = concat_batches(&first.schema(), self.kept.iter().map(|(.., record)| record))?;
        Ok(Some((records, self.kept.len() as u64 == self.shown)))
    }
}

/// The features of the records of `mini_batch`.
fn features(mini_batch: &MiniBatch) -> Result<RecordBatch, ArrowError> {
    let block = &mini_batch.block;
    let features = block.records.project(&(0..block.feature_count).collect::<Vec<_>>())?;
    Ok(features.slice(mini_batch.records.start, mini_batch.len()))
}

/// Explains a model by scoring.
pub struct Sampled {
    scorer: Arc<dyn Scorer>,
    /// Records of the background: features only.
    background: RecordBatch,
    /// Bytes of the largest values of each of its columns, added up.
    background_bytes: usize,
    design: Design,
    /// Which of the model's columns are explained.
    outputs: Vec<usize>,
    names: Vec<String>,
    /// What the model gives for the background: row-major `[records, outputs]`.
    given: Vec<f64>,
    expected: Vec<f64>,
}

impl Sampled {
    /// That of `scorer`, whose outputs of float32 and float64 are explained against `background`, with at least `samples`
    /// pairs of orders. Errors are in words for the user.
    pub fn new(scorer: Arc<dyn Scorer>, background: Background, samples: usize) -> Result<Self, String> {
        let (records, complete) = background
            .records()
            .map_err(|error| error.to_string())?
            .ok_or("the background has no records to explain it against")?;
        if records.num_columns() == 0 {
            return Err("it takes no features".to_owned());
        }
        let (outputs, names) = outputs(&scorer.output_schema());
        if outputs.is_empty() {
            return Err("it gives no numbers of float32 or float64 that could be explained".to_owned());
        }
        let background_bytes = records.columns().iter().map(largest).sum();
        let design = Design::new(records.num_columns(), records.num_rows(), complete, samples);
        let background = records;
        let (given, expected) = (Vec::new(), Vec::new());
        let mut sampled = Sampled { scorer, background, background_bytes, design, outputs, names, given, expected };
        sampled.given = sampled.of_background()?;
        let width = sampled.outputs.len();
        let mean = |output: usize| {
            let values = sampled.given.iter().skip(output).step_by(width);
            values.sum::<f64>() / sampled.background.num_rows() as f64
        };
        sampled.expected = (0..width).map(mean).collect();
        Ok(sampled)
    }

    /// What the model gives for the records of the background.
    fn of_background(&self) -> Result<Vec<f64>, String> {
        let mut given = Vec::new();
        let rows = (CALL_BYTES / self.background_bytes.max(1)).clamp(1, CALL_ROWS);
        for start in (0..self.background.num_rows()).step_by(rows) {
            let records = self.background.slice(start, rows.min(self.background.num_rows() - start));
            let scored = caught(|| self.scores(records))
                .unwrap_or_else(|panic| Err(ScoreError::Permanent(format!("its code panicked: {panic}"))));
            given.extend(scored.map_err(|error| format!("it does not score the records of the background: {error}"))?);
        }
        match given.iter().all(|value| value.is_finite()) {
            true => Ok(given),
            false => Err("what it gives for records of the background is no finite number".to_owned()),
        }
    }

    /// The outputs for these records, as features alone: row-major `[records, outputs]`.
    fn scores(&self, records: RecordBatch) -> Result<Vec<f64>, ScoreError> {
        let rows = records.num_rows();
        let block = Block {
            file: Arc::new(InputFile { index: 0, name: "rows for an explanation".to_owned() }),
            span: 0..rows as u64,
            feature_count: records.num_columns(),
            key: None,
            passed_over: 0,
            records,
            rows: RowNumbers::From(0),
            failures: Arc::new([]),
            cuts: Cuts::Every(rows.max(1) as u64),
        };
        let predictions = self.scorer.score(&MiniBatch { block: Arc::new(block), records: 0..rows })?;
        let width = self.outputs.len();
        let mut scores = vec![0.0; rows * width];
        for (output, column) in self.outputs.iter().enumerate() {
            let column = predictions.table().columns().get(*column);
            let values = column.filter(|column| column.len() == rows).and_then(numbers);
            let wrong = || ScoreError::Permanent("the model gave other outputs than it declares".to_owned());
            let places = scores.iter_mut().skip(output).step_by(width);
            places.zip(values.ok_or_else(wrong)?).for_each(|(place, value)| *place = value);
        }
        Ok(scores)
    }

    /// The rows `range` of all that are scored for the item in row `item` of `columns`: the item itself, then the units.
    fn rows(&self, columns: &[ArrayRef], item: usize, range: Range<usize>) -> Result<RecordBatch, ArrowError> {
        let of_unit = self.design.rows().max(1);
        let first = range.start.saturating_sub(1) / of_unit;
        let last = range.end.saturating_sub(2) / of_unit;
        let units: Vec<_> = (first..=last).map(|unit| (self.design.record(unit), self.design.unit(unit))).collect();
        let column = |(feature, column): (usize, &ArrayRef)| {
            let place = |row: usize| {
                let Some(row) = row.checked_sub(1) else { return (0, item) };
                let (record, unit) = &units[row / of_unit - first];
                if unit.is_of_item(row % of_unit, feature) { (0, item) } else { (1, *record) }
            };
            interleave(&[column, self.background.column(feature)], &range.clone().map(place).collect::<Vec<_>>())
        };
        let made = columns.iter().enumerate().map(column).collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(range.len()));
        RecordBatch::try_new_with_options(self.background.schema(), made, &options)
    }

    /// Contributions to the outputs for the item in row `item` of `columns`.
    fn of_item(&self, columns: &[ArrayRef], item: usize) -> Result<Moments, ScoreError> {
        let (design, width) = (&self.design, self.outputs.len());
        let features = design.features();
        let of_unit = design.rows() * width;
        let bytes = self.background_bytes + columns.iter().map(|column| bytes(column, item)).sum::<usize>();
        let rows_per_call = (CALL_BYTES / bytes.max(1)).clamp(1, CALL_ROWS);
        let total = 1 + design.units() * design.rows();
        let mut moments = Moments::new(width * features, design.group());
        let mut credits = vec![0.0; width * features];
        // The scores of the item, and those of rows whose unit is not complete yet.
        let (mut own, mut scores) = (Vec::new(), Vec::new());
        let mut unit = 0;
        for start in (0..total).step_by(rows_per_call) {
            let records = self.rows(columns, item, start..total.min(start + rows_per_call));
            scores.extend(self.scores(records.map_err(|error| ScoreError::Permanent(error.to_string()))?)?);
            if start == 0 {
                own = scores.drain(..width).collect::<Vec<f64>>();
            }
            let mut done = 0;
            while unit < design.units() && done + of_unit <= scores.len() {
                let given = &self.given[design.record(unit) * width..][..width];
                let of_rows = &scores[done..][..of_unit];
                let rows = design.unit(unit);
                for (output, credits) in credits.chunks_exact_mut(features).enumerate() {
                    rows.credit(given[output], own[output], |row| of_rows[row * width + output], credits);
                }
                moments.add(&credits);
                (unit, done) = (unit + 1, done + of_unit);
            }
            scores.drain(..done);
        }
        Ok(moments)
    }
}

impl Explainer for Sampled {
    fn method(&self) -> String {
        let records = self.background.num_rows();
        match self.design.is_exact() {
            true => format!("exact Shapley values against {records} records"),
            false => format!(
                "sampled Shapley values against {records} records, {} rows each",
                self.design.units() * self.design.rows()
            ),
        }
    }

    fn scores(&self) -> Vec<String> {
        self.names.clone()
    }

    fn expected(&self) -> Vec<f64> {
        self.expected.clone()
    }

    fn is_exact(&self) -> bool {
        self.design.is_exact()
    }

    fn contributions(&self, mini_batch: &MiniBatch) -> Result<Contributions, ScoreError> {
        let columns = &mini_batch.block.records.columns()[..mini_batch.block.feature_count];
        if columns.len() != self.design.features() {
            let cause = format!("the background has {} features, and not {}", self.design.features(), columns.len());
            return Err(ScoreError::Permanent(cause));
        }
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for item in mini_batch.records.clone() {
            let moments = self.of_item(columns, item)?;
            values.extend(moments.means());
            errors.extend(moments.errors());
        }
        Ok(Contributions { values, errors: (!self.design.is_exact()).then_some(errors) })
    }
}

/// The columns that are explained, and what tells them apart: the class of a probability, the number of a prediction, else
/// the column's name; nothing for a lone one.
fn outputs(schema: &SchemaRef) -> (Vec<usize>, Vec<String>) {
    let is_number = |data_type: &DataType| matches!(data_type, DataType::Float32 | DataType::Float64);
    let fields = schema.fields().iter().enumerate().filter(|(_, field)| is_number(field.data_type()));
    let (places, names): (Vec<usize>, Vec<&str>) = fields.map(|(place, field)| (place, field.name().as_str())).unzip();
    let short = |name: &&str| {
        let rest = name.strip_prefix("probability_").or_else(|| name.strip_prefix("prediction_"));
        rest.unwrap_or(name).to_owned()
    };
    let mut shortened: Vec<String> = names.iter().map(short).collect();
    if let [lone] = shortened.as_mut_slice() {
        lone.clear();
    }
    let mut sorted = shortened.clone();
    sorted.sort_unstable();
    let are_unique = sorted.windows(2).all(|pair| pair[0] != pair[1]);
    (places, if are_unique { shortened } else { names.into_iter().map(str::to_owned).collect() })
}

/// The values of a column of float32 or float64.
fn numbers(column: &ArrayRef) -> Option<Vec<f64>> {
    match column.data_type() {
        DataType::Float32 => {
            Some(column.as_primitive_opt::<Float32Type>()?.values().iter().copied().map(f64::from).collect())
        }
        DataType::Float64 => Some(column.as_primitive_opt::<Float64Type>()?.values().to_vec()),
        _ => None,
    }
}

/// Bytes of a value, about.
fn bytes(column: &ArrayRef, row: usize) -> usize {
    match column.as_string_opt::<i32>() {
        Some(texts) => texts.value(row).len() + size_of::<i32>(),
        None => column.data_type().primitive_width().unwrap_or(16),
    }
}

/// Bytes of the largest value of a column, about.
fn largest(column: &ArrayRef) -> usize {
    (0..column.len()).map(|row| bytes(column, row)).max().unwrap_or(0)
}

//! Predictions with what each feature contributed to them.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::{Details, Explain, FeatureNeeds, ScoreError, Scorer, Signature};
use crate::data::{MiniBatch, Predictions};

/// A model of which it can be told how its features contribute to its scores.
///
/// Scores are raw: what a model sums up before it makes a probability or another output of it (a margin, log-odds). For
/// each item, a score is the sum of the contributions and of the expected score.
pub trait Explainer {
    /// How contributions are found, for users.
    fn method(&self) -> &'static str;

    /// What tells the scores apart: names of classes, or numbers of outputs. A lone one has an empty name.
    fn scores(&self) -> Vec<String>;

    /// The expected value of each score: what it is when no feature is known.
    fn expected(&self) -> Vec<f64>;

    /// The contributions for the items of `mini_batch`, row-major `[items, scores, features]`.
    fn contributions(&self, mini_batch: &MiniBatch) -> Result<Vec<f64>, ScoreError>;
}

/// A scorer whose predictions have columns of contributions behind those of its own, in float64: for each score those of
/// its features, then the expected score.
pub struct Explained {
    scorer: Box<dyn Scorer>,
    explain: Explain,
    /// Their names.
    features: Vec<String>,
    expected: Vec<f64>,
    schema: SchemaRef,
}

impl Explained {
    /// `scorer`, given features of these names; else why it cannot be explained.
    pub fn new(scorer: Box<dyn Scorer>, explain: Explain, features: Vec<String>) -> Result<Self, String> {
        let explainer = scorer.explainer()?;
        let expected = explainer.expected();
        let mut fields: Vec<Field> =
            scorer.output_schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        for score in explainer.scores() {
            let score = if score.is_empty() { score } else { format!("_{score}") };
            let number = |name: String| Field::new(name, DataType::Float64, false);
            match explain {
                Explain::All => {
                    fields.extend(features.iter().map(|name| number(format!("contribution{score}_{name}"))));
                }
                Explain::Top(count) => {
                    for rank in 1..=count.get().min(features.len()) {
                        let name = format!("contribution{score}_{rank}");
                        fields.push(Field::new(format!("{name}_feature"), DataType::Utf8, false));
                        fields.push(number(format!("{name}_value")));
                    }
                }
            }
            fields.push(number(format!("expected_value{score}")));
        }
        Ok(Explained { explain, features, expected, schema: Arc::new(Schema::new(fields)), scorer })
    }

    /// The columns for contributions as [`Explainer::contributions`] gives them, for so many items.
    fn columns(&self, contributions: &[f64], items: usize) -> Vec<ArrayRef> {
        let (features, scores) = (self.features.len(), self.expected.len());
        let numbers = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for (score, expected) in self.expected.iter().enumerate() {
            let of_item = |item: usize| &contributions[(item * scores + score) * features..][..features];
            match self.explain {
                Explain::All => columns.extend(
                    (0..features).map(|feature| numbers((0..items).map(|item| of_item(item)[feature]).collect())),
                ),
                Explain::Top(count) => {
                    let largest: Vec<Vec<usize>> = (0..items).map(|item| by_magnitude(of_item(item))).collect();
                    for rank in 0..count.get().min(features) {
                        let names = largest.iter().map(|places| Some(self.features[places[rank]].as_str()));
                        let values = largest.iter().enumerate().map(|(item, places)| of_item(item)[places[rank]]);
                        columns.push(Arc::new(names.collect::<StringArray>()));
                        columns.push(numbers(values.collect()));
                    }
                }
            }
            columns.push(numbers(vec![*expected; items]));
        }
        columns
    }
}

/// The places of `contributions` by falling magnitude, the first of equals first.
fn by_magnitude(contributions: &[f64]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..contributions.len()).collect();
    places.sort_by(|a, b| contributions[*b].abs().total_cmp(&contributions[*a].abs()));
    places
}

impl Scorer for Explained {
    fn signature(&self) -> &Signature {
        self.scorer.signature()
    }

    fn engine(&self) -> String {
        let method = self.scorer.explainer().map_or("", |explainer| explainer.method());
        format!("{}; contributions by {method}", self.scorer.engine())
    }

    fn details(&self) -> Details {
        self.scorer.details()
    }

    fn needs(&self) -> &FeatureNeeds {
        self.scorer.needs()
    }

    fn output_schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn score(&self, mini_batch: &MiniBatch) -> Result<Predictions, ScoreError> {
        let predictions = self.scorer.score(mini_batch)?;
        let contributions = self.scorer.explainer().map_err(ScoreError::Permanent)?.contributions(mini_batch)?;
        let items = mini_batch.len();
        let (have, wanted) = (contributions.len(), items * self.expected.len() * self.features.len());
        if have != wanted {
            return Err(ScoreError::Permanent(format!("there are {have} contributions, not {wanted}")));
        }
        let mut columns = predictions.table().columns().to_vec();
        columns.extend(self.columns(&contributions, items));
        Ok(Predictions::new(self.output_schema(), columns, items)?)
    }
}

//! Predictions with what each feature contributed to them.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::{Details, Explain, FeatureNeeds, Sampled, ScoreError, Scorer, Signature};
use crate::data::{MiniBatch, Predictions};

/// What tells how the features of a model contribute to its scores.
///
/// Where the model itself tells, scores are raw: what it sums up before it makes a probability or another output of it (a
/// margin, log-odds). Where it is only scored ([`super::Sampled`]), they are its outputs. For each item, a score is the sum of
/// the contributions and of the expected score.
pub trait Explainer {
    /// How contributions are found, for users.
    fn method(&self) -> String;

    /// What tells the scores apart: names of classes, or numbers of outputs. A lone one has an empty name.
    fn scores(&self) -> Vec<String>;

    /// The expected value of each score: what it is when no feature is known.
    fn expected(&self) -> Vec<f64>;

    /// Whether contributions are exact, and not estimates with standard errors.
    fn is_exact(&self) -> bool {
        true
    }

    /// The contributions for the items of `mini_batch`.
    fn contributions(&self, mini_batch: &MiniBatch) -> Result<Contributions, ScoreError>;
}

/// What features contribute to the scores of some items.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    /// Row-major `[items, scores, features]`.
    pub values: Vec<f64>,
    /// The standard error of each value; `None` if they are exact.
    pub errors: Option<Vec<f64>>,
}

/// Why a model alone does not tell what its features contribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unexplained {
    /// In words for the user.
    pub cause: String,
    /// Whether it tells once it has observed records ([`Scorer::observe`]).
    pub observing: bool,
}

/// A scorer whose predictions have columns of contributions behind those of its own, in float64: for each score those of
/// its features, with their standard errors where they are estimates, then the expected score.
pub struct Explained {
    scorer: Arc<dyn Scorer>,
    /// What explains it, if not it itself.
    sampled: Option<Sampled>,
    explain: Explain,
    /// Their names.
    features: Vec<String>,
    expected: Vec<f64>,
    schema: SchemaRef,
}

/// The name of a standard error of the contribution so called.
fn error_name(contribution: &str) -> String {
    format!("standard_error{}", contribution.strip_prefix("contribution").unwrap_or(contribution))
}

impl Explained {
    /// `scorer`, given features of these names, as it explains itself or as `sampled` does; else why there is no
    /// explanation.
    pub fn new(
        scorer: Arc<dyn Scorer>,
        sampled: Option<Sampled>,
        explain: Explain,
        features: Vec<String>,
    ) -> Result<Self, String> {
        let explainer = match &sampled {
            Some(sampled) => sampled,
            None => scorer.explainer().map_err(|unexplained| unexplained.cause)?,
        };
        let expected = explainer.expected();
        let mut fields: Vec<Field> =
            scorer.output_schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        let number = |name: String| Field::new(name, DataType::Float64, false);
        for score in explainer.scores() {
            let score = if score.is_empty() { score } else { format!("_{score}") };
            match explain {
                Explain::All => {
                    let names: Vec<String> =
                        features.iter().map(|name| format!("contribution{score}_{name}")).collect();
                    let errors = names.iter().filter(|_| !explainer.is_exact()).map(|name| error_name(name));
                    fields.extend(names.iter().cloned().chain(errors).map(number));
                }
                Explain::Top(count) => {
                    for rank in 1..=count.get().min(features.len()) {
                        let name = format!("contribution{score}_{rank}");
                        fields.push(Field::new(format!("{name}_feature"), DataType::Utf8, false));
                        fields.push(number(format!("{name}_value")));
                        if !explainer.is_exact() {
                            fields.push(number(error_name(&name)));
                        }
                    }
                }
            }
            fields.push(number(format!("expected_value{score}")));
        }
        Ok(Explained { explain, features, expected, schema: Arc::new(Schema::new(fields)), scorer, sampled })
    }

    fn explainer(&self) -> Result<&dyn Explainer, String> {
        match &self.sampled {
            Some(sampled) => Ok(sampled),
            None => self.scorer.explainer().map_err(|unexplained| unexplained.cause),
        }
    }

    /// The columns for `contributions` of so many items.
    fn columns(&self, contributions: &Contributions, items: usize) -> Vec<ArrayRef> {
        let (features, scores) = (self.features.len(), self.expected.len());
        let numbers = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
        let kinds = std::iter::once(&contributions.values).chain(&contributions.errors);
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for (score, expected) in self.expected.iter().enumerate() {
            let of_item = |item: usize| (item * scores + score) * features..(item * scores + score + 1) * features;
            match self.explain {
                Explain::All => {
                    for kind in kinds.clone() {
                        columns.extend(
                            (0..features)
                                .map(|feature| numbers((0..items).map(|item| kind[of_item(item)][feature]).collect())),
                        );
                    }
                }
                Explain::Top(count) => {
                    let values = &contributions.values;
                    let largest: Vec<Vec<usize>> =
                        (0..items).map(|item| by_magnitude(&values[of_item(item)])).collect();
                    for rank in 0..count.get().min(features) {
                        let names = largest.iter().map(|places| Some(self.features[places[rank]].as_str()));
                        columns.push(Arc::new(names.collect::<StringArray>()));
                        for kind in kinds.clone() {
                            let values = largest.iter().enumerate();
                            let values = values.map(|(item, places)| kind[of_item(item)][places[rank]]);
                            columns.push(numbers(values.collect()));
                        }
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
        let method = self.explainer().map_or(String::new(), Explainer::method);
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
        let contributions = self.explainer().map_err(ScoreError::Permanent)?.contributions(mini_batch)?;
        let items = mini_batch.len();
        let wanted = items * self.expected.len() * self.features.len();
        for have in std::iter::once(&contributions.values).chain(&contributions.errors).map(Vec::len) {
            if have != wanted {
                return Err(ScoreError::Permanent(format!("there are {have} contributions, not {wanted}")));
            }
        }
        let mut columns = predictions.table().columns().to_vec();
        columns.extend(self.columns(&contributions, items));
        Ok(Predictions::new(self.output_schema(), columns, items)?)
    }
}

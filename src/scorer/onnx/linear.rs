//! Contributions of features to the scores of a linear model.
//!
//! A score is the sum of weights times values, and the intercept. A feature's contribution is its weight times the value
//! that the model is given: the feature's own where the model reads the table itself, and what the operators before it
//! (Scaler, Imputer) make of that otherwise. So it is counted from the mean behind a Scaler that takes means away, and
//! from zero without one; the expected value is the intercept.

use arrow_array::types::Float32Type;
use tract_onnx::pb::GraphProto;
use tract_onnx::prelude::*;

use super::ops::columns::FeatureStep;
use super::{chain, classes, gather, ops};
use crate::data::{ElementType, MiniBatch};
use crate::scorer::{Contributions, Explainer, ScoreError, TensorSpec};

/// A linear model, and the operators before it that change each feature by itself.
pub(super) struct LinearExplainer {
    steps: Vec<Box<dyn FeatureStep>>,
    sums: ops::linear::Sums,
    /// What tells the scores apart.
    names: Vec<String>,
}

impl LinearExplainer {
    /// That of a graph that takes `inputs` and has a linear model behind such operators, which all else depends on.
    pub(super) fn of_graph(graph: &GraphProto, inputs: &[TensorSpec]) -> TractResult<Option<Self>> {
        let Some(chain) = chain::chain(graph, inputs)? else { return Ok(None) };
        let Some(sums) = ops::linear::sums(chain.last)? else { return Ok(None) };
        let names = match sums.scores() {
            1 => vec![String::new()],
            scores => {
                let names = classes::of_node(graph, chain.last).filter(|names| names.len() == scores);
                names.unwrap_or_else(|| (0..scores).map(|score| score.to_string()).collect())
            }
        };
        Ok(Some(LinearExplainer { steps: chain.steps, sums, names }))
    }
}

impl Explainer for LinearExplainer {
    fn method(&self) -> String {
        "weights times values".to_owned()
    }

    fn scores(&self) -> Vec<String> {
        self.names.clone()
    }

    fn expected(&self) -> Vec<f64> {
        self.sums.intercepts.iter().copied().map(f64::from).collect()
    }

    fn contributions(&self, mini_batch: &MiniBatch) -> Result<Contributions, ScoreError> {
        let columns = &mini_batch.block.records.columns()[..mini_batch.block.feature_count];
        let columns = gather::slices::<Float32Type>(columns, mini_batch.records.clone(), ElementType::Float32)
            .map_err(|error| ScoreError::Permanent(format!("{error:#}")))?;
        let (features, scores) = (columns.len(), self.sums.scores());
        let made_for = self.steps.iter().filter_map(|step| step.features()).chain([self.sums.features()]);
        if let Some(wanted) = made_for.into_iter().find(|wanted| *wanted != features) {
            let cause = format!("the model is made for {wanted} features, not {features}");
            return Err(ScoreError::Permanent(cause));
        }
        let mut contributions = vec![0.0; mini_batch.len() * scores * features];
        for (feature, column) in columns.iter().enumerate() {
            let mut values = column.to_vec();
            self.steps.iter().for_each(|step| step.apply(feature, features, &mut values));
            for (value, of_row) in values.iter().zip(contributions.chunks_exact_mut(scores * features)) {
                for (of_score, weights) in
                    of_row.chunks_exact_mut(features).zip(self.sums.weights.chunks_exact(features))
                {
                    of_score[feature] = f64::from(weights[feature]) * f64::from(*value);
                }
            }
        }
        Ok(Contributions { values: contributions, errors: None })
    }
}

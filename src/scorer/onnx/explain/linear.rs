//! Contributions of features to the scores of a linear model.
//!
//! A score is the sum of weights times values, and the intercept. A feature's contribution is the sum of weights times values
//! over the columns of the model's table that are made of it: the feature's own value where the model reads it itself, and
//! what the operators before it (Scaler, Imputer, OneHotEncoder, ...) make of that otherwise. So it is counted from the mean
//! behind a Scaler that takes means away, and from zero without one; the expected value is the intercept.

use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::prelude::*;

use super::super::{classes, ops};
use super::table::Table;
use crate::data::MiniBatch;
use crate::scorer::{Contributions, Explainer, ScoreError};

/// A linear model, and what it is given.
pub(super) struct LinearExplainer {
    table: Table,
    sums: ops::linear::Sums,
    /// What tells the scores apart.
    names: Vec<String>,
    features: usize,
}

impl LinearExplainer {
    /// That of `node`, if it is a linear model, over so many features.
    pub(super) fn of_node(
        graph: &GraphProto,
        node: &NodeProto,
        table: Table,
        features: usize,
    ) -> TractResult<Result<Self, Table>> {
        let Some(sums) = ops::linear::sums(node)? else { return Ok(Err(table)) };
        if sums.features() != table.sources.len() {
            return Err(TractError::msg(format!(
                "a linear model of {} features is given {}",
                sums.features(),
                table.sources.len()
            )));
        }
        let names = names(graph, node, sums.scores());
        Ok(Ok(LinearExplainer { table, sums, names, features }))
    }
}

/// What tells so many scores of `node` apart: its classes, or numbers; a lone one has an empty name.
pub(super) fn names(graph: &GraphProto, node: &NodeProto, scores: usize) -> Vec<String> {
    if scores == 1 {
        return vec![String::new()];
    }
    let names = classes::of_node(graph, node).filter(|names| names.len() == scores);
    names.unwrap_or_else(|| (0..scores).map(|score| score.to_string()).collect())
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
        let (features, columns) = (self.features, self.table.sources.len());
        let of_row = features * self.sums.scores();
        let mut values = vec![0.0; mini_batch.len() * of_row];
        self.table.rows::<f32>(mini_batch, |row, given| {
            let scores = values[row * of_row..][..of_row].chunks_exact_mut(features);
            for (score, weights) in scores.zip(self.sums.weights.chunks_exact(columns)) {
                for ((source, weight), value) in self.table.sources.iter().zip(weights).zip(given) {
                    score[*source as usize] += f64::from(*weight) * f64::from(*value);
                }
            }
        })?;
        Ok(Contributions { values, errors: None })
    }
}

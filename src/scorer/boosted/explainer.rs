//! Contributions of features to the scores of boosted trees, as the libraries' own functions give them.

use super::BoostedScorer;
use super::real::Real;
use crate::data::MiniBatch;
use crate::scorer::trees::Scratch;
use crate::scorer::{Contributions, Explainer, ScoreError};

impl<W: Real> Explainer for BoostedScorer<W> {
    fn method(&self) -> String {
        "TreeSHAP".to_owned()
    }

    fn scores(&self) -> Vec<String> {
        self.finish.score_names(self.trees.targets())
    }

    fn expected(&self) -> Vec<f64> {
        let Ok(shap) = &self.shap else { return vec![] };
        let (factor, addends) = self.finish.scaling();
        let addend = |target| addends.get(target).copied().unwrap_or(0.0);
        shap.expected().iter().enumerate().map(|(target, sum)| sum * factor + addend(target)).collect()
    }

    fn contributions(&self, mini_batch: &MiniBatch) -> Result<Contributions, ScoreError> {
        let shap = self.shap.as_ref().map_err(|cause| ScoreError::Permanent(cause.clone()))?;
        let columns = self.columns(mini_batch)?;
        let (factor, _) = self.finish.scaling();
        let mut row = vec![0.0; columns.len()];
        let mut contributions = vec![0.0; mini_batch.len() * self.trees.targets() * columns.len()];
        let mut scratch = Scratch::default();
        for (index, sums) in contributions.chunks_exact_mut(self.trees.targets() * columns.len()).enumerate() {
            row.iter_mut().zip(&columns).for_each(|(value, column)| *value = column[index]);
            shap.add(&self.trees, &row, &mut scratch, sums);
            sums.iter_mut().for_each(|sum| *sum *= factor);
        }
        Ok(Contributions { values: contributions, errors: None })
    }
}

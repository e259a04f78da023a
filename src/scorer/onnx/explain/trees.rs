//! Contributions of features to the scores of trees: path-dependent TreeSHAP.
//!
//! It needs to know how much of the training data came to each node, which exporters leave out, as a rule. Then records like
//! those of the training data are counted at the nodes that they come to. A feature of which several columns are made (one
//! for each category) is one feature.

use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::prelude::*;

use super::super::ops::sums_of_trees::{self, SumsOfTrees};
use super::linear::names;
use super::table::Table;
use crate::data::MiniBatch;
use crate::scorer::trees::{Scratch, Shap, TreeEnsemble};
use crate::scorer::{Contributions, Explainer, ScoreError};

/// Trees, and what they are given.
pub(super) struct TreeExplainer {
    table: Table,
    trees: TreeEnsemble<f64>,
    /// By the data at the nodes, once it is known.
    shap: Option<Shap>,
    /// Records that were counted at the nodes; `None` if the model tells by itself what came there.
    counted: Option<u64>,
    factor: f64,
    /// One for each target.
    addends: Vec<f64>,
    /// The targets that are scores, and what tells them apart.
    scores: Vec<usize>,
    names: Vec<String>,
    features: usize,
}

impl TreeExplainer {
    /// That of `node` over so many features; else why not.
    pub(super) fn of_node(
        graph: &GraphProto,
        node: &NodeProto,
        table: Table,
        features: usize,
    ) -> TractResult<Result<Self, String>> {
        let Some(sums) = sums_of_trees::of(node)? else {
            return Ok(Err("its scores are not the sums of leaf weights alone".to_owned()));
        };
        let SumsOfTrees { mut trees, factor, addends, scores } = sums;
        if trees.features() > table.sources.len() {
            return Err(TractError::msg("its trees ask for features that their table has not"));
        }
        let told = trees.has_covers();
        if !told {
            // Whether trees can be explained does not depend on what is counted.
            trees.clear_covers();
        }
        let shap = match Shap::of_groups(&trees, |feature| table.sources[feature as usize]) {
            Ok(shap) => told.then_some(shap),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let counted = (!told).then_some(0);
        let names = names(graph, node, scores.len());
        Ok(Ok(TreeExplainer { table, trees, shap, counted, factor, addends, scores, names, features }))
    }

    /// Whether it is known how much data came to each node.
    pub(super) fn is_ready(&self) -> bool {
        self.shap.is_some()
    }

    /// Counts records at the nodes.
    pub(super) fn observe(&mut self, records: &mut dyn Iterator<Item = MiniBatch>) -> Result<(), ScoreError> {
        let Some(counted) = &mut self.counted else { return Ok(()) };
        for mini_batch in records {
            self.table.rows::<f64>(&mini_batch, |_, row| self.trees.count(row))?;
            *counted += mini_batch.len() as u64;
        }
        if *counted == 0 {
            return Err(ScoreError::Permanent("there are none".to_owned()));
        }
        let shap = Shap::of_groups(&self.trees, |feature| self.table.sources[feature as usize]);
        self.shap = Some(shap.map_err(|error| ScoreError::Permanent(error.to_string()))?);
        Ok(())
    }
}

impl Explainer for TreeExplainer {
    fn method(&self) -> String {
        match self.counted {
            None => "TreeSHAP".to_owned(),
            Some(counted) => format!("TreeSHAP, with {counted} records of the background counted at the nodes"),
        }
    }

    fn scores(&self) -> Vec<String> {
        self.names.clone()
    }

    fn expected(&self) -> Vec<f64> {
        let expected = self.shap.as_ref().map(Shap::expected).unwrap_or_default();
        let of = |target: &usize| expected.get(*target).map_or(0.0, |sum| sum * self.factor) + self.addends[*target];
        self.scores.iter().map(of).collect()
    }

    fn contributions(&self, mini_batch: &MiniBatch) -> Result<Contributions, ScoreError> {
        let unknown = || ScoreError::Permanent("how much data came to the nodes of the trees is not known".to_owned());
        let shap = self.shap.as_ref().ok_or_else(unknown)?;
        let mut sums = vec![0.0; self.trees.targets() * self.features];
        let mut values = Vec::with_capacity(mini_batch.len() * self.scores.len() * self.features);
        let mut scratch = Scratch::default();
        self.table.rows::<f64>(mini_batch, |_, row| {
            sums.fill(0.0);
            shap.add(&self.trees, row, &mut scratch, &mut sums);
            for score in &self.scores {
                values.extend(sums[score * self.features..][..self.features].iter().map(|sum| sum * self.factor));
            }
        })?;
        Ok(Contributions { values, errors: None })
    }
}

//! What the features of an ONNX model contribute to its scores, where its graph tells: a linear model or one of trees, on
//! which all outputs depend, behind operators that make each column of its table of one feature.

mod linear;
mod sources;
mod table;
#[cfg(test)]
mod tests;
mod trees;

use tract_onnx::pb::{ModelProto, NodeProto};
use tract_onnx::prelude::*;

use self::linear::LinearExplainer;
use self::table::Table;
use self::trees::TreeExplainer;
use super::guarded;
use crate::data::MiniBatch;
use crate::scorer::{Dimension, Explainer, ScoreError, TensorSpec, Unexplained};

/// Operators that are models.
const MODELS: [&str; 5] =
    ["LinearClassifier", "LinearRegressor", "TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"];

/// What explains a model.
pub(super) struct OnnxExplainer(Way);

enum Way {
    Linear(Box<LinearExplainer>),
    Trees(Box<TreeExplainer>),
    /// Nothing that is in the graph, for this reason.
    None(String),
}

impl OnnxExplainer {
    /// That of `model`, which takes `inputs`. Where it cannot be prepared, that is the reason.
    pub(super) fn of_model(model: &ModelProto, inputs: &[TensorSpec]) -> Self {
        OnnxExplainer(guarded(|| Way::prepare(model, inputs)).unwrap_or_else(Way::None))
    }

    /// That of a model that is not to be explained.
    pub(super) fn not_wanted() -> Self {
        OnnxExplainer(Way::None("it was not loaded to be explained".to_owned()))
    }

    /// What explains it now; else why it does not.
    pub(super) fn ready(&self) -> Result<&dyn Explainer, Unexplained> {
        match &self.0 {
            Way::Linear(linear) => Ok(linear.as_ref()),
            Way::Trees(trees) if trees.is_ready() => Ok(trees.as_ref()),
            Way::Trees(_) => {
                let cause = "its trees do not tell how much of the training data came to each node".to_owned();
                Err(Unexplained { cause, observing: true })
            }
            Way::None(cause) => Err(Unexplained { cause: cause.clone(), observing: false }),
        }
    }

    /// See [`crate::scorer::Scorer::observe`].
    pub(super) fn observe(&mut self, records: &mut dyn Iterator<Item = MiniBatch>) -> Result<(), ScoreError> {
        match &mut self.0 {
            Way::Trees(trees) => trees.observe(records),
            _ => Ok(()),
        }
    }
}

impl Way {
    fn prepare(model: &ModelProto, inputs: &[TensorSpec]) -> TractResult<Self> {
        let none = |cause: &str| Ok(Way::None(cause.to_owned()));
        let Some(graph) = &model.graph else { return none("it holds no graph") };
        let is_model = |node: &&NodeProto| MODELS.contains(&node.op_type.as_str());
        let models: Vec<&NodeProto> = graph.node.iter().filter(is_model).collect();
        let node = match models.as_slice() {
            [node] => *node,
            [] => return none("it is neither a linear model nor one of trees"),
            _ => return none("it is made of several models"),
        };
        let features = match inputs {
            [TensorSpec { shape, .. }] => match shape.as_slice() {
                [_, Dimension::Fixed(features)] => *features,
                _ => return none("it does not say how many features it takes"),
            },
            several => several.len(),
        };
        let Some(table) = Table::of_node(model, inputs, node)? else {
            return none("its model is not given columns that are made of one feature each, or is not all of it");
        };
        let table = match LinearExplainer::of_node(graph, node, table, features)? {
            Ok(linear) => return Ok(Way::Linear(Box::new(linear))),
            Err(table) => table,
        };
        Ok(match TreeExplainer::of_node(graph, node, table, features)? {
            Ok(trees) => Way::Trees(Box::new(trees)),
            Err(cause) => Way::None(cause),
        })
    }
}

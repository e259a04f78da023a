//! Operators that take columns of float32 as they lie in a mini-batch, so that no table of rows is made of them.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::tree_classifier::TreeEnsembleClassifier;
use super::tree_regressor::TreeEnsembleRegressor;
use super::{imputer, linear, scaler};

/// Rows that are taken through a chain of operators at a time: what they hold stays in a core's nearest cache.
pub(in super::super) const TILE: usize = 128;

/// An operator that changes each feature by itself.
pub(in super::super) trait FeatureStep: Send + Sync {
    /// The operator's name.
    fn name(&self) -> &'static str;

    /// The number of features that it is made for; `None` when it takes any.
    fn features(&self) -> Option<usize>;

    /// Changes values of the feature `index` of `features`.
    fn apply(&self, index: usize, features: usize, values: &mut [f32]);
}

/// A model over a row's features, and the end of a chain.
pub(in super::super) trait ColumnScorer: Send + Sync {
    /// The operator's name, and how it is computed where there are several ways.
    fn name(&self) -> String;

    /// Fails, with the operator's name, when it is not made for rows of so many features.
    fn check(&self, features: usize) -> TractResult<()>;

    /// Element type of each of its outputs, and the number of values a row of those of two axes.
    fn outputs(&self) -> Vec<(DatumType, Option<usize>)>;

    /// Values of a row's scores, which `scores` makes.
    fn width(&self) -> usize;

    /// Scores of the rows of `columns`, at most [`TILE`] of them: row-major `[rows, width]`, into `scores`, which is of
    /// that length. They are, bit for bit, those of the same operator on a table.
    fn scores(&self, columns: &[&[f32]], scores: &mut [f32]);

    /// The outputs for the scores of all rows, shape `[N, width]`.
    fn finish(&self, scores: Tensor) -> TractResult<TVec<TValue>>;
}

/// The step that `node` is, if it is one.
pub(in super::super) fn step(node: &NodeProto) -> TractResult<Option<Box<dyn FeatureStep>>> {
    Ok(match node.op_type.as_str() {
        "Scaler" => Some(Box::new(scaler::Scaler::of(node)?)),
        "Imputer" => imputer::FloatImputer::of(node)?.map(|imputer| Box::new(imputer) as Box<dyn FeatureStep>),
        _ => None,
    })
}

/// The scorer that `node` is, if it is one.
pub(in super::super) fn scorer(node: &NodeProto) -> TractResult<Option<Box<dyn ColumnScorer>>> {
    Ok(match node.op_type.as_str() {
        "LinearClassifier" => Some(Box::new(linear::LinearClassifier::of(node)?)),
        "LinearRegressor" => Some(Box::new(linear::LinearRegressor::of(node)?)),
        "TreeEnsembleClassifier" => {
            TreeEnsembleClassifier::for_columns(node)?.map(|trees| Box::new(trees) as Box<dyn ColumnScorer>)
        }
        "TreeEnsemble" | "TreeEnsembleRegressor" => {
            TreeEnsembleRegressor::for_columns(node)?.map(|trees| Box::new(trees) as Box<dyn ColumnScorer>)
        }
        _ => None,
    })
}

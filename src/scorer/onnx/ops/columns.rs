//! Operators that take columns of float32 as they lie in a mini-batch, so that no table of rows is made of them.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::tree_classifier::TreeEnsembleClassifier;
use super::tree_regressor::TreeEnsembleRegressor;
use super::{imputer, linear, scaler};

/// Rows that are taken through operators at a time: what they hold stays in a core's nearest cache.
pub(super) const TILE: usize = 128;

/// No place: a category that the model does not know.
pub(in super::super) const ABSENT: u32 = u32::MAX;

/// What the rows of a tile hold of one feature, or of those that are made of one category.
pub(in super::super) enum Feature<'a> {
    Numbers(&'a [f32]),
    /// `width` features, of which the one at a row's place is 1 and all others are 0; all are when it is [`ABSENT`].
    Category {
        places: &'a [u32],
        width: usize,
    },
}

/// The columns of features that are all numbers.
pub(super) fn numbers<'a>(features: &[Feature<'a>]) -> Vec<&'a [f32]> {
    let column = |feature: &Feature<'a>| match feature {
        Feature::Numbers(column) => *column,
        Feature::Category { .. } => unreachable!("this scorer takes no categories"),
    };
    features.iter().map(column).collect()
}

/// An operator that changes each feature by itself.
pub(in super::super) trait FeatureStep: Send + Sync {
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

    /// Most rows that [`Self::scores`] takes at a time.
    fn rows(&self) -> usize {
        TILE
    }

    /// Whether it takes categories; else it takes numbers alone.
    fn takes_categories(&self) -> bool {
        false
    }

    /// Scores of the rows of `features`: row-major `[rows, width]`, into `scores`, which is of
    /// that length. They are, bit for bit, those of the same operator on a table.
    fn scores(&self, features: &[Feature], scores: &mut [f32]);

    /// The outputs for the scores of all rows, shape `[N, width]`.
    fn finish(&self, scores: Tensor) -> TractResult<TVec<TValue>>;
}

/// Whether `node` may be a step.
pub(in super::super) fn is_step(node: &NodeProto) -> bool {
    matches!(node.op_type.as_str(), "Scaler" | "Imputer")
}

/// The step that `node` is, if it is one.
pub(in super::super) fn step(node: &NodeProto) -> TractResult<Option<Box<dyn FeatureStep>>> {
    Ok(match node.op_type.as_str() {
        "Scaler" => Some(Box::new(scaler::Scaler::of(node)?)),
        "Imputer" => imputer::FloatImputer::of(node)?.map(|imputer| Box::new(imputer) as Box<dyn FeatureStep>),
        _ => None,
    })
}

/// Whether `node` may be a scorer.
pub(in super::super) fn is_scorer(node: &NodeProto) -> bool {
    let names =
        ["LinearClassifier", "LinearRegressor", "TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"];
    names.contains(&node.op_type.as_str())
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

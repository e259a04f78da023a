//! `ai.onnx.ml.TreeEnsembleRegressor`: sums or extremes of leaf weights, with base values.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::columns::ColumnScorer;
use super::post_transform::PostTransform;
use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};
use super::tree_attributes::{TreeAttributes, WeightAttributes};
use super::tree_ensemble::{Finish, Real, Trees, transform};
use crate::scorer::trees::{Aggregate, Score, TreeEnsemble};

pub(super) struct TreeEnsembleRegressor {
    trees: Trees,
    targets: usize,
    aggregate: Aggregate,
    /// The sum is divided by the number of trees.
    average: bool,
    post_transform: PostTransform,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    built(node, TreeEnsembleRegressor::of(node)?)
}

impl TreeEnsembleRegressor {
    fn of(node: &NodeProto) -> TractResult<Self> {
        let targets = node.get_attr_opt::<usize>("n_targets")?.unwrap_or(1);
        node.expect_attr("n_targets", targets > 0, "at least one target")?;
        let (aggregate, average) = match node.get_attr_opt::<&str>("aggregate_function")?.unwrap_or("SUM") {
            "SUM" => (Aggregate::Sum, false),
            "AVERAGE" => (Aggregate::Sum, true),
            "MIN" => (Aggregate::Min, false),
            "MAX" => (Aggregate::Max, false),
            _ => return node.bail_attr("aggregate_function", "expected SUM, AVERAGE, MIN or MAX"),
        };
        let names = WeightAttributes {
            ids: "target_ids",
            nodes: "target_nodeids",
            trees: "target_treeids",
            weights: "target_weights",
            weights_as_tensor: "target_weights_as_tensor",
        };
        let trees = Trees::new(node, &TreeAttributes::of(node, &names)?, targets)?;
        Ok(TreeEnsembleRegressor { trees, targets, aggregate, average, post_transform: PostTransform::of(node)? })
    }

    /// The same for columns, if there is a fast way.
    pub(super) fn for_columns(node: &NodeProto) -> TractResult<Option<Self>> {
        let regressor = Self::of(node)?;
        Ok((regressor.aggregate == Aggregate::Sum && regressor.trees.kernel.is_some()).then_some(regressor))
    }
}

impl RowOperator for TreeEnsembleRegressor {
    const NAME: &'static str = "TreeEnsembleRegressor";

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(f32::datum_type(), OutputShape::Columns(self.targets))]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        Ok(tvec![self.trees.eval(Self::NAME, &input, self.aggregate, self)?])
    }
}

impl ColumnScorer for TreeEnsembleRegressor {
    fn name(&self) -> String {
        self.trees.name(Self::NAME)
    }

    fn check(&self, features: usize) -> TractResult<()> {
        self.trees.check(Self::NAME, features)
    }

    fn outputs(&self) -> Vec<(DatumType, Option<usize>)> {
        vec![(f32::datum_type(), Some(self.targets))]
    }

    fn width(&self) -> usize {
        self.targets
    }

    fn scores(&self, columns: &[&[f32]], scores: &mut [f32]) {
        self.trees.sums_of_columns(columns, scores);
    }

    fn finish(&self, scores: Tensor) -> TractResult<TVec<TValue>> {
        Ok(tvec![self.trees.finish_sums(scores.try_as_plain_ram()?.as_slice::<f32>()?, self)?])
    }
}

impl Finish for TreeEnsembleRegressor {
    type Output = TValue;

    fn finish<T: Real>(&self, scores: &[Score<T>], base_values: &[T], trees: &TreeEnsemble<T>) -> TractResult<TValue> {
        let mut output = Tensor::zero::<f32>(&[scores.len() / self.targets, self.targets])?;
        let mut view = output.try_as_plain_ram_mut()?;
        let values = view.as_slice_mut::<f32>()?;
        // Base values count only when there is one for each target, and of several targets only for those that a leaf
        // of the row has a weight for.
        let base = |target: usize, score: &Score<T>| {
            let counts = base_values.len() == self.targets && (score.scored || self.targets == 1);
            if counts { base_values[target] } else { T::default() }
        };
        let count = T::of_count(trees.trees());
        for (values, scores) in values.chunks_exact_mut(self.targets).zip(scores.chunks_exact(self.targets)) {
            for (target, (value, score)) in values.iter_mut().zip(scores).enumerate() {
                let aggregate = if self.average { score.value / count } else { score.value };
                *value = (aggregate + base(target, score)).to_f32();
            }
        }
        // As ONNX Runtime: of a single target only the probit is taken.
        if self.targets > 1 || self.post_transform == PostTransform::Probit {
            transform(self.post_transform, values, self.targets);
        }
        Ok(output.into_tvalue())
    }
}

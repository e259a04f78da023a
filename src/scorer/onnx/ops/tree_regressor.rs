//! `ai.onnx.ml.TreeEnsembleRegressor`, and what `TreeEnsemble` does like it: sums or extremes of leaf weights, with base values.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::columns::{ColumnScorer, Feature, numbers};
use super::post_transform::PostTransform;
use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};
use super::tree_attributes::{Described, Reals, WeightAttributes, described};
use super::tree_ensemble::{Finish, Real, Trees, transform};
use crate::scorer::trees::{Aggregate, Score, TreeEnsemble, WALKED_ROWS};

/// How leaf weights become an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Sum,
    /// The sum divided by the number of trees.
    Average,
    Min,
    Max,
}

impl Function {
    fn aggregate(self) -> Aggregate {
        match self {
            Function::Sum | Function::Average => Aggregate::Sum,
            Function::Min => Aggregate::Min,
            Function::Max => Aggregate::Max,
        }
    }
}

pub(super) struct TreeEnsembleRegressor {
    trees: Trees,
    targets: usize,
    function: Function,
    post_transform: PostTransform,
    /// The output is of the input's type; else of float32.
    as_input: bool,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    TreeEnsembleRegressor::of(node)?.built(node)
}

/// The number of targets that `node` tells.
pub(super) fn targets(node: &NodeProto) -> TractResult<usize> {
    let targets = node.get_attr_opt::<usize>("n_targets")?.unwrap_or(1);
    node.expect_attr("n_targets", targets > 0, "at least one target")?;
    Ok(targets)
}

impl TreeEnsembleRegressor {
    pub(super) fn of(node: &NodeProto) -> TractResult<Self> {
        let (described, base_values, function, post_transform) = Self::described(node)?;
        let trees = Trees::new(node, &described, base_values)?;
        Ok(Self::new(node, trees, targets(node)?, function, post_transform))
    }

    /// The trees of `node`, what is added to their sums, and what becomes of them.
    pub(super) fn described(node: &NodeProto) -> TractResult<(Described, Reals<'_>, Function, PostTransform)> {
        if node.op_type == "TreeEnsemble" {
            return Self::described_in_version_5(node);
        }
        let targets = targets(node)?;
        let function = match node.get_attr_opt::<&str>("aggregate_function")?.unwrap_or("SUM") {
            "SUM" => Function::Sum,
            "AVERAGE" => Function::Average,
            "MIN" => Function::Min,
            "MAX" => Function::Max,
            _ => return node.bail_attr("aggregate_function", "expected SUM, AVERAGE, MIN or MAX"),
        };
        let names = WeightAttributes {
            ids: "target_ids",
            nodes: "target_nodeids",
            trees: "target_treeids",
            weights: "target_weights",
            weights_as_tensor: "target_weights_as_tensor",
        };
        let base_values = Reals::of(node, "base_values", "base_values_as_tensor")?;
        let mut described = described(node, &names, targets, &base_values)?;
        if targets == 1 {
            // Of a leaf's weights ONNX Runtime takes the first when there is but one target. scikit-learn's exporter gives
            // some leaves theirs several times.
            described.keep_first_weights();
        }
        Ok((described, base_values, function, PostTransform::of(node)?))
    }

    /// The operator that `node` is, with trees and attributes as read from it.
    pub(super) fn new(
        node: &NodeProto,
        trees: Trees,
        targets: usize,
        function: Function,
        post_transform: PostTransform,
    ) -> Self {
        let as_input = node.op_type == "TreeEnsemble";
        TreeEnsembleRegressor { trees, targets, function, post_transform, as_input }
    }

    pub(super) fn built(self, node: &NodeProto) -> Built {
        built(node, self)
    }

    /// The same for columns, if there is a fast way.
    pub(super) fn for_columns(node: &NodeProto) -> TractResult<Option<Self>> {
        let regressor = Self::of(node)?;
        Ok((regressor.function.aggregate() == Aggregate::Sum && regressor.trees.kernel.is_some()).then_some(regressor))
    }
}

impl RowOperator for TreeEnsembleRegressor {
    const NAME: &'static str = "TreeEnsembleRegressor";

    fn operator(&self) -> &'static str {
        if self.as_input { "TreeEnsemble" } else { Self::NAME }
    }

    fn outputs(&self, input: DatumType) -> TVec<OutputForm> {
        tvec![(if self.as_input { input } else { f32::datum_type() }, OutputShape::Columns(self.targets))]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let (element, _) = RowOperator::outputs(self, input.datum_type())[0];
        let output = self.trees.eval(self.operator(), &input, self.function.aggregate(), self)?;
        Ok(tvec![
            if output.datum_type() == element { output } else { output.cast_to_dt(element)?.into_owned() }
                .into_tvalue()
        ])
    }
}

impl ColumnScorer for TreeEnsembleRegressor {
    fn name(&self) -> String {
        self.trees.name(self.operator())
    }

    fn check(&self, features: usize) -> TractResult<()> {
        self.trees.check(self.operator(), features)
    }

    fn outputs(&self) -> Vec<(DatumType, Option<usize>)> {
        vec![(f32::datum_type(), Some(self.targets))]
    }

    fn width(&self) -> usize {
        self.targets
    }

    fn rows(&self) -> usize {
        WALKED_ROWS
    }

    fn scores(&self, features: &[Feature], scores: &mut [f32]) {
        self.trees.sums_of_columns(&numbers(features), scores);
    }

    fn finish(&self, scores: Tensor) -> TractResult<TVec<TValue>> {
        let output = self.trees.finish_sums(scores.try_as_plain_ram()?.as_slice::<f32>()?, self)?;
        Ok(tvec![output.into_tvalue()])
    }
}

impl Finish for TreeEnsembleRegressor {
    type Output = Tensor;

    fn finish<T: Real>(&self, scores: &[Score<T>], base_values: &[T], trees: &TreeEnsemble<T>) -> TractResult<Tensor> {
        let mut output = Tensor::zero_dt(T::datum_type(), &[scores.len() / self.targets, self.targets])?;
        // Base values count only when there is one for each target, and of several targets only for those that a leaf
        // of the row has a weight for.
        let base = |target: usize, score: &Score<T>| {
            let counts = base_values.len() == self.targets && (score.scored || self.targets == 1);
            if counts { base_values[target] } else { T::default() }
        };
        let count = T::of_count(trees.trees());
        {
            let mut view = output.try_as_plain_ram_mut()?;
            let rows = view.as_slice_mut::<T>()?.chunks_exact_mut(self.targets);
            for (values, scores) in rows.zip(scores.chunks_exact(self.targets)) {
                for (target, (value, score)) in values.iter_mut().zip(scores).enumerate() {
                    let average = self.function == Function::Average;
                    let aggregate = if average { score.value / count } else { score.value };
                    *value = aggregate + base(target, score);
                }
            }
        }
        // As ONNX Runtime: of a single target only the probit is taken.
        if self.post_transform != PostTransform::None
            && (self.targets > 1 || self.post_transform == PostTransform::Probit)
        {
            if T::datum_type() != f32::datum_type() {
                output = output.cast_to::<f32>()?.into_owned();
            }
            transform(self.post_transform, output.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?, self.targets);
        }
        Ok(output)
    }
}

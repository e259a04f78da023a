//! `ai.onnx.ml.TreeEnsembleClassifier` and `TreeEnsembleRegressor`.
//!
//! The trees themselves are in [`crate::scorer::trees`]; here are the base values, the classes and the post-transforms,
//! with the conventions of ONNX Runtime for two classes that share one score.

use std::sync::OnceLock;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::columns::ColumnScorer;
use super::labels::Labels;
use super::post_transform::{PostTransform, logistic_by_complement};
use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, as_f32, built, rows_and_columns};
use super::tree_attributes::{Reals, TreeAttributes, WeightAttributes};
use crate::scorer::trees::{Aggregate, Kernel, Score, Threshold, TreeEnsemble};
use crate::simd::Level;

/// Trees in the numbers that they are walked in: those of the input, unless the model's own are wider.
struct Trees {
    narrow: Option<TreeEnsemble<f32>>,
    /// The fast way through `narrow`.
    kernel: Option<Kernel>,
    wide: OnceLock<TreeEnsemble<f64>>,
    base_values: Reals,
}

/// What is done with the aggregates of the leaves' weights.
trait Finish {
    /// What comes out for `rows` rows.
    type Output;

    /// `scores` is of shape `[rows, targets]`; `base_values` are as the model gives them.
    fn finish<T: Real>(
        &self,
        scores: &[Score<T>],
        base_values: &[T],
        trees: &TreeEnsemble<T>,
    ) -> TractResult<Self::Output>;
}

/// The numbers that scores are finished in.
trait Real: Threshold + std::ops::Neg<Output = Self> + std::ops::Sub<Output = Self> + std::ops::Div<Output = Self> {
    fn of_count(count: usize) -> Self;
    fn of_f32(x: f32) -> Self;
    fn to_f32(self) -> f32;
}

impl Real for f32 {
    fn of_count(count: usize) -> Self {
        count as f32
    }
    fn of_f32(x: f32) -> Self {
        x
    }
    fn to_f32(self) -> f32 {
        self
    }
}

impl Real for f64 {
    fn of_count(count: usize) -> Self {
        count as f64
    }
    fn of_f32(x: f32) -> Self {
        x.into()
    }
    fn to_f32(self) -> f32 {
        self as f32
    }
}

impl Trees {
    fn new(node: &NodeProto, attributes: &TreeAttributes, targets: usize) -> TractResult<Self> {
        let base_values = Reals::of(node, "base_values", "base_values_as_tensor")?;
        let wide = OnceLock::new();
        let is_f64 = attributes.thresholds.is_f64() || attributes.weights.is_f64() || base_values.is_f64();
        let context = || format!("node {:?}, {}", node.name, node.op_type);
        let narrow = if is_f64 {
            let spec = attributes.spec(&attributes.thresholds.f64(), &attributes.weights.f64(), targets)?;
            let _ = wide.set(TreeEnsemble::build(&spec).with_context(context)?);
            None
        } else {
            let spec = attributes.spec(&attributes.thresholds.f32(), &attributes.weights.f32(), targets)?;
            Some(TreeEnsemble::build(&spec).with_context(context)?)
        };
        let kernel = narrow.as_ref().and_then(Kernel::new);
        Ok(Trees { narrow, kernel, wide, base_values })
    }

    /// The kernel and its trees, for sums of float32.
    fn fast(&self) -> Option<(&Kernel, &TreeEnsemble<f32>)> {
        self.kernel.as_ref().zip(self.narrow.as_ref())
    }

    /// Refuses rows that are too short for the kernel.
    fn check(&self, name: &str, features: usize) -> TractResult<()> {
        let wanted = self.kernel.as_ref().map_or(1, Kernel::features);
        ensure!(features >= wanted, "{name} asks for feature {} of rows that have {features}", wanted - 1);
        Ok(())
    }

    /// What the kernel makes of columns.
    fn sums_of_columns(&self, columns: &[&[f32]], sums: &mut [f32]) {
        match &self.kernel {
            Some(kernel) => kernel.sums_of_columns(columns, sums),
            None => unreachable!("columns are only scored where there is a kernel"),
        }
    }

    /// Finishes the sums that the kernel made, of shape `[rows, targets]`.
    fn finish_sums<F: Finish>(&self, sums: &[f32], finish: &F) -> TractResult<F::Output> {
        let (kernel, trees) = self.fast().context("there is no kernel whose sums these could be")?;
        let targets = kernel.targets();
        let scored: Vec<bool> = (0..targets).map(|target| kernel.is_scored(target)).collect();
        let score = |(index, sum): (usize, &f32)| Score { value: *sum, scored: scored[index % targets] };
        let scores: Vec<Score<f32>> = sums.iter().enumerate().map(score).collect();
        finish.finish(&scores, &self.base_values.f32(), trees)
    }

    /// Runs the rows of `input` through the trees and finishes them.
    fn eval<F: Finish>(&self, name: &str, input: &Tensor, aggregate: Aggregate, finish: &F) -> TractResult<F::Output> {
        match &self.narrow {
            Some(trees) if input.datum_type() != f64::datum_type() => {
                let input = as_f32(input)?;
                let rows = input.try_as_plain_ram()?.as_slice::<f32>()?;
                if let (Some(kernel), Aggregate::Sum, &[n, width]) = (&self.kernel, aggregate, input.shape())
                    && width >= kernel.features()
                {
                    let mut sums = vec![0.0; n * kernel.targets()];
                    kernel.sums_of_rows(rows, width, &mut sums);
                    return self.finish_sums(&sums, finish);
                }
                run(name, trees, rows, input.shape(), aggregate, &self.base_values.f32(), finish)
            }
            narrow => {
                let empty = || Err(format_err!("{name} has no trees"));
                let trees = match (self.wide.get(), narrow) {
                    (Some(trees), _) => trees,
                    (None, Some(narrow)) => self.wide.get_or_init(|| narrow.widened()),
                    (None, None) => return empty(),
                };
                let input = input.cast_to::<f64>()?;
                let rows = input.try_as_plain_ram()?.as_slice::<f64>()?;
                run(name, trees, rows, input.shape(), aggregate, &self.base_values.f64(), finish)
            }
        }
    }
}

fn run<T: Real, F: Finish>(
    name: &str,
    trees: &TreeEnsemble<T>,
    values: &[T],
    shape: &[usize],
    aggregate: Aggregate,
    base_values: &[T],
    finish: &F,
) -> TractResult<F::Output> {
    let [rows, columns] = *shape else { bail!("{name} takes a table of rows and features, not a tensor of {shape:?}") };
    ensure!(
        columns >= trees.features().max(1),
        "{name} asks for feature {} of rows that have {columns}",
        trees.features().max(1) - 1
    );
    let mut scores = vec![Score::default(); rows * trees.targets()];
    trees.scores(values, columns, aggregate, &mut scores);
    finish.finish(&scores, base_values, trees)
}

/// The post-transform, with the logistic function as ONNX Runtime has it for trees.
fn transform(post_transform: PostTransform, values: &mut [f32], columns: usize) {
    match post_transform {
        PostTransform::Logistic => logistic_by_complement(Level::get(), values),
        other => other.apply(values, columns),
    }
}

pub(super) struct TreeEnsembleRegressor {
    trees: Trees,
    targets: usize,
    aggregate: Aggregate,
    /// The sum is divided by the number of trees.
    average: bool,
    post_transform: PostTransform,
}

pub(super) fn build_regressor(_: &ParsingContext, node: &NodeProto) -> Built {
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

pub(super) struct TreeEnsembleClassifier {
    trees: Trees,
    labels: Labels,
    post_transform: PostTransform,
    /// Two classes, and all weights are for one and the same of them.
    binary: bool,
    /// No weight is below zero: a lone score is the probability of the second class.
    all_positive: bool,
}

pub(super) fn build_classifier(_: &ParsingContext, node: &NodeProto) -> Built {
    built(node, TreeEnsembleClassifier::of(node)?)
}

impl TreeEnsembleClassifier {
    fn of(node: &NodeProto) -> TractResult<Self> {
        let labels = Labels::of(node, "classlabels_int64s", "classlabels_strings")?;
        let names = WeightAttributes {
            ids: "class_ids",
            nodes: "class_nodeids",
            trees: "class_treeids",
            weights: "class_weights",
            weights_as_tensor: "class_weights_as_tensor",
        };
        let attributes = TreeAttributes::of(node, &names)?;
        let trees = Trees::new(node, &attributes, labels.len())?;
        let base_values = trees.base_values.f64().len();
        node.expect_attr("base_values", base_values <= labels.len(), "no more values than classes")?;
        node.expect(labels.len() > 1, "at least two class labels")?;
        let binary = labels.len() == 2 && attributes.weight_targets.windows(2).all(|pair| pair[0] == pair[1]);
        let all_positive = attributes.weights.f64().iter().all(|weight| *weight >= 0.0);
        Ok(TreeEnsembleClassifier { trees, labels, post_transform: PostTransform::of(node)?, binary, all_positive })
    }

    /// The same for columns, if there is a fast way.
    pub(super) fn for_columns(node: &NodeProto) -> TractResult<Option<Self>> {
        let classifier = Self::of(node)?;
        Ok(classifier.trees.kernel.is_some().then_some(classifier))
    }
}

impl ColumnScorer for TreeEnsembleClassifier {
    fn check(&self, features: usize) -> TractResult<()> {
        self.trees.check(Self::NAME, features)
    }

    fn outputs(&self) -> Vec<(DatumType, Option<usize>)> {
        vec![(self.labels.element(), None), (f32::datum_type(), Some(self.labels.len()))]
    }

    fn width(&self) -> usize {
        self.labels.len()
    }

    fn scores(&self, columns: &[&[f32]], scores: &mut [f32]) {
        self.trees.sums_of_columns(columns, scores);
    }

    fn finish(&self, scores: Tensor) -> TractResult<TVec<TValue>> {
        self.trees.finish_sums(scores.try_as_plain_ram()?.as_slice::<f32>()?, self)
    }
}

impl RowOperator for TreeEnsembleClassifier {
    const NAME: &'static str = "TreeEnsembleClassifier";

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(self.labels.element(), OutputShape::Rows), (f32::datum_type(), OutputShape::Columns(self.labels.len()))]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        rows_and_columns(Self::NAME, &input)?;
        self.trees.eval(Self::NAME, &input, Aggregate::Sum, self)
    }
}

impl Finish for TreeEnsembleClassifier {
    type Output = TVec<TValue>;

    fn finish<T: Real>(
        &self,
        scores: &[Score<T>],
        base_values: &[T],
        _: &TreeEnsemble<T>,
    ) -> TractResult<TVec<TValue>> {
        let classes = self.labels.len();
        let rows = scores.len() / classes;
        let mut output = Tensor::zero::<f32>(&[rows, classes])?;
        let mut view = output.try_as_plain_ram_mut()?;
        let values = view.as_slice_mut::<f32>()?;
        let mut winners = Vec::with_capacity(rows);
        if classes > 2 {
            for (values, scores) in values.chunks_exact_mut(classes).zip(scores.chunks_exact(classes)) {
                winners.push(several_classes(scores, base_values, values));
            }
            transform(self.post_transform, values, classes);
        } else {
            for (values, scores) in values.chunks_exact_mut(2).zip(scores.chunks_exact(2)) {
                winners.push(self.two_classes(&scores[0], &scores[1], base_values, values));
            }
        }
        let labels = match &self.labels {
            // ONNX Runtime's answer when both of two classes have weights, whatever the labels are.
            Labels::Ints(_) if classes == 2 && !self.binary => Labels::Ints(vec![0, 1]).tensor(winners.into_iter())?,
            labels => labels.tensor(winners.into_iter())?,
        };
        Ok(tvec![labels, output.into_tvalue()])
    }
}

/// Adds the base values, writes the scores and gives the class with the highest: the first of those that have any.
fn several_classes<T: Real>(scores: &[Score<T>], base_values: &[T], values: &mut [f32]) -> usize {
    let mut best: Option<(usize, T)> = None;
    for (class, (score, value)) in scores.iter().zip(values).enumerate() {
        let base = base_values.get(class);
        let sum = match base {
            Some(base) => score.value + *base,
            None => score.value,
        };
        *value = sum.to_f32();
        if (score.scored || base.is_some()) && best.is_none_or(|(_, highest)| sum > highest) {
            best = Some((class, sum));
        }
    }
    best.map_or(0, |(class, _)| class)
}

impl TreeEnsembleClassifier {
    /// Writes the probabilities of two classes and gives the winner. The cases are those of ONNX Runtime.
    fn two_classes<T: Real>(&self, first: &Score<T>, second: &Score<T>, base: &[T], values: &mut [f32]) -> usize {
        let (a, b) = (first.value, second.value);
        // (scores of both classes, or of one that stands for both; the score that decides)
        let (pair, lone, deciding) = match base {
            [_, b1] if second.scored => {
                let sum = *b1 + a;
                (Some((if first.scored { -sum } else { a }, sum)), sum, sum)
            }
            // The base value of a class without a score is not shown.
            [b0, _] if first.scored => (Some((a + *b0, b)), a + *b0, a + *b0),
            [_, _] => (Some((a, b)), a, a),
            [b0, ..] if second.scored => (Some((if first.scored { a + *b0 } else { a }, b)), b, b),
            [b0, ..] => (None, a + *b0, a + *b0),
            [] if second.scored => (Some((a, b)), b, b),
            [] => (None, a, a),
        };
        let one_sided = self.binary && self.all_positive;
        let half = T::of_f32(if one_sided { 0.5 } else { 0.0 });
        let winner = usize::from(deciding > half);
        match pair {
            Some((a, b)) => {
                values.copy_from_slice(&[a.to_f32(), b.to_f32()]);
                transform(self.post_transform, values, 2);
            }
            None => match self.post_transform {
                PostTransform::Probit => {
                    values[0] = lone.to_f32();
                    transform(self.post_transform, &mut values[..1], 1);
                }
                PostTransform::Logistic if self.binary || base.is_empty() => {
                    values.copy_from_slice(&[(-lone).to_f32(), lone.to_f32()]);
                    transform(self.post_transform, values, 2);
                }
                _ if one_sided => values.copy_from_slice(&[(T::of_f32(1.0) - lone).to_f32(), lone.to_f32()]),
                _ if self.binary || base.is_empty() => values.copy_from_slice(&[(-lone).to_f32(), lone.to_f32()]),
                // ONNX Runtime leaves the second value unset here; it stays zero.
                _ => values[0] = lone.to_f32(),
            },
        }
        winner
    }
}

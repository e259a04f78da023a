//! `ai.onnx.ml.TreeEnsembleClassifier`: classes and their scores, with the conventions of ONNX Runtime for two classes that
//! share one score.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::columns::{ColumnScorer, Feature, numbers};
use super::labels::Labels;
use super::post_transform::PostTransform;
use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built, rows_and_columns};
use super::tree_attributes::{Described, Reals, WeightAttributes, described};
use super::tree_ensemble::{Finish, Real, Trees, transform};
use crate::scorer::trees::{Aggregate, Score, TreeEnsemble, WALKED_ROWS};

pub(super) struct TreeEnsembleClassifier {
    trees: Trees,
    labels: Labels,
    post_transform: PostTransform,
    /// Two classes, and all weights are for one and the same of them.
    binary: bool,
    /// No weight is below zero: a lone score is the probability of the second class.
    all_positive: bool,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    built(node, TreeEnsembleClassifier::of(node)?)
}

impl TreeEnsembleClassifier {
    /// The labels of `node`, its trees with a target for each, and what is added to their sums.
    pub(super) fn described(node: &NodeProto) -> TractResult<(Labels, Described, Reals<'_>)> {
        let labels = Labels::of(node, "classlabels_int64s", "classlabels_strings")?;
        let names = WeightAttributes {
            ids: "class_ids",
            nodes: "class_nodeids",
            trees: "class_treeids",
            weights: "class_weights",
            weights_as_tensor: "class_weights_as_tensor",
        };
        let base_values = Reals::of(node, "base_values", "base_values_as_tensor")?;
        let described = described(node, &names, labels.len(), &base_values)?;
        Ok((labels, described, base_values))
    }

    fn of(node: &NodeProto) -> TractResult<Self> {
        let (labels, described, base_values) = Self::described(node)?;
        let trees = Trees::new(node, &described, base_values)?;
        let base_values = trees.base_values.len();
        node.expect_attr("base_values", base_values <= labels.len(), "no more values than classes")?;
        node.expect(labels.len() > 1, "at least two class labels")?;
        let binary = labels.len() == 2 && described.is_for_one_target();
        let all_positive = described.is_positive();
        Ok(TreeEnsembleClassifier { trees, labels, post_transform: PostTransform::of(node)?, binary, all_positive })
    }

    /// The same for columns, if there is a fast way.
    pub(super) fn for_columns(node: &NodeProto) -> TractResult<Option<Self>> {
        let classifier = Self::of(node)?;
        Ok(classifier.trees.kernel.is_some().then_some(classifier))
    }
}

impl ColumnScorer for TreeEnsembleClassifier {
    fn name(&self) -> String {
        self.trees.name(Self::NAME)
    }

    fn check(&self, features: usize) -> TractResult<()> {
        self.trees.check(Self::NAME, features)
    }

    fn outputs(&self) -> Vec<(DatumType, Option<usize>)> {
        vec![(self.labels.element(), None), (f32::datum_type(), Some(self.labels.len()))]
    }

    fn width(&self) -> usize {
        self.labels.len()
    }

    fn rows(&self) -> usize {
        WALKED_ROWS
    }

    fn scores(&self, features: &[Feature], scores: &mut [f32]) {
        self.trees.sums_of_columns(&numbers(features), scores);
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

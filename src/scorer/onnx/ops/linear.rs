//! `ai.onnx.ml.LinearClassifier` and `LinearRegressor`.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::columns::{ColumnScorer, Feature};
use super::labels::Labels;
use super::linear_sums::Linear;
use super::post_transform::{PostTransform, probit};
use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};

/// The sums that a linear model makes, before anything becomes of them.
pub(in super::super) struct Sums {
    /// Row-major `[scores, features]`.
    pub weights: Vec<f32>,
    /// One for each score.
    pub intercepts: Vec<f32>,
}

impl Sums {
    /// Number of scores, at least 1.
    pub(in super::super) fn scores(&self) -> usize {
        self.intercepts.len()
    }

    /// Number of features.
    pub(in super::super) fn features(&self) -> usize {
        self.weights.len() / self.scores()
    }
}

/// The sums of `node`, if it is a linear model; only the second of two of which one is the other with its sign turned.
pub(in super::super) fn sums(node: &NodeProto) -> TractResult<Option<Sums>> {
    let Linear { mut weights, mut intercepts, features, mirrored } = match node.op_type.as_str() {
        LinearClassifier::NAME => LinearClassifier::of(node)?.linear,
        LinearRegressor::NAME => LinearRegressor::of(node)?.linear,
        _ => return Ok(None),
    };
    if mirrored {
        weights.drain(..features);
        intercepts.remove(0);
    }
    Ok(Some(Sums { weights, intercepts }))
}

pub(super) struct LinearClassifier {
    linear: Linear,
    labels: Labels,
    post_transform: PostTransform,
    /// One score for two classes: the other class's score is made up from it.
    add_second_class: bool,
}

pub(super) fn build_classifier(_: &ParsingContext, node: &NodeProto) -> Built {
    built(node, LinearClassifier::of(node)?)
}

impl LinearClassifier {
    pub(super) fn of(node: &NodeProto) -> TractResult<Self> {
        let weights: Vec<f32> = node.get_attr_vec("coefficients")?;
        let labels = Labels::of(node, "classlabels_ints", "classlabels_strings")?;
        let intercepts = match node.get_attr_opt_vec::<f32>("intercepts")? {
            Some(intercepts) if !intercepts.is_empty() => intercepts,
            _ => vec![0.0; labels.len()],
        };
        let linear = Linear::new(node, weights, intercepts)?;
        let add_second_class = linear.targets() == 1 && labels.len() == 2;
        let labels = if linear.targets() == 1 { labels.or_zero_and_one() } else { labels };
        node.expect(labels.len() >= linear.targets(), "a label for each class")?;
        Ok(LinearClassifier { linear, labels, post_transform: PostTransform::of(node)?, add_second_class })
    }

    /// Scores a row, as they are given out.
    fn columns(&self) -> usize {
        if self.add_second_class { 2 } else { self.linear.targets() }
    }

    /// Labels, and scores as they are given out.
    fn outputs_of(&self, mut scores: Tensor) -> TractResult<TVec<TValue>> {
        let targets = self.linear.targets();
        let labels = {
            let scores = scores.try_as_plain_ram()?.as_slice::<f32>()?;
            if targets == 1 {
                self.labels.tensor(scores.iter().map(|&score| usize::from(score > 0.0)))?
            } else {
                self.labels.tensor(scores.chunks_exact(targets).map(index_of_max))?
            }
        };
        if targets > 1 {
            self.post_transform.apply(scores.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?, targets);
        } else if self.add_second_class {
            // A lone score of two classes, as ONNX Runtime has it.
            let lone = scores.try_as_plain_ram()?.as_slice::<f32>()?;
            let mut both = Tensor::zero::<f32>(&[lone.len(), 2])?;
            {
                let mut view = both.try_as_plain_ram_mut()?;
                let values = view.as_slice_mut::<f32>()?;
                for (out, &score) in values.chunks_exact_mut(2).zip(lone) {
                    out.copy_from_slice(&match self.post_transform {
                        PostTransform::Logistic => [-score, score],
                        // ONNX Runtime leaves the second value unset here; it stays zero.
                        PostTransform::Probit => [probit(score), 0.0],
                        _ => [1.0 - score, score],
                    });
                }
                if self.post_transform == PostTransform::Logistic {
                    self.post_transform.apply(values, 2);
                }
            }
            scores = both;
        } else if self.post_transform == PostTransform::Probit {
            self.post_transform.apply(scores.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?, 1);
        }
        Ok(tvec![labels, scores.into_tvalue()])
    }
}

impl RowOperator for LinearClassifier {
    const NAME: &'static str = "LinearClassifier";

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(self.labels.element(), OutputShape::Rows), (f32::datum_type(), OutputShape::Columns(self.columns()))]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        self.outputs_of(self.linear.eval(Self::NAME, &input)?)
    }
}

impl ColumnScorer for LinearClassifier {
    fn name(&self) -> String {
        Self::NAME.to_owned()
    }

    fn check(&self, features: usize) -> TractResult<()> {
        self.linear.check(Self::NAME, features)
    }

    fn outputs(&self) -> Vec<(DatumType, Option<usize>)> {
        vec![(self.labels.element(), None), (f32::datum_type(), Some(self.columns()))]
    }

    fn width(&self) -> usize {
        self.linear.targets()
    }

    fn takes_categories(&self) -> bool {
        self.linear.takes_categories()
    }

    fn scores(&self, features: &[Feature], scores: &mut [f32]) {
        self.linear.scores_of_features(features, scores);
    }

    fn finish(&self, scores: Tensor) -> TractResult<TVec<TValue>> {
        self.outputs_of(scores)
    }
}

/// Position of the largest value, the first of equals.
fn index_of_max(row: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in row.iter().enumerate().skip(1) {
        if *value > row[best] {
            best = index;
        }
    }
    best
}

pub(super) struct LinearRegressor {
    linear: Linear,
    post_transform: PostTransform,
}

pub(super) fn build_regressor(_: &ParsingContext, node: &NodeProto) -> Built {
    built(node, LinearRegressor::of(node)?)
}

impl LinearRegressor {
    pub(super) fn of(node: &NodeProto) -> TractResult<Self> {
        let weights: Vec<f32> = node.get_attr_vec("coefficients")?;
        let targets = node.get_attr_opt::<usize>("targets")?.unwrap_or(1);
        node.expect_attr(
            "targets",
            (1..=weights.len()).contains(&targets),
            "at least one target and a coefficient each",
        )?;
        let intercepts = match node.get_attr_opt_vec::<f32>("intercepts")? {
            Some(intercepts) if intercepts.len() == targets => intercepts,
            _ => vec![0.0; targets],
        };
        let linear = Linear::new(node, weights, intercepts)?;
        Ok(LinearRegressor { linear, post_transform: PostTransform::of(node)? })
    }

    fn outputs_of(&self, mut scores: Tensor) -> TractResult<TVec<TValue>> {
        let targets = self.linear.targets();
        // As ONNX Runtime: of a single target only the probit is taken.
        if targets > 1 || self.post_transform == PostTransform::Probit {
            self.post_transform.apply(scores.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?, targets);
        }
        Ok(tvec![scores.into_tvalue()])
    }
}

impl RowOperator for LinearRegressor {
    const NAME: &'static str = "LinearRegressor";

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(f32::datum_type(), OutputShape::Columns(self.linear.targets()))]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        self.outputs_of(self.linear.eval(Self::NAME, &input)?)
    }
}

impl ColumnScorer for LinearRegressor {
    fn name(&self) -> String {
        Self::NAME.to_owned()
    }

    fn check(&self, features: usize) -> TractResult<()> {
        self.linear.check(Self::NAME, features)
    }

    fn outputs(&self) -> Vec<(DatumType, Option<usize>)> {
        vec![(f32::datum_type(), Some(self.linear.targets()))]
    }

    fn width(&self) -> usize {
        self.linear.targets()
    }

    fn takes_categories(&self) -> bool {
        self.linear.takes_categories()
    }

    fn scores(&self, features: &[Feature], scores: &mut [f32]) {
        self.linear.scores_of_features(features, scores);
    }

    fn finish(&self, scores: Tensor) -> TractResult<TVec<TValue>> {
        self.outputs_of(scores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_of_equal_scores_wins() {
        assert_eq!(index_of_max(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(index_of_max(&[0.0, 0.0]), 0);
    }
}

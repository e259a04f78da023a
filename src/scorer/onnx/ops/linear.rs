//! `ai.onnx.ml.LinearClassifier` and `LinearRegressor`.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::labels::Labels;
use super::post_transform::PostTransform;
use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, as_f32, built, rows_and_columns};

/// `x W' + b` for rows `x`.
struct Linear {
    /// Row-major `[targets, features]`.
    weights: Vec<f32>,
    /// One for each target.
    intercepts: Vec<f32>,
    features: usize,
    /// Two targets, the first of which is the second with every sign turned: how binary logistic regression is
    /// exported.
    mirrored: bool,
}

impl Linear {
    fn new(node: &NodeProto, weights: Vec<f32>, intercepts: Vec<f32>) -> TractResult<Self> {
        let targets = intercepts.len();
        node.expect(
            targets > 0 && !weights.is_empty() && weights.len().is_multiple_of(targets),
            "as many coefficients as features for each target, and at least one",
        )?;
        let features = weights.len() / targets;
        let opposite = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| *a == -b);
        let mirrored = targets == 2
            && opposite(&weights[..features], &weights[features..])
            && opposite(&intercepts[..1], &intercepts[1..]);
        Ok(Linear { weights, intercepts, features, mirrored })
    }

    fn targets(&self) -> usize {
        self.intercepts.len()
    }

    /// Scores of rows of `features` values, row-major `[rows, targets]` into `scores`, which is of that length.
    fn scores(&self, rows: &[f32], scores: &mut [f32]) {
        let targets = self.targets();
        if self.mirrored {
            // Negation is exact, so that this is what the general case gives, at half the work.
            let (weights, intercept) = (&self.weights[self.features..], self.intercepts[1]);
            for (row, out) in rows.chunks_exact(self.features).zip(scores.chunks_exact_mut(2)) {
                let score = dot(row, weights) + intercept;
                out[0] = -score;
                out[1] = score;
            }
        } else {
            for (row, out) in rows.chunks_exact(self.features).zip(scores.chunks_exact_mut(targets)) {
                let targets = self.weights.chunks_exact(self.features).zip(&self.intercepts);
                for (out, (weights, intercept)) in out.iter_mut().zip(targets) {
                    *out = dot(row, weights) + intercept;
                }
            }
        }
    }

    /// The scores of a whole input, shape `[N, targets]`.
    fn eval(&self, name: &str, input: &Tensor) -> TractResult<Tensor> {
        let (rows, columns) = rows_and_columns(name, input)?;
        ensure!(columns == self.features, "{name} is made for {} features, not {columns}", self.features);
        let input = as_f32(input)?;
        let mut scores = Tensor::zero::<f32>(&[rows, self.targets()])?;
        self.scores(
            input.try_as_plain_ram()?.as_slice::<f32>()?,
            scores.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?,
        );
        Ok(scores)
    }
}

/// Number of partial sums of a dot product: two 128-bit registers.
const LANES: usize = 8;

/// The dot product, summed in an order that depends on nothing but the length.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_chunks.remainder().iter().zip(b_chunks.remainder());
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(rest) {
        *sum += a * b;
    }
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sums;
    ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))
}

struct LinearClassifier {
    linear: Linear,
    labels: Labels,
    post_transform: PostTransform,
    /// One score for two classes: the other class's score is made up from it.
    add_second_class: bool,
}

pub(super) fn build_classifier(_: &ParsingContext, node: &NodeProto) -> Built {
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
    built(node, LinearClassifier { linear, labels, post_transform: PostTransform::of(node)?, add_second_class })
}

impl RowOperator for LinearClassifier {
    const NAME: &'static str = "LinearClassifier";

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        let columns = if self.add_second_class { 2 } else { self.linear.targets() };
        tvec![(self.labels.element(), OutputShape::Rows), (f32::datum_type(), OutputShape::Columns(columns))]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let mut scores = self.linear.eval(Self::NAME, &input)?;
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
            // A lone score of two classes: as ONNX Runtime, logistic or else as it is.
            let is_logistic = self.post_transform == PostTransform::Logistic;
            let lone = scores.try_as_plain_ram()?.as_slice::<f32>()?;
            let mut both = Tensor::zero::<f32>(&[lone.len(), 2])?;
            {
                let mut view = both.try_as_plain_ram_mut()?;
                let values = view.as_slice_mut::<f32>()?;
                for (out, &score) in values.chunks_exact_mut(2).zip(lone) {
                    out.copy_from_slice(&[if is_logistic { -score } else { 1.0 - score }, score]);
                }
                if is_logistic {
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

struct LinearRegressor {
    linear: Linear,
    post_transform: PostTransform,
}

pub(super) fn build_regressor(_: &ParsingContext, node: &NodeProto) -> Built {
    let weights: Vec<f32> = node.get_attr_vec("coefficients")?;
    let targets = node.get_attr_opt::<usize>("targets")?.unwrap_or(1);
    node.expect_attr("targets", (1..=weights.len()).contains(&targets), "at least one target and a coefficient each")?;
    let intercepts = match node.get_attr_opt_vec::<f32>("intercepts")? {
        Some(intercepts) if intercepts.len() == targets => intercepts,
        _ => vec![0.0; targets],
    };
    built(
        node,
        LinearRegressor { linear: Linear::new(node, weights, intercepts)?, post_transform: PostTransform::of(node)? },
    )
}

impl RowOperator for LinearRegressor {
    const NAME: &'static str = "LinearRegressor";

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(f32::datum_type(), OutputShape::Columns(self.linear.targets()))]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let mut scores = self.linear.eval(Self::NAME, &input)?;
        let targets = self.linear.targets();
        // As ONNX Runtime: of a single target only the probit is taken.
        if targets > 1 || self.post_transform == PostTransform::Probit {
            self.post_transform.apply(scores.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?, targets);
        }
        Ok(tvec![scores.into_tvalue()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_products_of_every_length() {
        for len in 0..40 {
            let a: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let b: Vec<f32> = (0..len).map(|i| 2.0 - i as f32).collect();
            let expected: f32 = (0..len).map(|i| i as f32 * (2.0 - i as f32)).sum();
            assert_eq!(dot(&a, &b), expected);
        }
    }

    #[test]
    fn mirrored_rows_give_what_two_rows_give() {
        let weights: Vec<f32> = [0.3, -1.7, 2.5].iter().flat_map(|w| [*w]).collect();
        let both: Vec<f32> = weights.iter().map(|w| -w).chain(weights.iter().copied()).collect();
        let node = NodeProto::default();
        let fast = Linear::new(&node, both, vec![-0.25, 0.25]).unwrap();
        assert!(fast.mirrored);
        let plain = Linear { mirrored: false, ..Linear::new(&node, fast.weights.clone(), vec![-0.25, 0.25]).unwrap() };
        let rows = [0.1, 0.7, -3.3, 1e7, 0.0, 1e-7];
        let (mut a, mut b) = ([0.0; 4], [0.0; 4]);
        fast.scores(&rows, &mut a);
        plain.scores(&rows, &mut b);
        assert_eq!(a, b);
    }

    #[test]
    fn first_of_equal_scores_wins() {
        assert_eq!(index_of_max(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(index_of_max(&[0.0, 0.0]), 0);
    }
}

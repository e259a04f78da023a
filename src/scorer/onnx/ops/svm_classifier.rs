//! `ai.onnx.ml.SVMClassifier`: votes between each two classes, with probabilities where the model was calibrated.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::labels::Labels;
use super::post_transform::{PostTransform, logistic_of};
use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};
use super::svm::Vectors;

struct SvmClassifier {
    labels: Labels,
    form: Form,
    post_transform: PostTransform,
    /// No coefficient is below zero.
    all_positive: bool,
}

enum Form {
    /// One vector for each class, and the same intercept for all.
    Linear { vectors: Vectors, intercept: f32 },
    /// One vote for each two classes.
    Pairs(Pairs),
}

struct Pairs {
    vectors: Vectors,
    classes: usize,
    /// Where each class's support vectors begin, and the end.
    starts: Vec<usize>,
    /// Row-major `[classes - 1, vectors]`.
    coefficients: Vec<f32>,
    /// One for each pair.
    intercepts: Vec<f32>,
    /// Slope and offset of the sigmoid of each pair, where there are probabilities.
    sigmoids: Vec<(f32, f32)>,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    let labels = Labels::of(node, "classlabels_ints", "classlabels_strings")?;
    let classes = labels.len();
    let coefficients: Vec<f32> = node.get_attr_vec("coefficients")?;
    let intercepts: Vec<f32> = node.get_attr_vec("rho")?;
    let per_class: Vec<usize> = node.get_attr_opt_vec("vectors_per_class")?.unwrap_or_default();
    let all_positive = coefficients.iter().all(|weight| *weight >= 0.0);
    let mut starts = vec![0usize];
    for vectors in &per_class {
        let Some(end) = starts[starts.len() - 1].checked_add(*vectors) else {
            return node.bail_attr("vectors_per_class", "expected fewer vectors");
        };
        starts.push(end);
    }
    let count = starts[starts.len() - 1];
    let form = if count == 0 {
        let Some(&intercept) = intercepts.first() else { return node.bail_attr("rho", "expected a value") };
        Form::Linear { vectors: Vectors::linear(node, &coefficients, classes)?, intercept }
    } else {
        let pairs = classes * (classes - 1) / 2;
        node.expect(classes > 1, "at least two class labels")?;
        node.expect_attr("vectors_per_class", per_class.len() == classes, || format!("{classes} values"))?;
        let enough = count.checked_mul(classes - 1).is_some_and(|wanted| coefficients.len() >= wanted);
        node.expect_attr("coefficients", enough, "a value for each vector and each class but one")?;
        node.expect_attr("rho", intercepts.len() >= pairs, || format!("{pairs} values"))?;
        let slopes: Vec<f32> = node.get_attr_opt_vec("prob_a")?.unwrap_or_default();
        let offsets: Vec<f32> = node.get_attr_opt_vec("prob_b")?.unwrap_or_default();
        let known = [0, pairs].contains(&slopes.len()) && slopes.len() == offsets.len();
        node.expect_attr("prob_a", known, || format!("{pairs} values, and as many in prob_b"))?;
        let vectors: Vec<f32> = node.get_attr_vec("support_vectors")?;
        Form::Pairs(Pairs {
            vectors: Vectors::of(node, &vectors, count)?,
            classes,
            starts,
            coefficients,
            intercepts,
            sigmoids: slopes.into_iter().zip(offsets).collect(),
        })
    };
    built(node, SvmClassifier { labels, form, post_transform: PostTransform::of(node)?, all_positive })
}

impl Pairs {
    fn pairs(&self) -> usize {
        self.classes * (self.classes - 1) / 2
    }

    /// The score of each pair, above zero for the first of the two, and the votes.
    fn scores(&self, values: &[f32], scores: &mut [f32], votes: &mut [u32]) {
        votes.fill(0);
        let vectors = self.vectors.count();
        // The coefficients of a class's own vectors are left out: those against a later class are one row higher.
        let sum = |class: usize, row: usize| {
            let range = self.starts[class]..self.starts[class + 1];
            let coefficients = &self.coefficients[row * vectors..][range.clone()];
            coefficients.iter().zip(&values[range]).map(|(weight, value)| f64::from(weight * value)).sum::<f64>()
        };
        let mut pair = 0;
        for first in 0..self.classes - 1 {
            for second in first + 1..self.classes {
                let score = sum(first, second - 1) + sum(second, first) + f64::from(self.intercepts[pair]);
                scores[pair] = score as f32;
                votes[if score > 0.0 { first } else { second }] += 1;
                pair += 1;
            }
        }
    }

    /// Probabilities of the classes from those of the pairs, by the second method of Wu, Lin and Weng, "Probability
    /// estimates for multi-class classification by pairwise coupling", JMLR 5 (2004), in the steps of LIBSVM.
    fn probabilities(&self, scores: &[f32], probabilities: &mut [f32]) {
        let classes = self.classes;
        // The probability of the first of two classes, for rows and columns of classes.
        let mut pairwise = vec![0.0f32; classes * classes];
        let mut pair = 0;
        for first in 0..classes - 1 {
            for second in first + 1..classes {
                let (slope, offset) = self.sigmoids[pair];
                let p = (1.0 - logistic_of(scores[pair] * slope + offset)).clamp(1e-7, 1.0 - 1e-7);
                pairwise[first * classes + second] = p;
                pairwise[second * classes + first] = 1.0 - p;
                pair += 1;
            }
        }
        couple(&pairwise, probabilities);
    }
}

/// Finds `p` with the least sum of `(r[j, i] p[i] - r[i, j] p[j])^2` over all pairs, that sums to one.
fn couple(r: &[f32], p: &mut [f32]) {
    const MOST_ROUNDS: usize = 100;
    let classes = p.len();
    let mut q = vec![0.0; classes * classes];
    for i in 0..classes {
        for j in (0..classes).filter(|j| *j != i) {
            q[i * classes + i] += r[j * classes + i] * r[j * classes + i];
            q[i * classes + j] = -r[j * classes + i] * r[i * classes + j];
        }
    }
    p.fill(1.0 / classes as f32);
    let enough = 0.005 / classes as f32;
    let mut qp = vec![0.0; classes];
    for _ in 0..MOST_ROUNDS {
        let mut pqp = 0.0;
        for (i, row) in q.chunks_exact(classes).enumerate() {
            qp[i] = row.iter().zip(&*p).fold(0.0, |sum, (q, p)| sum + q * p);
            pqp += p[i] * qp[i];
        }
        if qp.iter().all(|x| (x - pqp).abs() < enough) {
            break;
        }
        for i in 0..classes {
            let diagonal = q[i * classes + i];
            let step = (pqp - qp[i]) / diagonal;
            p[i] += step;
            pqp = (pqp + step * (step * diagonal + 2.0 * qp[i])) / (1.0 + step) / (1.0 + step);
            for j in 0..classes {
                qp[j] = (qp[j] + step * q[i * classes + j]) / (1.0 + step);
                p[j] /= 1.0 + step;
            }
        }
    }
}

impl SvmClassifier {
    /// Scores a row, as they are given out.
    fn columns(&self) -> usize {
        match &self.form {
            Form::Linear { .. } => self.labels.len(),
            Form::Pairs(pairs) if !pairs.sigmoids.is_empty() => pairs.classes,
            Form::Pairs(pairs) => pairs.pairs().max(2),
        }
    }

    /// The class of a row of linear scores, with ONNX Runtime's rule for two classes.
    fn linear_winner(&self, scores: &[f32]) -> usize {
        let mut best = 0;
        for (class, score) in scores.iter().enumerate() {
            if *score > scores[best] {
                best = class;
            }
        }
        let highest = scores[best];
        let is_second = if self.all_positive { highest >= 0.5 } else { highest > 0.0 };
        if scores.len() == 2 && is_second { 1 } else { best }
    }

    /// The post-transform of what a row gives out, of which a lone pair has but one score so far.
    fn transform(&self, scores: &mut [f32]) {
        match &self.form {
            Form::Pairs(pairs) if pairs.pairs() == 1 && pairs.sigmoids.is_empty() => {
                let score = scores[0];
                match self.post_transform {
                    PostTransform::None => scores.copy_from_slice(&[-score, score]),
                    PostTransform::Logistic => {
                        scores.copy_from_slice(&[-score, score]);
                        self.post_transform.apply(scores, 2);
                    }
                    // ONNX Runtime leaves the second value unset here; it is zero.
                    PostTransform::Probit => {
                        self.post_transform.apply(&mut scores[..1], 1);
                    }
                    _ => scores.copy_from_slice(&[1.0 - score, score]),
                }
            }
            _ => {
                let columns = scores.len();
                self.post_transform.apply(scores, columns);
            }
        }
    }
}

impl RowOperator for SvmClassifier {
    const NAME: &'static str = "SVMClassifier";

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(self.labels.element(), OutputShape::Rows), (f32::datum_type(), OutputShape::Columns(self.columns()))]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let (rows, columns) = (input.shape().first().copied().unwrap_or(0), self.columns());
        let mut output = Tensor::zero::<f32>(&[rows, columns])?;
        let mut view = output.try_as_plain_ram_mut()?;
        let scores = view.as_slice_mut::<f32>()?;
        let mut winners = Vec::with_capacity(rows);
        match &self.form {
            Form::Linear { vectors, intercept } => vectors.compare(Self::NAME, &input, |row, values| {
                let scores = &mut scores[row * columns..][..columns];
                scores.iter_mut().zip(values).for_each(|(score, value)| *score = value + intercept);
                winners.push(self.linear_winner(scores));
                self.transform(scores);
            })?,
            Form::Pairs(pairs) => {
                let mut of_pairs = vec![0.0; pairs.pairs()];
                let mut votes = vec![0; pairs.classes];
                pairs.vectors.compare(Self::NAME, &input, |row, values| {
                    pairs.scores(values, &mut of_pairs, &mut votes);
                    let most = votes.iter().max().copied().unwrap_or(0);
                    winners.push(votes.iter().position(|n| *n == most).unwrap_or(0));
                    let scores = &mut scores[row * columns..][..columns];
                    if pairs.sigmoids.is_empty() {
                        scores[..of_pairs.len()].copy_from_slice(&of_pairs);
                    } else {
                        pairs.probabilities(&of_pairs, scores);
                    }
                    self.transform(scores);
                })?;
            }
        }
        Ok(tvec![self.labels.tensor(winners.into_iter())?, output.into_tvalue()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consistent_pairs_are_coupled_to_their_probabilities() {
        let wanted = [0.5f32, 0.3, 0.2];
        let pairwise: Vec<f32> =
            (0..9).map(|i| (i / 3, i % 3)).map(|(i, j)| wanted[i] / (wanted[i] + wanted[j])).collect();
        let mut p = [0.0; 3];
        couple(&pairwise, &mut p);
        assert!(p.iter().zip(wanted).all(|(p, wanted)| (p - wanted).abs() < 0.01), "{p:?}");
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}

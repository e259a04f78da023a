//! What the operators of ai.onnx.ml do to their scores at the end.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::super::exp::exp;
use crate::simd::{Level, vectorised};

/// A post-transform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PostTransform {
    /// The scores as they are.
    None,
    /// Exponentials that sum to one in each row.
    Softmax,
    /// `1 / (1 + exp(-x))` for each score.
    Logistic,
    /// As softmax, but a score of zero stays zero.
    SoftmaxZero,
    /// The inverse of the normal distribution's cumulative function, by ONNX Runtime's approximation.
    Probit,
}

impl PostTransform {
    /// Reads the attribute `post_transform`.
    pub(super) fn of(node: &NodeProto) -> TractResult<Self> {
        Ok(match node.get_attr_opt::<&str>("post_transform")?.unwrap_or("NONE") {
            "NONE" => PostTransform::None,
            "SOFTMAX" => PostTransform::Softmax,
            "LOGISTIC" => PostTransform::Logistic,
            "SOFTMAX_ZERO" => PostTransform::SoftmaxZero,
            "PROBIT" => PostTransform::Probit,
            _ => return node.bail_attr("post_transform", "expected NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO or PROBIT"),
        })
    }

    /// Transforms rows of `columns` scores each, in place. A row's result does not depend on the other rows.
    pub(super) fn apply(self, scores: &mut [f32], columns: usize) {
        match self {
            PostTransform::None => {}
            PostTransform::Logistic => logistic(Level::get(), scores),
            PostTransform::Probit => scores.iter_mut().for_each(|x| *x = probit(*x)),
            PostTransform::Softmax => softmax(scores, columns),
            PostTransform::SoftmaxZero => scores.chunks_exact_mut(columns.max(1)).for_each(softmax_zero),
        }
    }
}

vectorised! {
    /// `1 / (1 + exp(-x))` of each value, without overflow or cancellation.
    pub(super) fn logistic(values: &mut [f32]) {
        for x in values {
            let small = exp(-x.abs());
            let upper = 1.0 / (1.0 + small);
            *x = if *x < 0.0 { small * upper } else { upper };
        }
    }
}

vectorised! {
    /// The same, with the complement for negative values: what ONNX Runtime does for trees, to the last bits of which
    /// small probabilities lose some.
    pub(super) fn logistic_by_complement(values: &mut [f32]) {
        values.iter_mut().for_each(|x| *x = logistic_of(*x));
    }
}

/// The same of one value.
#[inline(always)]
pub(super) fn logistic_of(x: f32) -> f32 {
    let upper = 1.0 / (1.0 + exp(-x.abs()));
    if x < 0.0 { 1.0 - upper } else { upper }
}

vectorised! {
    fn exp_of_each(values: &mut [f32]) {
        values.iter_mut().for_each(|x| *x = exp(*x));
    }
}

/// Exponentials of each row of `columns` values, that sum to one.
pub(super) fn softmax(values: &mut [f32], columns: usize) {
    let columns = columns.max(1);
    for row in values.chunks_exact_mut(columns) {
        let max = maximum(row);
        row.iter_mut().for_each(|x| *x -= max);
    }
    exp_of_each(Level::get(), values);
    for row in values.chunks_exact_mut(columns) {
        let sum = sum(row);
        row.iter_mut().for_each(|x| *x /= sum);
    }
}

/// In order when there are few, as ONNX Runtime; else in partial sums, in an order that depends on the length alone.
fn sum(row: &[f32]) -> f32 {
    const LANES: usize = 8;
    if row.len() < 2 * LANES {
        return row.iter().fold(0.0, |sum, x| sum + x);
    }
    let mut sums = [0.0; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += x);
    }
    sums.iter().chain(rest).fold(0.0, |sum, x| sum + x)
}

fn softmax_zero(row: &mut [f32]) {
    let max = maximum(row);
    let at_zero = exp(-max);
    let mut sum = 0.0;
    for x in row.iter_mut() {
        if *x > 0.000_000_1 || *x < -0.000_000_1 {
            *x = exp(*x - max);
            sum += *x;
        } else {
            *x *= at_zero;
        }
    }
    row.iter_mut().for_each(|x| *x /= sum);
}

fn maximum(row: &[f32]) -> f32 {
    row.iter().fold(f32::MIN, |max, &x| if x > max { x } else { max })
}

/// With the inverse error function of ONNX Runtime, an approximation with its constants.
#[expect(clippy::approx_constant, reason = "ONNX Runtime's constant, with its digits")]
pub(super) fn probit(x: f32) -> f32 {
    let x = 2.0 * x - 1.0;
    let sign = if x < 0.0 { -1.0 } else { 1.0 };
    let log = ((1.0 - x) * (1.0 + x)).ln();
    let v = 2.0 / (3.141_59 * 0.147) + 0.5 * log;
    let v2 = 1.0 / 0.147 * log;
    let v3 = -v + (v * v - v2).sqrt();
    std::f32::consts::SQRT_2 * (sign * v3.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f32, b: f64) {
        assert!((f64::from(a) - b).abs() <= 1e-6 * b.abs().max(1e-3), "{a} is not {b}");
    }

    #[test]
    fn logistic_at_both_ends() {
        let mut values = [0.0, 2.0, -2.0, 200.0, -200.0, f32::NAN];
        logistic(Level::get(), &mut values);
        close(values[0], 0.5);
        close(values[1], 0.880_797_077_977_882_3);
        close(values[2], 0.119_202_922_022_117_6);
        assert_eq!((values[3], values[4]), (1.0, 0.0));
        assert!(values[5].is_nan());
    }

    #[test]
    fn small_probabilities_keep_their_digits() {
        let mut values = [-15.0];
        logistic(Level::get(), &mut values);
        assert!((f64::from(values[0]) / 3.059_022_269_256_247e-7 - 1.0).abs() < 1e-6, "{}", values[0]);
        let mut values = [-15.0, 15.0];
        logistic_by_complement(Level::get(), &mut values);
        assert_eq!(values[0], 1.0 - values[1]);
    }

    #[test]
    fn softmax_of_large_scores() {
        let mut values = [1000.0, 1001.0, -1.0, -1.0];
        PostTransform::Softmax.apply(&mut values, 2);
        close(values[0], 0.268_941_421_369_995_1);
        close(values[1], 0.731_058_578_630_004_9);
        assert_eq!(values[2..], [0.5, 0.5]);
    }

    #[test]
    fn softmax_zero_leaves_zeros() {
        let mut values = [0.0, 1.0, 2.0];
        PostTransform::SoftmaxZero.apply(&mut values, 3);
        assert_eq!(values[0], 0.0);
        close(values[1] + values[2], 1.0);
    }

    #[test]
    fn probit_of_quantiles() {
        for (p, quantile) in [(0.5, 0.0), (0.975, 1.959_964), (0.025, -1.959_964)] {
            assert!((probit(p) - quantile).abs() < 0.01, "{}", probit(p));
        }
    }
}

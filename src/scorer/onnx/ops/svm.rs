//! Support vectors: what `ai.onnx.ml.SVMClassifier` and `SVMRegressor` have in common.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::super::exp::exp;
use super::row_operator::{as_f32, rows_and_columns};
use crate::simd::{Level, vectorised};

/// What a row and a support vector are compared by.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Function {
    /// `x v`
    Linear,
    /// `(gamma x v + offset) ^ degree`
    Polynomial { gamma: f32, offset: f32, degree: f32 },
    /// `exp(-gamma |x - v| ^ 2)`
    Radial { gamma: f32 },
    /// `tanh(gamma x v + offset)`
    Sigmoid { gamma: f32, offset: f32 },
}

/// Vectors that rows are compared with.
pub(super) struct Vectors {
    function: Function,
    /// Column-major, `[features, count]`: many vectors are compared with a feature of a row at once.
    values: Vec<f32>,
    count: usize,
    features: usize,
}

impl Vectors {
    /// `count` vectors, whose values are in `vectors` one after the other, compared as the attributes of `node` say.
    pub(super) fn of(node: &NodeProto, vectors: &[f32], count: usize) -> TractResult<Self> {
        let params: Vec<f32> = node.get_attr_opt_vec("kernel_params")?.unwrap_or_default();
        let (gamma, offset, degree) = match params.as_slice() {
            [] => (0.0, 0.0, 0.0),
            [gamma, offset, degree, ..] => (*gamma, *offset, *degree),
            _ => return node.bail_attr("kernel_params", "expected gamma, coef0 and degree"),
        };
        let function = match node.get_attr_opt::<&str>("kernel_type")?.unwrap_or("LINEAR") {
            "LINEAR" => Function::Linear,
            "POLY" => Function::Polynomial { gamma, offset, degree },
            "RBF" => Function::Radial { gamma },
            "SIGMOID" => Function::Sigmoid { gamma, offset },
            _ => return node.bail_attr("kernel_type", "expected LINEAR, POLY, RBF or SIGMOID"),
        };
        Self::new(node, function, vectors, count)
    }

    /// `count` vectors whose product with a row is wanted.
    pub(super) fn linear(node: &NodeProto, vectors: &[f32], count: usize) -> TractResult<Self> {
        Self::new(node, Function::Linear, vectors, count)
    }

    fn new(node: &NodeProto, function: Function, vectors: &[f32], count: usize) -> TractResult<Self> {
        node.expect(
            count > 0 && !vectors.is_empty() && vectors.len().is_multiple_of(count),
            "as many values as features for each vector, and at least one",
        )?;
        let features = vectors.len() / count;
        let mut values = Vec::with_capacity(vectors.len());
        for feature in 0..features {
            values.extend(vectors.iter().skip(feature).step_by(features));
        }
        Ok(Vectors { function, values, count, features })
    }

    /// Number of vectors.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Compares each row of `input`, shape `[N, features]`, with all vectors, and gives what came out, `count` values,
    /// to `each`, in the order of the rows.
    pub(super) fn compare(&self, name: &str, input: &Tensor, mut each: impl FnMut(usize, &[f32])) -> TractResult<()> {
        let (_, columns) = rows_and_columns(name, input)?;
        ensure!(columns == self.features, "{name} is made for {} features, not {columns}", self.features);
        let input = as_f32(input)?;
        let mut values = vec![0.0; self.count];
        for (index, row) in input.try_as_plain_ram()?.as_slice::<f32>()?.chunks_exact(columns).enumerate() {
            self.compare_row(row, &mut values);
            each(index, &values);
        }
        Ok(())
    }

    fn compare_row(&self, row: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        let level = Level::get();
        match self.function {
            Function::Linear => add_products(level, row, &self.values, out),
            Function::Radial { gamma } => {
                add_squared_differences(level, row, &self.values, out);
                radial(level, gamma, out);
            }
            Function::Polynomial { gamma, offset, degree } => {
                add_products(level, row, &self.values, out);
                for x in out {
                    let base = gamma * *x + offset;
                    *x = match degree {
                        2.0 => base * base,
                        3.0 => base * base * base,
                        _ => base.powf(degree),
                    };
                }
            }
            Function::Sigmoid { gamma, offset } => {
                add_products(level, row, &self.values, out);
                out.iter_mut().for_each(|x| *x = (gamma * *x + offset).tanh());
            }
        }
    }
}

vectorised! {
    /// Adds the products of `row` with each of `out.len()` vectors, feature by feature.
    fn add_products(row: &[f32], vectors: &[f32], out: &mut [f32]) {
        for (x, column) in row.iter().zip(vectors.chunks_exact(out.len())) {
            for (sum, v) in out.iter_mut().zip(column) {
                *sum += *x * *v;
            }
        }
    }
}

vectorised! {
    /// Adds the squared distances between `row` and each of `out.len()` vectors, feature by feature, as ONNX Runtime
    /// does.
    fn add_squared_differences(row: &[f32], vectors: &[f32], out: &mut [f32]) {
        for (x, column) in row.iter().zip(vectors.chunks_exact(out.len())) {
            for (sum, v) in out.iter_mut().zip(column) {
                let difference = *x - *v;
                *sum += difference * difference;
            }
        }
    }
}

vectorised! {
    fn radial(gamma: f32, distances: &mut [f32]) {
        distances.iter_mut().for_each(|x| *x = exp(-gamma * *x));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(function: Function) -> Vec<f32> {
        // Two vectors of three features: [1, 2, 3] and [-1, 0, 1].
        let vectors = Vectors::new(&NodeProto::default(), function, &[1.0, 2.0, 3.0, -1.0, 0.0, 1.0], 2).unwrap();
        let mut out = vec![f32::NAN; 2];
        vectors.compare_row(&[1.0, 0.5, -1.0], &mut out);
        out
    }

    fn close(got: &[f32], expected: [f64; 2]) {
        for (got, expected) in got.iter().zip(expected) {
            assert!((f64::from(*got) - expected).abs() <= 1e-6 * expected.abs(), "{got} is not {expected}");
        }
    }

    #[test]
    fn each_function() {
        close(&compared(Function::Linear), [-1.0, -2.0]);
        close(&compared(Function::Polynomial { gamma: 2.0, offset: 1.0, degree: 2.0 }), [1.0, 9.0]);
        close(&compared(Function::Polynomial { gamma: 2.0, offset: 1.0, degree: 3.0 }), [-1.0, -27.0]);
        close(&compared(Function::Polynomial { gamma: -1.0, offset: 1.0, degree: 0.5 }), [2f64.sqrt(), 3f64.sqrt()]);
        close(&compared(Function::Radial { gamma: 0.1 }), [(-1.825f64).exp(), (-0.825f64).exp()]);
        close(&compared(Function::Sigmoid { gamma: 0.5, offset: 0.25 }), [(-0.25f64).tanh(), (-0.75f64).tanh()]);
    }
}

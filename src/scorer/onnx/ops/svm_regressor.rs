//! `ai.onnx.ml.SVMRegressor`: a weighted sum over support vectors, or for novelty detection its sign.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};
use super::svm::Vectors;

struct SvmRegressor {
    vectors: Vectors,
    /// One for each vector.
    coefficients: Vec<f32>,
    intercept: f32,
    /// The sign alone is given: 1 inside, -1 outside.
    one_class: bool,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    let coefficients: Vec<f32> = node.get_attr_vec("coefficients")?;
    let count = node.get_attr_opt::<usize>("n_supports")?.unwrap_or(0);
    let Some(&intercept) = node.get_attr_slice::<f32>("rho")?.first() else {
        return node.bail_attr("rho", "expected a value");
    };
    let one_class = node.get_attr_opt::<i64>("one_class")?.unwrap_or(0) != 0;
    // ONNX Runtime reads a post-transform and does not apply it. What was meant by it is not known, so it is refused.
    let post_transform = node.get_attr_opt::<&str>("post_transform")?.unwrap_or("NONE");
    node.expect_attr("post_transform", post_transform == "NONE", "NONE")?;
    let (vectors, coefficients) = if count == 0 {
        (Vectors::linear(node, &coefficients, 1)?, vec![1.0])
    } else {
        let vectors: Vec<f32> = node.get_attr_vec("support_vectors")?;
        node.expect_attr("coefficients", coefficients.len() == count, || format!("{count} values"))?;
        (Vectors::of(node, &vectors, count)?, coefficients)
    };
    built(node, SvmRegressor { vectors, coefficients, intercept, one_class })
}

impl RowOperator for SvmRegressor {
    const NAME: &'static str = "SVMRegressor";

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(f32::datum_type(), OutputShape::Columns(1))]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let rows = input.shape().first().copied().unwrap_or(0);
        let mut output = Tensor::zero::<f32>(&[rows, 1])?;
        let mut view = output.try_as_plain_ram_mut()?;
        let scores = view.as_slice_mut::<f32>()?;
        self.vectors.compare(Self::NAME, &input, |row, values| {
            let products = values.iter().zip(&self.coefficients).map(|(value, weight)| f64::from(value * weight));
            let score = (products.sum::<f64>() + f64::from(self.intercept)) as f32;
            scores[row] = match self.one_class {
                true if score > 0.0 => 1.0,
                true => -1.0,
                false => score,
            };
        })?;
        Ok(tvec![output.into_tvalue()])
    }
}

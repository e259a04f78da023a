//! `ai.onnx.ml.Normalizer`: each row divided by its norm.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, as_f32, built};

enum Normalizer {
    /// The largest value (not the largest magnitude).
    Max,
    /// The sum of magnitudes.
    L1,
    /// The square root of the sum of squares.
    L2,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    built(
        node,
        match node.get_attr_opt::<&str>("norm")?.unwrap_or("MAX") {
            "MAX" => Normalizer::Max,
            "L1" => Normalizer::L1,
            "L2" => Normalizer::L2,
            _ => return node.bail_attr("norm", "expected MAX, L1 or L2"),
        },
    )
}

impl RowOperator for Normalizer {
    const NAME: &'static str = "Normalizer";
    const ANY_RANK: bool = true;

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(f32::datum_type(), OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let columns = input.shape().last().copied().unwrap_or(1).max(1);
        let mut output = match input.datum_type() {
            DatumType::F32 => input.into_tensor(),
            _ => as_f32(&input)?.into_owned(),
        };
        for row in output.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?.chunks_exact_mut(columns) {
            self.normalize(row);
        }
        Ok(tvec![output.into_tvalue()])
    }
}

impl Normalizer {
    /// A row whose norm is zero stays as it is.
    fn normalize(&self, row: &mut [f32]) {
        match self {
            Normalizer::Max => divide(row, row.iter().fold(f32::MIN, |max, &x| if max < x { x } else { max })),
            Normalizer::L1 => divide(row, row.iter().fold(0.0, |sum, x| sum + x.abs())),
            Normalizer::L2 => {
                let sum = row.iter().fold(0.0, |sum, x| sum + x * x);
                if sum != 0.0 {
                    for x in row {
                        let share = (*x * *x / sum).sqrt();
                        *x = if *x < 0.0 { -share } else { share };
                    }
                }
            }
        }
    }
}

fn divide(row: &mut [f32], norm: f32) {
    if norm != 0.0 {
        for x in row {
            *x /= norm;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_norm() {
        for (normalizer, expected) in [
            (Normalizer::Max, [-0.5, 1.0, 0.5]),
            (Normalizer::L1, [-0.25, 0.5, 0.25]),
            (Normalizer::L2, [-(1f32 / 6.0).sqrt(), (4f32 / 6.0).sqrt(), (1f32 / 6.0).sqrt()]),
        ] {
            let mut row = [-1.0, 2.0, 1.0];
            normalizer.normalize(&mut row);
            assert_eq!(row, expected);
            let mut zeros = [0.0, 0.0];
            normalizer.normalize(&mut zeros);
            assert_eq!(zeros, [0.0, 0.0]);
        }
    }
}

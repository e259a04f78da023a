//! `ai.onnx.ml.Binarizer`: one for what is above a threshold, zero for the rest.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};

struct Binarizer {
    threshold: f64,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    built(node, Binarizer { threshold: node.get_attr_opt::<f32>("threshold")?.unwrap_or(0.0).into() })
}

impl RowOperator for Binarizer {
    const NAME: &'static str = "Binarizer";
    const ANY_RANK: bool = true;

    fn outputs(&self, input: DatumType) -> TVec<OutputForm> {
        tvec![(input, OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let element = input.datum_type();
        // float64 holds every value of float32 and of the integers that models compare.
        let mut wide = input.cast_to::<f64>()?.into_owned();
        for x in wide.try_as_plain_ram_mut()?.as_slice_mut::<f64>()? {
            *x = if *x > self.threshold { 1.0 } else { 0.0 };
        }
        Ok(tvec![wide.cast_to_dt(element)?.into_owned().into_tvalue()])
    }
}

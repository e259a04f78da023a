//! `ai.onnx.ml.ZipMap`: a table of probabilities as one dictionary a row. The table itself is what is wanted here, so
//! it passes through; the dictionaries' keys are read from the graph where the outputs are laid out.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};

struct ZipMap;

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    built(node, ZipMap)
}

impl RowOperator for ZipMap {
    const NAME: &'static str = "ZipMap";
    const ANY_RANK: bool = true;

    fn outputs(&self, input: DatumType) -> TVec<OutputForm> {
        tvec![(input, OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        Ok(tvec![input])
    }
}

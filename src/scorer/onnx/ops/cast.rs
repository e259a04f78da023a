//! `Cast`, as tract does it but for casts to int64 and to strings.
//!
//! tract takes every cast to int64 as the making of a shape and gives its own type for dimensions, which then cannot be
//! unified with the int64 that a classifier's label is declared as. Here only dimensions stay dimensions.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::infer::{check_input_arity, check_output_arity};
use tract_onnx::tract_hir::internal::*;

use super::row_operator::Built;

#[derive(Debug, Clone)]
struct Cast {
    to: DatumType,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    Ok((expand(Cast { to: node.get_attr::<DatumType>("to")? }), vec![]))
}

impl Cast {
    fn output(&self, input: DatumType) -> DatumType {
        if input == TDim::datum_type() && self.to == i64::datum_type() { input } else { self.to }
    }
}

impl Expansion for Cast {
    fn name(&self) -> StaticName {
        "Cast".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].rank, &inputs[0].rank)?;
        s.equals(&outputs[0].shape, &inputs[0].shape)?;
        s.given(&inputs[0].datum_type, move |s, input| s.equals(&outputs[0].datum_type, self.output(input)))
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let to = self.output(model.outlet_fact(inputs[0])?.datum_type);
        model.wire_node(prefix, tract_onnx::tract_core::ops::cast::cast(to), inputs)
    }
}

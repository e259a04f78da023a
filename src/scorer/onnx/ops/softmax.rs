//! `Softmax`, over rows of float32 that lie together in memory; tract's own for the rest.
//!
//! tract's kernel groups the values of a row by where they lie in memory, so that the last bit of a result can depend
//! on how many rows came before. This one takes the same steps for every row.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::nn::Softmax as TractSoftmax;
use tract_onnx::tract_hir::infer::{check_input_arity, check_output_arity};
use tract_onnx::tract_hir::internal::*;

use super::axis;
use super::post_transform::softmax;
use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, row_op};

#[derive(Debug, Clone)]
struct Softmax {
    axis: i64,
    /// Up to version 12 of the operator: over all axes from this one on.
    and_the_rest: bool,
}

pub(super) fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    let and_the_rest = context.onnx_operator_set_version < 13;
    let axis = node.get_attr_opt("axis")?.unwrap_or(if and_the_rest { 1 } else { -1 });
    Ok((expand(Softmax { axis, and_the_rest }), vec![]))
}

impl Expansion for Softmax {
    fn name(&self) -> StaticName {
        "Softmax".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
        s.equals(&outputs[0].rank, &inputs[0].rank)?;
        s.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let fact = model.outlet_fact(inputs[0])?;
        let (rank, element) = (fact.rank(), fact.datum_type);
        let axis = axis::resolved("Softmax", self.axis, rank)?;
        if axis + 1 == rank && element == f32::datum_type() {
            return model.wire_node(prefix, row_op(RowSoftmax), inputs);
        }
        let axes = if self.and_the_rest { (axis..rank).collect() } else { tvec![axis] };
        let quant_output_dt = (!element.is_float()).then_some(element);
        model.wire_node(prefix, TractSoftmax { axes, quant_output_dt, ..TractSoftmax::default() }, inputs)
    }
}

/// Over the last axis.
struct RowSoftmax;

impl RowOperator for RowSoftmax {
    const NAME: &'static str = "Softmax";
    const ANY_RANK: bool = true;

    fn outputs(&self, input: DatumType) -> TVec<OutputForm> {
        tvec![(input, OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let columns = input.shape().last().copied().unwrap_or(1);
        let mut output = input.into_tensor();
        softmax(output.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?, columns);
        Ok(tvec![output.into_tvalue()])
    }
}

//! `Range` and `Trilu`, whose scalars may also be tensors of one element, which tract refuses.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::Trilu as TractTrilu;
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_hir::infer::{check_input_arity, check_output_arity};
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::array::Range as TractRange;

use super::row_operator::Built;

/// `wire` without axes.
fn scalar(name: &str, model: &mut TypedModel, mut wire: OutletId) -> TractResult<OutletId> {
    for axis in (0..model.outlet_fact(wire)?.rank()).rev() {
        wire = model.wire_node(format!("{name}.{axis}"), AxisOp::Rm(axis), &[wire])?[0];
    }
    Ok(wire)
}

/// The number in a tensor of one.
fn number<T: Datum>(tensor: &Tensor) -> TractResult<T> {
    let values = tensor.cast_to::<T>()?;
    let values = values.try_as_plain_ram()?;
    let [value] = values.as_slice::<T>()? else { bail!("Range of a tensor of {} elements", values.len()) };
    Ok(value.clone())
}

#[derive(Debug, Clone)]
struct Range;

pub(super) fn build_range(_: &ParsingContext, _: &NodeProto) -> Built {
    Ok((expand(Range), vec![]))
}

impl Expansion for Range {
    fn name(&self) -> StaticName {
        "Range".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 3)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].rank, 1)?;
        s.given_all(inputs.iter().map(|input| &input.datum_type), move |s, elements: Vec<DatumType>| {
            let element = DatumType::super_type_for(elements).context("Range of numbers of different types")?;
            s.equals(&outputs[0].datum_type, if element.is_tdim() { i64::datum_type() } else { element })
        })?;
        s.given_3(&inputs[0].value, &inputs[1].value, &inputs[2].value, move |s, start, limit, step| {
            // Only whole numbers that rise have a length that needs no rounding.
            let is_whole = [&start, &limit, &step].iter().all(|value| !value.datum_type().is_float());
            match if is_whole { usize::try_from(number::<i64>(&step)?).unwrap_or(0) } else { 0 } {
                0 => Ok(()),
                step => {
                    let length = (number::<TDim>(&limit)? - number::<TDim>(&start)?).divceil(step);
                    match length.as_i64() {
                        Some(length) => s.equals(&outputs[0].shape[0], length.max(0).to_dim()),
                        None => s.equals(&outputs[0].shape[0], length),
                    }
                }
            }
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let inputs = inputs
            .iter()
            .enumerate()
            .map(|(index, input)| scalar(&format!("{prefix}.scalar_{index}"), model, *input))
            .collect::<TractResult<TVec<OutletId>>>()?;
        TractRange.wire(prefix, model, &inputs)
    }
}

#[derive(Debug, Clone)]
struct Trilu {
    upper: bool,
    inputs: usize,
}

pub(super) fn build_trilu(_: &ParsingContext, node: &NodeProto) -> Built {
    let inputs = node.input.iter().filter(|name| !name.is_empty()).count();
    Ok((expand(Trilu { upper: node.get_attr_opt::<i64>("upper")?.unwrap_or(1) != 0, inputs }), vec![]))
}

impl Expansion for Trilu {
    fn name(&self) -> StaticName {
        "Trilu".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, self.inputs)?;
        check_output_arity(outputs, 1)?;
        s.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        s.equals(&inputs[0].shape, &outputs[0].shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let diagonal = match inputs.get(1) {
            Some(diagonal) => scalar(&format!("{prefix}.diagonal"), model, *diagonal)?,
            None => model.add_const(format!("{prefix}.diagonal"), tensor0(0i64))?,
        };
        model.wire_node(prefix, TractTrilu { upper: self.upper }, &[inputs[0], diagonal])
    }
}

//! `Compress`: the elements, or slices along an axis, for which a condition holds.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::Gather;
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_hir::infer::{check_input_arity, check_output_arity};
use tract_onnx::tract_hir::internal::*;

use super::axis;
use super::row_operator::Built;
use super::shaped_operator::{Form, ShapedOperator, shaped_op};

#[derive(Debug, Clone)]
struct Compress {
    /// Of all elements in a row, if there is none.
    axis: Option<i64>,
    open: Symbol,
}

pub(super) fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    let open = context.template.symbols.new_with_prefix("open");
    Ok((expand(Compress { axis: node.get_attr_opt("axis")?, open }), vec![]))
}

/// The places where `condition` holds.
fn places(condition: &Tensor) -> TractResult<Vec<i64>> {
    let condition = condition.try_as_plain_ram()?;
    let holds = condition.as_slice::<bool>()?.iter().zip(0..);
    Ok(holds.filter(|(holds, _)| **holds).map(|(_, place)| place).collect())
}

impl Compress {
    /// The axis of an input of `rank`.
    fn axis(&self, rank: usize) -> TractResult<Option<usize>> {
        self.axis.map(|axis| axis::resolved("Compress", axis, rank)).transpose()
    }
}

impl Expansion for Compress {
    fn name(&self) -> StaticName {
        "Compress".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
        s.equals(&inputs[1].datum_type, bool::datum_type())?;
        s.equals(&inputs[1].rank, 1)?;
        s.given(&inputs[0].rank, move |s, rank| {
            let axis = self.axis(rank as usize)?;
            s.equals(&outputs[0].rank, if axis.is_some() { rank } else { 1 })?;
            for other in (0..rank as usize).filter(|other| axis.is_some_and(|axis| axis != *other)) {
                s.equals(&outputs[0].shape[other], &inputs[0].shape[other])?;
            }
            s.given(&inputs[1].value, move |s, condition| {
                s.equals(&outputs[0].shape[axis.unwrap_or(0)], places(&condition)?.len().to_dim())
            })
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let fact = model.outlet_fact(inputs[0])?.clone();
        let axis = self.axis(fact.rank())?;
        let Some(condition) = model.outlet_fact(inputs[1])?.konst.clone() else {
            return model.wire_node(prefix, shaped_op(Chosen { axis }, self.open.clone()), inputs);
        };
        let mut input = inputs[0];
        if axis.is_none() {
            let flat = AxisOp::Reshape(0, fact.shape.to_tvec(), tvec![fact.shape.volume()]);
            input = model.wire_node(format!("{prefix}.flat"), flat, &[input])?[0];
        }
        let places = model.add_const(format!("{prefix}.places"), tensor1(&places(&condition)?))?;
        model.wire_node(prefix, Gather::new(axis.unwrap_or(0)), &[input, places])
    }
}

/// What is left by a condition that is computed too.
struct Chosen {
    axis: Option<usize>,
}

impl ShapedOperator for Chosen {
    const NAME: &'static str = "Compress";
    const INPUTS: usize = 2;

    fn outputs(&self, inputs: &[Form], open: &TDim) -> TractResult<TVec<Form>> {
        let mut shape = self.axis.map_or_else(|| tvec![open.clone()], |_| inputs[0].1.clone());
        shape[self.axis.unwrap_or(0)] = open.clone();
        Ok(tvec![(inputs[0].0, shape)])
    }

    fn eval(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        fn chosen<T: Datum>(input: &Tensor, axis: Option<usize>, places: &[usize]) -> TractResult<Tensor> {
            let input = input.to_plain_array_view::<T>()?;
            Ok(match axis {
                Some(axis) => input.select(tract_ndarray::Axis(axis), places).into_tensor(),
                None => {
                    let values: Vec<&T> = input.iter().collect();
                    tract_ndarray::Array1::from_iter(places.iter().map(|place| values[*place].clone())).into_tensor()
                }
            })
        }
        let length = self.axis.map_or(inputs[0].len(), |axis| inputs[0].shape()[axis]);
        let places: Vec<usize> = places(&inputs[1])?.into_iter().map(|place| place as usize).collect();
        ensure!(places.last().is_none_or(|last| *last < length), "Compress by a condition longer than {length}");
        Ok(tvec![dispatch_datum!(chosen(inputs[0].datum_type())(&inputs[0], self.axis, &places))?])
    }
}

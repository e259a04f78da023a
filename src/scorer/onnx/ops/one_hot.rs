//! `OneHot`, put in place of tract's in a typed graph: indices may count from the end, and those out of range give no one.

use tract_onnx::tract_core::ops::array::OneHot as TractOneHot;
use tract_onnx::tract_hir::internal::*;

/// Replaces the operators OneHot of `model`.
pub(in super::super) fn accept_all_indices(model: &mut TypedModel) {
    for node in &mut model.nodes {
        if let Some(op) = node.op.downcast_ref::<TractOneHot>() {
            node.op = Box::new(OneHot(op.clone()));
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct OneHot(TractOneHot);

impl Op for OneHot {
    fn name(&self) -> StaticName {
        "OneHot".into()
    }

    op_as_typed_op!();
}

impl EvalOp for OneHot {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let TractOneHot { axis, dim, off, on } = &self.0;
        let input = args_1!(inputs);
        let mut shape: TVec<usize> = input.shape().into();
        shape.insert(*axis, *dim);
        let inner: usize = shape[axis + 1..].iter().product();
        let indices = input.cast_to::<i64>()?;
        let indices = indices.try_as_plain_ram()?;
        let places = indices.as_slice::<i64>()?.iter().enumerate().filter_map(|(place, index)| {
            let index = if *index < 0 { index.checked_add(*dim as i64)? } else { *index };
            let index = usize::try_from(index).ok().filter(|index| index < dim)?;
            Some((place / inner.max(1) * dim + index) * inner + place % inner.max(1))
        });
        fn set<T: Datum>(output: &mut Tensor, on: &Tensor, places: impl Iterator<Item = usize>) -> TractResult<()> {
            let on = on.try_as_plain_ram()?.as_slice::<T>()?[0].clone();
            let mut view = output.try_as_plain_ram_mut()?;
            let values = view.as_slice_mut::<T>()?;
            places.for_each(|place| values[place] = on.clone());
            Ok(())
        }
        let mut output = off.broadcast_scalar_to_shape(&shape)?;
        dispatch_datum!(set(off.datum_type())(&mut output, on, places))?;
        Ok(tvec![output.into_tvalue()])
    }
}

impl TypedOp for OneHot {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.0.output_facts(inputs)
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_from_the_end_and_out_of_range() {
        let one_hot = |axis| {
            OneHot(TractOneHot { axis, dim: 3, off: rctensor0(0f32), on: rctensor0(2f32) })
                .eval(&EvalContext::out_of_plan(), tvec![tensor2(&[[0i64, -1], [7, 1]]).into_tvalue()])
                .unwrap()
                .remove(0)
        };
        let last = [[[2.0, 0.0, 0.0], [0.0, 0.0, 2.0]], [[0.0, 0.0, 0.0], [0.0, 2.0, 0.0f32]]];
        assert_eq!(*one_hot(2), tensor3(&last));
        let first = [[[2.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 2.0]], [[0.0, 2.0], [0.0, 0.0f32]]];
        assert_eq!(*one_hot(0), tensor3(&first));
    }
}

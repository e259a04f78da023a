//! Operators that tract has for floating point numbers only, put in place of its own in a typed graph where it holds
//! integers: products of tables, and the steps of `ReduceL2`, `ReduceSumSquare` and `ReduceLogSum`.

use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_hir::internal::*;

/// Replaces operators of `model` that lack integers.
pub(in super::super) fn take_integers(model: &mut TypedModel) {
    for node in &mut model.nodes {
        let is_integer = node.outputs.first().is_some_and(|output| output.fact.datum_type.is_integer());
        if let Some(ElementWiseOp(op, element)) = node.op.downcast_ref::<ElementWiseOp>().filter(|_| is_integer) {
            let step = if op.is::<math::Square>() {
                Step::Square
            } else if op.is::<math::Sqrt>() {
                Step::SquareRoot
            } else if op.is::<math::Ln>() {
                Step::Logarithm
            } else {
                continue;
            };
            node.op = Box::new(ElementWiseOp(Box::new(step), *element));
        } else if let Some(op) = node.op.downcast_ref::<EinSum>().filter(|_| is_integer)
            && matches!(op.operating_dt, DatumType::I64 | DatumType::U64 | DatumType::U32)
        {
            node.op = Box::new(IntegerProduct(op.clone()));
        }
    }
}

/// Sums of products of two tensors, in wrapping arithmetic.
#[derive(Debug, Clone, PartialEq, Eq)]
struct IntegerProduct(EinSum);

/// An axis of a product: how long it is, and how far apart its elements lie in both factors.
struct ProductAxis {
    length: usize,
    steps: [usize; 2],
}

/// Calls `with` for the places in both factors of each element of `axes`, row-major, from `start` on.
fn each_place(axes: &[ProductAxis], start: [usize; 2], with: &mut impl FnMut([usize; 2])) {
    let Some((first, rest)) = axes.split_first() else { return with(start) };
    for index in 0..first.length {
        each_place(rest, [0, 1].map(|side| start[side] + index * first.steps[side]), with);
    }
}

impl Op for IntegerProduct {
    fn name(&self) -> StaticName {
        "IntegerProduct".into()
    }

    op_as_typed_op!();
}

impl EvalOp for IntegerProduct {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (a, b) = args_2!(inputs);
        let element = a.datum_type();
        let strides = [a.strides(), b.strides()];
        let shapes = [a.shape(), b.shape()];
        let mut kept = vec![];
        let mut summed = vec![];
        for axis in self.0.axes.iter_all_axes() {
            let lengths = [0, 1].map(|side| axis.inputs[side].first().map_or(1, |place| shapes[side][*place]));
            let step = |side: usize| {
                let place = axis.inputs[side].first().filter(|_| lengths[side] > 1);
                place.map_or(0, |place| strides[side][*place] as usize)
            };
            // An axis of one element is taken for as many as the other factor has.
            let length = if lengths[0] == 1 { lengths[1] } else { lengths[0] };
            ensure!(lengths[1] == 1 || lengths[1] == length, "a product over axes of {lengths:?} elements");
            let product = ProductAxis { length, steps: [step(0), step(1)] };
            match axis.outputs[0].first() {
                Some(place) => kept.push((*place, product)),
                None => summed.push(product),
            }
        }
        kept.sort_by_key(|(place, _)| *place);
        let kept: Vec<ProductAxis> = kept.into_iter().map(|(_, axis)| axis).collect();
        let (a, b) = (a.cast_to::<i64>()?, b.cast_to::<i64>()?);
        let (a, b) = (a.try_as_plain_ram()?, b.try_as_plain_ram()?);
        let (a, b) = (a.as_slice::<i64>()?, b.as_slice::<i64>()?);
        let mut sums: Vec<i64> = vec![];
        each_place(&kept, [0, 0], &mut |start| {
            let mut sum = 0i64;
            each_place(&summed, start, &mut |[i, j]| sum = sum.wrapping_add(a[i].wrapping_mul(b[j])));
            sums.push(sum);
        });
        let shape: Vec<usize> = kept.iter().map(|axis| axis.length).collect();
        let output = tract_ndarray::ArrayD::from_shape_vec(shape, sums)?.into_tensor();
        Ok(tvec![output.cast_to_dt(element)?.into_owned().into_tvalue()])
    }
}

impl TypedOp for IntegerProduct {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.0.output_facts(inputs)
    }

    as_op!();
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    Square,
    SquareRoot,
    Logarithm,
}

impl ElementWiseMiniOp for Step {
    fn name(&self) -> String {
        format!("{self:?}")
    }

    fn eval_in_place(&self, tensor: &mut Tensor, _: Option<DatumType>) -> TractResult<()> {
        let element = tensor.datum_type();
        if *self == Step::Square {
            let mut wide = tensor.cast_to::<i64>()?.into_owned();
            wide.try_as_plain_ram_mut()?.as_slice_mut::<i64>()?.iter_mut().for_each(|x| *x = x.wrapping_mul(*x));
            *tensor = wide.cast_to_dt(element)?.into_owned();
        } else {
            let mut wide = tensor.cast_to::<f64>()?.into_owned();
            for x in wide.try_as_plain_ram_mut()?.as_slice_mut::<f64>()? {
                let y = if *self == Step::Logarithm { x.ln() } else { x.sqrt() };
                // What is no number is the least one once it is an integer, as the processor casts it.
                *x = if y.is_nan() { f64::NEG_INFINITY } else { y };
            }
            *tensor = wide.cast_to_dt(element)?.into_owned();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_tables_and_of_rows() {
        let product = |expression: &str, a: Tensor, b: Tensor| {
            let axes: AxesMapping = expression.parse().unwrap();
            let op = IntegerProduct(EinSum::new(axes, i64::datum_type()));
            op.eval(&EvalContext::out_of_plan(), tvec![a.into_tvalue(), b.into_tvalue()]).unwrap().remove(0)
        };
        let table = tensor2(&[[1i64, 2], [3, i64::MAX]]);
        let squared =
            tensor2(&[[7, i64::MAX.wrapping_mul(2).wrapping_add(2)], [i64::MAX.wrapping_mul(3).wrapping_add(3), 7]]);
        assert_eq!(*product("mk,kn->mn", table.clone(), table.clone()), squared);
        assert_eq!(*product("k,kn->n", tensor1(&[2i64, 1]), tensor2(&[[1i64, 2], [3, 4]])), tensor1(&[5i64, 8]));
        let one = tensor3(&[[[2i64]]]);
        assert_eq!(*product("amk,akn->amn", one, tensor3(&[[[1i64]], [[5]]])), tensor3(&[[[2i64]], [[10]]]));
    }
}

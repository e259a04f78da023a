//! Sums over axes that do not depend on the lengths of the others, put in place of tract's in a graph that is ready.
//!
//! tract adds up in an order that goes by how a tensor lies in memory, which for a single row is another than for several:
//! the last bits of a row's sum would depend on the rows beside it.

use tract_onnx::tract_core::ops::nn;
use tract_onnx::tract_core::ops::scan::Scan;
use tract_onnx::tract_hir::internal::tract_num_traits::Float;
use tract_onnx::tract_hir::internal::*;

use crate::simd::{Level, vectorised};

/// Replaces sums of floats in what `model` goes through by Scan; these graphs are optimised with that operator.
pub(in super::super) fn sum_in_order_within(model: &mut TypedModel) {
    for node in &mut model.nodes {
        if let Some(scan) = node.op_as_mut::<Scan>() {
            sum_in_order(&mut scan.body);
        }
    }
}

/// Replaces sums of floats in `model`, which has been optimised: before, tract looks for them to make norms and the like of.
pub(in super::super) fn sum_in_order(model: &mut TypedModel) {
    for node in &mut model.nodes {
        let Some(nn::Reduce { axes, reducer }) = node.op_as::<nn::Reduce>() else { continue };
        let squares = match reducer {
            nn::Reducer::Sum => false,
            nn::Reducer::MeanOfSquares => true,
            _ => continue,
        };
        let element = node.outputs.first().map(|output| output.fact.datum_type);
        if element == Some(f32::datum_type()) || element == Some(f64::datum_type()) {
            node.op = Box::new(Sum { axes: axes.clone(), squares });
        }
    }
}

/// The sum over axes, which come to be one long.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Sum {
    axes: TVec<usize>,
    /// Whether it is the mean of the squares.
    squares: bool,
}

impl Op for Sum {
    fn name(&self) -> StaticName {
        if self.squares { "MeanOfSquares".into() } else { "Sum".into() }
    }

    op_as_typed_op!();
}

impl Sum {
    /// The sums of the values in `input`; `along` adds up along one axis.
    fn of<T: Datum + Copy + Float>(
        &self,
        input: &Tensor,
        along: impl Fn(&[T], usize, usize) -> Vec<T>,
    ) -> TractResult<TValue> {
        let view = input.try_as_plain_ram()?;
        let values = view.as_slice::<T>()?;
        let mut sums: Vec<T> = if self.squares { values.iter().map(|x| *x * *x).collect() } else { values.to_vec() };
        let mut shape: TVec<usize> = input.shape().into();
        for &axis in &self.axes {
            let length = std::mem::replace(&mut shape[axis], 1);
            sums = match shape[axis + 1..].iter().product() {
                inner if length * inner > 0 => along(&sums, length, inner),
                _ => vec![T::zero(); shape.iter().product()],
            };
        }
        if self.squares {
            let count = T::from(values.len() / sums.len().max(1)).unwrap_or_else(T::nan);
            sums.iter_mut().for_each(|sum| *sum = *sum / count);
        }
        Ok(Tensor::from_shape(&shape, &sums)?.into_tvalue())
    }
}

/// Sums that are formed beside each other, of every so manieth value.
const LANES: usize = 8;

/// The sums along an axis of `length`, behind which there are axes of `inner` values. Where these lie beside each other
/// does not matter to the order that the values of a sum are added in.
#[inline(always)]
fn along<T: Copy + Float>(values: &[T], length: usize, inner: usize) -> Vec<T> {
    let mut sums = Vec::with_capacity(values.len() / length);
    let total = |lanes: [T; LANES]| {
        let [a, b, c, d, e, f, g, h] = lanes;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    };
    let mut lanes = vec![T::zero(); LANES * inner];
    for block in values.chunks_exact(length * inner) {
        lanes.fill(T::zero());
        // Eight rows of `inner` values at a time; of a single column, eight values.
        for rows in block.chunks(LANES * inner) {
            lanes.iter_mut().zip(rows).for_each(|(lane, x)| *lane = *lane + *x);
        }
        sums.extend((0..inner).map(|i| total(std::array::from_fn(|lane| lanes[lane * inner + i]))));
    }
    sums
}

vectorised! {
    fn along_32(values: &[f32], length: usize, inner: usize) -> Vec<f32> {
        along(values, length, inner)
    }
}

vectorised! {
    fn along_64(values: &[f64], length: usize, inner: usize) -> Vec<f64> {
        along(values, length, inner)
    }
}

impl EvalOp for Sum {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        Ok(tvec![match input.datum_type() {
            DatumType::F32 => self.of(&input, |values, length, inner| along_32(Level::get(), values, length, inner))?,
            DatumType::F64 => self.of(&input, |values, length, inner| along_64(Level::get(), values, length, inner))?,
            other => bail!("{} of {other:?}", Op::name(self)),
        }])
    }
}

impl TypedOp for Sum {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape: TVec<TDim> = inputs[0].shape.iter().cloned().collect();
        self.axes.iter().for_each(|axis| shape[*axis] = 1.to_dim());
        Ok(tvec![inputs[0].datum_type.fact(shape)])
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(axes: &[usize], squares: bool, shape: &[usize], values: &[f32]) -> (Vec<usize>, Vec<f32>) {
        let op = Sum { axes: axes.into(), squares };
        let input = Tensor::from_shape(shape, values).unwrap().into_tvalue();
        let out = op.eval(&EvalContext::out_of_plan(), tvec![input]).unwrap();
        (out[0].shape().to_vec(), out[0].try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec())
    }

    #[test]
    fn sums_along_any_axes() {
        let values: Vec<f32> = (0..24).map(|i| i as f32).collect();
        assert_eq!(sum(&[1], false, &[2, 3, 4], &values).1, [12.0, 15.0, 18.0, 21.0, 48.0, 51.0, 54.0, 57.0]);
        assert_eq!(sum(&[0, 2], false, &[2, 3, 4], &values), (vec![1, 3, 1], vec![60.0, 92.0, 124.0]));
        assert_eq!(sum(&[2], true, &[2, 3, 4], &values).1[0], (1.0 + 4.0 + 9.0) / 4.0);
        assert_eq!(sum(&[1], false, &[2, 0], &[]), (vec![2, 1], vec![0.0, 0.0]));
        assert_eq!(sum(&[0, 1], false, &[2, 0], &[]), (vec![1, 1], vec![0.0]));
        assert!(sum(&[0], false, &[3], &[1.0, f32::NAN, 2.0]).1[0].is_nan());
    }

    #[test]
    fn the_sum_of_a_row_is_the_same_wherever_it_lies() {
        let x = |row: usize, i: usize| ((row * 31 + i * 17) as f32 * 0.37).sin() * 10_f32.powi((i % 5) as i32);
        for length in [1, 7, 8, 9, 100] {
            let alone: Vec<f32> = (0..length).map(|i| x(3, i)).collect();
            let (_, alone) = sum(&[1], false, &[1, length], &alone);
            let rows: Vec<f32> = (0..5 * length).map(|at| x(at / length, at % length)).collect();
            assert_eq!(sum(&[1], false, &[5, length], &rows).1[3].to_bits(), alone[0].to_bits(), "{length}");
            let columns: Vec<f32> = (0..5 * length).map(|at| x(at % 5, at / 5)).collect();
            assert_eq!(sum(&[0], false, &[length, 5], &columns).1[3].to_bits(), alone[0].to_bits(), "{length}");
        }
    }
}

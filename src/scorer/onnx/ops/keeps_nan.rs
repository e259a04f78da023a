//! Operators that tract would compute without regard to NaN, put in place of its own in a typed graph.
//!
//! tract's largest and smallest of two values (of which its Relu, Clip and others are made) and of an axis pass over
//! NaN, its Sigmoid and Tanh turn it into a number, and what is multiplied by a constant zero is never looked at. ONNX
//! Runtime keeps it. A missing value that nobody imputed would so become a prediction like any other.

use tract_onnx::tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_onnx::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};
use tract_onnx::tract_core::ops::{math, nn};
use tract_onnx::tract_hir::internal::*;

use super::super::exp::exp;
use super::post_transform::logistic;
use crate::simd::{Level, vectorised};

/// Replaces operators of `model` that lose NaN.
pub(in super::super) fn keep_nan(model: &mut TypedModel) {
    for id in 0..model.nodes.len() {
        let node = &model.nodes[id];
        if node.outputs.first().is_some_and(|output| output.fact.datum_type.is_float()) {
            let has_zero = || node.inputs.iter().any(|input| is_constant_with_zero(model, *input));
            if let Some(op) = replacement(node.op.as_ref(), has_zero) {
                model.nodes[id].op = op;
            }
        }
    }
}

/// Whether `outlet` is a constant, and there is a zero in it.
fn is_constant_with_zero(model: &TypedModel, outlet: OutletId) -> bool {
    let constant = model.outlet_fact(outlet).ok().and_then(|fact| fact.konst.as_ref());
    let zeros = constant.map(|constant| -> TractResult<bool> {
        let values = constant.cast_to::<f64>()?;
        Ok(values.try_as_plain_ram()?.as_slice::<f64>()?.contains(&0.0))
    });
    zeros.is_some_and(|zeros| zeros.unwrap_or(false))
}

fn replacement(op: &dyn TypedOp, has_zero: impl Fn() -> bool) -> Option<Box<dyn TypedOp>> {
    if let Some(TypedBinOp(op, element)) = op.downcast_ref::<TypedBinOp>() {
        if op.is::<math::Mul>() && has_zero() {
            return Some(Box::new(TypedBinOp(Box::new(Product), *element)));
        }
        let extreme = if op.is::<math::Max>() {
            Extreme::Largest
        } else if op.is::<math::Min>() {
            Extreme::Smallest
        } else {
            return None;
        };
        return Some(Box::new(TypedBinOp(Box::new(extreme), *element)));
    }
    if let Some(ElementWiseOp(op, element)) = op.downcast_ref::<ElementWiseOp>() {
        let curve = if op.is::<nn::Sigmoid>() {
            Curve::Sigmoid
        } else if op.is::<math::Tanh>() {
            Curve::Tanh
        } else {
            return None;
        };
        return Some(Box::new(ElementWiseOp(Box::new(curve), *element)));
    }
    let nn::Reduce { axes, reducer } = op.downcast_ref::<nn::Reduce>()?;
    let extreme = match reducer {
        nn::Reducer::Max => Extreme::Largest,
        nn::Reducer::Min => Extreme::Smallest,
        _ => return None,
    };
    Some(Box::new(ReduceTo { extreme, axes: axes.clone() }))
}

/// The largest or the smallest of some values; NaN if there is one among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Extreme {
    Largest,
    Smallest,
}

impl Extreme {
    /// tract's operator that passes over NaN.
    pub(super) fn of_tract(self) -> Box<dyn BinMiniOp> {
        match self {
            Extreme::Largest => Box::new(math::Max),
            Extreme::Smallest => Box::new(math::Min),
        }
    }

    /// What no other value is left behind by.
    fn of_none<T: Bounds>(self) -> T {
        match self {
            Extreme::Largest => T::LEAST,
            Extreme::Smallest => T::MOST,
        }
    }
}

trait Bounds: Datum + Copy + PartialOrd {
    const LEAST: Self;
    const MOST: Self;
}

impl Bounds for f32 {
    const LEAST: f32 = f32::NEG_INFINITY;
    const MOST: f32 = f32::INFINITY;
}

impl Bounds for f64 {
    const LEAST: f64 = f64::NEG_INFINITY;
    const MOST: f64 = f64::INFINITY;
}

impl Bounds for f16 {
    const LEAST: f16 = f16::NEG_INFINITY;
    const MOST: f16 = f16::INFINITY;
}

/// The larger of both, and NaN of a number and NaN.
#[expect(clippy::eq_op, reason = "only NaN is not itself")]
#[inline(always)]
fn larger<T: PartialOrd + Copy>(a: T, b: T) -> T {
    if b != b || a < b { b } else { a }
}

#[expect(clippy::eq_op, reason = "only NaN is not itself")]
#[inline(always)]
fn smaller<T: PartialOrd + Copy>(a: T, b: T) -> T {
    if b != b || a > b { b } else { a }
}

vectorised! {
    fn larger_of_each(values: &mut [f32], other: f32) {
        values.iter_mut().for_each(|x| *x = larger(*x, other));
    }
}

vectorised! {
    fn smaller_of_each(values: &mut [f32], other: f32) {
        values.iter_mut().for_each(|x| *x = smaller(*x, other));
    }
}

impl BinMiniOp for Extreme {
    fn name(&self) -> &'static str {
        match self {
            Extreme::Largest => "Max",
            Extreme::Smallest => "Min",
        }
    }

    fn result_datum_type(&self, a: DatumType, b: DatumType) -> TractResult<DatumType> {
        self.operating_datum_type(a, b)
    }

    fn eval_in_a(&self, a: &mut Tensor, b: &Tensor) -> TractResult<()> {
        if a.datum_type() == f32::datum_type() && b.datum_type() == f32::datum_type() && b.len() == 1 {
            let other = b.try_as_plain_ram()?.as_slice::<f32>()?[0];
            let mut view = a.try_as_plain_ram_mut()?;
            let values = view.as_slice_mut::<f32>()?;
            match self {
                Extreme::Largest => larger_of_each(Level::get(), values, other),
                Extreme::Smallest => smaller_of_each(Level::get(), values, other),
            }
            return Ok(());
        }
        fn each<T: Bounds>(extreme: Extreme, a: &mut Tensor, b: &Tensor) -> TractResult<()> {
            let mut a = a.try_as_plain_ram_mut()?;
            let a = a.to_array_view_mut::<T>()?;
            let both = tract_ndarray::Zip::from(a).and_broadcast(b.to_plain_array_view::<T>()?);
            match extreme {
                Extreme::Largest => both.for_each(|a, b| *a = larger(*a, *b)),
                Extreme::Smallest => both.for_each(|a, b| *a = smaller(*a, *b)),
            }
            Ok(())
        }
        match a.datum_type() {
            DatumType::F32 => each::<f32>(*self, a, b),
            DatumType::F64 => each::<f64>(*self, a, b),
            DatumType::F16 => each::<f16>(*self, a, b),
            other => bail!("{} of {other:?}", self.name()),
        }
    }

    fn eval_out_of_place(&self, c: &mut Tensor, a: &Tensor, b: &Tensor) -> TractResult<()> {
        let mut wide = a.broadcast_to_shape(c.shape())?;
        self.eval_in_a(&mut wide, b)?;
        *c = wide;
        Ok(())
    }
}

/// A product as any other, of which tract does not know that zero times a number is zero: times NaN and infinity it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Product;

impl BinMiniOp for Product {
    fn name(&self) -> &'static str {
        "Mul"
    }

    fn result_datum_type(&self, a: DatumType, b: DatumType) -> TractResult<DatumType> {
        math::Mul.result_datum_type(a, b)
    }

    fn eval_in_a(&self, a: &mut Tensor, b: &Tensor) -> TractResult<()> {
        math::Mul.eval_in_a(a, b)
    }

    fn eval_out_of_place(&self, c: &mut Tensor, a: &Tensor, b: &Tensor) -> TractResult<()> {
        math::Mul.eval_out_of_place(c, a, b)
    }
}

/// An [`Extreme`] over axes, which come to be one long.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ReduceTo {
    extreme: Extreme,
    axes: TVec<usize>,
}

impl Op for ReduceTo {
    fn name(&self) -> StaticName {
        format!("Reduce{}", self.extreme.name()).into()
    }

    op_as_typed_op!();
}

impl EvalOp for ReduceTo {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        fn reduced<T: Bounds>(op: &ReduceTo, input: &Tensor) -> TractResult<TValue> {
            let mut array = input.to_plain_array_view::<T>()?.to_owned();
            for axis in &op.axes {
                let first = op.extreme.of_none::<T>();
                array = match op.extreme {
                    Extreme::Largest => array.fold_axis(tract_ndarray::Axis(*axis), first, |a, b| larger(*a, *b)),
                    Extreme::Smallest => array.fold_axis(tract_ndarray::Axis(*axis), first, |a, b| smaller(*a, *b)),
                }
                .insert_axis(tract_ndarray::Axis(*axis));
            }
            Ok(array.into_tvalue())
        }
        let input = args_1!(inputs);
        Ok(tvec![match input.datum_type() {
            DatumType::F32 => reduced::<f32>(self, &input)?,
            DatumType::F64 => reduced::<f64>(self, &input)?,
            DatumType::F16 => reduced::<f16>(self, &input)?,
            other => bail!("{} of {other:?}", Op::name(self)),
        }])
    }
}

impl TypedOp for ReduceTo {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape: TVec<TDim> = inputs[0].shape.iter().cloned().collect();
        self.axes.iter().for_each(|axis| shape[*axis] = 1.to_dim());
        Ok(tvec![inputs[0].datum_type.fact(shape)])
    }

    as_op!();
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Curve {
    Sigmoid,
    Tanh,
}

impl ElementWiseMiniOp for Curve {
    fn name(&self) -> String {
        format!("{self:?}")
    }

    fn eval_in_place(&self, tensor: &mut Tensor, _: Option<DatumType>) -> TractResult<()> {
        match tensor.datum_type() {
            DatumType::F32 => {
                let mut view = tensor.try_as_plain_ram_mut()?;
                let values = view.as_slice_mut::<f32>()?;
                match self {
                    Curve::Sigmoid => logistic(Level::get(), values),
                    Curve::Tanh => tanh(Level::get(), values),
                }
            }
            DatumType::F64 => {
                for x in tensor.try_as_plain_ram_mut()?.as_slice_mut::<f64>()? {
                    *x = match self {
                        Curve::Sigmoid => 1.0 / (1.0 + (-*x).exp()),
                        Curve::Tanh => x.tanh(),
                    };
                }
            }
            element => {
                let mut wide = tensor.cast_to::<f32>()?.into_owned();
                self.eval_in_place(&mut wide, None)?;
                *tensor = wide.cast_to_dt(element)?.into_owned();
            }
        }
        Ok(())
    }
}

vectorised! {
    /// The hyperbolic tangent of each value: by the polynomial of the Cephes library around zero, where the exponential
    /// function would leave few digits.
    fn tanh(values: &mut [f32]) {
        for value in values {
            let x = *value;
            let z = x * x;
            let p = -5.704_988_7e-3;
            let p = p * z + 2.063_908_8e-2;
            let p = p * z - 5.373_971_6e-2;
            let p = p * z + 1.333_144_2e-1;
            let p = p * z - 3.333_328e-1;
            let around_zero = p * z * x + x;
            let far = (1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0)).copysign(x);
            *value = if x.abs() < 0.625 { around_zero } else { far };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_within_three_ulp() {
        let xs: Vec<f32> =
            (0..200_000).map(|i| (i - 100_000) as f32 * 1.1e-4).chain([1e-30, -0.0, 100.0, -100.0]).collect();
        let mut values = xs.clone();
        tanh(Level::get(), &mut values);
        for (x, got) in xs.iter().zip(&values) {
            let exact = f64::from(*x).tanh();
            let ulp = f64::from(((exact as f32).abs().next_up() - (exact as f32).abs()).max(f32::MIN_POSITIVE));
            assert!((f64::from(*got) - exact).abs() <= 3.0 * ulp, "tanh({x}) is {exact}, not {got}");
        }
        let mut odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        tanh(Level::get(), &mut odd);
        assert!(odd[0].is_nan() && odd[1..] == [1.0, -1.0]);
    }

    #[test]
    fn zero_times_nan_is_nan() {
        let mut model = TypedModel::default();
        let x = model.add_source("x", f32::fact([3])).unwrap();
        let zero = model.add_const("zero", tensor1(&[0f32])).unwrap();
        let product = model.wire_node("product", math::mul(), &[x, zero]).unwrap();
        model.select_output_outlets(&product).unwrap();
        keep_nan(&mut model);
        let plan = TypedSimplePlan::new(model.into_optimized().unwrap()).unwrap();
        let out = plan.run(tvec![tensor1(&[1f32, f32::NAN, f32::INFINITY]).into_tvalue()]).unwrap();
        let view = out[0].try_as_plain_ram().unwrap();
        let values = view.as_slice::<f32>().unwrap();
        assert!(values[0] == 0.0 && values[1].is_nan() && values[2].is_nan(), "{values:?}");
    }

    #[test]
    fn extremes_of_nan_are_nan() {
        for (a, b) in [(f32::NAN, 1.0), (1.0, f32::NAN), (f32::NAN, f32::NAN)] {
            assert!(larger(a, b).is_nan() && smaller(a, b).is_nan());
        }
        assert_eq!((larger(1.0, 2.0), smaller(1.0, 2.0), larger(2.0, 1.0), smaller(2.0, 1.0)), (2.0, 1.0, 2.0, 1.0));
        let table =
            tract_ndarray::arr2(&[[1.0f32, 3.0, 2.0], [f32::NAN, 1.0, 2.0], [1.0, 2.0, f32::NAN]]).into_tvalue();
        for (extreme, first) in [(Extreme::Largest, 3.0), (Extreme::Smallest, 1.0)] {
            let op = ReduceTo { extreme, axes: tvec![1] };
            let out = op.eval(&EvalContext::out_of_plan(), tvec![table.clone()]).unwrap();
            let view = out[0].try_as_plain_ram().unwrap();
            let values = view.as_slice::<f32>().unwrap();
            assert!(values[0] == first && values[1].is_nan() && values[2].is_nan(), "{extreme:?}: {values:?}");
        }
    }
}

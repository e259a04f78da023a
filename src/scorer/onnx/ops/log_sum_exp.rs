//! `LogSoftmax`, `ReduceLogSumExp` and `Softplus`, with the largest value taken off before exponentials are formed.
//!
//! tract's take the logarithm of what may have overflowed or vanished before: infinities come out where ONNX Runtime has
//! numbers, as in the naive Bayes models of scikit-learn.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_hir::infer::{check_input_arity, check_output_arity};
use tract_onnx::tract_hir::internal::*;

use super::axis;
use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};

/// The logarithm of the sum of the exponentials of `values`, some of which may be infinite.
fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = values.clone().fold(f64::NEG_INFINITY, |max, x| if x > max || x.is_nan() { x } else { max });
    // Of nothing but zeros there is no logarithm, and infinity less infinity is no number.
    if max.is_infinite() {
        return max;
    }
    max + values.map(|x| (x - max).exp()).sum::<f64>().ln()
}

/// Calls `with` with float64 values, and gives what it makes of them the type that they came in.
fn in_f64(input: TValue, with: impl FnOnce(&mut [f64])) -> TractResult<TVec<TValue>> {
    let element = input.datum_type();
    let mut wide = input.cast_to::<f64>()?.into_owned();
    with(wide.try_as_plain_ram_mut()?.as_slice_mut::<f64>()?);
    Ok(tvec![if element == f64::datum_type() { wide } else { wide.cast_to_dt(element)?.into_owned() }.into_tvalue()])
}

struct LogSoftmax {
    axis: i64,
    /// Up to version 12 of the operator: over all axes from this one on.
    and_the_rest: bool,
}

pub(super) fn build_log_softmax(context: &ParsingContext, node: &NodeProto) -> Built {
    let and_the_rest = context.onnx_operator_set_version < 13;
    let axis = node.get_attr_opt("axis")?.unwrap_or(if and_the_rest { 1 } else { -1 });
    built(node, LogSoftmax { axis, and_the_rest })
}

impl RowOperator for LogSoftmax {
    const NAME: &'static str = "LogSoftmax";
    const ANY_RANK: bool = true;

    fn outputs(&self, input: DatumType) -> TVec<OutputForm> {
        tvec![(input, OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let shape: TVec<usize> = input.shape().into();
        let axis = axis::resolved("LogSoftmax", self.axis, shape.len())?;
        let end = if self.and_the_rest { shape.len() } else { axis + 1 };
        let (length, stride): (usize, usize) = (shape[axis..end].iter().product(), shape[end..].iter().product());
        in_f64(input, |values| {
            for block in values.chunks_exact_mut((length * stride).max(1)) {
                for start in 0..stride {
                    let sum = log_sum_exp(block[start..].iter().step_by(stride).copied());
                    block[start..].iter_mut().step_by(stride).for_each(|x| *x -= sum);
                }
            }
        })
    }
}

struct Softplus;

pub(super) fn build_softplus(_: &ParsingContext, node: &NodeProto) -> Built {
    built(node, Softplus)
}

impl RowOperator for Softplus {
    const NAME: &'static str = "Softplus";
    const ANY_RANK: bool = true;

    fn outputs(&self, input: DatumType) -> TVec<OutputForm> {
        tvec![(input, OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        in_f64(input, |values| values.iter_mut().for_each(|x| *x = x.max(0.0) + (-x.abs()).exp().ln_1p()))
    }
}

/// `ReduceLogSumExp`.
#[derive(Debug, Clone)]
struct Reduction {
    /// Those of the attribute; later versions have an input for them.
    axes: Option<Vec<i64>>,
    has_axes_input: bool,
    keep_dims: bool,
    /// No axes are none rather than all.
    none_is_none: bool,
}

pub(super) fn build_reduction(_: &ParsingContext, node: &NodeProto) -> Built {
    let reduction = Reduction {
        axes: node.get_attr_opt_vec("axes")?,
        has_axes_input: node.input.get(1).is_some_and(|name| !name.is_empty()),
        keep_dims: node.get_attr_opt::<i64>("keepdims")?.unwrap_or(1) != 0,
        none_is_none: node.get_attr_opt::<i64>("noop_with_empty_axes")?.unwrap_or(0) != 0,
    };
    Ok((expand(reduction), vec![]))
}

impl Reduction {
    /// The axes of `rank` that are meant by `axes`, rising.
    fn resolve(&self, axes: &[i64], rank: usize) -> TractResult<TVec<usize>> {
        if axes.is_empty() {
            return Ok(if self.none_is_none { tvec![] } else { (0..rank).collect() });
        }
        let resolve = |axis: &i64| axis::resolved("ReduceLogSumExp", *axis, rank);
        let mut resolved: TVec<usize> = axes.iter().map(resolve).collect::<TractResult<_>>()?;
        resolved.sort_unstable();
        resolved.dedup();
        Ok(resolved)
    }

    fn output_shape<D: DimLike>(&self, axes: &[i64], shape: &[D]) -> TractResult<TVec<D>> {
        let axes = self.resolve(axes, shape.len())?;
        let kept = |(axis, dim): (usize, &D)| match axes.contains(&axis) {
            true if self.keep_dims => Some(D::one()),
            true => None,
            false => Some(dim.clone()),
        };
        Ok(shape.iter().enumerate().filter_map(kept).collect())
    }
}

impl Expansion for Reduction {
    fn name(&self) -> StaticName {
        "ReduceLogSumExp".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1 + usize::from(self.has_axes_input))?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
        if !self.has_axes_input {
            return s.given(&inputs[0].shape, move |s, shape| {
                let shape = self.output_shape(self.axes.as_deref().unwrap_or_default(), &shape)?;
                s.equals(&outputs[0].shape, shape)
            });
        }
        s.given_2(&inputs[0].shape, &inputs[1].value, move |s, shape, axes| {
            let axes = axes.cast_to::<i64>()?;
            let shape = self.output_shape(axes.try_as_plain_ram()?.as_slice::<i64>()?, &shape)?;
            s.equals(&outputs[0].shape, shape)
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let axes = match inputs.get(1) {
            None => self.axes.clone().unwrap_or_default(),
            Some(axes) => {
                let axes = model.outlet_fact(*axes)?.konst.clone().context("expected axes as a constant")?;
                axes.cast_to::<i64>()?.try_as_plain_ram()?.as_slice::<i64>()?.to_vec()
            }
        };
        let axes = self.resolve(&axes, model.outlet_fact(inputs[0])?.rank())?;
        let mut wire = model.wire_node(prefix, LogSumExp { axes: axes.clone() }, &inputs[..1])?;
        if !self.keep_dims {
            for axis in axes.iter().rev() {
                wire = model.wire_node(format!("{prefix}.rm-{axis}"), AxisOp::Rm(*axis), &wire)?;
            }
        }
        Ok(wire)
    }
}

/// Over axes, which come to be one long.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LogSumExp {
    axes: TVec<usize>,
}

impl Op for LogSumExp {
    fn name(&self) -> StaticName {
        "ReduceLogSumExp".into()
    }

    op_as_typed_op!();
}

impl EvalOp for LogSumExp {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let element = input.datum_type();
        let wide = input.cast_to::<f64>()?;
        let mut array = wide.to_plain_array_view::<f64>()?.to_owned();
        // Axis by axis: the logarithm of a sum of sums.
        for axis in &self.axes {
            let axis = tract_ndarray::Axis(*axis);
            array = array.map_axis(axis, |lane| log_sum_exp(lane.iter().copied())).insert_axis(axis);
        }
        Ok(tvec![array.into_tensor().cast_to_dt(element)?.into_owned().into_tvalue()])
    }
}

impl TypedOp for LogSumExp {
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

    #[test]
    fn sums_that_exponentials_would_lose() {
        let of = |values: &[f64]| log_sum_exp(values.iter().copied());
        assert!((of(&[-200.0, -201.0]) - -199.686_738_3).abs() < 1e-6);
        assert!((of(&[1000.0, 1000.0]) - (1000.0 + 2f64.ln())).abs() < 1e-9);
        assert_eq!(of(&[f64::NEG_INFINITY, f64::NEG_INFINITY]), f64::NEG_INFINITY);
        assert_eq!(of(&[f64::NEG_INFINITY, 3.0]), 3.0);
        assert_eq!(of(&[]), f64::NEG_INFINITY);
        assert!(of(&[1.0, f64::NAN, 2.0]).is_nan());
    }
}

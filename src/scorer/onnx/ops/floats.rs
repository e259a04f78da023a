//! `IsInf`, `IsNaN` and `Round` for all floating point types; tract has none of them for float64.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};

/// What `test` says of each value.
fn each(input: &Tensor, test: impl Fn(f64) -> bool) -> TractResult<TVec<TValue>> {
    let values = input.cast_to::<f64>()?;
    let tests = values.try_as_plain_ram()?.as_slice::<f64>()?.iter().map(|x| test(*x)).collect();
    Ok(tvec![tract_ndarray::ArrayD::from_shape_vec(input.shape(), tests)?.into_tvalue()])
}

struct IsNaN;

pub(super) fn build_is_nan(_: &ParsingContext, node: &NodeProto) -> Built {
    built(node, IsNaN)
}

impl RowOperator for IsNaN {
    const NAME: &'static str = "IsNaN";
    const ANY_RANK: bool = true;

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(bool::datum_type(), OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        each(&input, f64::is_nan)
    }
}

struct IsInf {
    positive: bool,
    negative: bool,
}

pub(super) fn build_is_inf(_: &ParsingContext, node: &NodeProto) -> Built {
    let detects = |name| Ok::<_, TractError>(node.get_attr_opt::<i64>(name)?.unwrap_or(1) != 0);
    built(node, IsInf { positive: detects("detect_positive")?, negative: detects("detect_negative")? })
}

impl RowOperator for IsInf {
    const NAME: &'static str = "IsInf";
    const ANY_RANK: bool = true;

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(bool::datum_type(), OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        each(&input, |x| (self.positive && x == f64::INFINITY) || (self.negative && x == f64::NEG_INFINITY))
    }
}

struct Round;

pub(super) fn build_round(_: &ParsingContext, node: &NodeProto) -> Built {
    built(node, Round)
}

impl RowOperator for Round {
    const NAME: &'static str = "Round";
    const ANY_RANK: bool = true;

    fn outputs(&self, input: DatumType) -> TVec<OutputForm> {
        tvec![(input, OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let mut output = input.into_tensor();
        match output.datum_type() {
            DatumType::F32 => {
                let mut view = output.try_as_plain_ram_mut()?;
                view.as_slice_mut::<f32>()?.iter_mut().for_each(|x| *x = x.round_ties_even());
            }
            DatumType::F64 => {
                let mut view = output.try_as_plain_ram_mut()?;
                view.as_slice_mut::<f64>()?.iter_mut().for_each(|x| *x = x.round_ties_even());
            }
            element => {
                let wide = output.cast_to::<f32>()?.into_owned();
                return Ok(tvec![self.eval(wide.into_tvalue())?[0].cast_to_dt(element)?.into_owned().into_tvalue()]);
            }
        }
        Ok(tvec![output.into_tvalue()])
    }
}

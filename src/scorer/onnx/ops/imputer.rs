//! `ai.onnx.ml.Imputer`: one value, or NaN, replaced by a value for each feature.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::columns::FeatureStep;
use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};
use crate::simd::{Level, vectorised};

enum Imputer {
    Floats(FloatImputer),
    Ints { replaced: i64, imputed: Vec<i64> },
}

/// An imputer of float32.
pub(super) struct FloatImputer {
    replaced: f32,
    /// One value for each feature, or one for all.
    imputed: Vec<f32>,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    built(node, Imputer::of(node)?)
}

impl Imputer {
    fn of(node: &NodeProto) -> TractResult<Self> {
        let floats = node.get_attr_opt_vec::<f32>("imputed_value_floats")?.unwrap_or_default();
        let ints = node.get_attr_opt_vec::<i64>("imputed_value_int64s")?.unwrap_or_default();
        match (floats.is_empty(), ints.is_empty()) {
            (false, true) => {
                let replaced = node.get_attr_opt("replaced_value_float")?.unwrap_or(0.0);
                Ok(Imputer::Floats(FloatImputer { replaced, imputed: floats }))
            }
            (true, false) => {
                let replaced = node.get_attr_opt("replaced_value_int64")?.unwrap_or(0);
                Ok(Imputer::Ints { replaced, imputed: ints })
            }
            _ => node.bail("expected one of imputed_value_floats and imputed_value_int64s"),
        }
    }
}

impl FloatImputer {
    /// The imputer that `node` is; `None` for one of integers.
    pub(super) fn of(node: &NodeProto) -> TractResult<Option<Self>> {
        Ok(match Imputer::of(node)? {
            Imputer::Floats(imputer) => Some(imputer),
            Imputer::Ints { .. } => None,
        })
    }

    /// Replaces what is missing in rows of `columns` values.
    fn impute(&self, values: &mut [f32], columns: usize) {
        if self.replaced.is_nan() {
            impute(values, columns, &self.imputed, f32::is_nan);
        } else {
            impute(values, columns, &self.imputed, |x| x == self.replaced);
        }
    }
}

vectorised! {
    fn replace_nan(values: &mut [f32], imputed: f32) {
        values.iter_mut().for_each(|x| *x = if x.is_nan() { imputed } else { *x });
    }
}

vectorised! {
    fn replace(values: &mut [f32], replaced: f32, imputed: f32) {
        values.iter_mut().for_each(|x| *x = if *x == replaced { imputed } else { *x });
    }
}

impl FeatureStep for FloatImputer {
    fn features(&self) -> Option<usize> {
        None
    }

    fn apply(&self, index: usize, features: usize, values: &mut [f32]) {
        let imputed = self.imputed[if self.imputed.len() == features { index } else { 0 }];
        if self.replaced.is_nan() {
            replace_nan(Level::get(), values, imputed);
        } else {
            replace(Level::get(), values, self.replaced, imputed);
        }
    }
}

impl RowOperator for Imputer {
    const NAME: &'static str = "Imputer";
    const ANY_RANK: bool = true;

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        let element = match self {
            Imputer::Floats(_) => f32::datum_type(),
            Imputer::Ints { .. } => i64::datum_type(),
        };
        tvec![(element, OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let element = self.outputs(input.datum_type())[0].0;
        let columns = input.shape().last().copied().unwrap_or(1).max(1);
        let mut output =
            if input.datum_type() == element { input.into_tensor() } else { input.cast_to_dt(element)?.into_owned() };
        let mut view = output.try_as_plain_ram_mut()?;
        match self {
            Imputer::Floats(imputer) => imputer.impute(view.as_slice_mut::<f32>()?, columns),
            Imputer::Ints { replaced, imputed } => {
                impute(view.as_slice_mut::<i64>()?, columns, imputed, |x| x == *replaced);
            }
        }
        Ok(tvec![output.into_tvalue()])
    }
}

/// Replaces by the value of the feature, or by the only one there is. As ONNX Runtime, which takes the first value for
/// all features when there is not one for each.
fn impute<V: Copy>(values: &mut [V], columns: usize, imputed: &[V], is_missing: impl Fn(V) -> bool) {
    if imputed.len() == columns {
        for row in values.chunks_exact_mut(columns) {
            for (x, imputed) in row.iter_mut().zip(imputed) {
                *x = if is_missing(*x) { *imputed } else { *x };
            }
        }
    } else {
        for x in values {
            *x = if is_missing(*x) { imputed[0] } else { *x };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_for_all_features_or_one_for_each() {
        let mut values = [1.0, f32::NAN, f32::NAN, 4.0];
        impute(&mut values, 2, &[7.0, 8.0], f32::is_nan);
        assert_eq!(values, [1.0, 8.0, 7.0, 4.0]);
        let mut values = [-1, 2, -1];
        impute(&mut values, 3, &[5], |x: i64| x == -1);
        assert_eq!(values, [5, 2, 5]);
    }
}

//! `ai.onnx.ml.Scaler`: `(x - offset) * scale` for each feature.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::columns::FeatureStep;
use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, as_f32, built};
use crate::simd::{Level, vectorised};

/// `offset` and `scale` are of one length: the number of features, or 1.
pub(super) struct Scaler {
    offset: Vec<f32>,
    scale: Vec<f32>,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    built(node, Scaler::of(node)?)
}

impl Scaler {
    pub(super) fn of(node: &NodeProto) -> TractResult<Self> {
        let offset: Vec<f32> = node.get_attr_vec("offset")?;
        let scale: Vec<f32> = node.get_attr_vec("scale")?;
        node.expect(!scale.is_empty() && offset.len() == scale.len(), "as many offsets as scales, and at least one")?;
        Ok(Scaler { offset, scale })
    }
}

vectorised! {
    fn standardize(values: &mut [f32], offset: f32, scale: f32) {
        values.iter_mut().for_each(|x| *x = (*x - offset) * scale);
    }
}

impl FeatureStep for Scaler {
    fn features(&self) -> Option<usize> {
        if self.scale.len() > 1 { Some(self.scale.len()) } else { None }
    }

    fn apply(&self, index: usize, _: usize, values: &mut [f32]) {
        let index = if self.scale.len() > 1 { index } else { 0 };
        let (offset, scale) = (self.offset[index], self.scale[index]);
        standardize(Level::get(), values, offset, scale);
    }
}

impl RowOperator for Scaler {
    const NAME: &'static str = "Scaler";

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(f32::datum_type(), OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let columns = input.shape().get(1).copied().unwrap_or(1);
        let each = self.scale.len() > 1;
        if each && columns != self.scale.len() {
            bail!("Scaler is made for {} features, not {columns}", self.scale.len());
        }
        let mut output = match input.datum_type() {
            // In place when the input is nobody else's.
            DatumType::F32 => input.into_tensor(),
            _ => as_f32(&input)?.into_owned(),
        };
        let mut view = output.try_as_plain_ram_mut()?;
        let values = view.as_slice_mut::<f32>()?;
        if each {
            for row in values.chunks_exact_mut(columns) {
                for ((x, offset), scale) in row.iter_mut().zip(&self.offset).zip(&self.scale) {
                    *x = (*x - offset) * scale;
                }
            }
        } else {
            for x in values {
                *x = (*x - self.offset[0]) * self.scale[0];
            }
        }
        Ok(tvec![output.into_tvalue()])
    }
}

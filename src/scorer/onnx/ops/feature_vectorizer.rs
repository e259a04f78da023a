//! `ai.onnx.ml.FeatureVectorizer`: tables side by side, as one of float32.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::{Pad, PadMode, Slice, TypedConcat};
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_hir::infer::{check_input_arity, check_output_arity};
use tract_onnx::tract_hir::internal::*;

use super::row_operator::Built;

/// Columns that are taken of each input: what it has beyond is left out, and what it lacks is zero.
#[derive(Debug, Clone)]
struct FeatureVectorizer {
    columns: Vec<usize>,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    let columns: Vec<usize> = node.get_attr_vec("inputdimensions")?;
    let inputs = node.input.len();
    node.expect_attr("inputdimensions", columns.len() == inputs, || format!("{inputs} values"))?;
    let sum = columns.iter().try_fold(0u32, |sum, n| sum.checked_add(u32::try_from(*n).ok()?));
    node.expect_attr("inputdimensions", sum.is_some(), "fewer columns")?;
    Ok((expand(FeatureVectorizer { columns }), vec![]))
}

impl Expansion for FeatureVectorizer {
    fn name(&self) -> StaticName {
        "FeatureVectorizer".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, self.columns.len())?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, f32::datum_type())?;
        s.equals(&outputs[0].rank, 2)?;
        s.equals(&outputs[0].shape[1], self.columns.iter().sum::<usize>().to_dim())?;
        for input in inputs {
            s.equals(&input.rank, 2)?;
            s.equals(&outputs[0].shape[0], &input.shape[0])?;
        }
        Ok(())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let mut parts = tvec![];
        for (index, (input, columns)) in inputs.iter().zip(&self.columns).enumerate() {
            let name = |step: &str| format!("{prefix}.{step}-{index}");
            let mut part = model.wire_node(name("cast"), cast(f32::datum_type()), &[*input])?;
            let has = model.outlet_fact(part[0])?.shape[1].to_usize()?;
            if has > *columns {
                part = model.wire_node(name("slice"), Slice::new(1, 0, *columns), &part)?;
            } else if has < *columns {
                let zero = PadMode::Constant(rctensor0(0f32));
                part = model.wire_node(name("pad"), Pad::new(vec![(0, 0), (0, columns - has)], zero), &part)?;
            }
            parts.push(part[0]);
        }
        model.wire_node(format!("{prefix}.concat"), TypedConcat::new(1), &parts)
    }
}

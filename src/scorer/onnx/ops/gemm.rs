//! `Gemm`: a product of two tables and a third one, each times a factor.
//!
//! tract multiplies tables of any type by factors of float32, which fails for float64.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::math::{add, mul};
use tract_onnx::tract_hir::internal::*;

use super::row_operator::Built;

#[derive(Debug, Clone)]
struct Gemm {
    alpha: f32,
    beta: f32,
    transposed_a: bool,
    transposed_b: bool,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    let gemm = Gemm {
        alpha: node.get_attr_opt("alpha")?.unwrap_or(1.0),
        beta: node.get_attr_opt("beta")?.unwrap_or(1.0),
        transposed_a: node.get_attr_opt("transA")?.unwrap_or(false),
        transposed_b: node.get_attr_opt("transB")?.unwrap_or(false),
    };
    Ok((expand(gemm), vec![]))
}

impl Gemm {
    /// `wire` times `factor`, which takes its type.
    fn times(&self, name: &str, model: &mut TypedModel, wire: OutletId, factor: f32) -> TractResult<OutletId> {
        if factor == 1.0 {
            return Ok(wire);
        }
        let fact = model.outlet_fact(wire)?;
        let factor = tensor0(factor).cast_to_dt(fact.datum_type)?.into_owned().broadcast_into_rank(fact.rank())?;
        let factor = model.add_const(format!("{name}.factor"), factor)?;
        Ok(model.wire_node(name, mul(), &[factor, wire])?[0])
    }
}

impl Expansion for Gemm {
    fn name(&self) -> StaticName {
        "Gemm".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        ensure!((2..=3).contains(&inputs.len()) && outputs.len() == 1, "Gemm has two or three inputs and one output");
        let output = &outputs[0];
        for input in inputs {
            s.equals(&input.datum_type, &output.datum_type)?;
        }
        for table in [&inputs[0], &inputs[1], output] {
            s.equals(&table.rank, 2)?;
        }
        let (a, b) = (usize::from(self.transposed_a), usize::from(self.transposed_b));
        s.equals(&inputs[0].shape[a], &output.shape[0])?;
        s.equals(&inputs[0].shape[1 - a], &inputs[1].shape[b])?;
        s.equals(&inputs[1].shape[1 - b], &output.shape[1])
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let axes = AxesMapping::for_numpy_matmul(2, self.transposed_a, self.transposed_b, false)?;
        let element = model.outlet_fact(inputs[0])?.datum_type;
        let product = model.wire_node(format!("{prefix}.ab"), EinSum::new(axes, element), &inputs[..2])?[0];
        let product = self.times(&format!("{prefix}.alpha_ab"), model, product, self.alpha)?;
        let Some(mut third) = inputs.get(2).copied().filter(|_| self.beta != 0.0) else { return Ok(tvec![product]) };
        for axis in model.outlet_fact(third)?.rank()..2 {
            third = model.wire_node(format!("{prefix}.axis_{axis}"), AxisOp::Add(0), &[third])?[0];
        }
        let third = self.times(&format!("{prefix}.beta_c"), model, third, self.beta)?;
        model.wire_node(prefix, add(), &[product, third])
    }
}

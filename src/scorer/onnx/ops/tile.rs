//! `Tile` of texts, put in place of tract's in a typed graph, which repeats numbers only.

use tract_onnx::tract_core::ops::array::Tile;
use tract_onnx::tract_hir::internal::*;

/// Replaces the operators Tile of `model` that repeat texts.
pub(in super::super) fn take_texts(model: &mut TypedModel) {
    for node in &mut model.nodes {
        let is_text = node.outputs.first().is_some_and(|output| output.fact.datum_type == String::datum_type());
        if let Some(op) = node.op.downcast_ref::<Tile>().filter(|_| is_text) {
            node.op = Box::new(TileTexts(op.clone()));
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct TileTexts(Tile);

impl Op for TileTexts {
    fn name(&self) -> StaticName {
        "Tile".into()
    }

    op_as_typed_op!();
}

impl EvalOp for TileTexts {
    op_out_of_plan!();

    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut output = args_1!(inputs).into_tensor();
        for (axis, times) in self.0.multipliers.iter().enumerate() {
            let times = times.eval(ctx.symbols).to_usize()?;
            output = match times {
                0 => output.slice(axis, 0, 0)?,
                times => Tensor::stack_tensors(axis, &vec![output; times])?,
            };
        }
        Ok(tvec![output.into_tvalue()])
    }
}

impl TypedOp for TileTexts {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.0.output_facts(inputs)
    }

    as_op!();
}

//! `Flatten`: a tensor as a table. tract's takes one axis of an unknown length; of texts that are taken apart there are
//! two, the rows and the tokens.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_hir::infer::{check_input_arity, check_output_arity};
use tract_onnx::tract_hir::internal::*;

use super::axis;
use super::row_operator::Built;

#[derive(Debug, Clone)]
struct Flatten {
    /// The first axis of those that become columns.
    axis: i64,
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    Ok((expand(Flatten { axis: node.get_attr_opt("axis")?.unwrap_or(1) }), vec![]))
}

impl Flatten {
    fn axis(&self, rank: usize) -> TractResult<usize> {
        // All axes may become rows.
        if self.axis == rank as i64 { Ok(rank) } else { axis::resolved("Flatten", self.axis, rank) }
    }
}

impl Expansion for Flatten {
    fn name(&self) -> StaticName {
        "Flatten".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
        s.equals(&outputs[0].rank, 2)?;
        s.given(&inputs[0].shape, move |s, shape| {
            let (rows, columns) = shape.split_at(self.axis(shape.len())?);
            s.equals(&outputs[0].shape[0], rows.iter().product::<TDim>())?;
            s.equals(&outputs[0].shape[1], columns.iter().product::<TDim>())
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let shape = model.outlet_fact(inputs[0])?.shape.to_tvec();
        let (rows, columns) = shape.split_at(self.axis(shape.len())?);
        let mut wires: TVec<OutletId> = inputs.into();
        // The columns first, while the rows' axes are where they were.
        for (name, start, dims) in [("columns", rows.len(), columns), ("rows", 0, rows)] {
            let op = match dims {
                [] => AxisOp::Add(start),
                [_] => continue,
                several => AxisOp::Reshape(start, several.into(), tvec![several.iter().product()]),
            };
            wires = model.wire_node(format!("{prefix}.{name}"), op, &wires)?;
        }
        Ok(wires)
    }
}

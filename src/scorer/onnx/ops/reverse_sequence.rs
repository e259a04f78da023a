//! `ReverseSequence`: of each row's steps in time so many, the other way round.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_ndarray::{Axis, Slice};

use super::row_operator::Built;
use super::shaped_operator::{Form, ShapedOperator, built};

struct ReverseSequence {
    /// The axis of rows: the first or the second; time is the other of them.
    rows: usize,
}

pub(super) fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    let rows: usize = node.get_attr_opt("batch_axis")?.unwrap_or(1);
    let time: usize = node.get_attr_opt("time_axis")?.unwrap_or(0);
    node.expect(rows.saturating_add(time) == 1, "a batch_axis and a time_axis, one of which is 0 and the other 1")?;
    built(context, node, ReverseSequence { rows })
}

impl ShapedOperator for ReverseSequence {
    const NAME: &'static str = "ReverseSequence";
    const INPUTS: usize = 2;

    fn outputs(&self, inputs: &[Form], _: &TDim) -> TractResult<TVec<Form>> {
        ensure!(inputs[0].1.len() >= 2, "ReverseSequence of a tensor of shape {:?}", inputs[0].1);
        Ok(tvec![inputs[0].clone()])
    }

    fn eval(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        fn reversed<T: Datum>(op: &ReverseSequence, input: &Tensor, lengths: &[i64]) -> TractResult<Tensor> {
            let mut output = input.to_plain_array_view::<T>()?.to_owned();
            ensure!(output.shape()[op.rows] == lengths.len(), "ReverseSequence of {} lengths", lengths.len());
            for (mut row, length) in output.axis_iter_mut(Axis(op.rows)).zip(lengths) {
                // Without the axis of rows, that of time is the first.
                let length = usize::try_from(*length).ok().filter(|length| *length <= row.shape()[0]);
                let length = length.context("ReverseSequence of more steps than there are")?;
                let mut part = row.slice_axis_mut(Axis(0), Slice::from(..length));
                let mut source = part.to_owned();
                source.invert_axis(Axis(0));
                part.assign(&source);
            }
            Ok(output.into_tensor())
        }
        let lengths = inputs[1].cast_to::<i64>()?;
        let lengths = lengths.try_as_plain_ram()?;
        let lengths = lengths.as_slice::<i64>()?;
        Ok(tvec![dispatch_datum!(reversed(inputs[0].datum_type())(self, &inputs[0], lengths))?])
    }
}

//! The first runs of a graph, at load time: what comes out, and along which axis the rows lie.

use tract_onnx::prelude::*;

use super::ops::one_hot_encoder::without_refusals;
use super::plan::{Plan, Rows};
use super::signature;
use crate::scorer::{Dimension, TensorSpec};

/// Rows of the runs of a graph that takes any number. Two numbers, and neither of them 1, tell the axis of rows from axes
/// that happen to be as long.
const ROWS: [usize; 2] = [3, 5];

/// What came out of a graph.
pub(super) struct DryRun {
    pub outputs: TVec<TValue>,
    /// For each output the axis of the rows; nothing for one that is the same for all of them.
    pub axes: Vec<Option<usize>>,
}

impl DryRun {
    /// Runs `plan` with the inputs that `inputs` gives for so many rows.
    pub(super) fn new(plan: &Plan, inputs: impl Fn(usize) -> TractResult<TVec<TValue>>) -> TractResult<Self> {
        let run = |rows| without_refusals(|| plan.run(inputs(rows)?));
        match plan.rows() {
            Rows::Any => {
                let [few, more] = ROWS;
                let (outputs, others) = (run(few)?, run(more)?);
                let axes = outputs.iter().zip(&others).map(|(a, b)| lengthened(a.shape(), b.shape())).collect();
                Ok(DryRun { outputs, axes })
            }
            Rows::Fixed(rows) => {
                let outputs = run(rows)?;
                let longest = |output: &TValue| output.shape().iter().position(|n| *n == rows);
                let axes = match plan.axes() {
                    Some(axes) => axes.to_vec(),
                    None => outputs.iter().map(longest).collect(),
                };
                Ok(DryRun { outputs, axes })
            }
        }
    }
}

/// The axis that alone is as long as there are rows, in both.
fn lengthened(few: &[usize], more: &[usize]) -> Option<usize> {
    let mut others = few.iter().zip(more).enumerate().filter(|(_, (a, b))| a != b);
    match (others.next(), others.next()) {
        (Some((axis, (a, b))), None) if few.len() == more.len() && [*a, *b] == ROWS => Some(axis),
        _ => None,
    }
}

/// Inputs of `rows` rows of zeros; axes that the model leaves open are `open` long.
pub(super) fn zeros(inputs: &[TensorSpec], rows: usize, open: usize) -> TractResult<TVec<TValue>> {
    let zeros = |input: &TensorSpec| {
        let mut shape: TVec<usize> = tvec![rows];
        shape.extend(input.shape.iter().skip(1).map(|axis| match axis {
            Dimension::Fixed(n) => *n,
            Dimension::Symbol(_) => open,
        }));
        let datum_type = signature::datum_type(input.element);
        if datum_type == String::datum_type() {
            // A text that is a number too, for graphs that read numbers from texts.
            Ok(tract_ndarray::ArrayD::from_elem(&*shape, "0".to_owned()).into_tvalue())
        } else {
            Ok(Tensor::zero_dt(datum_type, &shape)?.into_tvalue())
        }
    };
    inputs.iter().map(zeros).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_of_rows() {
        assert_eq!(lengthened(&[3, 2], &[5, 2]), Some(0));
        assert_eq!(lengthened(&[1, 3], &[1, 5]), Some(1));
        assert_eq!(lengthened(&[3], &[3]), None);
        assert_eq!(lengthened(&[3, 3], &[5, 5]), None);
        assert_eq!(lengthened(&[3, 6], &[5, 10]), None);
        assert_eq!(lengthened(&[6], &[10]), None);
    }
}

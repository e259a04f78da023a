//! What our operators have in common, and the adapter that makes tract operators of them.

use std::fmt;
use std::sync::Arc;

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::infer::{InferenceOp, check_input_arity};
use tract_onnx::tract_hir::internal::*;

/// What a builder gives to tract: the operator, and the names of outer values that it uses (ours use none).
pub(super) type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// The shape of an output, given an input of shape `[N, F]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputShape {
    /// The input's shape.
    AsInput,
    /// The input's shape and one more axis of this length.
    AsInputWith(usize),
    /// `[N]`.
    Rows,
    /// `[N, columns]`.
    Columns(usize),
}

/// Element type and shape of an output.
pub(super) type OutputForm = (DatumType, OutputShape);

/// An operator with one input, whose first axis is the rows.
pub(super) trait RowOperator: Send + Sync + 'static {
    /// The ONNX operator's name.
    const NAME: &'static str;

    /// The operator's name in messages: one of several that work alike.
    fn operator(&self) -> &'static str {
        Self::NAME
    }

    /// Whether an input of any rank is taken; else it must be `[N, F]`.
    const ANY_RANK: bool = false;

    /// The outputs for an input of element type `input`.
    fn outputs(&self, input: DatumType) -> TVec<OutputForm>;

    /// Computes the outputs. The input is this operator's alone when nothing else reads it, and may then be written to.
    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>>;
}

/// Makes a tract operator of `operator`, for `node`.
pub(super) fn built<K: RowOperator>(node: &NodeProto, operator: K) -> Built {
    Ok((expand(RowOp { operator: Arc::new(operator), wanted: wanted(node) }), vec![]))
}

/// Which outputs of `node` the model names: it may leave out those that it does not use.
pub(super) fn wanted(node: &NodeProto) -> TVec<usize> {
    node.output.iter().enumerate().filter(|(_, name)| !name.is_empty()).map(|(index, _)| index).collect()
}

/// The values of a tensor of any numeric type as float32, row-major.
pub(super) fn as_f32(tensor: &Tensor) -> TractResult<Cow<'_, Tensor>> {
    tensor.cast_to::<f32>()
}

/// Number of rows and columns of an `[N, F]` tensor; a failure names the operator.
pub(super) fn rows_and_columns(name: &str, tensor: &Tensor) -> TractResult<(usize, usize)> {
    match tensor.shape() {
        [rows, columns] => Ok((*rows, *columns)),
        other => bail!("{name} takes a table of rows and features, not a tensor of shape {other:?}"),
    }
}

/// A tract operator of `operator`, with its first output only.
pub(super) fn row_op<K: RowOperator>(operator: K) -> impl TypedOp {
    RowOp { operator: Arc::new(operator), wanted: tvec![0] }
}

struct RowOp<K> {
    operator: Arc<K>,
    /// See [`wanted`].
    wanted: TVec<usize>,
}

impl<K> Clone for RowOp<K> {
    fn clone(&self) -> Self {
        RowOp { operator: Arc::clone(&self.operator), wanted: self.wanted.clone() }
    }
}

impl<K: RowOperator> RowOp<K> {
    /// The outputs that are wanted, for an input of element type `input`.
    fn forms(&self, input: DatumType) -> TractResult<TVec<OutputForm>> {
        let forms = self.operator.outputs(input);
        let form =
            |index: &usize| forms.get(*index).copied().with_context(|| format!("{} has no output {index}", K::NAME));
        self.wanted.iter().map(form).collect()
    }
}

impl<K: RowOperator> fmt::Debug for RowOp<K> {
    // Only the name: the parameters of a tree ensemble would fill pages of an error's context.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operator.operator())
    }
}

impl<K> PartialEq for RowOp<K> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.operator, &other.operator) && self.wanted == other.wanted
    }
}

impl<K> Eq for RowOp<K> {}

impl<K: RowOperator> Expansion for RowOp<K> {
    fn name(&self) -> StaticName {
        self.operator.operator().into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        if !K::ANY_RANK {
            s.equals(&inputs[0].rank, 2)?;
        }
        s.given(&inputs[0].datum_type, move |s, input| {
            for (output, (element, shape)) in outputs.iter().zip(self.forms(input)?) {
                s.equals(&output.datum_type, element)?;
                match shape {
                    OutputShape::AsInput => {
                        s.equals(&output.rank, &inputs[0].rank)?;
                        s.equals(&output.shape, &inputs[0].shape)?;
                    }
                    OutputShape::AsInputWith(length) => {
                        s.given(&inputs[0].shape, move |s, mut shape| {
                            shape.push(length.to_dim());
                            s.equals(&output.shape, shape)
                        })?;
                    }
                    OutputShape::Rows => {
                        s.equals(&output.rank, 1)?;
                        s.equals(&output.shape[0], &inputs[0].shape[0])?;
                    }
                    OutputShape::Columns(columns) => {
                        s.equals(&output.rank, 2)?;
                        s.equals(&output.shape[0], &inputs[0].shape[0])?;
                        s.equals(&output.shape[1], columns.to_dim())?;
                    }
                }
            }
            Ok(())
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.wanted.len())
    }
}

impl<K: RowOperator> Op for RowOp<K> {
    fn name(&self) -> StaticName {
        self.operator.operator().into()
    }

    op_as_typed_op!();
}

impl<K: RowOperator> EvalOp for RowOp<K> {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut outputs = self.operator.eval(args_1!(inputs))?;
        if outputs.len() != self.wanted.len() {
            outputs = self.wanted.iter().filter_map(|index| outputs.get(*index).cloned()).collect();
        }
        Ok(outputs)
    }
}

impl<K: RowOperator> TypedOp for RowOp<K> {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [input] = inputs else { bail!("{} has one input, not {}", K::NAME, inputs.len()) };
        ensure!(
            K::ANY_RANK || input.rank() == 2,
            "{} takes a table of rows and features, not a tensor of rank {}",
            K::NAME,
            input.rank()
        );
        let forms = self.forms(input.datum_type)?;
        Ok(forms
            .into_iter()
            .map(|(element, shape)| match shape {
                OutputShape::AsInput => element.fact(input.shape.iter()),
                OutputShape::AsInputWith(length) => {
                    element.fact(input.shape.iter().cloned().chain([length.to_dim()]).collect::<TVec<TDim>>())
                }
                OutputShape::Rows => element.fact([input.shape[0].clone()]),
                OutputShape::Columns(columns) => element.fact([input.shape[0].clone(), columns.to_dim()]),
            })
            .collect())
    }

    as_op!();
}

//! An adapter for operators of any number of inputs, whose outputs' shapes follow from those of the inputs but for one
//! axis, which may be as long as the data make it.

use std::fmt;
use std::sync::Arc;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::infer::check_input_arity;
use tract_onnx::tract_hir::internal::*;

use super::row_operator::{Built, wanted};

/// Element type and shape of an input or an output.
pub(super) type Form = (DatumType, TVec<TDim>);

/// An operator of `INPUTS` inputs.
pub(super) trait ShapedOperator: Send + Sync + 'static {
    /// The ONNX operator's name.
    const NAME: &'static str;

    /// The number of inputs.
    const INPUTS: usize = 1;

    /// The outputs for such inputs. `open` is for an axis whose length is known only when the operator has run.
    fn outputs(&self, inputs: &[Form], open: &TDim) -> TractResult<TVec<Form>>;

    /// Computes the outputs; there are `INPUTS` inputs.
    fn eval(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>>;
}

/// Makes a tract operator of `operator`, for `node`.
pub(super) fn built<K: ShapedOperator>(context: &ParsingContext, node: &NodeProto, operator: K) -> Built {
    let open = context.template.symbols.new_with_prefix("open");
    Ok((expand(ShapedOp { operator: Arc::new(operator), wanted: wanted(node), open }), vec![]))
}

/// A tract operator of `operator`, with its first output only.
pub(super) fn shaped_op<K: ShapedOperator>(operator: K, open: Symbol) -> impl TypedOp {
    ShapedOp { operator: Arc::new(operator), wanted: tvec![0], open }
}

struct ShapedOp<K> {
    operator: Arc<K>,
    /// See [`wanted`].
    wanted: TVec<usize>,
    open: Symbol,
}

impl<K> Clone for ShapedOp<K> {
    fn clone(&self) -> Self {
        ShapedOp { operator: Arc::clone(&self.operator), wanted: self.wanted.clone(), open: self.open.clone() }
    }
}

impl<K: ShapedOperator> ShapedOp<K> {
    fn forms(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let forms = self.operator.outputs(inputs, &self.open.to_dim())?;
        let form =
            |index: &usize| forms.get(*index).cloned().with_context(|| format!("{} has no output {index}", K::NAME));
        self.wanted.iter().map(form).collect()
    }
}

impl<K: ShapedOperator> fmt::Debug for ShapedOp<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(K::NAME)
    }
}

impl<K> PartialEq for ShapedOp<K> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.operator, &other.operator) && self.wanted == other.wanted && self.open == other.open
    }
}

impl<K> Eq for ShapedOp<K> {}

impl<K: ShapedOperator> Expansion for ShapedOp<K> {
    fn name(&self) -> StaticName {
        K::NAME.into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, K::INPUTS)?;
        s.given_all(inputs.iter().map(|input| &input.datum_type), move |s, elements: Vec<DatumType>| {
            s.given_all(inputs.iter().map(|input| &input.shape), move |s, shapes: Vec<TVec<TDim>>| {
                let inputs: Vec<Form> = elements.iter().copied().zip(shapes).collect();
                for (output, (element, shape)) in outputs.iter().zip(self.forms(&inputs)?) {
                    s.equals(&output.datum_type, element)?;
                    s.equals(&output.rank, shape.len() as i64)?;
                    // What is open here may be known from other places.
                    let known = shape.into_iter().enumerate().filter(|(_, dim)| !dim.symbols().contains(&self.open));
                    for (axis, dim) in known {
                        s.equals(&output.shape[axis], dim)?;
                    }
                }
                Ok(())
            })
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.wanted.len())
    }
}

impl<K: ShapedOperator> Op for ShapedOp<K> {
    fn name(&self) -> StaticName {
        K::NAME.into()
    }

    fn mints_runtime_symbols(&self) -> bool {
        true
    }

    op_as_typed_op!();
}

impl<K: ShapedOperator> EvalOp for ShapedOp<K> {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        ensure!(inputs.len() == K::INPUTS, "{} has {} inputs, not {}", K::NAME, K::INPUTS, inputs.len());
        let mut outputs: Vec<Option<Tensor>> = self.operator.eval(&inputs)?.into_iter().map(Some).collect();
        let mut output = |index: &usize| {
            let output = outputs.get_mut(*index).and_then(Option::take);
            Ok(output.with_context(|| format!("{} has no output {index}", K::NAME))?.into_tvalue())
        };
        self.wanted.iter().map(&mut output).collect()
    }
}

impl<K: ShapedOperator> TypedOp for ShapedOp<K> {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == K::INPUTS, "{} has {} inputs, not {}", K::NAME, K::INPUTS, inputs.len());
        let forms: Vec<Form> =
            inputs.iter().map(|input| (input.datum_type, input.shape.iter().cloned().collect())).collect();
        Ok(self.forms(&forms)?.into_iter().map(|(element, shape)| element.fact(shape)).collect())
    }

    as_op!();
}

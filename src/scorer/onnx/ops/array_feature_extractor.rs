//! `ai.onnx.ml.ArrayFeatureExtractor`: columns of a table, picked by number.
//!
//! skl2onnx uses it the other way round too: the table is one row of class labels, and the numbers are the winners of
//! all rows of the data.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::infer::{check_input_arity, check_output_arity};
use tract_onnx::tract_hir::internal::*;

use super::row_operator::Built;

#[derive(Debug, Clone, PartialEq, Eq)]
struct ArrayFeatureExtractor;

pub(super) fn build(_: &ParsingContext, _: &NodeProto) -> Built {
    Ok((expand(ArrayFeatureExtractor), vec![]))
}

/// `[..., F]` and `k` numbers give `[..., k]`; `[F]` gives `[1, k]`.
fn output_shape<D: DimLike>(table: &[D], count: D) -> TVec<D> {
    let mut shape: TVec<D> = match table.len() {
        0 | 1 => tvec![D::one()],
        rank => table[..rank - 1].into(),
    };
    shape.push(count);
    shape
}

impl Expansion for ArrayFeatureExtractor {
    fn name(&self) -> StaticName {
        "ArrayFeatureExtractor".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
        s.given_2(&inputs[0].shape, &inputs[1].shape, move |s, table, numbers| {
            s.equals(&outputs[0].shape, output_shape(&table, numbers.iter().product()))
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for ArrayFeatureExtractor {
    fn name(&self) -> StaticName {
        "ArrayFeatureExtractor".into()
    }

    op_as_typed_op!();
}

impl EvalOp for ArrayFeatureExtractor {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (table, numbers) = args_2!(inputs);
        let Some(&columns) = table.shape().last() else { bail!("ArrayFeatureExtractor takes no scalar") };
        let numbers = numbers.cast_to::<i64>()?;
        let numbers = numbers
            .try_as_plain_ram()?
            .as_slice::<i64>()?
            .iter()
            .map(|&number| {
                let column = usize::try_from(number).ok().filter(|column| *column < columns);
                column.with_context(|| format!("ArrayFeatureExtractor asks for column {number} of {columns}"))
            })
            .collect::<TractResult<Vec<usize>>>()?;
        let shape = output_shape(table.shape(), numbers.len());
        fn pick<T: Datum>(table: &Tensor, columns: usize, numbers: &[usize], shape: &[usize]) -> TractResult<TValue> {
            let values = table.try_as_plain_ram()?.as_slice::<T>()?;
            let rows = values.chunks_exact(columns.max(1));
            let picked = rows.flat_map(|row| numbers.iter().map(|column| row[*column].clone())).collect();
            Ok(tract_ndarray::ArrayD::from_shape_vec(shape, picked)?.into_tvalue())
        }
        let output = dispatch_datum!(pick(table.datum_type())(&table, columns, &numbers, &shape))?;
        Ok(tvec![output])
    }
}

impl TypedOp for ArrayFeatureExtractor {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [table, numbers] = inputs else { bail!("ArrayFeatureExtractor has two inputs, not {}", inputs.len()) };
        Ok(tvec![table.datum_type.fact(output_shape(&table.shape, numbers.shape.volume()))])
    }

    as_op!();
}

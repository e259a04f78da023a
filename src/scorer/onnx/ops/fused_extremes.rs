//! Relu and its like as the last step of the matrix product before them, while its results are in registers.
//!
//! tract does this with its own largest and smallest of two values, which elsewhere lose NaN (see
//! [`super::keeps_nan`]); where they stand behind a product, most of its kernels keep it.

use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::matmul::optimized::OptMatMul;
use tract_onnx::tract_hir::internal::*;

use super::keeps_nan::Extreme;

/// Beginnings of the names of kernels whose last steps keep NaN: those of x86 and ARM by the processor's rules for the
/// order of operands that tract-linalg 0.23.9 gives them, the portable one by its comparison. Those for matrix units
/// (AMX) do not.
const KERNELS: [&str; 5] = ["avx_mmm_f32_", "fma_mmm_f32_", "avx512_mmm_f32_", "arm64simd_mmm_f32_", "generic_f32_"];

/// Makes what [`super::keeps_nan`] put into `model`, which has been optimised since, part of the products before it.
pub(in super::super) fn fuse_extremes(model: &mut TypedModel) -> TractResult<()> {
    // What is fused becomes a new node at the end, behind which there may be something to fuse again.
    let mut id = 0;
    while id < model.nodes.len() {
        fuse_next(model, id)?;
        id += 1;
    }
    model.compact()
}

/// Makes the node behind node `id` part of it, if that can be.
fn fuse_next(model: &mut TypedModel, id: usize) -> TractResult<()> {
    let node = &model.nodes[id];
    let [output] = node.outputs.as_slice() else { return Ok(()) };
    let (Some(product), [next]) = (node.op_as::<OptMatMul>(), output.successors.as_slice()) else { return Ok(()) };
    let keeps_nan = product.mmm.iter().all(|mmm| KERNELS.iter().any(|kernel| mmm.name().starts_with(kernel)));
    let next = next.node;
    let Some(TypedBinOp(op, element)) = model.nodes[next].op_as::<TypedBinOp>() else { return Ok(()) };
    let Some(extreme) = op.downcast_ref::<Extreme>().filter(|_| keeps_nan) else { return Ok(()) };
    let is_number = |outlet: &OutletId| {
        let constant = model.outlet_fact(*outlet).ok().and_then(|fact| fact.konst.clone());
        let number = constant.filter(|constant| constant.len() == 1).map(|constant| constant.cast_to_scalar::<f32>());
        matches!(number, Some(Ok(number)) if !number.is_nan())
    };
    if !model.nodes[next].inputs.iter().any(is_number) {
        return Ok(());
    }
    let of_tract: Box<dyn TypedOp> = Box::new(TypedBinOp(extreme.of_tract(), *element));
    let ours = std::mem::replace(&mut model.nodes[next].op, of_tract);
    match model.nodes[id].op.fuse(model, &model.nodes[id])? {
        Some(patch) => patch.apply(model),
        None => {
            model.nodes[next].op = ours;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::tract_core::ops::einsum::EinSum;
    use tract_onnx::tract_core::ops::math;

    use super::super::keeps_nan::keep_nan;
    use super::*;

    /// `max(x w, 0)`, then `min(.., 6)`, with two features and `outputs` columns of ones.
    fn dense(outputs: usize) -> TypedModel {
        let mut model = TypedModel::default();
        let rows = model.symbols.sym("rows").to_dim();
        let x = model.add_source("x", f32::fact([rows, 2.to_dim()])).unwrap();
        let weights = Tensor::from_shape(&[2, outputs], &vec![1_f32; 2 * outputs]).unwrap();
        let weights = model.add_const("w", weights).unwrap();
        let einsum = EinSum::new("mk,kn->mn".parse().unwrap(), f32::datum_type());
        let product = model.wire_node("product", einsum, &[x, weights]).unwrap();
        let zero = model.add_const("zero", tensor2(&[[0_f32]])).unwrap();
        let relu = model.wire_node("relu", math::max(), &[product[0], zero]).unwrap();
        let six = model.add_const("six", tensor2(&[[6_f32]])).unwrap();
        let relu6 = model.wire_node("relu6", math::min(), &[six, relu[0]]).unwrap();
        model.select_output_outlets(&relu6).unwrap();
        keep_nan(&mut model);
        let mut model = model.into_optimized().unwrap();
        fuse_extremes(&mut model).unwrap();
        model
    }

    #[test]
    fn products_keep_nan_in_their_last_steps() {
        for outputs in [1, 3, 16, 40] {
            let model = dense(outputs);
            let left = model.nodes.iter().filter(|node| node.op_is::<TypedBinOp>()).count();
            // A product with a single column may be no product to tract.
            assert!(left == 0 || outputs == 1 || cfg!(not(target_arch = "x86_64")), "{model}");
            let plan = TypedSimplePlan::new(model).unwrap();
            for rows in [4, 7, 33] {
                let mut table = vec![[-1_f32, 0.5], [1.0, 2.0], [1.0, f32::NAN], [5.0, 2.0]];
                table.resize(rows, [f32::INFINITY, f32::NEG_INFINITY]);
                let x = Tensor::from_shape(&[rows, 2], table.as_flattened()).unwrap();
                let out = plan.run(tvec![x.into_tvalue()]).unwrap();
                let view = out[0].try_as_plain_ram().unwrap();
                let values: Vec<&[f32]> = view.as_slice::<f32>().unwrap().chunks_exact(outputs).collect();
                assert!(values[0].iter().all(|y| *y == 0.0), "{values:?}");
                assert!(values[1].iter().all(|y| *y == 3.0), "{values:?}");
                assert!(values[3].iter().all(|y| *y == 6.0), "{values:?}");
                assert!(
                    values[2].iter().chain(values[4..].iter().flat_map(|row| *row)).all(|y| y.is_nan()),
                    "{values:?}"
                );
            }
        }
    }
}

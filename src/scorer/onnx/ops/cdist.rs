//! `com.microsoft.CDist`: the distance of each row of one table from each of another.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::row_operator::Built;
use super::shaped_operator::{Form, ShapedOperator, built};

struct CDist {
    squared: bool,
}

pub(super) fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    let squared = match node.get_attr_opt::<String>("metric")?.as_deref() {
        Some("sqeuclidean") | None => true,
        Some("euclidean") => false,
        Some(other) => return node.bail_attr("metric", &format!("{other:?} is not supported")),
    };
    built(context, node, CDist { squared })
}

impl ShapedOperator for CDist {
    const NAME: &'static str = "CDist";
    const INPUTS: usize = 2;

    fn outputs(&self, inputs: &[Form], _: &TDim) -> TractResult<TVec<Form>> {
        match (inputs[0].1.as_slice(), inputs[1].1.as_slice()) {
            ([rows, _], [others, _]) => Ok(tvec![(inputs[0].0, tvec![rows.clone(), others.clone()])]),
            (a, b) => bail!("CDist takes two tables, not tensors of shapes {a:?} and {b:?}"),
        }
    }

    fn eval(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        macro_rules! distances {
            ($t:ty) => {{
                let a = inputs[0].to_plain_array_view::<$t>()?.into_dimensionality::<tract_ndarray::Ix2>()?;
                let b = inputs[1].to_plain_array_view::<$t>()?.into_dimensionality::<tract_ndarray::Ix2>()?;
                ensure!(a.ncols() == b.ncols(), "CDist of rows of {} and {} features", a.ncols(), b.ncols());
                let mut sums = tract_ndarray::Array2::<$t>::zeros((a.nrows(), b.nrows()));
                // Feature by feature, so that the loop is over the rows of `b`, which lie side by side once turned.
                let turned = b.t().as_standard_layout().into_owned();
                for (row, mut sums) in a.outer_iter().zip(sums.outer_iter_mut()) {
                    for (x, others) in row.iter().zip(turned.outer_iter()) {
                        sums.zip_mut_with(&others, |sum, other| *sum += (x - other) * (x - other));
                    }
                }
                if !self.squared {
                    sums.mapv_inplace(<$t>::sqrt);
                }
                sums.into_dyn().into_tensor()
            }};
        }
        Ok(tvec![match inputs[0].datum_type() {
            DatumType::F32 => distances!(f32),
            DatumType::F64 => distances!(f64),
            other => bail!("CDist of {other:?}"),
        }])
    }
}

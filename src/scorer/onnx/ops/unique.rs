//! `Unique`: the distinct elements, or slices along an axis, where they come and how often.

use std::collections::BTreeMap;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::axis;
use super::row_operator::Built;
use super::shaped_operator::{Form, ShapedOperator, built};

struct Unique {
    /// Of all elements in a row, if there is none.
    axis: Option<i64>,
    /// Whether they are put in order, rather than left in that of appearance.
    sorted: bool,
}

pub(super) fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    let sorted = node.get_attr_opt::<i64>("sorted")?.unwrap_or(1) != 0;
    built(context, node, Unique { axis: node.get_attr_opt("axis")?, sorted })
}

/// Numbers that are ordered as the elements of `tensor` are; NaN is one value, behind all others.
fn ranks(tensor: &Tensor) -> TractResult<Vec<u64>> {
    const SIGN: u64 = 1 << 63;
    let element = tensor.datum_type();
    if element == String::datum_type() {
        let view = tensor.try_as_plain_ram()?;
        let texts = view.as_slice::<String>()?;
        let mut sorted: Vec<&String> = texts.iter().collect();
        sorted.sort_unstable();
        return Ok(texts.iter().map(|text| sorted.partition_point(|other| *other < text) as u64).collect());
    }
    if element == u64::datum_type() {
        return Ok(tensor.try_as_plain_ram()?.as_slice::<u64>()?.to_vec());
    }
    if !element.is_float() {
        let numbers = tensor.cast_to::<i64>()?;
        return Ok(numbers.try_as_plain_ram()?.as_slice::<i64>()?.iter().map(|x| *x as u64 ^ SIGN).collect());
    }
    let rank = |x: &f64| match (x + 0.0).to_bits() {
        _ if x.is_nan() => u64::MAX,
        negative if negative & SIGN != 0 => !negative,
        positive => positive | SIGN,
    };
    let numbers = tensor.cast_to::<f64>()?;
    Ok(numbers.try_as_plain_ram()?.as_slice::<f64>()?.iter().map(rank).collect())
}

impl Unique {
    fn axis(&self, rank: usize) -> TractResult<Option<usize>> {
        self.axis.map(|axis| axis::resolved("Unique", axis, rank)).transpose()
    }
}

impl ShapedOperator for Unique {
    const NAME: &'static str = "Unique";

    fn outputs(&self, inputs: &[Form], open: &TDim) -> TractResult<TVec<Form>> {
        let (element, shape) = &inputs[0];
        let (values, all) = match self.axis(shape.len())? {
            None => (tvec![open.clone()], shape.iter().product()),
            Some(axis) => {
                let mut values = shape.clone();
                values[axis] = open.clone();
                (values, shape[axis].clone())
            }
        };
        let of_all = |shape: TVec<TDim>| (i64::datum_type(), shape);
        let each = of_all(tvec![open.clone()]);
        Ok(tvec![(*element, values), each.clone(), of_all(tvec![all]), each])
    }

    fn eval(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let axis = self.axis(inputs[0].rank())?;
        let flat = inputs[0].clone().into_tensor();
        let (input, axis) = match axis {
            Some(axis) => (flat, axis),
            None => {
                let length = flat.len();
                (flat.into_shape(&[length])?, 0)
            }
        };
        let ranks = tract_ndarray::ArrayD::from_shape_vec(input.shape(), ranks(&input)?)?;
        // Where each distinct slice comes first, and all its places.
        let mut groups: BTreeMap<Vec<u64>, Vec<usize>> = BTreeMap::new();
        for (place, slice) in ranks.axis_iter(tract_ndarray::Axis(axis)).enumerate() {
            groups.entry(slice.iter().copied().collect()).or_default().push(place);
        }
        let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
        if !self.sorted {
            groups.sort_by_key(|places| places[0]);
        }
        let first: Vec<usize> = groups.iter().map(|places| places[0]).collect();
        let mut group_of = vec![0i64; input.shape()[axis]];
        for (group, places) in (0..).zip(&groups) {
            places.iter().for_each(|place| group_of[*place] = group);
        }
        fn picked<T: Datum>(input: &Tensor, axis: usize, places: &[usize]) -> TractResult<Tensor> {
            Ok(input.to_plain_array_view::<T>()?.select(tract_ndarray::Axis(axis), places).into_tensor())
        }
        let values = dispatch_datum!(picked(input.datum_type())(&input, axis, &first))?;
        let first: Vec<i64> = first.into_iter().map(|place| place as i64).collect();
        let counts: Vec<i64> = groups.iter().map(|places| places.len() as i64).collect();
        Ok(tvec![values, tensor1(&first), tensor1(&group_of), tensor1(&counts)])
    }
}

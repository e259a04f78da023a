//! `ai.onnx.ml.LabelEncoder`: each value replaced by the one that goes with it, or by a default.

use std::collections::HashMap;

use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};

/// A key: numbers with a fraction as float64 by its bits, with one NaN and one zero.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Int(i64),
    Float(u64),
    Text(String),
}

fn float_key(x: f64) -> Key {
    Key::Float(if x.is_nan() { f64::NAN.to_bits() } else { (x + 0.0).to_bits() })
}

/// A table from values of one type to values of another.
pub(super) struct LabelEncoder {
    positions: HashMap<Key, usize>,
    /// The values in the order of the keys, then the default; of one axis.
    values: Tensor,
}

pub(super) fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    if let Some(classes) = node.get_attr_opt_vec::<String>("classes_strings")? {
        // Version 1: whichever way the input goes; texts to positions is what its exporters used.
        let positions: Vec<i64> = (0..).take(classes.len()).collect();
        let default: i64 = node.get_attr_opt("default_int64")?.unwrap_or(-1);
        return built(node, LabelEncoder::new(tensor1(&classes), tensor1(&positions), tensor1(&[default]))?);
    }
    let Some(keys) = table(node, "keys")? else { return node.bail("expected keys") };
    let Some(values) = table(node, "values")? else { return node.bail("expected values") };
    let default = match (tensor(node, "default_tensor")?, values.datum_type()) {
        (Some(tensor), _) => tensor,
        (None, DatumType::String) => {
            tensor1(&[node.get_attr_opt::<String>("default_string")?.unwrap_or_else(|| "_Unused".to_owned())])
        }
        (None, element) if element.is_float() => tensor1(&[node.get_attr_opt("default_float")?.unwrap_or(0.0f32)]),
        (None, _) => tensor1(&[node.get_attr_opt("default_int64")?.unwrap_or(-1i64)]),
    };
    let encoder = LabelEncoder::new(keys, values, default);
    let mut encoder = encoder.with_context(|| format!("node {:?}, LabelEncoder", node.name))?;
    let version = context.model.opset_import.iter().find(|import| import.domain == "ai.onnx.ml");
    if version.is_some_and(|import| import.version < 4) {
        // Before version 4 a missing value was like no key, not even like another missing value.
        encoder.positions.remove(&float_key(f64::NAN));
    }
    built(node, encoder)
}

fn tensor(node: &NodeProto, name: &str) -> TractResult<Option<Tensor>> {
    let Some(proto) = node.get_attr_opt::<&TensorProto>(name)? else { return Ok(None) };
    Ok(Some(tract_onnx::tensor::load_tensor(&MmapDataResolver, proto, None)?))
}

/// The attribute `<name>_int64s`, `<name>_floats` or `<name>_strings`, or the tensor `<name>_tensor`.
fn table(node: &NodeProto, name: &str) -> TractResult<Option<Tensor>> {
    if let Some(values) = node.get_attr_opt_vec::<i64>(&format!("{name}_int64s"))? {
        return Ok(Some(tensor1(&values)));
    }
    if let Some(values) = node.get_attr_opt_vec::<f32>(&format!("{name}_floats"))? {
        return Ok(Some(tensor1(&values)));
    }
    if let Some(values) = node.get_attr_opt_vec::<String>(&format!("{name}_strings"))? {
        return Ok(Some(tensor1(&values)));
    }
    tensor(node, &format!("{name}_tensor"))
}

/// The keys that the values of `tensor`, of any type, are looked up by.
fn keys(tensor: &Tensor) -> TractResult<Vec<Key>> {
    Ok(match tensor.datum_type() {
        DatumType::String => {
            let texts = tensor.try_as_plain_ram()?;
            texts.as_slice::<String>()?.iter().map(|text| Key::Text(text.clone())).collect()
        }
        element if element.is_float() => {
            let numbers = tensor.cast_to::<f64>()?;
            numbers.try_as_plain_ram()?.as_slice::<f64>()?.iter().map(|x| float_key(*x)).collect()
        }
        _ => {
            let numbers = tensor.cast_to::<i64>()?;
            numbers.try_as_plain_ram()?.as_slice::<i64>()?.iter().map(|x| Key::Int(*x)).collect()
        }
    })
}

impl LabelEncoder {
    /// A table of as many `values` as `keys`, and one `default`, which is brought to the type of the values.
    pub(super) fn new(keys: Tensor, values: Tensor, default: Tensor) -> TractResult<Self> {
        ensure!(keys.len() == values.len(), "{} keys for {} values", keys.len(), values.len());
        ensure!(default.len() == 1, "{} defaults", default.len());
        let element = values.datum_type();
        let values = values.into_shape(&[keys.len()])?;
        let default = default.cast_to_dt(element)?.into_owned().into_shape(&[1])?;
        let mut positions = HashMap::new();
        for (key, position) in self::keys(&keys)?.into_iter().zip(0..) {
            // Of keys that come twice the first counts, as in ONNX Runtime.
            positions.entry(key).or_insert(position);
        }
        Ok(LabelEncoder { positions, values: Tensor::stack_tensors(0, &[values, default])? })
    }
}

impl RowOperator for LabelEncoder {
    const NAME: &'static str = "LabelEncoder";
    const ANY_RANK: bool = true;

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        tvec![(self.values.datum_type(), OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let default = self.values.len() - 1;
        let position = |key: Key| self.positions.get(&key).copied().unwrap_or(default);
        let positions: Vec<usize> = keys(&input)?.into_iter().map(position).collect();
        fn picked<T: Datum>(values: &Tensor, positions: &[usize], shape: &[usize]) -> TractResult<TValue> {
            let values = values.try_as_plain_ram()?;
            let values = values.as_slice::<T>()?;
            let picked = positions.iter().map(|position| values[*position].clone()).collect();
            Ok(tract_ndarray::ArrayD::from_shape_vec(shape, picked)?.into_tvalue())
        }
        let output = dispatch_datum!(picked(self.values.datum_type())(&self.values, &positions, input.shape()))?;
        Ok(tvec![output])
    }
}

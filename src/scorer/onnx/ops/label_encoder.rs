//! `ai.onnx.ml.LabelEncoder`: each value replaced by the one that goes with it, or by a default.

use std::collections::HashMap;
use std::hash::Hash;

use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};

/// A key: float32 by its bits, with one NaN and one zero.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Int(i64),
    Float(u32),
    Text(String),
}

fn float_key(x: f32) -> Key {
    Key::Float(if x.is_nan() { f32::NAN.to_bits() } else { (x + 0.0).to_bits() })
}

struct LabelEncoder {
    keys: HashMap<Key, usize>,
    values: Values,
}

/// The values in the order of the keys, then the default.
enum Values {
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Strings(Vec<String>),
}

pub(super) fn build(_: &ParsingContext, node: &NodeProto) -> Built {
    if let Some(classes) = node.get_attr_opt_vec::<String>("classes_strings")? {
        // Version 1: whichever way the input goes; texts to positions is what its exporters used.
        let mut positions: Vec<i64> = (0..).take(classes.len()).collect();
        positions.push(node.get_attr_opt("default_int64")?.unwrap_or(-1));
        let keys = classes.into_iter().map(Key::Text).zip(0..).collect();
        return built(node, LabelEncoder { keys, values: Values::Ints(positions) });
    }
    let Some(keys) = table(node, "keys")? else { return node.bail("expected keys") };
    let Some(mut values) = table(node, "values")? else { return node.bail("expected values") };
    node.expect(keys.len() == values.len(), "as many values as keys")?;
    let default = match node.get_attr_opt::<&TensorProto>("default_tensor")? {
        Some(proto) => Some(tract_onnx::tensor::load_tensor(&MmapDataResolver, proto, None)?),
        None => None,
    };
    fn only<T: Datum>(tensor: Option<&Tensor>) -> TractResult<Option<T>> {
        let Some(tensor) = tensor else { return Ok(None) };
        Ok(tensor.cast_to::<T>()?.try_as_plain_ram()?.as_slice::<T>()?.first().cloned())
    }
    match &mut values {
        Values::Ints(values) => {
            let default = only(default.as_ref())?.or(node.get_attr_opt("default_int64")?);
            values.push(default.unwrap_or(-1));
        }
        Values::Floats(values) => {
            let default = only(default.as_ref())?.or(node.get_attr_opt("default_float")?);
            values.push(default.unwrap_or(0.0));
        }
        Values::Strings(values) => {
            let default = only(default.as_ref())?.or(node.get_attr_opt("default_string")?);
            values.push(default.unwrap_or_else(|| "_Unused".to_owned()));
        }
    }
    let mut by_key = HashMap::new();
    let mut add = |key, position| {
        // Of keys that come twice the first counts.
        by_key.entry(key).or_insert(position);
    };
    match keys {
        Values::Ints(keys) => keys.into_iter().zip(0..).for_each(|(key, i)| add(Key::Int(key), i)),
        Values::Floats(keys) => keys.into_iter().zip(0..).for_each(|(key, i)| add(float_key(key), i)),
        Values::Strings(keys) => keys.into_iter().zip(0..).for_each(|(key, i)| add(Key::Text(key), i)),
    }
    built(node, LabelEncoder { keys: by_key, values })
}

/// The attribute `<name>_int64s`, `<name>_floats` or `<name>_strings`, or the tensor `<name>_tensor`.
fn table(node: &NodeProto, name: &str) -> TractResult<Option<Values>> {
    if let Some(values) = node.get_attr_opt_vec(&format!("{name}_int64s"))? {
        return Ok(Some(Values::Ints(values)));
    }
    if let Some(values) = node.get_attr_opt_vec(&format!("{name}_floats"))? {
        return Ok(Some(Values::Floats(values)));
    }
    if let Some(values) = node.get_attr_opt_vec(&format!("{name}_strings"))? {
        return Ok(Some(Values::Strings(values)));
    }
    let Some(proto) = node.get_attr_opt::<&TensorProto>(&format!("{name}_tensor"))? else { return Ok(None) };
    let tensor = tract_onnx::tensor::load_tensor(&MmapDataResolver, proto, None)?;
    let view = tensor.try_as_plain_ram()?;
    Ok(Some(match tensor.datum_type() {
        DatumType::I64 => Values::Ints(view.as_slice::<i64>()?.to_vec()),
        DatumType::F32 => Values::Floats(view.as_slice::<f32>()?.to_vec()),
        DatumType::String => Values::Strings(view.as_slice::<String>()?.to_vec()),
        other => bail!("LabelEncoder with {name} of type {other:?}"),
    }))
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Values::Ints(values) => values.len(),
            Values::Floats(values) => values.len(),
            Values::Strings(values) => values.len(),
        }
    }
}

impl RowOperator for LabelEncoder {
    const NAME: &'static str = "LabelEncoder";
    const ANY_RANK: bool = true;

    fn outputs(&self, _: DatumType) -> TVec<OutputForm> {
        let element = match self.values {
            Values::Ints(_) => i64::datum_type(),
            Values::Floats(_) => f32::datum_type(),
            Values::Strings(_) => String::datum_type(),
        };
        tvec![(element, OutputShape::AsInput)]
    }

    fn eval(&self, input: TValue) -> TractResult<TVec<TValue>> {
        let positions: Vec<usize> = match input.datum_type() {
            DatumType::String => {
                let values = input.try_as_plain_ram()?.as_slice::<String>()?;
                values.iter().map(|text| self.position(Key::Text(text.clone()))).collect()
            }
            DatumType::F32 => {
                let values = input.try_as_plain_ram()?.as_slice::<f32>()?;
                values.iter().map(|x| self.position(float_key(*x))).collect()
            }
            _ => {
                let input = input.cast_to::<i64>()?;
                let values = input.try_as_plain_ram()?.as_slice::<i64>()?;
                values.iter().map(|x| self.position(Key::Int(*x))).collect()
            }
        };
        fn picked<T: Datum>(values: &[T], positions: &[usize], shape: &[usize]) -> TractResult<TValue> {
            let picked = positions.iter().map(|position| values[*position].clone()).collect();
            Ok(tract_ndarray::ArrayD::from_shape_vec(shape, picked)?.into_tvalue())
        }
        Ok(tvec![match &self.values {
            Values::Ints(values) => picked(values, &positions, input.shape())?,
            Values::Floats(values) => picked(values, &positions, input.shape())?,
            Values::Strings(values) => picked(values, &positions, input.shape())?,
        }])
    }
}

impl LabelEncoder {
    /// Position of the value for `key`; that of the default is the last.
    fn position(&self, key: Key) -> usize {
        self.keys.get(&key).copied().unwrap_or(self.values.len() - 1)
    }
}

//! `ai.onnx.ml.LabelEncoder`: each value replaced by the one that goes with it, or by a default.

use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::places::Places;
use super::row_operator::{Built, OutputForm, OutputShape, RowOperator, built};

/// A table from values of one type to values of another.
pub(in super::super) struct LabelEncoder {
    places: Places,
    /// The values in the order of the keys, then the default; of one axis.
    values: Tensor,
}

pub(super) fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    let mut encoder = LabelEncoder::of(node)?;
    let version = context.model.opset_import.iter().find(|import| import.domain == "ai.onnx.ml");
    if version.is_some_and(|import| import.version < 4) {
        // Before version 4 a missing value was like no key, not even like another missing value.
        encoder.places.forget_nan();
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

impl LabelEncoder {
    pub(in super::super) fn of(node: &NodeProto) -> TractResult<Self> {
        if let Some(classes) = node.get_attr_opt_vec::<String>("classes_strings")? {
            // Version 1: whichever way the input goes; texts to positions is what its exporters used.
            let positions: Vec<i64> = (0..).take(classes.len()).collect();
            let default: i64 = node.get_attr_opt("default_int64")?.unwrap_or(-1);
            return LabelEncoder::new(tensor1(&classes), tensor1(&positions), tensor1(&[default]));
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
        encoder.with_context(|| format!("node {:?}, LabelEncoder", node.name))
    }

    /// A table of as many `values` as `keys`, and one `default`, which is brought to the type of the values.
    pub(super) fn new(keys: Tensor, values: Tensor, default: Tensor) -> TractResult<Self> {
        ensure!(keys.len() == values.len(), "{} keys for {} values", keys.len(), values.len());
        ensure!(default.len() == 1, "{} defaults", default.len());
        let element = values.datum_type();
        let values = values.into_shape(&[keys.len()])?;
        let default = default.cast_to_dt(element)?.into_owned().into_shape(&[1])?;
        Ok(LabelEncoder { places: Places::of(&keys)?, values: Tensor::stack_tensors(0, &[values, default])? })
    }

    /// What texts and integers are replaced by, if that is numbers that float32 holds as they are.
    pub(in super::super) fn into_numbers(self) -> TractResult<Option<NumberEncoder>> {
        let element = self.values.datum_type();
        if matches!(self.places, Places::Floats(_)) || !matches!(element, DatumType::F32 | DatumType::I64) {
            return Ok(None);
        }
        let doubles = self.values.cast_to::<f64>()?;
        let doubles = doubles.try_as_plain_ram()?.as_slice::<f64>()?;
        if element == DatumType::I64 && doubles.iter().any(|x| x.abs() > EXACT) {
            return Ok(None);
        }
        let values = doubles.iter().map(|x| *x as f32).collect();
        Ok(Some(NumberEncoder { places: self.places, values, gives_integers: element == DatumType::I64 }))
    }
}

/// All integers up to it, and no further, are numbers of float32.
const EXACT: f64 = 16_777_216.0;

/// A table from texts or integers to numbers.
pub(in super::super) struct NumberEncoder {
    places: Places,
    /// The values in the order of the keys, then the default.
    values: Vec<f32>,
    gives_integers: bool,
}

impl NumberEncoder {
    /// Whether its numbers are integers to the graph; else they are float32.
    pub(in super::super) fn gives_integers(&self) -> bool {
        self.gives_integers
    }

    /// Whether it takes texts; else integers.
    pub(in super::super) fn takes_texts(&self) -> bool {
        matches!(self.places, Places::Texts(_))
    }

    /// The number for a text.
    pub(in super::super) fn of_text(&self, text: &str) -> f32 {
        self.at(self.places.of_text(text))
    }

    /// The number for an integer.
    pub(in super::super) fn of_int(&self, number: i64) -> f32 {
        self.at(self.places.of_int(number))
    }

    fn at(&self, place: Option<u32>) -> f32 {
        self.values[place.map_or(self.values.len() - 1, |place| place as usize)]
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
        let position = |place: Option<u32>| place.map_or(default, |place| place as usize);
        let positions: Vec<usize> = self.places.of_tensor(&input)?.into_iter().map(position).collect();
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

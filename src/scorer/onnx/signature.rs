//! What the graph declares: inputs, outputs and, from the inputs, what each record must bring.

use std::collections::HashSet;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as DimensionValue;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{GraphProto, TensorShapeProto, ValueInfoProto};
use tract_onnx::prelude::{DatumType, Tensor};

use crate::scorer::{Dimension, ElementType, FeatureNeeds, NamedFeature, TensorSpec};

/// The inputs that a caller must give: those without an initial value.
pub(super) fn inputs(graph: &GraphProto) -> Result<Vec<TensorSpec>, String> {
    let initialized: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    graph.input.iter().filter(|input| !initialized.contains(input.name.as_str())).map(input).collect()
}

fn input(value: &ValueInfoProto) -> Result<TensorSpec, String> {
    let name = &value.name;
    let Some(TypeValue::TensorType(tensor)) = value.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
        return Err(format!("its input {name} is no tensor, and only tensors can be given"));
    };
    let Some(element) = DataType::try_from(tensor.elem_type).ok().and_then(element) else {
        return Err(format!("its input {name} is of an element type that is not supported; export it with float32"));
    };
    let Some(shape) = &tensor.shape else {
        return Err(format!("its input {name} declares no shape; export it with the shape [N, features]"));
    };
    Ok(TensorSpec { name: name.clone(), element, shape: dimensions(shape) })
}

/// An output as it is declared, or, where the declaration says nothing (ZipMap's dictionaries), as it came out of a
/// run.
pub(super) fn output(value: &ValueInfoProto, element: ElementType, run: &Tensor) -> TensorSpec {
    let declared = match value.r#type.as_ref().and_then(|t| t.value.as_ref()) {
        Some(TypeValue::TensorType(tensor)) => tensor.shape.as_ref().map(dimensions),
        None => None,
    };
    let shape = declared.filter(|shape| shape.len() == run.rank()).unwrap_or_else(|| {
        let rows = std::iter::once(Dimension::Symbol("?".to_owned()));
        rows.chain(run.shape().iter().skip(1).map(|&n| Dimension::Fixed(n))).collect()
    });
    TensorSpec { name: value.name.clone(), element, shape }
}

fn dimensions(shape: &TensorShapeProto) -> Vec<Dimension> {
    let dimension = |value: &Option<DimensionValue>| match value {
        Some(DimensionValue::DimValue(n)) if *n >= 0 => Dimension::Fixed(*n as usize),
        Some(DimensionValue::DimParam(name)) if !name.is_empty() => Dimension::Symbol(name.clone()),
        _ => Dimension::Symbol("?".to_owned()),
    };
    shape.dim.iter().map(|d| dimension(&d.value)).collect()
}

fn element(data_type: DataType) -> Option<ElementType> {
    Some(match data_type {
        DataType::Bool => ElementType::Bool,
        DataType::Int8 => ElementType::Int8,
        DataType::Int16 => ElementType::Int16,
        DataType::Int32 => ElementType::Int32,
        DataType::Int64 => ElementType::Int64,
        DataType::Uint8 => ElementType::Uint8,
        DataType::Uint16 => ElementType::Uint16,
        DataType::Uint32 => ElementType::Uint32,
        DataType::Uint64 => ElementType::Uint64,
        DataType::Float => ElementType::Float32,
        DataType::Double => ElementType::Float64,
        DataType::String => ElementType::String,
        _ => return None,
    })
}

/// tract's name for an element type.
pub(super) fn datum_type(element: ElementType) -> DatumType {
    match element {
        ElementType::Bool => DatumType::Bool,
        ElementType::Int8 => DatumType::I8,
        ElementType::Int16 => DatumType::I16,
        ElementType::Int32 => DatumType::I32,
        ElementType::Int64 => DatumType::I64,
        ElementType::Uint8 => DatumType::U8,
        ElementType::Uint16 => DatumType::U16,
        ElementType::Uint32 => DatumType::U32,
        ElementType::Uint64 => DatumType::U64,
        ElementType::Float32 => DatumType::F32,
        ElementType::Float64 => DatumType::F64,
        ElementType::String => DatumType::String,
    }
}

/// The columns that each record must bring for `inputs`.
pub(super) fn needs(inputs: &[TensorSpec]) -> Result<FeatureNeeds, String> {
    match inputs {
        [] => Err("it has no inputs".to_owned()),
        [TensorSpec { element, shape, .. }] if (1..=2).contains(&shape.len()) => Ok(FeatureNeeds::Table {
            element: *element,
            count: match shape.get(1) {
                None => Some(1),
                Some(Dimension::Fixed(n)) => Some(*n),
                Some(Dimension::Symbol(_)) => None,
            },
        }),
        [input] => Err(format!(
            "its input {input} does not take a row of features; records are scored by models that take [N, features]"
        )),
        inputs => inputs.iter().map(named).collect::<Result<_, _>>().map(FeatureNeeds::Named),
    }
}

fn named(input: &TensorSpec) -> Result<NamedFeature, String> {
    match input.shape.as_slice() {
        [_] | [_, Dimension::Fixed(1)] => Ok(NamedFeature { name: input.name.clone(), element: input.element }),
        _ => Err(format!(
            "its input {input} takes more than one value a record; of several inputs each must be of shape [N, 1] or [N]"
        )),
    }
}

/// The number of rows that a call must have, when the model fixes it.
pub(super) fn fixed_rows(inputs: &[TensorSpec]) -> Result<Option<usize>, String> {
    let mut fixed: Option<(usize, &str)> = None;
    for input in inputs {
        match (input.shape.first(), fixed) {
            (Some(Dimension::Fixed(0)), _) => return Err(format!("its input {input} takes no rows")),
            (Some(Dimension::Fixed(n)), Some((rows, other))) if *n != rows => {
                return Err(format!("its inputs {other} and {} take {rows} and {n} rows a call", input.name));
            }
            (Some(Dimension::Fixed(n)), _) => fixed = Some((*n, &input.name)),
            _ => {}
        }
    }
    Ok(fixed.map(|(rows, _)| rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, shape: &[Option<usize>]) -> TensorSpec {
        let dimension = |n: &Option<usize>| n.map_or_else(|| Dimension::Symbol("N".to_owned()), Dimension::Fixed);
        TensorSpec {
            name: name.to_owned(),
            element: ElementType::Float32,
            shape: shape.iter().map(dimension).collect(),
        }
    }

    fn count(shape: &[Option<usize>]) -> Option<usize> {
        match needs(&[spec("x", shape)]).unwrap() {
            FeatureNeeds::Table { count, .. } => count,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_input_is_a_table() {
        assert_eq!(count(&[None, Some(28)]), Some(28));
        assert_eq!(count(&[Some(1), Some(28)]), Some(28));
        assert_eq!(count(&[None]), Some(1));
        assert_eq!(count(&[None, None]), None);
    }

    #[test]
    fn several_inputs_are_named_columns() {
        let FeatureNeeds::Named(columns) = needs(&[spec("a", &[None, Some(1)]), spec("b", &[None])]).unwrap() else {
            panic!()
        };
        assert_eq!(columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_is_refused_names_the_input_and_its_shape() {
        assert!(needs(&[spec("image", &[None, Some(3), Some(8)])]).unwrap_err().contains("image: float32[N, 3, 8]"));
        let error = needs(&[spec("a", &[None, Some(1)]), spec("b", &[None, Some(2)])]).unwrap_err();
        assert!(error.contains("b: float32[N, 2]"), "{error}");
    }

    #[test]
    fn rows_of_a_fixed_batch() {
        assert_eq!(fixed_rows(&[spec("a", &[None, Some(1)])]), Ok(None));
        assert_eq!(fixed_rows(&[spec("a", &[None, Some(1)]), spec("b", &[Some(4), Some(1)])]), Ok(Some(4)));
        assert!(fixed_rows(&[spec("a", &[Some(2)]), spec("b", &[Some(4)])]).is_err());
        assert!(fixed_rows(&[spec("a", &[Some(0)])]).is_err());
    }
}

//! Which feature each column of a table in a graph is made of, where it is made of one alone.

use std::collections::HashMap;

use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};
use tract_onnx::prelude::*;

use crate::scorer::{Dimension, TensorSpec};

/// Most values of a row that are followed.
const MOST_VALUES: usize = 1 << 20;

/// Operators whose outputs have each value made of the values at the same place alone.
const POINTWISE: [&str; 48] = [
    "Abs",
    "Add",
    "And",
    "Binarizer",
    "Cast",
    "CategoryMapper",
    "Ceil",
    "Clip",
    "Cos",
    "Div",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Floor",
    "Greater",
    "GreaterOrEqual",
    "Identity",
    "Imputer",
    "IsInf",
    "IsNaN",
    "LabelEncoder",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "Max",
    "Min",
    "Mod",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "Pow",
    "Reciprocal",
    "Relu",
    "Round",
    "Scaler",
    "Sigmoid",
    "Sign",
    "Sin",
    "Softplus",
    "Sqrt",
    "StringNormalizer",
    "Sub",
    "Tanh",
    "Where",
    "Xor",
];

/// The values of a row: how they lie, and the feature that each is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sources {
    /// The axes behind that of the rows.
    shape: Vec<usize>,
    /// Row-major; `None` for a value that is the same for all rows.
    of: Vec<Option<u32>>,
}

/// What is known of a value of the graph.
enum Value {
    Computed(Sources),
    Constant(Tensor),
}

/// The feature that each column of the table `name` is made of; `None` where that is not known, or not one. Features are the
/// columns of the lone table among `inputs`, or the inputs.
pub(super) fn of_columns(graph: &GraphProto, inputs: &[TensorSpec], name: &str) -> Option<Vec<u32>> {
    let mut values: HashMap<&str, Value> = HashMap::new();
    for tensor in &graph.initializer {
        values.extend(constant(tensor).map(|value| (tensor.name.as_str(), value)));
    }
    for (index, input) in inputs.iter().enumerate() {
        let shape = match (inputs.len(), &input.shape[..]) {
            (1, [_, Dimension::Fixed(features)]) => vec![*features],
            (2.., [_]) => vec![],
            (2.., [_, _]) => vec![1],
            _ => return None,
        };
        let first = index as u32;
        let of = (first..).map(Some).take(shape.iter().product()).collect();
        values.insert(&input.name, Value::Computed(Sources { shape, of }));
    }
    for node in &graph.node {
        if let ([output, ..], Some(value)) = (node.output.as_slice(), of_node(node, &values)) {
            values.insert(output, value);
        }
    }
    match values.remove(name)? {
        Value::Computed(Sources { shape, of }) if shape.len() == 1 => of.into_iter().collect(),
        _ => None,
    }
}

fn constant(tensor: &TensorProto) -> Option<Value> {
    tract_onnx::tensor::load_tensor(&MmapDataResolver, tensor, None).ok().map(Value::Constant)
}

/// What is known of the first output of `node`.
fn of_node(node: &NodeProto, values: &HashMap<&str, Value>) -> Option<Value> {
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name);
    if node.op_type == "Constant" {
        return constant(attribute("value")?.t.as_ref()?);
    }
    let names = node.input.iter().filter(|name| !name.is_empty());
    let inputs: Vec<&Value> = names.map(|name| values.get(name.as_str())).collect::<Option<_>>()?;
    let integer = |name: &str, default: i64| attribute(name).map_or(default, |a: &AttributeProto| a.i);
    let sources = match (node.op_type.as_str(), inputs.as_slice()) {
        ("OneHotEncoder", [Value::Computed(input)]) => {
            let categories = ["cats_strings", "cats_int64s"]
                .map(|name| attribute(name).map_or(0, |a| a.ints.len() + a.strings.len()));
            input.repeated(categories[0] + categories[1])
        }
        ("Concat", inputs) => concat(inputs, integer("axis", 1)),
        ("FeatureVectorizer", inputs) => concat(inputs, 1),
        ("ArrayFeatureExtractor", [Value::Computed(input), Value::Constant(places)]) => input.selected(places),
        ("Gather", [Value::Computed(input), Value::Constant(places)])
            if places.rank() == 1 && [1, -1].contains(&integer("axis", 0)) =>
        {
            input.selected(places)
        }
        ("Flatten", [Value::Computed(input)]) if integer("axis", 1) == 1 => input.reshaped(&[0, -1]),
        ("Reshape", [Value::Computed(input), Value::Constant(shape)]) => input.reshaped(&integers(shape)?),
        (operator, inputs) if POINTWISE.contains(&operator) => pointwise(inputs),
        _ => None,
    };
    sources.filter(|sources| sources.of.len() <= MOST_VALUES).map(Value::Computed)
}

fn integers(tensor: &Tensor) -> Option<Vec<i64>> {
    let tensor = tensor.cast_to::<i64>().ok()?;
    Some(tensor.try_as_plain_ram().ok()?.as_slice::<i64>().ok()?.to_vec())
}

impl Sources {
    /// Each value as so many.
    fn repeated(&self, count: usize) -> Option<Sources> {
        if self.of.len().checked_mul(count)? > MOST_VALUES {
            return None;
        }
        let shape = self.shape.iter().copied().chain([count]).collect();
        Some(Sources { shape, of: self.of.iter().flat_map(|of| std::iter::repeat_n(*of, count)).collect() })
    }

    /// The values at `places` of a row, which is a list.
    fn selected(&self, places: &Tensor) -> Option<Sources> {
        let [width] = self.shape.as_slice() else { return None };
        let place = |place: i64| usize::try_from(if place < 0 { place + *width as i64 } else { place }).ok();
        let of: Vec<_> =
            integers(places)?.into_iter().map(|index| self.of.get(place(index)?).copied()).collect::<Option<_>>()?;
        Some(Sources { shape: vec![of.len()], of })
    }

    /// The same values in the axes `shape`, of which the first is that of the rows.
    fn reshaped(&self, shape: &[i64]) -> Option<Sources> {
        let (rows, rest) = shape.split_first()?;
        let open = rest.iter().filter(|axis| **axis == -1).count();
        let product = rest
            .iter()
            .filter(|axis| **axis > 0)
            .try_fold(1_usize, |product, axis| product.checked_mul(usize::try_from(*axis).ok()?))?;
        // Of one open axis the length is what is left; the axis of rows is open only if no other one is.
        let fits = match (rows, open) {
            (-1, 0) | (0, 0) => product == self.of.len(),
            (0, 1) => product > 0 && self.of.len().is_multiple_of(product),
            _ => false,
        };
        if !fits || rest.contains(&0) {
            return None;
        }
        let left = self.of.len() / product;
        let shape = rest.iter().map(|axis| usize::try_from(*axis).unwrap_or(left)).collect();
        Some(Sources { shape, of: self.of.clone() })
    }
}

fn concat(inputs: &[&Value], axis: i64) -> Option<Sources> {
    let parts: Vec<&Sources> = inputs
        .iter()
        .map(|input| match input {
            Value::Computed(sources) => Some(sources),
            Value::Constant(_) => None,
        })
        .collect::<Option<_>>()?;
    let rank = parts.first()?.shape.len();
    // Without the axis of rows.
    let axis = usize::try_from(if axis < 0 { axis + rank as i64 } else { axis - 1 }).ok()?;
    let others = |sources: &Sources| {
        let mut shape = sources.shape.clone();
        (axis < shape.len()).then(|| shape.remove(axis)).map(|_| shape)
    };
    let around = others(parts[0])?;
    if parts.iter().any(|part| others(part).as_ref() != Some(&around)) {
        return None;
    }
    let outer: usize = around[..axis].iter().product();
    let inner: usize = around[axis..].iter().product();
    let mut of = Vec::new();
    for index in 0..outer {
        for part in &parts {
            let width = part.shape[axis] * inner;
            of.extend_from_slice(&part.of[index * width..][..width]);
        }
    }
    let mut shape = around;
    shape.insert(axis, parts.iter().map(|part| part.shape[axis]).sum());
    Some(Sources { shape, of })
}

/// Values that are made of those at the same places of all inputs, which are brought to one shape as ONNX has it.
fn pointwise(inputs: &[&Value]) -> Option<Sources> {
    let computed = |input: &&&Value| matches!(input, Value::Computed(_));
    let rank = match inputs.iter().find(computed)? {
        Value::Computed(sources) => sources.shape.len(),
        Value::Constant(_) => return None,
    };
    // For each input its axes behind that of the rows, filled up with ones from the left.
    let shape_of = |input: &&Value| -> Option<Vec<usize>> {
        let shape = match input {
            Value::Computed(sources) if sources.shape.len() == rank => sources.shape.as_slice(),
            Value::Constant(tensor) if tensor.rank() <= rank => tensor.shape(),
            // One row, which stands for all.
            Value::Constant(tensor) if tensor.rank() == rank + 1 && tensor.shape()[0] == 1 => &tensor.shape()[1..],
            _ => return None,
        };
        Some(std::iter::repeat_n(1, rank - shape.len()).chain(shape.iter().copied()).collect())
    };
    let shapes: Vec<Vec<usize>> = inputs.iter().map(shape_of).collect::<Option<_>>()?;
    let longest = |axis: usize| shapes.iter().map(|shape| shape[axis]).find(|n| *n != 1).unwrap_or(1);
    let shape: Vec<usize> = (0..rank).map(longest).collect();
    if shapes.iter().any(|other| other.iter().zip(&shape).any(|(have, n)| *have != 1 && have != n)) {
        return None;
    }
    let values = shape.iter().try_fold(1_usize, |product, n| product.checked_mul(*n))?;
    if values > MOST_VALUES {
        return None;
    }
    let mut of = vec![None; values];
    for (input, own) in inputs.iter().zip(&shapes) {
        let Value::Computed(sources) = input else { continue };
        for (place, of) in of.iter_mut().enumerate() {
            let (mut rest, mut at, mut stride) = (place, 0, 1);
            for (n, own) in shape.iter().zip(own).rev() {
                at += if *own == 1 { 0 } else { rest % n * stride };
                (rest, stride) = (rest / n, stride * own);
            }
            match (*of, sources.of[at]) {
                (Some(one), Some(other)) if one != other => return None,
                (_, None) => {}
                (_, source) => *of = source,
            }
        }
    }
    Some(Sources { shape, of })
}

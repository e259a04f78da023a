use std::fmt;

use serde::Serialize;

pub use crate::data::{ElementType, FeatureNeeds, NamedFeature};

/// One axis of a tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Dimension {
    /// Always this long.
    Fixed(usize),
    /// Any length; the name is the model's, `?` where it gives none.
    Symbol(String),
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dimension::Fixed(n) => write!(f, "{n}"),
            Dimension::Symbol(name) => f.write_str(name),
        }
    }
}

/// A named input or output of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorSpec {
    /// The model's name for it.
    pub name: String,
    /// Type of its elements.
    pub element: ElementType,
    /// Its axes; the first is the batch.
    pub shape: Vec<Dimension>,
}

impl fmt::Display for TensorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}[", self.name, self.element)?;
        for (i, dimension) in self.shape.iter().enumerate() {
            write!(f, "{}{dimension}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}

/// What goes into a model and what comes out, as the model declares it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Signature {
    /// Inputs, in the model's order.
    pub inputs: Vec<TensorSpec>,
    /// Outputs, in the model's order.
    pub outputs: Vec<TensorSpec>,
}

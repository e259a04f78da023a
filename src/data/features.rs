use std::fmt;

use arrow_schema::DataType;
use serde::Serialize;

/// Element types of model inputs and outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the ONNX element types'")]
pub enum ElementType {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float32,
    Float64,
    String,
}

impl ElementType {
    /// The Arrow type that a column must have to be given to an input of this type.
    pub fn arrow(self) -> DataType {
        match self {
            ElementType::Bool => DataType::Boolean,
            ElementType::Int8 => DataType::Int8,
            ElementType::Int16 => DataType::Int16,
            ElementType::Int32 => DataType::Int32,
            ElementType::Int64 => DataType::Int64,
            ElementType::Uint8 => DataType::UInt8,
            ElementType::Uint16 => DataType::UInt16,
            ElementType::Uint32 => DataType::UInt32,
            ElementType::Uint64 => DataType::UInt64,
            ElementType::Float32 => DataType::Float32,
            ElementType::Float64 => DataType::Float64,
            ElementType::String => DataType::Utf8,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ElementType::Bool => "bool",
            ElementType::Int8 => "int8",
            ElementType::Int16 => "int16",
            ElementType::Int32 => "int32",
            ElementType::Int64 => "int64",
            ElementType::Uint8 => "uint8",
            ElementType::Uint16 => "uint16",
            ElementType::Uint32 => "uint32",
            ElementType::Uint64 => "uint64",
            ElementType::Float32 => "float32",
            ElementType::Float64 => "float64",
            ElementType::String => "string",
        })
    }
}

/// A column that the model asks for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFeature {
    /// The column's name.
    pub name: String,
    /// The element type it is converted to.
    pub element: ElementType,
}

/// The columns that a scorer takes from each record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeatureNeeds {
    /// One input of shape `[N, features]`: so many columns of one type, in the order of the data or of `--features`.
    Table {
        /// Element type of every column.
        element: ElementType,
        /// How many columns; `None` when the model leaves the axis open.
        count: Option<usize>,
    },
    /// One column for each of several inputs, by name.
    Named(Vec<NamedFeature>),
    /// Whatever columns there are, in their own types.
    Anything,
}

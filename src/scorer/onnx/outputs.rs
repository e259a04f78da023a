//! Tensors that come out of the graph, as columns of predictions.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::types::*;
use arrow_array::{ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray, StringArray};
use arrow_schema::{Field, Schema, SchemaRef};
use tract_onnx::pb::GraphProto;
use tract_onnx::prelude::*;

use super::classes;
use super::dry_run::DryRun;
use crate::data::ElementType;

/// Where the columns of the predictions come from.
#[derive(Debug)]
pub(super) struct OutputLayout {
    schema: SchemaRef,
    outputs: Vec<OutputShape>,
}

#[derive(Debug, Clone)]
struct OutputShape {
    name: String,
    /// Which of the graph's outputs it is.
    index: usize,
    element: ElementType,
    /// The axis of the rows.
    axis: usize,
    /// Values a row.
    width: usize,
}

impl OutputLayout {
    /// The layout of the outputs of `graph`, which came out of `run`. Those that are the same for all rows (the names of
    /// classes) are left out, unless there is nothing else.
    pub(super) fn of_run(graph: &GraphProto, run: &DryRun) -> Result<Self, String> {
        let mut outputs = Vec::new();
        for (index, (output, tensor)) in graph.output.iter().zip(&run.outputs).enumerate() {
            let name = output.name.clone();
            let Some(axis) = run.axes[index] else { continue };
            let Some(element) = element(tensor.datum_type()) else {
                return Err(format!("its output {name} is of an element type that is not supported"));
            };
            let width = tensor.shape().iter().enumerate().filter(|(other, _)| *other != axis).map(|(_, n)| n).product();
            outputs.push(OutputShape { name, index, element, axis, width });
        }
        if let ([], Some(output), Some(tensor)) = (&outputs[..], graph.output.first(), run.outputs.first()) {
            let (name, shape) = (&output.name, tensor.shape());
            return Err(format!(
                "its output {name} has the shape {shape:?} for any number of rows, and not one result a row"
            ));
        }
        let names = column_names(graph, &outputs);
        let mut unique = Unique::default();
        let fields: Vec<Field> = outputs
            .iter()
            .flat_map(|output| std::iter::repeat_n(output.element.arrow(), output.width))
            .zip(names)
            .map(|(data_type, name)| Field::new(unique.name(name), data_type, false))
            .collect();
        if fields.is_empty() {
            return Err("its outputs hold no values".to_owned());
        }
        Ok(OutputLayout { schema: Arc::new(Schema::new(fields)), outputs })
    }

    /// The columns of the predictions.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Number and element type of each output that gives columns.
    pub(super) fn outputs(&self) -> impl Iterator<Item = (usize, ElementType)> {
        self.outputs.iter().map(|output| (output.index, output.element))
    }

    /// Columns to be filled with the results of `rows` rows.
    pub(super) fn columns(&self, rows: usize) -> OutputColumns {
        let columns = |output: &OutputShape| OfOutput {
            index: output.index,
            axis: output.axis,
            columns: Columns::new(output.element, output.width, rows),
        };
        OutputColumns(self.outputs.iter().map(columns).collect())
    }
}

/// A classifier gives `prediction` and `probability_<class>`; anything else `prediction` (numbered when it is of
/// several values), then its further outputs under their own names.
fn column_names(graph: &GraphProto, outputs: &[OutputShape]) -> Vec<String> {
    let is_float = |output: &OutputShape| matches!(output.element, ElementType::Float32 | ElementType::Float64);
    let numbered = |name: &str, width: usize| -> Vec<String> {
        if width == 1 { vec![name.to_owned()] } else { (0..width).map(|i| format!("{name}_{i}")).collect() }
    };
    let plain = |outputs: &[OutputShape]| -> Vec<String> {
        outputs.iter().flat_map(|output| numbered(&output.name, output.width)).collect()
    };
    let [first, rest @ ..] = outputs else { return vec![] };
    let mut names = numbered("prediction", first.width);
    let is_label = matches!(first.element, ElementType::Int64 | ElementType::Int32 | ElementType::String);
    if !is_label || first.width != 1 {
        names.extend(plain(rest));
        return names;
    }
    let classes = classes::of_label(graph, &first.name);
    let probability = |class: &String| format!("probability_{class}");
    match (rest, classes) {
        ([scores, more @ ..], classes) if is_float(scores) && scores.width > 1 => {
            let classes = classes
                .filter(|classes| classes.len() == scores.width)
                .unwrap_or_else(|| (0..scores.width).map(|class| class.to_string()).collect());
            names.extend(classes.iter().map(probability));
            names.extend(plain(more));
        }
        // ZipMap's option `columns`: one output a class, which ends in the class's name.
        (rest, Some(classes))
            if rest.len() == classes.len()
                && rest
                    .iter()
                    .zip(&classes)
                    .all(|(o, class)| is_float(o) && o.width == 1 && o.name.ends_with(class)) =>
        {
            names.extend(classes.iter().map(probability));
        }
        (rest, _) => names.extend(plain(rest)),
    }
    names
}

/// Keeps names apart by numbering those that come again.
#[derive(Default)]
struct Unique(HashSet<String>);

impl Unique {
    fn name(&mut self, wanted: String) -> String {
        let mut name = wanted.clone();
        let mut number = 2;
        while !self.0.insert(name.clone()) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        name
    }
}

/// The element type that the values of a tensor are given out as.
fn element(datum_type: DatumType) -> Option<ElementType> {
    Some(match datum_type {
        DatumType::Bool => ElementType::Bool,
        DatumType::I8 => ElementType::Int8,
        DatumType::I16 => ElementType::Int16,
        DatumType::I32 => ElementType::Int32,
        // tract's dimensions are what ONNX has int64 for.
        DatumType::I64 | DatumType::TDim => ElementType::Int64,
        DatumType::U8 => ElementType::Uint8,
        DatumType::U16 => ElementType::Uint16,
        DatumType::U32 => ElementType::Uint32,
        DatumType::U64 => ElementType::Uint64,
        DatumType::F16 | DatumType::F32 => ElementType::Float32,
        DatumType::F64 => ElementType::Float64,
        DatumType::String => ElementType::String,
        _ => return None,
    })
}

/// Columns being filled, run by run.
pub(super) struct OutputColumns(Vec<OfOutput>);

struct OfOutput {
    index: usize,
    axis: usize,
    columns: Columns,
}

impl OutputColumns {
    /// Adds the first `rows` rows of the outputs of a run.
    pub(super) fn extend(&mut self, run: &[TValue], rows: usize) -> TractResult<()> {
        for OfOutput { index, axis, columns } in &mut self.0 {
            let tensor = run.get(*index).ok_or_else(|| TractError::msg(format!("the model gave no output {index}")))?;
            if *axis == 0 {
                columns.extend(tensor, rows)?;
            } else {
                columns.extend(&tensor.clone().into_tensor().move_axis(*axis, 0)?, rows)?;
            }
        }
        Ok(())
    }

    /// The columns, in the schema's order.
    pub(super) fn finish(self) -> Vec<ArrayRef> {
        self.0.into_iter().flat_map(|of_output| of_output.columns.finish()).collect()
    }
}

/// The columns of one output.
enum Columns {
    Bool(Vec<Vec<bool>>),
    Int8(Vec<Vec<i8>>),
    Int16(Vec<Vec<i16>>),
    Int32(Vec<Vec<i32>>),
    Int64(Vec<Vec<i64>>),
    Uint8(Vec<Vec<u8>>),
    Uint16(Vec<Vec<u16>>),
    Uint32(Vec<Vec<u32>>),
    Uint64(Vec<Vec<u64>>),
    Float32(Vec<Vec<f32>>),
    Float64(Vec<Vec<f64>>),
    String(Vec<Vec<String>>),
}

impl Columns {
    fn new(element: ElementType, width: usize, rows: usize) -> Self {
        fn empty<V>(width: usize, rows: usize) -> Vec<Vec<V>> {
            (0..width).map(|_| Vec::with_capacity(rows)).collect()
        }
        match element {
            ElementType::Bool => Columns::Bool(empty(width, rows)),
            ElementType::Int8 => Columns::Int8(empty(width, rows)),
            ElementType::Int16 => Columns::Int16(empty(width, rows)),
            ElementType::Int32 => Columns::Int32(empty(width, rows)),
            ElementType::Int64 => Columns::Int64(empty(width, rows)),
            ElementType::Uint8 => Columns::Uint8(empty(width, rows)),
            ElementType::Uint16 => Columns::Uint16(empty(width, rows)),
            ElementType::Uint32 => Columns::Uint32(empty(width, rows)),
            ElementType::Uint64 => Columns::Uint64(empty(width, rows)),
            ElementType::Float32 => Columns::Float32(empty(width, rows)),
            ElementType::Float64 => Columns::Float64(empty(width, rows)),
            ElementType::String => Columns::String(empty(width, rows)),
        }
    }

    fn extend(&mut self, tensor: &Tensor, rows: usize) -> TractResult<()> {
        match self {
            Columns::Bool(columns) => append(columns, tensor, rows),
            Columns::Int8(columns) => append(columns, tensor, rows),
            Columns::Int16(columns) => append(columns, tensor, rows),
            Columns::Int32(columns) => append(columns, tensor, rows),
            Columns::Int64(columns) => append(columns, tensor, rows),
            Columns::Uint8(columns) => append(columns, tensor, rows),
            Columns::Uint16(columns) => append(columns, tensor, rows),
            Columns::Uint32(columns) => append(columns, tensor, rows),
            Columns::Uint64(columns) => append(columns, tensor, rows),
            Columns::Float32(columns) => append(columns, tensor, rows),
            Columns::Float64(columns) => append(columns, tensor, rows),
            Columns::String(columns) => append(columns, tensor, rows),
        }
    }

    fn finish(self) -> Vec<ArrayRef> {
        fn arrays<T: ArrowPrimitiveType>(columns: Vec<Vec<T::Native>>) -> Vec<ArrayRef> {
            let array = |values: Vec<T::Native>| Arc::new(PrimitiveArray::<T>::new(values.into(), None)) as ArrayRef;
            columns.into_iter().map(array).collect()
        }
        match self {
            Columns::Bool(columns) => {
                columns.into_iter().map(|c| Arc::new(BooleanArray::from(c)) as ArrayRef).collect()
            }
            Columns::Int8(columns) => arrays::<Int8Type>(columns),
            Columns::Int16(columns) => arrays::<Int16Type>(columns),
            Columns::Int32(columns) => arrays::<Int32Type>(columns),
            Columns::Int64(columns) => arrays::<Int64Type>(columns),
            Columns::Uint8(columns) => arrays::<UInt8Type>(columns),
            Columns::Uint16(columns) => arrays::<UInt16Type>(columns),
            Columns::Uint32(columns) => arrays::<UInt32Type>(columns),
            Columns::Uint64(columns) => arrays::<UInt64Type>(columns),
            Columns::Float32(columns) => arrays::<Float32Type>(columns),
            Columns::Float64(columns) => arrays::<Float64Type>(columns),
            Columns::String(columns) => {
                columns.into_iter().map(|c| Arc::new(StringArray::from(c)) as ArrayRef).collect()
            }
        }
    }
}

/// Adds the first `rows` rows of `tensor`, row-major, to one column for each value of a row.
fn append<V: Datum + Clone>(columns: &mut [Vec<V>], tensor: &Tensor, rows: usize) -> TractResult<()> {
    let tensor = tensor.cast_to::<V>()?;
    let values = tensor.try_as_plain_ram()?.as_slice::<V>()?;
    let width = columns.len();
    match (columns, values.get(..rows * width)) {
        ([], _) => {}
        ([column], Some(values)) => column.extend_from_slice(values),
        (columns, Some(values)) => {
            for (index, column) in columns.iter_mut().enumerate() {
                column.extend(values.chunks_exact(width).map(|row| row[index].clone()));
            }
        }
        (_, None) => {
            return Err(TractError::msg(format!("the model gave {} values for {rows} rows of {width}", values.len())));
        }
    }
    Ok(())
}

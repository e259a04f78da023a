//! The table of features that a head's scorer reads, told as what becomes of the columns of a mini-batch.
//!
//! A graph is followed from its inputs on, through operators that put columns side by side, change each by itself, or
//! encode texts and categories; nothing is computed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::prelude::*;

use super::has_subgraphs;
use crate::scorer::onnx::ops::columns::{self, FeatureStep};
use crate::scorer::onnx::ops::label_encoder::{LabelEncoder, NumberEncoder};
use crate::scorer::onnx::ops::one_hot_encoder::OneHotEncoder;
use crate::scorer::{Dimension, ElementType, TensorSpec};

/// Features beside each other, shape `[N, F]`.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) parts: Vec<Part>,
    /// What its values are to the graph.
    element: ElementType,
    /// Its shape is `[N, 1, F]`: an encoder's new axis is not yet that of the features.
    is_deep: bool,
}

/// One feature, or those that are made of one category.
#[derive(Clone)]
pub(super) struct Part {
    /// The column of the mini-batch that it is made of.
    pub(super) column: usize,
    pub(super) encoder: Encoder,
    /// What changes it then, in order.
    pub(super) steps: Vec<Applied>,
}

/// How a column's values become features.
#[derive(Clone)]
pub(super) enum Encoder {
    /// They are what they are.
    None,
    Number(Arc<NumberEncoder>),
    OneHot(Arc<OneHotEncoder>),
}

/// A step, at its place in the table that the step's operator reads.
#[derive(Clone)]
pub(super) struct Applied {
    pub(super) step: Arc<dyn FeatureStep>,
    pub(super) index: usize,
    /// Features of that table.
    pub(super) features: usize,
}

impl Part {
    /// Number of features.
    pub(super) fn width(&self) -> usize {
        match &self.encoder {
            Encoder::OneHot(encoder) => encoder.width(),
            _ => 1,
        }
    }

    /// Whether it is a column as it came.
    fn is_raw(&self) -> bool {
        matches!(self.encoder, Encoder::None) && self.steps.is_empty()
    }
}

impl Table {
    /// Number of features.
    pub(super) fn width(&self) -> usize {
        self.parts.iter().map(Part::width).sum()
    }

    fn is_of_numbers(&self) -> bool {
        matches!(self.element, ElementType::Float32 | ElementType::Int64) && !self.has_one_hot()
    }

    fn has_one_hot(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.encoder, Encoder::OneHot(_)))
    }
}

/// A table, and where in the graph it is made.
pub(super) struct Found {
    pub(super) table: Table,
    /// Places of the nodes that make it.
    pub(super) taken: BTreeSet<usize>,
    /// The place of the scorer, the only reader of the table.
    pub(super) last: usize,
}

/// Whether an operator does something to values, or only moves them.
pub(super) fn computes(operator: &str) -> bool {
    matches!(operator, "Imputer" | "LabelEncoder" | "OneHotEncoder" | "Scaler")
}

/// The table that a scorer reads, if it and the scorer stand between `inputs` and all else that the graph does. Errors are
/// those of operators with malformed attributes.
pub(super) fn before_scorer(graph: &GraphProto, inputs: &[TensorSpec]) -> TractResult<Option<Found>> {
    if graph.node.iter().any(has_subgraphs) {
        return Ok(None);
    }
    let Some(mut tables) = of_inputs(inputs) else { return Ok(None) };
    let mut made_by: HashMap<&str, usize> = HashMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        if columns::is_scorer(node) {
            let [input] = node.input.as_slice() else { return Ok(None) };
            let Some(table) = tables.remove(input.as_str()) else { continue };
            let taken = nodes_before(graph, input, &made_by);
            let is_left = table.is_deep
                || table.element == ElementType::String
                || is_read_elsewhere(graph, inputs, &taken, index);
            return Ok(if is_left { None } else { Some(Found { table, taken, last: index }) });
        }
        let [output] = node.output.as_slice() else { continue };
        if let Some(table) = follow(graph, node, &tables)? {
            tables.insert(output, table);
            made_by.insert(output, index);
        }
    }
    Ok(None)
}

/// The inputs as tables of raw columns: a table of them, or a column each.
fn of_inputs(inputs: &[TensorSpec]) -> Option<HashMap<&str, Table>> {
    let mut tables = HashMap::new();
    let mut first = 0;
    for TensorSpec { name, element, shape } in inputs {
        let (
            [Dimension::Symbol(_), Dimension::Fixed(columns)],
            ElementType::Float32 | ElementType::Int64 | ElementType::String,
        ) = (shape.as_slice(), element)
        else {
            return None;
        };
        let part = |column| Part { column, encoder: Encoder::None, steps: Vec::new() };
        let parts = (first..first + columns).map(part).collect();
        first += columns;
        tables.insert(name.as_str(), Table { parts, element: *element, is_deep: false });
    }
    Some(tables)
}

/// The nodes that `value` is made by.
fn nodes_before(graph: &GraphProto, value: &str, made_by: &HashMap<&str, usize>) -> BTreeSet<usize> {
    let mut taken = BTreeSet::new();
    let mut values = vec![value];
    while let Some(value) = values.pop() {
        if let Some(&index) = made_by.get(value)
            && taken.insert(index)
        {
            values.extend(graph.node[index].input.iter().map(String::as_str));
        }
    }
    taken
}

/// Whether the graph uses `inputs`, or what the nodes `taken` make, otherwise than through the node `last`.
fn is_read_elsewhere(graph: &GraphProto, inputs: &[TensorSpec], taken: &BTreeSet<usize>, last: usize) -> bool {
    let made = taken.iter().flat_map(|index| &graph.node[*index].output);
    let values: BTreeSet<&String> = inputs.iter().map(|input| &input.name).chain(made).collect();
    let others = graph.node.iter().enumerate().filter(|(index, _)| *index != last && !taken.contains(index));
    others
        .flat_map(|(_, node)| &node.input)
        .chain(graph.output.iter().map(|output| &output.name))
        .any(|name| values.contains(name))
}

/// What `node` makes of the tables that are known, if that is such a table again.
fn follow(graph: &GraphProto, node: &NodeProto, tables: &HashMap<&str, Table>) -> TractResult<Option<Table>> {
    let inputs: Vec<Option<&Table>> = node.input.iter().map(|name| tables.get(name.as_str())).collect();
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name).map(|a| a.i);
    match (node.op_type.as_str(), inputs.as_slice()) {
        ("Identity", [Some(table)]) => Ok(Some((*table).clone())),
        ("Cast", [Some(table)]) => Ok(cast(table, attribute("to"))),
        ("Concat", tables) => {
            Ok(tables.iter().copied().collect::<Option<Vec<_>>>().and_then(|t| beside(&t, attribute("axis"))))
        }
        ("Flatten", [Some(table)]) => Ok((attribute("axis").unwrap_or(1) == 1).then(|| flat(table))),
        ("Reshape", [Some(table), None]) => {
            let shape = constant(graph, &node.input[1])?;
            let width = table.width() as i64;
            let keeps =
                matches!(shape.as_deref(), Some([-1 | 0, last]) if *last == width && attribute("allowzero").is_none());
            Ok(keeps.then(|| flat(table)))
        }
        ("ArrayFeatureExtractor", [Some(table), None]) => picked(graph, table, &node.input[1]),
        ("Gather", [Some(table), None]) if attribute("axis") == Some(1) => picked(graph, table, &node.input[1]),
        ("LabelEncoder", [Some(table)]) => labels(node, table),
        ("OneHotEncoder", [Some(table)]) => categories(node, table),
        (_, [Some(table)]) => stepped(node, table),
        _ => Ok(None),
    }
}

/// The values are numbers of float32 already where they are computed.
fn cast(table: &Table, to: Option<i64>) -> Option<Table> {
    let to = to.and_then(|to| DataType::try_from(to as i32).ok())?;
    let element = match (table.element, to) {
        (ElementType::Float32 | ElementType::Int64, DataType::Float) => ElementType::Float32,
        (ElementType::Int64, DataType::Int64) => ElementType::Int64,
        (ElementType::String, DataType::String) => ElementType::String,
        _ => return None,
    };
    Some(Table { element, ..table.clone() })
}

fn beside(tables: &[&Table], axis: Option<i64>) -> Option<Table> {
    let first = tables.first()?;
    let same = tables.iter().all(|table| table.element == first.element && table.is_deep == first.is_deep);
    let last_axis = if first.is_deep { 2 } else { 1 };
    let parts = tables.iter().flat_map(|table| table.parts.iter().cloned()).collect();
    (same && axis.is_some_and(|axis| axis == -1 || axis == last_axis)).then_some(Table { parts, ..(*first).clone() })
}

fn flat(table: &Table) -> Table {
    Table { is_deep: false, ..table.clone() }
}

/// Columns of `table` by their numbers, which are the constant `numbers` of one axis.
fn picked(graph: &GraphProto, table: &Table, numbers: &str) -> TractResult<Option<Table>> {
    let Some(numbers) = constant(graph, numbers)? else { return Ok(None) };
    if table.is_deep || table.has_one_hot() {
        return Ok(None);
    }
    let part = |number: &i64| usize::try_from(*number).ok().and_then(|number| table.parts.get(number)).cloned();
    Ok(numbers.iter().map(part).collect::<Option<Vec<_>>>().map(|parts| Table { parts, ..table.clone() }))
}

/// The integers of an initial value of one axis.
fn constant(graph: &GraphProto, name: &str) -> TractResult<Option<Vec<i64>>> {
    let Some(proto) = graph.initializer.iter().find(|tensor| tensor.name == name) else { return Ok(None) };
    let is_plain = proto.data_type == DataType::Int64 as i32 && proto.data_location() != DataLocation::External;
    if !is_plain || proto.dims.len() != 1 {
        return Ok(None);
    }
    let tensor = tract_onnx::tensor::load_tensor(&MmapDataResolver, proto, None)?;
    Ok(Some(tensor.try_as_plain_ram()?.as_slice::<i64>()?.to_vec()))
}

fn stepped(node: &NodeProto, table: &Table) -> TractResult<Option<Table>> {
    if !columns::is_step(node) || table.is_deep || !table.is_of_numbers() {
        return Ok(None);
    }
    let Some(step) = columns::step(node)? else { return Ok(None) };
    let features = table.parts.len();
    if step.features().is_some_and(|wanted| wanted != features) {
        return Ok(None);
    }
    let step: Arc<dyn FeatureStep> = Arc::from(step);
    let mut table = Table { element: ElementType::Float32, ..table.clone() };
    for (index, part) in table.parts.iter_mut().enumerate() {
        part.steps.push(Applied { step: Arc::clone(&step), index, features });
    }
    Ok(Some(table))
}

fn labels(node: &NodeProto, table: &Table) -> TractResult<Option<Table>> {
    if table.is_deep || !table.parts.iter().all(Part::is_raw) {
        return Ok(None);
    }
    let Some(encoder) = LabelEncoder::of(node)?.into_numbers()? else { return Ok(None) };
    if !is_for(table, encoder.takes_texts()) {
        return Ok(None);
    }
    let element = if encoder.gives_integers() { ElementType::Int64 } else { ElementType::Float32 };
    let mut table = Table { element, ..table.clone() };
    let encoder = Arc::new(encoder);
    table.parts.iter_mut().for_each(|part| part.encoder = Encoder::Number(Arc::clone(&encoder)));
    Ok(Some(table))
}

fn categories(node: &NodeProto, table: &Table) -> TractResult<Option<Table>> {
    let [part] = table.parts.as_slice() else { return Ok(None) };
    if table.is_deep || !part.is_raw() {
        return Ok(None);
    }
    let encoder = OneHotEncoder::of(node)?;
    let parts = vec![Part { encoder: Encoder::OneHot(Arc::new(encoder)), ..part.clone() }];
    let Some(Part { encoder: Encoder::OneHot(encoder), .. }) = parts.first() else { return Ok(None) };
    let is_for = is_for(table, encoder.takes_texts());
    Ok(is_for.then_some(Table { parts, element: ElementType::Float32, is_deep: true }))
}

/// Whether the raw columns of `table` are texts for an encoder that takes texts, or integers for one that takes these.
fn is_for(table: &Table, takes_texts: bool) -> bool {
    table.element == if takes_texts { ElementType::String } else { ElementType::Int64 }
}

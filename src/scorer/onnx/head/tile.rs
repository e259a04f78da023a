//! A head at work: the columns of a mini-batch, tile by tile, through its encoders and steps into its scorer.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float32Array, Int64Array, StringArray};
use arrow_schema::DataType;
use tract_onnx::prelude::*;

use super::Head;
use super::table::{Encoder, Part};
use crate::data::ElementType;
use crate::scorer::onnx::ops::columns::{ABSENT, Feature};

/// A column as it came.
enum Column<'a> {
    Floats(&'a [f32]),
    Ints(&'a [i64]),
    Texts(&'a StringArray),
}

impl<'a> Column<'a> {
    fn of(array: &'a ArrayRef) -> TractResult<Self> {
        Ok(match array.data_type() {
            DataType::Float32 => Column::Floats(array.as_primitive::<Float32Type>().values()),
            DataType::Int64 => Column::Ints(array.as_primitive::<Int64Type>().values()),
            DataType::Utf8 => Column::Texts(array.as_string::<i32>()),
            other => return Err(TractError::msg(format!("the model is given a column of {other}"))),
        })
    }
}

/// The text of a row. A missing one is the empty text, as in an empty cell.
fn text(texts: &StringArray, row: usize) -> &str {
    if texts.is_null(row) { "" } else { texts.value(row) }
}

/// Room for what the parts of a tile become, used again for every tile.
struct Room {
    /// Values of a tile for each part that does not lie in a column as it is.
    numbers: Vec<f32>,
    /// Places of a tile for each category.
    places: Vec<u32>,
    /// Rows of a tile.
    rows: usize,
}

impl Head {
    /// Its outputs for the rows `range` of `columns`.
    pub(in super::super) fn eval(&self, columns: &[ArrayRef], range: Range<usize>) -> TractResult<TVec<TValue>> {
        if columns.len() != self.elements.len() {
            let (wanted, given) = (self.elements.len(), columns.len());
            return Err(TractError::msg(format!("the model is made for {wanted} features, not {given}")));
        }
        let columns: Vec<Column> = columns.iter().map(Column::of).collect::<TractResult<_>>()?;
        let width = self.scorer.width();
        let mut scores = Tensor::zero::<f32>(&[range.len(), width])?;
        {
            let rows = self.scorer.rows().min(range.len()).max(1);
            let mut room =
                Room { numbers: vec![0.0; self.numbers * rows], places: vec![ABSENT; self.categories * rows], rows };
            let mut view = scores.try_as_plain_ram_mut()?;
            let tiles = view.as_slice_mut::<f32>()?.chunks_mut(width * rows);
            for (tile, start) in tiles.zip(range.clone().step_by(rows)) {
                let features = self.features(&columns, start..range.end.min(start + rows), &mut room)?;
                self.scorer.scores(&features, tile);
            }
        }
        self.scorer.finish(scores)
    }

    /// The features of the rows `range`.
    fn features<'a>(
        &'a self,
        columns: &[Column<'a>],
        range: Range<usize>,
        room: &'a mut Room,
    ) -> TractResult<Vec<Feature<'a>>> {
        let mut numbers = room.numbers.chunks_exact_mut(room.rows);
        let mut places = room.places.chunks_exact_mut(room.rows);
        let mut features = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let column = &columns[part.column];
            match (&part.encoder, column) {
                (Encoder::None, Column::Floats(values)) if part.steps.is_empty() => {
                    features.push(Feature::Numbers(&values[range.clone()]));
                }
                (Encoder::OneHot(encoder), _) => {
                    let places = places.next().map_or(&mut [][..], |places| &mut places[..range.len()]);
                    set_places(part, column, range.clone(), places)?;
                    if self.scorer.takes_categories() {
                        features.push(Feature::Category { places, width: encoder.width() });
                    } else {
                        for category in 0..encoder.width() as u32 {
                            let out = numbers.next().map_or(&mut [][..], |numbers| &mut numbers[..range.len()]);
                            for (out, place) in out.iter_mut().zip(&*places) {
                                *out = if *place == category { 1.0 } else { 0.0 };
                            }
                            features.push(Feature::Numbers(out));
                        }
                    }
                }
                _ => {
                    let out = numbers.next().map_or(&mut [][..], |numbers| &mut numbers[..range.len()]);
                    set_numbers(part, column, range.clone(), out);
                    part.steps.iter().for_each(|applied| applied.step.apply(applied.index, applied.features, out));
                    features.push(Feature::Numbers(out));
                }
            }
        }
        Ok(features)
    }
}

/// The places of a column's categories.
fn set_places(part: &Part, column: &Column, range: Range<usize>, out: &mut [u32]) -> TractResult<()> {
    let Encoder::OneHot(encoder) = &part.encoder else { return Ok(()) };
    match column {
        Column::Texts(texts) => {
            for (out, row) in out.iter_mut().zip(range) {
                *out = encoder.of_text(text(texts, row))?.unwrap_or(ABSENT);
            }
        }
        Column::Ints(values) => {
            for (out, value) in out.iter_mut().zip(&values[range]) {
                *out = encoder.of_int(*value)?.unwrap_or(ABSENT);
            }
        }
        Column::Floats(_) => return Err(TractError::msg("categories are texts or integers".to_owned())),
    }
    Ok(())
}

/// The numbers of a column, before they go through the steps.
fn set_numbers(part: &Part, column: &Column, range: Range<usize>, out: &mut [f32]) {
    match (&part.encoder, column) {
        (Encoder::Number(encoder), Column::Texts(texts)) => {
            out.iter_mut().zip(range).for_each(|(out, row)| *out = encoder.of_text(text(texts, row)));
        }
        (Encoder::Number(encoder), Column::Ints(values)) => {
            out.iter_mut().zip(&values[range]).for_each(|(out, value)| *out = encoder.of_int(*value));
        }
        (_, Column::Ints(values)) => {
            out.iter_mut().zip(&values[range]).for_each(|(out, value)| *out = *value as f32);
        }
        (_, Column::Floats(values)) => out.copy_from_slice(&values[range]),
        // Texts are encoded.
        (_, Column::Texts(_)) => out.fill(f32::NAN),
    }
}

/// Columns of `rows` rows, as a head is first run with.
pub(super) fn zeros(elements: &[ElementType], rows: usize) -> Vec<ArrayRef> {
    let zeros = |element: &ElementType| -> ArrayRef {
        match element {
            ElementType::String => Arc::new(StringArray::from(vec!["0"; rows])),
            ElementType::Int64 => Arc::new(Int64Array::from(vec![0; rows])),
            _ => Arc::new(Float32Array::from(vec![0.0; rows])),
        }
    };
    elements.iter().map(zeros).collect()
}

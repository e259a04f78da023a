//! Columns of a mini-batch as the tensors that the graph takes.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef};
use tract_onnx::prelude::*;

use crate::data::ElementType;

/// The records `range` of `columns` (each of the Arrow type of `element`), as a tensor of shape `[padded, columns]`, or
/// `[padded]` when `rank` is 1. Rows beyond the records repeat the last one; there is at least one record.
pub(super) fn tensor(
    columns: &[ArrayRef],
    range: Range<usize>,
    element: ElementType,
    rank: usize,
    padded: usize,
) -> TractResult<Tensor> {
    let shape = [padded, columns.len()];
    let shape = &shape[..rank];
    match element {
        ElementType::Bool => {
            let column = |column: &ArrayRef| {
                let values = column.as_boolean_opt()?;
                Some(range.clone().map(|row| values.value(row)).collect::<Vec<_>>())
            };
            owned(columns, shape, element, column)
        }
        ElementType::String => {
            let column = |column: &ArrayRef| {
                let values = column.as_string_opt::<i32>()?;
                // A missing text is the empty text, as in an empty cell.
                let text = |row| if values.is_null(row) { String::new() } else { values.value(row).to_owned() };
                Some(range.clone().map(text).collect::<Vec<_>>())
            };
            owned(columns, shape, element, column)
        }
        ElementType::Int8 => primitive::<Int8Type>(columns, range, shape, element),
        ElementType::Int16 => primitive::<Int16Type>(columns, range, shape, element),
        ElementType::Int32 => primitive::<Int32Type>(columns, range, shape, element),
        ElementType::Int64 => primitive::<Int64Type>(columns, range, shape, element),
        ElementType::Uint8 => primitive::<UInt8Type>(columns, range, shape, element),
        ElementType::Uint16 => primitive::<UInt16Type>(columns, range, shape, element),
        ElementType::Uint32 => primitive::<UInt32Type>(columns, range, shape, element),
        ElementType::Uint64 => primitive::<UInt64Type>(columns, range, shape, element),
        ElementType::Float32 => primitive::<Float32Type>(columns, range, shape, element),
        ElementType::Float64 => primitive::<Float64Type>(columns, range, shape, element),
    }
}

fn wrong_type(column: &ArrayRef, element: ElementType) -> TractError {
    TractError::msg(format!("the model takes columns of {element}, and was given one of {}", column.data_type()))
}

/// The values of the records `range` of each of `columns`, which are of type `T`, the Arrow type of `element`.
pub(super) fn slices<T: ArrowPrimitiveType>(
    columns: &[ArrayRef],
    range: Range<usize>,
    element: ElementType,
) -> TractResult<Vec<&[T::Native]>> {
    columns
        .iter()
        .map(|column| match column.as_primitive_opt::<T>() {
            Some(values) => Ok(&values.values()[range.clone()]),
            None => Err(wrong_type(column, element)),
        })
        .collect()
}

fn primitive<T: ArrowPrimitiveType>(
    columns: &[ArrayRef],
    range: Range<usize>,
    shape: &[usize],
    element: ElementType,
) -> TractResult<Tensor>
where
    T::Native: Datum + Copy,
{
    let slices = slices::<T>(columns, range, element)?;
    let mut tensor = Tensor::zero_dt(T::Native::datum_type(), shape)?;
    {
        let mut view = tensor.try_as_plain_ram_mut()?;
        interleave(&slices, view.as_slice_mut::<T::Native>()?);
    }
    Ok(tensor)
}

/// For what cannot be borrowed from Arrow as a slice. These columns are few and short; no care is taken for speed.
fn owned<V: Datum + Default>(
    columns: &[ArrayRef],
    shape: &[usize],
    element: ElementType,
    values: impl Fn(&ArrayRef) -> Option<Vec<V>>,
) -> TractResult<Tensor> {
    let columns = columns
        .iter()
        .map(|column| values(column).ok_or_else(|| wrong_type(column, element)))
        .collect::<TractResult<Vec<_>>>()?;
    let rows = columns.first().map_or(0, Vec::len);
    let row_major =
        (0..shape[0]).flat_map(|row| columns.iter().map(move |column| column[row.min(rows - 1)].clone())).collect();
    Ok(tract_ndarray::ArrayD::from_shape_vec(shape, row_major)?.into_tensor())
}

/// Columns taken at a time: a row's share of them is written as one piece.
const GROUP: usize = 4;

/// Rows written at a time: with every group they are gone over again, so they should stay in a core's nearest cache.
const TILE: usize = 64;

/// Writes `columns`, of equal length and not empty, row by row into `out`, and the last row again into what is left.
fn interleave<V: Copy>(columns: &[&[V]], out: &mut [V]) {
    let width = columns.len();
    let rows = columns.first().map_or(0, |column| column.len());
    if let [column] = columns {
        out[..rows].copy_from_slice(column);
    } else {
        for start in (0..rows).step_by(TILE) {
            let end = rows.min(start + TILE);
            interleave_tile(columns, start..end, &mut out[start * width..end * width]);
        }
    }
    let filled = rows * width;
    if filled < out.len() {
        let (rows, padding) = out.split_at_mut(filled);
        let last = &rows[filled - width..];
        padding.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(last));
    }
}

fn interleave_tile<V: Copy>(columns: &[&[V]], tile: Range<usize>, out: &mut [V]) {
    let width = columns.len();
    let groups = columns.chunks_exact(GROUP);
    let rest = groups.remainder();
    for (index, group) in groups.enumerate() {
        let [a, b, c, d] = group else { unreachable!("chunks of {GROUP}") };
        let [a, b, c, d] = [a, b, c, d].map(|column| &column[tile.clone()]);
        for (row, (((a, b), c), d)) in out.chunks_exact_mut(width).zip(a.iter().zip(b).zip(c).zip(d)) {
            row[index * GROUP..][..GROUP].copy_from_slice(&[*a, *b, *c, *d]);
        }
    }
    let first = width - rest.len();
    for (index, column) in rest.iter().enumerate() {
        for (row, value) in out.chunks_exact_mut(width).zip(&column[tile.clone()]) {
            row[first + index] = *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaves_any_number_of_columns() {
        for width in 1..20 {
            for rows in [1, 5, TILE, TILE + 1, 3 * TILE - 1] {
                let columns: Vec<Vec<usize>> =
                    (0..width).map(|column| (0..rows).map(|row| row * width + column).collect()).collect();
                let slices: Vec<&[usize]> = columns.iter().map(Vec::as_slice).collect();
                let mut out = vec![0; (rows + 2) * width];
                interleave(&slices, &mut out);
                assert_eq!(out[..rows * width], (0..rows * width).collect::<Vec<_>>());
                let last = &out[(rows - 1) * width..rows * width];
                assert_eq!(&out[rows * width..(rows + 1) * width], last);
                assert_eq!(&out[(rows + 1) * width..], last);
            }
        }
    }
}

//! From the types that a file has to the types that the model takes, value by value where a value may not fit.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_buffer::ScalarBuffer;
use arrow_cast::{CastOptions, can_cast_types, cast_with_options};
use arrow_schema::{ArrowError, DataType};

use super::error::show;
use super::lost_values::lost_values;
use super::number::Misfit;
use super::plan::{PlannedColumn, Wanted};
use super::text_column::TextColumn;
use crate::data::{ElementType, in_utc};

/// A value that does not fit its column.
#[derive(Debug)]
pub(super) struct BadValue {
    /// Its place in the column.
    pub index: usize,
    /// Why, in words for the user.
    pub cause: String,
}

/// A value that does not fit, as `explain` writes it.
pub(super) fn explain(column: &PlannedColumn, value: &str, why: Misfit) -> String {
    let element = match column.wanted {
        Wanted::Element(element) => Some(element),
        Wanted::As { .. } => None,
    };
    match why {
        Misfit::Empty => format!("column {:?} {}", column.name, why.explain(element)),
        _ => format!("column {:?}: {value} {}", column.name, why.explain(element)),
    }
}

/// Whether a column whose values have this type can be used at all.
pub(super) fn suits(from: &DataType, wanted: &Wanted) -> bool {
    match wanted {
        Wanted::Element(ElementType::String) => *from == DataType::Utf8 || from.is_integer() || from.is_null(),
        Wanted::Element(_) => from.is_numeric() || matches!(from, DataType::Boolean | DataType::Null),
        Wanted::As { json: true, .. } => {
            *from == DataType::Utf8 || from.is_numeric() || matches!(from, DataType::Boolean)
        }
        Wanted::As { data_type, .. } => from == data_type || can_cast_types(from, data_type),
    }
}

/// Turns a column of a file into what the plan wants. Bad values hold anything in the result.
pub(super) fn convert(array: &ArrayRef, column: &PlannedColumn) -> Result<(ArrayRef, Vec<BadValue>), ArrowError> {
    match &column.wanted {
        Wanted::Element(element) => convert_feature(array, *element, column),
        Wanted::As { json: true, .. } => through_text(array, TextColumn::json(array.len(), false), column),
        Wanted::As { data_type, .. } if array.data_type() == data_type => Ok((Arc::clone(array), Vec::new())),
        Wanted::As { data_type, .. } => {
            let result = cast(array, data_type)?;
            let lost = lost_values(array, &result);
            let bad = lost.into_iter().map(|index| bad_value(array, index, column, Misfit::NotCast)).collect();
            Ok((result, bad))
        }
    }
}

fn convert_feature(
    array: &ArrayRef,
    element: ElementType,
    column: &PlannedColumn,
) -> Result<(ArrayRef, Vec<BadValue>), ArrowError> {
    if array.data_type() == &element.arrow() && (array.null_count() == 0 || element == ElementType::String) {
        return Ok((Arc::clone(array), Vec::new()));
    }
    let plain = match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, values)?,
        DataType::RunEndEncoded(_, values) => cast(array, values.data_type())?,
        DataType::Float16 => cast(array, &DataType::Float32)?,
        // 0 and 1 are what truth values are to a model of numbers.
        DataType::Boolean if element != ElementType::Bool => cast(array, &DataType::UInt8)?,
        DataType::Null if element != ElementType::String => cast(array, &DataType::Float32)?,
        _ => Arc::clone(array),
    };
    match element {
        ElementType::Float32 => floats::<Float32Type>(&plain, column),
        ElementType::Float64 => floats::<Float64Type>(&plain, column),
        ElementType::Int8 => integers::<Int8Type>(&plain, column),
        ElementType::Int16 => integers::<Int16Type>(&plain, column),
        ElementType::Int32 => integers::<Int32Type>(&plain, column),
        ElementType::Int64 => integers::<Int64Type>(&plain, column),
        ElementType::Uint8 => integers::<UInt8Type>(&plain, column),
        ElementType::Uint16 => integers::<UInt16Type>(&plain, column),
        ElementType::Uint32 => integers::<UInt32Type>(&plain, column),
        ElementType::Uint64 => integers::<UInt64Type>(&plain, column),
        ElementType::Bool => through_text(&plain, TextColumn::of(ElementType::Bool, plain.len(), false), column),
        ElementType::String => Ok((cast(&plain, &DataType::Utf8)?, Vec::new())),
    }
}

/// Does the same to a column of any plain number type.
macro_rules! each_number {
    ($array:expr, $typed:ident => $do:expr, _ => $other:expr) => {
        match $array.data_type() {
            DataType::Int8 => {
                let $typed = $array.as_primitive::<Int8Type>();
                $do
            }
            DataType::Int16 => {
                let $typed = $array.as_primitive::<Int16Type>();
                $do
            }
            DataType::Int32 => {
                let $typed = $array.as_primitive::<Int32Type>();
                $do
            }
            DataType::Int64 => {
                let $typed = $array.as_primitive::<Int64Type>();
                $do
            }
            DataType::UInt8 => {
                let $typed = $array.as_primitive::<UInt8Type>();
                $do
            }
            DataType::UInt16 => {
                let $typed = $array.as_primitive::<UInt16Type>();
                $do
            }
            DataType::UInt32 => {
                let $typed = $array.as_primitive::<UInt32Type>();
                $do
            }
            DataType::UInt64 => {
                let $typed = $array.as_primitive::<UInt64Type>();
                $do
            }
            DataType::Float32 => {
                let $typed = $array.as_primitive::<Float32Type>();
                $do
            }
            DataType::Float64 => {
                let $typed = $array.as_primitive::<Float64Type>();
                $do
            }
            _ => $other,
        }
    };
}

pub(super) use each_number;

fn floats<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    column: &PlannedColumn,
) -> Result<(ArrayRef, Vec<BadValue>), ArrowError>
where
    T::Native: Float,
{
    // Decimals are numbers as well, and rounded once.
    let numbers = each_number!(array, _typed => Arc::clone(array), _ => cast(array, &T::DATA_TYPE)?);
    let is_decimal = array.data_type().is_decimal();
    let mut bad = Vec::new();
    let values: Vec<T::Native> = each_number!(numbers, typed => {
        let mut values: Vec<T::Native> = typed.values().iter().map(|value| T::Native::nearest(*value)).collect();
        if values.iter().any(|value| value.is_infinite()) {
            for (index, value) in values.iter().enumerate() {
                let was_finite = is_decimal || !f64::nearest(typed.value(index)).is_infinite();
                if value.is_infinite() && typed.is_valid(index) && was_finite {
                    bad.push(bad_value(array, index, column, Misfit::OutOfRange));
                }
            }
        }
        if let Some(nulls) = typed.nulls() {
            let missing = nulls.inner().iter().enumerate().filter(|(_, valid)| !valid);
            missing.for_each(|(index, _)| values[index] = T::Native::nearest(f64::NAN));
        }
        values
    }, _ => return Err(unexpected(&numbers)));
    Ok((Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), None)), bad))
}

fn integers<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    column: &PlannedColumn,
) -> Result<(ArrayRef, Vec<BadValue>), ArrowError>
where
    T::Native: TryFrom<i128> + Default,
{
    let mut bad = Vec::new();
    let values: Vec<T::Native> = each_number!(array, typed => {
        typed.values().iter().enumerate().map(|(index, value)| {
            let fits = if typed.is_null(index) {
                Err(Misfit::Empty)
            } else {
                let whole = value.whole().ok_or(Misfit::NotWhole);
                whole.and_then(|whole| T::Native::try_from(whole).map_err(|_| Misfit::OutOfRange))
            };
            fits.unwrap_or_else(|why| {
                bad.push(bad_value(array, index, column, why));
                T::Native::default()
            })
        }).collect()
    }, _ => {
        let Wanted::Element(element) = column.wanted else { return Err(unexpected(array)) };
        return through_text(array, TextColumn::of(element, array.len(), false), column);
    });
    Ok((Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), None)), bad))
}

/// A number type that others are turned into, to the nearest value.
trait Nearest<N> {
    fn nearest(number: N) -> Self;
}

/// The two floating-point types that models take.
trait Float:
    Copy
    + Nearest<i8>
    + Nearest<i16>
    + Nearest<i32>
    + Nearest<i64>
    + Nearest<u8>
    + Nearest<u16>
    + Nearest<u32>
    + Nearest<u64>
    + Nearest<f32>
    + Nearest<f64>
{
    fn is_infinite(self) -> bool;
}

macro_rules! floats {
    ($float:ty: $($number:ty),*) => {
        $(impl Nearest<$number> for $float {
            fn nearest(number: $number) -> $float { number as $float }
        })*
        impl Float for $float {
            fn is_infinite(self) -> bool { self.is_infinite() }
        }
    };
}
floats!(f32: i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);
floats!(f64: i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

/// A number that may be whole.
trait MaybeWhole: Copy {
    fn whole(self) -> Option<i128>;
}

macro_rules! whole {
    ($($integer:ty),*) => {$(
        impl MaybeWhole for $integer {
            fn whole(self) -> Option<i128> { Some(i128::from(self)) }
        }
    )*};
}
whole!(i8, i16, i32, i64, u8, u16, u32, u64);

impl MaybeWhole for f32 {
    fn whole(self) -> Option<i128> {
        f64::from(self).whole()
    }
}

impl MaybeWhole for f64 {
    fn whole(self) -> Option<i128> {
        // The cast saturates, and what is beyond 128 bits is beyond every integer that a model takes.
        (self.fract() == 0.0).then_some(self as i128)
    }
}

/// The slow way for rare pairs of types: each value is written out and read again, exactly.
fn through_text(
    array: &ArrayRef,
    mut values: TextColumn,
    column: &PlannedColumn,
) -> Result<(ArrayRef, Vec<BadValue>), ArrowError> {
    let quoted = !array.data_type().is_numeric() && *array.data_type() != DataType::Boolean;
    let texts = cast(array, &DataType::Utf8)?;
    let mut bad = Vec::new();
    for (index, text) in texts.as_string::<i32>().iter().enumerate() {
        let pushed = match text {
            None => values.push_null(),
            Some(text) if quoted || !matches!(values, TextColumn::Json(_)) => values.push_field(text.as_bytes()),
            // JSON has no words for these.
            Some("NaN" | "inf" | "-inf") => values.push_null(),
            Some(text) => values.push_json(text),
        };
        if let Err(why) = pushed {
            bad.push(bad_value(array, index, column, why));
            // Anything that fits, to keep the column's length.
            if values.push_null().is_err() {
                let _ = values.push_field(b"0");
            }
        }
    }
    Ok((values.finish()?, bad))
}

/// `array` in another type; what does not fit becomes null.
pub(super) fn cast(array: &dyn Array, to: &DataType) -> Result<ArrayRef, ArrowError> {
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let in_offsets = cast_with_options(array, &in_utc(array.data_type()), &options)?;
    let result = cast_with_options(&in_offsets, &in_utc(to), &options)?;
    // From one zone to another, instants stay as they are.
    cast_with_options(&result, to, &options)
}

fn bad_value(array: &ArrayRef, index: usize, column: &PlannedColumn, why: Misfit) -> BadValue {
    let value = cast(&array.slice(index, 1), &DataType::Utf8).ok();
    let text = value.as_ref().and_then(|value| value.as_string_opt::<i32>()).filter(|text| text.is_valid(0));
    let shown = text.map_or_else(|| "the value".to_owned(), |text| show::value(text.value(0).as_bytes()));
    BadValue { index, cause: explain(column, &shown, why) }
}

fn unexpected(array: &ArrayRef) -> ArrowError {
    ArrowError::CastError(format!("a column of type {} came where a number was expected", array.data_type()))
}

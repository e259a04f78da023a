//! Numbers of half precision, for formats of text: as the shortest decimals that read back as the same halves.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float16Type, Float64Type};
use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, GenericListArray, MapArray, OffsetSizeTrait, PrimitiveArray, StructArray,
};
use arrow_schema::{ArrowError, DataType, FieldRef};

use super::types::{changed, typed};

type Half = <Float16Type as ArrowPrimitiveType>::Native;

/// Digits that tell every half from all others.
const MOST_DIGITS: i32 = 5;

/// Whether there are halves in a type.
pub(super) fn has_halves(data_type: &DataType) -> bool {
    &changed(data_type, |data_type| (data_type == &DataType::Float16).then_some(DataType::Float64)) != data_type
}

/// `array` with numbers of double precision in place of halves, whose texts are those of the halves.
pub(super) fn with_decimals(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match array.data_type() {
        DataType::Float16 => {
            let decimals: PrimitiveArray<Float64Type> = array.as_primitive::<Float16Type>().unary(shortest_decimal);
            Arc::new(decimals)
        }
        DataType::List(_) => list::<i32>(array)?,
        DataType::LargeList(_) => list::<i64>(array)?,
        DataType::FixedSizeList(..) => {
            let (field, len, items, nulls) = array.as_fixed_size_list().clone().into_parts();
            let items = with_decimals(&items)?;
            Arc::new(FixedSizeListArray::try_new(field_of(&field, &items), len, items, nulls)?)
        }
        DataType::Struct(fields) if !fields.is_empty() => Arc::new(members(array.as_struct())?),
        DataType::Map(..) => {
            let (field, offsets, entries, nulls, is_sorted) = array.as_map().clone().into_parts();
            let entries = members(&entries)?;
            let field = typed(&field, entries.data_type());
            Arc::new(MapArray::try_new(field, offsets, entries, nulls, is_sorted)?)
        }
        _ => Arc::clone(array),
    })
}

fn list<Offset: OffsetSizeTrait>(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let (field, offsets, items, nulls) = array.as_list::<Offset>().clone().into_parts();
    let items = with_decimals(&items)?;
    Ok(Arc::new(GenericListArray::try_new(field_of(&field, &items), offsets, items, nulls)?))
}

fn members(array: &StructArray) -> Result<StructArray, ArrowError> {
    let (fields, columns, nulls) = array.clone().into_parts();
    let columns = columns.iter().map(with_decimals).collect::<Result<Vec<_>, _>>()?;
    let fields = fields.iter().zip(&columns).map(|(field, column)| field_of(field, column)).collect();
    StructArray::try_new(fields, columns, nulls)
}

fn field_of(field: &FieldRef, array: &ArrayRef) -> FieldRef {
    typed(field, array.data_type())
}

/// The number of fewest decimal digits that is nearest to `half` among all halves.
fn shortest_decimal(half: Half) -> f64 {
    let exact = half.to_f64();
    if exact == 0.0 || !exact.is_finite() {
        return exact;
    }
    let magnitude = exact.abs();
    let first_digit = magnitude.log10().floor() as i32;
    let rounded = |digits: i32| {
        // Powers of ten up to 22 are exact, and so is the decimal but for the rounding of one division.
        let scale = digits - 1 - first_digit;
        let power = 10f64.powi(scale.abs());
        if scale >= 0 {
            (magnitude * power).round_ties_even() / power
        } else {
            (magnitude / power).round_ties_even() * power
        }
    };
    let decimal = (1..MOST_DIGITS).map(rounded).find(|decimal| Half::from_f64(*decimal).to_f64() == magnitude);
    decimal.unwrap_or_else(|| rounded(MOST_DIGITS)).copysign(exact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_has_the_shortest_text_that_reads_back() {
        for bits in 0..=u16::MAX {
            let half = Half::from_bits(bits);
            let decimal = shortest_decimal(half);
            if half.to_f64().is_nan() {
                assert!(decimal.is_nan());
                continue;
            }
            assert_eq!(Half::from_f64(decimal).to_bits(), bits);
            // The number that a text of so many digits would be, the usual and slow way.
            let expected = (0..MOST_DIGITS as usize)
                .map(|digits| format!("{:.digits$e}", half.to_f64()).parse::<f64>().unwrap())
                .find(|number| Half::from_f64(*number).to_bits() == bits);
            assert_eq!(Some(decimal), expected.or(Some(half.to_f64())), "{half}");
        }
        assert_eq!(shortest_decimal(Half::from_f64(0.1)), 0.1);
        assert_eq!(shortest_decimal(Half::MAX), 65500.0);
        assert_eq!(shortest_decimal(Half::from_bits(1)), 6e-8);
        assert_eq!(shortest_decimal(Half::from_f64(-1023.5)), -1023.5);
    }
}

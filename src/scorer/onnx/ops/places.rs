//! Places of values in a list of them: how categories and labels are looked up.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::FixedState;
use tract_onnx::tract_hir::internal::*;

/// The keys are the model's, so that nobody who brings data can choose those that collide.
type Map<K> = HashMap<K, u32, FixedState>;

/// From values of one type to their places.
#[derive(Debug)]
pub(super) enum Places {
    Ints(Map<i64>),
    /// Numbers with a fraction, as float64 by their bits, with one NaN and one zero.
    Floats(Map<u64>),
    Texts(Map<Box<str>>),
}

/// What a number with a fraction is looked up by.
fn bits(x: f64) -> u64 {
    if x.is_nan() { f64::NAN.to_bits() } else { (x + 0.0).to_bits() }
}

/// Of values that come twice the first place counts.
fn first_places<K: Hash + Eq>(values: impl Iterator<Item = K>) -> Map<K> {
    let mut map = Map::default();
    for (value, place) in values.zip(0..) {
        map.entry(value).or_insert(place);
    }
    map
}

impl Places {
    /// Those of the values of `list`, of any type.
    pub(super) fn of(list: &Tensor) -> TractResult<Self> {
        Ok(match list.datum_type() {
            DatumType::String => {
                let texts = list.try_as_plain_ram()?;
                Places::Texts(first_places(texts.as_slice::<String>()?.iter().map(|text| text.as_str().into())))
            }
            element if element.is_float() => {
                let numbers = list.cast_to::<f64>()?;
                Places::Floats(first_places(numbers.try_as_plain_ram()?.as_slice::<f64>()?.iter().map(|x| bits(*x))))
            }
            _ => {
                let numbers = list.cast_to::<i64>()?;
                Places::Ints(first_places(numbers.try_as_plain_ram()?.as_slice::<i64>()?.iter().copied()))
            }
        })
    }

    /// Lets no missing value have a place, not even where the list has one.
    pub(super) fn forget_nan(&mut self) {
        if let Places::Floats(map) = self {
            map.remove(&bits(f64::NAN));
        }
    }

    /// The place of each value of `tensor`. Values of a type that the list's are not have none.
    pub(super) fn of_tensor(&self, tensor: &Tensor) -> TractResult<Vec<Option<u32>>> {
        let element = tensor.datum_type();
        Ok(match self {
            Places::Texts(map) if element == DatumType::String => {
                let texts = tensor.try_as_plain_ram()?;
                texts.as_slice::<String>()?.iter().map(|text| map.get(text.as_str()).copied()).collect()
            }
            Places::Floats(map) if element.is_float() => {
                let numbers = tensor.cast_to::<f64>()?;
                numbers.try_as_plain_ram()?.as_slice::<f64>()?.iter().map(|x| map.get(&bits(*x)).copied()).collect()
            }
            Places::Ints(map) if element != DatumType::String && !element.is_float() => {
                let numbers = tensor.cast_to::<i64>()?;
                numbers.try_as_plain_ram()?.as_slice::<i64>()?.iter().map(|x| map.get(x).copied()).collect()
            }
            _ => vec![None; tensor.len()],
        })
    }

    /// The place of a text; none in lists of anything else.
    pub(super) fn of_text(&self, text: &str) -> Option<u32> {
        match self {
            Places::Texts(map) => map.get(text).copied(),
            _ => None,
        }
    }

    /// The place of an integer; none in lists of anything else.
    pub(super) fn of_int(&self, number: i64) -> Option<u32> {
        match self {
            Places::Ints(map) => map.get(&number).copied(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_values_counts() {
        let places = Places::of(&tensor1(&["a".to_owned(), "b".to_owned(), "a".to_owned()])).unwrap();
        assert_eq!(["a", "b", "c"].map(|text| places.of_text(text)), [Some(0), Some(1), None]);
        assert_eq!(places.of_int(0), None);
    }

    #[test]
    fn a_missing_number_is_a_value_until_forgotten() {
        let mut places = Places::of(&tensor1(&[1.5f32, f32::NAN, 0.0])).unwrap();
        let values = tensor1(&[-f32::NAN, -0.0, 1.5, 2.0]);
        assert_eq!(places.of_tensor(&values).unwrap(), [Some(1), Some(2), Some(0), None]);
        places.forget_nan();
        assert_eq!(places.of_tensor(&values).unwrap(), [None, Some(2), Some(0), None]);
    }

    #[test]
    fn values_of_other_types_have_no_place() {
        let places = Places::of(&tensor1(&[1i64, 2])).unwrap();
        assert_eq!(places.of_tensor(&tensor1(&[2i32, 7])).unwrap(), [Some(1), None]);
        assert_eq!(places.of_tensor(&tensor1(&[2.0f32])).unwrap(), [None]);
        assert_eq!(places.of_tensor(&tensor1(&["1".to_owned()])).unwrap(), [None]);
        assert_eq!(places.of_text("1"), None);
    }
}

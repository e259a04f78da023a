use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, Decimal256Array, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer, i256};
use arrow_schema::{ArrowError, DECIMAL256_MAX_PRECISION, DataType};

use super::literal::{Literal, Members, Number, number};
use super::temporal::{self, is_temporal};
use super::truth::Truth;
use super::{Comparison, Filter, Kind, Question};
use crate::input::convert::{BadValue, cast, each_number};
use crate::input::error::show;
use crate::input::number;

/// Where the values of a column come from, which says how they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Origin {
    /// They have a type of their own.
    Typed,
    /// Fields of delimited text; an empty one is a missing value.
    Csv,
    /// JSON texts.
    Json,
    /// The path of the file.
    Path,
}

/// A column in the form in which it is compared.
#[derive(Debug, Clone)]
pub(in crate::input) enum Values {
    /// Of any type of numbers.
    Numbers(ArrayRef),
    Decimals(Decimal256Array),
    Parsed(Vec<Option<Number>>),
    Texts(StringArray),
    Bools(BooleanArray),
    /// Dates and times of this type, as whole numbers.
    Ticks(ArrayRef, DataType),
    /// Where there are values.
    Present(BooleanBuffer),
    /// One value for all records.
    Constant(Box<Values>),
}

/// Whether a column of this type can be compared as `filter` does with its column `index`; the words of the error follow
/// the name of a file.
pub(in crate::input) fn check(filter: &Filter, index: usize, data_type: &DataType) -> Result<(), String> {
    let column = &filter.columns[index];
    let refused = |remedy: &str| {
        Err(format!("column {:?} has type {data_type}, and --where compares it with {remedy}", column.name))
    };
    match column.kind {
        _ if data_type.is_null() => Ok(()),
        Kind::Any => Ok(()),
        Kind::Number if data_type.is_numeric() => Ok(()),
        Kind::Number if is_temporal(data_type) => refused("a number: write dates and times in quotes, '2026-01-31'"),
        Kind::Number if *data_type == DataType::Utf8 => refused("a number: write texts in quotes, 'like this'"),
        Kind::Number => refused("a number"),
        Kind::Bool if *data_type == DataType::Boolean => Ok(()),
        Kind::Bool => refused("a truth value"),
        Kind::Text if *data_type == DataType::Utf8 => Ok(()),
        Kind::Text if is_temporal(data_type) && filter.has_pattern(index) => refused("a pattern"),
        Kind::Text if is_temporal(data_type) => {
            match filter.texts(index).iter().find(|text| temporal::literal(text, data_type).is_none()) {
                Some(text) => {
                    let example = match data_type {
                        // Its zone may be unknown, or skip the hour, or have it twice.
                        DataType::Timestamp(_, Some(_)) => "2026-01-31T12:00:00+01:00, with the offset from UTC",
                        _ => "2026-01-31 or 2026-01-31T12:00:00",
                    };
                    refused(&format!("{text:?}, which is no value of that type: write {example}"))
                }
                None => Ok(()),
            }
        }
        Kind::Text if data_type.is_numeric() => refused("a text: write the number without quotes"),
        Kind::Text if *data_type == DataType::Boolean => refused("a text: write true or false without quotes"),
        Kind::Text => refused("a text"),
    }
}

impl Values {
    /// A column as the filter compares it, and the values that cannot be compared so; these are missing in the result.
    pub(in crate::input) fn of(
        array: &ArrayRef,
        name: &str,
        kind: Kind,
        origin: Origin,
    ) -> Result<(Values, Vec<BadValue>), ArrowError> {
        match origin {
            Origin::Typed => Ok((typed(array, kind)?, Vec::new())),
            Origin::Csv | Origin::Path | Origin::Json => {
                let mut reader = TextReader { name, origin, bad: Vec::new() };
                let values = reader.read(array.as_string::<i32>(), kind);
                Ok((values, reader.bad))
            }
        }
    }

    /// One value for all records of a file, from its path.
    pub(in crate::input) fn constant(value: Option<&str>, name: &str, kind: Kind) -> Result<Values, String> {
        let mut reader = TextReader { name, origin: Origin::Path, bad: Vec::new() };
        let values = reader.read(&StringArray::from(vec![value]), kind);
        match reader.bad.pop() {
            Some(bad) => Err(bad.cause),
            None => Ok(Values::Constant(Box::new(values))),
        }
    }

    /// The answer for each of `len` records.
    pub(super) fn rows(&self, question: &Question, len: usize) -> Truth<BooleanBuffer> {
        if let Values::Constant(value) = self {
            let one = value.rows(question, 1);
            let all = |bits: &BooleanBuffer| {
                if bits.value(0) { BooleanBuffer::new_set(len) } else { BooleanBuffer::new_unset(len) }
            };
            return Truth { yes: all(&one.yes), no: all(&one.no) };
        }
        match (self, question) {
            (_, Question::IsNull) => {
                let present = self.present(len);
                Truth { yes: !&present, no: present }
            }
            (Values::Numbers(array), Question::Compare(comparison, Literal::Number(wanted))) => {
                each_number!(array, typed => compare(typed, *comparison, *wanted), _ => unknown(len))
            }
            (Values::Numbers(array), Question::In(Members::Numbers(members))) => {
                each_number!(array, typed => find(typed, members), _ => unknown(len))
            }
            (Values::Decimals(array), Question::Compare(comparison, Literal::Number(wanted))) => {
                let wanted = wanted.at_scale(array.scale());
                Truth::collect(array.iter().map(|value| Some(comparison.holds(wanted.ordering_of(value?)))))
            }
            (Values::Decimals(array), Question::In(Members::Numbers(members))) => {
                let members: BTreeSet<i256> =
                    members.iter().filter_map(|member| member.at_scale(array.scale()).value()).collect();
                Truth::collect(array.iter().map(|value| value.map(|value| members.contains(&value))))
            }
            (Values::Parsed(values), Question::Compare(comparison, Literal::Number(wanted))) => {
                Truth::collect(values.iter().map(|value| value.map(|value| comparison.holds(value.compare(*wanted)))))
            }
            (Values::Parsed(values), Question::In(Members::Numbers(members))) => {
                Truth::collect(values.iter().map(|value| value.map(|value| is_among(members, value))))
            }
            (Values::Texts(texts), Question::Compare(comparison, Literal::Text(wanted))) => {
                let wanted = wanted.as_str();
                Truth::collect(texts.iter().map(|text| text.map(|text| comparison.holds(text.cmp(wanted)))))
            }
            (Values::Texts(texts), Question::In(Members::Texts(members))) => {
                Truth::collect(texts.iter().map(|text| text.map(|text| members.contains(text))))
            }
            (Values::Texts(texts), Question::Like(pattern)) => {
                Truth::collect(texts.iter().map(|text| text.map(|text| pattern.matches(text))))
            }
            (Values::Ticks(ticks, data_type), Question::Compare(comparison, Literal::Text(wanted))) => {
                let wanted = temporal::literal(wanted, data_type);
                let ticks = ticks.as_primitive::<Int64Type>();
                Truth::collect(ticks.iter().map(|tick| Some(comparison.holds(tick?.cmp(&wanted?)))))
            }
            (Values::Ticks(ticks, data_type), Question::In(Members::Texts(members))) => {
                let members: BTreeSet<i64> =
                    members.iter().filter_map(|member| temporal::literal(member, data_type)).collect();
                let ticks = ticks.as_primitive::<Int64Type>();
                Truth::collect(ticks.iter().map(|tick| tick.map(|tick| members.contains(&tick))))
            }
            (Values::Bools(values), Question::Compare(comparison, Literal::Bool(wanted))) => {
                Truth::collect(values.iter().map(|value| value.map(|value| comparison.holds(value.cmp(wanted)))))
            }
            // A column in which nothing has a value; other pairs are refused before.
            _ => unknown(len),
        }
    }

    /// How the first value stands to a literal; `None` if one of them is missing.
    pub(super) fn ordering(&self, literal: &Literal) -> Option<Ordering> {
        let holds = |comparison| self.rows(&Question::Compare(comparison, literal.clone()), 1).yes.value(0);
        [
            (Comparison::Less, Ordering::Less),
            (Comparison::Equal, Ordering::Equal),
            (Comparison::Greater, Ordering::Greater),
        ]
        .into_iter()
        .find_map(|(comparison, ordering)| holds(comparison).then_some(ordering))
    }

    /// Where there are values; NaN is none.
    fn present(&self, len: usize) -> BooleanBuffer {
        match self {
            Values::Numbers(array) => {
                each_number!(array, typed => typed.iter().map(|value| value.and_then(Native::number).is_some()).collect(),
                    _ => BooleanBuffer::new_unset(len))
            }
            Values::Parsed(values) => values.iter().map(Option::is_some).collect(),
            Values::Decimals(array) => valid(array),
            Values::Texts(array) => valid(array),
            Values::Bools(array) => valid(array),
            Values::Ticks(array, _) => valid(array),
            Values::Present(present) => present.clone(),
            // It is answered as a whole.
            Values::Constant(_) => BooleanBuffer::new_unset(len),
        }
    }
}

fn unknown(len: usize) -> Truth<BooleanBuffer> {
    Truth { yes: BooleanBuffer::new_unset(len), no: BooleanBuffer::new_unset(len) }
}

fn valid(array: &dyn Array) -> BooleanBuffer {
    array.logical_nulls().map_or_else(|| BooleanBuffer::new_set(array.len()), NullBuffer::into_inner)
}

fn is_among(members: &[Number], value: Number) -> bool {
    members.binary_search_by(|member| member.compare(value)).is_ok()
}

fn compare<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    comparison: Comparison,
    wanted: Number,
) -> Truth<BooleanBuffer>
where
    T::Native: Native,
{
    let wanted = T::Native::literal(wanted);
    let answer = |value: T::Native| value.number().map(|value| comparison.holds(value.compare(wanted)));
    Truth::collect(array.iter().map(|value| value.and_then(answer)))
}

fn find<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, members: &[Number]) -> Truth<BooleanBuffer>
where
    T::Native: Native,
{
    // Rounding keeps their order.
    let members: Vec<Number> = members.iter().copied().map(T::Native::literal).collect();
    let answer = |value: T::Native| value.number().map(|value| is_among(&members, value));
    Truth::collect(array.iter().map(|value| value.and_then(answer)))
}

/// A type of numbers that columns have.
trait Native: Copy {
    /// The value; NaN is none.
    fn number(self) -> Option<Number>;

    /// A literal as it is compared with values of this type.
    fn literal(number: Number) -> Number {
        number
    }
}

macro_rules! whole {
    ($($integer:ty),*) => {$(
        impl Native for $integer {
            fn number(self) -> Option<Number> { Some(Number::Whole(i128::from(self))) }
        }
    )*};
}
whole!(i8, i16, i32, i64, u8, u16, u32, u64);

impl Native for f32 {
    fn number(self) -> Option<Number> {
        Number::float(f64::from(self))
    }

    fn literal(number: Number) -> Number {
        number.for_float32()
    }
}

impl Native for f64 {
    fn number(self) -> Option<Number> {
        Number::float(self)
    }

    fn literal(number: Number) -> Number {
        number.for_float64()
    }
}

/// A column with a type of its own.
fn typed(array: &ArrayRef, kind: Kind) -> Result<Values, ArrowError> {
    let plain = match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, values)?,
        DataType::RunEndEncoded(_, values) => cast(array, values.data_type())?,
        _ => Arc::clone(array),
    };
    Ok(match (kind, plain.data_type()) {
        (_, DataType::Null) => Values::Present(BooleanBuffer::new_unset(plain.len())),
        // Whether a number is NaN is seen only by its type.
        (Kind::Number | Kind::Any, DataType::Float16) => Values::Numbers(cast(&plain, &DataType::Float32)?),
        (Kind::Any, DataType::Float32 | DataType::Float64) => Values::Numbers(plain),
        (Kind::Any, _) => Values::Present(valid(&plain)),
        (Kind::Number, data_type) if data_type.is_integer() || data_type.is_floating() => Values::Numbers(plain),
        (
            Kind::Number,
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale)
            | DataType::Decimal256(_, scale),
        ) => {
            let wide = cast(&plain, &DataType::Decimal256(DECIMAL256_MAX_PRECISION, *scale))?;
            Values::Decimals(wide.as_primitive::<Decimal256Type>().clone())
        }
        (Kind::Number, _) => Values::Numbers(cast(&plain, &DataType::Float64)?),
        (Kind::Text, data_type) if is_temporal(data_type) => {
            let data_type = data_type.clone();
            Values::Ticks(cast(&plain, &DataType::Int64)?, data_type)
        }
        (Kind::Text, _) => Values::Texts(cast(&plain, &DataType::Utf8)?.as_string::<i32>().clone()),
        (Kind::Bool, _) => Values::Bools(cast(&plain, &DataType::Boolean)?.as_boolean().clone()),
    })
}

/// Reads values out of texts.
struct TextReader<'a> {
    name: &'a str,
    origin: Origin,
    bad: Vec<BadValue>,
}

impl TextReader<'_> {
    fn read(&mut self, texts: &StringArray, kind: Kind) -> Values {
        match kind {
            Kind::Any => Values::Present(texts.iter().map(|text| self.value(text).is_some()).collect()),
            Kind::Number => Values::Parsed(self.each(texts, "a number", |text| number(text).map_err(|_| ()))),
            Kind::Bool => {
                let read = |text: &[u8]| match number::is_missing(text) {
                    true => Ok(None),
                    false => number::boolean(text).map(Some).map_err(|_| ()),
                };
                Values::Bools(self.each(texts, "true, false, 1 or 0", read).into_iter().collect())
            }
            Kind::Text if self.origin == Origin::Json => {
                let text = |(index, raw)| {
                    let text = json_text(self.value(raw)?);
                    if text.is_none() {
                        self.bad.push(misfit(self.name, index, raw, "a text"));
                    }
                    text
                };
                Values::Texts(texts.iter().enumerate().map(text).collect())
            }
            Kind::Text => Values::Texts(texts.iter().map(|text| self.value(text)).collect()),
        }
    }

    /// Each value as `read` reads it.
    fn each<T>(
        &mut self,
        texts: &StringArray,
        what: &str,
        read: impl Fn(&[u8]) -> Result<Option<T>, ()>,
    ) -> Vec<Option<T>> {
        let value = |(index, text)| {
            let value = self.value(text)?;
            // A JSON string is no number, whatever is in it.
            let quoted = self.origin == Origin::Json && value.starts_with('"');
            let result = if quoted { Err(()) } else { read(value.as_bytes()) };
            result.unwrap_or_else(|()| {
                self.bad.push(misfit(self.name, index, text, what));
                None
            })
        };
        texts.iter().enumerate().map(value).collect()
    }

    /// The text of a value, if it has one.
    fn value<'t>(&self, text: Option<&'t str>) -> Option<&'t str> {
        let missing = match self.origin {
            Origin::Csv => "",
            Origin::Json => "null",
            Origin::Typed | Origin::Path => return text,
        };
        text.filter(|text| *text != missing)
    }
}

/// The text that a JSON value stands for; objects and lists are none.
fn json_text(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(raw).ok().map(Cow::Owned),
        Some(b'{' | b'[') => None,
        _ => Some(Cow::Borrowed(raw)),
    }
}

fn misfit(name: &str, index: usize, value: Option<&str>, what: &str) -> BadValue {
    let shown = show::value(value.unwrap_or_default().as_bytes());
    BadValue { index, cause: format!("column {name:?}: {shown} is not {what}, and --where compares it as such") }
}

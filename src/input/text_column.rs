//! Columns built value by value from text, without an object for each value.

use std::sync::Arc;

use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::ArrowError;
use memchr::memchr;

use super::number::{self, Misfit};
use crate::data::ElementType;

/// A column under construction.
pub(super) enum TextColumn {
    Bool(Vec<bool>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Uint8(Vec<u8>),
    Uint16(Vec<u16>),
    Uint32(Vec<u32>),
    Uint64(Vec<u64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    /// Text as it is.
    Text(Texts),
    /// JSON text: what is pushed as plain text is quoted, what is pushed as JSON stays as it is.
    Json(Texts),
}

/// Strings laid end to end.
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<i32>,
    /// One flag a string, once there is a null.
    valid: Option<Vec<bool>>,
    /// Whether what is pushed may be something else than UTF-8.
    unchecked: bool,
}

impl Texts {
    fn new(rows: usize, unchecked: bool) -> Texts {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Texts { bytes: Vec::new(), ends, valid: None, unchecked }
    }

    fn push(&mut self, text: &[u8]) -> Result<(), Misfit> {
        if self.unchecked && std::str::from_utf8(text).is_err() {
            return Err(Misfit::NotUtf8);
        }
        self.bytes.extend_from_slice(text);
        self.close(true)
    }

    /// Whether all that is pushed is known to be UTF-8.
    pub(super) fn are_checked(&self) -> bool {
        !self.unchecked
    }

    /// Makes room for so many bytes of strings.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// Adds `text[start..end]`, which is known to be UTF-8; the whole text is shorter than 2 GiB.
    #[inline]
    pub(super) fn push_checked(&mut self, text: &[u8], start: usize, end: usize) {
        /// A copy of so many bytes is a few instructions, one of any other number a call.
        const SHORT: usize = 64;
        let length = end - start;
        match text[start..].first_chunk::<SHORT>() {
            Some(more) if length <= SHORT => {
                self.bytes.extend_from_slice(more);
                self.bytes.truncate(self.bytes.len() - (SHORT - length));
            }
            _ => self.bytes.extend_from_slice(&text[start..end]),
        }
        if let Some(flags) = &mut self.valid {
            flags.push(true);
        }
        self.ends.push(self.bytes.len() as i32);
    }

    /// Adds the text that a JSON value stands for.
    pub(super) fn push_json(&mut self, raw: &str) -> Result<(), Misfit> {
        match raw.as_bytes() {
            [b'n', ..] => self.close(false),
            [b'"', text @ .., _] => match memchr(b'\\', text) {
                Some(first) => self.push_escaped(raw, text, first),
                None => self.push(text),
            },
            [b'{' | b'[', ..] => Err(Misfit::NotText),
            // Numbers and truth values for a model that takes text: as they are written.
            _ => self.push(raw.as_bytes()),
        }
    }

    /// Adds a JSON string, `rest` without its quotes, whose first backslash is at `first`.
    fn push_escaped(&mut self, raw: &str, mut rest: &[u8], first: usize) -> Result<(), Misfit> {
        let start = self.bytes.len();
        let mut next = Some(first);
        while let Some(at) = next {
            let character = match rest.get(at + 1) {
                Some(b'u') => {
                    self.bytes.truncate(start);
                    let text = serde_json::from_str::<String>(raw).map_err(|_| Misfit::NotUtf8)?;
                    return self.push(text.as_bytes());
                }
                Some(b'b') => 0x08,
                Some(b'f') => 0x0c,
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(itself) => *itself,
                None => return Err(Misfit::NotUtf8),
            };
            self.bytes.extend_from_slice(&rest[..at]);
            self.bytes.push(character);
            rest = &rest[at + 2..];
            next = memchr(b'\\', rest);
        }
        self.bytes.extend_from_slice(rest);
        self.close(true)
    }

    /// Adds a missing string.
    pub(super) fn push_null(&mut self) -> Result<(), Misfit> {
        self.close(false)
    }

    fn close(&mut self, valid: bool) -> Result<(), Misfit> {
        // Blocks are small enough that this never fails.
        let end = i32::try_from(self.bytes.len()).map_err(|_| Misfit::OutOfRange)?;
        if let Some(flags) = &mut self.valid {
            flags.push(valid);
        } else if !valid {
            let mut flags = vec![true; self.ends.len() - 1];
            flags.push(false);
            self.valid = Some(flags);
        }
        self.ends.push(end);
        Ok(())
    }

    fn truncate(&mut self, len: usize) {
        self.ends.truncate(len + 1);
        self.bytes.truncate(self.ends[self.ends.len() - 1] as usize);
        if let Some(flags) = &mut self.valid {
            flags.truncate(len);
        }
    }

    fn finish(self) -> Result<ArrayRef, ArrowError> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        let array = StringArray::try_new(offsets, self.bytes.into(), self.valid.map(NullBuffer::from))?;
        Ok(Arc::new(array))
    }
}

/// What a JSON value is as a field of a column of numbers; nothing for null.
pub(super) fn number_field(raw: &[u8]) -> Result<Option<&[u8]>, Misfit> {
    match raw.first() {
        Some(b'n') => Ok(None),
        Some(b'"' | b'{' | b'[') => Err(Misfit::NotNumber),
        Some(b't') => Ok(Some(b"1")),
        Some(b'f') => Ok(Some(b"0")),
        _ => Ok(Some(raw)),
    }
}

/// Does the same to the values of every numeric column.
macro_rules! each_vec {
    ($column:expr, $values:ident => $do:expr, $texts:ident => $text_do:expr) => {
        match $column {
            TextColumn::Bool($values) => $do,
            TextColumn::Int8($values) => $do,
            TextColumn::Int16($values) => $do,
            TextColumn::Int32($values) => $do,
            TextColumn::Int64($values) => $do,
            TextColumn::Uint8($values) => $do,
            TextColumn::Uint16($values) => $do,
            TextColumn::Uint32($values) => $do,
            TextColumn::Uint64($values) => $do,
            TextColumn::Float32($values) => $do,
            TextColumn::Float64($values) => $do,
            TextColumn::Text($texts) | TextColumn::Json($texts) => $text_do,
        }
    };
}

impl TextColumn {
    /// An empty column for values of one type, with room for `rows`. `unchecked` says that text pushed may not be UTF-8.
    pub(super) fn of(element: ElementType, rows: usize, unchecked: bool) -> TextColumn {
        match element {
            ElementType::Bool => TextColumn::Bool(Vec::with_capacity(rows)),
            ElementType::Int8 => TextColumn::Int8(Vec::with_capacity(rows)),
            ElementType::Int16 => TextColumn::Int16(Vec::with_capacity(rows)),
            ElementType::Int32 => TextColumn::Int32(Vec::with_capacity(rows)),
            ElementType::Int64 => TextColumn::Int64(Vec::with_capacity(rows)),
            ElementType::Uint8 => TextColumn::Uint8(Vec::with_capacity(rows)),
            ElementType::Uint16 => TextColumn::Uint16(Vec::with_capacity(rows)),
            ElementType::Uint32 => TextColumn::Uint32(Vec::with_capacity(rows)),
            ElementType::Uint64 => TextColumn::Uint64(Vec::with_capacity(rows)),
            ElementType::Float32 => TextColumn::Float32(Vec::with_capacity(rows)),
            ElementType::Float64 => TextColumn::Float64(Vec::with_capacity(rows)),
            ElementType::String => TextColumn::text(rows, unchecked),
        }
    }

    /// An empty column for text as it is.
    pub(super) fn text(rows: usize, unchecked: bool) -> TextColumn {
        TextColumn::Text(Texts::new(rows, unchecked))
    }

    /// An empty column for JSON text.
    pub(super) fn json(rows: usize, unchecked: bool) -> TextColumn {
        TextColumn::Json(Texts::new(rows, unchecked))
    }

    /// Adds the value that a field of delimited text stands for.
    #[inline]
    pub(super) fn push_field(&mut self, field: &[u8]) -> Result<(), Misfit> {
        match self {
            TextColumn::Bool(values) => values.push(number::boolean(field)?),
            TextColumn::Int8(values) => values.push(number::integer(field)?),
            TextColumn::Int16(values) => values.push(number::integer(field)?),
            TextColumn::Int32(values) => values.push(number::integer(field)?),
            TextColumn::Int64(values) => values.push(number::integer(field)?),
            TextColumn::Uint8(values) => values.push(number::integer(field)?),
            TextColumn::Uint16(values) => values.push(number::integer(field)?),
            TextColumn::Uint32(values) => values.push(number::integer(field)?),
            TextColumn::Uint64(values) => values.push(number::integer(field)?),
            TextColumn::Float32(values) => values.push(number::float(field)?),
            TextColumn::Float64(values) => values.push(number::float(field)?),
            TextColumn::Text(texts) => texts.push(field)?,
            TextColumn::Json(texts) => {
                let text = std::str::from_utf8(field).map_err(|_| Misfit::NotUtf8)?;
                let quoted = serde_json::to_string(text).map_err(|_| Misfit::NotText)?;
                texts.push(quoted.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Adds the value of a JSON text.
    pub(super) fn push_json(&mut self, raw: &str) -> Result<(), Misfit> {
        if let TextColumn::Json(texts) = self {
            return texts.push(raw.as_bytes());
        }
        if let TextColumn::Text(texts) = self {
            return texts.push_json(raw);
        }
        match number_field(raw.as_bytes()) {
            Ok(Some(_)) if matches!(self, TextColumn::Bool(_)) => self.push_field(raw.as_bytes()),
            Ok(Some(field)) => self.push_field(field),
            Ok(None) => self.push_null(),
            Err(_) if matches!(self, TextColumn::Bool(_)) => Err(Misfit::NotBool),
            Err(misfit) => Err(misfit),
        }
    }

    /// Adds a missing value: NaN where there is one, null in text, a misfit elsewhere.
    pub(super) fn push_null(&mut self) -> Result<(), Misfit> {
        match self {
            TextColumn::Float32(values) => values.push(f32::NAN),
            TextColumn::Float64(values) => values.push(f64::NAN),
            TextColumn::Text(texts) | TextColumn::Json(texts) => texts.push_null()?,
            _ => return Err(Misfit::Empty),
        }
        Ok(())
    }

    /// Adds a value that will be forgotten again.
    pub(super) fn push_stopgap(&mut self) {
        each_vec!(self, values => values.push(Default::default()), texts => texts.push_checked(&[], 0, 0));
    }

    /// Forgets all but the first `len` values.
    pub(super) fn truncate(&mut self, len: usize) {
        each_vec!(self, values => values.truncate(len), texts => texts.truncate(len));
    }

    /// The column as an Arrow array.
    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        macro_rules! primitive {
            ($type:ty, $values:expr) => {
                Arc::new(PrimitiveArray::<$type>::new(ScalarBuffer::from($values), None))
            };
        }
        Ok(match self {
            TextColumn::Bool(values) => Arc::new(BooleanArray::new(BooleanBuffer::from(values), None)),
            TextColumn::Int8(values) => primitive!(Int8Type, values),
            TextColumn::Int16(values) => primitive!(Int16Type, values),
            TextColumn::Int32(values) => primitive!(Int32Type, values),
            TextColumn::Int64(values) => primitive!(Int64Type, values),
            TextColumn::Uint8(values) => primitive!(UInt8Type, values),
            TextColumn::Uint16(values) => primitive!(UInt16Type, values),
            TextColumn::Uint32(values) => primitive!(UInt32Type, values),
            TextColumn::Uint64(values) => primitive!(UInt64Type, values),
            TextColumn::Float32(values) => primitive!(Float32Type, values),
            TextColumn::Float64(values) => primitive!(Float64Type, values),
            TextColumn::Text(texts) | TextColumn::Json(texts) => return texts.finish(),
        })
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    use super::*;

    fn json(element: ElementType, raws: &[&str]) -> Result<ArrayRef, Misfit> {
        let mut column = TextColumn::of(element, 0, false);
        for raw in raws {
            column.push_json(raw)?;
        }
        Ok(column.finish().unwrap())
    }

    #[test]
    fn json_values() {
        let array = json(ElementType::Float32, &["1.5", "null", "true", "-2e1"]).unwrap();
        let values = array.as_primitive::<Float32Type>();
        assert_eq!((values.value(0), values.value(2), values.value(3)), (1.5, 1.0, -20.0));
        assert!(values.value(1).is_nan() && values.null_count() == 0);
        let array = json(ElementType::String, &[r#""a\"\u00e9""#, "null", "12", "true", r#""""#]).unwrap();
        let texts: Vec<_> = array.as_string::<i32>().iter().collect();
        assert_eq!(texts, [Some("a\"é"), None, Some("12"), Some("true"), Some("")]);
    }

    #[test]
    fn json_misfits() {
        for (element, raw, expected) in [
            (ElementType::Float32, r#""1.5""#, Misfit::NotNumber),
            (ElementType::Float32, "[1]", Misfit::NotNumber),
            (ElementType::Int64, "null", Misfit::Empty),
            (ElementType::Int8, "300", Misfit::OutOfRange),
            (ElementType::Bool, r#""true""#, Misfit::NotBool),
            (ElementType::String, "{}", Misfit::NotText),
            (ElementType::String, r#""\ud800""#, Misfit::NotUtf8),
        ] {
            assert_eq!(json(element, &[raw]).unwrap_err(), expected, "{raw}");
        }
    }

    #[test]
    fn a_broken_record_leaves_no_trace() {
        let mut column = TextColumn::text(0, true);
        column.push_field(b"a").unwrap();
        assert_eq!(column.push_field(&[0xff]), Err(Misfit::NotUtf8));
        column.push_null().unwrap();
        column.push_field(b"gone").unwrap();
        column.truncate(2);
        column.push_field(b"b").unwrap();
        let array = column.finish().unwrap();
        assert_eq!(array.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("a"), None, Some("b")]);
    }
}

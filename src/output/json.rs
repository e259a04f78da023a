//! JSON lines: one object a line, its members in the order of the columns.
//!
//! JSON has no NaN and no infinities: they are written as `null`, as nulls are. Decimals are numbers with all their
//! digits; dates, times and whatever else JSON has no word for are strings of their usual text; lists and structs are
//! arrays and objects. Maps are objects where their keys are texts, else arrays of objects with `key` and `value`.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType};

use super::cells::{Cells, Values, displayable};
use super::layout::{Layout, Scored, Source};
use super::text::{Fixed, Text};

/// The lines of a block.
pub(super) fn encode(layout: &Layout, scored: &Scored) -> Result<Vec<u8>, ArrowError> {
    let arrays = layout
        .sources()
        .iter()
        .map(|source| scored.column(*source).map(displayable).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    // What is the same in every line goes before the column that follows it.
    let mut members = Vec::with_capacity(arrays.len());
    let mut fixed = b"{".to_vec();
    for (i, (source, array)) in layout.sources().iter().zip(&arrays).enumerate() {
        let field = layout.schema().field(i);
        if i > 0 {
            fixed.push(b',');
        }
        push_string(&mut fixed, field.name());
        fixed.push(b':');
        let member = match (source, array) {
            (Source::File, _) => {
                push_string(&mut fixed, &scored.file.name);
                continue;
            }
            (_, None) => Member::Plain(Cells::rows(&scored.rows)),
            (_, Some(array)) => match array.as_string_opt() {
                Some(json) if Layout::is_raw_json(field) => Member::Raw(json),
                _ => Member::new(array)?,
            },
        };
        members.push((Fixed::new(std::mem::take(&mut fixed)), member));
    }
    fixed.extend_from_slice(b"}\n");
    let fixed = Fixed::new(fixed);

    let rows = scored.predictions.num_rows();
    let width = members.iter().map(|(before, _)| before.len() + 12).sum::<usize>() + fixed.len();
    let mut text = Text::with_capacity(rows * width);
    for row in 0..rows {
        for (before, member) in &mut members {
            text.push_fixed(before);
            member.push(&mut text, row)?;
        }
        text.push_fixed(&fixed);
    }
    Ok(text.into_bytes())
}

/// A column as JSON.
enum Member<'a> {
    Plain(Cells<'a>),
    /// JSON text that is embedded as it is.
    Raw(&'a StringArray),
    List {
        offsets: Offsets<'a>,
        items: Box<Member<'a>>,
        nulls: Option<&'a NullBuffer>,
    },
    Struct {
        members: Vec<(Vec<u8>, Member<'a>)>,
        nulls: Option<&'a NullBuffer>,
    },
    Map {
        offsets: Offsets<'a>,
        keys: Box<Member<'a>>,
        values: Box<Member<'a>>,
        has_texts: bool,
        nulls: Option<&'a NullBuffer>,
    },
}

/// Where the items of a list stand.
enum Offsets<'a> {
    Small(&'a [i32]),
    Large(&'a [i64]),
    Fixed(usize),
}

impl Offsets<'_> {
    fn range(&self, index: usize) -> Range<usize> {
        match self {
            Offsets::Small(offsets) => offsets[index] as usize..offsets[index + 1] as usize,
            Offsets::Large(offsets) => offsets[index] as usize..offsets[index + 1] as usize,
            Offsets::Fixed(len) => index * len..(index + 1) * len,
        }
    }
}

impl<'a> Member<'a> {
    fn new(array: &'a ArrayRef) -> Result<Self, ArrowError> {
        let nulls = array.nulls();
        let list = |offsets, items| Ok(Member::List { offsets, items: Box::new(Member::new(items)?), nulls });
        match array.data_type() {
            DataType::List(_) => {
                let lists = array.as_list::<i32>();
                list(Offsets::Small(lists.value_offsets()), lists.values())
            }
            DataType::LargeList(_) => {
                let lists = array.as_list::<i64>();
                list(Offsets::Large(lists.value_offsets()), lists.values())
            }
            DataType::FixedSizeList(_, len) => list(Offsets::Fixed(*len as usize), array.as_fixed_size_list().values()),
            DataType::Struct(fields) => {
                let mut members = Vec::with_capacity(fields.len());
                for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                    let mut before = if members.is_empty() { Vec::new() } else { b",".to_vec() };
                    push_string(&mut before, field.name());
                    before.push(b':');
                    members.push((before, Member::new(column)?));
                }
                Ok(Member::Struct { members, nulls })
            }
            DataType::Map(..) => {
                let maps = array.as_map();
                let (keys, values) = (maps.keys(), maps.values());
                Ok(Member::Map {
                    offsets: Offsets::Small(maps.value_offsets()),
                    has_texts: is_text(keys.data_type()),
                    keys: Box::new(Member::new(keys)?),
                    values: Box::new(Member::new(values)?),
                    nulls,
                })
            }
            _ => Ok(Member::Plain(Cells::new(array)?)),
        }
    }

    fn push(&mut self, text: &mut Text, index: usize) -> Result<(), ArrowError> {
        match self {
            Member::Plain(cells) => push_value(text, cells, index)?,
            Member::Raw(json) if json.is_null(index) => text.push_short(b"null"),
            // A line break would end the object; outside of strings JSON takes a space in its place.
            Member::Raw(json) => {
                let json = json.value(index).bytes();
                text.as_vec().extend(json.map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
            }
            Member::List { nulls: Some(nulls), .. }
            | Member::Struct { nulls: Some(nulls), .. }
            | Member::Map { nulls: Some(nulls), .. }
                if nulls.is_null(index) =>
            {
                text.push_short(b"null");
            }
            Member::List { offsets, items, .. } => {
                text.push_byte(b'[');
                for (i, item) in offsets.range(index).enumerate() {
                    if i > 0 {
                        text.push_byte(b',');
                    }
                    items.push(text, item)?;
                }
                text.push_byte(b']');
            }
            Member::Struct { members, .. } => {
                text.push_byte(b'{');
                for (before, member) in members {
                    text.push(before);
                    member.push(text, index)?;
                }
                text.push_byte(b'}');
            }
            Member::Map { offsets, keys, values, has_texts, .. } => {
                let (open, before_key, before_value, close): (_, &[u8], &[u8], _) = match has_texts {
                    true => (b'{', b"", b":", b'}'),
                    false => (b'[', b"{\"key\":", b",\"value\":", b']'),
                };
                text.push_byte(open);
                for (i, entry) in offsets.range(index).enumerate() {
                    if i > 0 {
                        text.push_byte(b',');
                    }
                    text.push_short(before_key);
                    keys.push(text, entry)?;
                    text.push_short(before_value);
                    values.push(text, entry)?;
                    if !*has_texts {
                        text.push_byte(b'}');
                    }
                }
                text.push_byte(close);
            }
        }
        Ok(())
    }
}

fn push_value(text: &mut Text, cells: &mut Cells<'_>, index: usize) -> Result<(), ArrowError> {
    if cells.is_null(index) {
        text.push_short(b"null");
        return Ok(());
    }
    match &mut cells.values {
        Values::Counter(counter) => text.push_counter(counter),
        Values::Rows(rows) => text.push_integer(rows[index]),
        Values::Int8(values) => text.push_integer(values[index]),
        Values::Int16(values) => text.push_integer(values[index]),
        Values::Int32(values) => text.push_integer(values[index]),
        Values::Int64(values) => text.push_small_integer(values[index]),
        Values::UInt8(values) => text.push_integer(values[index]),
        Values::UInt16(values) => text.push_integer(values[index]),
        Values::UInt32(values) => text.push_integer(values[index]),
        Values::UInt64(values) => text.push_integer(values[index]),
        Values::Float32(scores) if scores.value(index).is_finite() => text.push_score(scores, index),
        Values::Float64(values) if values[index].is_finite() => text.push_float(values[index]),
        Values::Float32(_) | Values::Float64(_) | Values::Null => text.push_short(b"null"),
        Values::Boolean(values) => text.push_short(if values.value(index) { b"true" } else { b"false" }),
        Values::Utf8(values) => push_string(text.as_vec(), values.value(index)),
        Values::LargeUtf8(values) => push_string(text.as_vec(), values.value(index)),
        Values::Utf8View(values) => push_string(text.as_vec(), values.value(index)),
        Values::Dictionary { keys, values } => push_value(text, values, keys[index])?,
        Values::Decimal(formatter) => text.push(formatter.value(index).try_to_string()?.as_bytes()),
        Values::Other(formatter) => push_string(text.as_vec(), &formatter.value(index).try_to_string()?),
    }
    Ok(())
}

/// Whether values of this type are strings in JSON.
fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// A string between quotes, escaped.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    if serde_json::to_writer(&mut *out, text).is_err() {
        unreachable!("a vector takes every write, and every text has a JSON form");
    }
}

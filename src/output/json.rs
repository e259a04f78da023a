//! JSON lines: one object a line, its members in the order of the columns.
//!
//! JSON has no NaN and no infinities: they are written as `null`, as nulls are. Decimals are numbers with all their
//! digits; dates, times and whatever else JSON has no word for are strings of their usual text; lists and structs are
//! arrays and objects.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType};

use super::cells::{Cells, Values, displayable};
use super::delimited::push_integer;
use super::layout::{Layout, Scored, Source};

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
        members.push((std::mem::take(&mut fixed), member));
    }
    fixed.extend_from_slice(b"}\n");

    let rows = scored.predictions.num_rows();
    let width = members.iter().map(|(before, _)| before.len() + 12).sum::<usize>() + fixed.len();
    let mut out = Vec::with_capacity(rows * width);
    for row in 0..rows {
        for (before, member) in &members {
            out.extend_from_slice(before);
            member.push(&mut out, row)?;
        }
        out.extend_from_slice(&fixed);
    }
    Ok(out)
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
            _ => Ok(Member::Plain(Cells::new(array)?)),
        }
    }

    fn push(&self, out: &mut Vec<u8>, index: usize) -> Result<(), ArrowError> {
        match self {
            Member::Plain(cells) => push_value(out, cells, index)?,
            Member::Raw(json) if json.is_null(index) => out.extend_from_slice(b"null"),
            // A line break would end the object; outside of strings JSON takes a space in its place.
            Member::Raw(json) => {
                out.extend(
                    json.value(index).bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }),
                );
            }
            Member::List { nulls: Some(nulls), .. } | Member::Struct { nulls: Some(nulls), .. }
                if nulls.is_null(index) =>
            {
                out.extend_from_slice(b"null");
            }
            Member::List { offsets, items, .. } => {
                out.push(b'[');
                for (i, item) in offsets.range(index).enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    items.push(out, item)?;
                }
                out.push(b']');
            }
            Member::Struct { members, .. } => {
                out.push(b'{');
                for (before, member) in members {
                    out.extend_from_slice(before);
                    member.push(out, index)?;
                }
                out.push(b'}');
            }
        }
        Ok(())
    }
}

fn push_value(out: &mut Vec<u8>, cells: &Cells<'_>, index: usize) -> Result<(), ArrowError> {
    if cells.is_null(index) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match &cells.values {
        Values::Rows(rows) => push_integer(out, rows.get(index)),
        Values::Int8(values) => push_integer(out, values[index]),
        Values::Int16(values) => push_integer(out, values[index]),
        Values::Int32(values) => push_integer(out, values[index]),
        Values::Int64(values) => push_integer(out, values[index]),
        Values::UInt8(values) => push_integer(out, values[index]),
        Values::UInt16(values) => push_integer(out, values[index]),
        Values::UInt32(values) => push_integer(out, values[index]),
        Values::UInt64(values) => push_integer(out, values[index]),
        Values::Float32(values) => push_float(out, values[index].is_finite(), values[index]),
        Values::Float64(values) => push_float(out, values[index].is_finite(), values[index]),
        Values::Boolean(values) => out.extend_from_slice(if values.value(index) { b"true" } else { b"false" }),
        Values::Utf8(values) => push_string(out, values.value(index)),
        Values::LargeUtf8(values) => push_string(out, values.value(index)),
        Values::Utf8View(values) => push_string(out, values.value(index)),
        Values::Dictionary { keys, values } => push_value(out, values, keys[index])?,
        Values::Decimal(formatter) => out.extend_from_slice(formatter.value(index).try_to_string()?.as_bytes()),
        Values::Other(formatter) => push_string(out, &formatter.value(index).try_to_string()?),
        Values::Null => out.extend_from_slice(b"null"),
    }
    Ok(())
}

#[inline]
fn push_float(out: &mut Vec<u8>, is_finite: bool, value: impl zmij::Float) {
    if is_finite {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

/// A string between quotes, escaped.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    if serde_json::to_writer(&mut *out, text).is_err() {
        unreachable!("a vector takes every write, and every text has a JSON form");
    }
}

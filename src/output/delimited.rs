//! Comma-separated text: minimal quoting as in RFC 4180, lines end in LF, nothing stands for null.

use arrow_array::ArrayRef;
use arrow_schema::{ArrowError, SchemaRef};

use super::cells::{Cells, Values, displayable, without_json};
use super::layout::{Layout, Scored, Source};

/// What a value of most columns takes with its comma, for a first guess at a block's size.
const USUAL_WIDTH: usize = 12;

/// The header line of these columns.
pub(super) fn header(schema: &SchemaRef) -> Vec<u8> {
    let mut line = Vec::new();
    for (i, field) in schema.fields().iter().enumerate() {
        if i > 0 {
            line.push(b',');
        }
        push_quoted(&mut line, field.name().as_bytes());
    }
    line.push(b'\n');
    line
}

/// The lines of a block.
pub(super) fn encode(layout: &Layout, scored: &Scored) -> Result<Vec<u8>, ArrowError> {
    let rows = scored.predictions.num_rows();
    let arrays = arrays(layout, scored)?;
    // What is the same in every line (commas, the file's name, the line's end) goes before the column that follows it.
    let mut parts: Vec<(Vec<u8>, Cells<'_>)> = Vec::with_capacity(layout.sources().len());
    let mut fixed = Vec::new();
    for (i, (source, array)) in layout.sources().iter().zip(&arrays).enumerate() {
        if i > 0 {
            fixed.push(b',');
        }
        match (source, array) {
            (Source::File, _) => push_quoted(&mut fixed, scored.file.name.as_bytes()),
            (_, Some(array)) => parts.push((std::mem::take(&mut fixed), Cells::new(array)?)),
            (_, None) => parts.push((std::mem::take(&mut fixed), Cells::rows(&scored.rows))),
        }
    }
    fixed.push(b'\n');

    let width = parts.iter().map(|(before, _)| before.len() + USUAL_WIDTH).sum::<usize>() + fixed.len();
    let mut out = Vec::with_capacity(rows * width);
    let mut scratch = String::new();
    for row in 0..rows {
        for (before, cells) in &parts {
            out.extend_from_slice(before);
            push_value(&mut out, cells, row, &mut scratch)?;
        }
        out.extend_from_slice(&fixed);
    }
    Ok(out)
}

/// The columns that have an array, in types that have a text.
fn arrays(layout: &Layout, scored: &Scored) -> Result<Vec<Option<ArrayRef>>, ArrowError> {
    let fields = layout.schema().fields();
    layout
        .sources()
        .iter()
        .zip(fields)
        .map(|(source, field)| scored.column(*source).map(|array| displayable(&without_json(field, array))).transpose())
        .collect()
}

#[inline]
fn push_value(out: &mut Vec<u8>, cells: &Cells<'_>, row: usize, scratch: &mut String) -> Result<(), ArrowError> {
    if cells.is_null(row) {
        return Ok(());
    }
    match &cells.values {
        Values::Rows(rows) => push_integer(out, rows.get(row)),
        Values::Int8(values) => push_integer(out, values[row]),
        Values::Int16(values) => push_integer(out, values[row]),
        Values::Int32(values) => push_integer(out, values[row]),
        Values::Int64(values) => push_integer(out, values[row]),
        Values::UInt8(values) => push_integer(out, values[row]),
        Values::UInt16(values) => push_integer(out, values[row]),
        Values::UInt32(values) => push_integer(out, values[row]),
        Values::UInt64(values) => push_integer(out, values[row]),
        Values::Float32(values) => push_float(out, values[row]),
        Values::Float64(values) => push_float(out, values[row]),
        Values::Boolean(values) => {
            out.extend_from_slice(if values.value(row) { b"true" } else { b"false" });
        }
        Values::Utf8(values) => push_quoted(out, values.value(row).as_bytes()),
        Values::LargeUtf8(values) => push_quoted(out, values.value(row).as_bytes()),
        Values::Utf8View(values) => push_quoted(out, values.value(row).as_bytes()),
        Values::Dictionary { keys, values } => push_value(out, values, keys[row], scratch)?,
        Values::Decimal(formatter) | Values::Other(formatter) => {
            scratch.clear();
            formatter.value(row).write(scratch)?;
            push_quoted(out, scratch.as_bytes());
        }
        Values::Null => {}
    }
    Ok(())
}

#[inline]
pub(super) fn push_integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// The shortest text that reads back as the same number; `NaN`, `inf`, `-inf`.
#[inline]
fn push_float(out: &mut Vec<u8>, value: impl zmij::Float) {
    out.extend_from_slice(zmij::Buffer::new().format(value).as_bytes());
}

/// A text, between quotes if a reader would otherwise take it apart.
fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    if !text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for &byte in text {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

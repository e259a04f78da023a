//! Comma-separated text: minimal quoting as in RFC 4180, lines end in LF, nothing stands for null.

use arrow_array::ArrayRef;
use arrow_schema::{ArrowError, SchemaRef};

use super::cells::{Cells, Values, displayable, without_json};
use super::layout::{Layout, Scored, Source};
use super::text::{Fixed, Text};

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
    let mut parts: Vec<(Fixed, Cells<'_>)> = Vec::with_capacity(layout.sources().len());
    let mut fixed = Vec::new();
    for (i, (source, array)) in layout.sources().iter().zip(&arrays).enumerate() {
        if i > 0 {
            fixed.push(b',');
        }
        match (source, array) {
            (Source::File, _) => push_quoted(&mut fixed, scored.file.name.as_bytes()),
            (_, Some(array)) => parts.push((Fixed::new(std::mem::take(&mut fixed)), Cells::new(array)?)),
            (_, None) => parts.push((Fixed::new(std::mem::take(&mut fixed)), Cells::rows(&scored.rows))),
        }
    }
    fixed.push(b'\n');
    let fixed = Fixed::new(fixed);

    let width = parts.iter().map(|(before, _)| before.len() + USUAL_WIDTH).sum::<usize>() + fixed.len();
    let mut text = Text::with_capacity(rows * width);
    let mut scratch = String::new();
    for row in 0..rows {
        for (before, cells) in &mut parts {
            text.push_fixed(before);
            if cells.is_null(row) {
                continue;
            }
            // What most outputs consist of is written here, without a call for each value.
            match &mut cells.values {
                Values::Counter(counter) => text.push_counter(counter),
                Values::Int64(values) => text.push_small_integer(values[row]),
                Values::Float32(scores) => text.push_score(scores, row),
                _ => push_value(&mut text, cells, row, &mut scratch)?,
            }
        }
        text.push_fixed(&fixed);
    }
    Ok(text.into_bytes())
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

fn push_value(text: &mut Text, cells: &mut Cells<'_>, row: usize, scratch: &mut String) -> Result<(), ArrowError> {
    if cells.is_null(row) {
        return Ok(());
    }
    match &mut cells.values {
        Values::Counter(counter) => text.push_counter(counter),
        Values::Rows(rows) => text.push_integer(rows[row]),
        Values::Int8(values) => text.push_integer(values[row]),
        Values::Int16(values) => text.push_integer(values[row]),
        Values::Int32(values) => text.push_integer(values[row]),
        Values::Int64(values) => text.push_small_integer(values[row]),
        Values::UInt8(values) => text.push_integer(values[row]),
        Values::UInt16(values) => text.push_integer(values[row]),
        Values::UInt32(values) => text.push_integer(values[row]),
        Values::UInt64(values) => text.push_integer(values[row]),
        Values::Float32(scores) => text.push_score(scores, row),
        Values::Float64(values) => text.push_float(values[row]),
        Values::Boolean(values) => text.push_short(if values.value(row) { b"true" } else { b"false" }),
        Values::Utf8(values) => push_text(text, values.value(row)),
        Values::LargeUtf8(values) => push_text(text, values.value(row)),
        Values::Utf8View(values) => push_text(text, values.value(row)),
        Values::Dictionary { keys, values } => push_value(text, values, keys[row], scratch)?,
        Values::Decimal(formatter) | Values::Other(formatter) => {
            scratch.clear();
            formatter.value(row).write(scratch)?;
            push_text(text, scratch);
        }
        Values::Null => {}
    }
    Ok(())
}

fn push_text(text: &mut Text, value: &str) {
    if needs_quotes(value.as_bytes()) {
        push_quoted(text.as_vec(), value.as_bytes());
    } else {
        text.push(value.as_bytes());
    }
}

/// Whether a reader would take the text apart.
fn needs_quotes(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
}

/// A text, between quotes if it needs them.
fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    if !needs_quotes(text) {
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

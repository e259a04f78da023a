//! What delimited text and JSON lines have in common: records become columns, and a bad record costs itself only.

use std::ops::Range;

use arrow_schema::ArrowError;

use super::convert;
use super::number::Misfit;
use super::plan::{ColumnPlan, Wanted};
use super::raw_block::Decoded;
use super::text_column::TextColumn;

/// Decodes every record with `decode`, which adds one value to each column, or says why it cannot and may leave some
/// columns longer than others.
pub(super) fn decode_text(
    plan: &ColumnPlan,
    text: &[u8],
    records: &[Range<u32>],
    mut decode: impl FnMut(&[u8], &mut [TextColumn]) -> Result<(), String>,
) -> Result<Decoded, ArrowError> {
    // Text is looked over once as a whole, which is fast, and value by value only if something is wrong in it.
    let unchecked = plan.has_text() && std::str::from_utf8(text).is_err();
    let mut columns: Vec<TextColumn> =
        plan.columns().iter().map(|column| new_column(&column.wanted, records.len(), unchecked)).collect();
    let mut len = 0;
    let mut kept = None;
    let mut failed = Vec::new();
    for (index, range) in records.iter().enumerate() {
        let record = &text[range.start as usize..range.end as usize];
        match decode(record, &mut columns) {
            Ok(()) => {
                len += 1;
                if let Some(kept) = &mut kept {
                    Vec::push(kept, index as u64);
                }
            }
            Err(cause) => {
                columns.iter_mut().for_each(|column| column.truncate(len));
                kept.get_or_insert_with(|| (0..index as u64).collect());
                failed.push((index as u64, cause));
            }
        }
    }
    let mut bad = Vec::new();
    let columns = plan
        .columns()
        .iter()
        .zip(columns)
        .enumerate()
        .map(|(position, (column, values))| {
            let array = values.finish()?;
            if array.data_type() == &column.wanted.data_type() {
                return Ok(array);
            }
            let (array, misfits) = convert::convert(&array, column)?;
            bad.push((position, misfits));
            Ok(array)
        })
        .collect::<Result<_, ArrowError>>()?;
    Ok(Decoded { columns, len, kept, failed, passed_over: 0, bad })
}

fn new_column(wanted: &Wanted, rows: usize, unchecked: bool) -> TextColumn {
    match wanted {
        Wanted::Element(element) => TextColumn::of(*element, rows, unchecked),
        Wanted::As { json: true, .. } => TextColumn::json(rows, unchecked),
        Wanted::As { .. } => TextColumn::text(rows, unchecked),
    }
}

/// The words for a value that does not fit.
pub(super) fn misfit(plan: &ColumnPlan, column: usize, value: &str, why: Misfit) -> String {
    let column = &plan.columns()[column];
    convert::explain(column, value, why)
}

//! Fields of delimited text.

use std::ops::Range;
use std::sync::Arc;

use arrow_schema::ArrowError;
use memchr::{memchr, memchr_iter};

use super::error::show;
use super::field_index::{Behind, FieldIndex};
use super::number::Misfit;
use super::plan::ColumnPlan;
use super::raw_block::Decoded;
use super::scanner::{Found, RecordRule, Scanner};
use super::text_column::TextColumn;
use super::text_decode::{TextRows, misfit};
use super::text_run::Run;
use crate::simd::Level;

/// Turns the records of one delimited text file into the plan's columns.
#[derive(Clone)]
pub(super) struct CsvDecoder {
    plan: Arc<ColumnPlan>,
    delimiter: u8,
    level: Level,
    /// How many fields a record has.
    width: usize,
    /// For each column of the plan, which field it comes from.
    sources: Vec<usize>,
    /// What becomes of the first fields of a record; those behind them are only counted.
    uses: Vec<Use>,
    /// Columns for fields that are used more than once.
    many: Vec<usize>,
}

/// What a field is for.
#[derive(Clone)]
enum Use {
    Nothing,
    /// One column of the plan.
    One(usize),
    /// Several, listed in `many`.
    Many(Range<usize>),
}

/// What can be wrong with a record.
enum Fault {
    /// It has so many fields, and should have another number of them.
    Fields(usize),
    /// A quote is not closed.
    Quote,
    /// A value does not fit its column.
    Value(usize, String, Misfit),
}

impl CsvDecoder {
    /// `sources` says, for each column of the plan, which field it comes from.
    pub(super) fn new(plan: Arc<ColumnPlan>, delimiter: u8, width: usize, sources: &[usize]) -> CsvDecoder {
        let used = sources.iter().max().map_or(0, |last| last + 1);
        let mut columns_of = vec![Vec::new(); used];
        for (column, source) in sources.iter().enumerate() {
            columns_of[*source].push(column);
        }
        let mut many = Vec::new();
        let uses = columns_of
            .into_iter()
            .map(|columns| match columns[..] {
                [] => Use::Nothing,
                [column] => Use::One(column),
                _ => {
                    let start = many.len();
                    many.extend(columns);
                    Use::Many(start..many.len())
                }
            })
            .collect();
        let (level, sources) = (Level::get(), sources.to_vec());
        CsvDecoder { plan, delimiter, level, width, sources, uses, many }
    }

    /// Sets other vector instructions than the best.
    #[cfg(test)]
    pub(super) fn with_level(self, level: Level) -> CsvDecoder {
        CsvDecoder { level, ..self }
    }

    /// Turns a text of so many records into columns.
    pub(super) fn decode(&self, text: &[u8], records: usize) -> Result<Decoded, ArrowError> {
        let mut rows = TextRows::new(&self.plan, text, records, false)?;
        let mut index = FieldIndex::new(self.level, self.delimiter, self.width);
        let mut from = 0;
        loop {
            let behind = index.fill(text, from);
            self.decode_indexed(text, &index, &mut rows);
            match behind {
                Behind::More(next) => from = next,
                Behind::Odd(next) => {
                    let mut scanner = Scanner::at(RecordRule::Csv { delimiter: self.delimiter }, next);
                    let Found::Record { start, end } = scanner.next(text, true) else { break };
                    rows.one(|columns| self.decode_record(&text[start..end], columns));
                    from = scanner.start();
                }
                Behind::End => break,
            }
        }
        rows.finish()
    }

    fn decode_indexed(&self, text: &[u8], index: &FieldIndex, rows: &mut TextRows<'_>) {
        let (mut starts, mut records, mut ends) = (index.starts(), index.records(), index.ends());
        while let (Some(start), Some(end)) = (starts.first(), records.first()) {
            let has_width = |(end, fields): (&u32, &[u32])| fields.last() == Some(end);
            let regular = records.iter().zip(ends.chunks_exact(self.width)).take_while(|pair| has_width(*pair)).count();
            let (taken, fields) = if regular > 0 {
                let (level, delimiter, width) = (self.level, self.delimiter, self.width);
                let fields = regular * width;
                let run = Run { level, text, delimiter, starts: &starts[..regular], ends: &ends[..fields], width };
                self.decode_run(run, rows);
                (regular, fields)
            } else {
                let record = &text[*start as usize..*end as usize];
                rows.one(|columns| self.decode_record(record, columns));
                (1, ends.partition_point(|field| field <= end))
            };
            (starts, records, ends) = (&starts[taken..], &records[taken..], &ends[fields..]);
        }
    }

    /// Decodes records that have the right number of fields.
    fn decode_run(&self, run: Run<'_>, rows: &mut TextRows<'_>) {
        rows.many(
            run.len(),
            |records, columns, failed| {
                let run = run.part(records);
                for (column, source) in columns.iter_mut().zip(&self.sources) {
                    run.push(*source, column, failed);
                }
            },
            |record, columns| self.decode_record(run.record(record), columns),
        );
    }

    /// Adds the values of one record to the columns, byte by byte.
    fn decode_record(&self, record: &[u8], columns: &mut [TextColumn]) -> Result<(), String> {
        self.read_record(record, columns, &mut Vec::new()).map_err(|fault| self.explain(fault))
    }

    fn read_record(&self, record: &[u8], columns: &mut [TextColumn], unquoted: &mut Vec<u8>) -> Result<(), Fault> {
        // `at` is where the next field begins; it is behind the record's end when there is no next field.
        let mut at = 0;
        for (field, field_use) in self.uses.iter().enumerate() {
            let Some(rest) = record.get(at..) else {
                return Err(Fault::Fields(field));
            };
            let (value, length) = field_of(rest, self.delimiter, unquoted)?;
            at += length + 1;
            let mut push = |column: usize| {
                columns[column].push_field(value).map_err(|misfit| Fault::Value(column, show::value(value), misfit))
            };
            match field_use {
                Use::Nothing => {}
                Use::One(column) => push(*column)?,
                Use::Many(range) => self.many[range.clone()].iter().try_for_each(|column| push(*column))?,
            }
        }
        match self.uses.len() + self.count_fields(record.get(at..), unquoted)? {
            fields if fields == self.width => Ok(()),
            fields => Err(Fault::Fields(fields)),
        }
    }

    /// Fields in the rest of a record, if there is a rest.
    fn count_fields(&self, rest: Option<&[u8]>, unquoted: &mut Vec<u8>) -> Result<usize, Fault> {
        let Some(mut rest) = rest else {
            return Ok(0);
        };
        if memchr(b'"', rest).is_none() {
            return Ok(memchr_iter(self.delimiter, rest).count() + 1);
        }
        let mut fields = 0;
        loop {
            let (_, length) = field_of(rest, self.delimiter, unquoted)?;
            fields += 1;
            match rest.get(length + 1..) {
                Some(more) => rest = more,
                None => return Ok(fields),
            }
        }
    }

    fn explain(&self, fault: Fault) -> String {
        match fault {
            Fault::Fields(fields) => format!("has {fields} fields, expected {}", self.width),
            Fault::Quote => "has a quote that is not closed".to_owned(),
            Fault::Value(column, value, why) => misfit(&self.plan, column, &value, why),
        }
    }
}

/// Reads what a field stands for, quotes and all; nothing when one of them is not closed.
pub(super) fn with_field<T>(field: &[u8], delimiter: u8, read: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
    if field.first() != Some(&b'"') {
        return read(field);
    }
    let mut unquoted = Vec::new();
    let (value, _) = quoted_field(field, delimiter, &mut unquoted).ok()?;
    read(value)
}

/// The value of the field at the start of `rest`, and how many bytes the field takes.
#[inline]
fn field_of<'a>(rest: &'a [u8], delimiter: u8, unquoted: &'a mut Vec<u8>) -> Result<(&'a [u8], usize), Fault> {
    if rest.first() == Some(&b'"') {
        return quoted_field(rest, delimiter, unquoted);
    }
    let length = memchr(delimiter, rest).unwrap_or(rest.len());
    Ok((&rest[..length], length))
}

/// A field that begins with a quote: doubled quotes stand for one, and text behind the closing quote belongs to it.
fn quoted_field<'a>(rest: &'a [u8], delimiter: u8, unquoted: &'a mut Vec<u8>) -> Result<(&'a [u8], usize), Fault> {
    let first = 1 + memchr(b'"', &rest[1..]).ok_or(Fault::Quote)?;
    if rest.get(first + 1).is_none_or(|next| *next == delimiter) {
        return Ok((&rest[1..first], first + 1));
    }
    unquoted.clear();
    let mut from = 1;
    let mut quote = first;
    loop {
        unquoted.extend_from_slice(&rest[from..quote]);
        if rest.get(quote + 1) != Some(&b'"') {
            break;
        }
        // The second quote of a pair is text.
        from = quote + 1;
        quote = from + 1 + memchr(b'"', &rest[from + 1..]).ok_or(Fault::Quote)?;
    }
    let tail = &rest[quote + 1..];
    let length = memchr(delimiter, tail).unwrap_or(tail.len());
    unquoted.extend_from_slice(&tail[..length]);
    Ok((unquoted, quote + 1 + length))
}

/// The fields of one record; an open quote closes at the record's end.
pub(super) fn fields(record: &[u8], delimiter: u8) -> Vec<Vec<u8>> {
    let mut unquoted = Vec::new();
    let mut fields = Vec::new();
    let mut at = 0;
    while let Some(rest) = record.get(at..) {
        match field_of(rest, delimiter, &mut unquoted) {
            Ok((value, length)) => {
                fields.push(value.to_vec());
                at += length + 1;
            }
            Err(_) => {
                fields.push(rest.to_vec());
                break;
            }
        }
    }
    fields
}

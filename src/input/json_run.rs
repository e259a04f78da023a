//! Values of consecutive records of JSON lines, read column by column.

use std::ops::Range;

use super::decimal;
#[cfg(target_arch = "x86_64")]
use super::digits;
use super::json_tokens::Span;
#[cfg(target_arch = "x86_64")]
use super::marks;
use super::number::{self, Float, Misfit};
use super::text_column::{TextColumn, Texts, number_field};
use crate::simd::Level;

/// Values that are gathered before they are read, about: their text stays in a core's inner cache meanwhile.
const VALUES: usize = 2048;

/// Where the values of some records lie in a text.
pub(super) struct JsonRun<'a> {
    level: Level,
    text: &'a [u8],
    /// Values of a record.
    width: usize,
    most: usize,
    records: Vec<Range<usize>>,
    values: Vec<Span>,
}

impl<'a> JsonRun<'a> {
    /// No records yet of a text, in each of which so many keys are wanted.
    pub(super) fn new(level: Level, text: &'a [u8], width: usize) -> JsonRun<'a> {
        let most = (VALUES / width.max(1)).max(1);
        JsonRun { level, text, width, most, records: Vec::new(), values: Vec::new() }
    }

    /// Adds a record, with a value for each of the wanted keys.
    pub(super) fn add(&mut self, record: Range<usize>, values: &[Span]) {
        self.records.push(record);
        self.values.extend_from_slice(values);
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it is time to read the values.
    pub(super) fn is_full(&self) -> bool {
        self.records.len() >= self.most
    }

    /// Forgets all records.
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.values.clear();
    }

    /// The text of a record.
    pub(super) fn record(&self, index: usize) -> &'a [u8] {
        &self.text[self.records[index].clone()]
    }

    /// A value as it is written, if there is one.
    fn raw(&self, value: Span) -> Result<Option<&str>, Misfit> {
        if value.is_missing() {
            return Ok(None);
        }
        std::str::from_utf8(value.of(self.text)).map(Some).map_err(|_| Misfit::NotUtf8)
    }

    #[inline(always)]
    fn values(&self, records: Range<usize>, key: usize) -> impl Iterator<Item = (usize, Span)> {
        records.map(move |record| (record, self.values[record * self.width + key]))
    }

    /// Adds the values of a key in some records to a column. `failed` gets the records whose value does not fit; something
    /// stands for it in the column.
    pub(super) fn push(&self, records: Range<usize>, key: usize, column: &mut TextColumn, failed: &mut Vec<usize>) {
        match column {
            TextColumn::Float32(values) => self.floats(records, key, values, failed),
            TextColumn::Float64(values) => self.floats(records, key, values, failed),
            TextColumn::Int32(values) => self.integers(records, key, values, failed),
            TextColumn::Int64(values) => self.integers(records, key, values, failed),
            TextColumn::Text(texts) if texts.are_checked() => self.texts(records, key, texts, failed),
            _ => self.others(records, key, column, failed),
        }
    }

    fn floats<F: Float>(&self, records: Range<usize>, key: usize, column: &mut Vec<F>, failed: &mut Vec<usize>) {
        #[cfg(target_arch = "x86_64")]
        if marks::has_avx2(self.level) {
            #[expect(unsafe_code, reason = "a function for processors with AVX2")]
            // SAFETY: the processor has AVX2.
            return unsafe { self.floats_avx2(records, key, column, failed) };
        }
        // Others look for the ends of digits by themselves.
        self.floats_with(records, key, column, failed, |_| None);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn floats_avx2<F: Float>(&self, records: Range<usize>, key: usize, column: &mut Vec<F>, failed: &mut Vec<usize>) {
        self.floats_with(records, key, column, failed, |value| {
            let (start, end) = (value.start as usize, value.end as usize);
            match digits::decimal(self.text, start, end) {
                Some(decimal) => F::of(decimal),
                None => F::of(digits::long_decimal(self.text, start, end)?),
            }
        });
    }

    #[inline(always)]
    fn floats_with<F: Float>(
        &self,
        records: Range<usize>,
        key: usize,
        column: &mut Vec<F>,
        failed: &mut Vec<usize>,
        usual: impl Fn(Span) -> Option<F>,
    ) {
        for (record, value) in self.values(records, key) {
            column.push(match usual(value) {
                Some(value) => value,
                None => unusual_float(value.of(self.text)).unwrap_or_else(|| {
                    failed.push(record);
                    F::MISSING
                }),
            });
        }
    }

    fn integers<I: TryFrom<i128> + Default>(
        &self,
        records: Range<usize>,
        key: usize,
        column: &mut Vec<I>,
        failed: &mut Vec<usize>,
    ) {
        for (record, value) in self.values(records, key) {
            let field = value.of(self.text);
            let usual = decimal::leading(field).filter(|(_, length)| *length == field.len());
            column.push(match usual.and_then(|(usual, _)| decimal::whole(usual)) {
                Some(value) => value,
                None => unusual_integer(field).unwrap_or_else(|| {
                    failed.push(record);
                    I::default()
                }),
            });
        }
    }

    fn texts(&self, records: Range<usize>, key: usize, texts: &mut Texts, failed: &mut Vec<usize>) {
        for (record, value) in self.values(records, key) {
            let (start, end) = (value.start as usize, value.end as usize);
            if self.text[start] == b'"' && !value.escaped && !value.is_missing() {
                texts.push_checked(self.text, start + 1, end - 1);
            } else if self.unusual_text(value, texts).is_err() {
                texts.push_checked(&[], 0, 0);
                failed.push(record);
            }
        }
    }

    fn unusual_text(&self, value: Span, texts: &mut Texts) -> Result<(), Misfit> {
        match self.raw(value)? {
            Some(raw) => texts.push_json(raw),
            None => texts.push_null(),
        }
    }

    fn others(&self, records: Range<usize>, key: usize, column: &mut TextColumn, failed: &mut Vec<usize>) {
        for (record, value) in self.values(records, key) {
            let pushed = self.raw(value).and_then(|raw| match raw {
                Some(raw) => column.push_json(raw),
                None => column.push_null(),
            });
            if pushed.is_err() {
                column.push_stopgap();
                failed.push(record);
            }
        }
    }
}

/// A number of any form, or what stands for one; an empty text is a missing number.
#[inline(never)]
fn unusual_float<F: Float>(value: &[u8]) -> Option<F> {
    match number_field(value).ok()? {
        Some(field) => number::float(field).ok(),
        None => Some(F::MISSING),
    }
}

/// The same for a whole number.
#[inline(never)]
fn unusual_integer<I: TryFrom<i128>>(value: &[u8]) -> Option<I> {
    number::integer(number_field(value).ok()??).ok()
}

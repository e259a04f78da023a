//! Fields of consecutive records of delimited text, read column by column.

use memchr::memchr;

use super::csv;
use super::decimal::{self, Decimal};
#[cfg(target_arch = "x86_64")]
use super::digits;
use super::marks;
use super::number::{self, Float};
use super::text_column::{TextColumn, Texts};
use crate::simd::Level;

/// Records that all have the same number of fields, and where these lie in a text.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub level: Level,
    pub text: &'a [u8],
    pub delimiter: u8,
    /// Where records begin.
    pub starts: &'a [u32],
    /// Where fields end: `width` for each record.
    pub ends: &'a [u32],
    pub width: usize,
}

impl<'a> Run<'a> {
    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Some of the records.
    pub(super) fn part(&self, records: std::ops::Range<usize>) -> Run<'a> {
        let ends = &self.ends[records.start * self.width..records.end * self.width];
        Run { starts: &self.starts[records], ends, ..*self }
    }

    /// A record without its line end.
    pub(super) fn record(&self, index: usize) -> &'a [u8] {
        &self.text[self.starts[index] as usize..self.ends[(index + 1) * self.width - 1] as usize]
    }

    /// Where a field of each record begins and ends.
    #[inline(always)]
    fn places(&self, field: usize) -> impl ExactSizeIterator<Item = (usize, usize)> {
        let rows = self.starts.iter().zip(self.ends.chunks_exact(self.width));
        rows.map(move |(start, ends)| match field {
            0 => (*start as usize, ends[0] as usize),
            _ => (ends[field - 1] as usize + 1, ends[field] as usize),
        })
    }

    /// Adds a field of each record to a column. `failed` gets the records whose field does not fit; something stands for
    /// it in the column.
    pub(super) fn push(&self, field: usize, column: &mut TextColumn, failed: &mut Vec<usize>) {
        match column {
            TextColumn::Float32(values) => self.floats(field, values, failed),
            TextColumn::Float64(values) => self.floats(field, values, failed),
            TextColumn::Int8(values) => self.integers(field, values, failed),
            TextColumn::Int16(values) => self.integers(field, values, failed),
            TextColumn::Int32(values) => self.integers(field, values, failed),
            TextColumn::Int64(values) => self.integers(field, values, failed),
            TextColumn::Uint8(values) => self.integers(field, values, failed),
            TextColumn::Uint16(values) => self.integers(field, values, failed),
            TextColumn::Uint32(values) => self.integers(field, values, failed),
            TextColumn::Uint64(values) => self.integers(field, values, failed),
            TextColumn::Text(texts) if texts.are_checked() => self.texts(field, texts, failed),
            TextColumn::Bool(_) | TextColumn::Text(_) | TextColumn::Json(_) => self.others(field, column, failed),
        }
    }

    /// What a field stands for; nothing when it has a quote that is not closed.
    fn with_value<T>(&self, start: usize, end: usize, read: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        csv::with_field(&self.text[start..end], self.delimiter, read)
    }

    fn floats<F: Float>(&self, field: usize, values: &mut Vec<F>, failed: &mut Vec<usize>) {
        #[cfg(target_arch = "x86_64")]
        if marks::has_avx2(self.level) {
            #[expect(unsafe_code, reason = "a function for processors with AVX2")]
            // SAFETY: the processor has AVX2.
            return unsafe { self.floats_avx2(field, values, failed) };
        }
        self.floats_with(field, values, failed, |start, end| F::of(self.decimal(start, end)?));
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn floats_avx2<F: Float>(&self, field: usize, values: &mut Vec<F>, failed: &mut Vec<usize>) {
        self.floats_with(field, values, failed, |start, end| match digits::decimal(self.text, start, end) {
            Some(decimal) => F::of(decimal),
            None => F::of(digits::long_decimal(self.text, start, end)?),
        });
    }

    #[inline(always)]
    fn floats_with<F: Float>(
        &self,
        field: usize,
        values: &mut Vec<F>,
        failed: &mut Vec<usize>,
        usual: impl Fn(usize, usize) -> Option<F>,
    ) {
        for (record, (start, end)) in self.places(field).enumerate() {
            values.push(match usual(start, end) {
                Some(value) => value,
                None => self.unusual_float(record, start, end, failed),
            });
        }
    }

    #[inline(never)]
    fn unusual_float<F: Float>(&self, record: usize, start: usize, end: usize, failed: &mut Vec<usize>) -> F {
        self.with_value(start, end, |value| number::float(value).ok()).unwrap_or_else(|| {
            failed.push(record);
            F::MISSING
        })
    }

    /// A usual number that is all of a field.
    #[inline]
    fn decimal(&self, start: usize, end: usize) -> Option<Decimal> {
        let (decimal, length) = decimal::leading(&self.text[start..end])?;
        (length == end - start).then_some(decimal)
    }

    fn integers<I: TryFrom<i128> + Default>(&self, field: usize, values: &mut Vec<I>, failed: &mut Vec<usize>) {
        #[cfg(target_arch = "x86_64")]
        if marks::has_avx2(self.level) {
            #[expect(unsafe_code, reason = "a function for processors with AVX2")]
            // SAFETY: the processor has AVX2.
            return unsafe { self.integers_avx2(field, values, failed) };
        }
        self.integers_with(field, values, failed, |start, end| self.decimal(start, end));
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn integers_avx2<I: TryFrom<i128> + Default>(&self, field: usize, values: &mut Vec<I>, failed: &mut Vec<usize>) {
        self.integers_with(field, values, failed, |start, end| digits::decimal(self.text, start, end));
    }

    #[inline(always)]
    fn integers_with<I: TryFrom<i128> + Default>(
        &self,
        field: usize,
        values: &mut Vec<I>,
        failed: &mut Vec<usize>,
        usual: impl Fn(usize, usize) -> Option<Decimal>,
    ) {
        for (record, (start, end)) in self.places(field).enumerate() {
            values.push(match usual(start, end).and_then(decimal::whole) {
                Some(value) => value,
                None => self.unusual_integer(record, start, end, failed),
            });
        }
    }

    #[inline(never)]
    fn unusual_integer<I: TryFrom<i128> + Default>(
        &self,
        record: usize,
        start: usize,
        end: usize,
        failed: &mut Vec<usize>,
    ) -> I {
        self.with_value(start, end, |value| number::integer(value).ok()).unwrap_or_else(|| {
            failed.push(record);
            I::default()
        })
    }

    fn texts(&self, field: usize, texts: &mut Texts, failed: &mut Vec<usize>) {
        texts.reserve(self.places(field).map(|(start, end)| end - start).sum());
        for (record, (start, end)) in self.places(field).enumerate() {
            if start == end || self.text[start] != b'"' {
                texts.push_checked(self.text, start, end);
            } else if end - start >= 2 && self.text[end - 1] == b'"' && !has_quote(self.text, start + 1, end - 1) {
                texts.push_checked(self.text, start + 1, end - 1);
            } else {
                let pushed = self.with_value(start, end, |value| {
                    texts.push_checked(value, 0, value.len());
                    Some(())
                });
                if pushed.is_none() {
                    texts.push_checked(&[], 0, 0);
                    failed.push(record);
                }
            }
        }
    }

    fn others(&self, field: usize, column: &mut TextColumn, failed: &mut Vec<usize>) {
        for (record, (start, end)) in self.places(field).enumerate() {
            if self.with_value(start, end, |value| column.push_field(value).ok()).is_none() {
                column.push_stopgap();
                failed.push(record);
            }
        }
    }
}

/// Whether there is a quote in `text[start..end]`.
#[inline]
fn has_quote(text: &[u8], start: usize, end: usize) -> bool {
    /// Looking at so many bytes is a few instructions, at any other number a call.
    const SHORT: usize = 32;
    let length = end - start;
    match text[start..].first_chunk::<SHORT>() {
        Some(bytes) if length <= SHORT => {
            bytes.iter().zip(0..).fold(false, |found, (byte, place)| found | ((*byte == b'"') & (place < length as u8)))
        }
        _ => memchr(b'"', &text[start..end]).is_some(),
    }
}

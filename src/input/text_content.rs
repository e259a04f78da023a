//! Records as text, on their way into columns.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow_schema::ArrowError;

use super::InputSettings;
use super::csv::CsvDecoder;
use super::json_lines::JsonDecoder;
use super::plan::ColumnPlan;
use super::raw_block::Decoded;
use super::reading::{Key, Reading, Sources};
use super::scanner::{Found, RecordRule, Scanner};
use crate::data::{ItemKey, key_value};

/// Text of whole records.
pub(super) struct TextContent {
    text: Vec<u8>,
    /// How many records there are. A record has a byte at least, so that their number fits the platform's sizes.
    pub records: u64,
    rule: RecordRule,
    pub decoder: TextDecoder,
    /// Where the records lie, once somebody wants to know.
    ranges: OnceLock<Vec<Range<u32>>>,
}

/// What turns the records of one file of text into columns.
#[derive(Clone)]
pub(super) struct TextDecoder(Arc<Decoders>);

struct Decoders {
    reading: Reading,
    records: Decoder,
    /// For the columns that the filter looks at.
    filter: Option<Decoder>,
    /// For the key of records that `records` could not decode.
    key: Option<Decoder>,
}

/// A decoder of one format.
enum Decoder {
    Csv(CsvDecoder),
    Json(JsonDecoder),
}

impl Decoder {
    /// Decodes a text of so many records.
    fn decode(&self, text: &[u8], records: usize) -> Result<Decoded, ArrowError> {
        let decoded = match self {
            Decoder::Csv(decoder) => decoder.decode(text, records)?,
            Decoder::Json(decoder) => decoder.decode(text, records)?,
        };
        let found = decoded.len + decoded.failed.len();
        if found != records {
            // Rows would have wrong numbers.
            return Err(ArrowError::ParseError(format!("{records} records were counted, and {found} found")));
        }
        Ok(decoded)
    }

    /// Sets other vector instructions than the best.
    #[cfg(test)]
    fn with_level(self, level: crate::simd::Level) -> Decoder {
        match self {
            Decoder::Csv(decoder) => Decoder::Csv(decoder.with_level(level)),
            Decoder::Json(decoder) => Decoder::Json(decoder.with_level(level)),
        }
    }
}

impl TextDecoder {
    /// For delimited text whose records have `width` fields.
    pub(super) fn csv(reading: Reading, sources: &Sources, delimiter: u8, width: usize) -> TextDecoder {
        TextDecoder::new(reading, sources, |plan, sources| {
            // Only JSON may lack columns.
            let sources: Vec<usize> = sources.iter().copied().flatten().collect();
            Decoder::Csv(CsvDecoder::new(plan, delimiter, width, &sources))
        })
    }

    /// For JSON lines.
    pub(super) fn json(reading: Reading, sources: &Sources, settings: &InputSettings) -> TextDecoder {
        TextDecoder::new(reading, sources, |plan, _| {
            // A column that is not among the first records may come further on.
            let names = plan.columns().iter().map(|column| settings.renames.in_data(&column.name).to_owned()).collect();
            Decoder::Json(JsonDecoder::new(plan, names))
        })
    }

    fn new(
        reading: Reading,
        sources: &Sources,
        decoder: impl Fn(Arc<ColumnPlan>, &[Option<usize>]) -> Decoder,
    ) -> TextDecoder {
        let records = decoder(Arc::clone(reading.in_file()), &sources.columns);
        let filter = reading.filter.as_ref().map(|filter| decoder(Arc::clone(&filter.plan), &sources.filter));
        let key = match &reading.key {
            Some(Key::Column(plan)) => Some(decoder(Arc::clone(plan), &[sources.key])),
            Some(Key::Constant(_)) | None => None,
        };
        TextDecoder(Arc::new(Decoders { reading, records, filter, key }))
    }

    /// Sets other vector instructions than the best.
    #[cfg(test)]
    pub(super) fn with_level(self, level: crate::simd::Level) -> TextDecoder {
        let Some(Decoders { reading, records, filter, key }) = Arc::into_inner(self.0) else {
            unreachable!("it is not in use yet")
        };
        let [filter, key] = [filter, key].map(|decoder| decoder.map(|decoder| decoder.with_level(level)));
        TextDecoder(Arc::new(Decoders { reading, records: records.with_level(level), filter, key }))
    }

    pub(super) fn plan(&self) -> &ColumnPlan {
        self.0.reading.plan()
    }

    pub(super) fn reading(&self) -> &Reading {
        &self.0.reading
    }
}

impl TextContent {
    /// A text of so many records.
    pub(super) fn new(text: Vec<u8>, records: u64, rule: RecordRule, decoder: TextDecoder) -> TextContent {
        TextContent { text, records, rule, decoder, ranges: OnceLock::new() }
    }

    /// The bytes of the text.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Where the records lie in the text.
    pub(super) fn ranges(&self) -> &[Range<u32>] {
        self.ranges.get_or_init(|| {
            let mut scanner = Scanner::new(self.rule);
            let mut ranges = Vec::with_capacity(self.records as usize);
            while let Found::Record { start, end } = scanner.next(&self.text, true) {
                ranges.push(start as u32..end as u32);
            }
            ranges
        })
    }

    /// Turns those records that are items into columns; `first_row` is the row of the first record.
    pub(super) fn decode(&self, first_row: u64) -> Result<Decoded, ArrowError> {
        let Decoders { reading, records, filter, .. } = &*self.decoder.0;
        if !reading.selects() {
            return records.decode(&self.text, self.records as usize);
        }
        let all = self.records as usize;
        let mut chosen: Vec<usize> = match &reading.sample {
            Some(sample) => (0..all).filter(|record| sample.takes(first_row + *record as u64)).collect(),
            None => (0..all).collect(),
        };
        let mut failed = Vec::new();
        if let (Some(decoder), Some(condition)) = (filter, &reading.filter) {
            let decoded = decoder.decode(&self.only(&chosen), chosen.len())?;
            let (is_item, unknown) = condition.judge(&decoded.columns, decoded.len)?;
            let record = |index: usize| chosen[decoded.kept.as_ref().map_or(index, |kept| kept[index] as usize)];
            let items = is_item.set_indices().filter(|index| !unknown.contains_key(index)).map(record).collect();
            failed.extend(decoded.failed.iter().map(|(index, cause)| (chosen[*index as usize] as u64, cause.clone())));
            failed.extend(unknown.iter().map(|(index, cause)| (record(*index) as u64, cause.clone())));
            chosen = items;
        }
        let passed_over = all - chosen.len() - failed.len();
        let mut decoded = records.decode(&self.only(&chosen), chosen.len())?;
        let record = |index: u64| chosen[index as usize] as u64;
        failed.extend(decoded.failed.into_iter().map(|(index, cause)| (record(index), cause)));
        failed.sort_by_key(|(record, _)| *record);
        decoded.failed = failed;
        decoded.kept = Some(match decoded.kept {
            Some(kept) => kept.into_iter().map(record).collect(),
            None => chosen.iter().map(|record| *record as u64).collect(),
        });
        decoded.passed_over = passed_over as u64;
        Ok(decoded)
    }

    /// The text of these records alone.
    fn only(&self, records: &[usize]) -> Cow<'_, [u8]> {
        if records.len() as u64 == self.records {
            return Cow::Borrowed(&self.text);
        }
        let ranges = self.ranges();
        let mut text = Vec::new();
        for range in records.iter().filter_map(|record| ranges.get(*record)) {
            text.extend_from_slice(&self.text[range.start as usize..range.end as usize]);
            text.push(b'\n');
        }
        Cow::Owned(text)
    }

    /// The key of a record, if it has one that can be read.
    pub(super) fn key(&self, record: u64) -> Option<ItemKey> {
        let Decoders { reading, key, .. } = &*self.decoder.0;
        match (&reading.key, key) {
            (Some(Key::Constant(value)), _) => value.clone(),
            (Some(Key::Column(plan)), Some(decoder)) => {
                let range = self.ranges().get(usize::try_from(record).ok()?)?;
                let decoded = decoder.decode(&self.text[range.start as usize..range.end as usize], 1).ok()?;
                let column = decoded.columns.first().filter(|_| decoded.len == 1)?;
                key_value(plan.record_schema().field(0), column, 0)
            }
            _ => None,
        }
    }
}

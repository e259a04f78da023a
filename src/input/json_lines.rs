//! One JSON object a line.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow_schema::ArrowError;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::show;
use super::json_layout::Layout;
use super::json_run::JsonRun;
use super::json_tokens::Span;
use super::plan::ColumnPlan;
use super::raw_block::Decoded;
use super::scanner::{Found, RecordRule, Scanner};
use super::text_column::TextColumn;
use super::text_decode::{TextRows, misfit};
use crate::simd::Level;

/// Turns lines of JSON into the plan's columns.
#[derive(Clone)]
pub(super) struct JsonDecoder {
    plan: Arc<ColumnPlan>,
    level: Level,
    /// Keys that are wanted, each once.
    keys: Vec<String>,
    index: HashMap<String, usize>,
    /// For each column of the plan, which key it comes from.
    sources: Vec<usize>,
}

impl JsonDecoder {
    /// `names` are the keys of the plan's columns.
    pub(super) fn new(plan: Arc<ColumnPlan>, names: Vec<String>) -> JsonDecoder {
        let mut keys = Vec::new();
        let mut index = HashMap::new();
        let sources = names
            .into_iter()
            .map(|name| {
                *index.entry(name).or_insert_with_key(|name| {
                    keys.push(name.clone());
                    keys.len() - 1
                })
            })
            .collect();
        JsonDecoder { plan, level: Level::get(), keys, index, sources }
    }

    /// Sets other vector instructions than the best.
    #[cfg(test)]
    pub(super) fn with_level(self, level: Level) -> JsonDecoder {
        JsonDecoder { level, ..self }
    }

    /// Turns a text of so many records into columns.
    pub(super) fn decode(&self, text: &[u8], records: usize) -> Result<Decoded, ArrowError> {
        let mut rows = TextRows::new(&self.plan, text, records, true)?;
        let mut scanner = Scanner::new(RecordRule::Lines);
        let mut layout = Layout::new(self.level);
        let width = self.keys.len();
        let mut run = JsonRun::new(self.level, text, width);
        let mut values = vec![Span::MISSING; width];
        while let Found::Record { start, end } = scanner.next(text, true) {
            let record = &text[start..end];
            let is_utf8 = rows.is_utf8() || std::str::from_utf8(record).is_ok();
            if is_utf8 && layout.read(text, (start, end), &mut values, |key, last| self.key(key, last)) {
                run.add(start..end, &values);
                if run.is_full() {
                    self.decode_run(&run, &mut rows);
                    run.clear();
                }
            } else {
                self.decode_run(&run, &mut rows);
                run.clear();
                rows.one(|columns| self.decode_record(record, columns));
            }
        }
        self.decode_run(&run, &mut rows);
        rows.finish()
    }

    /// Which of the wanted keys this is; the one behind the last one is tried first.
    fn key(&self, key: &[u8], last: Option<usize>) -> Option<usize> {
        let guess = last.map_or(0, |last| last + 1);
        if self.keys.get(guess).is_some_and(|guess| guess.as_bytes() == key) {
            return Some(guess);
        }
        self.index.get(std::str::from_utf8(key).ok()?).copied()
    }

    /// Decodes records whose values have been found.
    fn decode_run(&self, run: &JsonRun<'_>, rows: &mut TextRows<'_>) {
        rows.many(
            run.len(),
            |records, columns, failed| {
                for (column, source) in columns.iter_mut().zip(&self.sources) {
                    run.push(records.clone(), *source, column, failed);
                }
            },
            |record, columns| self.decode_record(run.record(record), columns),
        );
    }

    /// Adds the values of one record to the columns, with a full parser.
    fn decode_record(&self, record: &[u8], columns: &mut [TextColumn]) -> Result<(), String> {
        let text = std::str::from_utf8(record).map_err(|_| format!("{} is not valid UTF-8", show::value(record)))?;
        let mut values = vec![None; self.keys.len()];
        read_object(text, Wanted { decoder: self, values: &mut values })?;
        for (column, source) in self.sources.iter().enumerate() {
            let pushed = match values[*source] {
                Some(raw) => columns[column].push_json(raw),
                None => columns[column].push_null(),
            };
            pushed.map_err(|why| {
                let value = show::value(values[*source].unwrap_or_default().as_bytes());
                misfit(&self.plan, column, &value, why)
            })?;
        }
        Ok(())
    }
}

/// Reads a line that must be an object and nothing else.
fn read_object<'de, V>(text: &'de str, visitor: V) -> Result<(), String>
where
    V: Visitor<'de, Value = ()>,
{
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_map(visitor).and_then(|()| deserializer.end()).map_err(|error| {
        // Each record is one line, so only the column says something.
        let cause = error.to_string().replace(" line 1 column ", " column ");
        format!("{} is not a JSON object: {cause}", show::value(text.trim_ascii().as_bytes()))
    })
}

/// The keys of some lines, in order of first appearance, and what was wrong with the first bad line.
pub(super) fn keys<'a>(lines: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Option<String>) {
    let mut found = Keys::default();
    let mut trouble = None;
    for line in lines {
        let read = match std::str::from_utf8(line) {
            Ok(text) => read_object(text, &mut found),
            Err(_) => Err("it is not valid UTF-8".to_owned()),
        };
        if let Err(cause) = read {
            trouble.get_or_insert(cause);
        }
    }
    (found.keys, trouble)
}

/// Collects the values of wanted keys, as they are written. A later value of the same key replaces an earlier one.
struct Wanted<'a, 'de> {
    decoder: &'a JsonDecoder,
    values: &'a mut [Option<&'de str>],
}

impl<'de> Visitor<'de> for Wanted<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Records mostly have their keys in the same order: the key after the last one is tried first.
        let mut guess = 0;
        while let Some(key) = map.next_key_seed(KeySeed { decoder: self.decoder, guess })? {
            match key {
                Some(key) => {
                    self.values[key] = Some(map.next_value::<&RawValue>()?.get());
                    guess = key + 1;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Finds a key among the wanted ones without making a string of it.
struct KeySeed<'a> {
    decoder: &'a JsonDecoder,
    guess: usize,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        if self.decoder.keys.get(self.guess).is_some_and(|guess| guess == key) {
            return Ok(Some(self.guess));
        }
        Ok(self.decoder.index.get(key).copied())
    }
}

/// Collects keys, and nothing of their values.
#[derive(Default)]
struct Keys {
    keys: Vec<String>,
    known: std::collections::HashSet<String>,
}

impl<'de> Visitor<'de> for &mut Keys {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if self.known.insert(key.clone()) {
                self.keys.push(key);
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

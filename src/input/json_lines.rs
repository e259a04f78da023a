//! One JSON object a line.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow_schema::ArrowError;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::show;
use super::plan::ColumnPlan;
use super::raw_block::Decoded;
use super::text_column::TextColumn;
use super::text_decode::{decode_text, misfit};

/// Turns lines of JSON into the plan's columns.
pub(super) struct JsonDecoder {
    plan: Arc<ColumnPlan>,
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
        JsonDecoder { plan, keys, index, sources }
    }

    /// Turns records of `text` into columns.
    pub(super) fn decode(&self, text: &[u8], records: &[Range<u32>]) -> Result<Decoded, ArrowError> {
        decode_text(&self.plan, text, records, |record, columns| self.decode_record(record, columns))
    }

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

use std::fs::File;
use std::path::Path;

use arrow_array::{Array, RecordBatch, cast::AsArray};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

/// A table as text: what every output format comes to.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Table {
    /// Names of the columns; `0`, `1` and so on where the file has none.
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads predictions by the extension of their name: a file, or the parts of a folder. `.partial` is looked through.
    pub(crate) fn read(path: &Path) -> Table {
        if path.is_dir() {
            return Table::parts(path);
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let name = name.strip_suffix(".partial").unwrap_or(name);
        let text = || {
            let bytes = std::fs::read(path).unwrap();
            let plain = match name.rsplit_once('.').unwrap().1 {
                "gz" => std::io::read_to_string(flate2::read::MultiGzDecoder::new(&bytes[..])).unwrap().into_bytes(),
                "zst" => zstd::decode_all(&bytes[..]).unwrap(),
                _ => bytes,
            };
            String::from_utf8(plain).unwrap()
        };
        let inner = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(name);
        match inner.rsplit_once('.').unwrap().1 {
            "txt" => Table::txt(&text()),
            "csv" => Table::csv(&text()),
            "jsonl" => Table::json_lines(&text()),
            "parquet" => {
                let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
                let columns = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
                Table::batches(columns, reader.build().unwrap().map(Result::unwrap))
            }
            "arrow" => {
                let reader = arrow_ipc::reader::FileReader::try_new(File::open(path).unwrap(), None).unwrap();
                let columns = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
                Table::batches(columns, reader.map(Result::unwrap))
            }
            other => panic!("no reader for .{other}"),
        }
    }

    /// The parts of a folder in the order of their names, which have the same columns.
    fn parts(folder: &Path) -> Table {
        let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('_'));
        paths.sort();
        let mut whole = Table::default();
        for table in paths.iter().map(|path| Table::read(path)) {
            assert!(whole.rows.is_empty() || whole.columns == table.columns, "{folder:?}");
            whole.columns = table.columns;
            whole.rows.extend(table.rows);
        }
        whole
    }

    /// Comma-separated text with a header.
    pub(crate) fn csv(text: &str) -> Table {
        let mut records = records(text).into_iter();
        Table { columns: records.next().unwrap_or_default(), rows: records.collect() }
    }

    /// The same without a header.
    pub(crate) fn txt(text: &str) -> Table {
        let rows = records(text);
        let width = rows.first().map_or(0, Vec::len);
        Table { columns: (0..width).map(|column| column.to_string()).collect(), rows }
    }

    /// JSON lines; every line has the first one's keys.
    pub(crate) fn json_lines(text: &str) -> Table {
        let mut table = Table::default();
        for line in text.lines() {
            let object: serde_json::Map<String, Value> =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            let keys = keys_in_order(line);
            if table.rows.is_empty() {
                table.columns.clone_from(&keys);
            }
            assert_eq!(keys, table.columns, "{line}");
            table.rows.push(keys.iter().map(|key| plain(&object[key])).collect());
        }
        table
    }

    fn batches(columns: Vec<String>, batches: impl Iterator<Item = RecordBatch>) -> Table {
        let mut rows = Vec::new();
        for batch in batches {
            let texts: Vec<_> =
                batch.columns().iter().map(|column| arrow_cast::cast(column, &DataType::Utf8).unwrap()).collect();
            for row in 0..batch.num_rows() {
                let value = |column: &std::sync::Arc<dyn Array>| match column.is_valid(row) {
                    true => column.as_string::<i32>().value(row).to_owned(),
                    false => String::new(),
                };
                rows.push(texts.iter().map(value).collect());
            }
        }
        Table { columns, rows }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The values of a column.
    pub(crate) fn column(&self, name: &str) -> Vec<&str> {
        let at = self.columns.iter().position(|column| column == name);
        let at = at.unwrap_or_else(|| panic!("no column {name} in {:?}", self.columns));
        self.rows.iter().map(|row| row[at].as_str()).collect()
    }

    /// The file and row of each prediction.
    pub(crate) fn places(&self) -> Vec<(String, u64)> {
        let (rows, files) = (self.column("row"), self.column("file"));
        files.into_iter().zip(rows).map(|(file, row)| (file.to_owned(), row.parse().unwrap())).collect()
    }

    /// The table with only these columns, in this order.
    pub(crate) fn select(&self, columns: &[&str]) -> Table {
        let values: Vec<_> = columns.iter().map(|name| self.column(name)).collect();
        let rows = (0..self.len()).map(|row| values.iter().map(|column| column[row].to_owned()).collect()).collect();
        Table { columns: columns.iter().map(|name| (*name).to_owned()).collect(), rows }
    }
}

/// Fails unless both tables have the same rows: texts and whole numbers alike, other numbers within 1e-5 of their value.
/// Names of columns are not compared.
#[track_caller]
pub(crate) fn assert_same(actual: &Table, expected: &Table, what: &str) {
    if let Some(difference) = difference(actual, expected, 0.0) {
        panic!("{what}: {difference}");
    }
}

/// The first difference in the sense of [`assert_same`]; numbers that are no further apart than `floor` are the same too.
pub(crate) fn difference(actual: &Table, expected: &Table, floor: f64) -> Option<String> {
    if actual.len() != expected.len() {
        return Some(format!("{} rows, expected {}", actual.len(), expected.len()));
    }
    for (number, (have, want)) in actual.rows.iter().zip(&expected.rows).enumerate() {
        if have.len() != want.len() || !have.iter().zip(want).all(|(have, want)| alike(have, want, floor)) {
            return Some(format!("row {number} is {have:?}, expected {want:?}"));
        }
    }
    None
}

fn alike(have: &str, want: &str, floor: f64) -> bool {
    if have == want {
        return true;
    }
    let is_whole = |text: &str| text.parse::<i64>().is_ok();
    match (have.parse::<f64>(), want.parse::<f64>()) {
        // Labels are whole numbers on both sides.
        (Ok(_), Ok(_)) if is_whole(have) && is_whole(want) => false,
        (Ok(have), Ok(want)) => (have - want).abs() <= (1e-5 * want.abs()).max(floor),
        _ => false,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The keys of a flat JSON object as they are written.
fn keys_in_order(line: &str) -> Vec<String> {
    struct Keys(Vec<String>);
    impl<'de> serde::Deserialize<'de> for Keys {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Keys;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                    let mut keys = Vec::new();
                    while let Some((key, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                        keys.push(key);
                    }
                    Ok(Keys(keys))
                }
            }
            deserializer.deserialize_map(Visitor)
        }
    }
    serde_json::from_str::<Keys>(line).unwrap().0
}

/// The records of RFC 4180 text, read the slow and plain way.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let (mut record, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            _ => field.push(c),
        }
    }
    assert!(!quoted && field.is_empty() && record.is_empty(), "the text ends in the middle of a record");
    records
}

use std::fmt;

/// How the records of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputFormat {
    /// Delimited text: RFC 4180, with comma, tab or another delimiter.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC, the file format (Feather version 2) and the stream format.
    Arrow,
}

/// Extensions and what they mean.
const EXTENSIONS: &[(&str, InputFormat)] = &[
    ("csv", InputFormat::Csv),
    ("tsv", InputFormat::Csv),
    ("tab", InputFormat::Csv),
    ("jsonl", InputFormat::JsonLines),
    ("ndjson", InputFormat::JsonLines),
    // Many programs call it so; a single JSON document is told apart when it is opened.
    ("json", InputFormat::JsonLines),
    ("parquet", InputFormat::Parquet),
    ("pq", InputFormat::Parquet),
    ("pqt", InputFormat::Parquet),
    ("arrow", InputFormat::Arrow),
    ("arrows", InputFormat::Arrow),
    ("feather", InputFormat::Arrow),
    ("ipc", InputFormat::Arrow),
];

impl InputFormat {
    /// The format that a file's name tells by its extension, in any case; text formats may have `.gz` or `.zst` behind it.
    pub fn from_name(name: &str) -> Option<InputFormat> {
        let compressed = without_compression(name);
        let (_, extension) = compressed.rsplit_once('.')?;
        let (_, format) = EXTENSIONS.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known))?;
        // The columnar formats compress inside; around them nothing could be read in parts.
        (compressed.len() == name.len() || format.is_text()).then_some(*format)
    }

    /// Whether records are separated by line ends.
    pub fn is_text(self) -> bool {
        matches!(self, InputFormat::Csv | InputFormat::JsonLines)
    }
}

impl fmt::Display for InputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InputFormat::Csv => "csv",
            InputFormat::JsonLines => "jsonl",
            InputFormat::Parquet => "parquet",
            InputFormat::Arrow => "arrow",
        })
    }
}

/// The delimiter of a delimited text file when none is set: a tab when the name says so, else a comma.
pub(super) fn delimiter_from_name(name: &str) -> u8 {
    let tab = without_compression(name)
        .rsplit_once('.')
        .is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("tsv") || extension.eq_ignore_ascii_case("tab"));
    if tab { b'\t' } else { b',' }
}

/// How a file of text is compressed, as its name tells: `.gz`, `.zst` or nothing.
pub(super) fn compression_suffix(format: InputFormat, name: &str) -> &'static str {
    let suffix = &name[without_compression(name).len()..];
    [".gz", ".zst"].into_iter().find(|known| format.is_text() && suffix.eq_ignore_ascii_case(known)).unwrap_or_default()
}

fn without_compression(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, last)) if last.eq_ignore_ascii_case("gz") || last.eq_ignore_ascii_case("zst") => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_formats() {
        for (name, expected) in [
            ("a.csv", Some(InputFormat::Csv)),
            ("a.CSV", Some(InputFormat::Csv)),
            ("a.b.tsv", Some(InputFormat::Csv)),
            ("a.csv.gz", Some(InputFormat::Csv)),
            ("a.jsonl.zst", Some(InputFormat::JsonLines)),
            ("a.ndjson", Some(InputFormat::JsonLines)),
            ("a.json.gz", Some(InputFormat::JsonLines)),
            ("a.parquet", Some(InputFormat::Parquet)),
            ("a.snappy.parquet", Some(InputFormat::Parquet)),
            ("a.parquet.gz", None),
            ("a.pq", Some(InputFormat::Parquet)),
            ("a.feather", Some(InputFormat::Arrow)),
            ("a.ipc", Some(InputFormat::Arrow)),
            ("_SUCCESS", None),
            ("csv", None),
            ("a.gz", None),
            ("a.txt", None),
        ] {
            assert_eq!(InputFormat::from_name(name), expected, "{name}");
        }
    }

    #[test]
    fn tabs_by_name() {
        assert_eq!(delimiter_from_name("a.tsv.gz"), b'\t');
        assert_eq!(delimiter_from_name("a.csv"), b',');
        assert_eq!(delimiter_from_name("tsv"), b',');
    }
}

use std::fmt;

/// How results are written; the output file's name decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// Comma-separated without a header, as Azure's no-code batch deployments write it.
    Txt,
    /// Comma-separated with a header.
    Csv,
    /// One JSON object a line. JSON has no NaN and no infinities: they are written as `null`.
    JsonLines,
    /// Parquet.
    Parquet,
    /// Arrow's IPC file format, also called Feather.
    Arrow,
}

impl OutputFormat {
    /// The format that an extension stands for.
    pub(super) fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "txt" => Some(OutputFormat::Txt),
            "csv" => Some(OutputFormat::Csv),
            "jsonl" | "ndjson" => Some(OutputFormat::JsonLines),
            "parquet" | "pq" => Some(OutputFormat::Parquet),
            "arrow" | "feather" | "ipc" => Some(OutputFormat::Arrow),
            _ => None,
        }
    }

    /// Whether it is lines of text, which are compressed from outside.
    pub fn is_text(self) -> bool {
        matches!(self, OutputFormat::Txt | OutputFormat::Csv | OutputFormat::JsonLines)
    }
}

impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OutputFormat::Txt => "text",
            OutputFormat::Csv => "CSV",
            OutputFormat::JsonLines => "JSON lines",
            OutputFormat::Parquet => "Parquet",
            OutputFormat::Arrow => "Arrow",
        })
    }
}

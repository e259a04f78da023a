use std::fmt;
use std::path::Path;

use super::OutputError;

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
    /// The format that the extension of `name` stands for.
    pub fn from_file_name(name: &str) -> Result<Self, OutputError> {
        let extension = Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        match extension.as_str() {
            "txt" => Ok(OutputFormat::Txt),
            "csv" => Ok(OutputFormat::Csv),
            "jsonl" | "ndjson" => Ok(OutputFormat::JsonLines),
            "parquet" | "pq" => Ok(OutputFormat::Parquet),
            "arrow" | "feather" | "ipc" => Ok(OutputFormat::Arrow),
            _ => Err(OutputError::UnknownFormat { name: name.to_owned() }),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_decide() {
        for (name, format) in [
            ("predictions.txt", OutputFormat::Txt),
            ("a.b.CSV", OutputFormat::Csv),
            ("x.jsonl", OutputFormat::JsonLines),
            ("x.ndjson", OutputFormat::JsonLines),
            ("x.parquet", OutputFormat::Parquet),
            ("x.pq", OutputFormat::Parquet),
            ("x.arrow", OutputFormat::Arrow),
            ("x.feather", OutputFormat::Arrow),
            ("x.ipc", OutputFormat::Arrow),
        ] {
            assert_eq!(OutputFormat::from_file_name(name).unwrap(), format, "{name}");
        }
        for name in ["", "predictions", "x.xlsx", ".txt"] {
            let error = OutputFormat::from_file_name(name).unwrap_err().to_string();
            assert!(error.contains(".parquet"), "{error}");
        }
    }
}

use super::{Compression, OutputError, OutputFormat};

/// How results are written: in which format, and how compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputForm {
    /// The format.
    pub format: OutputFormat,
    /// The compression around a text or inside another format; `None` where nobody chose one: a text and an Arrow file are
    /// not compressed then, and a Parquet file as suits each column.
    pub compression: Option<Compression>,
}

impl OutputForm {
    /// The form that the extensions of `name` stand for: `.csv`, `.csv.gz`, `.parquet` and so on.
    pub fn from_file_name(name: &str) -> Result<Self, OutputError> {
        let unknown = || OutputError::UnknownFormat { name: name.to_owned() };
        let (_, extensions) = split_name(name).ok_or_else(unknown)?;
        let (extension, around) = match extensions.split_once('.') {
            Some((extension, around)) => (extension, Some(around)),
            None => (extensions, None),
        };
        let format = OutputFormat::from_extension(extension).ok_or_else(unknown)?;
        match around {
            Some(around) if !format.is_text() => {
                Err(OutputError::CompressedAround { name: name.to_owned(), format, extension: format!(".{around}") })
            }
            around => Ok(OutputForm { format, compression: around.and_then(Compression::from_extension) }),
        }
    }

    /// The form with this compression, if the format can have it; else what to write instead. For texts it must be the one
    /// that the file's name says.
    pub fn compressed(self, compression: Compression) -> Result<Self, String> {
        let format = self.format;
        match format {
            OutputFormat::Txt | OutputFormat::Csv | OutputFormat::JsonLines => {
                self.check_around_text(compression).map(|()| self)
            }
            OutputFormat::Arrow if compression != Compression::None && compression.of_arrow().is_none() => {
                Err(format!("{format} files can have lz4, zstd or none inside"))
            }
            OutputFormat::Arrow | OutputFormat::Parquet => Ok(OutputForm { format, compression: Some(compression) }),
        }
    }

    /// Whether `compression` is the one that the file's name says.
    fn check_around_text(self, compression: Compression) -> Result<(), String> {
        let said = self.compression.unwrap_or(Compression::None);
        match compression.extension() {
            _ if said == compression => Ok(()),
            Some(extension) if said == Compression::None => {
                Err(format!("the name of the output must say so: end it in {extension}"))
            }
            Some(extension) => Err(format!("the name of the output says {said}: end it in {extension}")),
            None if compression == Compression::None => {
                Err(format!("the name of the output says {said}: leave its last extension out"))
            }
            None => Err(format!("{} can have gzip or zstd around it", self.format)),
        }
    }
}

/// The name of an output without its extensions, and these: `predictions`, `csv.gz`. `None` without an extension.
pub fn split_name(name: &str) -> Option<(&str, &str)> {
    let is_compressed = |(_, extension): &(&str, &str)| Compression::from_extension(extension).is_some();
    let inner = name.rsplit_once('.').filter(is_compressed).map_or(name, |(inner, _)| inner);
    let (stem, _) = inner.rsplit_once('.').filter(|(stem, _)| !stem.is_empty())?;
    Some((stem, &name[stem.len() + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_decide() {
        use Compression::{Gzip, Zstd};
        use OutputFormat::{Arrow, Csv, JsonLines, Parquet, Txt};
        for (name, format, compression) in [
            ("predictions.txt", Txt, None),
            ("a.b.CSV", Csv, None),
            ("x.jsonl", JsonLines, None),
            ("x.ndjson", JsonLines, None),
            ("x.parquet", Parquet, None),
            ("x.pq", Parquet, None),
            ("x.arrow", Arrow, None),
            ("x.feather", Arrow, None),
            ("x.ipc", Arrow, None),
            ("x.txt.gz", Txt, Some(Gzip)),
            ("x.CSV.GZ", Csv, Some(Gzip)),
            ("x.y.jsonl.zst", JsonLines, Some(Zstd)),
        ] {
            assert_eq!(OutputForm::from_file_name(name).unwrap(), OutputForm { format, compression }, "{name}");
        }
        for name in ["", "predictions", "x.xlsx", ".txt", "x.gz", "csv.gz", ".csv.gz", "x.csv.bz2"] {
            let error = OutputForm::from_file_name(name).unwrap_err().to_string();
            assert!(error.contains(".parquet or .pq"), "{name}: {error}");
        }
        let error = OutputForm::from_file_name("x.parquet.gz").unwrap_err().to_string();
        assert!(error.contains("leave .gz out") && error.contains("output_compression"), "{error}");
    }

    #[test]
    fn compressions_fit_or_are_refused() {
        for (name, compression, expected) in [
            ("x.csv", "none", Ok(None)),
            ("x.csv.gz", "gzip", Ok(Some(Compression::Gzip))),
            ("x.txt.zst", "zstd", Ok(Some(Compression::Zstd))),
            ("x.parquet", "none", Ok(Some(Compression::None))),
            ("x.parquet", "gzip", Ok(Some(Compression::Gzip))),
            ("x.arrow", "lz4", Ok(Some(Compression::Lz4))),
            ("x.arrow", "none", Ok(Some(Compression::None))),
            ("x.csv", "gzip", Err("end it in .gz")),
            ("x.csv.gz", "zstd", Err("says gzip: end it in .zst")),
            ("x.csv.gz", "none", Err("leave its last extension out")),
            ("x.jsonl", "snappy", Err("gzip or zstd around it")),
            ("x.arrow", "gzip", Err("lz4, zstd or none")),
        ] {
            let form = OutputForm::from_file_name(name).unwrap().compressed(compression.parse().unwrap());
            match (form, expected) {
                (Ok(form), Ok(expected)) => assert_eq!(form.compression, expected, "{name}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{name}: {error}"),
                (form, _) => panic!("{name} with {compression}: {form:?}"),
            }
        }
    }

    #[test]
    fn names_are_taken_apart() {
        for (name, parts) in [
            ("predictions.csv.gz", Some(("predictions", "csv.gz"))),
            ("a.b.parquet", Some(("a.b", "parquet"))),
            ("x.gz", None),
            ("plain", None),
        ] {
            assert_eq!(split_name(name), parts, "{name}");
        }
    }
}

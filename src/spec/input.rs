//! How the data is read, as a job file says it.

use super::defaults;
use super::job_file::{JobSpec, NamePairs, Scalar, StringOrList};
use super::resolve::{ResolveError, value};
use crate::input::{Header, InputFormat, InputSettings, InputType, Keep, Renames, Sample};
use crate::storage::Pointer;

/// Formats of the input by their names in a job file.
pub(super) const INPUT_FORMATS: &[(&str, InputFormat)] = &[
    ("csv", InputFormat::Csv),
    ("jsonl", InputFormat::JsonLines),
    ("parquet", InputFormat::Parquet),
    ("arrow", InputFormat::Arrow),
];

/// Ways to treat headers by their names in a job file.
pub(super) const HEADERS: &[(&str, Header)] = &[("on", Header::On), ("off", Header::Off), ("auto", Header::Auto)];

/// Takes how the data is read out of `spec`.
pub(super) fn input_settings(spec: &mut JobSpec) -> Result<InputSettings, ResolveError> {
    let seed = spec.sample_seed.take().unwrap_or(defaults::SAMPLE_SEED);
    Ok(InputSettings {
        block_rows: None,
        input_type: spec.input_type.take().map(|text| input_type(&text)).transpose()?,
        format: spec.input_format.take().map_or(Ok(None), |text| input_format(&text))?,
        header: spec.csv_header.take().map_or(Ok(Header::Auto), |text| header(&text))?,
        delimiter: spec.csv_delimiter.take().map(|text| delimiter(&text)).transpose()?,
        renames: spec.rename.take().map_or_else(|| Ok(Renames::default()), renames)?,
        features: spec.features.take().map(StringOrList::split_at_commas),
        keep: match spec.keep.take().map(StringOrList::split_at_commas) {
            None => Keep::None,
            Some(columns) if columns == ["all"] => Keep::All,
            Some(columns) => Keep::Columns(columns),
        },
        key: spec.key.take().filter(|key| !key.is_empty()),
        filter: match spec.filter.take().filter(|text| !text.trim().is_empty()) {
            None => None,
            Some(text) => Some(text.parse().map_err(|rule: String| value("where", &text, rule))?),
        },
        sample: spec.sample.take().map(|share| sample(&share, seed)).transpose()?,
        limit: match spec.limit.take() {
            Some(0) => return Err(value("limit", "0", "write a number of records from 1 up")),
            limit => limit,
        },
        mini_batch_size: spec.mini_batch_size.take().unwrap_or_default(),
    })
}

/// Takes where the data is out of `spec`. The older spellings `folder:URL` and `file:URL` say the input type as well.
pub(super) fn inputs(spec: &mut JobSpec) -> Result<Vec<Pointer>, ResolveError> {
    let texts = spec.input_path.take().map(StringOrList::whole).unwrap_or_default();
    let mut pointers = Vec::with_capacity(texts.len());
    for text in &texts {
        let (prefix, place) = input_type_prefix(text);
        if let Some(prefix) = prefix {
            let said = if prefix == FOLDER { "uri_folder" } else { "uri_file" };
            let known = spec.input_type.get_or_insert_with(|| said.to_owned());
            if known != said {
                let rule = format!("the input type is {known}: all inputs of a job have one type");
                return Err(value("input_path", text, rule));
            }
        }
        pointers.push(place.parse().map_err(|error| value("input_path", text, error))?);
    }
    match pointers.is_empty() {
        true => Err(ResolveError::NoInput),
        false => Ok(pointers),
    }
}

const FOLDER: &str = "folder:";
const FILE: &str = "file:";

/// The prefix by which Azure's older commands say what an input is, and the rest; `file://` is a URL.
pub(super) fn input_type_prefix(text: &str) -> (Option<&'static str>, &str) {
    let prefix = [FOLDER, FILE].into_iter().find_map(|prefix| Some((prefix, text.strip_prefix(prefix)?)));
    match prefix {
        Some((prefix, rest)) if !rest.starts_with("//") => (Some(prefix), rest),
        _ => (None, text),
    }
}

fn input_type(text: &str) -> Result<InputType, ResolveError> {
    match text {
        "uri_file" => Ok(InputType::UriFile),
        "uri_folder" => Ok(InputType::UriFolder),
        _ => Err(value("input_type", text, "write uri_file or uri_folder")),
    }
}

fn renames(written: NamePairs) -> Result<Renames, ResolveError> {
    let pairs = match written {
        NamePairs::Map(pairs) => pairs.into_iter().collect(),
        NamePairs::Texts(texts) => {
            let mut pairs = Vec::new();
            for text in texts.split_at_commas() {
                let (old, new) = text.split_once('=').ok_or_else(|| value("rename", &text, "write old=new"))?;
                pairs.push((old.trim().to_owned(), new.trim().to_owned()));
            }
            pairs
        }
    };
    let shown = pairs.iter().map(|(old, new)| format!("{old}={new}")).collect::<Vec<_>>().join(",");
    Renames::new(pairs).map_err(|rule| value("rename", &shown, rule))
}

fn sample(written: &Scalar, seed: u64) -> Result<Sample, ResolveError> {
    let text = written.to_string();
    let percent = text.trim().strip_suffix('%').and_then(|number| number.trim().parse().ok());
    let sample = percent.and_then(|percent| Sample::new(percent, seed));
    sample.ok_or_else(|| value("sample", &text, "write a percentage above 0 and up to 100, such as 10%"))
}

fn input_format(text: &str) -> Result<Option<InputFormat>, ResolveError> {
    if text == "auto" {
        return Ok(None);
    }
    let format = INPUT_FORMATS.iter().find(|(name, _)| *name == text).map(|(_, format)| *format);
    format.map(Some).ok_or_else(|| value("input_format", text, "write auto, csv, jsonl, parquet or arrow"))
}

fn header(text: &str) -> Result<Header, ResolveError> {
    let header = HEADERS.iter().find(|(name, _)| *name == text).map(|(_, header)| *header);
    header.ok_or_else(|| value("csv_header", text, "write on, off or auto"))
}

fn delimiter(text: &str) -> Result<u8, ResolveError> {
    match text {
        "\\t" | "tab" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [byte] if !matches!(byte, b'"' | b'\r' | b'\n' | 0x80..) => Ok(*byte),
            _ => Err(value("csv_delimiter", text, "write one ASCII character, or `tab`")),
        },
    }
}

/// The name of a value in one of the tables of names.
pub(super) fn name_of<T: PartialEq>(names: &[(&'static str, T)], wanted: &T) -> &'static str {
    names.iter().find(|(_, value)| value == wanted).map_or("auto", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Job;

    fn job(text: &str) -> Result<Job, ResolveError> {
        JobSpec::parse(&format!("model: m.onnx\n{text}"), "job.yml").unwrap().resolve("now")
    }

    fn settings(text: &str) -> Result<InputSettings, String> {
        job(&format!("input_path: data\n{text}")).map(|job| job.input).map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_given_in_pairs() {
        for text in ["rename: {a: b, c: d}", "rename: a=b, c = d", "rename: [a=b, c=d]"] {
            let pairs = settings(text).unwrap().renames.pairs().to_vec();
            assert_eq!(pairs, [("a", "b"), ("c", "d")].map(|(old, new)| (old.to_owned(), new.to_owned())), "{text}");
        }
        assert_eq!(settings("rename: {\"a,b\": \"c=d\"}").unwrap().renames.pairs()[0].1, "c=d");
    }

    #[test]
    fn records_are_picked() {
        let settings = settings("where: x > 5\nsample: 12.5%\nlimit: 3\nkey: id\ninput_type: uri_folder").unwrap();
        assert_eq!(settings.filter.map(|filter| filter.to_string()).as_deref(), Some("x > 5"));
        assert_eq!(settings.sample, Sample::new(12.5, defaults::SAMPLE_SEED));
        assert_eq!((settings.limit, settings.key.as_deref()), (Some(3), Some("id")));
        assert_eq!(settings.input_type, Some(InputType::UriFolder));
        assert_eq!(super::tests::settings("sample: 5%\nsample_seed: 9").unwrap().sample, Sample::new(5.0, 9));
        // An empty text takes back what a job file says.
        let settings = super::tests::settings("where: \"\"\nkey: \"\"").unwrap();
        assert_eq!((settings.filter, settings.key), (None, None));
    }

    #[test]
    fn older_spellings_say_the_input_type() {
        let inputs = |text: &str| {
            let job = job(text).map_err(|error| error.to_string())?;
            Ok((job.inputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), job.input.input_type))
        };
        for (text, expected) in [
            ("input_path: folder:data", ("data", Some(InputType::UriFolder))),
            ("input_path: [\"file:a.csv\", b.csv]", ("a.csv b.csv", Some(InputType::UriFile))),
            ("input_path: file:https://a.b/c.csv", ("https://a.b/c.csv", Some(InputType::UriFile))),
            ("input_path: file:///a/c.csv", ("/a/c.csv", None)),
            ("input_path: folder:s3://b/c\ninput_type: uri_folder", ("s3://b/c", Some(InputType::UriFolder))),
        ] {
            assert_eq!(inputs(text), Ok((expected.0.to_owned(), expected.1)), "{text}");
        }
        let error: String = inputs("input_path: [\"file:a\", \"folder:b\"]").unwrap_err();
        assert!(error.contains("all inputs of a job have one type"), "{error}");
    }

    #[test]
    fn nonsense_is_named() {
        for (text, part) in [
            ("rename: a", "rename is \"a\": write old=new"),
            ("rename: a=b,c=b", "both renamed to \"b\""),
            ("sample: 10", "sample is \"10\": write a percentage"),
            ("sample: 101%", "sample is \"101%\""),
            ("sample: NaN%", "sample is \"NaN%\""),
            ("limit: 0", "limit is \"0\""),
            ("where: x ~ 5", "where is \"x ~ 5\""),
            ("input_type: mltable", "write uri_file or uri_folder"),
        ] {
            let error = settings(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}

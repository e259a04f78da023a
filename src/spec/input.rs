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

//! How the data is read, as a job file says it.

use super::job_file::{JobSpec, StringOrList};
use super::resolve::{ResolveError, value};
use crate::input::{Header, InputFormat, InputSettings, Keep};

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
    Ok(InputSettings {
        format: spec.input_format.take().map_or(Ok(None), |text| input_format(&text))?,
        header: spec.csv_header.take().map_or(Ok(Header::Auto), |text| header(&text))?,
        delimiter: spec.csv_delimiter.take().map(|text| delimiter(&text)).transpose()?,
        features: spec.features.take().map(StringOrList::split_at_commas),
        keep: match spec.keep.take().map(StringOrList::split_at_commas) {
            None => Keep::None,
            Some(columns) if columns == ["all"] => Keep::All,
            Some(columns) => Keep::Columns(columns),
        },
        mini_batch_size: spec.mini_batch_size.take().unwrap_or_default(),
    })
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

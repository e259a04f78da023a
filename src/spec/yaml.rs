//! YAML as users write it: unknown keys are named with their line and the key that was probably meant.

use std::path::Path;

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::storage::scrub;

/// A file of settings, or a `--set`, that cannot be understood.
#[derive(Debug, Error)]
pub enum SpecError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Its path.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key that is not one of ours.
    #[error("{place} has an unknown key `{key}`{}; known keys: {}", did_you_mean(nearest), known.join(", "))]
    UnknownKey {
        /// The file and line, or the `--set`.
        place: String,
        /// The key.
        key: String,
        /// The known key that it resembles most.
        nearest: Option<&'static str>,
        /// All known keys.
        known: Vec<&'static str>,
    },
    /// Not YAML, or a value of the wrong kind.
    #[error("{place}: {cause}")]
    Malformed {
        /// The file and line, or the `--set`.
        place: String,
        /// What is wrong.
        cause: String,
    },
}

fn did_you_mean(nearest: &Option<&str>) -> String {
    nearest.map(|key| format!(", did you mean `{key}`?")).unwrap_or_default()
}

/// Reads a file of settings.
pub(super) fn read<T: DeserializeOwned + Default>(path: &Path) -> Result<T, SpecError> {
    let display = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|source| SpecError::Unreadable { path: display.clone(), source })?;
    parse(&text, &display)
}

/// Reads the YAML text of settings; `place` is how errors call it.
pub(super) fn parse<T: DeserializeOwned + Default>(text: &str, place: &str) -> Result<T, SpecError> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(T::default());
    }
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let place = match error.location() {
            Some(location) => format!("{place}, line {}", location.line()),
            None => place.to_owned(),
        };
        match error {
            serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => SpecError::UnknownKey {
                place,
                key: field.clone(),
                nearest: nearest(field, expected),
                known: expected.clone(),
            },
            other => SpecError::Malformed { place, cause: cause_of(other, text) },
        }
    })
}

/// The known key that `key` resembles, if it resembles any.
fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(key, candidate), *candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// What is wrong, without the place, which is told otherwise, and with the line itself, but for secrets of URLs in it.
fn cause_of(error: &serde_saphyr::Error, text: &str) -> String {
    let message = error.to_string();
    let message = message.lines().next().unwrap_or_default();
    let message = message.rfind(" at line ").map_or(message, |at| &message[..at]);
    let line = error.location().and_then(|location| text.lines().nth((location.line() as usize).saturating_sub(1)));
    let cause = match line.map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => format!("{message}, in `{line}`"),
        None => message.to_owned(),
    };
    scrub(&cause).into_owned()
}

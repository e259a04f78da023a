//! What the columns of data are, kept when it is registered, and whether it still has them.

use std::sync::Arc;

use super::header::HeaderHints;
use super::{InputError, InputSettings, InputType, ListedFile, Listing, source};
use crate::storage::{Pointer, RegisteredData};

/// Names and types of the columns of the first file that tells any; text where the format has no types.
///
/// They are read in the same way whatever a job's settings, so that they can be compared.
pub fn columns(listing: &Listing) -> Result<Vec<(String, String)>, InputError> {
    let mut first_error = None;
    for file in listing.known() {
        match columns_of(file) {
            Ok(columns) if !columns.is_empty() => return Ok(columns),
            Ok(_) | Err(InputError::Empty { .. }) => {}
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    first_error.map_or_else(|| Ok(Vec::new()), Err)
}

/// The columns of a file itself. Those that its path tells are not among them: their types depend on all other paths, and
/// a folder more is no other data.
fn columns_of(file: &ListedFile) -> Result<Vec<(String, String)>, InputError> {
    let file = ListedFile { path_columns: Arc::default(), ..file.clone() };
    let columns = source::columns_of(&file, &InputSettings::default(), &HeaderHints::none())?;
    Ok(columns.columns.into_iter().map(|column| (column.name, column.data_type.to_string())).collect())
}

/// Refuses registered data that was one file and is none now, or the other way round.
pub(super) fn check_kind(pointer: &Pointer, data: &RegisteredData, is_file: bool) -> Result<(), InputError> {
    if data.is_file == is_file {
        return Ok(());
    }
    let [then, now] = [data.is_file, is_file].map(InputType::of);
    Err(InputError::Setting(format!(
        "{pointer} (version {}) was registered as {then} and is {now} now; register the data as it is now with \
         `batchscore data create`, or mend it",
        data.version
    )))
}

/// Compares the columns of `file`, one of registered data, with those of its registration. Whether it could be compared:
/// a file that is empty or cannot be read tells no columns, and is accounted for when its turn comes.
pub(super) fn check(file: &ListedFile, pointer: &str, data: &RegisteredData) -> Result<bool, InputError> {
    // Keys of JSON objects come and go from record to record.
    if data.columns.is_empty() || file.format == super::InputFormat::JsonLines {
        return Ok(true);
    }
    let columns = match columns_of(file) {
        Ok(columns) if columns.is_empty() => return Ok(false),
        Err(InputError::Empty { .. } | InputError::Unreadable { .. } | InputError::Storage(_)) => return Ok(false),
        columns => columns?,
    };
    let Some(difference) = difference(&data.columns, &columns) else { return Ok(true) };
    Err(file.columns_error(format!(
        "is not what {pointer} (version {}) was registered with: {difference}; register the data as it is now with \
         `batchscore data create`, or mend it",
        data.version
    )))
}

/// The first thing in which `now` differs from `then`.
fn difference(then: &[(String, String)], now: &[(String, String)]) -> Option<String> {
    for (name, data_type) in then {
        match now.iter().find(|(other, _)| other == name) {
            None => return Some(format!("column {name:?} is gone")),
            Some((_, other)) if other != data_type => {
                return Some(format!("column {name:?} was {data_type} and is {other}"));
            }
            Some(_) => {}
        }
    }
    if let Some((name, _)) = now.iter().find(|(name, _)| !then.iter().any(|(other, _)| other == name)) {
        return Some(format!("column {name:?} is new"));
    }
    let moved = then.iter().zip(now).find(|(then, now)| then.0 != now.0);
    moved.map(|(then, now)| format!("column {:?} stands where {:?} stood", now.0, then.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let columns = |text: &str| -> Vec<(String, String)> {
            let pair = |part: &str| part.split_once(':').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            text.split(' ').map(pair).collect()
        };
        for (now, expected) in [
            ("a:Int64 b:Utf8", None),
            ("a:Int64", Some("column \"b\" is gone")),
            ("a:Float64 b:Utf8", Some("column \"a\" was Int64 and is Float64")),
            ("a:Int64 b:Utf8 c:Utf8", Some("column \"c\" is new")),
            ("b:Utf8 a:Int64", Some("column \"b\" stands where \"a\" stood")),
        ] {
            assert_eq!(difference(&columns("a:Int64 b:Utf8"), &columns(now)).as_deref(), expected);
        }
    }
}

//! Whether the first record of a delimited text file names the columns.

use std::collections::HashSet;

use super::error::show;
use super::number;
use super::plan::{ColumnPlan, Wanted};
use super::{Filter, InputSettings, Keep, ListedFile};
use crate::data::{ElementType, FeatureNeeds};

/// What helps to tell a header from data.
#[derive(Debug)]
pub(super) struct HeaderHints {
    /// Names that a header would have.
    pub names: HashSet<String>,
    /// Whether the model takes numbers, so that a record without any is of no use.
    pub numeric: bool,
    /// Whether the first file has none, so that this one has none either.
    pub none: bool,
}

impl HeaderHints {
    /// Nothing is known.
    pub(super) fn none() -> HeaderHints {
        HeaderHints { names: HashSet::new(), numeric: false, none: false }
    }

    /// For the first file: it has what the settings and the model name.
    pub(super) fn of_needs(needs: &FeatureNeeds, settings: &InputSettings) -> HeaderHints {
        let mut names: HashSet<String> = settings.features.iter().flatten().chain(&settings.key).cloned().collect();
        if let Keep::Columns(kept) = &settings.keep {
            names.extend(kept.iter().cloned());
        }
        let filtered = settings.filter.iter().flat_map(Filter::columns);
        names.extend(filtered.map(|column| column.name.clone()));
        let numeric = match needs {
            FeatureNeeds::Named(named) => {
                names.extend(named.iter().map(|need| need.name.clone()));
                named.iter().any(|need| need.element != ElementType::String)
            }
            FeatureNeeds::Table { element, .. } => *element != ElementType::String,
            FeatureNeeds::Anything => false,
        };
        HeaderHints { names: in_data(names, settings), numeric, none: false }
    }

    /// For files after the first: they look like it. A record is not lost as a header where the first file has none.
    pub(super) fn of_plan(plan: &ColumnPlan, settings: &InputSettings) -> HeaderHints {
        let names = plan.columns().iter().map(|column| column.name.clone()).collect();
        let numeric = plan.columns()[..plan.feature_count()]
            .iter()
            .any(|column| matches!(column.wanted, Wanted::Element(element) if element != ElementType::String));
        HeaderHints { names: in_data(names, settings), numeric, none: !plan.first_named() }
    }
}

/// The names that the data has for these columns.
fn in_data(names: HashSet<String>, settings: &InputSettings) -> HashSet<String> {
    names.into_iter().map(|name| settings.renames.in_data(&name).to_owned()).collect()
}

/// Whether a first record names columns; see [`Header::Auto`](super::Header::Auto).
pub(super) fn is_header(first: &[Vec<u8>], second: Option<&[Vec<u8>]>, hints: &HeaderHints) -> bool {
    if hints.none || has_number(first) {
        return false;
    }
    let is_wanted = |field: &Vec<u8>| std::str::from_utf8(field).is_ok_and(|name| hints.names.contains(name));
    if first.iter().any(is_wanted) {
        return true;
    }
    // Missing values name nothing. An empty field among names is the column of an index.
    let is_missing = |field: &Vec<u8>| number::is_missing(field.trim_ascii());
    if first.iter().all(is_missing) || first.iter().any(|field| is_missing(field) && !field.trim_ascii().is_empty()) {
        return false;
    }
    match second {
        Some(second) => has_number(second),
        None => hints.numeric,
    }
}

/// Whether a first record that is taken as data may have been a header.
pub(super) fn is_doubtful(first: &[Vec<u8>], hints: &HeaderHints) -> bool {
    !hints.none && !has_number(first) && !first.iter().all(|field| number::is_missing(field.trim_ascii()))
}

/// Whether a field of a record is a number.
pub(super) fn has_number(record: &[Vec<u8>]) -> bool {
    record.iter().any(|field| number::is_number(field))
}

/// What to tell the user: of nothing but text, the records behind a header look like the header.
pub(super) fn doubt(file: &ListedFile, first: &[Vec<u8>]) -> String {
    let fields: Vec<String> = first.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
    format!(
        "{}: its first record ({}) is scored as data, though it may be a header: say with --csv-header on or off what it is",
        file.file.name,
        show::names(fields.iter())
    )
}

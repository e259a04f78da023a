//! Which columns of the data a model takes.

use super::error::show;
use super::file_columns::{FileColumns, Lookup};
use super::{InputError, InputSettings, ListedFile};
use crate::data::NamedFeature;

/// The columns of a model that takes several inputs.
pub(super) fn named_positions(
    named: &[NamedFeature],
    settings: &InputSettings,
    lookup: &Lookup<'_>,
    file: &ListedFile,
) -> Result<Vec<usize>, InputError> {
    match &settings.features {
        None => named.iter().map(|need| lookup.need(&need.name)).collect(),
        Some(features) if features.len() == named.len() => features.iter().map(|name| lookup.need(name)).collect(),
        Some(features) => Err(file.columns_error(format!(
            "the model takes {} columns ({}), but --features names {}",
            named.len(),
            show::names(named.iter().map(|need| &need.name)),
            features.len()
        ))),
    }
}

/// The columns of a model that takes a table, among those that the file has itself: what its path tells must be asked for.
/// `kept` are the columns that are passed on by name.
pub(super) fn table_positions(
    count: Option<usize>,
    settings: &InputSettings,
    lookup: &Lookup<'_>,
    file: &ListedFile,
    columns: &FileColumns,
    kept: &[usize],
) -> Result<Vec<usize>, InputError> {
    let all = columns.own;
    if let Some(features) = &settings.features {
        if let Some(count) = count.filter(|count| *count != features.len()) {
            let problem = format!("the model takes {count} columns, but --features names {}", features.len());
            return Err(file.columns_error(problem));
        }
        return features.iter().map(|name| lookup.need(name)).collect();
    }
    let without_kept = || (0..all).filter(|position| !kept.contains(position)).collect::<Vec<_>>();
    match count {
        None => Ok(without_kept()),
        Some(count) if count == all => Ok((0..all).collect()),
        Some(count) => Some(without_kept()).filter(|rest| rest.len() == count).ok_or_else(|| {
            let have = show::names(columns.columns[..all].iter().map(|column| &column.name));
            file.columns_error(format!(
                "the model takes {count} columns, but the data has {all} ({have}): say which of them, in the model's \
                 order, with --features"
            ))
        }),
    }
}

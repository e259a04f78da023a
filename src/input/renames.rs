use super::error::show;
use super::file_columns::{FileColumn, FileColumns};
use super::{InputError, ListedFile};

/// Other names for columns of the data, each with the name that the data has for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renames(Vec<(String, String)>);

impl Renames {
    /// Takes pairs of old and new names. No column may be renamed twice, and no two to the same name.
    pub fn new(pairs: Vec<(String, String)>) -> Result<Renames, String> {
        for (index, (old, new)) in pairs.iter().enumerate() {
            if old.is_empty() || new.is_empty() {
                return Err(format!("{old:?}={new:?} has an empty name"));
            }
            if let Some((_, other)) = pairs[..index].iter().find(|(other, _)| other == old) {
                return Err(format!("column {old:?} is renamed twice, to {other:?} and to {new:?}"));
            }
            if let Some((other, _)) = pairs[..index].iter().find(|(_, other)| other == new) {
                return Err(format!("columns {other:?} and {old:?} are both renamed to {new:?}"));
            }
        }
        Ok(Renames(pairs))
    }

    /// Pairs of old and new names.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// What the data calls a column.
    pub(super) fn in_data<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.iter().find(|(_, new)| new == name).map_or(name, |(old, _)| old)
    }

    /// Gives the columns of a file their new names. A file that may leave columns out may leave out those.
    pub(super) fn apply(&self, file: &ListedFile, columns: &mut FileColumns) -> Result<(), InputError> {
        let mut new_names: Vec<(usize, &str)> = Vec::with_capacity(self.0.len());
        for (old, new) in &self.0 {
            match columns.lookup(file).need(old) {
                Ok(position) => new_names.push((position, new)),
                Err(_) if columns.open_ended => {}
                Err(error) => return Err(error.asked_for_by("--rename")),
            }
        }
        for (position, new) in &new_names {
            let is_taken = |(other, column): (usize, &FileColumn)| {
                column.name == **new && new_names.iter().all(|(renamed, _)| *renamed != other)
            };
            if columns.columns.iter().enumerate().any(is_taken) {
                let old = show::value(columns.columns[*position].name.as_bytes());
                return Err(file.columns_error(format!(
                    "--rename gives column {old} the name {new:?}, which another column has: rename that one too, or choose \
                     another name"
                )));
            }
        }
        for (position, new) in new_names {
            columns.columns[position].name = new.to_owned();
        }
        Ok(())
    }
}

use std::collections::HashMap;

use arrow_schema::{DataType, FieldRef, Schema};

use super::error::show;
use super::partitions::PathValue;
use super::{InputError, InputSettings, ListedFile};
use crate::data::RAW_JSON;

/// Field metadata that marks a column of JSON text, which writers may pass on as JSON.
pub(super) const JSON_MARK: (&str, &str) = (RAW_JSON, "true");

/// What columns a file has, as far as it says.
#[derive(Debug)]
pub(super) struct FileColumns {
    /// In the file's order; behind them those that its path alone tells.
    pub columns: Vec<FileColumn>,
    /// How many of them the file has itself.
    pub own: usize,
    /// Whether the names are the file's own, or made up for lack of a header.
    pub named: bool,
    /// Whether a record may lack columns and have others: JSON.
    pub open_ended: bool,
    /// What the user should know who did not say whether there is a header.
    pub doubt: Option<String>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct FileColumn {
    /// Its name.
    pub name: String,
    /// The type that its values have when nothing else is asked for.
    pub data_type: DataType,
    /// Which of the file's path columns tells its values, in place of the file.
    pub path: Option<usize>,
}

impl FileColumn {
    fn new(name: String, data_type: DataType) -> FileColumn {
        FileColumn { name, data_type, path: None }
    }
}

impl FileColumns {
    /// Columns of text, by the header's names.
    pub(super) fn text(names: Vec<String>) -> FileColumns {
        let columns = names.into_iter().map(|name| FileColumn::new(name, DataType::Utf8)).collect();
        FileColumns::of(columns)
    }

    /// Columns of text without a header.
    pub(super) fn unnamed(count: usize) -> FileColumns {
        let names = (0..count).map(|position| format!("column_{position}")).collect();
        FileColumns { named: false, ..FileColumns::text(names) }
    }

    /// Values of JSON objects, by their keys.
    pub(super) fn json(keys: Vec<String>) -> FileColumns {
        FileColumns { open_ended: true, ..FileColumns::text(keys) }
    }

    /// Typed columns.
    pub(super) fn typed(schema: &Schema) -> FileColumns {
        let column = |field: &FieldRef| FileColumn::new(field.name().clone(), plain(field.data_type()));
        FileColumns::of(schema.fields().iter().map(column).collect())
    }

    fn of(columns: Vec<FileColumn>) -> FileColumns {
        FileColumns { own: columns.len(), columns, named: true, open_ended: false, doubt: None }
    }

    /// The columns of this file as the job sees them: with those that its path tells, and by their new names.
    ///
    /// Where both the file and its path have a column, the path counts, as it does for Spark.
    pub(super) fn shaped(mut self, file: &ListedFile, settings: &InputSettings) -> Result<FileColumns, InputError> {
        for (index, column) in file.path_columns.iter().enumerate() {
            let own = self.columns[..self.own].iter().position(|own| self.named && own.name == column.name);
            match own {
                Some(_) if column.value == PathValue::Absent => {}
                Some(position) => {
                    let own = &mut self.columns[position];
                    (own.path, own.data_type) = (Some(index), column.data_type.clone());
                }
                None => self.columns.push(FileColumn {
                    name: column.name.clone(),
                    data_type: column.data_type.clone(),
                    path: Some(index),
                }),
            }
        }
        settings.renames.apply(file, &mut self)?;
        Ok(self)
    }

    /// A way to find columns by name.
    pub(super) fn lookup<'a>(&'a self, file: &'a ListedFile) -> Lookup<'a> {
        Lookup::new(file, self)
    }

    /// Whether both have the same names in the same places.
    pub(super) fn same_names(&self, names: &[String]) -> bool {
        self.columns.len() == names.len() && self.columns.iter().zip(names).all(|(column, name)| column.name == *name)
    }

    /// The names in order.
    pub(super) fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }
}

/// The type of the values, whatever the way in which they are laid out.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        DataType::RunEndEncoded(_, values) => plain(values.data_type()),
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    }
}

/// Finds columns of one file by name.
pub(super) struct Lookup<'a> {
    file: &'a ListedFile,
    columns: &'a FileColumns,
    positions: HashMap<&'a str, Position>,
}

enum Position {
    Once(usize),
    Twice,
}

impl<'a> Lookup<'a> {
    fn new(file: &'a ListedFile, columns: &'a FileColumns) -> Lookup<'a> {
        let mut positions = HashMap::with_capacity(columns.columns.len());
        for (position, column) in columns.columns.iter().enumerate() {
            positions
                .entry(column.name.as_str())
                .and_modify(|known| *known = Position::Twice)
                .or_insert(Position::Once(position));
        }
        Lookup { file, columns, positions }
    }

    /// The place of a column, if the file has it; `None` also when it has it more than once.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        match self.positions.get(name) {
            Some(Position::Once(position)) => Some(*position),
            Some(Position::Twice) => None,
            // Without a header a bare number is a position.
            None if !self.columns.named => name.parse().ok().filter(|position| *position < self.columns.own),
            None => None,
        }
    }

    /// The place of a column that is needed.
    pub(super) fn need(&self, name: &str) -> Result<usize, InputError> {
        if let Some(position) = self.find(name) {
            return Ok(position);
        }
        let names = || self.columns.columns.iter().map(|column| column.name.as_str());
        let have = show::names(self.columns.columns.iter().map(|column| &column.name));
        let problem = if self.positions.contains_key(name) {
            format!("column {name:?} is there more than once, so it cannot be taken by its name")
        } else if self.columns.named {
            format!("has no column {name:?}{}; its columns are {have}", show::nearest(name, names()))
        } else {
            format!(
                "has no header, so column {name:?} cannot be found by name: say the positions of the model's columns with \
                 --features, such as --features 0,1; it has {} columns",
                self.columns.own
            )
        };
        Err(self.file.columns_error(problem))
    }
}

//! How the records of one file are read: what its path adds, and which of them are items.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray, UInt64Array};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{ArrowError, DataType};
use arrow_select::take::take;

use super::file_columns::{FileColumn, FileColumns};
use super::filter::{Bounds, Filter, FilterColumn, Origin, Values, check};
use super::partitions::PathValue;
use super::plan::{ColumnPlan, PlannedColumn, Wanted};
use super::sample::FileSample;
use super::text_column::TextColumn;
use super::{InputError, InputFormat, InputSettings, ListedFile, convert};
use crate::data::{ItemKey, key_value};
use crate::policy::MiniBatchSize;

/// What is common to all blocks of a file.
pub(super) struct Reading {
    plan: Arc<ColumnPlan>,
    /// The plan for those columns that the file itself has.
    in_file: Arc<ColumnPlan>,
    /// The other columns, each by its place in the plan and its one value.
    constants: Vec<(usize, ArrayRef)>,
    pub sample: Option<FileSample>,
    pub filter: Option<FilterReading>,
    pub key: Option<Key>,
    pub size: MiniBatchSize,
    /// How many records a block has at most, as far as whole mini-batches allow.
    pub block_rows: Option<u64>,
}

/// Where the columns that must be read stand in the file.
pub(super) struct Sources {
    /// Of each column of the plan for the file; `None` where a file that may leave columns out does.
    pub columns: Vec<Option<usize>>,
    /// Of each column that the filter reads.
    pub filter: Vec<Option<usize>>,
    /// Of the key.
    pub key: Option<usize>,
}

/// The key of a record that could not be decoded.
pub(super) enum Key {
    /// One for all records.
    Constant(Option<ItemKey>),
    /// A column of the file; the plan is for it alone.
    Column(Arc<ColumnPlan>),
}

/// The filter on the columns of one file.
pub(super) struct FilterReading {
    filter: Filter,
    origin: Origin,
    sources: Vec<FilterSource>,
    /// The plan for the columns that are read, as text where the file is text.
    pub plan: Arc<ColumnPlan>,
}

enum FilterSource {
    /// So many columns are read before it.
    Column(usize),
    Constant(Values),
}

impl Reading {
    /// Binds a plan to a file.
    pub(super) fn new(
        file: &ListedFile,
        plan: &Arc<ColumnPlan>,
        columns: &FileColumns,
        settings: &InputSettings,
    ) -> Result<(Reading, Sources), InputError> {
        let bound = plan.bind(file, columns)?;
        let path_of = |position: &Option<usize>| position.and_then(|position| columns.columns[position].path);
        let mut constants = Vec::new();
        for (index, position) in bound.iter().enumerate() {
            if let Some(path) = path_of(position) {
                constants.push((index, constant(file, path, &plan.columns()[index])?));
            }
        }
        let mut sources = Sources { columns: Vec::new(), filter: Vec::new(), key: None };
        let in_file = if constants.is_empty() {
            sources.columns.clone_from(&bound);
            Arc::clone(plan)
        } else {
            let read: Vec<usize> = (0..bound.len()).filter(|index| path_of(&bound[*index]).is_none()).collect();
            sources.columns.extend(read.iter().map(|index| bound[*index]));
            Arc::new(plan.part(&read))
        };
        let key = match plan.key() {
            None => None,
            Some(key) => Some(match path_of(&bound[key]) {
                Some(_) => {
                    let value = constants.iter().find(|(index, _)| *index == key).map(|(_, value)| value);
                    Key::Constant(value.and_then(|value| key_value(plan.record_schema().field(key), value, 0)))
                }
                None => {
                    sources.key = bound[key];
                    Key::Column(Arc::new(plan.with_columns(vec![as_text(&plan.columns()[key], file)])))
                }
            }),
        };
        let filter = match &settings.filter {
            Some(filter) if !plan.filter_columns().is_empty() => {
                FilterReading::new(filter, file, plan, columns, &mut sources.filter)?
            }
            _ => None,
        };
        let reading = Reading {
            plan: Arc::clone(plan),
            in_file,
            constants,
            sample: settings.sample.map(|sample| sample.of_file(&file.file)),
            filter,
            key,
            size: settings.mini_batch_size,
            block_rows: settings.block_rows,
        };
        Ok((reading, sources))
    }

    /// The columns of finished blocks.
    pub(super) fn plan(&self) -> &Arc<ColumnPlan> {
        &self.plan
    }

    /// Those of them that are read from the file.
    pub(super) fn in_file(&self) -> &Arc<ColumnPlan> {
        &self.in_file
    }

    /// Whether only some of the records are items.
    pub(super) fn selects(&self) -> bool {
        self.sample.is_some() || self.filter.is_some()
    }

    /// Puts what the path tells between the columns that were read.
    pub(super) fn with_constants(&self, read: Vec<ArrayRef>, len: usize) -> Result<Vec<ArrayRef>, ArrowError> {
        if self.constants.is_empty() {
            return Ok(read);
        }
        let first = UInt64Array::from(vec![0; len]);
        let mut columns = Vec::with_capacity(read.len() + self.constants.len());
        let mut read = read.into_iter();
        for (index, value) in &self.constants {
            columns.extend(read.by_ref().take(index - columns.len()));
            columns.push(take(value, &first, None)?);
        }
        columns.extend(read);
        Ok(columns)
    }
}

impl FilterReading {
    /// `None` if the path alone says that all records are taken; `sources` are the places of the columns that are read.
    fn new(
        filter: &Filter,
        file: &ListedFile,
        plan: &Arc<ColumnPlan>,
        columns: &FileColumns,
        sources: &mut Vec<Option<usize>>,
    ) -> Result<Option<FilterReading>, InputError> {
        let wanted = plan.filter_columns().iter().map(|column| as_text(column, file)).collect();
        let wanted = plan.with_columns(wanted);
        let mut read = Vec::new();
        let mut found = Vec::new();
        for (index, position) in wanted.bind(file, columns)?.into_iter().enumerate() {
            let column = position.map(|position| &columns.columns[position]);
            if let Some(path) = column.and_then(|column| column.path) {
                let value = value_of(file, path, &filter.columns()[index]);
                found.push(FilterSource::Constant(value.map_err(|cause| file.columns_error(cause))?));
                continue;
            }
            if let Some(column) = column {
                FilterReading::check(filter, index, file, column)?;
            }
            found.push(FilterSource::Column(read.len()));
            read.push(index);
            sources.push(position);
        }
        let origin = match file.format {
            InputFormat::Csv => Origin::Csv,
            InputFormat::JsonLines => Origin::Json,
            InputFormat::Parquet | InputFormat::Arrow => Origin::Typed,
        };
        let plan = Arc::new(wanted.part(&read));
        Ok((!read.is_empty()).then(|| FilterReading { filter: filter.clone(), origin, sources: found, plan }))
    }

    /// Refuses a column of a file whose type does not fit what the filter's column `index` is compared with.
    pub(super) fn check(
        filter: &Filter,
        index: usize,
        file: &ListedFile,
        column: &FileColumn,
    ) -> Result<(), InputError> {
        // What a path tells is read as what it is compared with, and so is text.
        if column.path.is_some() || file.format.is_text() {
            return Ok(());
        }
        check(filter, index, &column.data_type).map_err(|problem| file.columns_error(problem))
    }

    /// Whether the path of a file says that none of its records is an item.
    pub(super) fn passes_over(file: &ListedFile, settings: &InputSettings) -> bool {
        let Some(filter) = &settings.filter else { return false };
        let bounds = |column: &FilterColumn| {
            let name = settings.renames.in_data(&column.name);
            let path = file.path_columns.iter().position(|path| path.name == name);
            match path.filter(|path| file.path_columns[*path].value != PathValue::Absent) {
                // What is wrong with a value comes up when the file is opened.
                Some(path) => value_of(file, path, column).map_or(Bounds::Unknown, Bounds::Exactly),
                None => Bounds::Unknown,
            }
        };
        !filter.possible(&filter.columns().iter().map(bounds).collect::<Vec<_>>()).yes
    }

    /// Whether there may be items among records of which `bounds` tells, in the order of the columns that are read.
    pub(super) fn may_take(&self, bounds: &[Bounds]) -> bool {
        let known: Vec<Bounds> = self
            .sources
            .iter()
            .map(|source| match source {
                FilterSource::Column(index) => bounds[*index].clone(),
                FilterSource::Constant(value) => Bounds::Exactly(value.clone()),
            })
            .collect();
        self.filter.possible(&known).yes
    }

    /// The columns that are read, in order.
    pub(super) fn columns(&self) -> impl Iterator<Item = &FilterColumn> {
        let read = self.sources.iter().zip(self.filter.columns());
        read.filter_map(|(source, column)| matches!(source, FilterSource::Column(_)).then_some(column))
    }

    /// Which of `len` records are items, and why it cannot be said of some. `read` are the columns that are read.
    pub(super) fn judge(
        &self,
        read: &[ArrayRef],
        len: usize,
    ) -> Result<(BooleanBuffer, BTreeMap<usize, String>), ArrowError> {
        let mut failed = BTreeMap::new();
        let mut values = Vec::with_capacity(self.sources.len());
        for (source, column) in self.sources.iter().zip(self.filter.columns()) {
            values.push(match source {
                FilterSource::Constant(value) => value.clone(),
                FilterSource::Column(index) => {
                    let (values, bad) = Values::of(&read[*index], &column.name, column.kind, self.origin)?;
                    for bad in bad {
                        failed.entry(bad.index).or_insert(bad.cause);
                    }
                    values
                }
            });
        }
        Ok((self.filter.rows(&values, len).yes, failed))
    }
}

/// A column as the text that stands in a file of text.
fn as_text(column: &PlannedColumn, file: &ListedFile) -> PlannedColumn {
    let wanted = match file.format.is_text() {
        true => Wanted::As { data_type: DataType::Utf8, json: file.format == InputFormat::JsonLines },
        false => column.wanted.clone(),
    };
    PlannedColumn { wanted, ..column.clone() }
}

/// What a path tells, as the filter compares it.
fn value_of(file: &ListedFile, path: usize, column: &FilterColumn) -> Result<Values, String> {
    Values::constant(file.path_columns[path].value.text(), &column.name, column.kind)
}

/// What a path tells for a column of the plan: one value, in the type that is wanted.
pub(super) fn constant(file: &ListedFile, path: usize, column: &PlannedColumn) -> Result<ArrayRef, InputError> {
    let told = &file.path_columns[path];
    let text = told.value.text();
    let refused = |cause: String| file.columns_error(format!("{cause}, in its path"));
    let failed = |error: ArrowError| refused(error.to_string());
    if let Wanted::Element(element) = column.wanted {
        let mut values = TextColumn::of(element, 1, false);
        let pushed = match text {
            Some(text) => values.push_field(text.as_bytes()),
            None => values.push_null(),
        };
        pushed.map_err(|why| refused(convert::explain(column, &format!("{:?}", text.unwrap_or_default()), why)))?;
        return values.finish().map_err(failed);
    }
    let typed: ArrayRef = match told.data_type {
        DataType::Int64 => {
            // The type is that of the first files of a long input.
            let number = text.map(|text| {
                text.parse::<i64>()
                    .map_err(|_| refused(format!("{}={text}, but the first files have whole numbers", told.name)))
            });
            Arc::new(Int64Array::from(vec![number.transpose()?]))
        }
        _ => Arc::new(StringArray::from(vec![text])),
    };
    let (value, mut bad) = convert::convert(&typed, column).map_err(failed)?;
    match bad.pop() {
        Some(bad) => Err(refused(bad.cause)),
        None => Ok(value),
    }
}

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::feature_choice::{named_positions, table_positions};
use super::file_columns::{FileColumn, FileColumns, JSON_MARK};
use super::header::HeaderHints;
use super::reading::{FilterReading, constant};
use super::{InputError, InputFormat, InputSettings, Keep, ListedFile, Listing, convert, source};
use crate::data::{ElementType, FeatureNeeds};

/// What each record brings: the columns that the scorer takes, then the key if there is one, then those that are kept.
///
/// It is decided once, from what the scorer needs, the settings, and the header or schema of the first file that has
/// one; every file is then bound to it.
#[derive(Debug)]
pub struct ColumnPlan {
    columns: Vec<PlannedColumn>,
    feature_count: usize,
    has_key: bool,
    schema: SchemaRef,
    /// The columns that the filter looks at, as text where the file has text.
    filter_columns: Vec<PlannedColumn>,
    /// The columns of the first file, and whether it named them itself.
    first_names: Vec<String>,
    first_named: bool,
    /// How many columns the first file has itself.
    first_own: usize,
    doubt: Option<String>,
}

/// A column of the plan.
#[derive(Debug, Clone)]
pub(super) struct PlannedColumn {
    /// What the data calls it.
    pub name: String,
    /// Where it stands in the first file.
    pub position: usize,
    /// What its values become.
    pub wanted: Wanted,
}

/// What the values of a column become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// An element type of the model; a value that does not fit exactly is a failure.
    Element(ElementType),
    /// The type that the column has in the first file.
    As {
        /// That type.
        data_type: DataType,
        /// Whether it is JSON text.
        json: bool,
    },
}

impl Wanted {
    /// The type of the finished column.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Wanted::Element(element) => element.arrow(),
            Wanted::As { data_type, .. } => data_type.clone(),
        }
    }

    fn field(&self, name: &str) -> Field {
        match self {
            Wanted::Element(element) => Field::new(name, element.arrow(), *element == ElementType::String),
            Wanted::As { data_type, json } => {
                let field = Field::new(name, data_type.clone(), true);
                if !*json {
                    return field;
                }
                field.with_metadata(HashMap::from([JSON_MARK].map(|(key, value)| (key.to_owned(), value.to_owned()))))
            }
        }
    }
}

impl ColumnPlan {
    /// Decides the columns by the first files of the listing. Files that cannot be read or have no records are passed over until one tells its columns;
    /// what is wrong with them comes up again when they are opened.
    pub fn new(needs: &FeatureNeeds, settings: &InputSettings, listing: &Listing) -> Result<ColumnPlan, InputError> {
        let hints = HeaderHints::of_needs(needs, settings);
        let mut first_error = None;
        // Files that the filter passes over need not be readable; their columns are asked for if there are no others.
        let passed_over = |file: &&ListedFile| FilterReading::passes_over(file, settings);
        let (files, others) = (listing.known(), listing.known());
        for file in files.filter(|file| !passed_over(file)).chain(others.filter(passed_over)) {
            match source::columns_of(file, settings, &hints) {
                Ok(columns) if columns.own > 0 => return Self::from_file(needs, settings, file, &columns),
                Ok(_) => {
                    first_error.get_or_insert(InputError::Empty { file: file.file.name.clone() });
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.unwrap_or_else(|| listing.nothing()))
    }

    fn from_file(
        needs: &FeatureNeeds,
        settings: &InputSettings,
        file: &ListedFile,
        columns: &FileColumns,
    ) -> Result<ColumnPlan, InputError> {
        let lookup = columns.lookup(file);
        let native = |position: usize| {
            let FileColumn { data_type, path, .. } = &columns.columns[position];
            let json = file.format == InputFormat::JsonLines && path.is_none();
            Wanted::As { data_type: data_type.clone(), json }
        };
        let key = settings.key.as_ref().map(|name| lookup.need(name)).transpose();
        let key = key.map_err(|error| error.asked_for_by("--key"))?;
        let kept: Vec<usize> = match &settings.keep {
            Keep::None => Vec::new(),
            Keep::Columns(names) => names.iter().map(|name| lookup.need(name)).collect::<Result<_, _>>()?,
            Keep::All => (0..columns.columns.len()).collect(),
        };
        let kept: Vec<usize> =
            key.into_iter().chain(kept.into_iter().filter(|position| Some(*position) != key)).collect();
        // What is passed on by name is probably not for the model.
        let named: Vec<usize> = match &settings.keep {
            Keep::All => key.into_iter().collect(),
            Keep::None | Keep::Columns(_) => kept.clone(),
        };
        let features: Vec<(usize, Wanted, Option<&str>)> = match needs {
            FeatureNeeds::Named(named) => named_positions(named, settings, &lookup, file)?
                .into_iter()
                .zip(named)
                .map(|(position, need)| (position, Wanted::Element(need.element), Some(need.name.as_str())))
                .collect(),
            FeatureNeeds::Table { element, count } => {
                table_positions(*count, settings, &lookup, file, columns, &named)?
                    .into_iter()
                    .map(|position| (position, Wanted::Element(*element), None))
                    .collect()
            }
            FeatureNeeds::Anything => {
                let positions = match &settings.features {
                    Some(names) => names.iter().map(|name| lookup.need(name)).collect::<Result<_, _>>()?,
                    None => (0..columns.own).collect::<Vec<_>>(),
                };
                positions.into_iter().map(|position| (position, native(position), None)).collect()
            }
        };
        let feature_count = features.len();
        let mut planned = Vec::with_capacity(feature_count + kept.len());
        let mut fields = Vec::with_capacity(planned.capacity());
        let all = features.into_iter().chain(kept.into_iter().map(|position| (position, native(position), None)));
        for (position, wanted, called) in all {
            let FileColumn { name, data_type, path } = &columns.columns[position];
            fields.push(wanted.field(called.unwrap_or(name)));
            let column = PlannedColumn { name: name.clone(), position, wanted };
            match path {
                Some(path) => drop(constant(file, *path, &column)?),
                None => refuse_unsuited(&column, data_type, file, columns)?,
            }
            planned.push(column);
        }
        let mut filter_columns = Vec::new();
        if let Some(filter) = &settings.filter {
            for (index, column) in filter.columns().iter().enumerate() {
                let position = lookup.need(&column.name).map_err(|error| error.asked_for_by("--where"))?;
                FilterReading::check(filter, index, file, &columns.columns[position])?;
                filter_columns.push(PlannedColumn { name: column.name.clone(), position, wanted: native(position) });
            }
        }
        Ok(ColumnPlan {
            columns: planned,
            feature_count,
            has_key: key.is_some(),
            schema: Arc::new(Schema::new(fields)),
            filter_columns,
            first_names: columns.names(),
            first_named: columns.named,
            first_own: columns.own,
            doubt: columns.doubt.clone(),
        })
    }

    /// What the user should know who did not say whether the first file has a header, where that is not certain.
    pub fn doubt(&self) -> Option<&str> {
        self.doubt.as_deref()
    }

    /// The plan for the features of all records.
    pub fn without_kept(&self) -> ColumnPlan {
        let features: Vec<usize> = (0..self.feature_count).collect();
        ColumnPlan { has_key: false, filter_columns: Vec::new(), ..self.part(&features) }
    }

    /// The plan for some of its columns, of which as many are features as were before.
    pub(super) fn part(&self, columns: &[usize]) -> ColumnPlan {
        ColumnPlan {
            columns: columns.iter().map(|column| self.columns[*column].clone()).collect(),
            feature_count: columns.iter().filter(|column| **column < self.feature_count).count(),
            has_key: self.has_key,
            schema: Arc::new(Schema::new(
                columns.iter().map(|column| Arc::clone(&self.schema.fields()[*column])).collect::<Vec<_>>(),
            )),
            filter_columns: self.filter_columns.clone(),
            first_names: self.first_names.clone(),
            first_named: self.first_named,
            first_own: self.first_own,
            doubt: None,
        }
    }

    /// A plan for other columns of the same files, none of which is a feature.
    pub(super) fn with_columns(&self, columns: Vec<PlannedColumn>) -> ColumnPlan {
        let fields: Vec<Field> = columns.iter().map(|column| column.wanted.field(&column.name)).collect();
        ColumnPlan {
            columns,
            feature_count: 0,
            has_key: false,
            schema: Arc::new(Schema::new(fields)),
            filter_columns: Vec::new(),
            first_names: self.first_names.clone(),
            first_named: self.first_named,
            first_own: self.first_own,
            doubt: None,
        }
    }

    /// The columns of every block: features, then the key, then kept columns.
    pub fn record_schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many of the columns are features.
    pub fn feature_count(&self) -> usize {
        self.feature_count
    }

    /// Which column is the key.
    pub fn key(&self) -> Option<usize> {
        self.has_key.then_some(self.feature_count)
    }

    /// The columns that are passed on: the key and those that are kept.
    pub fn kept_schema(&self) -> SchemaRef {
        let kept: Vec<_> = self.schema.fields()[self.feature_count..].to_vec();
        Arc::new(Schema::new(kept))
    }

    pub(super) fn columns(&self) -> &[PlannedColumn] {
        &self.columns
    }

    /// The columns that the filter looks at, in its order.
    pub(super) fn filter_columns(&self) -> &[PlannedColumn] {
        &self.filter_columns
    }

    /// Whether the first file named its columns.
    pub(super) fn first_named(&self) -> bool {
        self.first_named
    }

    /// Bytes that a record takes in columns of fixed width.
    pub(super) fn fixed_row_bytes(&self) -> u64 {
        self.columns.iter().map(|column| column.wanted.data_type().primitive_width().unwrap_or(4) as u64).sum()
    }

    /// Whether a column holds text.
    pub(super) fn has_text(&self) -> bool {
        self.columns.iter().any(|column| !column.wanted.data_type().is_primitive())
    }

    /// For each column of the plan, where it stands in this file; `None` where a file that may leave columns out does.
    pub(super) fn bind(&self, file: &ListedFile, columns: &FileColumns) -> Result<Vec<Option<usize>>, InputError> {
        let lookup = columns.lookup(file);
        let by_position = if self.first_named && columns.named {
            // Names may repeat as long as the columns are the first file's.
            columns.same_names(&self.first_names)
        } else {
            let (have, want) = (columns.own, self.first_own);
            if have != want {
                let problem = format!(
                    "has {have} columns, but the first file has {want}, and without names they are told by position"
                );
                return Err(file.columns_error(problem));
            }
            true
        };
        // Records may leave columns out, and the first ones are not all; a file without any feature is of something else.
        let features = &self.columns[..self.feature_count];
        let has_features = columns.own == 0 || features.iter().any(|column| lookup.find(&column.name).is_some());
        let mut sources = Vec::with_capacity(self.columns.len());
        for (index, column) in self.columns.iter().enumerate() {
            let may_lack = columns.open_ended && (index >= self.feature_count || has_features);
            let position = match by_position {
                true => Some(column.position),
                false if may_lack => lookup.find(&column.name),
                false => Some(lookup.need(&column.name)?),
            };
            if let Some(position) = position
                && columns.columns[position].path.is_none()
            {
                refuse_unsuited(column, &columns.columns[position].data_type, file, columns)?;
            }
            sources.push(position);
        }
        Ok(sources)
    }
}

fn refuse_unsuited(
    column: &PlannedColumn,
    data_type: &DataType,
    file: &ListedFile,
    columns: &FileColumns,
) -> Result<(), InputError> {
    match columns.open_ended || file.format == InputFormat::Csv || convert::suits(data_type, &column.wanted) {
        true => Ok(()),
        false => Err(file.columns_error(unsuited(column, data_type))),
    }
}

fn unsuited(column: &PlannedColumn, data_type: &DataType) -> String {
    match &column.wanted {
        Wanted::Element(element) => format!(
            "column {:?} has type {data_type}, which cannot be given to the model's input of type {element}; say which \
             columns the model takes with --features",
            column.name
        ),
        Wanted::As { data_type: first, .. } => {
            format!("column {:?} has type {data_type}, but {first} in the first file", column.name)
        }
    }
}

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::error::show;
use super::file_columns::{FileColumn, FileColumns, JSON_MARK, Lookup};
use super::{InputError, InputFormat, InputSettings, Keep, ListedFile, Listing, convert, source};
use crate::data::{ElementType, FeatureNeeds, NamedFeature};

/// What each record brings: the columns that the scorer takes, then those that are kept.
///
/// It is decided once, from what the scorer needs, the settings, and the header or schema of the first file that has
/// one; every file is then bound to it.
#[derive(Debug)]
pub struct ColumnPlan {
    columns: Vec<PlannedColumn>,
    feature_count: usize,
    schema: SchemaRef,
    /// The columns of the first file, and whether it named them itself.
    first_names: Vec<String>,
    first_named: bool,
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
    /// Decides the columns. Files that cannot be read or have no records are passed over until one tells its columns;
    /// what is wrong with them comes up again when they are opened.
    pub fn new(needs: &FeatureNeeds, settings: &InputSettings, listing: &Listing) -> Result<ColumnPlan, InputError> {
        let hints = HeaderHints::of_needs(needs, settings);
        let mut first_error = None;
        for file in &listing.files {
            match source::columns_of(file, settings, &hints) {
                Ok(columns) if !columns.columns.is_empty() => return Self::from_file(needs, settings, file, &columns),
                Ok(_) => {
                    first_error.get_or_insert(InputError::Empty { file: file.file.name.clone() });
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.unwrap_or(InputError::NoFiles { skipped: listing.skipped.clone() }))
    }

    fn from_file(
        needs: &FeatureNeeds,
        settings: &InputSettings,
        file: &ListedFile,
        columns: &FileColumns,
    ) -> Result<ColumnPlan, InputError> {
        let lookup = Lookup::new(file, columns);
        let json = file.format == InputFormat::JsonLines;
        let native = |position: usize| Wanted::As { data_type: columns.columns[position].data_type.clone(), json };
        let kept = match &settings.keep {
            Keep::None => Vec::new(),
            Keep::Columns(names) => names.iter().map(|name| lookup.need(name)).collect::<Result<_, _>>()?,
            Keep::All => (0..columns.columns.len()).collect(),
        };
        let features: Vec<(usize, Wanted, Option<&str>)> = match needs {
            FeatureNeeds::Named(named) => named_positions(named, settings, &lookup, file)?
                .into_iter()
                .zip(named)
                .map(|(position, need)| (position, Wanted::Element(need.element), Some(need.name.as_str())))
                .collect(),
            FeatureNeeds::Table { element, count } => table_positions(*count, settings, &lookup, file, columns, &kept)?
                .into_iter()
                .map(|position| (position, Wanted::Element(*element), None))
                .collect(),
            FeatureNeeds::Anything => {
                let positions = match &settings.features {
                    Some(names) => names.iter().map(|name| lookup.need(name)).collect::<Result<_, _>>()?,
                    None => (0..columns.columns.len()).collect::<Vec<_>>(),
                };
                positions.into_iter().map(|position| (position, native(position), None)).collect()
            }
        };
        let feature_count = features.len();
        let mut planned = Vec::with_capacity(feature_count + kept.len());
        let mut fields = Vec::with_capacity(planned.capacity());
        let all = features.into_iter().chain(kept.into_iter().map(|position| (position, native(position), None)));
        for (position, wanted, called) in all {
            let FileColumn { name, data_type } = &columns.columns[position];
            fields.push(wanted.field(called.unwrap_or(name)));
            let column = PlannedColumn { name: name.clone(), position, wanted };
            if !columns.open_ended && file.format != InputFormat::Csv && !convert::suits(data_type, &column.wanted) {
                return Err(file.columns_error(unsuited(&column, data_type)));
            }
            planned.push(column);
        }
        Ok(ColumnPlan {
            columns: planned,
            feature_count,
            schema: Arc::new(Schema::new(fields)),
            first_names: columns.names(),
            first_named: columns.named,
            doubt: columns.doubt.clone(),
        })
    }

    /// What the user should know who did not say whether the first file has a header, where that is not certain.
    pub fn doubt(&self) -> Option<&str> {
        self.doubt.as_deref()
    }

    /// The plan for the features alone.
    pub fn without_kept(&self) -> ColumnPlan {
        ColumnPlan {
            columns: self.columns[..self.feature_count].to_vec(),
            feature_count: self.feature_count,
            schema: Arc::new(Schema::new(self.schema.fields()[..self.feature_count].to_vec())),
            first_names: self.first_names.clone(),
            first_named: self.first_named,
            doubt: None,
        }
    }

    /// The columns of every block: features, then kept columns.
    pub fn record_schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many of the columns are features.
    pub fn feature_count(&self) -> usize {
        self.feature_count
    }

    /// The columns that are kept.
    pub fn kept_schema(&self) -> SchemaRef {
        let kept: Vec<_> = self.schema.fields()[self.feature_count..].to_vec();
        Arc::new(Schema::new(kept))
    }

    pub(super) fn columns(&self) -> &[PlannedColumn] {
        &self.columns
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
        let lookup = Lookup::new(file, columns);
        let by_position = if self.first_named && columns.named {
            // Names may repeat as long as the columns are the first file's.
            columns.same_names(&self.first_names)
        } else {
            let (have, want) = (columns.columns.len(), self.first_names.len());
            if have != want {
                let problem = format!(
                    "has {have} columns, but the first file has {want}, and without names they are told by position"
                );
                return Err(file.columns_error(problem));
            }
            true
        };
        let mut sources = Vec::with_capacity(self.columns.len());
        for (index, column) in self.columns.iter().enumerate() {
            let may_lack = columns.open_ended && (index >= self.feature_count || columns.columns.is_empty());
            let position = match by_position {
                true => Some(column.position),
                false if may_lack => lookup.find(&column.name),
                false => Some(lookup.need(&column.name)?),
            };
            if let Some(position) = position
                && !columns.open_ended
                && file.format != InputFormat::Csv
            {
                let data_type = &columns.columns[position].data_type;
                if !convert::suits(data_type, &column.wanted) {
                    return Err(file.columns_error(unsuited(column, data_type)));
                }
            }
            sources.push(position);
        }
        Ok(sources)
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

/// The columns of a model that takes several inputs.
fn named_positions(
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

/// The columns of a model that takes a table.
fn table_positions(
    count: Option<usize>,
    settings: &InputSettings,
    lookup: &Lookup<'_>,
    file: &ListedFile,
    columns: &FileColumns,
    kept: &[usize],
) -> Result<Vec<usize>, InputError> {
    let all = columns.columns.len();
    if let Some(features) = &settings.features {
        if let Some(count) = count.filter(|count| *count != features.len()) {
            let problem = format!("the model takes {count} columns, but --features names {}", features.len());
            return Err(file.columns_error(problem));
        }
        return features.iter().map(|name| lookup.need(name)).collect();
    }
    let without_kept = || {
        let kept: HashSet<usize> = match settings.keep {
            Keep::All => HashSet::new(),
            _ => kept.iter().copied().collect(),
        };
        (0..all).filter(|position| !kept.contains(position)).collect::<Vec<_>>()
    };
    match count {
        None => Ok(without_kept()),
        Some(count) if count == all => Ok((0..all).collect()),
        Some(count) => Some(without_kept()).filter(|rest| rest.len() == count).ok_or_else(|| {
            let have = show::names(columns.columns.iter().map(|column| &column.name));
            file.columns_error(format!(
                "the model takes {count} columns, but the data has {all} ({have}): say which of them, in the model's \
                 order, with --features"
            ))
        }),
    }
}

/// What helps to tell a header from data.
#[derive(Debug)]
pub(super) struct HeaderHints {
    /// Names that a header would have.
    pub names: HashSet<String>,
    /// Whether the model takes numbers, so that a record without any is of no use.
    pub numeric: bool,
}

impl HeaderHints {
    /// Nothing is known.
    pub(super) fn none() -> HeaderHints {
        HeaderHints { names: HashSet::new(), numeric: false }
    }

    fn of_needs(needs: &FeatureNeeds, settings: &InputSettings) -> HeaderHints {
        let mut names: HashSet<String> = settings.features.iter().flatten().cloned().collect();
        if let Keep::Columns(kept) = &settings.keep {
            names.extend(kept.iter().cloned());
        }
        let numeric = match needs {
            FeatureNeeds::Named(named) => {
                names.extend(named.iter().map(|need| need.name.clone()));
                named.iter().any(|need| need.element != ElementType::String)
            }
            FeatureNeeds::Table { element, .. } => *element != ElementType::String,
            FeatureNeeds::Anything => false,
        };
        HeaderHints { names, numeric }
    }

    /// For files after the first: they look like it.
    pub(super) fn of_plan(plan: &ColumnPlan) -> HeaderHints {
        let names = if plan.first_named {
            plan.columns.iter().map(|column| column.name.clone()).collect()
        } else {
            HashSet::new()
        };
        let numeric = plan.columns[..plan.feature_count]
            .iter()
            .any(|column| matches!(column.wanted, Wanted::Element(element) if element != ElementType::String));
        HeaderHints { names, numeric }
    }
}

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};

use super::OutputError;
use crate::data::{InputFile, RAW_JSON, RowNumbers};

/// The results for the records of a block: a row a record, in the input's order.
#[derive(Debug, Clone)]
pub struct Scored {
    /// The file that the records come from.
    pub file: Arc<InputFile>,
    /// The row number of each record.
    pub rows: RowNumbers,
    /// What the scorer said.
    pub predictions: RecordBatch,
    /// Columns of the input that go along; as many rows as there are predictions.
    pub kept: RecordBatch,
}

/// The columns of an output, in order: `row`, the first prediction, `file`, further predictions, kept columns.
#[derive(Debug, Clone)]
pub struct Layout {
    schema: SchemaRef,
    sources: Vec<Source>,
    predictions: usize,
    kept: usize,
}

/// Where the values of a column of the output come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Row,
    File,
    Prediction(usize),
    Kept(usize),
}

impl Layout {
    /// Arranges the columns. A kept column whose name is taken gets the prefix `input_`, a prediction whose name is taken
    /// the prefix `output_`, repeated until the name is free.
    pub fn new(predictions: &Schema, kept: &Schema) -> Self {
        let mut columns = vec![(Source::Row, Arc::new(Field::new("row", DataType::Int64, false)))];
        let mut taken: HashSet<String> = ["row", "file"].map(str::to_owned).into();
        for (index, field) in predictions.fields().iter().enumerate() {
            columns.push((Source::Prediction(index), renamed(field, "output_", &mut taken)));
        }
        let file = (Source::File, Arc::new(Field::new("file", DataType::Utf8, false)));
        columns.insert(columns.len().min(2), file);
        for (index, field) in kept.fields().iter().enumerate() {
            columns.push((Source::Kept(index), renamed(field, "input_", &mut taken)));
        }
        let (sources, fields): (Vec<_>, Vec<FieldRef>) = columns.into_iter().unzip();
        Layout {
            schema: Arc::new(Schema::new(fields)),
            sources,
            predictions: predictions.fields().len(),
            kept: kept.fields().len(),
        }
    }

    /// The columns' names and types.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Whether the strings of this field are JSON text.
    pub(super) fn is_raw_json(field: &Field) -> bool {
        field.data_type() == &DataType::Utf8 && field.metadata().get(RAW_JSON).is_some_and(|value| value == "true")
    }

    /// Checks that `scored` has the columns that this layout takes, as many rows in each part.
    pub(super) fn check(&self, scored: &Scored) -> Result<(), OutputError> {
        let mismatch = |cause: String| Err(OutputError::Mismatch { file: scored.file.name.clone(), cause });
        let (predictions, kept) = (&scored.predictions, &scored.kept);
        if predictions.num_rows() != kept.num_rows() {
            let (left, right) = (predictions.num_rows(), kept.num_rows());
            return mismatch(format!("there are {left} predictions for {right} records"));
        }
        if let RowNumbers::Listed(rows) = &scored.rows
            && rows.len() != predictions.num_rows()
        {
            return mismatch(format!("there are {} row numbers for {} records", rows.len(), predictions.num_rows()));
        }
        for (what, expected, found) in
            [("predicted", self.predictions, predictions.num_columns()), ("kept", self.kept, kept.num_columns())]
        {
            if expected != found {
                return mismatch(format!("there are {found} {what} columns where the output has {expected}"));
            }
        }
        Ok(())
    }
}

impl Scored {
    /// The records from `start` on, so many of them; nothing is copied but their row numbers.
    pub(super) fn slice(&self, start: usize, len: usize) -> Scored {
        Scored {
            file: Arc::clone(&self.file),
            rows: match &self.rows {
                RowNumbers::From(first) => RowNumbers::From(first + start as u64),
                RowNumbers::Listed(rows) => RowNumbers::Listed(rows[start..start + len].to_vec()),
            },
            predictions: self.predictions.slice(start, len),
            kept: self.kept.slice(start, len),
        }
    }

    /// The values of a column that comes from the predictions or the input.
    pub(super) fn column(&self, source: Source) -> Option<&ArrayRef> {
        match source {
            Source::Row | Source::File => None,
            Source::Prediction(index) => self.predictions.columns().get(index),
            Source::Kept(index) => self.kept.columns().get(index),
        }
    }
}

/// `field` under a name that is not taken yet.
fn renamed(field: &FieldRef, prefix: &str, taken: &mut HashSet<String>) -> FieldRef {
    let mut name = field.name().clone();
    while taken.contains(&name) {
        name.insert_str(0, prefix);
    }
    taken.insert(name.clone());
    if &name == field.name() { Arc::clone(field) } else { Arc::new(field.as_ref().clone().with_name(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(names: &[&str]) -> Schema {
        Schema::new(names.iter().map(|name| Field::new(*name, DataType::Float32, true)).collect::<Vec<_>>())
    }

    #[test]
    fn columns_are_arranged_and_names_are_unique() {
        for (predictions, kept, expected) in [
            (vec!["label", "p0", "p1"], vec!["id"], "row label file p0 p1 id"),
            (vec!["label"], vec![], "row label file"),
            (vec![], vec!["id"], "row file id"),
            (vec!["row", "x"], vec!["file", "x"], "row output_row file x input_file input_x"),
            (
                vec!["x", "x"],
                vec!["input_x", "x", "x"],
                "row x file output_x input_x input_input_x input_input_input_x",
            ),
        ] {
            let layout = Layout::new(&schema(&predictions), &schema(&kept));
            let names: Vec<_> = layout.schema().fields().iter().map(|f| f.name().as_str()).collect();
            assert_eq!(names.join(" "), expected);
            assert_eq!(layout.schema().field(0).data_type(), &DataType::Int64);
        }
    }
}

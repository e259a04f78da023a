use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, SchemaRef};
use thiserror::Error;

/// What a scorer said about the items of a mini-batch: one row an item, in the items' order.
///
/// The first column is the prediction itself (a class or a number); further outputs follow, one column each.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions(RecordBatch);

/// Columns that do not make up a table of predictions.
#[derive(Debug, Error)]
#[error("the scorer's outputs do not fit together: {0}")]
pub struct PredictionsError(#[from] ArrowError);

impl Predictions {
    /// Takes columns of equal length that fit `schema`; `len` is the number of items they answer for.
    pub fn new(schema: SchemaRef, columns: Vec<arrow_array::ArrayRef>, len: usize) -> Result<Self, PredictionsError> {
        let options = RecordBatchOptions::new().with_row_count(Some(len));
        Ok(Predictions(RecordBatch::try_new_with_options(schema, columns, &options)?))
    }

    /// The predictions as a table.
    pub fn table(&self) -> &RecordBatch {
        &self.0
    }

    /// The table itself.
    pub fn into_table(self) -> RecordBatch {
        self.0
    }

    /// Number of items answered.
    pub fn len(&self) -> usize {
        self.0.num_rows()
    }

    /// Whether no item was answered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<RecordBatch> for Predictions {
    fn from(table: RecordBatch) -> Self {
        Predictions(table)
    }
}

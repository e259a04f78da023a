//! Records to give to a model: read from data, or made up.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema};

use crate::data::{Block, Cuts, ElementType, FeatureNeeds, InputFile, MiniBatch, RowNumbers};
use crate::input::{self, ColumnPlan, InputError, InputSettings};
use crate::storage::{Pointer, Stores};

/// All records at `pointers`, decoded as `needs` say.
pub(super) fn read(
    stores: &Stores,
    pointers: &[Pointer],
    settings: &InputSettings,
    needs: &FeatureNeeds,
) -> Result<Vec<Arc<Block>>, InputError> {
    let mut listing = input::list(stores, pointers, settings)?;
    let plan = Arc::new(ColumnPlan::new(needs, settings, &listing)?);
    let mut blocks = Vec::new();
    let mut next = 0;
    while let Some(file) = listing.take(next)? {
        next += 1;
        for mut part in input::open(&file, &plan, settings)?.parts {
            blocks.extend(std::iter::from_fn(|| part.next_block()).map(|block| Arc::new(block.decode())));
        }
    }
    Ok(blocks)
}

/// The features of all records in `blocks`, which come of one plan; `None` if there is no record.
pub(super) fn features(blocks: &[Arc<Block>]) -> Result<Option<RecordBatch>, ArrowError> {
    let tables: Vec<RecordBatch> = blocks
        .iter()
        .filter(|block| block.records.num_rows() > 0)
        .map(|block| block.records.project(&(0..block.feature_count).collect::<Vec<_>>()))
        .collect::<Result<_, _>>()?;
    let Some(first) = tables.first() else { return Ok(None) };
    arrow_select::concat::concat_batches(&first.schema(), &tables).map(Some)
}

/// `rows` records for a model with these `needs`: normal numbers, and small whole ones. The same on every call.
pub(super) fn made_up(needs: &FeatureNeeds, rows: usize) -> Result<RecordBatch, String> {
    let elements: Vec<ElementType> = match needs {
        FeatureNeeds::Table { element, count: Some(count) } => vec![*element; *count],
        FeatureNeeds::Table { count: None, .. } => {
            return Err("the model does not say how many columns it takes".to_owned());
        }
        FeatureNeeds::Named(features) => features.iter().map(|feature| feature.element).collect(),
        FeatureNeeds::Anything => Vec::new(),
    };
    if elements.contains(&ElementType::String) {
        return Err("the model takes texts, and which ones make sense to it is not known".to_owned());
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let column = |element: &ElementType| -> Result<ArrayRef, String> {
        let is_float = matches!(element, ElementType::Float32 | ElementType::Float64);
        let value = |_| if is_float { random.normal() } else { (random.uniform() * 2.0).floor() };
        let values: ArrayRef = Arc::new((0..rows).map(value).collect::<arrow_array::Float64Array>());
        arrow_cast::cast(&values, &element.arrow()).map_err(|error| error.to_string())
    };
    let columns = elements.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let field = |column: &ArrayRef| Field::new("x", column.data_type().clone(), *column.data_type() == DataType::Utf8);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(schema), columns, &options).map_err(|error| error.to_string())
}

/// `records` again and again, until there are at least `rows`; there is at least one.
pub(super) fn repeated(records: &RecordBatch, rows: usize) -> Result<RecordBatch, ArrowError> {
    let copies = rows.div_ceil(records.num_rows().max(1));
    if copies <= 1 {
        return Ok(records.clone());
    }
    arrow_select::concat::concat_batches(&records.schema(), std::iter::repeat_n(records, copies))
}

/// `records`, all of whose columns are features, as one mini-batch; its parts are mini-batches too.
pub(super) fn mini_batch(records: RecordBatch) -> MiniBatch {
    let rows = records.num_rows();
    let block = Block {
        file: Arc::new(InputFile { index: 0, name: "records".to_owned() }),
        span: 0..rows as u64,
        feature_count: records.num_columns(),
        key: None,
        passed_over: 0,
        records,
        rows: RowNumbers::From(0),
        failures: Arc::new([]),
        cuts: Cuts::Every(rows.max(1) as u64),
    };
    MiniBatch { block: Arc::new(block), records: 0..rows }
}

/// The generator splitmix64 by Sebastiano Vigna: the same numbers on every machine.
struct Random(u64);

impl Random {
    /// From 0 to below 1.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Of mean 0 and variance 1, after Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float32Type, Int64Type};

    use super::*;
    use crate::data::NamedFeature;

    #[test]
    fn made_up_numbers_are_normal_or_small() {
        let table = made_up(&FeatureNeeds::Table { element: ElementType::Float32, count: Some(3) }, 2000).unwrap();
        let values: Vec<f32> =
            table.columns().iter().flat_map(|c| c.as_primitive::<Float32Type>().values().to_vec()).collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        let feature = |name: &str, element| NamedFeature { name: name.to_owned(), element };
        let needs = FeatureNeeds::Named(vec![feature("a", ElementType::Int64), feature("b", ElementType::Bool)]);
        let table = made_up(&needs, 50).unwrap();
        assert!(table.column(0).as_primitive::<Int64Type>().values().iter().all(|x| (0..2).contains(x)));
        let needs = FeatureNeeds::Named(vec![feature("a", ElementType::String)]);
        assert!(made_up(&needs, 1).unwrap_err().contains("texts"));
    }

    #[test]
    fn repeats_cover_the_rows_wanted() {
        let table = made_up(&FeatureNeeds::Table { element: ElementType::Float64, count: Some(1) }, 7).unwrap();
        for (rows, expected) in [(1, 7), (7, 7), (8, 14), (22, 28)] {
            assert_eq!(repeated(&table, rows).unwrap().num_rows(), expected);
        }
        assert_eq!(mini_batch(table).part(2..5).len(), 3);
    }
}

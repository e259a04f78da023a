//! What the statistics of a Parquet file tell of its row groups.

use arrow_array::{Array, ArrayRef, BooleanArray, UInt64Array};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;

use super::filter::{Bounds, FilterColumn, Origin, Values};
use super::raw_block::calmly;
use super::reading::FilterReading;

/// Statistics of the columns that a filter reads, over all row groups of a file.
pub(super) struct RowGroupBounds(Vec<Option<ColumnBounds>>);

/// Those of one column, an element a row group.
struct ColumnBounds {
    column: FilterColumn,
    least: ArrayRef,
    largest: ArrayRef,
    is_exact: BooleanArray,
    nulls: UInt64Array,
    rows: Vec<Option<u64>>,
    /// Whether a value may be NaN, of which statistics do not speak.
    may_be_nan: bool,
}

impl RowGroupBounds {
    /// `sources` are the places of the filter's columns in the file. Columns whose statistics cannot be used tell nothing.
    pub(super) fn new(
        metadata: &ArrowReaderMetadata,
        filter: &FilterReading,
        sources: &[Option<usize>],
    ) -> RowGroupBounds {
        let column = |(column, source): (&FilterColumn, &Option<usize>)| {
            calmly(|| ColumnBounds::new(metadata, column, source.unwrap_or(usize::MAX))).ok().flatten()
        };
        RowGroupBounds(filter.columns().zip(sources).map(column).collect())
    }

    /// What is known of one row group, for each column that the filter reads.
    pub(super) fn of_group(&self, group: usize) -> Vec<Bounds> {
        self.0.iter().map(|column| column.as_ref().map_or(Bounds::Unknown, |column| column.of_group(group))).collect()
    }
}

impl ColumnBounds {
    fn new(
        metadata: &ArrowReaderMetadata,
        column: &FilterColumn,
        root: usize,
    ) -> Result<Option<ColumnBounds>, ParquetError> {
        let schema = metadata.parquet_schema();
        let mut leaves = (0..schema.num_columns()).filter(|leaf| schema.get_column_root_idx(*leaf) == root);
        let (Some(leaf), None) = (leaves.next(), leaves.next()) else { return Ok(None) };
        // Of a list or a structure with one leaf, the statistics are the leaf's.
        let Some(field) = metadata.schema().fields().get(root).filter(|field| !field.data_type().is_nested()) else {
            return Ok(None);
        };
        let groups = metadata.metadata().row_groups();
        // Bounds of texts in the deprecated form were made by another order than that of bytes.
        let is_deprecated = |group: &RowGroupMetaData| {
            group.column(leaf).statistics().is_some_and(parquet::file::statistics::Statistics::is_min_max_deprecated)
        };
        if groups.iter().any(is_deprecated) {
            return Ok(None);
        }
        let statistics =
            StatisticsConverter::from_column_index(leaf, field, schema)?.with_missing_null_counts_as_zero(false);
        let exact = |flags: BooleanArray| flags.iter().map(|flag| flag == Some(true)).collect::<Vec<_>>();
        let least_exact = exact(statistics.row_group_is_min_value_exact(groups)?);
        let largest_exact = exact(statistics.row_group_is_max_value_exact(groups)?);
        Ok(Some(ColumnBounds {
            column: column.clone(),
            least: statistics.row_group_mins(groups)?,
            largest: statistics.row_group_maxes(groups)?,
            is_exact: least_exact.iter().zip(largest_exact).map(|(least, largest)| Some(*least && largest)).collect(),
            nulls: statistics.row_group_null_counts(groups)?,
            rows: groups.iter().map(|group| u64::try_from(group.num_rows()).ok()).collect(),
            may_be_nan: field.data_type().is_floating(),
        }))
    }

    fn of_group(&self, group: usize) -> Bounds {
        let nulls = self.nulls.is_valid(group).then(|| self.nulls.value(group));
        Bounds::Within {
            ends: self.ends(group),
            missing: self.may_be_nan || nulls != Some(0),
            present: nulls.is_none() || nulls != self.rows[group],
        }
    }

    fn ends(&self, group: usize) -> Option<(Values, Values)> {
        if self.least.is_null(group) || self.largest.is_null(group) {
            return None;
        }
        // Numbers are never cut; texts are, and not all writers say so.
        let is_text = matches!(self.least.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        if (is_text || !self.least.data_type().is_primitive()) && !self.is_exact.value(group) {
            return None;
        }
        let end = |array: &ArrayRef| {
            let values = Values::of(&array.slice(group, 1), &self.column.name, self.column.kind, Origin::Typed);
            values.ok().map(|(values, _)| values)
        };
        Some((end(&self.least)?, end(&self.largest)?))
    }
}

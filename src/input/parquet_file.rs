//! Parquet files: one part for each row group.

use std::collections::HashSet;
use std::sync::Arc;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::{ParquetStatisticsPolicy, RowGroupMetaData};

use super::chunk_source::ChunkSource;
use super::columnar::{ColumnarBinding, ColumnarPart, Opened, Progress, Sizing, fixed_bytes};
use super::file_columns::FileColumns;
use super::plan::ColumnPlan;
use super::raw_block::calmly;
use super::{InputError, ListedFile};
use crate::policy::MiniBatchSize;

/// A file whose footer has been read.
pub(super) struct ParquetFile {
    source: ChunkSource,
    metadata: ArrowReaderMetadata,
}

impl ParquetFile {
    /// Reads the footer.
    pub(super) fn open(file: &ListedFile) -> Result<ParquetFile, InputError> {
        Self::over(file, ChunkSource::open(&file.location)?)
    }

    /// Reads the footer from a source.
    pub(super) fn over(file: &ListedFile, source: ChunkSource) -> Result<ParquetFile, InputError> {
        let load = |skip_hints| {
            let skip = ParquetStatisticsPolicy::SkipAll;
            let options = ArrowReaderOptions::new()
                .with_column_stats_policy(skip.clone())
                .with_encoding_stats_policy(skip.clone())
                .with_size_stats_policy(skip)
                .with_skip_arrow_metadata(skip_hints);
            calmly(|| ArrowReaderMetadata::load(&source, options))
        };
        // The writer's hints about types may be beyond this reader when the types themselves are not.
        let metadata = load(false).or_else(|cause| load(true).map_err(|_| cause)).map_err(|cause| {
            let length = parquet::file::reader::Length::len(&source);
            match length {
                0 => InputError::Empty { file: file.file.name.clone() },
                _ => file.unreadable(format!("{cause}; it is not a Parquet file, or not all of it")),
            }
        })?;
        Ok(ParquetFile { source, metadata })
    }

    /// The columns that it has.
    pub(super) fn columns(&self) -> FileColumns {
        FileColumns::typed(self.metadata.schema())
    }

    /// One part for each row group, in order.
    pub(super) fn parts(
        self,
        file: &ListedFile,
        plan: &Arc<ColumnPlan>,
        sources: &[usize],
        size: MiniBatchSize,
    ) -> Result<Vec<ColumnarPart>, InputError> {
        let binding = Arc::new(ColumnarBinding::new(plan, sources));
        let shared = Arc::new(self);
        let metadata = Arc::clone(shared.metadata.metadata());
        let mut parts = Vec::with_capacity(metadata.num_row_groups());
        let mut first_row: u64 = 0;
        let mut bytes_left = file.size;
        for (index, group) in metadata.row_groups().iter().enumerate() {
            let last_row = u64::try_from(group.num_rows()).ok().and_then(|rows| first_row.checked_add(rows));
            let last_row = last_row.ok_or_else(|| file.unreadable("its footer gives impossible numbers of rows"))?;
            let bytes = u64::try_from(group.compressed_size()).unwrap_or(0).min(bytes_left);
            bytes_left -= bytes;
            let (shared, reads) = (Arc::clone(&shared), Arc::clone(&binding));
            parts.push(ColumnarPart::new(
                &file.file,
                &binding,
                size,
                Some(first_row..last_row),
                Progress::Even { bytes },
                move || shared.open_group(index, &reads.projection, size),
            ));
            first_row = last_row;
        }
        Ok(parts)
    }

    fn open_group(&self, index: usize, projection: &[usize], size: MiniBatchSize) -> Result<Opened, String> {
        let metadata = self.metadata.metadata();
        let group = metadata.row_group(index);
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), projection.iter().copied());
        let sizing = Sizing::new(size, self.row_bytes(group, projection));
        let source = match &self.source {
            local @ ChunkSource::Local { .. } => local.clone(),
            remote => {
                let leaves = (0..group.num_columns()).filter(|leaf| mask.leaf_included(*leaf));
                let ranges: Vec<_> = leaves
                    .map(|leaf| group.column(leaf).byte_range())
                    .map(|(start, length)| start..start.saturating_add(length))
                    .collect();
                remote.with_ranges(&ranges).map_err(|error| error.to_string())?
            }
        };
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(source, self.metadata.clone())
            .with_row_groups(vec![index])
            .with_projection(mask)
            .with_batch_size(usize::try_from(sizing.block_rows.min(rows.max(1))).unwrap_or(usize::MAX))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Opened { batches: Box::new(reader), sizing: Some(sizing) })
    }

    /// The mean decoded bytes of a row in the columns that are read.
    fn row_bytes(&self, group: &RowGroupMetaData, projection: &[usize]) -> u64 {
        let rows = u64::try_from(group.num_rows()).unwrap_or(0).max(1);
        let fields = self.metadata.schema().fields();
        let fixed: u64 = projection.iter().filter_map(|root| fixed_bytes(fields[*root].data_type())).sum();
        let variable: HashSet<usize> =
            projection.iter().copied().filter(|root| fixed_bytes(fields[*root].data_type()).is_none()).collect();
        let schema = self.metadata.parquet_schema();
        let leaves = (0..group.num_columns()).filter(|leaf| variable.contains(&schema.get_column_root_idx(*leaf)));
        let encoded: u64 = leaves.map(|leaf| u64::try_from(group.column(leaf).uncompressed_size()).unwrap_or(0)).sum();
        fixed + encoded / rows
    }
}

//! Parquet files: one part for each row group.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::Encoding;
use parquet::file::metadata::{ParquetStatisticsPolicy, RowGroupMetaData};

use super::chunk_source::ChunkSource;
use super::columnar::{ColumnarBinding, ColumnarPart, Opened, Progress};
use super::file_columns::FileColumns;
use super::pending::Sizing;
use super::raw_block::calmly;
use super::reading::Sources;
use super::row_groups::RowGroupBounds;
use super::source::{PassedOver, PassedOverBefore};
use super::value_bytes::fixed_bytes;
use super::{InputError, ListedFile};
use crate::policy::MiniBatchSize;
use crate::storage::Ranges;

/// Row groups of a remote file behind the one that is read that are fetched ahead, as far as there is room.
const GROUPS_AHEAD: usize = 8;
/// Rows that are decoded at a time where values are written out and some may be long: few enough to fit into memory.
const VARIABLE_ROWS: u64 = 1024;
/// The same where texts are views: whatever rows have of them, they take no more memory than the file's pages.
const VIEW_ROWS: u64 = 16_384;

/// A file whose footer has been read.
pub(super) struct ParquetFile {
    source: ChunkSource,
    metadata: ArrowReaderMetadata,
    /// What is fetched ahead of the row groups of a remote file.
    ahead: Mutex<GroupsAhead>,
}

/// Row groups of a remote file that will be read, and what is on its way for them.
#[derive(Default)]
struct GroupsAhead {
    /// The row groups that will be read, in order.
    wanted: Vec<usize>,
    /// For as many of them as have been begun: what is coming, until it is taken.
    begun: Vec<Option<Ranges>>,
}

impl ParquetFile {
    /// Reads the footer, with the statistics of columns if they are needed.
    pub(super) fn open(file: &ListedFile, statistics: bool) -> Result<ParquetFile, InputError> {
        Self::over(file, ChunkSource::open(&file.location)?, statistics)
    }

    /// Reads the footer from a source.
    pub(super) fn over(file: &ListedFile, source: ChunkSource, statistics: bool) -> Result<ParquetFile, InputError> {
        let load = |skip_hints| {
            let skip = ParquetStatisticsPolicy::SkipAll;
            let of_columns = if statistics { ParquetStatisticsPolicy::KeepAll } else { skip.clone() };
            let options = ArrowReaderOptions::new()
                .with_column_stats_policy(of_columns)
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
        Ok(ParquetFile { source, metadata: with_views(metadata), ahead: Mutex::default() })
    }

    /// The columns that it has.
    pub(super) fn columns(&self) -> FileColumns {
        FileColumns::typed(self.metadata.schema())
    }

    /// One part for each row group that may have items, in order, and what the filter passes over before which of them.
    pub(super) fn parts(
        self,
        file: &ListedFile,
        binding: ColumnarBinding,
        sources: &Sources,
        size: MiniBatchSize,
    ) -> Result<(Vec<ColumnarPart>, PassedOverBefore), InputError> {
        let filter = binding.reading().filter.as_ref();
        let bounds = filter.map(|filter| RowGroupBounds::new(&self.metadata, filter, &sources.filter));
        let wanted: Vec<bool> = (0..self.metadata.metadata().num_row_groups())
            .map(|group| match (filter, &bounds) {
                (Some(filter), Some(bounds)) => filter.may_take(&bounds.of_group(group)),
                _ => true,
            })
            .collect();
        let binding = Arc::new(binding);
        let groups = wanted.iter().enumerate().filter(|(_, wanted)| **wanted).map(|(group, _)| group).collect();
        let ahead = Mutex::new(GroupsAhead { wanted: groups, begun: Vec::new() });
        let shared = Arc::new(ParquetFile { ahead, ..self });
        let metadata = Arc::clone(shared.metadata.metadata());
        let mut parts = Vec::with_capacity(metadata.num_row_groups());
        let mut passed_over = PassedOverBefore::new();
        let mut first_row: u64 = 0;
        let mut bytes_left = file.size;
        for (index, group) in metadata.row_groups().iter().enumerate() {
            let last_row = u64::try_from(group.num_rows()).ok().and_then(|rows| first_row.checked_add(rows));
            let last_row = last_row.ok_or_else(|| file.unreadable("its footer gives impossible numbers of rows"))?;
            let bytes = u64::try_from(group.compressed_size()).unwrap_or(0).min(bytes_left);
            bytes_left -= bytes;
            if !wanted[index] {
                let records = last_row - first_row;
                match passed_over.last_mut() {
                    Some((part, before)) if *part == parts.len() => {
                        before.row_groups += 1;
                        before.records += records;
                    }
                    _ => passed_over.push((parts.len(), PassedOver { row_groups: 1, records, files: 0 })),
                }
                first_row = last_row;
                continue;
            }
            let (shared, reads) = (Arc::clone(&shared), Arc::clone(&binding));
            parts.push(ColumnarPart::new(
                &file.file,
                &binding,
                size,
                Some(first_row..last_row),
                Progress::Even { bytes },
                move || shared.open_group(index, &reads, size),
            ));
            first_row = last_row;
        }
        shared.fetch_groups(0, &shared.mask(&binding));
        Ok((parts, passed_over))
    }

    fn open_group(&self, index: usize, reads: &ColumnarBinding, size: MiniBatchSize) -> Result<Opened, String> {
        let projection = &reads.projection;
        let metadata = self.metadata.metadata();
        let group = metadata.row_group(index);
        let mask = self.mask(reads);
        let (row_bytes, most_rows) = self.row_bytes(group, projection);
        let sizing = Sizing::new(size, row_bytes).at_most(reads.reading().block_rows);
        let batch_rows = sizing.block_rows.min(most_rows);
        let source = match self.fetched(index, &mask) {
            None => self.source.clone(),
            Some(fetched) => {
                let starts = self.ranges(index, &mask).into_iter().map(|range| range.start);
                self.source.with_fetched(starts, fetched.wait().map_err(|error| error.to_string())?)
            }
        };
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(source, self.metadata.clone())
            .with_row_groups(vec![index])
            .with_projection(mask)
            .with_batch_size(usize::try_from(batch_rows.min(rows.max(1))).unwrap_or(usize::MAX))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Opened { batches: Box::new(reader), row_bytes })
    }

    /// The columns that are read.
    fn mask(&self, reads: &ColumnarBinding) -> ProjectionMask {
        ProjectionMask::roots(self.metadata.parquet_schema(), reads.projection.iter().copied())
    }

    /// What is coming for a row group of a remote file; the groups behind it are fetched ahead.
    fn fetched(&self, group: usize, mask: &ProjectionMask) -> Option<Ranges> {
        let place = self.fetch_groups(group, mask)?;
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.begun.get_mut(place).and_then(Option::take)
    }

    /// Begins to fetch a row group of a remote file, and those behind it; its place among those that are wanted.
    fn fetch_groups(&self, group: usize, mask: &ProjectionMask) -> Option<usize> {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let place = ahead.wanted.partition_point(|wanted| *wanted < group);
        while ahead.begun.len() <= place + GROUPS_AHEAD
            && let Some(next) = ahead.wanted.get(ahead.begun.len()).copied()
        {
            let coming = self.source.fetch_ranges(self.ranges(next, mask))?;
            ahead.begun.push(Some(coming));
        }
        Some(place)
    }

    /// Where the columns that are read lie in a row group.
    fn ranges(&self, group: usize, mask: &ProjectionMask) -> Vec<Range<u64>> {
        let group = self.metadata.metadata().row_group(group);
        let leaves = (0..group.num_columns()).filter(|leaf| mask.leaf_included(*leaf));
        leaves
            .map(|leaf| group.column(leaf).byte_range())
            .map(|(start, length)| start..start.saturating_add(length))
            .collect()
    }

    /// The mean decoded bytes of a row in the columns that are read, at least, and how many rows can be decoded at a time.
    /// What stands in a dictionary is in there once, however many rows have it.
    fn row_bytes(&self, group: &RowGroupMetaData, projection: &[usize]) -> (u64, u64) {
        let rows = u64::try_from(group.num_rows()).unwrap_or(0).max(1);
        let fields = self.metadata.schema().fields();
        let fixed: u64 = projection.iter().filter_map(|root| fixed_bytes(fields[*root].data_type())).sum();
        let variable: HashSet<usize> =
            projection.iter().copied().filter(|root| fixed_bytes(fields[*root].data_type()).is_none()).collect();
        let schema = self.metadata.parquet_schema();
        let (mut encoded, mut most_rows) = (0, u64::MAX);
        for leaf in 0..group.num_columns() {
            let root = schema.get_column_root_idx(leaf);
            if !variable.contains(&root) {
                continue;
            }
            let column = group.column(leaf);
            encoded += u64::try_from(column.uncompressed_size()).unwrap_or(0);
            // Of texts that begin like the one before, pages hold only what is different.
            let is_view = matches!(fields[root].data_type(), DataType::Utf8View | DataType::BinaryView)
                && column.encodings().all(|encoding| encoding != Encoding::DELTA_BYTE_ARRAY);
            most_rows = most_rows.min(if is_view { VIEW_ROWS } else { VARIABLE_ROWS });
        }
        (fixed + encoded / rows, most_rows)
    }
}

/// Lets texts be read as views into the file's pages and dictionaries: a long text that many rows have is held once, and
/// how long it is in all these rows is known before it is written out.
fn with_views(metadata: ArrowReaderMetadata) -> ArrowReaderMetadata {
    let schema = metadata.schema();
    let view = |field: &Arc<Field>| match view_type(field.data_type()) {
        Some(view) => Arc::new(field.as_ref().clone().with_data_type(view)),
        None => Arc::clone(field),
    };
    let fields: Vec<Arc<Field>> = schema.fields().iter().map(view).collect();
    let views = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let options = ArrowReaderOptions::new().with_schema(views);
    calmly(|| ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)).unwrap_or(metadata)
}

fn view_type(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(DataType::Utf8View),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Some(DataType::BinaryView),
        DataType::Dictionary(_, values) => view_type(values),
        _ => None,
    }
}

//! The room from outside: files in, blocks out. What holds for every format is checked for every block read here.

mod arrow;
mod block_rows;
mod csv;
mod json_lines;
mod parquet;
mod plan;
mod shaping;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;

use super::{ColumnPlan, InputError, InputSettings, Keep, Listing, list, open};
use crate::data::{Block, ElementType, FeatureNeeds, Stage};
use crate::policy::MiniBatchSize;
use crate::storage::testing::TempDir;
use crate::storage::{Pointer, Stores};

/// Files in a folder of their own, listed.
struct Files {
    _dir: TempDir,
    listing: Listing,
    settings: InputSettings,
}

impl Files {
    fn new(settings: InputSettings, files: &[(&str, &[u8])]) -> Files {
        let dir = TempDir::new();
        for (name, content) in files {
            dir.file(name, content);
        }
        let listing = list(&Stores::default(), &[Pointer::Local(dir.path().into())], &settings).unwrap();
        Files { _dir: dir, listing, settings }
    }

    fn plan(&self, needs: &FeatureNeeds) -> Result<Arc<ColumnPlan>, InputError> {
        ColumnPlan::new(needs, &self.settings, &self.listing).map(Arc::new)
    }

    /// The blocks of one file, checked.
    fn read(&self, plan: &Arc<ColumnPlan>, index: usize, block_bytes: usize) -> Result<Vec<Block>, InputError> {
        let file = self.listing.known().nth(index).unwrap();
        let mut blocks = Vec::new();
        let mut bytes = 0;
        for part in open(file, plan, &self.settings)?.parts {
            let mut part = part.with_block_bytes(block_bytes);
            while let Some(raw) = part.next_block() {
                bytes += raw.input_bytes();
                let span = raw.span();
                let _ = raw.memory();
                let block = raw.decode();
                assert_eq!(block.span, span);
                blocks.push(block);
            }
            assert!(part.next_block().is_none());
        }
        assert!(bytes <= file.size, "{bytes} bytes were taken from a file of {}", file.size);
        check(&blocks, plan);
        Ok(blocks)
    }
}

/// What every reader of blocks relies on.
fn check(blocks: &[Block], plan: &ColumnPlan) {
    let mut next = 0;
    for block in blocks {
        // A filter passes over whole row groups.
        assert!(block.span.start == next || (block.span.start > next && !plan.filter_columns().is_empty()));
        assert!(block.span.end > next);
        next = block.span.end;
        assert_eq!(block.records.schema(), *plan.record_schema());
        assert_eq!(block.feature_count, plan.feature_count());
        assert_eq!(block.items() + block.passed_over, next - block.span.start);
        assert_eq!(block.key, plan.key());
        let mut rows: Vec<u64> = (0..block.records.num_rows()).map(|index| block.rows.get(index)).collect();
        for failure in block.failures.iter() {
            let row = failure.row.unwrap();
            rows.extend(row..row + failure.items);
            assert_eq!((failure.attempts, &failure.file), (0, &block.file));
        }
        assert!(block.failures.is_sorted_by_key(|failure| failure.row));
        rows.sort_unstable();
        assert!(rows.iter().all(|row| block.span.contains(row)));
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(rows.len() as u64 + block.passed_over, block.span.end - block.span.start);
        let block = Arc::new(block.clone());
        let mut record = 0;
        for batch in block.mini_batches() {
            assert_eq!(batch.records.start, record);
            record = batch.records.end;
        }
        assert_eq!(record, block.records.num_rows());
    }
}

/// All blocks of a single file.
fn read_one(
    needs: &FeatureNeeds,
    settings: InputSettings,
    name: &str,
    content: &[u8],
    block_bytes: usize,
) -> Result<(Arc<ColumnPlan>, Vec<Block>), InputError> {
    let files = Files::new(settings, &[(name, content)]);
    let plan = files.plan(needs)?;
    let blocks = files.read(&plan, 0, block_bytes)?;
    Ok((plan, blocks))
}

fn table(element: ElementType, count: usize) -> FeatureNeeds {
    FeatureNeeds::Table { element, count: Some(count) }
}

fn keep(names: &[&str]) -> Keep {
    Keep::Columns(names.iter().map(|name| (*name).to_owned()).collect())
}

fn items(items: u64) -> InputSettings {
    InputSettings { mini_batch_size: MiniBatchSize::Items(items), ..InputSettings::default() }
}

/// The values of a column of floats over all blocks.
fn floats(blocks: &[Block], column: usize) -> Vec<f32> {
    blocks.iter().flat_map(|b| b.records.column(column).as_primitive::<Float32Type>().values().to_vec()).collect()
}

/// The values of a column of text over all blocks.
fn texts(blocks: &[Block], column: usize) -> Vec<Option<String>> {
    let values = blocks.iter().flat_map(|b| b.records.column(column).as_string::<i32>().iter());
    values.map(|value| value.map(str::to_owned)).collect()
}

type Causes = Vec<(u64, Stage, String)>;

/// Rows and causes of all failures.
fn causes(blocks: &[Block]) -> Causes {
    let failures = blocks.iter().flat_map(|block| block.failures.iter());
    failures.map(|failure| (failure.row.unwrap(), failure.stage, failure.cause.clone())).collect()
}

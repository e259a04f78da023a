//! Blocks that are kept short because much is made of their records.

use std::fmt::Write as _;

use arrow_array::{ArrayRef, Float32Array, RecordBatch};
use proptest::prelude::*;

use super::super::{Header, InputSettings};
use super::*;

const F32: ElementType = ElementType::Float32;

/// As many records as CSV, some with a line break in them, and as JSON lines.
fn texts_of(widths: &[usize]) -> [(&'static str, String); 2] {
    let (mut csv, mut json) = (String::new(), String::new());
    for (row, width) in widths.iter().enumerate() {
        let quoted = if row % 3 == 1 { "\"\n\"" } else { "" };
        writeln!(csv, "1{},{quoted}", "0".repeat(*width)).unwrap();
        writeln!(json, "{{\"x\": 1{}}}", "0".repeat(*width)).unwrap();
    }
    [("a.csv", csv), ("a.jsonl", json)]
}

/// The rows of blocks and of mini-batches.
fn cut(settings: InputSettings, name: &str, content: &[u8]) -> (Vec<u64>, Vec<std::ops::Range<u64>>) {
    let settings = InputSettings { features: Some(vec![if name == "a.csv" { "0" } else { "x" }.into()]), ..settings };
    let (_, blocks) = read_one(&table(F32, 1), settings, name, content, 1 << 20).unwrap();
    let rows = blocks.iter().map(|block| block.span.end - block.span.start).collect();
    let batches = blocks.into_iter().flat_map(|block| Arc::new(block).mini_batches().collect::<Vec<_>>());
    (rows, batches.map(|batch| batch.row(0)..batch.row(batch.len() - 1) + 1).collect())
}

proptest! {
    #[test]
    fn blocks_of_text_have_few_records(
        widths in prop::collection::vec(0usize..12, 1..400),
        size in prop_oneof![(1u64..90).prop_map(MiniBatchSize::Items), (1u64..90).prop_map(MiniBatchSize::Bytes)],
        block_rows in 1u64..150,
    ) {
        for (name, text) in texts_of(&widths) {
            let settings = InputSettings { mini_batch_size: size, header: Header::Off, ..InputSettings::default() };
            let (_, expected) = cut(settings.clone(), name, text.as_bytes());
            let (rows, batches) = cut(InputSettings { block_rows: Some(block_rows), ..settings }, name, text.as_bytes());
            prop_assert_eq!(&batches, &expected);
            // A block ends with the mini-batch that makes it long enough.
            let longest = batches.iter().map(|batch| batch.end - batch.start).max().unwrap();
            let (last, full) = rows.split_last().unwrap();
            prop_assert!(full.iter().all(|rows| (block_rows..block_rows + longest).contains(rows)), "{rows:?}");
            prop_assert!(*last < block_rows + longest, "{rows:?}");
        }
    }
}

#[test]
fn blocks_of_columns_have_few_records() {
    let x: ArrayRef = Arc::new(Float32Array::from_iter_values((0..10_000).map(|row| row as f32)));
    let batch = RecordBatch::try_from_iter([("x", x)]).unwrap();
    let mut content = Vec::new();
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(&mut content, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    for (block_rows, size, expected) in [(1000, 10, 1000), (1005, 10, 1000), (5, 10, 10), (20_000, 10, 10_000)] {
        let settings = InputSettings { block_rows: Some(block_rows), ..items(size) };
        let (rows, batches) = cut(settings, "a.parquet", &content);
        assert!(rows.iter().all(|rows| *rows == expected), "{rows:?}");
        assert_eq!(batches.len() as u64, 10_000 / size);
    }
}

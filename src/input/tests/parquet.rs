use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, DictionaryArray, Float32Array,
    Float64Array, Int32Array, Int64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray, StructArray,
    TimestampMicrosecondArray, TimestampNanosecondArray, UInt8Array, UInt64Array,
};
use arrow_buffer::i256;
use proptest::prelude::*;

use super::*;
use crate::data::{Cuts, NamedFeature, RowNumbers};
use crate::input::chunk_source::ChunkSource;
use crate::input::columnar::{ColumnarBinding, ColumnarPart, Progress};
use crate::input::parquet_file::ParquetFile;
use crate::input::reading::Reading;

const F32: ElementType = ElementType::Float32;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

pub(super) fn parquet(table: &RecordBatch, group_rows: usize) -> Vec<u8> {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, table.schema(), Some(properties)).unwrap();
    writer.write(table).unwrap();
    writer.close().unwrap();
    bytes
}

fn numbers(rows: usize) -> RecordBatch {
    let a = Float32Array::from_iter_values((0..rows).map(|i| i as f32));
    let b = Float64Array::from_iter((0..rows).map(|i| (i % 3 != 0).then_some(i as f64 / 2.0)));
    batch(vec![("a", Arc::new(a)), ("b", Arc::new(b))])
}

type Read = (Vec<Block>, Vec<(u64, String)>);

fn one(array: impl Array + 'static, element: ElementType) -> Result<Read, String> {
    let bytes = parquet(&batch(vec![("c", Arc::new(array))]), 100);
    let (_, blocks) = read_one(&table(element, 1), items(10), "a.parquet", &bytes, 1).map_err(|e| e.to_string())?;
    let causes = causes(&blocks).into_iter().map(|(row, stage, cause)| {
        assert_eq!(stage, Stage::Decode);
        (row, cause)
    });
    let causes = causes.collect();
    Ok((blocks, causes))
}

#[test]
fn row_groups_are_parts() {
    let table_of = numbers(1000);
    let files = Files::new(items(7), &[("a.parquet", &parquet(&table_of, 300))]);
    let plan = files.plan(&table(F32, 2)).unwrap();
    assert_eq!(open(files.listing.known().next().unwrap(), &plan, &files.settings).unwrap().parts.len(), 4);
    let blocks = files.read(&plan, 0, 1).unwrap();
    assert_eq!(blocks.iter().map(|b| b.span.clone()).collect::<Vec<_>>(), [0..300, 300..600, 600..900, 900..1000]);
    assert_eq!(floats(&blocks, 0), (0..1000).map(|i| i as f32).collect::<Vec<_>>());
    let b = floats(&blocks, 1);
    assert!((0..1000).all(|i| if i % 3 == 0 { b[i].is_nan() } else { b[i] == i as f32 / 2.0 }));
    assert_eq!(blocks[1].cuts, Cuts::Every(7));
}

#[test]
fn blocks_end_at_mini_batches() {
    let table_of = batch(vec![("a", Arc::new(Float32Array::from_iter_values((0..300_000).map(|i| i as f32))))]);
    let bytes = parquet(&table_of, 1_000_000);
    for (size, expected) in [(10, 131_070), (100_000, 100_000), (200_000, 200_000), (1_000_000, 300_000)] {
        let (_, blocks) = read_one(&table(F32, 1), items(size), "a.parquet", &bytes, 1).unwrap();
        assert_eq!(blocks[0].span, 0..expected, "{size}");
        assert_eq!(floats(&blocks, 0).len(), 300_000);
    }
    let settings = InputSettings { mini_batch_size: MiniBatchSize::Bytes(4096), ..InputSettings::default() };
    let (_, blocks) = read_one(&table(F32, 1), settings, "a.parquet", &bytes, 1).unwrap();
    assert_eq!((blocks[0].cuts.clone(), blocks[0].span.end % 1024), (Cuts::Every(1024), 0));
}

#[test]
fn numbers_of_all_types_become_floats() {
    let decimals = Decimal128Array::from(vec![150, 0, -225]).with_precision_and_scale(10, 2).unwrap();
    let dictionary: DictionaryArray<Int32Type> =
        DictionaryArray::new(Int32Array::from(vec![0, 1, 1]), Arc::new(Float32Array::from(vec![1.5, -1.0])));
    for (array, expected) in [
        (Arc::new(Int64Array::from(vec![1, 16_777_217, -3])) as ArrayRef, [1.0, 16_777_216.0, -3.0]),
        (Arc::new(UInt8Array::from(vec![1, 2, 255])), [1.0, 2.0, 255.0]),
        (Arc::new(BooleanArray::from(vec![true, false, true])), [1.0, 0.0, 1.0]),
        (Arc::new(decimals), [1.5, 0.0, -2.25]),
        (Arc::new(dictionary), [1.5, -1.0, -1.0]),
        (Arc::new(Float64Array::from(vec![0.1, f64::INFINITY, 1e-60])), [0.1, f32::INFINITY, 0.0]),
    ] {
        let (blocks, causes) = one(array, F32).unwrap();
        assert_eq!((floats(&blocks, 0), causes.len()), (expected.to_vec(), 0));
    }
}

#[test]
fn one_bad_value_costs_one_row() {
    let (blocks, causes) = one(Float64Array::from(vec![Some(1.0), Some(1e39), None, Some(2.0)]), F32).unwrap();
    assert_eq!(causes, [(1, "column \"c\": \"1e39\" is out of range, and the model's input is float32".to_owned())]);
    assert_eq!(blocks[0].rows, RowNumbers::Listed(vec![0, 2, 3]));
    let values = floats(&blocks, 0);
    assert!(values[0] == 1.0 && values[1].is_nan() && values[2] == 2.0);

    let (blocks, causes) =
        one(Float64Array::from(vec![Some(5.0), Some(5.5), None, Some(3e10)]), ElementType::Int32).unwrap();
    assert_eq!(blocks[0].records.column(0).as_primitive::<Int32Type>().values().to_vec(), [5]);
    assert_eq!(causes[0].1, "column \"c\": \"5.5\" is not a whole number, and the model's input is int32");
    assert_eq!(causes[1].1, "column \"c\" is empty, and the model's input is int32");
    assert!(causes[2].1.contains("is out of range"));

    let (blocks, causes) = one(UInt64Array::from(vec![7, u64::MAX]), ElementType::Int64).unwrap();
    assert_eq!(blocks[0].records.column(0).as_primitive::<Int64Type>().values().to_vec(), [7]);
    assert_eq!(causes.len(), 1);

    let (blocks, causes) = one(Int32Array::from(vec![0, 1, 2]), ElementType::Bool).unwrap();
    assert_eq!(blocks[0].records.column(0).as_boolean().iter().collect::<Vec<_>>(), [Some(false), Some(true)]);
    assert!(causes[0].1.contains("is not true, false, 1 or 0"), "{causes:?}");

    let decimals = Decimal128Array::from(vec![500, 550]).with_precision_and_scale(38, 2).unwrap();
    let (_, causes) = one(decimals, ElementType::Int64).unwrap();
    assert_eq!((causes.len(), causes[0].0), (1, 1));
}

#[test]
fn text_of_all_types() {
    let dictionary: DictionaryArray<Int32Type> = vec![Some("x"), None, Some("y")].into_iter().collect();
    for array in [
        Arc::new(StringArray::from(vec![Some("x"), None, Some("y")])) as ArrayRef,
        Arc::new(LargeStringArray::from(vec![Some("x"), None, Some("y")])),
        Arc::new(StringViewArray::from(vec![Some("x"), None, Some("y")])),
        Arc::new(dictionary),
    ] {
        let (blocks, _) = one(array, ElementType::String).unwrap();
        assert_eq!(texts(&blocks, 0), [Some("x".to_owned()), None, Some("y".to_owned())]);
    }
}

#[test]
fn types_that_cannot_be_converted() {
    for array in [
        Arc::new(StringArray::from(vec!["1"])) as ArrayRef,
        Arc::new(Date32Array::from(vec![1])),
        Arc::new(StructArray::from(batch(vec![("x", Arc::new(Int32Array::from(vec![1])))]))),
    ] {
        let error = one(array, F32).unwrap_err();
        assert!(error.contains("column \"c\" has type ") && error.contains("float32"), "{error}");
    }
}

#[test]
fn other_columns_do_not_disturb_and_may_be_kept() {
    let dictionary: DictionaryArray<Int32Type> = vec!["x", "y"].into_iter().collect();
    let nested = StructArray::from(batch(vec![("x", Arc::new(Int32Array::from(vec![1, 2])))]));
    let data = batch(vec![
        ("nested", Arc::new(nested.clone())),
        ("view", Arc::new(StringViewArray::from(vec!["p", "q"]))),
        ("v", Arc::new(Float32Array::from(vec![1.0, 2.0]))),
        ("dictionary", Arc::new(dictionary)),
        ("date", Arc::new(Date32Array::from(vec![1, 2]))),
    ]);
    let settings =
        InputSettings { keep: keep(&["date", "nested", "view"]), features: Some(vec!["v".into()]), ..items(1) };
    let files = Files::new(settings, &[("a.parquet", &parquet(&data, 10))]);
    let plan = files.plan(&table(F32, 1)).unwrap();
    let blocks = files.read(&plan, 0, 1).unwrap();
    assert_eq!(floats(&blocks, 0), [1.0, 2.0]);
    assert_eq!(blocks[0].records.column(1).data_type(), data.column(4).data_type());
    assert_eq!(blocks[0].records.column(2).to_data(), nested.to_data());
    assert_eq!(blocks[0].records.num_columns(), 4);
}

#[test]
fn later_files_are_cast_for_kept_columns() {
    let first =
        batch(vec![("v", Arc::new(Float32Array::from(vec![1.0]))), ("id", Arc::new(Int32Array::from(vec![1])))]);
    let wide = batch(vec![
        ("id", Arc::new(Int64Array::from(vec![Some(7), Some(1 << 40), None]))),
        ("v", Arc::new(Float32Array::from(vec![1.0, 2.0, 3.0]))),
    ]);
    let date =
        batch(vec![("v", Arc::new(Float32Array::from(vec![1.0]))), ("id", Arc::new(BooleanArray::from(vec![true])))]);
    let nested = StructArray::from(first.clone());
    let odd = batch(vec![("v", Arc::new(Float32Array::from(vec![1.0]))), ("id", Arc::new(nested))]);
    let files = Files::new(
        InputSettings { keep: keep(&["id"]), ..items(1) },
        &[
            ("1.parquet", &parquet(&first, 10)),
            ("2.parquet", &parquet(&wide, 10)),
            ("3.parquet", &parquet(&date, 10)),
            ("4.parquet", &parquet(&odd, 10)),
            ("5.csv", b"v,id\n1,12\n2,x\n"),
        ],
    );
    let plan = files.plan(&table(F32, 1)).unwrap();
    let ids = |index| {
        let blocks = files.read(&plan, index, 100).unwrap();
        let ids: Vec<_> = blocks[0].records.column(1).as_primitive::<Int32Type>().iter().collect();
        (ids, causes(&blocks).into_iter().map(|(row, ..)| row).collect::<Vec<_>>())
    };
    assert_eq!(ids(1), (vec![Some(7), None], vec![1]));
    assert_eq!(ids(2), (vec![Some(1)], vec![]));
    assert_eq!(ids(4), (vec![Some(12)], vec![1]));
    assert!(files.read(&plan, 3, 1).unwrap_err().to_string().contains("but Int32 in the first file"));
}

#[test]
fn columns_by_name_in_any_order() {
    let needs = FeatureNeeds::Named(vec![
        NamedFeature { name: "b".into(), element: F32 },
        NamedFeature { name: "a".into(), element: ElementType::Float64 },
    ]);
    let (plan, blocks) = read_one(&needs, items(3), "a.parquet", &parquet(&numbers(5), 10), 1).unwrap();
    assert_eq!(plan.record_schema().field(1).data_type(), &arrow_schema::DataType::Float64);
    assert_eq!(floats(&blocks, 0)[1..3], [0.5, 1.0]);
    let needs = FeatureNeeds::Named(vec![NamedFeature { name: "A".into(), element: F32 }]);
    let error = read_one(&needs, items(3), "a.parquet", &parquet(&numbers(5), 10), 1).unwrap_err().to_string();
    assert!(error.contains("did you mean \"a\"?"), "{error}");
}

#[test]
fn wanted_types_pass_without_a_copy() {
    let data = batch(vec![("a", Arc::new(Float32Array::from_iter_values((0..1000).map(|i| i as f32))))]);
    let files = Files::new(items(10), &[("a.parquet", &parquet(&data, 10_000))]);
    let plan = files.plan(&table(F32, 1)).unwrap();
    let mut parts = open(files.listing.known().next().unwrap(), &plan, &files.settings).unwrap().parts;
    let raw = parts[0].next_block().unwrap();
    assert!(raw.memory() < 2 * 4000, "{}", raw.memory());
}

#[test]
fn remote_files_are_read_in_ranges() {
    let bytes = parquet(&numbers(50_000), 10_000);
    let settings = InputSettings { features: Some(vec!["b".into()]), ..items(10) };
    let files = Files::new(settings, &[("a.parquet", &bytes)]);
    let plan = files.plan(&table(F32, 1)).unwrap();
    let file = files.listing.known().next().unwrap();
    let source = ChunkSource::remote(&file.location, file.size).unwrap();
    let parquet = ParquetFile::over(file, source, false).unwrap();
    let (reading, sources) = Reading::new(file, &plan, &parquet.columns(), &files.settings).unwrap();
    let blocks: Vec<_> = parquet
        .parts(file, ColumnarBinding::new(reading, &sources), &sources, MiniBatchSize::Items(10))
        .unwrap()
        .0
        .into_iter()
        .flat_map(|mut part| std::iter::from_fn(move || part.next_block()))
        .map(crate::input::RawBlock::decode)
        .collect();
    check(&blocks, &plan);
    let same = |ours: Vec<f32>, theirs: Vec<f32>| ours.into_iter().zip(theirs).all(|(a, b)| a.to_bits() == b.to_bits());
    assert_eq!(floats(&blocks, 0).len(), 50_000);
    assert!(same(floats(&blocks, 0), floats(&files.read(&plan, 0, 1).unwrap(), 0)));
}

#[test]
fn damage_costs_the_rest_of_a_row_group() {
    let mut bytes = parquet(&numbers(30_000), 10_000);
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes.clone())).unwrap();
    // The head of a page in the second row group.
    let (at, _) = reader.metadata().row_group(1).column(1).byte_range();
    bytes[at as usize..at as usize + 8].fill(0xee);
    let files = Files::new(items(10), &[("a.parquet", &bytes)]);
    let plan = files.plan(&table(F32, 2)).unwrap();
    let blocks = files.read(&plan, 0, 1).unwrap();
    assert_eq!(blocks.iter().map(|b| b.span.clone()).collect::<Vec<_>>(), [0..10_000, 10_000..20_000, 20_000..30_000]);
    let causes = causes(&blocks);
    assert_eq!((causes.len(), causes[0].0, causes[0].1, blocks[1].failures[0].items), (1, 10_000, Stage::Read, 10_000));
    assert!(causes[0].2.starts_with("cannot be read on: "), "{}", causes[0].2);
    assert_eq!(floats(&blocks, 0).len(), 20_000);
    bytes.truncate(bytes.len() - 100);
    assert!(read_one(&table(F32, 2), items(1), "a.parquet", &bytes, 1).is_err());
    let error = read_one(&table(F32, 2), items(1), "a.parquet", b"", 1).unwrap_err().to_string();
    assert_eq!(error, "a.parquet is empty: no header and no records");
}

/// A file of few long texts in many rows, which dictionaries make small; with the writer's types or without.
fn repeated_texts(rows: usize, length: usize, typed: bool) -> Vec<u8> {
    let texts: Vec<String> = (0..5).map(|digit| digit.to_string().repeat(length)).collect();
    let keys = Int32Array::from_iter_values((0..rows as i32).map(|row| row % 5));
    let tags = DictionaryArray::new(keys, Arc::new(StringArray::from(texts)));
    let table = batch(vec![("t", Arc::new(tags))]);
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows)).build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(!typed);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, table.schema(), options).unwrap();
    writer.write(&table).unwrap();
    writer.close().unwrap();
    bytes
}

/// Reads a file of texts block by block, and tells rows, most memory of a block, and sizes of mini-batches.
fn read_texts(bytes: &[u8], length: usize, size: MiniBatchSize) -> (u64, u64, Vec<usize>) {
    let settings = InputSettings { mini_batch_size: size, ..InputSettings::default() };
    let files = Files::new(settings, &[("a.parquet", bytes)]);
    let plan = files.plan(&table(ElementType::String, 1)).unwrap();
    let (mut rows, mut most, mut sizes) = (0, 0, Vec::new());
    for mut part in open(files.listing.known().next().unwrap(), &plan, &files.settings).unwrap().parts {
        while let Some(raw) = part.next_block() {
            most = most.max(raw.memory());
            let block = Arc::new(raw.decode());
            assert_eq!(causes(&[block.as_ref().clone()]), []);
            let column = block.records.column(0).as_string::<i32>();
            for (record, text) in column.iter().enumerate() {
                let digit = b'0' + ((rows + record as u64) % 5) as u8;
                assert!(text.is_some_and(|text| text.len() == length && text.as_bytes()[length / 2] == digit));
            }
            rows += column.len() as u64;
            sizes.extend(block.mini_batches().map(|batch| batch.len()));
        }
    }
    (rows, most, sizes)
}

#[test]
fn long_texts_that_repeat_are_counted_in_every_row() {
    // More than a column can address, in a file of a few hundred kilobytes.
    let bytes = repeated_texts(131_072, 19_800, false);
    assert!(bytes.len() < 1 << 20);
    let (rows, most, sizes) = read_texts(&bytes, 19_800, MiniBatchSize::Items(10));
    assert_eq!(rows, 131_072);
    assert!(most < 8 << 20, "{most}");
    assert_eq!(sizes[..sizes.len() - 1], vec![10; 13_107]);
    for typed in [true, false] {
        let bytes = repeated_texts(20_000, 2_000, typed);
        for (size, expected) in [
            (MiniBatchSize::Items(7), 7),
            (MiniBatchSize::Items(3000), 3000),
            // About as many bytes as were asked for, not as the dictionary has.
            (MiniBatchSize::Bytes(64 << 10), 32),
        ] {
            let (rows, most, sizes) = read_texts(&bytes, 2_000, size);
            assert_eq!((rows, sizes[0]), (20_000, expected));
            assert!(sizes[..sizes.len() - 1].iter().all(|size| *size == expected));
            assert!(most < 20 << 20, "{most}");
        }
    }
}

#[test]
fn kept_values_do_not_change_with_their_type() {
    let file = |column: ArrayRef| {
        let v = Float32Array::from(vec![1.0; column.len()]);
        parquet(&batch(vec![("v", Arc::new(v)), ("c", column)]), 10)
    };
    let decimal = |values: Vec<i128>, scale| -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(20, scale).unwrap())
    };
    let micros = |values: Vec<i64>| -> ArrayRef { Arc::new(TimestampMicrosecondArray::from(values)) };
    let nanos = |values: Vec<i64>| -> ArrayRef { Arc::new(TimestampNanosecondArray::from(values)) };
    let texts = |values: Vec<&str>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let floats = |values: Vec<f64>| -> ArrayRef { Arc::new(Float64Array::from(values)) };
    let whole = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
    for (first, second, changed) in [
        (whole(vec![1]), floats(vec![3.0, 3.99, -0.0, f64::NAN]), vec![1, 3]),
        (whole(vec![1]), decimal(vec![300, 399], 2), vec![1]),
        (whole(vec![1]), texts(vec!["7", "7.5", "x"]), vec![1, 2]),
        (Arc::new(Int32Array::from(vec![1])), whole(vec![5, 1 << 40]), vec![1]),
        (Arc::new(BooleanArray::from(vec![true])), whole(vec![1, 0, 5]), vec![2]),
        (floats(vec![1.0]), whole(vec![5, (1 << 53) + 1]), vec![1]),
        (floats(vec![1.0]), decimal(vec![1, 12_345_678_901_234_567_891], 2), vec![1]),
        // The nearest is as good as the type can have it.
        (Arc::new(Float32Array::from(vec![1.0])), floats(vec![0.1, f64::NAN, 1e300]), vec![2]),
        (micros(vec![1]), nanos(vec![5_000, 5_001]), vec![1]),
        (nanos(vec![1]), micros(vec![5, i64::MAX]), vec![1]),
        (Arc::new(Date32Array::from(vec![1])), micros(vec![86_400_000_000, 86_400_000_001]), vec![1]),
        (micros(vec![1]), texts(vec!["2026-01-31T00:00:00.000001", "2026-01-31T00:00:00.0000001", "soon"]), vec![1, 2]),
        (decimal(vec![1], 2), decimal(vec![12_300, 12_345], 4), vec![1]),
        (decimal(vec![1], 2), texts(vec!["1.5", "1.555"]), vec![1]),
        (texts(vec!["a"]), floats(vec![0.1, 1e300]), vec![]),
        (texts(vec!["a"]), nanos(vec![1, 2]), vec![]),
    ] {
        let of = format!("{} after {}", second.data_type(), first.data_type());
        let files = Files::new(
            InputSettings { keep: keep(&["c"]), features: Some(vec!["v".into()]), ..items(1) },
            &[("1.parquet", &file(first)), ("2.parquet", &file(second))],
        );
        let plan = files.plan(&table(F32, 1)).unwrap();
        let blocks = files.read(&plan, 1, 1).unwrap();
        assert_eq!(causes(&blocks).iter().map(|(row, ..)| *row).collect::<Vec<_>>(), changed, "{of}");
        assert!(causes(&blocks).iter().all(|(.., cause)| cause.contains("in the first file")), "{of}");
    }
}

#[test]
fn instants_of_named_zones_are_kept_and_told() {
    let file = |column: ArrayRef| {
        let v = Float32Array::from(vec![1e39_f64 as f32; column.len()]);
        parquet(&batch(vec![("v", Arc::new(v)), ("c", column)]), 10)
    };
    let instants = |zone: Option<&str>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(vec![Some(1_500_000), None]).with_timezone_opt(zone))
    };
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("1970-01-01T00:00:01.5Z"), None]));
    for (first, second, kept) in [
        (Arc::clone(&texts), instants(Some("UTC")), "1970-01-01T00:00:01.500Z"),
        (Arc::clone(&texts), instants(Some("Europe/Berlin")), "1970-01-01T00:00:01.500Z"),
        (instants(Some("UTC")), texts, "1970-01-01T00:00:01.500Z"),
        (instants(Some("UTC")), instants(None), "1970-01-01T00:00:01.500Z"),
        (instants(None), instants(Some("UTC")), "1970-01-01T00:00:01.500"),
        (instants(Some("UTC")), instants(Some("Europe/Berlin")), "1970-01-01T00:00:01.500Z"),
    ] {
        let of = format!("{} after {}", second.data_type(), first.data_type());
        let settings = InputSettings { key: Some("c".into()), features: Some(vec!["v".into()]), ..items(1) };
        let files = Files::new(settings, &[("1.parquet", &file(first)), ("2.parquet", &file(second))]);
        let plan = files.plan(&table(F32, 1)).unwrap();
        let blocks = files.read(&plan, 1, 1).unwrap();
        assert_eq!(causes(&blocks), [], "{of}");
        let keys: Vec<String> = (0..2).map(|record| blocks[0].key_of(record).unwrap().to_string()).collect();
        assert_eq!(keys, [format!("\"{kept}\""), "null".to_owned()], "{of}");
    }
}

#[test]
fn decimals_are_rounded_once() {
    // Just above the middle between two singles, and nearer to it than any double.
    let decimals = Decimal128Array::from(vec![100_000_005_960_464_477_540]).with_precision_and_scale(38, 20).unwrap();
    let (blocks, causes) = one(decimals, F32).unwrap();
    assert_eq!((floats(&blocks, 0), causes.len()), (vec!["1.00000005960464477540".parse::<f32>().unwrap()], 0));
    let beyond = i256::from_i128(10).wrapping_pow(60);
    let decimals = Decimal256Array::from(vec![i256::from_i128(2), beyond]).with_precision_and_scale(76, 0).unwrap();
    let (blocks, causes) = one(decimals, F32).unwrap();
    assert_eq!((floats(&blocks, 0), causes.len()), (vec![2.0], 1));
    assert!(causes[0].1.contains("is out of range"), "{causes:?}");
}

#[test]
fn not_every_row_of_a_hostile_footer_is_looked_at() {
    let rows = 1_000_000_000_000_000;
    let bytes = parquet(&numbers(5), 10);
    let settings = InputSettings { sample: crate::input::Sample::new(10.0, 0), ..items(1) };
    let files = Files::new(settings, &[("a.parquet", &bytes)]);
    let plan = files.plan(&table(F32, 2)).unwrap();
    let file = files.listing.known().next().unwrap();
    let parquet = ParquetFile::open(file, false).unwrap();
    let (reading, sources) = Reading::new(file, &plan, &parquet.columns(), &files.settings).unwrap();
    let binding = Arc::new(ColumnarBinding::new(reading, &sources));
    let progress = Progress::Even { bytes: 0 };
    let size = MiniBatchSize::Items(1);
    let mut part =
        ColumnarPart::new(&file.file, &binding, size, Some(0..rows), progress, || Err("it is a lie".to_owned()));
    let block = part.next_block().unwrap().decode();
    assert_eq!((block.items(), block.passed_over), (rows / 10, rows - rows / 10));
    assert!(part.next_block().is_none());
}

#[test]
fn no_rows() {
    let (_, blocks) = read_one(&table(F32, 2), items(1), "a.parquet", &parquet(&numbers(0), 10), 1).unwrap();
    assert!(blocks.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_row_once(
        values in prop::collection::vec(any::<Option<f32>>(), 1..200),
        group_rows in 1usize..80,
        size in prop_oneof![(1u64..90).prop_map(MiniBatchSize::Items), (1u64..900).prop_map(MiniBatchSize::Bytes)],
    ) {
        let data = batch(vec![("a", Arc::new(Float32Array::from(values.clone())))]);
        let settings = InputSettings { mini_batch_size: size, ..InputSettings::default() };
        let (_, blocks) = read_one(&table(F32, 1), settings, "a.parquet", &parquet(&data, group_rows), 1).unwrap();
        let bits = |values: Vec<f32>| values.into_iter().map(|v| if v.is_nan() { 0 } else { v.to_bits() }).collect::<Vec<_>>();
        let expected = values.into_iter().map(|v| v.unwrap_or(f32::NAN)).collect();
        prop_assert_eq!(bits(floats(&blocks, 0)), bits(expected));
    }

    /// Any damage: no panic gets out, and every row of the footer is accounted for.
    #[test]
    fn any_damage(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = parquet(&numbers(300), 100);
        for (index, byte) in flips {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = read_one(&FeatureNeeds::Table { element: F32, count: None }, items(7), "a.parquet", &bytes, 1);
    }
}

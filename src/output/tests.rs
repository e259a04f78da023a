//! Whole outputs: encoded, written, and read back by each format's own reader.

use std::fs::{self, File};
use std::sync::Arc;

use ::arrow_ipc::reader::FileReader;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow_array::builder::{Int32Builder, Int64Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::types::{Float32Type, Int8Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray, FixedSizeListArray,
    Float32Array, Float64Array, Int8Array, Int64Array, LargeStringArray, NullArray, RecordBatch, RecordBatchOptions,
    StringArray, StringViewArray, StructArray, TimestampMicrosecondArray, TimestampSecondArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::concat::concat_batches;

use super::*;
use crate::data::{ErrorRecord, InputFile, RAW_JSON, RowNumbers, Stage};
use crate::storage::testing::TempDir;
use crate::storage::{Existing, Folder, NewFile, StorageError};

fn batch(columns: Vec<(&str, ArrayRef)>, rows: usize) -> RecordBatch {
    let fields: Vec<_> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).unwrap()
}

fn scored(name: &str, rows: RowNumbers, predictions: RecordBatch, kept: RecordBatch) -> Scored {
    Scored { file: Arc::new(InputFile { index: 0, name: name.into() }), rows, predictions, kept }
}

fn layout_of(scored: &Scored) -> Layout {
    Layout::new(&scored.predictions.schema(), &scored.kept.schema())
}

/// Three rows of a usual model: a class and two probabilities.
fn usual(name: &str, first: u64) -> Scored {
    let predictions = vec![
        ("prediction", Arc::new(Int64Array::from(vec![1, 0, -12])) as ArrayRef),
        ("p0", Arc::new(Float32Array::from(vec![0.1, f32::NAN, 1.0]))),
        ("p1", Arc::new(Float32Array::from(vec![0.9, f32::INFINITY, -3.5e-20]))),
    ];
    let kept = batch(vec![("id", Arc::new(StringArray::from(vec![Some("a"), None, Some("c,\"d\"")])))], 3);
    scored(name, RowNumbers::From(first), batch(predictions, 3), kept)
}

/// The encoder of a form that nobody compressed.
fn encoder(format: OutputFormat, layout: &Layout) -> Encoder {
    Encoder::new(OutputForm { format, compression: None }, layout).unwrap()
}

/// Writes these blocks to a file and returns what it holds.
fn write(format: OutputFormat, layout: &Layout, blocks: &[Scored]) -> (TempDir, File) {
    write_form(OutputForm { format, compression: None }, layout, blocks)
}

fn write_form(form: OutputForm, layout: &Layout, blocks: &[Scored]) -> (TempDir, File) {
    let dir = TempDir::new();
    let folder = Folder::from(dir.path().to_owned());
    let encoder = Encoder::new(form, layout).unwrap();
    let mut writer = Writer::create(folder.create("out", Existing::Refuse).unwrap(), &encoder).unwrap();
    for block in blocks {
        let encoded = encoder.encode(block).unwrap();
        assert_eq!(encoded.rows(), block.predictions.num_rows());
        writer.write(encoded).unwrap();
    }
    assert_eq!(writer.rows(), blocks.iter().map(|b| b.predictions.num_rows() as u64).sum::<u64>());
    let file = File::open(writer.commit().unwrap()).unwrap();
    (dir, file)
}

fn text(format: OutputFormat, blocks: &[Scored]) -> String {
    let (_dir, file) = write(format, &layout_of(&blocks[0]), blocks);
    std::io::read_to_string(file).unwrap()
}

fn read_parquet(file: File) -> RecordBatch {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = Arc::clone(builder.schema());
    let batches: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

#[test]
fn text_has_the_usual_columns() {
    let blocks = [usual("a.csv", 0), usual("dir/b, c.csv", 98)];
    let lines = "0,1,a.csv,0.1,0.9,a\n\
                 1,0,a.csv,NaN,inf,\n\
                 2,-12,a.csv,1.0,-3.5e-20,\"c,\"\"d\"\"\"\n\
                 98,1,\"dir/b, c.csv\",0.1,0.9,a\n\
                 99,0,\"dir/b, c.csv\",NaN,inf,\n\
                 100,-12,\"dir/b, c.csv\",1.0,-3.5e-20,\"c,\"\"d\"\"\"\n";
    assert_eq!(text(OutputFormat::Txt, &blocks), lines);
    assert_eq!(text(OutputFormat::Csv, &blocks), format!("row,prediction,file,p0,p1,id\n{lines}"));
}

#[test]
fn json_has_the_usual_columns() {
    assert_eq!(
        text(OutputFormat::JsonLines, &[usual("a\"b.csv", 0)]),
        "{\"row\":0,\"prediction\":1,\"file\":\"a\\\"b.csv\",\"p0\":0.1,\"p1\":0.9,\"id\":\"a\"}\n\
         {\"row\":1,\"prediction\":0,\"file\":\"a\\\"b.csv\",\"p0\":null,\"p1\":null,\"id\":null}\n\
         {\"row\":2,\"prediction\":-12,\"file\":\"a\\\"b.csv\",\"p0\":1.0,\"p1\":-3.5e-20,\"id\":\"c,\\\"d\\\"\"}\n"
    );
}

#[test]
fn texts_are_quoted_only_where_needed() {
    for (value, written) in [
        ("", ""),
        ("plain", "plain"),
        (" spaces ", " spaces "),
        ("a,b", "\"a,b\""),
        ("a\"b", "\"a\"\"b\""),
        ("a\nb", "\"a\nb\""),
        ("a\rb", "\"a\rb\""),
        ("a;b'c\td", "a;b'c\td"),
        ("é", "é"),
    ] {
        let block = scored(
            value,
            RowNumbers::From(0),
            batch(vec![("x", Arc::new(StringArray::from(vec![value])))], 1),
            batch(vec![], 1),
        );
        assert_eq!(text(OutputFormat::Txt, &[block]), format!("0,{written},{written}\n"), "{value:?}");
    }
}

/// A column of each kind that readers bring, with a null where there can be one.
fn kept_of_all_types() -> RecordBatch {
    let mut lists = ListBuilder::new(Int32Builder::new());
    lists.append_value([Some(1), None]);
    lists.append_null();
    let list = Arc::new(lists.finish());
    let point = StructArray::from(vec![(
        Arc::new(Field::new("x y", DataType::Utf8, true)),
        Arc::new(StringArray::from(vec![Some("p"), None])) as ArrayRef,
    )]);
    let category: DictionaryArray<Int8Type> =
        DictionaryArray::new(Int8Array::from(vec![Some(1), None]), Arc::new(StringArray::from(vec!["no", "yes"])));
    let at = TimestampMicrosecondArray::from(vec![Some(1_700_000_000_123_456), None]);
    batch(
        vec![
            ("i8", Arc::new(Int8Array::from(vec![Some(-8), None]))),
            ("u64", Arc::new(UInt64Array::from(vec![u64::MAX, 0]))),
            ("f16", arrow_cast::cast(&Float32Array::from(vec![Some(0.5), None]), &DataType::Float16).unwrap()),
            ("f64", Arc::new(Float64Array::from(vec![Some(0.1), None]))),
            ("bool", Arc::new(BooleanArray::from(vec![Some(true), Some(false)]))),
            ("large", Arc::new(LargeStringArray::from(vec![Some("l"), None]))),
            ("view", Arc::new(StringViewArray::from(vec![Some("a view of more than twelve bytes"), None]))),
            ("date", Arc::new(Date32Array::from(vec![Some(19_000), None]))),
            ("at", Arc::new(at.clone())),
            ("zoned", Arc::new(at.clone().with_timezone("Europe/Berlin"))),
            ("offset", Arc::new(at.with_timezone("+02:00"))),
            ("dec", Arc::new(Decimal128Array::from(vec![Some(12_345), None]).with_precision_and_scale(10, 2).unwrap())),
            ("category", Arc::new(category)),
            ("list", list),
            (
                "fixed",
                Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
                    vec![Some(vec![Some(0.5), Some(f32::NAN)]), None],
                    2,
                )),
            ),
            ("point", Arc::new(point)),
            ("none", Arc::new(NullArray::new(2))),
        ],
        2,
    )
}

fn all_types() -> Scored {
    let predictions = batch(vec![("y", Arc::new(Float64Array::from(vec![0.25, 2e300])))], 2);
    scored("f", RowNumbers::Listed(vec![3, 70]), predictions, kept_of_all_types())
}

#[test]
fn every_type_has_a_text() {
    assert_eq!(
        text(OutputFormat::Txt, &[all_types()]),
        "3,0.25,f,-8,18446744073709551615,0.5,0.1,true,l,a view of more than twelve bytes,2022-01-08,\
         2023-11-14T22:13:20.123456,2023-11-14T22:13:20.123456Z,2023-11-15T00:13:20.123456+02:00,123.45,yes,\
         \"[1, ]\",\"[0.5, NaN]\",{x y: p},\n\
         70,2e+300,f,,0,,,false,,,,,,,,,,,{x y: },\n"
    );
    let json = text(OutputFormat::JsonLines, &[all_types()]);
    let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines[0],
        serde_json::json!({
            "row": 3, "y": 0.25, "file": "f", "i8": -8, "u64": u64::MAX, "f16": 0.5, "f64": 0.1, "bool": true, "large": "l",
            "view": "a view of more than twelve bytes", "date": "2022-01-08", "at": "2023-11-14T22:13:20.123456",
            "zoned": "2023-11-14T22:13:20.123456Z", "offset": "2023-11-15T00:13:20.123456+02:00", "dec": 123.45,
            "category": "yes", "list": [1, null], "fixed": [0.5, null], "point": {"x y": "p"}, "none": null
        })
    );
    assert_eq!(lines[1]["list"], serde_json::Value::Null);
    assert_eq!(lines[1]["point"], serde_json::json!({"x y": null}));
    assert_eq!(lines[1]["y"], 2e300);
}

/// A block with one kept column and as many predictions.
fn kept(array: ArrayRef) -> Scored {
    let rows = array.len();
    let predictions = batch(vec![("y", Arc::new(Int64Array::from_iter_values(0..rows as i64)) as ArrayRef)], rows);
    scored("f", RowNumbers::From(0), predictions, batch(vec![("k", array)], rows))
}

#[test]
fn halves_have_their_own_shortest_text_however_deep() {
    let halves = |values: Vec<Option<f32>>| arrow_cast::cast(&Float32Array::from(values), &DataType::Float16).unwrap();
    let block = kept(halves(vec![Some(0.1), None, Some(-1e-7), Some(f32::NAN), Some(65504.0)]));
    let json = "{\"row\":0,\"y\":0,\"file\":\"f\",\"k\":0.1}\n{\"row\":1,\"y\":1,\"file\":\"f\",\"k\":null}\n\
                {\"row\":2,\"y\":2,\"file\":\"f\",\"k\":-1e-7}\n{\"row\":3,\"y\":3,\"file\":\"f\",\"k\":null}\n\
                {\"row\":4,\"y\":4,\"file\":\"f\",\"k\":65500.0}\n";
    assert_eq!(text(OutputFormat::JsonLines, std::slice::from_ref(&block)), json);
    assert_eq!(text(OutputFormat::Txt, &[block]), "0,0,f,0.1\n1,1,f,\n2,2,f,-1e-7\n3,3,f,NaN\n4,4,f,65500.0\n");
    let field = Arc::new(Field::new("item", DataType::Float16, true));
    let pairs = FixedSizeListArray::new(field, 2, halves(vec![Some(0.1), Some(0.2), None, Some(0.3)]), None);
    let point = StructArray::from(vec![(
        Arc::new(Field::new("pair", pairs.data_type().clone(), true)),
        Arc::new(pairs) as ArrayRef,
    )]);
    let block = kept(Arc::new(point));
    assert_eq!(
        text(OutputFormat::JsonLines, std::slice::from_ref(&block)),
        "{\"row\":0,\"y\":0,\"file\":\"f\",\"k\":{\"pair\":[0.1,0.2]}}\n\
         {\"row\":1,\"y\":1,\"file\":\"f\",\"k\":{\"pair\":[null,0.3]}}\n"
    );
    assert!(text(OutputFormat::Txt, &[block]).starts_with("0,0,f,\"{pair: [0.1, 0.2]}\"\n"));
}

#[test]
fn maps_are_objects_or_entries() {
    let mut texts = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    texts.keys().append_value("a \"b\"");
    texts.values().append_value(1);
    texts.keys().append_value("c");
    texts.values().append_null();
    texts.append(true).unwrap();
    texts.append(false).unwrap();
    texts.append(true).unwrap();
    let lines = text(OutputFormat::JsonLines, &[kept(Arc::new(texts.finish()))]);
    let maps: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["k"].clone()).collect();
    assert_eq!(maps, [serde_json::json!({"a \"b\"": 1, "c": null}), serde_json::Value::Null, serde_json::json!({})]);
    assert!(lines.starts_with("{\"row\":0,\"y\":0,\"file\":\"f\",\"k\":{\"a \\\"b\\\"\":1,\"c\":null}}\n"), "{lines}");
    let mut numbers = MapBuilder::new(None, Int64Builder::new(), ListBuilder::new(Int32Builder::new()));
    numbers.keys().append_value(7);
    numbers.values().append_value([Some(1), None]);
    numbers.keys().append_value(8);
    numbers.values().append_null();
    numbers.append(true).unwrap();
    assert_eq!(
        text(OutputFormat::JsonLines, &[kept(Arc::new(numbers.finish()))]),
        "{\"row\":0,\"y\":0,\"file\":\"f\",\"k\":[{\"key\":7,\"value\":[1,null]},{\"key\":8,\"value\":null}]}\n"
    );
}

#[test]
fn dates_and_seconds_are_dates_and_times_to_readers_of_parquet() {
    use ::parquet::basic::LogicalType;
    const DAY: i64 = 86_400_000;
    let dates = Date64Array::from(vec![Some(19_000 * DAY), None, Some(-DAY)]);
    let mut lists = ListBuilder::new(arrow_array::builder::Date64Builder::new());
    lists.append_value([Some(DAY)]);
    lists.append_null();
    lists.append_value([None]);
    let at = TimestampSecondArray::from(vec![Some(1_700_000_000), None, Some(-1)]).with_timezone("UTC");
    let kept = batch(
        vec![("date", Arc::new(dates) as ArrayRef), ("dates", Arc::new(lists.finish())), ("at", Arc::new(at))],
        3,
    );
    let predictions = batch(vec![("y", Arc::new(Int64Array::from(vec![0, 1, 2])) as ArrayRef)], 3);
    let block = scored("f", RowNumbers::From(0), predictions, kept);
    let (_dir, file) = write(OutputFormat::Parquet, &layout_of(&block), std::slice::from_ref(&block));
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.try_clone().unwrap()).unwrap();
    let columns = builder.parquet_schema().columns().iter();
    let logical: Vec<_> = columns.skip(3).map(|column| column.logical_type_ref().cloned()).collect();
    assert!(matches!(
        logical[..],
        [Some(LogicalType::Date), Some(LogicalType::Date), Some(LogicalType::Timestamp(..))]
    ));
    let table = read_parquet(file);
    let days = Date32Array::from(vec![Some(19_000), None, Some(-1)]);
    assert_eq!(table.column_by_name("date").unwrap().as_ref(), &days as &dyn arrow_array::Array);
    assert_eq!(table.column_by_name("at").unwrap().data_type().to_string(), "Timestamp(ms, \"UTC\")");

    // By Arrow's rule there is no such date; it is told, not cut.
    let block = self::kept(Arc::new(Date64Array::from(vec![Some(DAY), Some(DAY + 1), None])));
    let Writable { encoded, unwritable } =
        encoder(OutputFormat::Parquet, &layout_of(&block)).encode_writable(&block).unwrap();
    assert_eq!(encoded.unwrap().rows(), 2);
    assert!(unwritable.len() == 1 && unwritable[0].0 == 1 && unwritable[0].1.contains("time of day"), "{unwritable:?}");
}

#[test]
fn integers_that_do_not_fit_are_told() {
    let layout = layout_of(&kept(Arc::new(Int8Array::from(vec![1]))));
    let block = kept(Arc::new(Int64Array::from(vec![1, 300, 3])));
    for format in [OutputFormat::Parquet, OutputFormat::Arrow] {
        let Writable { encoded, unwritable } = encoder(format, &layout).encode_writable(&block).unwrap();
        assert_eq!(encoded.unwrap().rows(), 2);
        assert!(unwritable.len() == 1 && unwritable[0].0 == 1 && unwritable[0].1.contains("300"), "{unwritable:?}");
    }
}

#[test]
fn a_value_without_a_text_costs_its_record() {
    let bad = [3, 4, 17, 99];
    let times: Vec<Option<i64>> = (0..100).map(|row| Some(if bad.contains(&row) { i64::MAX } else { row })).collect();
    let block = kept(Arc::new(TimestampMicrosecondArray::from(times)));
    let block = Scored { rows: RowNumbers::Listed((0..100).map(|row| row * 2).collect()), ..block };
    let layout = layout_of(&block);
    for format in [OutputFormat::Csv, OutputFormat::JsonLines] {
        let Writable { encoded, unwritable } = encoder(format, &layout).encode_writable(&block).unwrap();
        assert_eq!(unwritable.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [6, 8, 34, 198]);
        assert!(unwritable[0].1.contains("write .parquet"), "{}", unwritable[0].1);
        assert_eq!(encoded.unwrap().rows(), 96);
        let Writable { encoded, unwritable } = encoder(format, &layout).encode_writable(&block.slice(3, 2)).unwrap();
        assert!(encoded.is_none() && unwritable.len() == 2);
    }
    for format in [OutputFormat::Parquet, OutputFormat::Arrow] {
        assert!(encoder(format, &layout).encode_writable(&block).unwrap().unwritable.is_empty());
    }
}

#[test]
fn raw_json_is_embedded_in_json_and_plain_elsewhere() {
    let json = vec![Some("\"a \\\"b\\\"\""), Some("{\"k\":\n [1, 2.50]}"), Some("null"), None];
    let field = Field::new("k", DataType::Utf8, true).with_metadata([(RAW_JSON, "true")]);
    let kept =
        RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(StringArray::from(json))]).unwrap();
    let predictions = batch(vec![("y", Arc::new(Int64Array::from(vec![0, 1, 2, 3])))], 4);
    let block = scored("f", RowNumbers::From(0), predictions, kept);
    assert_eq!(
        text(OutputFormat::JsonLines, std::slice::from_ref(&block)),
        "{\"row\":0,\"y\":0,\"file\":\"f\",\"k\":\"a \\\"b\\\"\"}\n\
         {\"row\":1,\"y\":1,\"file\":\"f\",\"k\":{\"k\":  [1, 2.50]}}\n\
         {\"row\":2,\"y\":2,\"file\":\"f\",\"k\":null}\n\
         {\"row\":3,\"y\":3,\"file\":\"f\",\"k\":null}\n"
    );
    assert_eq!(
        text(OutputFormat::Txt, std::slice::from_ref(&block)),
        "0,0,f,\"a \"\"b\"\"\"\n1,1,f,\"{\"\"k\"\":\n [1, 2.50]}\"\n2,2,f,\n3,3,f,\n"
    );
    let plain = StringArray::from(vec![Some("a \"b\""), Some("{\"k\":\n [1, 2.50]}"), None, None]);
    let (_dir, file) = write(OutputFormat::Parquet, &layout_of(&block), std::slice::from_ref(&block));
    let table = read_parquet(file);
    assert_eq!(table.column_by_name("k").unwrap().as_ref(), &plain as &dyn arrow_array::Array);
    assert!(table.schema().field(3).metadata().get(RAW_JSON).is_none());
}

/// A block of so many rows, for row groups of its own.
fn large(name: &str, rows: RowNumbers, len: usize) -> Scored {
    let predictions = vec![
        ("y", Arc::new(Int64Array::from_iter((0..len).map(|i| (i % 7 != 0).then_some(i as i64 % 3)))) as ArrayRef),
        ("p", Arc::new(Float32Array::from_iter_values((0..len).map(|i| i as f32 / 7.0)))),
    ];
    let kept = vec![("id", Arc::new(StringArray::from_iter_values((0..len).map(|i| format!("id{i}")))) as ArrayRef)];
    scored(name, rows, batch(predictions, len), batch(kept, len))
}

#[test]
fn parquet_and_arrow_read_back() {
    let small = |first| large("small.csv", RowNumbers::From(first), 10);
    let listed = RowNumbers::Listed((0..20_000).map(|i| i * 3).collect());
    let blocks = [
        large("a.csv", RowNumbers::From(5), 16 << 10),
        small(0),
        small(10),
        large("b é.csv", listed, 20_000),
        large("", RowNumbers::From(1 << 40), (16 << 10) + 1),
        small(20),
        large("none.csv", RowNumbers::From(0), 0),
    ];
    let layout = layout_of(&blocks[0]);
    let mut expected = Vec::new();
    for block in &blocks {
        expected.push(super::arrow::batch(&layout, layout.schema(), block).unwrap());
    }
    let expected = concat_batches(layout.schema(), &expected).unwrap();

    let (_dir, file) = write(OutputFormat::Parquet, &layout, &blocks);
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.try_clone().unwrap()).unwrap();
    let groups: Vec<_> =
        builder.metadata().row_groups().iter().map(::parquet::file::metadata::RowGroupMetaData::num_rows).collect();
    assert_eq!(groups, [16 << 10, 20, 20_000, (16 << 10) + 1, 10]);
    assert_eq!(builder.schema().field(2).data_type(), &DataType::Utf8);
    assert_eq!(read_parquet(file), expected);

    let (_dir, file) = write(OutputFormat::Arrow, &layout, &blocks);
    let batches: Vec<_> = FileReader::try_new(file, None).unwrap().map(Result::unwrap).collect();
    assert_eq!(concat_batches(layout.schema(), &batches).unwrap(), expected);
}

#[test]
fn gathered_rows_become_row_groups_in_time() {
    let blocks: Vec<_> = (0..9).map(|i| large("a", RowNumbers::From(i * 10_000), 10_000)).collect();
    let (_dir, file) = write(OutputFormat::Parquet, &layout_of(&blocks[0]), &blocks);
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let groups: Vec<_> =
        builder.metadata().row_groups().iter().map(::parquet::file::metadata::RowGroupMetaData::num_rows).collect();
    assert_eq!(groups, [70_000, 20_000]);
}

#[test]
fn gathered_rows_keep_their_numbers_and_files() {
    let block = |name, first, len| large(name, RowNumbers::From(first), len);
    let listed = RowNumbers::Listed(vec![30, 32, 37]);
    for blocks in [
        vec![block("a", 0, 10), block("a", 10, 5), block("a", 15, 1)],
        vec![block("a", 0, 10), block("a", 11, 5)],
        vec![block("a", 0, 10), block("b", 10, 5)],
        vec![block("a", 0, 10), large("a", listed, 3), block("a", 13, 1)],
    ] {
        let layout = layout_of(&blocks[0]);
        let expected: Vec<_> =
            blocks.iter().map(|block| super::arrow::batch(&layout, layout.schema(), block).unwrap()).collect();
        let (_dir, file) = write(OutputFormat::Parquet, &layout, &blocks);
        assert_eq!(read_parquet(file), concat_batches(layout.schema(), &expected).unwrap());
    }
}

#[test]
fn every_type_reads_back() {
    let block = all_types();
    let layout = layout_of(&block);
    let (_dir, file) = write(OutputFormat::Parquet, &layout, &[block.clone(), block.clone()]);
    let table = read_parquet(file);
    assert_eq!(table.num_rows(), 4);
    for (name, array) in block.kept.schema().fields().iter().map(|f| f.name()).zip(block.kept.columns()) {
        assert_eq!(&table.column_by_name(name).unwrap().slice(2, 2), array, "{name}");
    }
    // Dictionaries may differ from block to block; an Arrow file could not hold that.
    let mut other = block.clone();
    let category: DictionaryArray<Int8Type> = vec![Some("x"), Some("y")].into_iter().collect();
    let mut columns = other.kept.columns().to_vec();
    columns[12] = Arc::new(category);
    other.kept = RecordBatch::try_new(other.kept.schema(), columns).unwrap();
    let (_dir, file) = write(OutputFormat::Arrow, &layout, &[block, other]);
    let batches: Vec<_> = FileReader::try_new(file, None).unwrap().map(Result::unwrap).collect();
    let categories = |i: usize| batches[i].column_by_name("category").unwrap().as_ref().clone_as_strings();
    assert_eq!(categories(0), [Some("yes".to_owned()), None]);
    assert_eq!(categories(1), [Some("x".to_owned()), Some("y".to_owned())]);
}

trait CloneAsStrings {
    fn clone_as_strings(&self) -> Vec<Option<String>>;
}

impl CloneAsStrings for dyn arrow_array::Array + '_ {
    fn clone_as_strings(&self) -> Vec<Option<String>> {
        use arrow_array::cast::AsArray;
        self.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    }
}

#[test]
fn outputs_may_be_empty() {
    let layout = layout_of(&usual("a", 0));
    for (format, expected) in
        [(OutputFormat::Txt, ""), (OutputFormat::Csv, "row,prediction,file,p0,p1,id\n"), (OutputFormat::JsonLines, "")]
    {
        let (_dir, file) = write(format, &layout, &[]);
        assert_eq!(std::io::read_to_string(file).unwrap(), expected);
    }
    let (_dir, file) = write(OutputFormat::Parquet, &layout, &[]);
    assert_eq!(read_parquet(file).num_rows(), 0);
    let (_dir, file) = write(OutputFormat::Arrow, &layout, &[]);
    let reader = FileReader::try_new(file, None).unwrap();
    assert_eq!((reader.schema().fields().len(), reader.num_batches()), (6, 0));
}

#[test]
fn there_may_be_no_kept_column_and_no_prediction() {
    let predictions = batch(vec![("y", Arc::new(Int64Array::from(vec![7])))], 1);
    let block = scored("f", RowNumbers::From(0), predictions, batch(vec![], 1));
    assert_eq!(text(OutputFormat::Txt, &[block]), "0,7,f\n");
    let block = scored("f", RowNumbers::From(0), batch(vec![], 1), batch(vec![], 1));
    assert_eq!(text(OutputFormat::Txt, std::slice::from_ref(&block)), "0,f\n");
    let (_dir, file) = write(OutputFormat::Parquet, &layout_of(&block), &[block]);
    assert_eq!(read_parquet(file).num_rows(), 1);
}

#[test]
fn columns_that_do_not_fit_are_refused() {
    let layout = layout_of(&usual("a", 0));
    let mut wrong = usual("a", 0);
    wrong.kept = batch(vec![], 3);
    let mut uneven = usual("a", 0);
    uneven.kept = wrong.kept.slice(0, 2);
    let mut numbers = usual("a", 0);
    numbers.rows = RowNumbers::Listed(vec![1]);
    for (block, expected) in [(wrong, "0 kept columns"), (uneven, "3 predictions for 2"), (numbers, "1 row numbers")] {
        let error = encoder(OutputFormat::Txt, &layout).encode(&block).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    // A column that is text in one file and a list in another.
    let mut other = usual("b.csv", 0);
    other.kept =
        batch(vec![("id", Arc::new(StructArray::new_null(vec![Field::new("x", DataType::Utf8, true)].into(), 3)))], 3);
    let error = encoder(OutputFormat::Parquet, &layout).encode(&other).unwrap_err().to_string();
    assert!(error.contains("b.csv") && error.contains("\"id\""), "{error}");
    assert!(encoder(OutputFormat::Txt, &layout).encode(&other).is_ok());
    // Integers of another width are no reason to fail.
    let mut narrow = usual("b.csv", 0);
    narrow.predictions = batch(
        vec![
            ("prediction", Arc::new(Int8Array::from(vec![1, 2, 3]))),
            ("p0", Arc::clone(narrow.predictions.column(1))),
            ("p1", Arc::clone(narrow.predictions.column(2))),
        ],
        3,
    );
    assert!(encoder(OutputFormat::Parquet, &layout).encode(&narrow).is_ok());
}

#[test]
fn a_part_is_a_valid_file() {
    let dir = TempDir::new();
    let folder = Folder::from(dir.path().to_owned());
    let block = large("a", RowNumbers::From(0), 20_000);
    for format in [OutputFormat::Txt, OutputFormat::Parquet, OutputFormat::Arrow] {
        let encoder = encoder(format, &layout_of(&block));
        let mut writer = Writer::create(folder.create("out", Existing::Refuse).unwrap(), &encoder).unwrap();
        writer.write(encoder.encode(&block).unwrap()).unwrap();
        writer.write(encoder.encode(&large("b", RowNumbers::From(0), 10)).unwrap()).unwrap();
        let kept = writer.keep_partial().unwrap().unwrap();
        assert!(kept.ends_with("out.partial"), "{kept}");
        let file = File::open(&kept).unwrap();
        let rows = match format {
            OutputFormat::Parquet => read_parquet(file).num_rows(),
            OutputFormat::Arrow => FileReader::try_new(file, None).unwrap().map(|b| b.unwrap().num_rows()).sum(),
            _ => std::io::read_to_string(file).unwrap().lines().count(),
        };
        assert_eq!(rows, 20_010);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_full_disk_is_told() {
    let block = large("a", RowNumbers::From(0), 20_000);
    for format in [OutputFormat::Txt, OutputFormat::Parquet, OutputFormat::Arrow] {
        let encoder = encoder(format, &layout_of(&block));
        let file = NewFile::device("/dev/full").unwrap();
        let mut writer = Writer::create(file, &encoder).unwrap();
        let encoded = encoder.encode(&block).unwrap();
        let error = writer.write(encoded).and_then(|()| writer.commit().map(drop)).unwrap_err();
        assert!(matches!(error, OutputError::Storage(StorageError::DiskFull { .. })), "{format}: {error:?}");
    }
}

#[test]
fn compressed_texts_are_the_plain_ones() {
    let blocks = [usual("a.csv", 0), usual("b.csv", 0).slice(0, 0), usual("c.csv", 7)];
    for format in [OutputFormat::Txt, OutputFormat::Csv, OutputFormat::JsonLines] {
        for blocks in [&blocks[..], &[]] {
            let layout = layout_of(&usual("", 0));
            let (_dir, plain) = write(format, &layout, blocks);
            let plain = std::io::read_to_string(plain).unwrap();
            let gzip = OutputForm { format, compression: Some(Compression::Gzip) };
            let (_dir, file) = write_form(gzip, &layout, blocks);
            assert!(file.metadata().unwrap().len() > 0, "nothing is not a gzip file");
            let text = std::io::read_to_string(flate2::read::MultiGzDecoder::new(file)).unwrap();
            assert_eq!(text, plain, "{format}");
            let zstd = OutputForm { format, compression: Some(Compression::Zstd) };
            let (_dir, file) = write_form(zstd, &layout, blocks);
            // All of it is in the first frame.
            let frame = ::zstd::stream::read::Decoder::new(file).unwrap().single_frame();
            assert_eq!(std::io::read_to_string(frame).unwrap(), plain, "{format}");
        }
    }
}

#[test]
fn parquet_has_the_codec_that_was_asked_for() {
    use ::parquet::basic::Compression as Codec;
    let block = large("a.csv", RowNumbers::From(0), 20_000);
    let layout = layout_of(&block);
    let (_dir, file) = write(OutputFormat::Parquet, &layout, std::slice::from_ref(&block));
    let expected = read_parquet(file);
    for (compression, numbers, texts) in [
        (None, "UNCOMPRESSED", "SNAPPY"),
        (Some(Compression::None), "UNCOMPRESSED", "UNCOMPRESSED"),
        (Some(Compression::Gzip), "GZIP", "GZIP"),
        (Some(Compression::Zstd), "ZSTD", "ZSTD"),
        (Some(Compression::Snappy), "SNAPPY", "SNAPPY"),
        (Some(Compression::Lz4), "LZ4_RAW", "LZ4_RAW"),
    ] {
        let form = OutputForm { format: OutputFormat::Parquet, compression };
        let (_dir, file) = write_form(form, &layout, std::slice::from_ref(&block));
        let builder = ParquetRecordBatchReaderBuilder::try_new(file.try_clone().unwrap()).unwrap();
        let codec = |name: &str| -> Codec {
            let columns = builder.metadata().row_group(0).columns();
            columns.iter().find(|column| column.column_path().string() == name).unwrap().compression()
        };
        for (name, expected) in [("y", numbers), ("p", numbers), ("id", texts)] {
            assert!(codec(name).to_string().starts_with(expected), "{compression:?} {name}: {}", codec(name));
        }
        assert_eq!(read_parquet(file), expected);
    }
}

#[test]
fn arrow_buffers_are_compressed_on_request() {
    let block = large("a.csv", RowNumbers::From(0), 20_000);
    let layout = layout_of(&block);
    let mut sizes = Vec::new();
    for compression in [None, Some(Compression::None), Some(Compression::Lz4), Some(Compression::Zstd)] {
        let form = OutputForm { format: OutputFormat::Arrow, compression };
        let (_dir, file) = write_form(form, &layout, std::slice::from_ref(&block));
        sizes.push(file.metadata().unwrap().len());
        let batches: Vec<_> = FileReader::try_new(file, None).unwrap().map(Result::unwrap).collect();
        let expected = super::arrow::batch(&layout, layout.schema(), &block).unwrap();
        assert_eq!(concat_batches(layout.schema(), &batches).unwrap(), expected);
    }
    assert!(sizes[0] == sizes[1] && sizes[2] < sizes[1] / 3 * 2 && sizes[3] < sizes[1] / 3, "{sizes:?}");
}

#[test]
fn workers_share_an_encoder_and_hand_over_its_pieces() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Encoder>();
    sent::<Encoded>();
    sent::<Writer>();
    sent::<ErrorWriter>();
    sent::<NewFile>();
}

#[test]
fn failed_items_are_recorded() {
    let dir = TempDir::new();
    let folder = Folder::from(dir.path().to_owned());
    let mut writer = ErrorWriter::create(folder.create("out.errors.jsonl", Existing::Refuse).unwrap());
    let file = Arc::new(InputFile { index: 0, name: "a.csv".into() });
    let record = ErrorRecord {
        file,
        row: Some(7),
        key: None,
        items: 1,
        stage: Stage::Decode,
        attempts: 0,
        cause: "\"x\" is no number\nin column 2".into(),
    };
    writer.write(&record).unwrap();
    writer.write(&ErrorRecord { key: Some("k7".into()), ..record.clone() }).unwrap();
    writer.write(&ErrorRecord { row: None, items: 20, stage: Stage::Score, attempts: 4, ..record }).unwrap();
    assert_eq!(writer.records(), 3);
    assert_eq!(
        fs::read_to_string(writer.commit().unwrap()).unwrap(),
        "{\"file\":\"a.csv\",\"row\":7,\"stage\":\"decode\",\"attempts\":0,\
         \"cause\":\"\\\"x\\\" is no number\\nin column 2\"}\n\
         {\"file\":\"a.csv\",\"row\":7,\"key\":\"k7\",\"stage\":\"decode\",\"attempts\":0,\
         \"cause\":\"\\\"x\\\" is no number\\nin column 2\"}\n\
         {\"file\":\"a.csv\",\"row\":null,\"items\":20,\"stage\":\"score\",\"attempts\":4,\
         \"cause\":\"\\\"x\\\" is no number\\nin column 2\"}\n"
    );
}

//! Results as the programs read them that people read them with: pandas, Polars and DuckDB, by `tests/foreign/read.py`.

use std::process::Command;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int64Array, RecordBatch,
    StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field};
use serde_json::{Value, json};

use crate::support::{Run, Scene, repository, write_parquet};

/// Rows of the file whose blocks are large: each becomes a row group of its own, with pages made by hand.
const LARGE: usize = 50_000;

/// Rows of each of the files whose blocks are small and are gathered.
const SMALL: usize = 3_000;

/// Small files.
const FILES: usize = 7;

const TEXT: &str = "a,\"b\"\nüber 日本";

/// A column of numbers, and one of keys.
fn narrow() -> RecordBatch {
    let columns: [(&str, ArrayRef); 2] = [
        ("x", Arc::new(Float64Array::from_iter_values((0..LARGE).map(x)))),
        ("id", Arc::new(Int64Array::from_iter_values(0..LARGE as i64))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn x(row: usize) -> f64 {
    row as f64 / 7.0
}

/// What every third row has.
fn some<T>(row: usize, value: T) -> Option<T> {
    row.is_multiple_of(3).then_some(value)
}

/// The same with columns of many types, a part of whose values is missing.
fn wide() -> RecordBatch {
    let rows = || 0..SMALL;
    let mut lists = ListBuilder::new(Int64Builder::new());
    rows().for_each(|row| lists.append_option(some(row, [Some(row as i64), None])));
    let pair = StructArray::from(vec![
        (
            Arc::new(Field::new("a", DataType::Int64, true)),
            Arc::new(rows().map(|row| some(row, row as i64)).collect::<Int64Array>()) as ArrayRef,
        ),
        (
            Arc::new(Field::new("b", DataType::Utf8, true)),
            Arc::new(rows().map(|_| Some(TEXT)).collect::<StringArray>()),
        ),
    ]);
    let decimals: Decimal128Array = rows().map(|row| some(row, row as i128 * 1001)).collect();
    let moments: TimestampMicrosecondArray = rows().map(|row| some(row, moment(row))).collect();
    let columns: [(&str, ArrayRef); 10] = [
        ("x", Arc::new(rows().map(|row| Some(x(row))).collect::<Float64Array>())),
        ("id", Arc::new(rows().map(|row| Some(row as i64)).collect::<Int64Array>())),
        ("i8", Arc::new(rows().map(|row| some(row, (row % 100) as i8)).collect::<Int8Array>())),
        ("flag", Arc::new(rows().map(|row| some(row, row.is_multiple_of(2))).collect::<BooleanArray>())),
        ("text", Arc::new(rows().map(|row| some(row, TEXT)).collect::<StringArray>())),
        ("money", Arc::new(decimals.with_precision_and_scale(20, 3).unwrap())),
        ("at", Arc::new(moments.with_timezone("Europe/Berlin"))),
        ("day", Arc::new(rows().map(|row| some(row, row as i32)).collect::<Date32Array>())),
        ("list", Arc::new(lists.finish())),
        ("pair", Arc::new(pair)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

/// Microseconds of a moment: 2023-11-14T22:13:20.123456 in UTC, and a second for each row.
fn moment(row: usize) -> i64 {
    1_700_000_000_123_456 + row as i64 * 1_000_000
}

fn value(name: &str, kind: &str, nulls: usize, first: impl Into<Value>, last: impl Into<Value>) -> Value {
    json!({"name": name, "kind": kind, "nulls": nulls, "first": first.into(), "last": last.into()})
}

fn number(name: &str, kind: &str, nulls: usize, values: impl Iterator<Item = Value> + Clone) -> Value {
    let sum: f64 = values.clone().map(|value| value.as_f64().unwrap_or_default()).sum();
    let (first, last) = (values.clone().next(), values.last());
    json!({"name": name, "kind": kind, "nulls": nulls, "first": first, "last": last, "sum": sum})
}

/// What is in the results for [`narrow`].
fn narrow_case(path: &str, format: &str) -> Value {
    let rows = || (0..LARGE).map(|row| json!(row));
    let values = [
        number("row", "integer", 0, rows()),
        number("prediction", "number", 0, (0..LARGE).map(|row| json!(x(row)))),
        value("file", "text", 0, "größe 日本.parquet", "größe 日本.parquet"),
        number("id", "integer", 0, rows()),
    ];
    json!({"path": path, "format": format, "rows": LARGE, "columns": ["row", "prediction", "file", "id"], "values": values})
}

/// What is in the results for [`wide`] in each of the files. Of texts no reader tells what a moment or a decimal is.
fn wide_case(path: &str, format: &str) -> Value {
    let rows = || (0..FILES).flat_map(|_| 0..SMALL);
    let nulls = FILES * (SMALL - SMALL.div_ceil(3));
    let last = SMALL - 1;
    let null = || Value::Null;
    let mut values = vec![
        number("row", "integer", 0, rows().map(|row| json!(row))),
        number("prediction", "number", 0, rows().map(|row| json!(x(row)))),
        value("file", "text", 0, "ä 0.parquet", format!("ä {}.parquet", FILES - 1)),
        number("id", "integer", 0, rows().map(|row| json!(row))),
        number("i8", "integer", nulls, rows().map(|row| json!(some(row, row % 100)))),
        value("flag", "flag", nulls, true, null()),
        value("text", "text", nulls, TEXT, null()),
    ];
    if matches!(format, "parquet" | "arrow" | "jsonl") {
        values.push(value("list", "list", nulls, json!([0, null]), null()));
        values.push(value("pair", "struct", 0, json!({"a": 0, "b": TEXT}), json!({"a": null, "b": TEXT})));
    }
    if matches!(format, "parquet" | "arrow") {
        values.push(value("money", "decimal(20, 3)", nulls, "0.000", null()));
        values.push(value("at", "moment", nulls, "2023-11-14T22:13:20.123456+00:00", null()));
        values.push(value("day", "date", nulls, "1970-01-01", null()));
    }
    assert!(some(last, ()).is_none());
    let columns = ["row", "prediction", "file", "x", "id", "i8", "flag", "text", "money", "at", "day", "list", "pair"];
    json!({"path": path, "format": format, "rows": FILES * SMALL, "columns": columns, "values": values})
}

fn run<'a>(scene: &'a Scene, input: &str, to: &str, name: &str) -> Run<'a> {
    scene
        .run()
        .model(repository().join("target/foreign/identity.onnx").to_str().unwrap())
        .input(input)
        .mini_batch_size("100")
        .args(&["--features", "x"])
        .to(to)
        .named(name)
}

#[test]
fn results_are_the_same_to_pandas_polars_and_duckdb() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.path("wide")).unwrap();
    write_parquet(&scene, "größe 日本.parquet", &narrow(), LARGE);
    (0..FILES).for_each(|file| write_parquet(&scene, &format!("wide/ä {file}.parquet"), &wide(), SMALL));
    let mut cases = Vec::new();
    let mut score = |name: &str, format: &str, options: &[&str]| {
        let to = format!("out-{}{name}", options.concat());
        // The tests' own table of text has no room for such types.
        for (input, to, keep) in
            [("größe 日本.parquet", format!("{to}/narrow"), "id"), ("wide", format!("{to}/wide"), "all")]
        {
            let run = run(&scene, input, &to, name).args(&["--keep", keep]).args(options);
            let ended = run.command().output().unwrap();
            assert!(ended.status.success(), "{to}: {}", String::from_utf8_lossy(&ended.stderr));
        }
        cases.push(narrow_case(&format!("{to}/narrow/{name}"), format));
        cases.push(wide_case(&format!("{to}/wide/{name}"), format));
    };
    for around in ["", ".gz", ".zst"] {
        score(&format!("p.csv{around}"), "csv", &[]);
        score(&format!("p.jsonl{around}"), "jsonl", &[]);
    }
    for codec in ["none", "gzip", "zstd", "snappy", "lz4"] {
        score("p.parquet", "parquet", &["--output-compression", codec]);
    }
    for codec in ["none", "zstd", "lz4"] {
        score("p.arrow", "arrow", &["--output-compression", codec]);
    }
    for (name, format) in [("p.csv", "csv"), ("p.jsonl", "jsonl"), ("p.parquet", "parquet"), ("p.arrow", "arrow")] {
        score(name, format, &["--output-partition-size", "9000"]);
    }
    scene.write("cases.json", serde_json::to_vec(&cases).unwrap());
    let read = Command::new(repository().join("target/test-venv/bin/python"))
        .arg("tests/foreign/read.py")
        .arg(scene.path("."))
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    assert!(read.stdout.is_empty(), "{}", String::from_utf8_lossy(&read.stdout));
}

//! Parquet files as pyarrow, Polars and DuckDB write them, which `tests/foreign/make.py` makes below `target/foreign`:
//! each is read to the values that pyarrow reads, or refused with the name of the column and its type.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::support::{Ended, Run, Scene, repository};

/// What becomes of a type that is given to a model of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum As {
    /// It is one.
    Number,
    /// It is refused, in these words.
    Refused(&'static str),
}

use As::{Number, Refused};

/// Each type of the files `type-*`. All of them can be kept.
const TYPES: [(&str, As); 44] = [
    ("binary", Refused("Binary")),
    ("bool", Number),
    ("date32", Refused("Date32")),
    ("date64", Refused("Date64")),
    ("decimal128", Number),
    ("decimal128-wide", Number),
    ("decimal256", Number),
    ("decimal32", Number),
    ("decimal64", Number),
    ("deep", Refused("List(Struct(\"a\": List(Int64")),
    ("dictionary", Refused("Utf8")),
    ("dictionary-of-numbers", Number),
    ("duckdb-bit", Refused("Utf8")),
    ("duckdb-decimal", Number),
    ("duckdb-enum", Refused("Utf8")),
    ("duckdb-hugeint", Number),
    ("duckdb-interval", Refused("Interval(DayTime)")),
    ("duckdb-json", Refused("Utf8")),
    ("duckdb-struct", Refused("Struct(\"a\": Int64, \"b\": Utf8)")),
    ("duckdb-timestamp-tz", Refused("Timestamp(\u{b5}s, \"UTC\")")),
    ("duckdb-uuid", Refused("FixedSizeBinary(16)")),
    ("duration", Refused("Duration(\u{b5}s)")),
    ("empty-lists", Refused("List(Int32")),
    ("fixed-binary", Refused("FixedSizeBinary(4)")),
    ("fixed-list", Refused("FixedSizeList(2 x Float32")),
    ("float16", Number),
    ("large-binary", Refused("Binary")),
    ("large-list", Refused("LargeList(Utf8")),
    ("large-string", Refused("Utf8")),
    ("list", Refused("List(Int32")),
    ("map", Refused("Map(")),
    ("null", Number),
    ("string", Refused("Utf8")),
    ("string-view", Refused("Utf8")),
    ("struct", Refused("Struct(\"a\": Int64, \"b\": Utf8)")),
    ("time-ms", Refused("Time32(ms)")),
    ("time-us", Refused("Time64(\u{b5}s)")),
    ("timestamp-berlin", Refused("Timestamp(\u{b5}s, \"Europe/Berlin\")")),
    ("timestamp-int96", Refused("Timestamp(ns)")),
    ("timestamp-ms", Refused("Timestamp(ms)")),
    ("timestamp-ns", Refused("Timestamp(ns)")),
    ("timestamp-us", Refused("Timestamp(\u{b5}s)")),
    ("timestamp-utc", Refused("Timestamp(\u{b5}s, \"UTC\")")),
    ("uuid", Refused("FixedSizeBinary(16)")),
];

/// Columns of the files of [`writers`] that are numbers.
const NUMBERS: [&str; 9] = ["id", "x", "i8", "i16", "i32", "u32", "u64", "f32", "flag"];

fn folder() -> PathBuf {
    repository().join("target/foreign")
}

/// The names of all files, without their extension.
fn names() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).expect("run tests/run.sh, which makes the files");
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(".parquet")?.to_owned())).collect();
    names.sort();
    assert!(names.len() > 90, "only {} files", names.len());
    names
}

/// The files with columns of the usual types, in every writer's ways.
fn writers() -> Vec<String> {
    names().into_iter().filter(|name| !name.starts_with("type-")).collect()
}

/// What pyarrow reads in a file: an object a row.
fn expected(name: &str) -> Vec<Row> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    serde_json::from_str::<Vec<RawRow>>(&text).unwrap().into_iter().map(exact).collect()
}

type Row = BTreeMap<String, Value>;
type RawRow = BTreeMap<String, Box<RawValue>>;

/// A row whose numbers are read as they should be: those that serde_json reads may be off by a unit in the last place.
fn exact(row: RawRow) -> Row {
    let number = |text: &str| match (text.parse::<i64>(), text.parse::<u64>(), text.parse::<f64>()) {
        (Ok(number), ..) => Some(Value::from(number)),
        (_, Ok(number), _) => Some(Value::from(number)),
        (.., Ok(number)) => Some(Value::from(number)),
        _ => None,
    };
    let value = |raw: &RawValue| number(raw.get()).unwrap_or_else(|| serde_json::from_str(raw.get()).unwrap());
    row.iter().map(|(name, raw)| (name.clone(), value(raw))).collect()
}

/// Scores one column of a file by a model that gives it back, and keeps others.
fn score(scene: &Scene, name: &str, feature: &str, keep: &str) -> Ended {
    run(scene, name, feature, keep, "p.jsonl").end()
}

fn run<'a>(scene: &'a Scene, name: &str, feature: &str, keep: &str, to: &str) -> Run<'a> {
    let file = folder().join(format!("{name}.parquet"));
    scene
        .run()
        .model(folder().join("identity.onnx").to_str().unwrap())
        .input(file.to_str().unwrap())
        .mini_batch_size("100")
        .args(&["--features", feature, "--keep", keep])
        .to(&format!("out-{name}-{feature}"))
        .named(to)
}

/// The rows of JSON lines that [`score`] wrote.
fn rows(scene: &Scene, name: &str, feature: &str) -> Vec<Row> {
    let text = scene.read(&format!("out-{name}-{feature}/p.jsonl"));
    text.lines().map(|line| exact(serde_json::from_str(line).unwrap())).collect()
}

/// Does the same for all of them, four at a time, and fails with all that is wrong.
#[track_caller]
fn all<T: Send>(items: Vec<T>, check: impl Fn(&T) -> Result<(), String> + Sync) {
    let queue = Mutex::new(items.into_iter());
    let wrong = Mutex::new(String::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(item) = next else { return };
                    if let Err(what) = check(&item) {
                        writeln!(wrong.lock().unwrap(), "{what}").unwrap();
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong}");
}

/// Whether a value of ours is the one that pyarrow reads; single precision is written in its own shortest form, decimals
/// as numbers, and truth values are numbers to a model.
fn same(ours: &Value, theirs: &Value) -> bool {
    let theirs = match theirs {
        Value::String(text) if ours.is_number() => text.parse().ok(),
        Value::Bool(truth) if ours.is_number() => Some(f64::from(u8::from(*truth))),
        other => other.as_f64(),
    }
    .map_or_else(|| theirs.clone(), Value::from);
    match (ours.as_f64(), theirs.as_f64()) {
        (Some(ours), Some(number)) => ours == number || ours.to_string() == (number as f32).to_string(),
        _ => *ours == theirs,
    }
}

#[test]
fn files_of_every_writer_are_read() {
    let scene = Scene::new();
    all(writers(), |name| {
        let ended = score(&scene, name, "x", "all");
        let expected = expected(name);
        if ended.code != 0 || ended.counts() != (expected.len() as u64, expected.len() as u64, 0) {
            return Err(format!("{name}: {ended}"));
        }
        for (ours, theirs) in rows(&scene, name, "x").iter().zip(&expected) {
            if ours["prediction"] != theirs["x"] {
                return Err(format!("{name}: {} is predicted for {}", ours["prediction"], theirs["x"]));
            }
            if let Some((column, value)) = theirs.iter().find(|(column, value)| !same(&ours[*column], value)) {
                return Err(format!("{name}: {column} is {}, but {value} to pyarrow", ours[column]));
            }
        }
        Ok(())
    });
}

#[test]
fn numbers_of_every_width_are_features() {
    let scene = Scene::new();
    let names = ["pyarrow-snappy-v1", "pyarrow-delta", "pyarrow-byte-stream-split", "polars-zstd", "duckdb-zstd-v2"];
    let cases: Vec<(&str, &str)> = names.iter().flat_map(|name| NUMBERS.map(|column| (*name, column))).collect();
    all(cases, |(name, column)| is_number(&scene, name, column));
}

/// Whether a model is given the numbers of a column; a missing one is NaN, which JSON has not.
fn is_number(scene: &Scene, name: &str, column: &str) -> Result<(), String> {
    let ended = score(scene, name, column, "id");
    let expected = expected(name);
    if ended.code != 0 || ended.counts() != (expected.len() as u64, expected.len() as u64, 0) {
        return Err(format!("{name}, {column}: {ended}"));
    }
    let rows = rows(scene, name, column);
    let differs = rows.iter().zip(&expected).find(|(ours, theirs)| !same(&ours["prediction"], &theirs[column]));
    differs.map_or(Ok(()), |(ours, theirs)| Err(format!("{name}, {column}: {ours:?} for {theirs:?}")))
}

#[test]
fn types_are_numbers_or_refused() {
    let scene = Scene::new();
    let known: BTreeSet<String> = TYPES.iter().map(|(name, _)| format!("type-{name}")).collect();
    let there: BTreeSet<String> = names().into_iter().filter(|name| name.starts_with("type-")).collect();
    assert_eq!(known, there, "the table must hold every type");
    all(TYPES.to_vec(), |(name, outcome)| {
        let name = format!("type-{name}");
        match outcome {
            Number => is_number(&scene, &name, "v"),
            Refused(data_type) => {
                let ended = score(&scene, &name, "v", "id");
                let words = format!("{name}.parquet: column \"v\" has type {data_type}");
                let told = ended.code == 3 && ended.stderr.contains(&words);
                if told { Ok(()) } else { Err(format!("{name} must be refused with {words:?}: {ended}")) }
            }
        }
    });
}

#[test]
fn kept_columns_are_the_same_to_pyarrow() {
    let scene = Scene::new();
    let kept = scene.path("kept");
    std::fs::create_dir(&kept).unwrap();
    let some = ["pyarrow-snappy-v1", "pyarrow-large-strings", "pyarrow-dots", "polars-categorical", "duckdb-zstd-v2"];
    let names: Vec<String> = TYPES.iter().map(|(name, _)| format!("type-{name}")).collect();
    let names: Vec<String> = names.into_iter().chain(some.map(str::to_owned)).collect();
    let count = names.len();
    all(names, |name| {
        // The tests' own table of text has no room for such types.
        let ended = run(&scene, name, "x", "all", "p.parquet").command().output().unwrap();
        if !ended.status.success() {
            return Err(format!("{name}: {}", String::from_utf8_lossy(&ended.stderr)));
        }
        std::fs::rename(scene.path(&format!("out-{name}-x/p.parquet")), kept.join(format!("{name}.parquet"))).unwrap();
        Ok(())
    });
    assert_eq!(scene.names("kept").len(), count);
    let compared = Command::new(repository().join("target/test-venv/bin/python"))
        .arg("tests/foreign/compare.py")
        .arg(&kept)
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stderr));
    assert!(compared.stdout.is_empty(), "{}", String::from_utf8_lossy(&compared.stdout));
}

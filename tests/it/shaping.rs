//! What a user otherwise writes code for: keys, new names, samples, limits, conditions, columns in paths.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use batchscore::run::{Cancel, StopReason, execute};
use batchscore::spec::{JobSpec, Scalar, StringOrList};
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};

use crate::support::{Ended, Run, Scene, Table, gzip, number_columns, rows_csv, write_arrow, write_parquet};

/// A run over `data` with a model that predicts row numbers.
fn scripted(scene: &Scene) -> Run<'_> {
    scene.write("model.scripted", "");
    scene.run().model("model.scripted").input("data").arg("--overwrite")
}

fn rows(ended: &Ended) -> Vec<(String, u64)> {
    ended.predictions().places()
}

fn place(file: &str, row: u64) -> (String, u64) {
    (file.to_owned(), row)
}

#[test]
fn keys_stand_in_results_and_error_records() {
    let scene = Scene::new();
    let model = scene.model("several_inputs");
    scene.write("data/a.csv", "id,age,income,visits\nk0,30,1000,1\nk1,30,1000\nk2,30,lots,1\n\"k,3\",30,1000,1\n");
    scene.write("data/b.jsonl", "{\"id\": 7, \"age\": 30, \"income\": 1, \"visits\": 2}\n{\"id\": 8, \"age\": {}}\n");
    let run = scene.run().model(&model).input("data").args(&["--key", "id", "--keep", "income,id"]);
    let ended = run.ok();
    let table = ended.predictions();
    assert_eq!(table.columns[table.columns.len() - 2..], ["id", "income"]);
    assert_eq!(table.column("id"), ["k0", "k,3", "7"]);
    let keys: Vec<Option<&Value>> = ended.errors().iter().map(|error| error.get("key")).collect();
    assert_eq!(keys, [None, Some(&json!("k2")), Some(&json!(8))]);
}

#[test]
fn keys_of_items_that_fail_in_scoring() {
    let scene = Scene::new();
    let ended = scene.scripted("fail_rows: 3, 17\n", 40).args(&["--key", "id", "--max-retries", "0"]).ok();
    let keys: Vec<&Value> = ended.errors().iter().map(|error| &error["key"]).collect();
    assert_eq!(keys, [&json!("a3"), &json!("a17")]);
    let missing = scene.scripted("", 40).args(&["--key", "nr", "--overwrite"]).exits(3);
    missing.says(&["data.csv: has no column \"nr\"", "--key"]);
}

#[test]
fn renamed_columns_are_found_by_the_model() {
    let scene = Scene::new();
    let model = scene.model("several_inputs");
    scene.write("good.csv", "age,income,visits\n30,1000,1\n40,2000,2\n");
    scene.write("other.csv", "Alter,Einkommen,visits\n30,1000,1\n40,2000,2\n");
    let expected = scene.run().model(&model).input("good.csv").to("a").ok();
    let run = |args: &[&str]| scene.run().model(&model).input("other.csv").to("b").arg("--overwrite").args(args);
    let ended = run(&["--rename", "Alter=age, Einkommen=income"]).ok();
    assert_eq!(ended.predictions().column("prediction"), expected.predictions().column("prediction"));
    scene.write("job.yml", "rename: {Alter: age, Einkommen: income}\n");
    run(&["job.yml"]).ok();
    let ended = run(&["--rename", "Altr=age"]).exits(3);
    ended.says(&["has no column \"Altr\"", "did you mean \"Alter\"?", "--rename"]);
    run(&["--rename", "Alter=visits"]).exits(3).says(&["which another column has"]);
    run(&["--rename", "Alter"]).exits(2).says(&["rename is \"Alter\": write old=new"]);
}

#[test]
fn a_limit_reads_no_more_than_it_must() {
    let scene = Scene::new();
    scene.write("data/a.csv", rows_csv("a", 7));
    scene.write("data/b.csv", rows_csv("b", 7));
    // Neither can be read, which nobody learns who does not come so far.
    scene.write("data/c.parquet", "junk");
    scene.write("data/d.csv", "\u{0}");
    for (limit, expected) in [(1, 1), (7, 7), (8, 8), (14, 14)] {
        let ended = scripted(&scene).args(&["--limit", &limit.to_string(), "--keep", "id"]).ok();
        assert_eq!(ended.counts(), (expected, expected, 0));
        let all = (0..7).map(|row| place("a.csv", row)).chain((0..7).map(|row| place("b.csv", row)));
        assert_eq!(rows(&ended), all.take(expected as usize).collect::<Vec<_>>());
    }
    let ended = scripted(&scene).args(&["--limit", "15"]).ok();
    assert_eq!(ended.counts(), (15, 14, 1));
    assert_eq!(ended.failed_places(), [("c.parquet", None)]);
    scripted(&scene).args(&["--limit", "0"]).exits(2).says(&["limit is \"0\""]);
}

#[test]
fn row_groups_behind_the_limit_are_not_passed_over() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("data")).unwrap();
    let numbers = |range: std::ops::Range<u64>| -> Table {
        let lines: Vec<String> = range.map(|x| x.to_string()).collect();
        Table::csv(&format!("x\n{}\n", lines.join("\n")))
    };
    // Row groups of ten: 0 to 9, and so on; those of tens that are even are taken.
    for file in ["a", "b"] {
        write_parquet(&scene, &format!("data/{file}.parquet"), &number_columns(&numbers(0..50)), 10);
    }
    let tens = "x BETWEEN 10 AND 19 OR x BETWEEN 30 AND 39";
    for (limit, row_groups) in [("1", 1), ("10", 1), ("11", 2), ("20", 2), ("21", 4), ("31", 5), ("40", 5), ("41", 6)] {
        let ended = scripted(&scene).args(&["--where", tens, "--limit", limit]).ok();
        let passed = (ended.count("row_groups_passed_over"), ended.count("passed_over"));
        assert_eq!(passed, (row_groups, row_groups * 10), "--limit {limit}");
    }
    assert_eq!(scripted(&scene).args(&["--where", tens]).ok().count("row_groups_passed_over"), 6);
}

#[test]
fn failed_records_count_towards_the_limit() {
    let scene = Scene::new();
    scene.write("data/a.csv", "id,x\n0,1\n1\n2,1\n3,1\n");
    let ended = scripted(&scene).args(&["--limit", "3"]).ok();
    assert_eq!(ended.counts(), (3, 2, 1));
    assert_eq!(ended.failed_rows(), [1]);
    // Of those that the condition takes.
    let ended = scripted(&scene).args(&["--limit", "2", "--where", "id >= 1"]).ok();
    assert_eq!((ended.counts(), ended.count("passed_over")), ((2, 1, 1), 1));
}

#[test]
fn records_that_are_passed_over_are_counted_apart() {
    let scene = Scene::new();
    scene.write("data/year=2023/a.csv", rows_csv("a", 10));
    scene.write("data/year=2024/a.csv", rows_csv("a", 10));
    let ended = scripted(&scene).args(&["--where", "year = 2024 AND x > 4 AND id <> 'a7'", "--keep", "year,id"]).ok();
    assert_eq!(ended.counts(), (5, 5, 0));
    assert_eq!((ended.count("passed_over"), ended.count("files_passed_over")), (5, 1));
    ended.says(&["passed over   5 records and 1 whole file", "input         2 files (csv), "]);
    assert_eq!(rows(&ended), [4, 5, 6, 8, 9].map(|row| place("year=2024/a.csv", row)));
    assert_eq!(ended.predictions().column("year"), ["2024"; 5]);
    let nothing = scripted(&scene).args(&["--where", "x > 100"]).ok();
    assert_eq!(nothing.counts(), (0, 0, 0));
    nothing.says(&["warning: no record is taken by --where and --sample"]);
    let half = scripted(&scene).args(&["--sample", "50%"]).ok();
    assert_eq!(half.count("items") + half.count("passed_over"), 20);
    for (args, part) in [
        (["--sample", "50"], "sample is \"50\": write a percentage"),
        (["--sample", "0%"], "sample is \"0%\""),
        (["--where", "x >> 5"], "where is \"x >> 5\""),
        (["--where", "x = y"], "compares two columns"),
    ] {
        scripted(&scene).args(&args).exits(2).says(&[part]);
    }
    scripted(&scene).args(&["--where", "y = 5"]).exits(3).says(&["has no column \"y\"", "--where"]);
    // Compared as texts, no path and no record is one.
    let texts = scripted(&scene).args(&["--where", "x = 'a' OR year = 'a'"]).ok();
    assert_eq!(texts.counts(), (0, 0, 0));
    assert_eq!((texts.count("passed_over"), texts.count("files_passed_over")), (20, 0));
    let texts = scripted(&scene).args(&["--where", "x = '3.5' OR year = '2023' AND id < 'a2'"]).ok();
    let expected = [(2023, 0), (2023, 1), (2023, 3), (2024, 3)];
    assert_eq!(rows(&texts), expected.map(|(year, row)| place(&format!("year={year}/a.csv"), row)));
}

#[test]
fn row_groups_that_are_passed_over_are_told() {
    let scene = Scene::new();
    let data = Table { columns: vec!["x".to_owned()], rows: (0..100).map(|row| vec![row.to_string()]).collect() };
    std::fs::create_dir(scene.path("data")).unwrap();
    write_parquet(&scene, "data/a.parquet", &number_columns(&data), 10);
    let ended = scripted(&scene).args(&["--where", "x BETWEEN 35 AND 44"]).ok();
    assert_eq!(rows(&ended), (35..45).map(|row| place("a.parquet", row)).collect::<Vec<_>>());
    assert_eq!((ended.count("passed_over"), ended.count("row_groups_passed_over")), (90, 8));
    ended.says(&["passed over   90 records, of them 8 row groups unread"]);
}

#[test]
fn the_input_is_told_by_formats() {
    let scene = Scene::new();
    let data = Table {
        columns: vec!["x".to_owned(), "y".to_owned()],
        rows: (0..6).map(|row| vec![row.to_string(), "1".to_owned()]).collect(),
    };
    std::fs::create_dir(scene.path("data")).unwrap();
    let (mut csv, mut jsonl) = ("y,x\n".to_owned(), String::new());
    for row in 0..6 {
        writeln!(csv, "1,{row}").unwrap();
        writeln!(jsonl, "{{\"x\": {row}, \"y\": 1}}").unwrap();
    }
    scene.write("data/a.csv", &csv);
    scene.write("data/b.csv.gz", gzip(&csv));
    scene.write("data/c.jsonl", jsonl);
    write_parquet(&scene, "data/d.parquet", &number_columns(&data), 4);
    write_parquet(&scene, "data/e.parquet", &number_columns(&data), 4);
    write_arrow(&scene, "data/f.arrow", &number_columns(&data), 4);
    let ended = scripted(&scene).args(&["--key", "x", "--where", "x >= 2", "-v"]).ok();
    assert_eq!(ended.result("input")["formats"], json!({"arrow": 1, "csv": 1, "csv.gz": 1, "jsonl": 1, "parquet": 2}));
    assert_eq!(ended.result("input")["files"], 6);
    ended.says(&["6 files (2 parquet, 1 arrow, 1 csv, 1 csv.gz, 1 jsonl)"]);
    let keys: Vec<f64> = ended.predictions().column("x").iter().map(|x| x.parse().unwrap()).collect();
    assert_eq!(keys, [2.0, 3.0, 4.0, 5.0].repeat(6));
}

#[test]
fn input_types_are_checked() {
    let scene = Scene::new();
    scene.write("data/a.csv", rows_csv("a", 3));
    scene.write("model.scripted", "");
    let run =
        |input: &str, args: &[&str]| scene.run().model("model.scripted").input(input).arg("--overwrite").args(args);
    run("data/a.csv", &["--input-type", "uri_file"]).ok();
    run("data", &["--input-type", "uri_folder"]).ok();
    run("folder:data", &[]).ok();
    run("file:data/a.csv", &[]).ok();
    run("data", &["--input-type", "uri_file"]).exits(3).says(&["data is not one file", "uri_folder"]);
    run("folder:data/a.csv", &[]).exits(3).says(&["data/a.csv is one file", "uri_file"]);
    run("data", &["--input-type", "mltable"]).exits(2).says(&["write uri_file or uri_folder"]);
    run("folder:data", &["--input-type", "uri_file"]).exits(2).says(&["all inputs of a job have one type"]);
    scene.write("jobs/job.yml", "input_path: folder:../data\nmodel: ../model.scripted\n");
    scene.run().args(&["jobs/job.yml", "--overwrite"]).ok();
}

/// A job over `data` in this scene: where its items are, and whether they succeeded.
fn job(
    scene: &Scene,
    shape: JobSpec,
    workers: u64,
    mini_batch_size: &str,
    output: &str,
) -> BTreeMap<(String, u64), bool> {
    let path = |name: &str| scene.path(name).to_str().unwrap().to_owned();
    let spec = JobSpec {
        model: Some(path("model.scripted")),
        input_path: Some(StringOrList::One(path("data"))),
        mini_batch_size: Some(mini_batch_size.parse().unwrap()),
        workers: Some(workers),
        output_path: Some(path(output)),
        output_file_name: Some("p.csv".to_owned()),
        overwrite: Some(true),
        ..shape
    };
    let finished = execute(&spec.resolve("now").unwrap(), &Cancel::default(), &mut |_| {}).unwrap();
    let summary = finished.summary;
    // The few items that are taken may be those that fail.
    assert!(matches!(finished.stop, None | Some(StopReason::NothingSucceeded { .. })), "{:?}", finished.stop);
    assert_eq!(summary.counts.items, summary.counts.succeeded + summary.counts.failed);
    let mut items: BTreeMap<(String, u64), bool> = BTreeMap::new();
    if let Some(predictions) = summary.predictions {
        items.extend(Table::read(predictions.as_ref()).places().into_iter().map(|place| (place, true)));
    }
    if let Some(errors) = summary.errors {
        for line in std::fs::read_to_string(errors).unwrap().lines() {
            let error: Value = serde_json::from_str(line).unwrap();
            let place = place(error["file"].as_str().unwrap(), error["row"].as_u64().unwrap());
            assert_eq!(items.insert(place, false), None, "{line}");
        }
    }
    assert_eq!(summary.counts.items, items.len() as u64);
    items
}

proptest! {
    #![proptest_config(Config { cases: 32, failure_persistence: None, ..Config::default() })]

    #[test]
    fn samples_and_limits_do_not_depend_on_how_the_work_is_cut_and_shared(
        files in prop::collection::vec(0usize..300, 1..5),
        percent in prop::option::of(1u32..100),
        limit in prop::option::of(1u64..500),
        condition in any::<bool>(),
        parquet in any::<bool>(),
        size in prop_oneof![(1u64..50).prop_map(|items| items.to_string()), Just("1kb".to_owned())],
        workers in 1u64..5,
    ) {
        prop_assume!(files.iter().any(|rows| *rows > 0));
        let fails = |row: usize| row % 7 == 3 || (20..45).contains(&row);
        let scene = Scene::new();
        scene.write("model.scripted", "");
        std::fs::create_dir(scene.path("data")).unwrap();
        for (file, rows) in files.iter().enumerate() {
            let rows = (0..*rows).map(|row| vec![(row % 10).to_string(), row.to_string()]).collect();
            let table = Table { columns: vec!["x".to_owned(), "n".to_owned()], rows };
            if parquet {
                write_parquet(&scene, &format!("data/{file}.parquet"), &number_columns(&table), 64);
            } else {
                // Some records cannot be decoded.
                let line = |(row, cells): (usize, &Vec<String>)| match fails(row) {
                    true => format!("{}\n", cells[0]),
                    false => format!("{}\n", cells.join(",")),
                };
                let lines: String = table.rows.iter().enumerate().map(line).collect();
                scene.write(&format!("data/{file}.csv"), format!("x,n\n{lines}"));
            }
        }
        let shape = |limit| JobSpec {
            sample: percent.map(|percent| Scalar::Text(format!("{percent}%"))),
            filter: condition.then(|| "x < 7 AND n <> 12".to_owned()),
            limit,
            ..JobSpec::default()
        };
        let all = job(&scene, shape(None), 1, "10", "all");
        let some = job(&scene, shape(limit), workers, &size, "some");
        // Names of files sort as they are read.
        let wanted = limit.map_or(usize::MAX, |limit| limit as usize);
        prop_assert_eq!(some, all.into_iter().take(wanted).collect());
    }
}

//! What a run leaves: predictions in every form, error records, `job.json`, and nothing else.

use std::fs;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use serde_json::Value;

use crate::support::{Run, Scene, Table, assert_same, rows_csv, write_parquet};

const FORMS: [&str; 5] = ["txt", "csv", "jsonl", "parquet", "arrow"];

#[test]
fn every_form_holds_the_same() {
    for model in ["logistic_regression_3class", "several_inputs_string", "plain_network_two_outputs"] {
        let scene = Scene::new();
        let file = scene.model(model);
        scene.copy(&format!("tests/models/{model}.input.csv"), "data.csv");
        let tables: Vec<Table> = FORMS
            .iter()
            .map(|form| {
                let run = scene.run().model(&file).input("data.csv").args(&["--keep", "all"]);
                run.named(&format!("p.{form}")).arg("--overwrite").ok().predictions().clone()
            })
            .collect();
        let names = &tables[1].columns;
        assert_eq!(names[..3], ["row", "prediction", "file"]);
        for (form, table) in FORMS.iter().zip(&tables) {
            assert_same(table, &tables[1], &format!("{model}.{form}"));
            assert!(*form == "txt" || &table.columns == names, "{form}: {:?}", table.columns);
        }
    }
}

#[test]
fn text_forms_are_written_as_documented() {
    let scene = Scene::new();
    let run = |name: &str| scene.scripted("fail_rows: 1", 3).args(&["--keep", "id"]).named(name).ok();
    run("p.txt");
    assert_eq!(scene.read("out/p.txt"), "0,0,data.csv,a0\n2,2,data.csv,a2\n");
    run("p.csv");
    assert_eq!(scene.read("out/p.csv"), "row,prediction,file,id\n0,0,data.csv,a0\n2,2,data.csv,a2\n");
    run("p.jsonl");
    assert_eq!(
        scene.read("out/p.jsonl"),
        "{\"row\":0,\"prediction\":0,\"file\":\"data.csv\",\"id\":\"a0\"}\n\
         {\"row\":2,\"prediction\":2,\"file\":\"data.csv\",\"id\":\"a2\"}\n"
    );
}

#[test]
fn values_with_delimiters_and_quotes_survive() {
    let values = ["a,b", "say \"hi\"", "two\nlines", "", "ö\u{1f600}", "\\n", " blank "];
    let mut text = String::from("id,text\n");
    for (row, value) in values.iter().enumerate() {
        text.push_str(&format!("{row},\"{}\"\n", value.replace('"', "\"\"")));
    }
    for form in FORMS {
        let scene = Scene::new();
        scene.write("model.scripted", "");
        scene.write("odd, \"name\".csv", &text);
        let run = scene.run().model("model.scripted").input("odd, \"name\".csv").args(&["--keep", "text"]);
        let ended = run.named(&format!("p.{form}")).ok();
        let rows = &ended.predictions().rows;
        assert_eq!(rows.iter().map(|row| row[3].as_str()).collect::<Vec<_>>(), values, "{form}");
        assert!(rows.iter().all(|row| row[2] == "odd, \"name\".csv"), "{form}");
    }
}

#[test]
fn standard_output_holds_the_predictions_and_nothing_else() {
    for form in ["csv", "jsonl", "txt"] {
        let scene = Scene::new();
        let to_file = scene.scripted("fail_rows: 4", 10).named(&format!("p.{form}")).ok();
        assert!(to_file.stdout.ends_with(&format!("p.{form}\n")), "{to_file}");
        let ended = scene.scripted("fail_rows: 4", 10).args(&["--name", "j"]).to("-").named(&format!("p.{form}")).ok();
        assert_eq!(ended.stdout, scene.read(&format!("out/p.{form}")), "{form}");
        assert_eq!(ended.result("predictions"), "standard output");
        // The error records and the account have no place there.
        assert_eq!(scene.names("outputs/j"), ["job.json", "p.errors.jsonl"]);
        assert_eq!(ended.failed_rows(), [4]);
    }
}

#[test]
fn standard_output_can_be_named_as_the_file() {
    let scene = Scene::new();
    let ended = scene.scripted("", 2).named("-").ok();
    assert_eq!(ended.stdout, "0,0,data.csv\n1,1,data.csv\n");
}

#[test]
fn predictions_can_be_dropped() {
    let scene = Scene::new();
    let ended = scene.scripted("fail_rows: 4", 10).args(&["--name", "j"]).to("null:").ok();
    assert_eq!(ended.counts(), (10, 9, 1));
    assert_eq!(ended.stdout, "");
    assert_eq!(scene.names("outputs/j"), ["job.json", "predictions.errors.jsonl"]);
}

#[test]
fn an_output_is_replaced_only_on_request() {
    let scene = Scene::new();
    scene.scripted("", 3).ok();
    let before = scene.read("out/predictions.csv");
    scene.scripted("", 5).exits(6).says(&["out/predictions.csv", "already exists"]);
    assert_eq!(scene.read("out/predictions.csv"), before);
    assert_eq!(scene.scripted("", 5).arg("--overwrite").ok().predictions().len(), 5);
}

#[test]
fn an_output_stays_until_its_replacement_is_complete() {
    let scene = Scene::new();
    scene.scripted("", 3).ok();
    let before = scene.read("out/predictions.csv");
    scene.scripted("fail_rows: 1", 3).args(&["--overwrite", "--error-threshold", "0"]).exits(5);
    assert_eq!(scene.read("out/predictions.csv"), before);
    assert!(scene.exists("out/predictions.csv.partial"));
}

#[test]
fn a_run_leaves_its_three_files_only() {
    for form in FORMS {
        let scene = Scene::new();
        let name = format!("p.{form}");
        scene.scripted("", 3).named(&name).ok();
        let mut names = ["job.json", &name, "p.errors.jsonl"];
        names.sort_unstable();
        assert_eq!(scene.names("out"), names);
        assert_eq!(scene.read("out/p.errors.jsonl"), "", "without errors the file is there and empty");
    }
}

#[test]
fn a_failed_run_leaves_what_was_finished_under_another_name() {
    for form in ["txt", "csv", "jsonl"] {
        let scene = Scene::new();
        let name = format!("p.{form}");
        let run = scene.scripted("fail_rows: 2", 3).mini_batch_size("1").named(&name);
        let ended = run.args(&["--error-threshold", "0", "--workers", "1"]).exits(5);
        let partial = format!("{name}.partial");
        let mut names = vec!["job.json", "p.errors.jsonl", &partial];
        names.sort_unstable();
        assert_eq!(scene.names("out"), names);
        assert_eq!(ended.predictions().len(), 2, "{ended}");
        assert_eq!(ended.result("partial_predictions"), format!("out/{partial}").as_str());
        assert_eq!(ended.result("predictions"), &Value::Null);
    }
}

#[test]
fn partial_columnar_files_can_be_read() {
    for form in ["parquet", "arrow"] {
        let scene = Scene::new();
        let run = scene.scripted("fail_rows: 2", 3).mini_batch_size("1").named(&format!("p.{form}"));
        let ended = run.args(&["--error-threshold", "0", "--workers", "1"]).exits(5);
        assert_eq!(ended.predictions().len(), 2, "{ended}");
    }
}

#[test]
fn error_records_say_where_and_why() {
    let scene = Scene::new();
    let model = scene.model("linear_regression");
    scene.write("data.csv", "a,b,c,d,e\n1,2,3,4,5\n1,2,\"a \"\"text\"\"\",4,5\n");
    scene.run().model(&model).input("data.csv").ok();
    let text = scene.read("out/predictions.errors.jsonl");
    let record: Value = serde_json::from_str(text.trim_end()).unwrap();
    assert_eq!(record["file"], "data.csv");
    assert_eq!(record["row"], 1);
    assert_eq!(record["stage"], "decode");
    assert_eq!(record["attempts"], 0);
    assert!(record["cause"].as_str().unwrap().contains("column \"c\""), "{record}");
    assert!(text.ends_with('\n') && text.lines().count() == 1, "{text}");
}

#[test]
fn error_records_of_an_earlier_try_are_gone() {
    let scene = Scene::new();
    scene.scripted("fail_rows: 1", 3).args(&["--error-threshold", "0"]).exits(5);
    assert_ne!(scene.read("out/predictions.errors.jsonl"), "");
    scene.scripted("", 3).ok();
    assert_eq!(scene.read("out/predictions.errors.jsonl"), "");
}

#[test]
fn the_account_says_what_ran_and_how_it_ended() {
    let scene = Scene::new();
    let run = scene.scripted("fail_rows: 4", 10).mini_batch_size("3");
    let ended = run.args(&["--name", "nightly", "--workers", "3", "--max-retries", "1", "--timeout", "PT45S"]).ok();
    let job = ended.job.as_ref().unwrap();
    let settings = &job["settings"];
    assert_eq!(settings["name"], "nightly");
    assert_eq!(settings["model"], "model.scripted");
    assert_eq!(settings["mini_batch_size"], 3);
    assert_eq!(settings["workers"], 3);
    assert_eq!(settings["retry_settings"]["max_retries"], 1);
    assert_eq!(settings["retry_settings"]["timeout"], 45.0);
    assert_eq!(settings["error_threshold"], -1);
    let result = &job["result"];
    assert_eq!(
        (&result["job"], &result["status"], &result["error"]),
        (&"nightly".into(), &"Completed".into(), &Value::Null)
    );
    assert_eq!(result["predictions"], "out/predictions.csv");
    assert_eq!(result["errors"], "out/predictions.errors.jsonl");
    assert_eq!((ended.count("mini_batches"), ended.count("failed_mini_batches")), (4, 1));
    assert!(result["elapsed_seconds"].as_f64().unwrap() > 0.0);
    assert!(result["items_per_second"].as_f64().unwrap() > 0.0);
    assert!(result["peak_memory_bytes"].as_u64().unwrap() > 1 << 20);
}

#[test]
fn the_location_is_told_to_a_program_that_listens() {
    let scene = Scene::new();
    let ended = scene.scripted("", 3).ok();
    assert_eq!(ended.stdout, "out/predictions.csv\n");
    // A person reads it in the summary.
    ended.says(&["items in", "3 = 3 succeeded + 0 failed", "out/predictions.csv"]);
    let ended = scene.scripted("fail_rows: 0, 1, 2", 3).arg("--overwrite").exits(5);
    assert_eq!(ended.stdout, "", "there is no output to tell of");
}

#[test]
fn an_output_folder_is_made_with_all_its_parents() {
    let scene = Scene::new();
    scene.scripted("", 3).to("a/b/c").ok();
    assert!(scene.exists("a/b/c/predictions.csv"));
}

#[test]
fn a_link_in_place_of_the_output_is_not_followed_into_other_files() {
    let scene = Scene::new();
    scene.write("precious.csv", "precious\n");
    fs::create_dir(scene.path("out")).unwrap();
    std::os::unix::fs::symlink("../precious.csv", scene.path("out/predictions.csv")).unwrap();
    scene.scripted("", 3).exits(6);
    scene.scripted("", 3).arg("--overwrite").ok();
    assert_eq!(scene.read("precious.csv"), "precious\n");
}

#[test]
fn a_name_that_is_no_file_name_is_refused() {
    let scene = Scene::new();
    for name in ["a/b.csv", "job.json", "predictions.xlsx", "noextension", "../p.csv"] {
        scene.scripted("", 3).named(name).exits(2).says(&[name]);
    }
    assert!(!scene.exists("out"));
}

/// A run over two files of 2,500 and 1,500 rows, of which the rows 7 and 2,400 fail, if they are there.
fn two_files<'a>(scene: &'a Scene, name: &str) -> Run<'a> {
    scene.write("model.scripted", "fail_rows: 7, 2400");
    scene.write("in/a.csv", rows_csv("a", 2500));
    scene.write("in/b.csv", rows_csv("b", 1500));
    let run = scene.run().model("model.scripted").input("in").args(&["--keep", "id"]);
    run.mini_batch_size("50").named(name)
}

#[test]
fn parts_hold_what_one_file_would() {
    let scene = Scene::new();
    let whole = two_files(&scene, "p.csv").to("whole").ok();
    for form in ["txt", "csv", "jsonl", "parquet", "arrow", "csv.gz", "jsonl.zst"] {
        for (size, parts) in [("1000", 4), ("3997", 1), ("1", 3997), ("1GB", 1)] {
            if size == "1" && form != "csv" {
                continue;
            }
            let name = format!("p.{form}");
            let to = format!("{form}-{size}");
            let ended = two_files(&scene, &name).to(&to).args(&["--output-partition-size", size]).ok();
            assert_eq!(ended.predictions().rows, whole.predictions().rows, "{form} {size}");
            assert_eq!(ended.result("predictions"), format!("{to}/{name}").as_str());
            assert_eq!(ended.stdout, format!("{to}/{name}\n"));
            assert_eq!(scene.names(&to).len(), 4, "nothing hidden is left");
            let names = scene.names(&format!("{to}/{name}"));
            assert_eq!((names.len(), names[0].as_str()), (parts + 1, "_SUCCESS"));
            assert_eq!(scene.read(&format!("{to}/{name}/_SUCCESS")), "");
            assert_eq!(names[parts], format!("part-{:05}.{form}", parts - 1));
            let manifest: Value = serde_json::from_str(&scene.read(&format!("{to}/{name}.manifest.json"))).unwrap();
            assert_eq!(manifest["rows"], 3997);
            let mut bytes = 0;
            for (part, name) in manifest["parts"].as_array().unwrap().iter().zip(&names[1..]) {
                assert_eq!(part["name"], name.as_str());
                let path = scene.path(&to).join(format!("p.{form}")).join(name);
                assert_eq!(part["bytes"], fs::metadata(&path).unwrap().len());
                bytes += part["bytes"].as_u64().unwrap();
                let table = Table::read(&path);
                assert_eq!(part["rows"], table.len());
                let place = |row: &[String]| serde_json::json!({"file": row[2], "row": row[0].parse::<u64>().unwrap()});
                assert_eq!(part["first"], place(&table.rows[0]));
                assert_eq!(part["last"], place(&table.rows[table.len() - 1]));
            }
            assert_eq!(manifest["bytes"], bytes);
        }
    }
}

#[test]
fn parts_of_bytes_are_not_much_larger() {
    let scene = Scene::new();
    scene.scripted("", 800_000).args(&["--output-partition-size", "1MB", "--mini-batch-size", "1000"]).ok();
    let manifest: Value = serde_json::from_str(&scene.read("out/predictions.csv.manifest.json")).unwrap();
    let parts = manifest["parts"].as_array().unwrap();
    assert!(parts.len() > 1, "{manifest}");
    let (last, full) = parts.split_last().unwrap();
    assert!(full.iter().all(|part| part["bytes"].as_u64().unwrap() >= 1 << 20), "{manifest}");
    assert!(last["rows"].as_u64().unwrap() > 0);
}

#[test]
fn an_empty_output_has_one_empty_part() {
    for (form, table) in [("csv", "row,prediction,file\n"), ("txt", ""), ("jsonl", "")] {
        let scene = Scene::new();
        let name = format!("p.{form}");
        scene.scripted("", 0).named(&name).args(&["--csv-header", "on", "--output-partition-size", "10"]).ok();
        assert_eq!(scene.names(&format!("out/{name}")), ["_SUCCESS", &format!("part-00000.{form}")]);
        assert_eq!(scene.read(&format!("out/{name}/part-00000.{form}")), table);
    }
    let scene = Scene::new();
    let ended =
        scene.scripted("", 0).named("p.parquet").args(&["--csv-header", "on", "--output-partition-size", "10"]).ok();
    assert_eq!(ended.predictions().columns, ["row", "prediction", "file"]);
}

#[test]
fn parts_are_replaced_only_on_request() {
    let scene = Scene::new();
    let run = |rows, size| scene.scripted("", rows).args(&["--output-partition-size", size]);
    run(5, "2").ok();
    run(5, "2").exits(6).says(&["out/predictions.csv", "already exists", "--overwrite"]);
    assert_eq!(scene.names("out/predictions.csv").len(), 4);
    assert_eq!(run(3, "2").arg("--overwrite").ok().predictions().len(), 3);
    assert_eq!(scene.names("out/predictions.csv"), ["_SUCCESS", "part-00000.csv", "part-00001.csv"]);
    // Neither kind is mistaken for the other.
    scene.scripted("", 3).arg("--overwrite").exits(6).says(&["out/predictions.csv", "is a folder"]);
    scene.write("out/predictions.csv/notes.txt", "mine");
    run(3, "2").arg("--overwrite").exits(6).says(&["notes.txt", "no part of an output"]);
    assert_eq!(scene.names("out/predictions.csv").len(), 4);
    scene.scripted("", 3).to("file").ok();
    run(3, "2").to("file").exits(6);
    assert_eq!(run(3, "2").to("file").arg("--overwrite").ok().predictions().len(), 3);
}

#[test]
fn parts_of_a_failed_run_are_kept_under_another_name() {
    for form in ["csv", "parquet", "jsonl.zst"] {
        let scene = Scene::new();
        let name = format!("p.{form}");
        for _ in 0..2 {
            let run = scene.scripted("fail_rows: 2", 3).mini_batch_size("1").named(&name);
            let run = run.args(&["--error-threshold", "0", "--workers", "1", "--output-partition-size", "1"]);
            let ended = run.exits(5);
            assert_eq!(ended.predictions().len(), 2, "{ended}");
            assert_eq!(ended.result("partial_predictions"), format!("out/{name}.partial").as_str());
            assert_eq!(scene.names(&format!("out/{name}.partial")).len(), 2, "no mark");
            assert!(!scene.exists(&format!("out/{name}.manifest.json")));
            assert!(!scene.exists(&format!("out/{name}")));
        }
    }
}

#[test]
fn parts_are_an_input() {
    let scene = Scene::new();
    scene.scripted("", 10).args(&["--output-partition-size", "3"]).ok();
    let run = scene.run().model("model.scripted").input("out/predictions.csv").args(&["--features", "row"]).to("again");
    assert_eq!(run.ok().counts(), (10, 10, 0));
}

#[test]
fn only_a_folder_has_parts() {
    let scene = Scene::new();
    for to in ["-", "null:"] {
        let run = scene.scripted("", 3).to(to).args(&["--output-partition-size", "2"]);
        run.exits(2).says(&["output_partition_size", "--output-path"]);
    }
    for size in ["0", "-1", "2.5MB", "some"] {
        scene.scripted("", 3).args(&["--output-partition-size", size]).exits(2).says(&[size, "256MB"]);
    }
}

#[test]
fn compressed_texts_hold_the_same() {
    let scene = Scene::new();
    for form in ["txt", "csv", "jsonl"] {
        let plain = two_files(&scene, &format!("p.{form}")).to(form).ok();
        for around in ["gz", "zst"] {
            let name = format!("p.{form}.{around}");
            let ended = two_files(&scene, &name).to(&format!("{form}.{around}")).ok();
            assert_eq!(ended.predictions(), plain.predictions(), "{name}");
            assert_eq!(ended.result("errors"), format!("{form}.{around}/p.errors.jsonl").as_str());
            assert_eq!(ended.failed_rows(), plain.failed_rows());
        }
    }
}

#[test]
fn the_compression_is_asked_for_by_its_name() {
    let scene = Scene::new();
    let plain = two_files(&scene, "p.csv").to("plain").ok();
    for (form, codecs) in [
        ("parquet", &["none", "gzip", "zstd", "snappy", "lz4"][..]),
        ("arrow", &["none", "zstd", "lz4"]),
        ("csv.gz", &["gzip"]),
        ("csv.zst", &["zstd"]),
        ("csv", &["none"]),
    ] {
        for codec in codecs {
            let run = two_files(&scene, &format!("p.{form}")).to(&format!("{form}-{codec}"));
            let ended = run.args(&["--output-compression", codec]).ok();
            assert_eq!(ended.predictions().rows, plain.predictions().rows, "{form} {codec}");
        }
    }
    for (form, codec, says) in [
        ("csv", "gzip", "end it in .gz"),
        ("csv.gz", "zstd", "end it in .zst"),
        ("arrow", "gzip", "lz4, zstd or none"),
        ("parquet", "brotli", "none, gzip, zstd, snappy or lz4"),
    ] {
        let run = two_files(&scene, &format!("p.{form}")).to("refused").args(&["--output-compression", codec]);
        run.exits(2).says(&["output_compression", says]);
    }
    scene.scripted("", 1).named("p.parquet.gz").exits(2).says(&["p.parquet.gz", "leave .gz out"]);
}

/// 20,000 rows of which these have a time that no calendar has, as DuckDB writes infinity.
fn with_infinities(scene: &Scene, rows: &[i64]) {
    let times = (0..20_000).map(|row| if rows.contains(&row) { i64::MAX } else { row * 1_000_000 });
    let columns: [(&str, ArrayRef); 2] = [
        ("id", Arc::new(Int64Array::from_iter_values(0..20_000))),
        ("at", Arc::new(TimestampMicrosecondArray::from_iter_values(times))),
    ];
    scene.write("model.scripted", "");
    write_parquet(scene, "data.parquet", &RecordBatch::try_from_iter(columns).unwrap(), 12_000);
}

#[test]
fn a_result_that_cannot_be_written_costs_its_record() {
    let scene = Scene::new();
    with_infinities(&scene, &[0, 7777, 7778, 19_999]);
    let run = |to: &str, name: &str| {
        let run = scene.run().model("model.scripted").input("data.parquet").args(&["--keep", "at", "--key", "id"]);
        run.mini_batch_size("100").to(to).named(name)
    };
    for name in ["p.txt", "p.csv", "p.jsonl", "p.csv.gz"] {
        let ended = run(name, name).ok();
        assert_eq!(ended.counts(), (20_000, 19_996, 4));
        assert_eq!(ended.failed_rows(), [0, 7777, 7778, 19_999]);
        let error = &ended.errors()[1];
        assert_eq!((&error["stage"], &error["attempts"], &error["key"]), (&"write".into(), &1.into(), &7777.into()));
        assert!(error["cause"].as_str().unwrap().contains("write .parquet"), "{error}");
    }
    // The tests' own table of text has no room for such values either.
    assert!(run("parquet", "p.parquet").command().output().unwrap().status.success());
    assert_eq!(scene.read("parquet/p.errors.jsonl"), "");
    // In parts, as one that exceeds a threshold, and as all that there is.
    let ended = run("parts", "p.csv").args(&["--output-partition-size", "3000"]).ok();
    assert_eq!(ended.counts(), (20_000, 19_996, 4));
    run("few", "p.csv").args(&["--error-threshold", "4"]).ok();
    run("many", "p.csv").args(&["--error-threshold", "3"]).exits(5).says(&["error_threshold 3"]);
    with_infinities(&scene, &(0..20_000).collect::<Vec<_>>());
    let ended = run("none", "p.csv").args(&["--limit", "300"]).exits(5);
    assert_eq!(ended.counts(), (300, 0, 300));
    ended.says(&["no item succeeded", "data.parquet, row 0"]);
}

#[test]
fn attempts_at_what_cannot_be_written_are_told() {
    let scene = Scene::new();
    with_infinities(&scene, &[150]);
    scene.write("model.scripted", "fail: 2");
    let run = scene.run().model("model.scripted").input("data.parquet").args(&["--keep", "at", "--limit", "300"]);
    let ended = run.mini_batch_size("100").ok();
    assert_eq!(ended.counts(), (300, 299, 1));
    assert_eq!(ended.only_error()["attempts"], 3);
}

/// The most memory that a run had, in megabytes.
fn peak_megabytes(ended: &crate::support::Ended) -> u64 {
    ended.result("peak_memory_bytes").as_u64().unwrap() >> 20
}

#[test]
fn results_of_small_records_take_little_memory_at_a_time() {
    let scene = Scene::new();
    // One block's worth of text: the results of it would be a gigabyte.
    let text: String =
        std::iter::once("id\n".to_owned()).chain((0..400_000).map(|row| format!("{row:09}\n"))).collect();
    scene.write("data.csv", text);
    scene.write("model.scripted", "outputs: 50");
    let run = scene.run().model("model.scripted").input("data.csv").args(&["--workers", "2"]).mini_batch_size("1000");
    let ended = run.to("null:").named("p.csv").ok();
    assert_eq!(ended.counts(), (400_000, 400_000, 0));
    assert!(peak_megabytes(&ended) < 300, "{} MB", peak_megabytes(&ended));
}

#[test]
fn results_that_wait_for_a_slow_writer_are_bounded() {
    let scene = Scene::new();
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..4_000_000));
    write_parquet(&scene, "data.parquet", &RecordBatch::try_from_iter([("id", ids)]).unwrap(), 1 << 20);
    scene.write("model.scripted", "outputs: 4");
    let run = scene.run().model("model.scripted").input("data.parquet").args(&["--workers", "2", "--name", "j"]);
    let run = run.mini_batch_size("10000").to("-").named("p.csv");
    let ended = run.in_shell("\"$@\" | { sleep 4; wc -l; }");
    let output = { ended }.output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "4000001",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let job: Value = serde_json::from_str(&scene.read("outputs/j/job.json")).unwrap();
    let peak = job["result"]["peak_memory_bytes"].as_u64().unwrap() >> 20;
    assert!(peak < 400, "{peak} MB");
}

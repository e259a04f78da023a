//! Bad input gets a clear error, and nothing is lost: what cannot be used is a failed item or a reason not to begin.

use std::os::unix::fs::symlink;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use serde_json::Value;

use crate::support::{Ended, Scene, gzip, rows_csv, write_parquet};

/// `linear_regression.onnx`, which takes five columns of numbers.
fn five_columns(scene: &Scene) -> String {
    scene.model("linear_regression")
}

const HEADER: &str = "x0,x1,x2,x3,x4\n";

/// A file with the columns that the model takes, and `line` as its third record.
fn with_line(scene: &Scene, line: &str) {
    scene.write("data.csv", format!("{HEADER}1,2,3,4,5\n2,3,4,5,6\n{line}\n3,4,5,6,7\n"));
}

fn five_columns_parquet(scene: &Scene, name: &str, rows: usize, row_group: usize) {
    let columns = (0..5).map(|column| {
        let values: Float64Array = (0..rows).map(|row| (row * 7 + column) as f64).collect();
        (format!("x{column}"), Arc::new(values) as ArrayRef)
    });
    write_parquet(scene, name, &RecordBatch::try_from_iter(columns).unwrap(), row_group);
}

#[track_caller]
fn assert_cause(error: &Value, parts: &[&str]) {
    let cause = error["cause"].as_str().unwrap_or_else(|| panic!("no cause: {error}"));
    for part in parts {
        assert!(cause.contains(part), "{part:?} is not in {error}");
    }
}

/// The third of four records failed to decode, and the others were scored.
#[track_caller]
fn assert_third_failed(ended: &Ended, parts: &[&str]) {
    assert_eq!(ended.counts(), (4, 3, 1), "{ended}");
    assert_eq!(ended.predictions().column("row"), ["0", "1", "3"]);
    let error = ended.only_error();
    assert_eq!((error["row"].as_u64(), error["stage"].as_str()), (Some(2), Some("decode")), "{error}");
    assert_cause(error, parts);
    let file = error["file"].as_str().unwrap();
    ended.says(&[file, "row 2"]).says(parts);
}

#[test]
fn a_path_that_does_not_exist_names_the_nearest() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    scene.write("data/measurements.csv", HEADER);
    let ended = scene.run().model(&model).input("data/mesurements.csv").exits(3);
    ended.says(&["data/mesurements.csv", "does not exist", "did you mean data/measurements.csv?"]);
    scene
        .run()
        .model(&model)
        .input("date/measurements.csv")
        .exits(3)
        .says(&["date/measurements.csv", "does not exist"]);
    assert!(!scene.exists("out"), "a job that cannot begin leaves no output folder");
}

#[test]
fn an_empty_folder_says_so() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    std::fs::create_dir(scene.path("data")).unwrap();
    scene.run().model(&model).input("data").exits(3).says(&["data holds no files"]);
    scene.write("data/_SUCCESS", "");
    scene.run().model(&model).input("data").exits(3).says(&["data holds no files", "passed over"]);
    scene.write("data/notes.md", "");
    scene.run().model(&model).input("data").exits(3).says(&["notes.md", "--input-format"]);
}

/// Readable files around one that is not: the job goes on, and the file is one failed item.
fn check_unreadable(scene: &Scene, name: &str, parts: &[&str]) {
    let model = five_columns(scene);
    scene.write("data/a.csv", format!("{HEADER}1,2,3,4,5\n"));
    scene.write("data/z.csv", format!("{HEADER}1,2,3,4,5\n2,3,4,5,6\n"));
    let ended = scene.run().model(&model).input("data").ok();
    assert_eq!(ended.counts(), (4, 3, 1), "{ended}");
    assert_eq!(ended.predictions().column("file"), ["a.csv", "z.csv", "z.csv"]);
    let error = ended.only_error();
    assert_eq!((error["file"].as_str(), error["stage"].as_str()), (Some(name), Some("read")), "{error}");
    assert_cause(error, parts);
    ended.says(&[name]);
}

#[test]
fn a_link_to_nothing_among_readable_files() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("data")).unwrap();
    symlink("gone.csv", scene.path("data/link.csv")).unwrap();
    check_unreadable(&scene, "link.csv", &["data/link.csv", "does not exist"]);
}

#[test]
fn a_truncated_parquet_file_among_readable_files() {
    let scene = Scene::new();
    five_columns_parquet(&scene, "whole.parquet", 100, 10);
    let bytes = std::fs::read(scene.path("whole.parquet")).unwrap();
    scene.write("data/m.parquet", &bytes[..bytes.len() / 2]);
    check_unreadable(&scene, "m.parquet", &["m.parquet", "arquet"]);
}

#[test]
fn a_file_that_this_user_may_not_read() {
    use std::os::unix::fs::PermissionsExt;

    let scene = Scene::new();
    let path = scene.write("data/secret.csv", format!("{HEADER}1,2,3,4,5\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&path).is_ok() {
        // Permissions do not stop root: then the file is readable, and is scored.
        let model = five_columns(&scene);
        assert_eq!(scene.run().model(&model).input("data").ok().counts(), (1, 1, 0));
    } else {
        check_unreadable(&scene, "secret.csv", &["cannot be read by this user", "check its permissions"]);
    }
}

#[test]
fn a_truncated_parquet_file_alone() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    five_columns_parquet(&scene, "whole.parquet", 100, 10);
    let bytes = std::fs::read(scene.path("whole.parquet")).unwrap();
    scene.write("cut.parquet", &bytes[..bytes.len() / 2]);
    scene.run().model(&model).input("cut.parquet").exits(3).says(&["cut.parquet", "arquet"]);
    scene.write("tiny.parquet", "PAR1");
    scene.run().model(&model).input("tiny.parquet").exits(3).says(&["tiny.parquet"]);
}

#[test]
fn a_broken_row_group_costs_its_own_rows() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    five_columns_parquet(&scene, "whole.parquet", 300, 100);
    let mut bytes = std::fs::read(scene.path("whole.parquet")).unwrap();
    let footer = parquet::file::metadata::ParquetMetaDataReader::new()
        .parse_and_finish(&std::fs::File::open(scene.path("whole.parquet")).unwrap())
        .unwrap();
    let (start, length) = footer.row_group(1).column(2).byte_range();
    bytes[start as usize..(start + length) as usize].fill(0xff);
    scene.write("broken.parquet", bytes);
    let ended = scene.run().model(&model).input("broken.parquet").ok();
    assert_eq!(ended.counts(), (300, 200, 100), "{ended}");
    let rows: Vec<String> = (0..100).chain(200..300).map(|row| row.to_string()).collect();
    assert_eq!(ended.predictions().column("row"), rows);
    assert!(ended.errors().iter().all(|error| error["file"] == "broken.parquet"));
    ended.says(&["broken.parquet"]);
}

#[test]
fn gzip_that_breaks_off_keeps_what_came_before() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    let rows = 50_000;
    let mut text = HEADER.to_owned();
    for row in 0..rows {
        text.push_str(&format!("{row},{},{}.25,4,5\n", row * 31 % 1009, row * 17 % 911));
    }
    let whole = gzip(text);
    scene.write("cut.csv.gz", &whole[..whole.len() / 2]);
    let ended = scene.run().model(&model).input("cut.csv.gz").ok();
    let (items, succeeded, failed) = ended.counts();
    assert!(succeeded > 1000 && items < rows, "{ended}");
    assert_eq!(failed, 1, "what is left of the file is one failed item: {ended}");
    let error = ended.only_error();
    assert_eq!((error["stage"].as_str(), error["row"].as_u64()), (Some("read"), Some(succeeded)), "{error}");
    let rows: Vec<String> = (0..succeeded).map(|row| row.to_string()).collect();
    assert!(ended.predictions().column("row") == rows);
}

#[test]
fn a_ragged_row() {
    for (line, fields) in [("2,3", "2 fields"), ("1,2,3,4,5,6,7", "7 fields"), ("", "")] {
        let scene = Scene::new();
        let model = five_columns(&scene);
        with_line(&scene, line);
        let ended = scene.run().model(&model).input("data.csv").mini_batch_size("2").ok();
        if line.is_empty() {
            // A blank line is no record.
            assert_eq!(ended.counts(), (3, 3, 0), "{ended}");
        } else {
            assert_third_failed(&ended, &[fields, "expected 5"]);
        }
    }
}

#[test]
fn a_text_in_a_numeric_column() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    with_line(&scene, "1,2,three,4,5");
    let ended = scene.run().model(&model).input("data.csv").mini_batch_size("2").ok();
    assert_third_failed(&ended, &["\"x2\"", "\"three\"", "not a number", "float32"]);
}

#[test]
fn numbers_that_the_model_cannot_hold() {
    for (line, parts) in [
        ("30,1000,1.5", &["visits", "1.5", "whole number", "int64"][..]),
        ("30,1e39,1", &["income", "1e39", "out of range", "float32"]),
        ("30,1000,99999999999999999999", &["visits", "out of range", "int64"]),
    ] {
        let scene = Scene::new();
        let model = scene.model("several_inputs");
        scene.write("data.csv", format!("age,income,visits\n1,2,3\n2,3,4\n{line}\n3,4,5\n"));
        assert_third_failed(&scene.run().model(&model).input("data.csv").ok(), parts);
    }
}

#[test]
fn an_empty_file() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    for name in ["empty.csv", "empty.jsonl", "empty.parquet", "empty.arrow"] {
        scene.write(name, "");
        scene.run().model(&model).input(name).exits(3).says(&[name]);
    }
    scene.write("data/a.csv", format!("{HEADER}1,2,3,4,5\n"));
    scene.write("data/empty.csv", "");
    let ended = scene.run().model(&model).input("data").ok();
    assert_eq!(ended.count("succeeded"), 1, "{ended}");
}

#[test]
fn a_header_without_records() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    scene.write("header.csv", HEADER);
    let ended = scene.run().model(&model).input("header.csv").ok();
    assert_eq!(ended.counts(), (0, 0, 0));
    assert_eq!(ended.predictions().columns, ["row", "prediction", "file"]);
    for extension in ["txt", "jsonl", "parquet", "arrow"] {
        let run = scene.run().model(&model).input("header.csv").named(&format!("empty.{extension}"));
        assert_eq!(run.ok().predictions().len(), 0, "{extension}");
    }
    scene.write("data/a.csv", HEADER);
    scene.write("data/b.csv", format!("{HEADER}1,2,3,4,5\n"));
    let ended = scene.run().model(&model).input("data").to("both").ok();
    assert_eq!(ended.counts(), (1, 1, 0));
}

#[test]
fn a_column_that_the_model_takes_by_name_is_missing() {
    let scene = Scene::new();
    let model = scene.model("several_inputs");
    scene.write("data.csv", "age,incme,visits\n1,2,3\n");
    let ended = scene.run().model(&model).input("data.csv").exits(3);
    ended.says(&["data.csv", "has no column \"income\"", "did you mean \"incme\"?"]);
    scene.write("data.jsonl", "{\"age\": 1, \"incme\": 2, \"visits\": 3}\n");
    let ended = scene.run().model(&model).input("data.jsonl").exits(3);
    ended.says(&["data.jsonl", "has no column \"income\"", "did you mean \"incme\"?"]);
}

#[test]
fn too_many_or_too_few_columns_for_a_table() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    scene.write("four.csv", "a,b,c,d\n1,2,3,4\n");
    let ended = scene.run().model(&model).input("four.csv").exits(3);
    ended.says(&["four.csv", "takes 5 columns", "has 4", "\"a\", \"b\", \"c\", \"d\"", "--features"]);
    scene.write("six.csv", "a,b,c,d,e,f\n1,2,3,4,5,6\n");
    scene.run().model(&model).input("six.csv").exits(3).says(&["takes 5 columns", "has 6", "--features"]);
    let run = scene.run().model(&model).input("six.csv").args(&["--features", "a,b,c,d"]);
    run.exits(3).says(&["takes 5 columns", "--features names 4"]);
}

#[test]
fn a_column_that_is_asked_for_is_missing() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    scene.write("data.csv", "length,width,depth,height,weight\n1,2,3,4,5\n");
    for flag in ["--features", "--keep"] {
        let run = scene.run().model(&model).input("data.csv").args(&[flag, "length,widht,depth,height,weight"]);
        run.exits(3).says(&["data.csv", "has no column \"widht\"", "did you mean \"width\"?"]);
    }
}

#[test]
fn a_column_that_is_there_twice_is_not_guessed() {
    let scene = Scene::new();
    let model = scene.model("several_inputs");
    scene.write("data.csv", "age,income,visits,age\n1,2,3,4\n");
    scene.run().model(&model).input("data.csv").exits(3).says(&["\"age\"", "more than once"]);
}

#[test]
fn a_later_file_without_a_column_fails_alone() {
    let scene = Scene::new();
    let model = scene.model("several_inputs");
    scene.write("data/a.csv", "age,income,visits\n1,2,3\n");
    scene.write("data/b.csv", "age,incme,visits\n1,2,3\n1,2,3\n");
    scene.write("data/c.csv", "visits,age,income\n3,1,2\n");
    let ended = scene.run().model(&model).input("data").ok();
    assert_eq!(ended.predictions().column("file"), ["a.csv", "c.csv"]);
    let predictions = ended.predictions().column("probability_0");
    assert_eq!(predictions[0], predictions[1], "columns are bound by name in each file");
    assert_eq!(ended.only_error()["file"], "b.csv");
    assert_cause(ended.only_error(), &["has no column \"income\"", "did you mean \"incme\"?"]);
}

#[test]
fn a_parquet_column_of_a_type_that_no_model_takes() {
    let scene = Scene::new();
    let model = scene.model("several_inputs");
    let texts: arrow_array::StringArray = vec!["thirty"].into();
    let numbers: Float64Array = vec![1.0].into();
    let columns: [(&str, ArrayRef); 3] =
        [("age", Arc::new(texts)), ("income", Arc::new(numbers.clone())), ("visits", Arc::new(numbers))];
    write_parquet(&scene, "data.parquet", &RecordBatch::try_from_iter(columns).unwrap(), 10);
    let ended = scene.run().model(&model).input("data.parquet").exits(3);
    ended.says(&["data.parquet", "\"age\"", "Utf8", "float32"]);
}

#[test]
fn ten_thousand_columns() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    let width = 10_000;
    let mut text = (0..width).map(|column| format!("c{column}")).collect::<Vec<_>>().join(",") + "\n";
    for row in 0..3 {
        text += &((0..width).map(|column| (column + row).to_string()).collect::<Vec<_>>().join(",") + "\n");
    }
    scene.write("wide.csv", text);
    let ended = scene.run().model(&model).input("wide.csv").exits(3);
    ended.says(&["wide.csv", "takes 5 columns", "has 10000", "--features"]);
    assert!(ended.stderr.len() < 2000, "the message lists too much: {ended}");

    let features = ["--features", "c0,c9999,c5,c4,c3"];
    let ended = scene.run().model(&model).input("wide.csv").args(&features).args(&["--keep", "c9999,c1"]).ok();
    assert_eq!(ended.predictions().column("c9999"), ["9999", "10000", "10001"]);
    scene.write("narrow.csv", "c0,c9999,c5,c4,c3\n0,9999,5,4,3\n1,10000,6,5,4\n2,10001,7,6,5\n");
    let narrow = scene.run().model(&model).input("narrow.csv").to("narrow").ok();
    assert_eq!(ended.predictions().column("prediction"), narrow.predictions().column("prediction"));
    let ended = scene.run().model(&model).input("wide.csv").args(&features).args(&["--keep", "all"]).to("all").ok();
    assert_eq!(ended.predictions().columns.len(), 3 + width);
}

#[test]
fn a_json_line_that_is_not_an_object() {
    for line in ["[1, 2]", "17", "\"text\"", "null", "{\"x0\": 1", "{} {}"] {
        let scene = Scene::new();
        let model = scene.model("several_inputs");
        let good = "{\"age\": 1, \"income\": 2, \"visits\": 3}\n";
        scene.write("data.jsonl", format!("{good}{good}{line}\n{good}"));
        let ended = scene.run().model(&model).input("data.jsonl").ok();
        assert_third_failed(&ended, &["object"]);
    }
}

#[test]
fn a_json_array_is_not_json_lines() {
    let scene = Scene::new();
    let model = scene.model("several_inputs");
    scene.write("data.jsonl", "[\n  {\"age\": 1, \"income\": 2, \"visits\": 3}\n]\n");
    let ended = scene.run().model(&model).input("data.jsonl").exits(3);
    ended.says(&["data.jsonl", "JSON array", "each record as an object on its own line"]);
}

#[test]
fn a_json_value_of_the_wrong_kind() {
    let scene = Scene::new();
    let model = scene.model("several_inputs");
    let good = "{\"age\": 1, \"income\": 2, \"visits\": 3}\n";
    scene.write("data.jsonl", format!("{good}{good}{{\"age\": \"old\", \"income\": 2, \"visits\": 3}}\n{good}"));
    let ended = scene.run().model(&model).input("data.jsonl").ok();
    assert_third_failed(&ended, &["\"age\"", "old", "not a number"]);
}

#[test]
fn mini_batches_of_no_items() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    scene.write("data.csv", format!("{HEADER}1,2,3,4,5\n"));
    scene.write("job.yml", format!("model: {model}\ninput_path: data.csv\nmini_batch_size: 0\n"));
    for size in ["0", "-5", "0kb"] {
        let ended = scene.run().model(&model).input("data.csv").mini_batch_size(size).exits(2);
        ended.says(&["mini-batch-size", size, "from 1 up"]);
    }
    scene.run().arg("job.yml").exits(2).says(&["job.yml, line 3", "mini_batch_size", "from 1 up"]);
    let run = scene.run().model(&model).input("data.csv").args(&["--set", "mini_batch_size=0"]);
    run.exits(2).says(&["--set mini_batch_size=0", "from 1 up"]);
    assert!(!scene.exists("out"));
}

#[test]
fn an_output_that_exists_is_left_alone() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    scene.write("data.csv", format!("{HEADER}1,2,3,4,5\n"));
    scene.write("out/predictions.csv", "precious\n");
    let ended = scene.run().model(&model).input("data.csv").exits(6);
    ended.says(&["out/predictions.csv", "already exists", "--overwrite"]);
    assert_eq!(scene.read("out/predictions.csv"), "precious\n");
    assert_eq!(scene.names("out"), ["predictions.csv"], "nothing was written beside it");
}

#[test]
fn an_output_folder_that_cannot_be_one() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    scene.write("data.csv", format!("{HEADER}1,2,3,4,5\n"));
    scene.write("file", "precious");
    for folder in ["file", "file/below", "/proc/batchscore", "/dev/null"] {
        let ended = scene.run().model(&model).input("data.csv").to(folder).exits(6);
        ended.says(&[folder]);
    }
    assert_eq!(scene.read("file"), "precious");
}

#[test]
fn an_output_folder_that_this_user_may_not_write() {
    use std::os::unix::fs::PermissionsExt;

    let scene = Scene::new();
    let model = five_columns(&scene);
    scene.write("data.csv", format!("{HEADER}1,2,3,4,5\n"));
    std::fs::create_dir(scene.path("locked")).unwrap();
    std::fs::set_permissions(scene.path("locked"), std::fs::Permissions::from_mode(0o555)).unwrap();
    // Permissions do not stop root, but no user can make a folder in /proc.
    let folder = if std::fs::write(scene.path("locked/probe"), "").is_ok() { "/proc/locked" } else { "locked" };
    scene.run().model(&model).input("data.csv").to(folder).exits(6).says(&[folder]);
}

#[test]
fn a_full_disk_says_how_far_it_came() {
    // Writing to /dev/full fails as on a disk without room (full(4)).
    let scene = Scene::new();
    let run = scene.scripted("", 50_000).to("-");
    let mut command = run.in_shell("\"$@\" >/dev/full");
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{stderr}");
    for part in ["the disk is full", "standard output", "free some space"] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn a_disk_that_fills_up_keeps_whole_blocks_only() {
    // No file may grow beyond 16 blocks of 512 bytes: writing fails in the middle, without a root's file system.
    for number in 0..5 {
        let scene = Scene::new();
        let run = scene.scripted("", 50_000);
        let command = run.in_shell("trap '' XFSZ; ulimit -f 16; exec \"$@\"");
        let ended = run.end_of(command);
        assert_eq!(ended.code, 6, "run {number}: {ended}");
        ended.says(&["out/predictions.csv could not be written"]);
        assert!(!scene.exists("out/predictions.csv"), "an incomplete output has not its final name");
        let partial = scene.read("out/predictions.csv.partial");
        // All records are in one block, of which half a line at the end would be worse than nothing.
        assert_eq!(partial, "row,prediction,file\n");
    }
}

#[test]
fn an_unknown_key_in_a_job_file() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    scene.write("job.yml", format!("model: {model}\n# a comment\nmini_batch_siez: 10\n"));
    let ended = scene.run().arg("job.yml").exits(2);
    ended.says(&["job.yml, line 3", "`mini_batch_siez`", "did you mean `mini_batch_size`?"]);
    scene.write("job.yml", format!("model: {model}\nretry_settings:\n  max_retrys: 3\n"));
    let ended = scene.run().arg("job.yml").exits(2);
    ended.says(&["job.yml, line 3", "`max_retrys`", "did you mean `max_retries`?"]);
}

#[test]
fn a_job_file_that_is_no_yaml() {
    let scene = Scene::new();
    scene.write("job.yml", "name: [unclosed\n");
    scene.run().arg("job.yml").exits(2).says(&["job.yml"]);
    scene.write("job.yml", "- a\n- list\n");
    scene.run().arg("job.yml").exits(2).says(&["job.yml"]);
    scene.run().arg("jbo.yml").exits(2).says(&["jbo.yml", "cannot be read"]);
}

#[test]
fn bytes_that_are_not_text() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    scene.write("data.csv", b"id,name\n0,a\n1,b\n2,\xff\xfe\n3,d\n");
    let ended = scene.run().model("model.scripted").input("data.csv").args(&["--keep", "name"]).ok();
    assert_third_failed(&ended, &["name", "UTF-8"]);
    assert_eq!(ended.predictions().column("name"), ["a", "b", "d"]);
}

#[test]
fn a_quote_that_is_never_closed() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    with_line(&scene, "1,2,\"3,4,5");
    let ended = scene.run().model(&model).input("data.csv").ok();
    // Everything behind the quote is one record, and it is a bad one.
    assert_eq!(ended.predictions().column("row"), ["0", "1"], "{ended}");
    assert_eq!(ended.failed_rows(), [2], "{ended}");
    assert_cause(ended.only_error(), &["quote"]);
}

#[test]
fn every_bad_row_is_told_apart() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    let mut text = HEADER.to_owned();
    let bad = |row: usize| row % 7 == 3;
    for row in 0..200 {
        text += if bad(row) { "1,2,x,4,5\n" } else { "1,2,3,4,5\n" };
    }
    scene.write("data.csv", text);
    let ended = scene.run().model(&model).input("data.csv").ok();
    let (failed, good): (Vec<usize>, Vec<usize>) = (0..200).partition(|row| bad(*row));
    assert_eq!(ended.failed_rows(), failed.iter().map(|row| *row as u64).collect::<Vec<_>>());
    assert_eq!(ended.predictions().column("row"), good.iter().map(ToString::to_string).collect::<Vec<_>>());
    // Only the first few are told one by one.
    ended.says(&["row 3:", "further failures are only counted here", "predictions.errors.jsonl"]);
    assert!(!ended.stderr.contains("row 199"), "{ended}");
}

#[test]
fn names_that_no_workspace_knows() {
    let scene = Scene::new();
    let model = five_columns(&scene);
    scene.run().model(&model).input("azureml:heart:3").exits(3).says(&["azureml:heart:3", "workspace"]);
    let datastore = scene.run().model(&model).input("azureml://datastores/d/paths/p").exits(3);
    datastore.says(&["datastore \"d\"", "workspace"]);
    scene.run().model(&model).input("ftp://server/data.csv").exits(2).says(&["ftp://server/data.csv"]);
}

#[test]
fn a_file_that_is_named_twice_is_scored_twice() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    scene.write("data/a.csv", rows_csv("r", 2));
    let ended = scene.run().model("model.scripted").input("data").input("data/a.csv").ok();
    assert_eq!(ended.counts(), (4, 4, 0));
}

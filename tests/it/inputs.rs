//! Data of every format, wherever it is, comes to the model as it was written, in order.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};

use crate::support::{
    Ended, Manners, Scene, Table, WebServer, assert_same, gzip, number_columns, rows_csv, write_arrow,
    write_arrow_stream, write_parquet,
};

/// Scores a file with a model that takes anything, and keeps every column.
fn keep_all(scene: &Scene, file: &str, args: &[&str]) -> Ended {
    scene.write("model.scripted", "");
    scene.run().model("model.scripted").input(file).args(&["--keep", "all"]).args(args).ok()
}

/// The kept columns of a run of [`keep_all`].
fn kept(scene: &Scene, file: &str, args: &[&str]) -> Table {
    let table = keep_all(scene, file, args).predictions().clone();
    let names: Vec<&str> = table.columns[3..].iter().map(String::as_str).collect();
    table.select(&names)
}

/// A table, written by lines of cells with blanks between them.
fn table(lines: &[&str]) -> Table {
    let cells = |line: &&str| line.split(' ').map(str::to_owned).collect::<Vec<String>>();
    Table { columns: cells(&lines[0]), rows: lines[1..].iter().map(cells).collect() }
}

/// A folder with `linear_regression.onnx`, its input as a table and its expected predictions.
fn linear_regression(scene: &Scene) -> (Table, Table) {
    scene.model("linear_regression");
    scene.copy("tests/models/linear_regression.input.csv", "with_header.csv");
    scene.copy("tests/models/linear_regression.expected.csv", "expected.csv");
    let expected = Table::csv(&scene.read("expected.csv")).select(&["prediction"]);
    (Table::csv(&scene.read("with_header.csv")), expected)
}

#[track_caller]
fn assert_predicts(ended: &Ended, expected: &Table) {
    assert_same(&ended.predictions().select(&["prediction"]), expected, &ended.to_string());
}

#[test]
fn a_header_is_told_from_data() {
    let scene = Scene::new();
    let (data, expected) = linear_regression(&scene);
    let whole = scene.read("with_header.csv");
    scene.write("bare.csv", whole.split_once('\n').unwrap().1);
    for (file, header) in
        [("with_header.csv", "auto"), ("with_header.csv", "on"), ("bare.csv", "auto"), ("bare.csv", "off")]
    {
        let run = scene.run().model("linear_regression.onnx").input(file).args(&["--csv-header", header]);
        let ended = run.arg("--overwrite").ok();
        assert_predicts(&ended, &expected);
        assert_eq!(ended.count("items"), data.len() as u64, "{file}, {header}");
    }
}

#[test]
fn a_doubtful_header_is_told_of() {
    let scene = Scene::new();
    scene.write("texts.csv", "text\ngood\nbad\n");
    scene.write("numbers.csv", "1\n2\n3\n");
    let run = |file: &str, args: &[&str]| keep_all(&scene, file, &[&["--overwrite"], args].concat());
    let warning = ["warning", "texts.csv", "\"text\"", "--csv-header"];
    let doubtful = run("texts.csv", &[]);
    doubtful.says(&warning);
    assert_eq!(doubtful.count("items"), 3);
    for (file, header, items) in [("texts.csv", "on", 2), ("texts.csv", "off", 3), ("numbers.csv", "auto", 3)] {
        let ended = run(file, &["--csv-header", header]);
        assert!(!ended.to_string().contains("warning"), "{ended}");
        assert_eq!(ended.count("items"), items, "{file}, {header}");
    }
}

#[test]
fn a_wrong_word_about_the_header_costs_one_record() {
    let scene = Scene::new();
    let (data, mut expected) = linear_regression(&scene);
    let run = scene.run().model("linear_regression.onnx").input("with_header.csv").args(&["--csv-header", "off"]);
    let ended = run.ok();
    assert_predicts(&ended, &expected);
    assert_eq!(ended.failed_rows(), [0]);
    assert_eq!(ended.predictions().column("row")[0], "1");

    let whole = scene.read("with_header.csv");
    scene.write("bare.csv", whole.split_once('\n').unwrap().1);
    let run =
        scene.run().model("linear_regression.onnx").input("bare.csv").args(&["--csv-header", "on", "--overwrite"]);
    let ended = run.ok();
    expected.rows.remove(0);
    assert_predicts(&ended, &expected);
    assert_eq!(ended.count("items"), data.len() as u64 - 1);
}

#[test]
fn columns_without_a_header_are_taken_by_position() {
    let scene = Scene::new();
    let (data, expected) = linear_regression(&scene);
    let mut text = String::new();
    for (number, row) in data.rows.iter().enumerate() {
        text.push_str(&format!("{number},{}\n", row.iter().rev().cloned().collect::<Vec<_>>().join(",")));
    }
    scene.write("reversed.csv", text);
    for features in ["5,4,3,2,1", "column_5,column_4,column_3,column_2,column_1"] {
        let run = scene.run().model("linear_regression.onnx").input("reversed.csv").args(&["--features", features]);
        assert_predicts(&run.arg("--overwrite").ok(), &expected);
    }
}

#[test]
fn delimiters() {
    let want = table(&["a b", "1 x", "2 y,z"]);
    for (file, text, args) in [
        ("semicolon.csv", "a;b\n1;x\n2;y,z\n", &["--csv-delimiter", ";"][..]),
        ("pipe.csv", "a|b\n1|x\n2|y,z\n", &["--csv-delimiter", "|"]),
        ("tab.csv", "a\tb\n1\tx\n2\ty,z\n", &["--csv-delimiter", "tab"]),
        ("escape.csv", "a\tb\n1\tx\n2\ty,z\n", &["--csv-delimiter", "\\t"]),
        ("by_name.tsv", "a\tb\n1\tx\n2\ty,z\n", &[]),
    ] {
        let scene = Scene::new();
        scene.write(file, text);
        assert_eq!(kept(&scene, file, args), want, "{file}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_name() {
    let scene = Scene::new();
    scene.write("bom.csv", "\u{feff}a,b\n1,x\n");
    assert_eq!(kept(&scene, "bom.csv", &[]), table(&["a b", "1 x"]));
    scene.write("quoted.csv", "\u{feff}\"a\",b\n1,x\n");
    assert_eq!(kept(&scene, "quoted.csv", &["--overwrite"]), table(&["a b", "1 x"]));
    scene.write("bom.jsonl", "\u{feff}{\"a\": 1, \"b\": \"x\"}\n");
    assert_eq!(kept(&scene, "bom.jsonl", &["--overwrite"]), table(&["a b", "1 x"]));
}

#[test]
fn line_ends_of_other_systems() {
    let scene = Scene::new();
    scene.write("crlf.csv", "a,b\r\n1,x\r\n2,\"y\"\r\n");
    assert_eq!(kept(&scene, "crlf.csv", &[]), table(&["a b", "1 x", "2 y"]));
    scene.write("crlf.jsonl", "{\"a\": 1}\r\n{\"a\": 2}\r\n");
    assert_eq!(kept(&scene, "crlf.jsonl", &["--overwrite"]), table(&["a", "1", "2"]));
}

#[test]
fn a_last_line_without_an_end_counts() {
    let scene = Scene::new();
    scene.write("open.csv", "a,b\n1,x\n2,y");
    assert_eq!(kept(&scene, "open.csv", &[]), table(&["a b", "1 x", "2 y"]));
    scene.write("open.jsonl", "{\"a\": 1}\n{\"a\": 2}");
    assert_eq!(kept(&scene, "open.jsonl", &["--overwrite"]), table(&["a", "1", "2"]));
}

#[test]
fn quoted_fields_hold_anything() {
    let scene = Scene::new();
    let values = ["plain", "two\nlines", "a,b", "she said \"hi\"", "crlf\r\ninside", "", "äöü"];
    let mut text = String::from("id,text\n");
    for (row, value) in values.iter().enumerate() {
        text.push_str(&format!("{row},\"{}\"\n", value.replace('"', "\"\"")));
    }
    scene.write("quoted.csv", text);
    let ended = keep_all(&scene, "quoted.csv", &["--mini-batch-size", "2"]);
    assert_eq!(ended.predictions().column("text"), values);
    assert_eq!(ended.predictions().column("row"), ["0", "1", "2", "3", "4", "5", "6"]);
}

#[test]
fn quoted_newlines_across_read_blocks() {
    let scene = Scene::new();
    // More than one block of text, with line ends inside of quotes all over it.
    let mut text = String::from("id,text\n");
    let filling = "\"line\nline\nline\n\"\"quoted\"\"\n\"".to_owned();
    let rows = 250_000;
    for row in 0..rows {
        text.push_str(&format!("{row},{filling}\n"));
    }
    scene.write("large.csv", text);
    scene.write("model.scripted", "");
    let run = scene.run().model("model.scripted").input("large.csv").args(&["--keep", "id"]).mini_batch_size("1000");
    let ended = run.ok();
    let ids: Vec<String> = (0..rows).map(|row| row.to_string()).collect();
    assert!(ended.predictions().column("id") == ids);
    assert!(ended.predictions().column("prediction") == ids);
}

#[test]
fn compressed_text() {
    let text = "a,b\n1,x\n2,y\n3,z\n";
    let want = table(&["a b", "1 x", "2 y", "3 z"]);
    let (first, second) = text.split_at(10);
    let members = [gzip(first), gzip(second)].concat();
    let frames =
        [zstd::encode_all(first.as_bytes(), 1).unwrap(), zstd::encode_all(second.as_bytes(), 1).unwrap()].concat();
    for (file, bytes) in [
        ("data.csv.gz", gzip(text)),
        ("members.csv.gz", members),
        ("data.csv.zst", zstd::encode_all(text.as_bytes(), 3).unwrap()),
        ("frames.csv.zst", frames),
        ("mislabelled.csv", gzip(text)),
    ] {
        let scene = Scene::new();
        scene.write(file, bytes);
        let ended = keep_all(&scene, file, &[]);
        assert_eq!(ended.predictions().select(&["a", "b"]), want, "{file}");
        assert_eq!(ended.predictions().column("file"), [file; 3]);
    }
    let scene = Scene::new();
    scene.write("data.jsonl.gz", gzip("{\"a\": 1, \"b\": \"x\"}\n"));
    assert_eq!(kept(&scene, "data.jsonl.gz", &[]), table(&["a b", "1 x"]));
}

#[test]
fn json_lines_bind_by_key_whatever_the_order() {
    let scene = Scene::new();
    scene.model("several_inputs");
    scene.copy("tests/models/several_inputs.input.csv", "data.csv");
    scene.copy("tests/models/several_inputs.expected.csv", "expected.csv");
    let data = Table::csv(&scene.read("data.csv"));
    let mut text = String::new();
    for (number, row) in data.rows.iter().enumerate() {
        let [age, income, visits] = row.as_slice() else { panic!("{row:?}") };
        text.push_str(&match number % 2 {
            0 => format!("{{\"age\": {age}, \"income\": {income}, \"visits\": {visits}}}\n"),
            _ => format!("{{\"more\": [1, {{\"x\": 2}}], \"visits\": {visits}, \"age\":{age},\"income\":{income}}}\n"),
        });
    }
    scene.write("data.jsonl", text);
    let ended = scene.run().model("several_inputs.onnx").input("data.jsonl").ok();
    assert_predicts(&ended, &Table::csv(&scene.read("expected.csv")).select(&["prediction"]));
}

#[test]
fn kept_values_of_json_lines_keep_their_meaning() {
    let scene = Scene::new();
    let line = r#"{"n":1.50,"s":"a\"b","t":true,"z":null,"l":[1,2],"o":{"k":"v"}}"#;
    scene.write("data.jsonl", format!("{line}\n"));
    scene.write("model.scripted", "");
    scene.run().model("model.scripted").input("data.jsonl").args(&["--keep", "all"]).named("p.jsonl").ok();
    let text = scene.read("out/p.jsonl");
    let written: serde_json::Value = serde_json::from_str(&text).unwrap();
    let want: serde_json::Value = serde_json::from_str(line).unwrap();
    for key in ["n", "s", "t", "z", "l", "o"] {
        assert_eq!(written[key], want[key], "{key}: {text}");
    }
}

/// The input of a model with holes in it, as a record batch.
fn with_holes(scene: &Scene) -> (RecordBatch, Table) {
    scene.model("imputer_mean_logistic");
    scene.copy("tests/models/imputer_mean_logistic.input.csv", "data.csv");
    scene.copy("tests/models/imputer_mean_logistic.expected.csv", "expected.csv");
    let data = Table::csv(&scene.read("data.csv"));
    assert!(data.rows.iter().flatten().any(String::is_empty), "the data has no missing values");
    let expected = Table::csv(&scene.read("expected.csv")).select(&["prediction", "probability_0", "probability_1"]);
    (number_columns(&data), expected)
}

#[test]
fn columnar_files_with_nulls() {
    let scene = Scene::new();
    let (batch, expected) = with_holes(&scene);
    write_parquet(&scene, "groups.parquet", &batch, 7);
    write_parquet(&scene, "one_group.parquet", &batch, 1000);
    write_arrow(&scene, "batches.arrow", &batch, 7);
    write_arrow_stream(&scene, "stream.arrows", &batch);
    for file in ["groups.parquet", "one_group.parquet", "batches.arrow", "stream.arrows"] {
        for size in ["1", "10", "1000"] {
            let run = scene.run().model("imputer_mean_logistic.onnx").input(file).mini_batch_size(size);
            let ended = run.arg("--overwrite").ok();
            let predictions = ended.predictions();
            assert_same(
                &predictions.select(&expected.columns.iter().map(String::as_str).collect::<Vec<_>>()),
                &expected,
                file,
            );
            let rows: Vec<String> = (0..expected.len()).map(|row| row.to_string()).collect();
            assert_eq!(predictions.column("row"), rows, "{file}");
        }
    }
}

#[test]
fn parquet_of_many_row_groups_comes_out_in_order() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    let rows = 20_000;
    let ids: Int64Array = (0..rows).collect();
    let batch = RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef)]).unwrap();
    write_parquet(&scene, "data.parquet", &batch, 333);
    let run = scene.run().model("model.scripted").input("data.parquet").args(&["--keep", "id", "--workers", "4"]);
    let ended = run.ok();
    let want: Vec<String> = (0..rows).map(|row| row.to_string()).collect();
    for column in ["row", "prediction", "id"] {
        assert!(ended.predictions().column(column) == want, "{column}");
    }
}

#[test]
fn a_null_where_the_model_takes_whole_numbers_fails_its_row() {
    let scene = Scene::new();
    scene.model("several_inputs");
    let ages: Float64Array = vec![Some(30.0), None, Some(40.0)].into();
    let incomes: Float64Array = vec![1000.0, 2000.0, 3000.0].into();
    let visits: Int64Array = vec![Some(1), Some(2), None].into();
    let columns: [(&str, ArrayRef); 3] =
        [("age", Arc::new(ages)), ("income", Arc::new(incomes)), ("visits", Arc::new(visits))];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true))).unwrap();
    write_parquet(&scene, "data.parquet", &batch, 100);
    scene.write("data.csv", "age,income,visits\n30,1000,1\n,2000,2\n40,3000,\n");
    scene.write(
        "data.jsonl",
        "{\"age\":30,\"income\":1000,\"visits\":1}\n{\"age\":null,\"income\":2000,\"visits\":2}\n\
         {\"age\":40,\"income\":3000,\"visits\":null}\n",
    );
    for file in ["data.parquet", "data.csv", "data.jsonl"] {
        let ended = scene.run().model("several_inputs.onnx").input(file).arg("--overwrite").ok();
        // The missing age is NaN to the model, which takes it.
        assert_eq!(ended.predictions().column("row"), ["0", "1"], "{file}");
        assert_eq!(ended.failed_rows(), [2], "{file}");
        let cause = ended.only_error()["cause"].as_str().unwrap();
        assert!(cause.contains("visits") && cause.contains("int64"), "{file}: {cause}");
    }
}

#[test]
fn a_folder_is_read_in_the_order_of_the_bytes_of_its_names() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    let files = ["B.csv", "a.csv", "part-10.csv", "part-2.csv", "sub/a.csv", "sub/deep/x.csv", "sub.csv", "ä.csv"];
    for file in files {
        scene.write(&format!("data/{file}"), rows_csv(file, 3));
    }
    let ended = scene.run().model("model.scripted").input("data").args(&["--workers", "3", "--keep", "id"]).ok();
    let mut sorted = files;
    sorted.sort_unstable();
    let want: Vec<(String, u64)> = sorted.iter().flat_map(|file| (0..3).map(|row| ((*file).to_owned(), row))).collect();
    assert_eq!(ended.predictions().places(), want);
    let ids: Vec<String> = want.iter().map(|(file, row)| format!("{file}{row}")).collect();
    assert_eq!(ended.predictions().column("id"), ids);
}

#[test]
fn hidden_files_and_unknown_formats_are_passed_over() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    for file in
        [".hidden.csv", "_SUCCESS", "_temporary/part.csv", ".git/x.csv", "notes.md", "day=1/a.csv", "_day=2/b.csv"]
    {
        scene.write(&format!("data/{file}"), rows_csv("r", 1));
    }
    let ended = scene.run().model("model.scripted").input("data").ok();
    assert_eq!(ended.predictions().column("file"), ["_day=2/b.csv", "day=1/a.csv"]);
    ended.says(&["warning", "notes.md"]);
    assert!(!ended.stderr.contains("_SUCCESS") && !ended.stderr.contains("hidden"), "{ended}");
}

#[test]
fn patterns() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    for file in ["a.csv", "b.csv", "c.jsonl", "sub/d.csv", "sub/deep/e.csv"] {
        let text = if file.ends_with("csv") { "x\n1\n" } else { "{\"x\": 1}\n" };
        scene.write(&format!("data/{file}"), text);
    }
    for (pattern, files) in [
        ("data/*.csv", &["a.csv", "b.csv"][..]),
        ("data/[bc].*", &["b.csv", "c.jsonl"]),
        ("data/**/*.csv", &["a.csv", "b.csv", "sub/d.csv", "sub/deep/e.csv"]),
        ("data/sub/?.csv", &["d.csv"]),
    ] {
        let ended = scene.run().model("model.scripted").input(pattern).arg("--overwrite").ok();
        assert_eq!(ended.predictions().column("file"), files, "{pattern}");
    }
    scene.run().model("model.scripted").input("data/*.parquet").to("other").exits(3).says(&["data/*.parquet"]);
}

#[test]
fn several_pointers_are_read_in_the_order_given() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    for file in ["z.csv", "a.csv", "m/one.csv"] {
        scene.write(file, rows_csv("r", 2));
    }
    let run = scene.run().model("model.scripted").input("z.csv").args(&["--input-local-path", "m"]).input("a.csv");
    assert_eq!(run.ok().predictions().column("file"), ["z.csv", "z.csv", "one.csv", "one.csv", "a.csv", "a.csv"]);
    scene.write("job.yml", "model: model.scripted\ninput_path: [z.csv, m, a.csv]\n");
    let ended = scene.run().arg("job.yml").to("again").ok();
    assert_eq!(ended.predictions().column("file"), ["z.csv", "z.csv", "one.csv", "one.csv", "a.csv", "a.csv"]);
}

#[test]
fn a_file_on_a_web_server() {
    let rows = 500;
    for manners in [Manners::Good, Manners::OnlyGet, Manners::NoLength] {
        let scene = Scene::new();
        scene.write("model.scripted", "");
        let server = WebServer::start("/d/data.csv", rows_csv("r", rows), manners);
        let url = server.url("/d/data.csv");
        let ended = scene.run().model("model.scripted").input(&url).args(&["--keep", "id"]).ok();
        let want: Vec<String> = (0..rows).map(|row| format!("r{row}")).collect();
        assert_eq!(ended.predictions().column("id"), want, "{manners:?}");
        assert_eq!(ended.predictions().column("file")[0], "data.csv");
    }
}

#[test]
fn a_compressed_file_on_a_web_server() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    let server = WebServer::start("/data.csv.gz", gzip(rows_csv("r", 100)), Manners::Good);
    let ended = scene.run().model("model.scripted").input(&server.url("/data.csv.gz?version=3")).ok();
    assert_eq!(ended.counts(), (100, 100, 0));
}

#[test]
fn parquet_on_a_web_server() {
    let scene = Scene::new();
    let (batch, expected) = with_holes(&scene);
    write_parquet(&scene, "data.parquet", &batch, 7);
    let server = WebServer::start("/data.parquet", std::fs::read(scene.path("data.parquet")).unwrap(), Manners::Good);
    let ended = scene.run().model("imputer_mean_logistic.onnx").input(&server.url("/data.parquet")).ok();
    assert_predicts(&ended, &expected.select(&["prediction"]));
}

#[test]
fn what_a_web_server_does_not_have_is_named() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    let server = WebServer::start("/data.csv", "x\n1\n", Manners::Good);
    let url = server.url("/date.csv?token=hush");
    let ended = scene.run().model("model.scripted").input(&url).exits(3);
    ended.says(&["/date.csv", "does not exist"]);
    assert!(!ended.stderr.contains("hush"), "a query may hold a secret: {ended}");
}

#[test]
fn features_are_given_in_the_order_asked_for() {
    let scene = Scene::new();
    let (data, expected) = linear_regression(&scene);
    let mut shuffled =
        Table { columns: ["x4", "note", "x2", "x0", "x3", "x1"].map(str::to_owned).to_vec(), rows: vec![] };
    for row in &data.rows {
        let cells = [&row[4], "some text", &row[2], &row[0], &row[3], &row[1]];
        shuffled.rows.push(cells.map(str::to_owned).to_vec());
    }
    let lines: Vec<String> =
        std::iter::once(&shuffled.columns).chain(&shuffled.rows).map(|row| row.join(",") + "\n").collect();
    scene.write("shuffled.csv", lines.concat());
    let run = || scene.run().model("linear_regression.onnx").input("shuffled.csv").arg("--overwrite");
    assert_predicts(&run().args(&["--features", "x0,x1,x2,x3,x4"]).ok(), &expected);
    let other = run().args(&["--features", "x1,x0,x2,x3,x4"]).ok();
    let other = other.predictions().select(&["prediction"]);
    assert!(
        crate::support::difference(&other, &expected, 0.0).is_some(),
        "the order of --features makes no difference"
    );
}

#[test]
fn several_inputs_are_bound_by_name() {
    let scene = Scene::new();
    scene.model("several_inputs_string");
    scene.copy("tests/models/several_inputs_string.input.csv", "data.csv");
    scene.copy("tests/models/several_inputs_string.expected.csv", "expected.csv");
    let expected = Table::csv(&scene.read("expected.csv")).select(&["prediction"]);
    let data = Table::csv(&scene.read("data.csv"));
    let mut text = String::from("visits,customer,city,age,income\n");
    for (number, row) in data.rows.iter().enumerate() {
        let [age, income, visits, city] = row.as_slice() else { panic!("{row:?}") };
        text.push_str(&format!("{visits},c{number},\"{city}\",{age},{income}\n"));
    }
    scene.write("shuffled.csv", text);
    assert_predicts(&scene.run().model("several_inputs_string.onnx").input("shuffled.csv").ok(), &expected);
}

#[test]
fn columns_are_kept_by_name_and_in_the_order_asked_for() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    scene.write("data.csv", "a,b,c\n1,x,0.10\n2,y,0.20\n");
    let ended = scene.run().model("model.scripted").input("data.csv").args(&["--keep", "c,a"]).ok();
    assert_eq!(ended.predictions().columns, ["row", "prediction", "file", "c", "a"]);
    // Kept text is passed on as it is.
    assert_eq!(ended.predictions().column("c"), ["0.10", "0.20"]);
    let ended = scene.run().model("model.scripted").input("data.csv").args(&["--keep", "all", "--overwrite"]).ok();
    assert_eq!(ended.predictions().columns, ["row", "prediction", "file", "a", "b", "c"]);
}

#[test]
fn kept_columns_do_not_take_the_names_of_results() {
    for extension in ["csv", "jsonl", "parquet", "arrow"] {
        let scene = Scene::new();
        scene.write("model.scripted", "");
        scene.write("data.csv", "prediction,row,file,other\np,r,f,1\n");
        let run = scene.run().model("model.scripted").input("data.csv").args(&["--keep", "all"]);
        let ended = run.named(&format!("p.{extension}")).ok();
        let table = ended.predictions();
        assert_eq!(table.columns[..3], ["row", "prediction", "file"]);
        assert_eq!(table.rows, [["0", "0", "data.csv", "p", "r", "f", "1"].map(str::to_owned).to_vec()]);
        let kept = ["input_prediction", "input_row", "input_file", "other"];
        assert_eq!(table.columns[3..], kept, "{extension}");
    }
}

#[test]
fn kept_columns_keep_their_types() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    let numbers: Int64Array = vec![Some(9_007_199_254_740_993), None].into();
    let batch = RecordBatch::try_from_iter_with_nullable([("n", Arc::new(numbers) as ArrayRef, true)]).unwrap();
    write_parquet(&scene, "data.parquet", &batch, 10);
    let run = scene.run().model("model.scripted").input("data.parquet").args(&["--keep", "n"]).named("p.parquet");
    let ended = run.ok();
    assert_eq!(ended.predictions().column("n"), ["9007199254740993", ""]);
    let file = std::fs::File::open(scene.path("out/p.parquet")).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let field = reader.schema().field_with_name("n").unwrap().clone();
    assert_eq!(field.data_type(), &arrow_schema::DataType::Int64);
}

#[test]
fn a_mini_batch_never_crosses_a_file_boundary() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    for file in ["a.csv", "b.csv", "c.csv"] {
        scene.write(&format!("data/{file}"), rows_csv("r", 7));
    }
    let ended = scene.run().model("model.scripted").input("data").mini_batch_size("5").ok();
    assert_eq!((ended.count("items"), ended.count("mini_batches")), (21, 6));
}

#[test]
fn mini_batches_of_a_size_in_bytes() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    // Records of 100 bytes with their line end, so that ten of them make up 1,000 bytes.
    let record = |row: usize| format!("{row:099}\n");
    let text: String = std::iter::once("x\n".to_owned()).chain((0..100).map(record)).collect();
    scene.write("data.csv", text);
    let ended = scene.run().model("model.scripted").input("data.csv").mini_batch_size("1kb").ok();
    assert_eq!((ended.count("items"), ended.count("mini_batches")), (100, 10));
    let ended = scene.run().model("model.scripted").input("data.csv").mini_batch_size("1MB").arg("--overwrite").ok();
    assert_eq!(ended.count("mini_batches"), 1);
}

#[test]
fn the_format_can_be_said() {
    let scene = Scene::new();
    scene.write("data.txt", "a,b\n1,x\n");
    assert_eq!(kept(&scene, "data.txt", &["--input-format", "csv"]), table(&["a b", "1 x"]));
    scene.write("data.log", "{\"a\": 1}\n");
    assert_eq!(kept(&scene, "data.log", &["--input-format", "jsonl", "--overwrite"]), table(&["a", "1"]));
}

#[test]
fn text_that_looks_like_a_pattern_is_a_path_if_it_exists() {
    let scene = Scene::new();
    scene.write("data[1].csv", "a\n1\n");
    scene.write("data1.csv", "a\n2\n");
    assert_eq!(kept(&scene, "data[1].csv", &[]), table(&["a", "1"]));
}

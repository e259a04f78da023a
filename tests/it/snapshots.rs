//! What a user reads, word for word, without what changes from run to run.

use serde_json::Value;

use crate::support::{Ended, Scene, rows_csv};

/// The text with the parts of the summary that depend on the machine and the time taken out.
fn redacted(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let fixed = ["  speed", "  peak memory", "memory"].into_iter().find(|key| line.starts_with(key));
        match fixed {
            Some("memory") => lines.push("memory   [measured]".to_owned()),
            Some(key) => lines.push(format!("{key:<15} [measured]")),
            None => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

/// Every part of a run that a user sees.
fn seen(ended: &Ended) -> String {
    let stdout = if ended.stdout.is_empty() { String::new() } else { format!("--- standard output\n{}", ended.stdout) };
    format!("exit code {}\n{}\n{stdout}", ended.code, redacted(&ended.stderr))
}

#[test]
fn help_of_run() {
    insta::assert_snapshot!(Scene::new().batchscore(&["run", "--help"]).stdout);
}

#[test]
fn summary_of_a_good_job() {
    let scene = Scene::new();
    let ended = scene.scripted("", 1234).args(&["--name", "good"]).ok();
    insta::assert_snapshot!(seen(&ended));
}

#[test]
fn summary_of_a_job_with_failures() {
    let scene = Scene::new();
    let run = scene.scripted("fail_rows: 3, 17", 40).mini_batch_size("20");
    let ended = run.args(&["--name", "scratched", "--workers", "1"]).ok();
    insta::assert_snapshot!(seen(&ended));
}

#[test]
fn summary_of_a_job_that_failed() {
    let scene = Scene::new();
    let run = scene.scripted("fail_rows: 0, 1, 2, 3", 4).mini_batch_size("1");
    let ended = run.args(&["--name", "bad", "--workers", "1", "--error-threshold", "3"]).exits(5);
    insta::assert_snapshot!(seen(&ended));
}

#[test]
fn inspect_a_classifier() {
    let scene = Scene::new();
    let model = scene.model("logistic_regression_3class");
    insta::assert_snapshot!(redacted(&scene.batchscore(&["model", "inspect", &model]).stdout));
}

#[test]
fn inspect_several_inputs() {
    let scene = Scene::new();
    let model = scene.model("several_inputs_string");
    insta::assert_snapshot!(redacted(&scene.batchscore(&["model", "inspect", &model]).stdout));
}

#[test]
fn dry_run() {
    let scene = Scene::new();
    let run = scene.run().model("model.onnx").input("data/*.csv").args(&["--name", "nightly", "--workers", "2"]);
    let ended = run.args(&["--features", "a,b", "--keep", "id", "--error-threshold", "5%", "--dry-run"]).ok();
    insta::assert_snapshot!(ended.stdout);
}

#[test]
fn dry_run_of_a_shaped_input() {
    let scene = Scene::new();
    let run = scene.run().model("model.onnx").input("folder:data").args(&["--name", "nightly", "--workers", "2"]);
    let run = run.args(&["--rename", "Alter=age,Id=id", "--key", "id", "--limit", "100", "--sample", "2.5%"]);
    let ended =
        run.args(&["--where", "age >= 18 AND land IN ('DE', 'AT')", "--set", "sample_seed=7", "--dry-run"]).ok();
    insta::assert_snapshot!(ended.stdout);
}

#[test]
fn error_records() {
    let scene = Scene::new();
    let model = scene.model("several_inputs");
    scene.write(
        "data/a.csv",
        "age,income,visits\n30,1000,1\n30,1000\n30,lots,1\n30,1000,1.5\n30,1000,\n30,1000,1,2\n\"30,1000,1\n",
    );
    scene.write("data/b.jsonl", "[1]\n{\"age\": 30, \"income\": 1000}\n{\"age\": {}, \"income\": 1, \"visits\": 2}\n");
    scene.run().model(&model).input("data").ok();
    insta::assert_snapshot!(scene.read("out/predictions.errors.jsonl"));
}

/// The keys of an object and of the objects in it, with the kinds of their values.
fn keys(value: &Value, depth: usize, text: &mut String) {
    let Value::Object(object) = value else { return };
    for (key, value) in object {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "list",
            Value::Object(_) => "object",
        };
        text.push_str(&format!("{:1$}{key}: {kind}\n", "", depth * 2));
        keys(value, depth + 1, text);
    }
}

#[test]
fn keys_of_the_account() {
    let scene = Scene::new();
    let ended =
        scene.scripted("fail_rows: 1", 3).args(&["--features", "id", "--keep", "x", "--csv-delimiter", ","]).ok();
    let mut text = String::new();
    keys(ended.job.as_ref().unwrap(), 0, &mut text);
    insta::assert_snapshot!(text);
}

#[test]
fn messages_about_bad_input() {
    let scene = Scene::new();
    let model = scene.model("linear_regression");
    let named = scene.model("several_inputs");
    for broken in ["not_a_model", "truncated", "unsupported_operator"] {
        scene.model(broken);
    }
    scene.write("model.pkl", "pickle");
    scene.write("data/measurements.csv", "a,b,c,d,e\n1,2,3,4,5\n");
    scene.write("four.csv", "a,b,c,d\n1,2,3,4\n");
    scene.write("named.csv", "age,incme,visits\n1,2,3\n");
    scene.write("empty.csv", "");
    scene.write("bad.parquet", "PAR1 and no more");
    scene.write("notes.md", "text");
    scene.write("taken/predictions.csv", "precious");
    scene.write("file", "");
    std::fs::create_dir(scene.path("empty")).unwrap();
    scene.write("unknown.yml", "model: m.onnx\nmini_batch_siez: 3\n");
    scene.write("zero.yml", "model: m.onnx\nmini_batch_size: 0\n");
    scene.write("kind.yml", "model: m.onnx\nworkers: [1]\n");
    scene.write("all_bad.csv", "a,b,c,d,e\nx,2,3,4,5\n");
    let good = "data/measurements.csv";
    let cases: &[&[&str]] = &[
        &["--model", &model, "--input-path", "data/mesurements.csv"],
        &["--model", &model, "--input-path", "empty"],
        &["--model", &model, "--input-path", "data/*.parquet"],
        &["--model", &model, "--input-path", "notes.md"],
        &["--model", &model, "--input-path", "four.csv"],
        &["--model", &named, "--input-path", "named.csv"],
        &["--model", &model, "--input-path", "empty.csv"],
        &["--model", &model, "--input-path", "bad.parquet"],
        &["--model", &model, "--input-path", "azureml:heart:3"],
        &["--model", &model, "--input-path", "ftp://server/data.csv"],
        &["--model", "not_a_model.onnx", "--input-path", good],
        &["--model", "truncated.onnx", "--input-path", good],
        &["--model", "unsupported_operator.onnx", "--input-path", good, "--engine", "tract"],
        &["--model", "model.pkl", "--input-path", good],
        &["--model", "gone.onnx", "--input-path", good],
        &["--model", &model, "--input-path", good, "--mini-batch-size", "0"],
        &["--model", &model, "--input-path", good, "--timeout", "soon"],
        &["--model", &model, "--input-path", good, "--keep", "aa"],
        &["--model", &model, "--input-path", good, "--output-path", "taken"],
        &["--model", &model, "--input-path", good, "--output-path", "file"],
        &["--model", &model, "--input-path", good, "--output-file-name", "p.xlsx"],
        &["unknown.yml"],
        &["zero.yml"],
        &["kind.yml"],
        &["gone.yml"],
        &["--set", "mini_batch_siez=3"],
        &["--model", &model, "--input-path", "all_bad.csv", "--quiet"],
    ];
    let mut text = String::new();
    for args in cases {
        let mut run = scene.run().args(args);
        if args.contains(&"--output-path") {
            run = run.default_output().named("predictions.csv");
        } else if args.contains(&"--output-file-name") {
            run = run.default_file_name();
        }
        let ended = run.end();
        text.push_str(&format!("$ batchscore run {}\n{}exit code {}\n\n", args.join(" "), ended.stderr, ended.code));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn messages_about_files_that_are_passed_over() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    for name in ["a.md", "b.txt", "c.xlsx", "d.log", "e.csv"] {
        scene.write(&format!("data/{name}"), rows_csv("r", 1));
    }
    let ended = scene.run().model("model.scripted").input("data").args(&["--name", "j"]).ok();
    insta::assert_snapshot!(seen(&ended));
}

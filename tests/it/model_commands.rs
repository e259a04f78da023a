//! `model check` tells what differs, `model bench` measures every engine, `model inspect` looks at how rows are grouped.

use serde_json::Value;

use crate::onnx_runtime::environment;
use crate::support::{Ended, Run, Scene};

/// A model with its input as `data.csv` and its expected results, after `change`, as `expected.csv`.
fn scene(model: &str, change: impl Fn(&mut Vec<String>)) -> Scene {
    let scene = Scene::new();
    scene.model(model);
    scene.copy(&format!("tests/models/{model}.input.csv"), "data.csv");
    scene.copy(&format!("tests/models/{model}.expected.csv"), "expected.csv");
    let mut lines: Vec<String> = scene.read("expected.csv").lines().map(str::to_owned).collect();
    change(&mut lines);
    scene.write("expected.csv", lines.join("\n") + "\n");
    scene
}

fn check<'s>(scene: &'s Scene, model: &str, args: &[&str]) -> Run<'s> {
    let file = format!("{model}.onnx");
    scene.with(&["model", "check", &file, "--data", "data.csv", "--expect", "expected.csv"]).args(args)
}

/// What standard output says after an exit code.
#[track_caller]
fn said(ended: &Ended, code: i32) -> &str {
    assert_eq!((ended.code, ended.stderr.as_str()), (code, ""), "{ended}");
    &ended.stdout
}

#[test]
fn check_of_what_is_the_same() {
    let scene = scene("random_forest_3class", |_| {});
    insta::assert_snapshot!(said(&check(&scene, "random_forest_3class", &[]).end(), 0));
}

#[test]
fn check_of_what_differs() {
    let scene = scene("random_forest_3class", |lines| {
        let other = if lines[3].contains(",red,") { ",blue," } else { ",red," };
        let mut cells: Vec<&str> = lines[3].split(',').collect();
        cells[1] = other.trim_matches(',');
        lines[3] = cells.join(",");
        let mut cells: Vec<&str> = lines[7].split(',').collect();
        cells[2] = "0.625";
        lines[7] = cells.join(",");
        let last = lines.len() - 1;
        lines[last] = lines[last].replacen(&format!("{}", last - 1), "99", 1);
        lines.remove(10);
    });
    insta::assert_snapshot!(said(&check(&scene, "random_forest_3class", &[]).end(), 5));
    // So far apart nothing differs but the label and the records.
    let ended = check(&scene, "random_forest_3class", &["--tolerance", "1"]).end();
    assert!(said(&ended, 5).contains("different: 1 of"), "{ended}");
}

#[test]
fn a_check_without_row_numbers_goes_by_the_order() {
    let model = "gradient_boosting_regressor";
    let cut = |lines: &mut Vec<String>| {
        lines.iter_mut().for_each(|line| *line = line.split_once(',').unwrap().1.to_owned());
    };
    let scene_ = scene(model, cut);
    said(&check(&scene_, model, &[]).end(), 0);
    let swapped = scene(model, |lines| {
        cut(lines);
        lines.swap(1, 2);
    });
    assert!(said(&check(&swapped, model, &[]).end(), 5).contains("different: 2 of 40 values"));
}

#[test]
fn a_prediction_that_is_expected_twice_stands_for_no_other() {
    let model = "gradient_boosting_regressor";
    let scene = scene(model, |lines| lines[2] = lines[1].clone());
    assert!(said(&check(&scene, model, &[]).end(), 5).contains("1 results that are not expected"));
}

#[test]
fn a_check_reads_every_format_that_a_run_writes() {
    let model = "logistic_regression_3class";
    let scene = scene(model, |_| {});
    // Two files, of which rows have the same numbers.
    scene.write("data/a.csv", scene.read("data.csv"));
    scene.write("data/b.csv", scene.read("data.csv"));
    for name in ["predictions.csv", "predictions.jsonl", "predictions.parquet", "predictions.arrow"] {
        scene.run().model(&format!("{model}.onnx")).input("data").named(name).to(name).ok();
        let expect = format!("{name}/{name}");
        let args = ["model", "check", &format!("{model}.onnx"), "--data", "data", "--expect", &expect];
        let ended = scene.with(&args).args(&["--tolerance", "0"]).end();
        assert!(said(&ended, 0).contains("compared  80 predictions"), "{name}: {ended}");
    }
}

#[test]
fn a_check_that_cannot_be_made_says_why() {
    let model = "plain_network_two_outputs";
    let scene = scene(model, |_| {});
    let ended = check(&scene, model, &[]).exits(3);
    ended.says(&["expected.csv", "no column prediction", "score, levels_0", "--columns"]);
    said(&check(&scene, model, &["--columns", "levels_0,levels_2"]).end(), 0);
    check(&scene, model, &["--columns", "levels_9"]).exits(2).says(&["levels_9", "prediction, levels_0"]);
    check(&scene, model, &["--tolerance", "nan"]).exits(2).says(&["--tolerance"]);
    scene.write("expected.csv", "row,levels_0\n0,much\n");
    check(&scene, model, &["--columns", "levels_0"]).exits(3).says(&["expected.csv", "row 0", "much"]);
    let missing = ["model", "check", &format!("{model}.onnx"), "--data", "gone.csv", "--expect", "expected.csv"];
    assert_eq!(scene.with(&missing).args(&["--columns", "levels_0"]).end().code, 3);
}

#[test]
fn a_check_tells_records_without_a_prediction() {
    let model = "linear_regression";
    let scene = scene(model, |lines| lines.truncate(4));
    let mut lines: Vec<String> = scene.read("data.csv").lines().take(4).map(str::to_owned).collect();
    lines[2] = lines[2].replacen(|c: char| c.is_ascii_digit(), "x", 1);
    scene.write("data.csv", lines.join("\n") + "\n");
    let ended = check(&scene, model, &[]).end();
    assert!(said(&ended, 5).contains("row 1: no prediction:"), "{ended}");
}

/// The table of a benchmark without what was measured.
fn without_figures(text: &str) -> String {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [rows, engine, rest @ ..] if rest.len() == 4 && rows.parse::<u32>().is_ok() => {
                format!("{rows:>10}  {engine} [measured]")
            }
            _ => line.to_owned(),
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn bench_puts_the_engines_side_by_side() {
    let scene = Scene::new();
    let model = scene.model("mlp_binary");
    let bench = || scene.with(&["model", "bench", &model, "--rows", "1,50", "--seconds", "0.01"]);
    let both = bench().env("VIRTUAL_ENV", &environment()).end();
    insta::assert_snapshot!(without_figures(said(&both, 0)));
    let one = bench().args(&["--engine", "tract", "--json"]).end();
    let json: Value = serde_json::from_str(said(&one, 0)).unwrap();
    let lines = json["results"].as_array().unwrap();
    assert_eq!(lines.iter().map(|line| line["rows_per_call"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 50]);
    for line in lines {
        assert!(line["engine"].as_str().unwrap().contains("tract"), "{line}");
        assert!(line["rows_per_second"].as_f64().unwrap() > 0.0, "{line}");
        assert!(line["rows_per_cpu_second"].as_f64().unwrap() > 0.0, "{line}");
        assert!(line["spread"].as_f64().unwrap() >= 0.0, "{line}");
    }
    // An engine that is not there is told, and the other measured.
    let ended = bench().env("ORT_DYLIB_PATH", "gone.so").end();
    assert!(said(&ended, 0).contains("not measured: ort: "), "{ended}");
    bench().env("ORT_DYLIB_PATH", "gone.so").args(&["--engine", "ort"]).exits(4);
}

#[test]
fn plans_are_saved_and_used() {
    let scene = Scene::new();
    let model = scene.model("convolution");
    let bench =
        |model: &str| scene.with(&["model", "bench", model, "--save-plan", "--rows", "10", "--seconds", "0.01"]);
    let ended = bench(&model).end();
    let text = said(&ended, 0);
    for part in ["batchscore's own; one row a run\n", "; 64 rows a run\n", "convolution.onnx.plan.json"] {
        assert!(text.contains(part), "{part}: {ended}");
    }
    let inspect = || scene.batchscore(&["model", "inspect", &model, "--engine", "tract"]);
    assert!(said(&inspect(), 0).contains("it was asked for; its rows a run were measured and saved\n"));
    let plan = scene.path("convolution.onnx.plan.json");
    std::fs::write(&plan, r#"{"model": "0123456789abcdef", "run_rows": 64}"#).unwrap();
    assert!(said(&inspect(), 0).contains("; the plan saved beside it is of another model\n"));
    std::fs::write(&plan, "{").unwrap();
    let ended = inspect();
    assert_eq!(ended.code, 4, "{ended}");
    ended.says(&["convolution.onnx.plan.json", "delete it"]);
    // This one says itself how many rows it takes.
    bench(&scene.model("scaler_logistic_fixed_batch")).exits(2).says(&["no plan to choose"]);
}

#[test]
fn bench_takes_data_where_none_can_be_made_up() {
    let scene = scene("several_inputs_string", |_| {});
    let bench =
        || scene.with(&["model", "bench", "several_inputs_string.onnx", "--engine", "tract", "--seconds", "0.01"]);
    bench().exits(2).says(&["texts", "--data"]);
    // More rows a call than there are records.
    let ended = bench().args(&["--data", "data.csv", "--rows", "100"]).end();
    assert!(said(&ended, 0).contains("data   data.csv"), "{ended}");
    bench().args(&["--data", "data.csv", "--rows", "0"]).exits(2).says(&["--rows"]);
    bench().args(&["--data", "data.csv", "--seconds", "0"]).exits(2).says(&["--seconds"]);
}

#[test]
fn models_that_are_no_graphs_are_measured_too() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    let ended = scene.batchscore(&["model", "bench", "model.scripted", "--rows", "10", "--seconds", "0.01"]);
    assert!(said(&ended, 0).contains("\n        10  A "), "{ended}");
    let ended = scene.batchscore(&["model", "inspect", "model.scripted", "--engine", "ort"]);
    assert_eq!(ended.code, 4, "{ended}");
    ended.says(&["model.scripted", "is no ONNX file", "ort"]);
}

#[test]
fn inspect_says_why_an_engine_runs_a_model() {
    let scene = Scene::new();
    let model = scene.model("convolution");
    let inspect =
        |args: &[&str]| scene.with(&["model", "inspect", &model]).args(args).env("VIRTUAL_ENV", &environment());
    let ended = inspect(&[]).end();
    let text = said(&ended, 0);
    for part in ["engine   ONNX Runtime 1.", "because  it is the faster one at Conv; its library is ", "  1 Conv\n"] {
        assert!(text.contains(part), "{part}: {ended}");
    }
    let ended = inspect(&["--engine", "tract"]).end();
    assert!(said(&ended, 0).contains("because  it was asked for\n"), "{ended}");
}

#[test]
fn inspect_measures_grouping_with_data_where_none_can_be_made_up() {
    let scene = scene("several_inputs_string", |_| {});
    let ended = scene.batchscore(&["model", "inspect", "several_inputs_string.onnx"]);
    assert!(said(&ended, 0).contains("not measured: the model takes texts"), "{ended}");
    let ended = scene.batchscore(&["model", "inspect", "several_inputs_string.onnx", "--data", "data.csv"]);
    assert!(said(&ended, 0).contains("none: 40 rows gave the same bits"), "{ended}");
}

//! Every model in `tests/models/` gives what onnxruntime gave, whatever the mini-batch size; what is no model says so.

use std::collections::BTreeSet;

use crate::support::{Run, Scene, Table, difference, repository};

/// Models of which terms around 10 cancel out to less than 0.02 in one row, where float32 holds no more digits: the order
/// in which they are summed, which in networks depends on the processor's vectors, decides the rest.
const CANCELS: [&str; 3] = ["min_max_scaler_clip_ridge", "plain_network", "plain_network_two_outputs"];

/// Differences of this size are what cancellation leaves.
const SMALL: f64 = 1e-6;

/// Models that the embedded engine cannot load, which have no results.
const BROKEN: [&str; 5] = ["determinant", "not_a_model", "truncated", "unsupported_domain", "unsupported_operator"];

fn names(suffix: &str) -> BTreeSet<String> {
    std::fs::read_dir(repository().join("tests/models"))
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(suffix)?.to_owned()))
        .collect()
}

/// Scores every model's input and compares with its expected results; all that differ are told.
fn check_all(mini_batch_size: &str) {
    let faults = faults_of_all(|run| run.mini_batch_size(mini_batch_size));
    assert!(faults.is_empty(), "mini-batch size {mini_batch_size}:\n{}", faults.join("\n"));
}

/// The models whose results differ from the expected ones, and how.
pub(crate) fn faults_of_all(settings: impl for<'r> Fn(Run<'r>) -> Run<'r>) -> Vec<String> {
    let mut faults = Vec::new();
    let models = names(".expected.csv");
    for model in &models {
        let scene = Scene::new();
        let file = scene.model(model);
        scene.copy(&format!("tests/models/{model}.input.csv"), "data.csv");
        scene.copy(&format!("tests/models/{model}.expected.csv"), "expected.csv");
        let expected = Table::csv(&scene.read("expected.csv"));
        let ended = settings(scene.run().model(&file).input("data.csv")).end();
        if ended.code != 0 {
            faults.push(format!("{model}: exit code {}: {}", ended.code, ended.stderr));
            continue;
        }
        let mut wanted = vec!["row"];
        wanted.extend(expected.columns[1..].iter().map(|name| match (model.as_str(), name.as_str()) {
            // The first output is the prediction, whatever its name.
            ("plain_network_two_outputs", "score") => "prediction",
            _ => name,
        }));
        let floor = if CANCELS.contains(&model.as_str()) { SMALL } else { 0.0 };
        let mut columns = wanted.clone();
        columns.insert(2, "file");
        if ended.predictions().columns != columns {
            faults.push(format!("{model}: columns {:?}, expected {columns:?}", ended.predictions().columns));
            continue;
        }
        if let Some(difference) = difference(&ended.predictions().select(&wanted), &expected, floor) {
            faults.push(format!("{model}: {difference}"));
        }
    }
    faults
}

#[test]
fn single_records() {
    check_all("1");
}

#[test]
fn mini_batches_with_an_odd_last_one() {
    check_all("7");
}

#[test]
fn mini_batches_that_divide_the_data() {
    check_all("10");
}

#[test]
fn one_mini_batch_for_all() {
    check_all("1000");
}

#[test]
fn every_model_is_tested() {
    let mut models = names(".onnx");
    models.retain(|name| !BROKEN.contains(&name.as_str()));
    assert_eq!(models, names(".expected.csv"));
    assert!(models.len() >= 30, "only {} models", models.len());
}

#[test]
fn results_do_not_depend_on_the_mini_batch_size() {
    for model in ["gradient_boosting_3class", "mlp_3class", "plain_network", "scaler_logistic_fixed_batch"] {
        let scene = Scene::new();
        let file = scene.model(model);
        scene.copy(&format!("tests/models/{model}.input.csv"), "data.csv");
        let results = ["1", "7", "1000"].map(|size| {
            scene.run().model(&file).input("data.csv").mini_batch_size(size).to(size).ok();
            scene.read(&format!("{size}/predictions.csv"))
        });
        assert!(results.iter().all(|result| result == &results[0]), "{model}");
    }
}

#[test]
fn results_do_not_depend_on_the_processors_vectors() {
    for model in ["gradient_boosting_3class", "random_forest_binary", "imputer_mean_logistic"] {
        let scene = Scene::new();
        let file = scene.model(model);
        scene.copy(&format!("tests/models/{model}.input.csv"), "data.csv");
        let results = ["portable", "avx2", "avx512"].map(|level| {
            let run = scene.run().model(&file).input("data.csv").mini_batch_size("1000");
            run.env("BATCHSCORE_SIMD", level).to(level).ok();
            scene.read(&format!("{level}/predictions.csv"))
        });
        assert!(results.iter().all(|result| result == &results[0]), "{model}");
    }
}

#[test]
fn vector_instructions_that_do_not_exist_are_refused() {
    let scene = Scene::new();
    let file = scene.model("plain_network");
    scene.copy("tests/models/plain_network.input.csv", "data.csv");
    let run = scene.run().model(&file).input("data.csv").env("BATCHSCORE_SIMD", "avx");
    run.exits(2).says(&["BATCHSCORE_SIMD", "\"avx\"", "portable, avx2 or avx512"]);
}

#[test]
fn an_unsupported_operator_is_named() {
    for (model, operator) in
        [("unsupported_operator", "ai.onnx.ml.NoSuchOp"), ("unsupported_domain", "com.example.NoSuchOp")]
    {
        let scene = Scene::new();
        let file = scene.model(model);
        scene.copy(&format!("tests/models/{model}.input.csv"), "data.csv");
        scene.run().model(&file).input("data.csv").exits(4).says(&[&file, operator]);
        let inspected = scene.batchscore(&["model", "inspect", &file]);
        assert_eq!(inspected.code, 4, "{inspected}");
        inspected.says(&[&file, operator]);
    }
}

#[test]
fn a_file_that_is_no_model_is_refused() {
    for model in ["not_a_model", "truncated"] {
        let scene = Scene::new();
        let file = scene.model(model);
        scene.write("data.csv", "x0,x1,x2,x3,x4\n1,2,3,4,5\n");
        let ended = scene.run().model(&file).input("data.csv").exits(4);
        ended.says(&[&file, "not a readable ONNX file"]);
        assert!(!scene.exists("out"), "a job that cannot begin leaves no output folder");
    }
}

#[test]
fn an_empty_file_is_no_model() {
    let scene = Scene::new();
    scene.write("empty.onnx", "");
    scene.write("data.csv", "x\n1\n");
    scene.run().model("empty.onnx").input("data.csv").exits(4).says(&["empty.onnx"]);
}

#[test]
fn a_model_that_is_not_there_is_named() {
    let scene = Scene::new();
    scene.write("data.csv", "x\n1\n");
    scene.run().model("modle.onnx").input("data.csv").exits(4).says(&["modle.onnx", "cannot be read"]);
    scene.write("folder.onnx/file", "");
    scene.run().model("folder.onnx").input("data.csv").exits(4).says(&["folder.onnx"]);
}

#[test]
fn a_kind_of_model_that_nothing_runs_says_what_runs() {
    let scene = Scene::new();
    scene.write("model.pkl", "pickle");
    scene.write("data.csv", "x\n1\n");
    scene.run().model("model.pkl").input("data.csv").exits(4).says(&["model.pkl", ".pkl", ".onnx"]);
}

#[test]
fn inspect_tells_what_goes_in_and_what_comes_out() {
    let scene = Scene::new();
    let file = scene.model("several_inputs");
    let ended = scene.batchscore(&["model", "inspect", &file]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended}");
    for part in ["age", "income", "visits", "float32", "int64", "prediction", "probability_0", "probability_1"] {
        assert!(ended.stdout.contains(part), "{part}: {ended}");
    }
}

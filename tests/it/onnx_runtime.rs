//! ONNX Runtime as the engine: the library that `tests/run.sh` installs gives what the embedded engine gives.

use std::path::PathBuf;

use crate::models::faults_of_all;
use crate::support::{Run, Scene, Table, repository};

/// The virtual environment that the library is installed in.
pub(crate) fn environment() -> String {
    let folder = repository().join("target/test-venv");
    let packages = ["lib", "lib64"].map(|lib| folder.join(lib));
    let installed = |lib: &PathBuf| {
        let versions = std::fs::read_dir(lib).into_iter().flatten().flatten();
        versions.map(|version| version.path()).any(|path| path.join("site-packages/onnxruntime/capi").is_dir())
    };
    assert!(packages.iter().any(installed), "no onnxruntime in {}: run tests/run.sh", folder.display());
    folder.to_str().unwrap().to_owned()
}

fn by_onnx_runtime(run: Run<'_>) -> Run<'_> {
    run.args(&["--engine", "ort"]).env("VIRTUAL_ENV", &environment())
}

#[test]
fn every_model_gives_what_is_expected() {
    for size in ["7", "1000"] {
        let faults = faults_of_all(|run| by_onnx_runtime(run).mini_batch_size(size));
        assert!(faults.is_empty(), "mini-batch size {size}:\n{}", faults.join("\n"));
    }
}

#[test]
fn both_engines_give_the_same_columns() {
    for model in ["logistic_regression_3class", "plain_network_two_outputs", "several_inputs_string"] {
        let scene = Scene::new();
        let file = scene.model(model);
        scene.copy(&format!("tests/models/{model}.input.csv"), "data.csv");
        let run = || scene.run().model(&file).input("data.csv").named("predictions.arrow");
        let ours = run().args(&["--engine", "tract"]).to("ours").ok();
        let theirs = by_onnx_runtime(run()).to("theirs").ok();
        assert_eq!(ours.predictions().columns, theirs.predictions().columns, "{model}");
        let types = |folder: &str| {
            let file = std::fs::File::open(scene.path(&format!("{folder}/predictions.arrow"))).unwrap();
            arrow_ipc::reader::FileReader::try_new(file, None).unwrap().schema()
        };
        assert_eq!(types("ours"), types("theirs"), "{model}");
    }
}

#[test]
fn the_account_says_what_ran() {
    let scene = Scene::new();
    let file = scene.model("mlp_binary");
    scene.copy("tests/models/mlp_binary.input.csv", "data.csv");
    let ended = by_onnx_runtime(scene.run().model(&file).input("data.csv")).ok();
    let engine = ended.result("engine").as_str().unwrap();
    assert!(engine.starts_with("ONNX Runtime 1.") && engine.ends_with("(CPUExecutionProvider)"), "{engine}");
    ended.says(&[engine]);
    assert_eq!(ended.job.as_ref().unwrap()["settings"]["engine"], "ort");
}

#[test]
fn a_job_file_names_the_engine_and_its_library() {
    let scene = Scene::new();
    scene.model("linear_regression");
    scene.copy("tests/models/linear_regression.input.csv", "data.csv");
    let job = |engine: &str| {
        format!("model: linear_regression.onnx\ninput_path: data.csv\nengine: {engine}\nort_library: lib/gone.so\n")
    };
    scene.write("ort.yml", job("ort"));
    let ended = scene.run().arg("ort.yml").exits(4);
    ended.says(&["linear_regression.onnx", "ONNX Runtime", "--ort-library", "lib/gone.so"]);
    // What is not used need not be there.
    scene.write("tract.yml", job("tract"));
    let ended = scene.run().arg("tract.yml").ok();
    assert!(ended.result("engine").as_str().unwrap().contains("tract"), "{ended}");
    scene.write("other.yml", job("tensorflow"));
    scene.run().arg("other.yml").exits(2).says(&["tensorflow", "auto, tract or ort"]);
}

#[test]
fn a_library_that_is_missing_is_refused_with_the_remedy() {
    let scene = Scene::new();
    let file = scene.model("linear_regression");
    scene.copy("tests/models/linear_regression.input.csv", "data.csv");
    let run = || scene.run().model(&file).input("data.csv").args(&["--engine", "ort"]);
    // An environment and a path without any package.
    std::fs::create_dir(scene.path("venv")).unwrap();
    let nowhere = scene.path("venv").to_str().unwrap().to_owned();
    let ended = run().env("VIRTUAL_ENV", &nowhere).env("PATH", &nowhere).exits(4);
    ended.says(&["linear_regression.onnx", "not found", "ORT_DYLIB_PATH", "pip install onnxruntime", &nowhere]);
    let ended = run().env("ORT_DYLIB_PATH", "gone.so").exits(4);
    ended.says(&["ORT_DYLIB_PATH names gone.so, which is no file"]);
    // A file that is no library, as one of another system is.
    let ended = run().args(&["--ort-library", "data.csv"]).exits(4);
    ended.says(&["data.csv", "cannot be loaded", "1.17 or newer"]);
    assert!(!scene.exists("out"), "a job that cannot begin leaves no output folder");
}

#[test]
fn records_that_it_refuses_fail_alone() {
    let scene = Scene::new();
    let file = scene.model("several_inputs_string");
    // A C library takes no text with a zero byte in it.
    scene.write("data.jsonl", "{\"age\":30,\"income\":1,\"visits\":1,\"city\":\"a\\u0000b\"}\n{\"age\":30,\"income\":1,\"visits\":1,\"city\":\"oslo\"}\n");
    let expected = scene.run().model(&file).input("data.jsonl").args(&["--engine", "tract"]).to("tract").end();
    let ended = by_onnx_runtime(scene.run().model(&file).input("data.jsonl")).end();
    assert_eq!(ended.count("failed"), 1 + expected.count("failed"), "{ended}");
    assert_eq!(ended.errors()[0]["row"], 0, "{ended}");
}

#[test]
fn unless_told_otherwise_it_runs_what_tract_is_slow_at() {
    for (model, engine, by) in [
        ("convolution", "auto", "ONNX Runtime"),
        ("convolution", "tract", "tract"),
        ("plain_network", "auto", "tract"),
        ("random_forest_binary", "auto", "tract"),
    ] {
        let scene = Scene::new();
        let file = scene.model(model);
        scene.copy(&format!("tests/models/{model}.input.csv"), "data.csv");
        let run = || scene.run().model(&file).input("data.csv").args(&["--engine", engine]);
        let ended = run().env("VIRTUAL_ENV", &environment()).ok();
        let ran = ended.result("engine").as_str().unwrap();
        assert!(ran.contains(by), "{model} with {engine}: {ran}");
        if engine == "auto" {
            // Without a library, or with one that cannot be loaded, there is tract.
            let ended = run().env("ORT_DYLIB_PATH", "data.csv").to("without").ok();
            assert!(ended.result("engine").as_str().unwrap().contains("tract"), "{ended}");
        }
    }
}

#[test]
fn unless_told_otherwise_it_runs_what_tract_does_not() {
    let scene = Scene::new();
    let file = scene.model("determinant");
    scene.copy("tests/models/determinant.input.csv", "data.csv");
    let run = || scene.run().model(&file).input("data.csv");
    let ended = run().env("VIRTUAL_ENV", &environment()).ok();
    assert!(ended.result("engine").as_str().unwrap().starts_with("ONNX Runtime"), "{ended}");
    let input = Table::csv(&scene.read("data.csv"));
    for (row, given) in input.rows.iter().zip(ended.predictions().column("prediction")) {
        let x: Vec<f64> = row.iter().map(|cell| cell.parse().unwrap()).collect();
        let (expected, given) = (x[0] * x[3] - x[1] * x[2], given.parse::<f64>().unwrap());
        assert!((given - expected).abs() <= 1e-5, "{row:?}: {given}, not {expected}");
    }
    let without = run().env("ORT_DYLIB_PATH", "gone.so").to("without").exits(4);
    without.says(&["determinant.onnx", "ai.onnx.Det", "ONNX Runtime may know them, but ORT_DYLIB_PATH names gone.so"]);
}

#[test]
fn operators_that_nothing_knows_are_named() {
    for (model, operator) in [("unsupported_operator", "NoSuchOp"), ("unsupported_domain", "com.example")] {
        let scene = Scene::new();
        let file = scene.model(model);
        scene.copy(&format!("tests/models/{model}.input.csv"), "data.csv");
        by_onnx_runtime(scene.run().model(&file).input("data.csv")).exits(4).says(&[&file, "ONNX Runtime", operator]);
        // Asked for or not.
        let ended = scene.run().model(&file).input("data.csv").env("VIRTUAL_ENV", &environment()).exits(4);
        ended.says(&[&file, "ONNX Runtime may know them, but", operator]);
    }
}

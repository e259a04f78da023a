//! `--explain`: contributions are those of the libraries, and stand behind the predictions in every format.

use std::collections::BTreeSet;

use crate::support::{Scene, Table, repository};

/// The models of boosted trees whose libraries' contributions are stored.
fn names() -> BTreeSet<String> {
    std::fs::read_dir(repository().join("tests/models/boosted"))
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".contributions.csv")?.to_owned()))
        .collect()
}

/// Copies a model of boosted trees and its data to a scene, and gives the model's file name.
fn bring(scene: &Scene, name: &str) -> String {
    let folder = format!("tests/models/boosted/{name}");
    let is_there = |extension: &&&str| repository().join(format!("{folder}.{extension}")).exists();
    let file = format!("{name}.{}", ["txt", "json", "ubj"].iter().find(is_there).unwrap());
    scene.copy(&format!("tests/models/boosted/{file}"), &file);
    scene.copy(&format!("{folder}.input.csv"), "data.csv");
    file
}

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

/// The contributions to a score of each row, and the score's expected value: `suffix` tells the scores apart.
fn sums(predictions: &Table, suffix: &str) -> Vec<f64> {
    let is_part = |column: &&String| {
        column.starts_with(&format!("contribution{suffix}_")) || **column == format!("expected_value{suffix}")
    };
    let parts: Vec<Vec<&str>> =
        predictions.columns.iter().filter(is_part).map(|column| predictions.column(column)).collect();
    assert!(parts.len() > 3, "{:?}", predictions.columns);
    (0..predictions.len()).map(|row| parts.iter().map(|column| number(column[row])).sum()).collect()
}

fn log_odds(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

/// Whether numbers that a library computed in its own precision are alike: XGBoost sums float32, the others float64.
fn alike(name: &str, have: &[String], want: &[String]) -> bool {
    let magnitude = want[1..].iter().map(|text| number(text).abs()).fold(1.0, f64::max);
    let tolerance = if name.starts_with("xgb") { 2e-6 } else { 1e-12 };
    have.iter().zip(want).all(|(have, want)| (number(have) - number(want)).abs() <= tolerance * magnitude)
}

#[test]
fn contributions_are_those_of_the_libraries() {
    let mut faults = Vec::new();
    let models = names();
    assert!(models.len() >= 15, "only {} models", models.len());
    for name in &models {
        let scene = Scene::new();
        let file = bring(&scene, name);
        let stored = format!("tests/models/boosted/{name}.contributions.csv");
        let expected = Table::read(&repository().join(stored));
        let columns: Vec<&str> = expected.columns.iter().map(String::as_str).collect();
        let mut first: Option<String> = None;
        for size in ["1", "7", "1000"] {
            let run = scene.run().model(&file).input("data.csv").mini_batch_size(size);
            let ended = run.args(&["--explain", "all"]).to(size).ok();
            let all = &ended.predictions().columns;
            assert_eq!(all[all.len() - columns.len() + 1..], columns[1..], "{name}: {all:?}");
            let have = ended.predictions().select(&columns);
            assert_eq!(have.len(), expected.len(), "{name}");
            for (row, (have, want)) in have.rows.iter().zip(&expected.rows).enumerate() {
                if !alike(name, have, want) {
                    faults.push(format!("{name}, row {row}: {have:?}, expected {want:?}"));
                }
            }
            let text = scene.read(&format!("{size}/predictions.csv"));
            assert_eq!(first.get_or_insert_with(|| text.clone()), &text, "{name}: mini-batches of {size}");
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_score_is_the_sum_of_the_contributions() {
    // Models with an objective that leaves scores as they are, among them those whose libraries give no contributions.
    for (name, outputs, tolerance) in [
        ("lgb_random_forest", 1, 1e-12),
        ("lgb_pandas_categories", 1, 1e-12),
        ("xgb_pandas_categories", 1, 1e-5),
        ("xgb_vector_leaves", 2, 1e-5),
        ("xgb_quantiles", 3, 1e-5),
        ("cat_two_outputs", 2, 1e-12),
        ("cat_one_hot", 1, 1e-12),
    ] {
        let scene = Scene::new();
        let file = bring(&scene, name);
        let ended = scene.run().model(&file).input("data.csv").args(&["--explain", "all"]).ok();
        let predictions = ended.predictions();
        for output in 0..outputs {
            let suffix = if outputs == 1 { String::new() } else { format!("_{output}") };
            let prediction = predictions.column(&format!("prediction{suffix}"));
            let of_output = |column: &&String| {
                column.starts_with(&format!("contribution{suffix}_")) || **column == format!("expected_value{suffix}")
            };
            let parts: Vec<Vec<&str>> =
                predictions.columns.iter().filter(of_output).map(|column| predictions.column(column)).collect();
            assert_eq!(parts.len(), 5, "{name}: {:?}", predictions.columns);
            for (row, prediction) in prediction.iter().enumerate() {
                let sum: f64 = parts.iter().map(|column| number(column[row])).sum();
                let prediction = number(prediction);
                assert!((sum - prediction).abs() <= tolerance * prediction.abs().max(1.0), "{name}, row {row}: {sum}");
            }
        }
    }
}

#[test]
fn linear_models_are_explained() {
    for (model, prediction, link) in [
        ("linear_regression", "prediction", None),
        ("scaler_logistic_zipmap", "probability_1", Some(log_odds as fn(f64) -> f64)),
        ("imputer_mean_logistic", "probability_1", Some(log_odds)),
        // Behind operators of ONNX itself, and with a text whose categories have columns of their own.
        ("min_max_scaler_ridge", "prediction", None),
        ("min_max_scaler_clip_ridge", "prediction", None),
        ("several_inputs", "probability_1", Some(log_odds)),
        ("several_inputs_string", "probability_1", Some(log_odds)),
    ] {
        let scene = Scene::new();
        let file = scene.model(model);
        scene.copy(&format!("tests/models/{model}.input.csv"), "data.csv");
        let ended = scene.run().model(&file).input("data.csv").args(&["--explain", "all"]).ok();
        let predictions = ended.predictions();
        for ((row, prediction), sum) in
            predictions.column(prediction).into_iter().enumerate().zip(sums(predictions, ""))
        {
            let score = link.map_or(number(prediction), |link| link(number(prediction)));
            assert!((sum - score).abs() <= 1e-4 * score.abs().max(1.0), "{model}, row {row}: {sum}, not {score}");
        }
    }
    let scene = Scene::new();
    let file = scene.model("logistic_regression_3class");
    scene.copy("tests/models/logistic_regression_3class.input.csv", "data.csv");
    let ended = scene.run().model(&file).input("data.csv").args(&["--explain", "1"]).ok();
    assert!(ended.predictions().columns.iter().any(|column| column == "expected_value_red"), "{ended}");
}

#[test]
fn the_largest_contributions_come_first() {
    let scene = Scene::new();
    let file = bring(&scene, "lgb_regression");
    let run = || scene.run().model(&file).input("data.csv");
    let all = run().args(&["--explain", "all"]).to("all").ok();
    let two = run().args(&["--explain", "2"]).to("two").ok();
    // A job file says it as well, and more features than there are is all of them.
    scene.write("job.yml", "explain: 9\n");
    let ranked = run().arg("job.yml").to("ranked").ok();
    let columns = |ended: &[String]| ended[3..].to_vec();
    assert_eq!(
        columns(&two.predictions().columns),
        [
            "contribution_1_feature",
            "contribution_1_value",
            "contribution_2_feature",
            "contribution_2_value",
            "expected_value"
        ]
    );
    assert_eq!(columns(&ranked.predictions().columns).len(), 9);
    for row in 0..all.predictions().len() {
        let mut wanted: Vec<(String, f64)> = ["age", "income", "visits", "score"]
            .map(|name| (name.to_owned(), number(all.predictions().column(&format!("contribution_{name}"))[row])))
            .to_vec();
        wanted.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        for (table, count) in [(two.predictions(), 2), (ranked.predictions(), 4)] {
            let have: Vec<(String, f64)> = (1..=count)
                .map(|rank| {
                    let name = table.column(&format!("contribution_{rank}_feature"))[row].to_owned();
                    (name, number(table.column(&format!("contribution_{rank}_value"))[row]))
                })
                .collect();
            assert_eq!(have, wanted[..count], "row {row}");
        }
    }
}

#[test]
fn every_format_has_the_contributions() {
    let scene = Scene::new();
    let file = bring(&scene, "xgb_softprob");
    let run = |format: &str| {
        let run = scene.run().model(&file).input("data.csv").args(&["--explain", "1"]);
        run.named(&format!("p.{format}")).to(format).ok().predictions().clone()
    };
    let csv = run("csv");
    assert!(
        csv.columns
            .ends_with(&["contribution_2_1_feature", "contribution_2_1_value", "expected_value_2"].map(str::to_owned))
    );
    for format in ["jsonl", "parquet", "arrow"] {
        let other = run(format);
        assert_eq!(other.columns, csv.columns, "{format}");
        assert_eq!(other.column("contribution_0_1_feature"), csv.column("contribution_0_1_feature"), "{format}");
        let values =
            |table: &Table| -> Vec<f64> { table.column("contribution_0_1_value").into_iter().map(number).collect() };
        let same = |(x, y): (f64, f64)| (x - y).abs() <= f64::EPSILON * y.abs();
        assert!(values(&other).into_iter().zip(values(&csv)).all(same), "{format}");
    }
    // Without names, text has the columns in the same order.
    let last = run("txt").rows[0].last().cloned();
    assert_eq!(last.as_deref().map(number), csv.rows[0].last().map(|text| number(text)));
}

#[test]
fn what_cannot_be_explained_is_refused_with_the_reason() {
    let scene = Scene::new();
    let file = bring(&scene, "lgb_regression");
    let run = |model: &str| scene.run().model(model).input("data.csv").args(&["--explain", "all"]);
    let text = scene.read(&file);
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("internal_count")).collect();
    scene.write("without.txt", without.join("\n"));
    run("without.txt").exits(4).says(&["without.txt", "cannot be explained", "internal_count"]);
    scene.write("contradictory.txt", text.replacen("\nleaf_count=", "\nleaf_count=9", 1));
    run("contradictory.txt").exits(4).says(&["contradictory.txt", "cannot be explained", "contradictory", "--explain"]);
    // Against a background both are explained like any other model.
    for model in ["without.txt", "contradictory.txt"] {
        let ended = run(model).args(&["--explain-background", "data.csv"]).to(&format!("{model}.sampled")).ok();
        let predictions = ended.predictions();
        for (sum, output) in sums(predictions, "").into_iter().zip(predictions.column("prediction")) {
            assert!((sum - number(output)).abs() < 1e-9 * sum.abs().max(1.0), "{model}: {sum}, not {output}");
        }
    }
    // As a job without it, both are as good as any.
    for model in ["without.txt", "contradictory.txt"] {
        scene.run().model(model).input("data.csv").to(&format!("{model}.plain")).ok();
        let run =
            scene.run().model(model).input("data.csv").args(&["--set", "explain=all"]).args(&["--explain", "none"]);
        run.to(&format!("{model}.none")).ok();
    }
    let file = scene.model("mlp_binary");
    scene.copy("tests/models/mlp_binary.input.csv", "data.csv");
    run(&file).exits(4).says(&["mlp_binary.onnx", "cannot be explained", "linear", "--explain-background"]);
    let file = scene.model("random_forest_binary");
    run(&file).exits(4).says(&["random_forest_binary.onnx", "training data", "--explain-background"]);
    scene.run().model(&file).input("data.csv").args(&["--explain", "0"]).exits(2).says(&["explain", "all"]);
}

#[test]
fn trees_in_onnx_are_explained_with_a_background() {
    for (model, columns, link) in [
        ("gradient_boosting_regressor", vec![("", "prediction")], None),
        ("gradient_boosting_binary", vec![("", "probability_1")], Some(log_odds as fn(f64) -> f64)),
        ("random_forest_3class", vec![("_high", "probability_high"), ("_low", "probability_low")], None),
    ] {
        let scene = Scene::new();
        let file = scene.model(model);
        scene.copy(&format!("tests/models/{model}.input.csv"), "data.csv");
        let args = ["--explain", "all", "--explain-background", "data.csv"];
        let ended = scene.run().model(&file).input("data.csv").args(&args).ok();
        assert!(scene.read("out/job.json").contains("40 records of the background counted"), "{model}");
        let predictions = ended.predictions();
        for (suffix, column) in columns {
            let scores: Vec<f64> = predictions
                .column(column)
                .into_iter()
                .map(|text| link.map_or(number(text), |link| link(number(text))))
                .collect();
            for (row, (sum, score)) in sums(predictions, suffix).into_iter().zip(&scores).enumerate() {
                assert!((sum - score).abs() <= 1e-4 * score.abs().max(1.0), "{model}, row {row}: {sum}, not {score}");
            }
            // What is expected is the mean over the background.
            let expected = number(predictions.column(&format!("expected_value{suffix}"))[0]);
            let mean = scores.iter().sum::<f64>() / scores.len() as f64;
            assert!((expected - mean).abs() <= 1e-4 * mean.abs().max(1.0), "{model}: {expected}, not {mean}");
        }
    }
}

#[test]
fn any_model_is_explained_by_sampling() {
    for (model, features, classes) in [
        ("mlp_3class", 5, vec!["_0", "_1", "_2"]),
        ("mlp_regressor", 5, vec![""]),
        ("nearest_neighbours_regressor", 5, vec![""]),
    ] {
        let scene = Scene::new();
        let file = scene.model(model);
        scene.copy(&format!("tests/models/{model}.input.csv"), "data.csv");
        let mut first: Option<String> = None;
        for (size, workers) in [("1", "1"), ("7", "3"), ("1000", "2")] {
            let run = scene.run().model(&file).input("data.csv").mini_batch_size(size).args(&["--workers", workers]);
            let run = run.args(&["--explain", "all", "--explain-background", "data.csv", "--explain-samples", "20"]);
            let ended = run.to(size).ok();
            let text = scene.read(&format!("{size}/predictions.csv"));
            assert_eq!(first.get_or_insert_with(|| text.clone()), &text, "{model}: mini-batches of {size}");
            let predictions = ended.predictions();
            for class in &classes {
                let column = if class.is_empty() { "prediction".to_owned() } else { format!("probability{class}") };
                let outputs = predictions.column(&column).into_iter().map(number);
                for (row, (sum, output)) in sums(predictions, class).into_iter().zip(outputs).enumerate() {
                    assert!(
                        (sum - output).abs() <= 1e-5 * output.abs().max(1.0),
                        "{model}, row {row}: {sum}, not {output}"
                    );
                }
                let errors =
                    predictions.columns.iter().filter(|name| name.starts_with(&format!("standard_error{class}_")));
                let errors: Vec<&String> = errors.collect();
                assert_eq!(errors.len(), features, "{model}: {:?}", predictions.columns);
                let is_error = |error: f64| error >= 0.0 && error.is_finite();
                assert!(
                    errors.iter().all(|name| predictions.column(name).into_iter().map(number).all(is_error)),
                    "{model}"
                );
            }
        }
        assert!(scene.read("1/job.json").contains("sampled Shapley values against 20 records"), "{model}");
        // Ranked, each comes with its error.
        let args = ["--explain", "1", "--explain-background", "data.csv"];
        let ended = scene.run().model(&file).input("data.csv").args(&args).to("one").ok();
        let first = format!("contribution{}_1", classes[0]);
        let columns = &ended.predictions().columns;
        let at = columns.iter().position(|column| *column == format!("{first}_feature")).unwrap();
        assert_eq!(
            columns[at + 1..at + 4],
            [
                format!("{first}_value"),
                format!("standard_error{}_1", classes[0]),
                format!("expected_value{}", classes[0])
            ]
        );
    }
}

#[test]
fn a_background_is_read_like_the_input() {
    let scene = Scene::new();
    let file = scene.model("mlp_regressor");
    scene.copy("tests/models/mlp_regressor.input.csv", "data/data.csv");
    let text = scene.read("data/data.csv");
    // The same records in another order of columns, in another format; a record of the data that cannot be decoded.
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let object = |values: Vec<&str>| {
        let pairs: Vec<String> = names.iter().zip(values).rev().map(|(name, x)| format!("{name:?}: {x}")).collect();
        format!("{{{}}}\n", pairs.join(", "))
    };
    scene.write("background.jsonl", lines.map(object).collect::<String>());
    scene.write("data/more.csv", format!("{}\n1,2,3,4,5\n1,2,x,4,5\n", names.join(",")));
    let run = |folder: &str| scene.run().model(&file).input("data").to(folder).args(&["--explain", "all"]);
    let csv = run("csv").args(&["--explain-background", "data/data.csv"]).ok();
    assert_eq!((csv.predictions().len(), csv.errors().len()), (41, 1), "{csv}");
    scene.write("job.yml", "explain_background: background.jsonl\nexplain_samples: 100\n");
    run("jsonl").arg("job.yml").ok();
    assert_eq!(scene.read("csv/predictions.csv"), scene.read("jsonl/predictions.csv"));
    let described = run("described").arg("job.yml").args(&["--dry-run"]).exits(0);
    assert!(described.stdout.contains("explain_background") && described.stdout.contains("explain_samples: 100"));

    run("gone").args(&["--explain-background", "gone.csv"]).exits(3).says(&["gone.csv"]);
    run("bad").args(&["--explain-background", "data/more.csv"]).exits(3).says(&["more.csv", "row 1", "\"x\""]);
    scene.write("other.csv", "a,b\n1,2\n");
    run("other").args(&["--explain-background", "other.csv"]).exits(3).says(&["other.csv", "x0"]);
    scene.write("empty.csv", format!("{}\n", names.join(",")));
    run("empty").args(&["--explain-background", "empty.csv"]).exits(4).says(&["no records"]);
    run("few").args(&["--explain-samples", "1"]).exits(2).says(&["explain_samples", "from 10 to 65536"]);
}

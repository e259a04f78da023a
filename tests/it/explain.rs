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
    let log_odds = |probability: f64| (probability / (1.0 - probability)).ln();
    for (model, prediction, link) in [
        ("linear_regression", "prediction", None),
        ("scaler_logistic_zipmap", "probability_1", Some(log_odds)),
        ("imputer_mean_logistic", "probability_1", Some(log_odds)),
    ] {
        let scene = Scene::new();
        let file = scene.model(model);
        scene.copy(&format!("tests/models/{model}.input.csv"), "data.csv");
        let ended = scene.run().model(&file).input("data.csv").args(&["--explain", "all"]).ok();
        let predictions = ended.predictions();
        let is_part = |column: &&String| column.starts_with("contribution_") || *column == "expected_value";
        let parts: Vec<Vec<&str>> =
            predictions.columns.iter().filter(is_part).map(|column| predictions.column(column)).collect();
        assert!(parts.len() > 3, "{model}: {:?}", predictions.columns);
        for (row, prediction) in predictions.column(prediction).into_iter().enumerate() {
            let sum: f64 = parts.iter().map(|column| number(column[row])).sum();
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
    // As a job without it, both are as good as any.
    for model in ["without.txt", "contradictory.txt"] {
        scene.run().model(model).input("data.csv").to(&format!("{model}.plain")).ok();
        let run =
            scene.run().model(model).input("data.csv").args(&["--set", "explain=all"]).args(&["--explain", "none"]);
        run.to(&format!("{model}.none")).ok();
    }
    let file = scene.model("mlp_binary");
    scene.copy("tests/models/mlp_binary.input.csv", "data.csv");
    run(&file).exits(4).says(&["mlp_binary.onnx", "cannot be explained", "LinearClassifier", "--explain"]);
    scene.run().model(&file).input("data.csv").args(&["--explain", "0"]).exits(2).says(&["explain", "all"]);
}

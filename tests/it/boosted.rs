//! Every model in `tests/models/boosted/` gives what its library gave, whatever the mini-batch size.

use std::collections::BTreeSet;

use crate::support::{Scene, Table, repository};

/// Models whose values go through exponentials, of which the last bits are the mathematical library's.
const WITH_EXPONENTIALS: [&str; 14] = [
    "lgb_binary",
    "lgb_cross_entropy",
    "lgb_cross_entropy_lambda",
    "lgb_multiclass",
    "lgb_multiclassova",
    "lgb_poisson",
    "xgb_aft",
    "xgb_binary",
    "xgb_gamma",
    "xgb_logistic",
    "xgb_softprob",
    "xgb_softmax_ubj",
    "cat_binary",
    "cat_multiclass",
];

fn names() -> BTreeSet<String> {
    std::fs::read_dir(repository().join("tests/models/boosted"))
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".expected.csv")?.to_owned()))
        .collect()
}

/// Copies a model and its data to a scene, and gives the model's file name.
fn bring(scene: &Scene, name: &str) -> String {
    let folder = format!("tests/models/boosted/{name}");
    let extensions = ["txt", "json", "ubj"];
    let is_there = |extension: &&&str| repository().join(format!("{folder}.{extension}")).exists();
    let file = format!("{name}.{}", extensions.iter().find(is_there).unwrap());
    scene.copy(&format!("tests/models/boosted/{file}"), &file);
    scene.copy(&format!("{folder}.input.csv"), "data.csv");
    scene.copy(&format!("{folder}.expected.csv"), "expected.csv");
    file
}

/// Labels are the same texts. Numbers have the same bits in the library's own precision, or nearly so.
fn alike(name: &str, have: &str, want: &str) -> bool {
    let is_single = name.starts_with("xgb");
    let (Ok(x), Ok(y)) = (have.parse::<f64>(), want.parse::<f64>()) else { return have == want };
    if WITH_EXPONENTIALS.contains(&name) || name == "cat_poisson" {
        let ulp = if is_single { f64::from(f32::EPSILON) } else { f64::EPSILON };
        (x - y).abs() <= 8.0 * ulp * y.abs()
    } else if is_single {
        x as f32 == y as f32
    } else {
        x == y
    }
}

#[test]
fn models_give_what_their_libraries_give() {
    let mut faults = Vec::new();
    let models = names();
    assert!(models.len() >= 30, "only {} models", models.len());
    for name in &models {
        let scene = Scene::new();
        let file = bring(&scene, name);
        let expected = Table::csv(&scene.read("expected.csv"));
        let mut first: Option<String> = None;
        for size in ["1", "7", "1000"] {
            let ended = scene.run().model(&file).input("data.csv").mini_batch_size(size).to(size).end();
            if ended.code != 0 {
                faults.push(format!("{name}: exit code {}: {}", ended.code, ended.stderr));
                break;
            }
            let text = scene.read(&format!("{size}/predictions.csv"));
            if first.as_ref().is_some_and(|first| first != &text) {
                faults.push(format!("{name}: mini-batches of {size} give other results"));
            }
            let columns: Vec<&str> = expected.columns.iter().map(String::as_str).collect();
            let mut wanted: Vec<&str> = columns.clone();
            wanted.insert(2, "file");
            if ended.predictions().columns != wanted {
                faults.push(format!("{name}: columns {:?}, expected {wanted:?}", ended.predictions().columns));
                break;
            }
            let predictions = ended.predictions().select(&columns);
            for (row, (have, want)) in predictions.rows.iter().zip(&expected.rows).enumerate() {
                if !have.iter().zip(want).all(|(have, want)| alike(name, have, want)) {
                    faults.push(format!("{name}, row {row}: {have:?}, expected {want:?}"));
                }
            }
            assert_eq!(predictions.len(), expected.len(), "{name}");
            first.get_or_insert(text);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn results_do_not_depend_on_the_processors_vectors() {
    for name in ["lgb_categorical", "xgb_softprob", "cat_multiclass"] {
        let scene = Scene::new();
        let file = bring(&scene, name);
        let results = ["portable", "avx2", "avx512"].map(|level| {
            let run = scene.run().model(&file).input("data.csv").mini_batch_size("1000");
            run.env("BATCHSCORE_SIMD", level).to(level).ok();
            scene.read(&format!("{level}/predictions.csv"))
        });
        assert!(results.iter().all(|result| result == &results[0]), "{name}");
    }
}

#[test]
fn inspect_tells_the_library_and_the_objective() {
    for (name, parts) in [
        ("lgb_binary", vec!["LightGBM", "4 iterations", "bit vectors", "binary", "age", "float32", "probability_1"]),
        ("xgb_pandas_categories", vec!["XGBoost 3.2.0", "reg:squarederror", "color (string)", "size (float32)"]),
        ("cat_multiclass", vec!["CatBoost", "MultiClass", "4 columns", "prediction (string)", "probability_high"]),
    ] {
        let scene = Scene::new();
        let file = bring(&scene, name);
        let ended = scene.batchscore(&["model", "inspect", &file]);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended}");
        for part in parts {
            assert!(ended.stdout.contains(part), "{part}: {ended}");
        }
    }
}

#[test]
fn a_model_is_known_by_what_is_in_the_file() {
    let scene = Scene::new();
    bring(&scene, "lgb_regression");
    for name in ["booster.model", "booster.json"] {
        scene.copy("tests/models/boosted/lgb_regression.txt", name);
        scene.run().model(name).input("data.csv").to(&format!("{name}.out")).ok();
    }
    let results = ["booster.model", "booster.json"].map(|name| scene.read(&format!("{name}.out/predictions.csv")));
    assert_eq!(results[0], results[1]);
}

#[test]
fn files_that_are_no_models_are_refused_by_name() {
    let scene = Scene::new();
    scene.write("data.csv", "x\n1\n");
    scene.write("notes.txt", "Dear diary,\n");
    scene.write("package.json", "{\"name\": \"left-pad\"}");
    scene.write("old.model", b"binf\0\0\0\x3f");
    scene.write("model.cbm", b"CBM1\x10\0\0\0");
    for (file, parts) in [
        ("notes.txt", ["LightGBM", "XGBoost"]),
        ("package.json", ["XGBoost", "CatBoost"]),
        ("old.model", ["XGBoost", ".json"]),
        ("model.cbm", ["CatBoost", "json"]),
    ] {
        scene.run().model(file).input("data.csv").exits(4).says(&[file, parts[0], parts[1]]);
    }
}

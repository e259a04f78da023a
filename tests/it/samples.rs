//! The jobs in `jobs/` on the data in `sample-data/` give what scikit-learn predicted.

use crate::support::{Ended, Scene, Table, assert_same, repository};

/// A job file, its sample, and how many columns it keeps beside the predictions.
struct Sample {
    job: &'static str,
    sample: &'static str,
    kept: &'static [&'static str],
}

const DIABETES: Sample = Sample { job: "diabetes", sample: "diabetes", kept: &[] };
const DIABETES_PARQUET: Sample = Sample {
    job: "diabetes-parquet",
    sample: "diabetes",
    kept: &[
        "Pregnancies",
        "PlasmaGlucose",
        "DiastolicBloodPressure",
        "TricepsThickness",
        "SerumInsulin",
        "BMI",
        "DiabetesPedigree",
        "Age",
    ],
};
const IRIS: Sample = Sample { job: "iris", sample: "iris", kept: &["sample_id", "species"] };
const BREAST_CANCER: Sample = Sample { job: "breast-cancer", sample: "breast-cancer", kept: &[] };
const ALL: [&Sample; 4] = [&DIABETES, &DIABETES_PARQUET, &IRIS, &BREAST_CANCER];

/// The predictions of scikit-learn, columns in the order of the output.
fn expected(sample: &str) -> Table {
    let path = repository().join(format!("sample-data/{sample}/expected.csv"));
    let table = Table::csv(&std::fs::read_to_string(path).unwrap());
    let mut columns = vec!["row", "prediction", "file"];
    columns.extend(table.columns.iter().map(String::as_str).filter(|name| name.starts_with("probability_")));
    table.select(&columns)
}

fn job_path(job: &str) -> String {
    repository().join(format!("jobs/{job}.yml")).to_str().unwrap().to_owned()
}

/// Columns that come out: those of the expected predictions, then those that are kept.
fn columns(sample: &Sample, expected: &Table) -> Vec<String> {
    expected.columns.iter().cloned().chain(sample.kept.iter().map(|name| (*name).to_owned())).collect()
}

fn check(sample: &Sample, ended: &Ended) {
    let mut expected = expected(sample.sample);
    if sample.job == "diabetes-parquet" {
        for row in &mut expected.rows {
            row[2] = "diabetes.parquet".to_owned();
        }
    }
    let columns = columns(sample, &expected);
    let predictions = ended.predictions();
    assert_eq!(predictions.rows[0].len(), columns.len(), "{ended}");
    let mut predictions = predictions.clone();
    // A txt file has no names of its own.
    if predictions.columns[0] == "0" {
        predictions.columns.clone_from(&columns);
    }
    assert_eq!(predictions.columns, columns);
    let names: Vec<&str> = expected.columns.iter().map(String::as_str).collect();
    assert_same(&predictions.select(&names), &expected, sample.job);
    assert_eq!(ended.counts(), (expected.len() as u64, expected.len() as u64, 0));
}

fn check_all_forms(sample: &Sample) {
    let mut kept = Vec::new();
    for extension in ["txt", "csv", "jsonl", "parquet", "arrow"] {
        let scene = Scene::new();
        let ended = scene.run().arg(job_path(sample.job)).named(&format!("results.{extension}")).ok();
        check(sample, &ended);
        let width = ended.predictions().columns.len();
        let rows = ended.predictions().rows.iter();
        kept.push(rows.map(|row| row[width - sample.kept.len()..].to_vec()).collect::<Vec<_>>());
    }
    assert!(kept.iter().all(|rows| rows == &kept[0]), "the kept columns differ between the forms of the output");
}

#[test]
fn diabetes_in_every_form() {
    check_all_forms(&DIABETES);
}

#[test]
fn diabetes_parquet_in_every_form() {
    check_all_forms(&DIABETES_PARQUET);
}

#[test]
fn iris_in_every_form() {
    check_all_forms(&IRIS);
}

#[test]
fn breast_cancer_in_every_form() {
    check_all_forms(&BREAST_CANCER);
}

#[test]
fn every_job_file_is_tested() {
    let mut jobs: Vec<String> = std::fs::read_dir(repository().join("jobs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    jobs.sort();
    let mut tested: Vec<String> = ALL.iter().map(|sample| format!("{}.yml", sample.job)).collect();
    tested.sort();
    assert_eq!(jobs, tested);
}

#[test]
fn a_job_writes_to_the_folder_of_its_name() {
    for sample in ALL {
        let scene = Scene::new();
        let ended = scene.run().arg(job_path(sample.job)).default_output().ok();
        check(sample, &ended);
        let location = ended.result("predictions").as_str().unwrap();
        assert!(location.starts_with(&format!("outputs/{}/predictions.", sample.job)), "{location}");
        assert!(scene.exists(location));
    }
}

#[test]
fn kept_columns_are_those_of_the_data() {
    let scene = Scene::new();
    let ended = scene.run().arg(job_path("iris")).ok();
    let data = Table::csv(&std::fs::read_to_string(repository().join("sample-data/iris/iris.csv")).unwrap());
    let columns = ["sample_id", "species"];
    assert_eq!(ended.predictions().select(&columns), data.select(&columns));
}

#[test]
fn json_lines_score_like_the_same_records_in_csv() {
    let scene = Scene::new();
    let data = repository().join("sample-data/breast-cancer/breast-cancer.jsonl");
    let ended = scene.run().arg(job_path("breast-cancer")).input(data.to_str().unwrap()).ok();
    let mut first_file = expected("breast-cancer");
    first_file.rows.retain(|row| row[2] == "part-0.csv");
    first_file.rows.iter_mut().for_each(|row| row[2] = "breast-cancer.jsonl".to_owned());
    assert_eq!(first_file.len(), 285);
    assert_same(ended.predictions(), &first_file, "breast-cancer.jsonl");
}

//! Files that are not what they should be: whatever is wrong with one, it is refused or scored, and nothing else.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};

use crate::data::{Block, Cuts, ElementType, FeatureNeeds, InputFile, MiniBatch, RowNumbers};
use crate::scorer::Scorer;

/// Most features of a table that a test makes.
const MOST_FEATURES: usize = 100;

/// What stands where a number should.
const WRONG: [&str; 10] = ["-1", "0", "7", "2147483648", "99999999999999999999", "1e999", "NaN", "\"x\"", "", "[[]]"];

/// Reads a file with all that is wanted of it at most.
fn read(bytes: &[u8]) -> Result<Box<dyn Scorer>, String> {
    super::read(bytes, true)
}

fn file(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/boosted");
    std::fs::read(folder.join(name)).unwrap()
}

/// Scores some rows, if the model does not ask for far too many columns.
fn score(scorer: &dyn Scorer) {
    let elements = match scorer.needs() {
        FeatureNeeds::Named(features) => features.iter().map(|feature| feature.element).collect(),
        FeatureNeeds::Table { element, count: Some(count) } if *count <= MOST_FEATURES => vec![*element; *count],
        _ => return,
    };
    let values = [0.0, 1.0, -1.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 20.0];
    let columns: Vec<ArrayRef> = elements
        .iter()
        .map(|element| match element {
            ElementType::String => Arc::new(StringArray::from(vec!["red"; values.len()])) as ArrayRef,
            _ => Arc::new(Float32Array::from(values.to_vec())) as ArrayRef,
        })
        .collect();
    if columns.is_empty() {
        return;
    }
    let fields: Vec<Field> = columns.iter().map(|c| Field::new("x", c.data_type().clone(), true)).collect();
    let records = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let block = Arc::new(Block {
        file: Arc::new(InputFile { index: 0, name: "rows.csv".to_owned() }),
        span: 0..values.len() as u64,
        feature_count: records.num_columns(),
        key: None,
        passed_over: 0,
        records,
        rows: RowNumbers::From(0),
        failures: Arc::new([]),
        cuts: Cuts::Every(u64::MAX / 2),
    });
    // An error is as good as scores.
    let mini_batch = MiniBatch { block, records: 0..values.len() };
    let _ = scorer.score(&mini_batch);
    let _ = scorer.explainer().map(|explainer| explainer.contributions(&mini_batch));
}

fn refused(bytes: &[u8]) -> String {
    match read(bytes) {
        Ok(scorer) => panic!("{} was read", scorer.engine()),
        Err(cause) => cause,
    }
}

#[test]
fn files_that_end_early_are_refused() {
    for name in ["lgb_categorical.txt", "xgb_categorical.json", "xgb_regression_ubj.ubj", "cat_lossguide.json"] {
        let whole = file(name);
        let text = String::from_utf8_lossy(&whole);
        // Behind this, nothing is missed.
        let end = text.find("end of parameters").unwrap_or(whole.trim_ascii_end().len());
        // LightGBM itself takes files for complete that end behind their trees.
        let optional = match text.find("\nend of trees") {
            Some(start) => start..text.find("[boosting:").unwrap_or(start),
            None => 0..0,
        };
        for length in (0..end).step_by(97).chain(end - 20..end).filter(|length| !optional.contains(length)) {
            assert!(read(&whole[..length]).is_err(), "the first {length} bytes of {name}");
        }
    }
}

#[test]
fn wrong_numbers_do_no_harm() {
    for name in [
        "lgb_multiclass.txt",
        "lgb_categorical.txt",
        "lgb_pandas_categories.txt",
        "xgb_categorical.json",
        "xgb_pandas_categories.json",
        "xgb_vector_leaves.json",
        "xgb_dart.json",
        "cat_multiclass.json",
        "cat_lossguide.json",
        "cat_one_hot.json",
    ] {
        let text = String::from_utf8(file(name)).unwrap();
        // Where numbers begin and end.
        let is_number = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let mut numbers = vec![];
        let mut rest = 0;
        while let Some(start) = text[rest..].find(|c: char| c.is_ascii_digit() || c == '-').map(|at| rest + at) {
            let end = text[start..].find(|c| !is_number(c)).map_or(text.len(), |at| start + at);
            numbers.push(start..end);
            rest = end;
        }
        assert!(numbers.len() > 100, "{name}");
        for (index, number) in numbers.iter().enumerate() {
            let wrong = WRONG[index % WRONG.len()];
            let changed = format!("{}{wrong}{}", &text[..number.start], &text[number.end..]);
            if let Ok(scorer) = read(changed.as_bytes()) {
                score(scorer.as_ref());
            }
        }
        // Each field once, whatever its place in the file.
        for wrong in WRONG {
            for number in numbers.iter().step_by(numbers.len() / 40) {
                let changed = format!("{}{wrong}{}", &text[..number.start], &text[number.end..]);
                if let Ok(scorer) = read(changed.as_bytes()) {
                    score(scorer.as_ref());
                }
            }
        }
    }
}

#[test]
fn wrong_bytes_do_no_harm() {
    let whole = file("xgb_regression_ubj.ubj");
    for at in 0..whole.len() {
        for byte in [0, 0x7f, 0xff, b'[', b'L'] {
            let mut changed = whole.clone();
            changed[at] = byte;
            if let Ok(scorer) = read(&changed) {
                score(scorer.as_ref());
            }
        }
    }
}

#[test]
fn what_is_not_run_says_why_and_what_helps() {
    let text = |name: &str| String::from_utf8(file(name)).unwrap();
    let lightgbm = text("lgb_binary.txt");
    let xgboost = text("xgb_regression.json");
    let catboost = text("cat_binary.json");
    for (bytes, parts) in [
        (b"binf\0\0\0\0".to_vec(), vec!["XGBoost", ".json"]),
        (b"CBM1\0\0\0\0".to_vec(), vec!["CatBoost", "json"]),
        (b"{}".to_vec(), vec!["JSON", "XGBoost", "CatBoost"]),
        (b"{\"name\":\"tree\",\"tree_info\":[]}".to_vec(), vec!["LightGBM", "save_model"]),
        (vec![], vec!["no model"]),
        (lightgbm.replace("is_linear=0", "is_linear=1").into_bytes(), vec!["linear_tree"]),
        (lightgbm.replace("=binary sigmoid:1.5", "=mystery").into_bytes(), vec!["mystery"]),
        (xgboost.replace("reg:squarederror", "reg:mystery").into_bytes(), vec!["reg:mystery"]),
        (xgboost.replace("\"gbtree\"", "\"gblinear\"").into_bytes(), vec!["gblinear"]),
        (catboost.replace("\"Logloss\"", "\"Mystery\"").into_bytes(), vec!["Mystery"]),
        (catboost.replace("\"FloatFeature\"", "\"OnlineCtr\"").into_bytes(), vec!["CTR", "one_hot_max_size"]),
        (
            catboost.replace("\"float_features\"", "\"text_features\":[{}],\"float_features\"").into_bytes(),
            vec!["text", "before training"],
        ),
    ] {
        let cause = refused(&bytes);
        assert!(parts.iter().all(|part| cause.contains(part)), "{cause}");
    }
}

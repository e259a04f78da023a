//! Contributions against Shapley values by their definition, for formulas as models.

use arrow_array::{Float32Array, Float64Array, Int64Array, StringArray};
use arrow_schema::{Field, Schema};

use super::*;
use crate::data::Predictions;
use crate::scorer::{FeatureNeeds, Signature};

/// What a formula is given of a row: its numbers (a text is its length).
type Row = [f64];

/// A model that is a formula with two outputs.
struct Formula {
    formula: fn(&Row) -> [f64; 2],
    signature: Signature,
    schema: SchemaRef,
}

impl Formula {
    fn scorer(formula: fn(&Row) -> [f64; 2]) -> Arc<dyn Scorer> {
        let number = |name: &str| Field::new(name, DataType::Float64, false);
        let label = Field::new("prediction", DataType::Int64, false);
        let schema = Schema::new(vec![label, number("probability_no"), number("probability_yes")]);
        Arc::new(Formula { formula, signature: Signature::default(), schema: Arc::new(schema) })
    }
}

impl Scorer for Formula {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn engine(&self) -> String {
        "a formula".to_owned()
    }

    fn needs(&self) -> &FeatureNeeds {
        &FeatureNeeds::Anything
    }

    fn output_schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn score(&self, mini_batch: &MiniBatch) -> Result<Predictions, ScoreError> {
        let rows = rows(&features(mini_batch).unwrap());
        if rows.iter().flatten().any(|value| *value == -99.0) {
            return Err(ScoreError::Permanent("-99 is refused".to_owned()));
        }
        let outputs: Vec<[f64; 2]> = rows.iter().map(|row| (self.formula)(row)).collect();
        let output =
            |index: usize| Arc::new(outputs.iter().map(|row| row[index]).collect::<Float64Array>()) as ArrayRef;
        let labels = Arc::new(Int64Array::from(vec![0; rows.len()]));
        Ok(Predictions::new(self.output_schema(), vec![labels, output(0), output(1)], rows.len())?)
    }
}

fn rows(records: &RecordBatch) -> Vec<Vec<f64>> {
    let value = |column: &ArrayRef, row: usize| match column.as_string_opt::<i32>() {
        Some(texts) => texts.value(row).len() as f64,
        None => f64::from(column.as_primitive::<Float32Type>().value(row)),
    };
    (0..records.num_rows()).map(|row| records.columns().iter().map(|column| value(column, row)).collect()).collect()
}

/// Numbers from -2 to 2 that look random, the last column as texts of up to four characters.
fn records(features: usize, rows: usize, seed: u64) -> RecordBatch {
    let number = |feature: usize, row: usize| {
        (mixed(seed * 1_000_003 + (row * features + feature) as u64) % 401) as f32 / 100.0 - 2.0
    };
    let numbers = |feature| Arc::new((0..rows).map(|row| number(feature, row)).collect::<Float32Array>()) as ArrayRef;
    let text = |row| "word"[..(number(features - 1, row) + 2.0) as usize].to_owned();
    let mut columns: Vec<ArrayRef> = (0..features - 1).map(numbers).collect();
    columns.push(Arc::new(StringArray::from((0..rows).map(text).collect::<Vec<_>>())));
    let fields: Vec<Field> = columns.iter().map(|column| Field::new("x", column.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn mini_batch(records: &RecordBatch, range: Range<usize>) -> MiniBatch {
    let block = Block {
        file: Arc::new(InputFile { index: 0, name: "rows.csv".to_owned() }),
        span: 0..records.num_rows() as u64,
        feature_count: records.num_columns(),
        key: None,
        passed_over: 0,
        records: records.clone(),
        rows: RowNumbers::From(0),
        failures: Arc::new([]),
        cuts: Cuts::Every(u64::MAX / 2),
    };
    MiniBatch { block: Arc::new(block), records: range }
}

fn whole(records: &RecordBatch) -> MiniBatch {
    mini_batch(records, 0..records.num_rows())
}

fn background(records: &RecordBatch, most: usize) -> Background {
    let mut background = Background::new(most);
    background.show(&whole(records)).unwrap();
    background
}

/// Interactions, a kink and a step between neighbours; and something simple.
fn formula(row: &Row) -> [f64; 2] {
    let products: f64 = row.windows(2).map(|pair| pair[0] * pair[1].max(0.0)).sum();
    let step = f64::from(u8::from(row.iter().sum::<f64>() > 1.0));
    [products + 3.0 * step, row[0] - row[row.len() - 1]]
}

/// Shapley values by their definition: `[outputs, features]`.
fn shapley(item: &Row, background: &RecordBatch) -> Vec<f64> {
    let background = rows(background);
    let features = item.len();
    let worth = |set: usize| -> [f64; 2] {
        let mut sums = [0.0; 2];
        for record in &background {
            let row: Vec<f64> = (0..features)
                .map(|feature| if set >> feature & 1 == 1 { item[feature] } else { record[feature] })
                .collect();
            sums.iter_mut().zip(formula(&row)).for_each(|(sum, value)| *sum += value / background.len() as f64);
        }
        sums
    };
    let worths: Vec<[f64; 2]> = (0..1 << features).map(worth).collect();
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    let of = |output: usize, feature: usize| -> f64 {
        let without = (0..1_usize << features).filter(|set| set >> feature & 1 == 0);
        let weight = |set: usize| {
            let size = set.count_ones() as usize;
            factorial(size) * factorial(features - size - 1) / factorial(features)
        };
        without.map(|set| weight(set) * (worths[set | 1 << feature][output] - worths[set][output])).sum()
    };
    (0..2).flat_map(|output| (0..features).map(move |feature| (output, feature))).map(|(o, f)| of(o, f)).collect()
}

#[test]
fn few_features_are_exact() {
    for features in 1..=5 {
        let background_records = records(features, 6, 1);
        let sampled = Sampled::new(Formula::scorer(formula), background(&background_records, 100), 100).unwrap();
        assert!(sampled.is_exact());
        let items = records(features, 20, 2);
        let contributions = sampled.contributions(&whole(&items)).unwrap();
        assert_eq!(contributions.errors, None);
        for (item, values) in rows(&items).iter().zip(contributions.values.chunks_exact(2 * features)) {
            for (value, wanted) in values.iter().zip(shapley(item, &background_records)) {
                assert!((value - wanted).abs() < 1e-12, "{features} features: {value}, not {wanted}");
            }
        }
    }
}

#[test]
fn estimates_are_as_good_as_they_say() {
    // All records of the background, several times; and a sample of them, once each.
    for (shown, samples) in [(20, 100), (1000, 100), (1000, 400)] {
        let background_records = records(9, shown, 3);
        let sampled =
            Sampled::new(Formula::scorer(formula), background(&background_records, samples), samples).unwrap();
        let items = records(9, 12, 4);
        let contributions = sampled.contributions(&whole(&items)).unwrap();
        let errors = contributions.errors.unwrap();
        let (mut squares, mut count) = (0.0, 0.0);
        for (index, item) in rows(&items).iter().enumerate() {
            let range = index * 18..(index + 1) * 18;
            for (place, wanted) in range.zip(shapley(item, &background_records)) {
                let (value, error) = (contributions.values[place], errors[place]);
                let off = (value - wanted).abs();
                assert!(off <= 4.5 * error + 1e-9, "{value} +- {error}, not {wanted}");
                if error > 1e-9 {
                    squares += (off / error).powi(2);
                    count += 1.0;
                }
            }
        }
        // Items share their sample, so that the mean strays a little further than that of so many independent ones.
        let mean = squares / count;
        assert!(count > 100.0 && (0.4..2.0).contains(&mean), "{shown} records, {samples} samples: {mean}");
    }
}

#[test]
fn contributions_and_the_expected_value_are_the_output() {
    for (features, shown, samples) in [(1, 5, 10), (2, 500, 50), (4, 40, 64), (30, 7, 2), (30, 1000, 100), (600, 3, 2)]
    {
        let sampled =
            Sampled::new(Formula::scorer(formula), background(&records(features, shown, 5), samples), samples).unwrap();
        let (expected, items) = (sampled.expected(), records(features, 5, 6));
        let contributions = sampled.contributions(&whole(&items)).unwrap().values;
        for (item, values) in rows(&items).iter().zip(contributions.chunks_exact(2 * features)) {
            for (output, values) in values.chunks_exact(features).enumerate() {
                let (sum, wanted) = (expected[output] + values.iter().sum::<f64>(), formula(item)[output]);
                assert!((sum - wanted).abs() < 1e-9 * features as f64, "{features} features: {sum}, not {wanted}");
            }
        }
    }
}

#[test]
fn an_item_has_the_same_bits_in_any_company() {
    let sampled = Sampled::new(Formula::scorer(formula), background(&records(12, 300, 7), 50), 50).unwrap();
    let items = records(12, 9, 8);
    let all = sampled.contributions(&whole(&items)).unwrap();
    let (mut values, mut errors) = (vec![], vec![]);
    for range in [0..1, 1..4, 4..9] {
        let part = sampled.contributions(&mini_batch(&items, range)).unwrap();
        values.extend(part.values);
        errors.extend(part.errors.unwrap());
    }
    assert_eq!(all, Contributions { values, errors: Some(errors) });
}

#[test]
fn the_background_is_a_sample_of_all_that_is_shown() {
    let records = records(2, 1000, 9);
    let mut in_parts = Background::new(40);
    for start in (0..1000).step_by(70) {
        in_parts.show(&mini_batch(&records, start..1000.min(start + 70))).unwrap();
    }
    let (kept, complete) = in_parts.records().unwrap().unwrap();
    assert!(!complete && kept.num_rows() == 40);
    assert_eq!(background(&records, 40).records().unwrap().unwrap(), (kept, false));
    let all = background(&records, 1000).records().unwrap().unwrap();
    assert_eq!(all, (records, true));
    assert_eq!(Background::new(40).records().unwrap(), None);
}

#[test]
fn outputs_are_told_apart_like_those_of_other_models() {
    let names = |columns: &[(&str, DataType)]| {
        let fields = columns.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), false));
        outputs(&(Arc::new(Schema::new(fields.collect::<Vec<_>>())) as SchemaRef))
    };
    use DataType::{Float32, Int64, Utf8};
    let of = |places: &[usize], names: &[&str]| (places.to_vec(), names.iter().map(|n| (*n).to_owned()).collect());
    assert_eq!(names(&[("prediction", Float32)]), of(&[0], &[""]));
    assert_eq!(
        names(&[("prediction", Utf8), ("probability_a", Float32), ("probability_b", Float32)]),
        of(&[1, 2], &["a", "b"])
    );
    assert_eq!(names(&[("prediction_0", Float32), ("prediction_1", Float32)]), of(&[0, 1], &["0", "1"]));
    // Names that would be the same stay whole.
    assert_eq!(
        names(&[("prediction_a", Float32), ("probability_a", Float32)]),
        of(&[0, 1], &["prediction_a", "probability_a"])
    );
    assert_eq!(names(&[("prediction", Int64)]), of(&[], &[]));
}

#[test]
fn what_cannot_be_explained_is_told() {
    let refused = |formula, records: &RecordBatch| {
        Sampled::new(Formula::scorer(formula), background(records, 10), 10).err().unwrap()
    };
    let good = records(3, 5, 10);
    assert!(refused(|_| [f64::NAN, 0.0], &good).contains("no finite number"));
    assert!(refused(|_| panic!("out of order"), &good).contains("panicked: out of order"));
    let bad: ArrayRef = Arc::new(Float32Array::from(vec![-99.0; 5]));
    let columns = vec![bad, Arc::clone(good.column(1)), Arc::clone(good.column(2))];
    let bad = RecordBatch::try_new(good.schema(), columns).unwrap();
    assert!(refused(formula, &bad).contains("-99 is refused"));
    // An item that the model refuses is no more than an item that fails.
    let sampled = Sampled::new(Formula::scorer(formula), background(&good, 10), 10).unwrap();
    let error = sampled.contributions(&whole(&bad)).unwrap_err();
    assert!(!error.is_retryable() && error.to_string() == "-99 is refused", "{error}");
}

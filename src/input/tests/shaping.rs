//! Which records are items, which columns they have and what these are called: the same in every format.

use std::fmt::Write as _;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Decimal128Array, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray, UInt64Array,
};
use proptest::prelude::*;
use serde_json::json;

use super::arrow::file as arrow_file;
use super::parquet::parquet;
use super::*;
use crate::data::NamedFeature;
use crate::input::{Filter, InputType, PassedOver, Renames, Sample};

/// A record of a random table.
#[derive(Debug, Clone, Default)]
struct Record {
    whole: Option<i64>,
    /// NaN is a missing value.
    number: Option<f64>,
    text: Option<String>,
    unsigned: Option<u64>,
    /// In hundredths.
    decimal: Option<i64>,
    /// In seconds.
    instant: Option<i64>,
    /// Kept in a dictionary.
    label: Option<String>,
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let whole = prop::option::weighted(0.8, prop_oneof![-5i64..5, Just(i64::MAX), Just(9_007_199_254_740_993)]);
    let number = prop::option::weighted(0.8, prop_oneof![(-8i32..8).prop_map(|n| f64::from(n) / 4.0), Just(1e300)]);
    // An empty field of a CSV file is a missing value, so there are no empty texts to compare.
    let text = prop::option::weighted(0.8, prop_oneof!["[ab]{1,3}", Just("a%".to_owned()), Just("é".to_owned())]);
    let number = prop_oneof![9 => number, 1 => Just(Some(f64::NAN))];
    let unsigned = prop::option::weighted(0.8, prop_oneof![0u64..5, Just(u64::MAX), Just(u64::MAX - 1)]);
    let decimal = prop::option::weighted(0.8, prop_oneof![-9i64..9, Just(123_456_789_012_345_678)]);
    let instant = prop::option::weighted(0.8, 0i64..9);
    let label = prop::option::weighted(0.8, "[ab]{1,2}");
    let record = (whole, number, text, unsigned, decimal, instant, label).prop_map(
        |(whole, number, text, unsigned, decimal, instant, label)| Record {
            whole,
            number,
            text,
            unsigned,
            decimal,
            instant,
            label,
        },
    );
    // Sorted, statistics tell something.
    (prop::collection::vec(record, 0..60), any::<bool>()).prop_map(|(mut records, sorted)| {
        if sorted {
            records.sort_by_key(|record| record.whole);
        }
        records
    })
}

/// A condition, and what it comes to for a record: the naive way.
#[derive(Debug, Clone)]
enum Naive {
    Whole(&'static str, f64),
    Number(&'static str, f64),
    Text(&'static str, String),
    Unsigned(&'static str, u64),
    /// In thousandths.
    Decimal(&'static str, i64),
    DecimalIn(Vec<i64>),
    Instant(&'static str, i64),
    Label(&'static str, String),
    WholeIn(Vec<i64>),
    Like(String),
    IsNull(&'static str),
    And(Box<Naive>, Box<Naive>),
    Or(Box<Naive>, Box<Naive>),
    Not(Box<Naive>),
}

fn conditions() -> impl Strategy<Value = Naive> {
    let operator = || prop::sample::select(vec!["=", "<>", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        (operator(), -6i32..6).prop_map(|(operator, n)| Naive::Whole(operator, f64::from(n))),
        (operator(), -12i32..12).prop_map(|(operator, n)| Naive::Whole(operator, f64::from(n) / 2.0)),
        (operator(), -8i32..8).prop_map(|(operator, n)| Naive::Number(operator, f64::from(n) / 4.0)),
        (operator(), "[ab]{1,3}").prop_map(|(operator, text)| Naive::Text(operator, text)),
        (operator(), prop_oneof![0u64..5, Just(u64::MAX)]).prop_map(|(operator, n)| Naive::Unsigned(operator, n)),
        (operator(), prop_oneof![-90i64..90, (-9i64..9).prop_map(|n| n * 10)])
            .prop_map(|(operator, n)| Naive::Decimal(operator, n)),
        prop::collection::vec((-9i64..9).prop_map(|n| n * 5), 1..4).prop_map(Naive::DecimalIn),
        (operator(), 0i64..9).prop_map(|(operator, n)| Naive::Instant(operator, n)),
        (operator(), "[ab]{1,2}").prop_map(|(operator, text)| Naive::Label(operator, text)),
        prop::collection::vec(-5i64..5, 1..4).prop_map(Naive::WholeIn),
        "[ab_%]{1,3}".prop_map(Naive::Like),
        prop::sample::select(COLUMNS[1..].to_vec()).prop_map(Naive::IsNull),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            pair.clone().prop_map(|(a, b)| Naive::And(Box::new(a), Box::new(b))),
            pair.prop_map(|(a, b)| Naive::Or(Box::new(a), Box::new(b))),
            inner.prop_map(|a| Naive::Not(Box::new(a))),
        ]
    })
}

const COLUMNS: [&str; 8] = ["x", "whole", "number", "text", "unsigned", "decimal", "instant", "label"];

/// So many parts of a whole number, as a decimal.
fn fraction(parts: i64, of: u64) -> String {
    let sign = if parts < 0 { "-" } else { "" };
    let digits = of.ilog10() as usize;
    format!("{sign}{}.{:0digits$}", parts.unsigned_abs() / of, parts.unsigned_abs() % of)
}

fn instant(seconds: i64) -> String {
    format!("1970-01-01T00:00:{seconds:02}Z")
}

impl Naive {
    fn sql(&self) -> String {
        match self {
            Naive::Unsigned(operator, value) => format!("unsigned {operator} {value}"),
            Naive::Decimal(operator, value) => format!("decimal {operator} {}", fraction(*value, 1000)),
            Naive::DecimalIn(values) => {
                let values: Vec<String> = values.iter().map(|value| fraction(*value, 1000)).collect();
                format!("decimal IN ({})", values.join(", "))
            }
            Naive::Instant(operator, value) => format!("instant {operator} '{}'", instant(*value)),
            Naive::Label(operator, value) => format!("label {operator} '{value}'"),
            Naive::Whole(operator, value) => format!("whole {operator} {value}"),
            Naive::Number(operator, value) => format!("number {operator} {value}"),
            Naive::Text(operator, value) => format!("text {operator} '{value}'"),
            Naive::WholeIn(values) => {
                let values: Vec<String> = values.iter().map(i64::to_string).collect();
                format!("whole IN ({})", values.join(", "))
            }
            Naive::Like(pattern) => format!("text LIKE '{pattern}'"),
            Naive::IsNull(column) => format!("{column} IS NULL"),
            Naive::And(a, b) => format!("({} AND {})", a.sql(), b.sql()),
            Naive::Or(a, b) => format!("({} OR {})", a.sql(), b.sql()),
            Naive::Not(a) => format!("NOT ({})", a.sql()),
        }
    }

    /// True, false, or neither.
    fn holds(&self, record: &Record) -> Option<bool> {
        let compare = |operator: &str, ordering: std::cmp::Ordering| match operator {
            "=" => ordering.is_eq(),
            "<>" => ordering.is_ne(),
            "<" => ordering.is_lt(),
            "<=" => ordering.is_le(),
            ">" => ordering.is_gt(),
            _ => ordering.is_ge(),
        };
        match self {
            // The literals are small, where float64 is exact.
            Naive::Whole(operator, value) => Some(compare(operator, (record.whole? as f64).total_cmp(&(value + 0.0)))),
            Naive::Number(operator, value) => Some(compare(operator, record.number?.partial_cmp(value)?)),
            Naive::Text(operator, value) => Some(compare(operator, record.text.as_deref()?.cmp(value))),
            Naive::Unsigned(operator, value) => Some(compare(operator, record.unsigned?.cmp(value))),
            Naive::Decimal(operator, value) => Some(compare(operator, (record.decimal? * 10).cmp(value))),
            Naive::DecimalIn(values) => Some(values.contains(&(record.decimal? * 10))),
            Naive::Instant(operator, value) => Some(compare(operator, record.instant?.cmp(value))),
            Naive::Label(operator, value) => Some(compare(operator, record.label.as_deref()?.cmp(value))),
            Naive::WholeIn(values) => Some(values.contains(&record.whole?)),
            Naive::Like(pattern) => {
                Some(like(&pattern.chars().collect::<Vec<_>>(), &record.text.as_ref()?.chars().collect::<Vec<_>>()))
            }
            Naive::IsNull("whole") => Some(record.whole.is_none()),
            Naive::IsNull("number") => Some(record.number.is_none_or(f64::is_nan)),
            Naive::IsNull("text") => Some(record.text.is_none()),
            Naive::IsNull("unsigned") => Some(record.unsigned.is_none()),
            Naive::IsNull("decimal") => Some(record.decimal.is_none()),
            Naive::IsNull("instant") => Some(record.instant.is_none()),
            Naive::IsNull(_) => Some(record.label.is_none()),
            Naive::And(a, b) => match (a.holds(record), b.holds(record)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Naive::Or(a, b) => match (a.holds(record), b.holds(record)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Naive::Not(a) => a.holds(record).map(|holds| !holds),
        }
    }
}

fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skip| like(rest, &text[skip..])),
        [first, rest @ ..] => !text.is_empty() && (*first == '_' || *first == text[0]) && like(rest, &text[1..]),
    }
}

/// The table in each format, with the value to score in front.
fn files(records: &[Record], group: usize) -> Vec<(&'static str, Vec<u8>)> {
    let (mut csv, mut jsonl) = (format!("{}\n", COLUMNS.join(",")), String::new());
    for (row, record) in records.iter().enumerate() {
        let Record { whole, number, text, unsigned, label, .. } = record;
        let decimal = record.decimal.map(|decimal| fraction(decimal, 100));
        let instant = record.instant.map(instant);
        let cells = [
            Some(row.to_string()),
            whole.map(|whole| whole.to_string()),
            number.filter(|number| !number.is_nan()).map(|number| number.to_string()),
            text.clone(),
            unsigned.map(|unsigned| unsigned.to_string()),
            decimal.clone(),
            instant.clone(),
            label.clone(),
        ];
        writeln!(csv, "{}", cells.map(Option::unwrap_or_default).join(",")).unwrap();
        let decimal = decimal.unwrap_or("null".to_owned());
        let others = json!({"x": row, "whole": whole, "text": text, "unsigned": unsigned, "instant": instant});
        let others = others.to_string();
        write!(jsonl, "{},\"label\":{},\"decimal\":{decimal}", &others[..others.len() - 1], json!(label)).unwrap();
        if let Some(number) = number {
            write!(jsonl, ",\"number\":{}", json!(number)).unwrap();
        }
        writeln!(jsonl, "}}").unwrap();
    }
    let decimals: Decimal128Array = records.iter().map(|record| record.decimal.map(i128::from)).collect();
    let instants: TimestampMillisecondArray = records.iter().map(|record| Some(record.instant? * 1000)).collect();
    let labels: DictionaryArray<Int32Type> = records.iter().map(|record| record.label.as_deref()).collect();
    let columns: [(&str, ArrayRef); COLUMNS.len()] = [
        ("x", Arc::new(Int64Array::from_iter_values(0..records.len() as i64))),
        ("whole", Arc::new(records.iter().map(|record| record.whole).collect::<Int64Array>())),
        ("number", Arc::new(records.iter().map(|record| record.number).collect::<Float64Array>())),
        ("text", Arc::new(records.iter().map(|record| record.text.clone()).collect::<StringArray>())),
        ("unsigned", Arc::new(records.iter().map(|record| record.unsigned).collect::<UInt64Array>())),
        ("decimal", Arc::new(decimals.with_precision_and_scale(30, 2).unwrap())),
        ("instant", Arc::new(instants.with_timezone("UTC"))),
        ("label", Arc::new(labels)),
    ];
    let table = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
    let batches: Vec<RecordBatch> =
        (0..records.len()).step_by(group).map(|start| table.slice(start, group.min(records.len() - start))).collect();
    let batches = if batches.is_empty() { vec![table.clone()] } else { batches };
    vec![
        ("a.csv", csv.into_bytes()),
        ("a.jsonl", jsonl.into_bytes()),
        ("a.parquet", parquet(&table, group)),
        ("a.arrow", arrow_file(&batches, None)),
    ]
}

fn x() -> FeatureNeeds {
    FeatureNeeds::Named(vec![NamedFeature { name: "x".to_owned(), element: ElementType::Float32 }])
}

/// The rows that are items, with mini-batches of so many; features and kept columns must be those of the rows.
fn rows(name: &str, content: &[u8], settings: InputSettings) -> Vec<u64> {
    let (_, blocks) = read_one(&x(), settings, name, content, 64).unwrap();
    let rows: Vec<u64> =
        blocks.iter().flat_map(|b| (0..b.records.num_rows()).map(|record| b.rows.get(record))).collect();
    assert_eq!(floats(&blocks, 0), rows.iter().map(|row| *row as f32).collect::<Vec<_>>());
    assert!(blocks.iter().all(|block| block.failures.is_empty()));
    rows
}

/// Sizes of the mini-batches of each block.
fn sizes(blocks: &[Block]) -> Vec<Vec<usize>> {
    blocks.iter().map(|block| Arc::new(block.clone()).mini_batches().map(|batch| batch.len()).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn conditions_take_the_same_rows_in_every_format(
        records in records(),
        condition in conditions(),
        group in 1usize..20,
        size in 1u64..9,
    ) {
        // JSON lines tell the columns by their records.
        prop_assume!(!records.is_empty());
        let filter: Filter = condition.sql().parse().unwrap();
        let expected: Vec<u64> = records
            .iter()
            .zip(0..)
            .filter(|(record, _)| condition.holds(record) == Some(true))
            .map(|(_, row)| row)
            .collect();
        for (name, content) in files(&records, group) {
            if name == "a.jsonl" && !records.iter().any(|record| record.number.is_some()) {
                continue;
            }
            let settings = InputSettings { filter: Some(filter.clone()), ..items(size) };
            prop_assert_eq!(rows(name, &content, settings), expected.clone(), "{}: {}", name, condition.sql());
        }
    }

    #[test]
    fn samples_are_the_same_in_every_format(records in records(), group in 1usize..20, percent in 1.0f64..100.0) {
        prop_assume!(records.iter().any(|record| record.number.is_some()));
        let sample = Sample::new(percent, 7);
        let file = crate::data::InputFile { index: 0, name: String::new() };
        for (name, content) in files(&records, group) {
            let of_file = sample.unwrap().of_file(&crate::data::InputFile { name: name.to_owned(), ..file.clone() });
            let expected: Vec<u64> = (0..records.len() as u64).filter(|row| of_file.takes(*row)).collect();
            prop_assert_eq!(rows(name, &content, InputSettings { sample, ..items(3) }), expected);
        }
    }

    #[test]
    fn a_block_cut_short_is_the_start_of_the_whole(items_wanted in 0u64..40, percent in 10.0f64..100.0) {
        // Some records fail, some are left out.
        let text: String = (0..30).map(|row| if row % 4 == 1 { "x\n".to_owned() } else { format!("{row}\n") }).collect();
        let settings = InputSettings { header: crate::input::Header::Off, sample: Sample::new(percent, 1), ..items(4) };
        let needs = table(ElementType::Float32, 1);
        let (plan, blocks) = read_one(&needs, settings, "a.csv", text.as_bytes(), 1 << 20).unwrap();
        for whole in blocks {
            let mut cut = whole.clone();
            cut.truncate(items_wanted);
            prop_assert_eq!(cut.items(), items_wanted.min(whole.items()));
            if !cut.span.is_empty() {
                check(&[Block { span: 0..cut.span.end, ..cut.clone() }], &plan);
            }
            let places = |block: &Block| {
                let rows = (0..block.records.num_rows()).map(|record| block.rows.get(record));
                let mut rows: Vec<u64> = rows.chain(block.failures.iter().map(|failure| failure.row.unwrap())).collect();
                rows.sort_unstable();
                rows
            };
            let expected: Vec<u64> = places(&whole).into_iter().take(items_wanted as usize).collect();
            prop_assert_eq!(places(&cut), expected);
        }
    }
}

fn filter(text: &str) -> Option<Filter> {
    Some(text.parse().unwrap())
}

#[test]
fn mini_batches_are_filled_with_the_records_that_are_items() {
    let text: String =
        "a\n".chars().chain((0..100).flat_map(|row| format!("{row}\n").chars().collect::<Vec<_>>())).collect();
    let read = |size: MiniBatchSize| {
        let settings =
            InputSettings { filter: filter("a < 10 OR a >= 95"), mini_batch_size: size, ..InputSettings::default() };
        sizes(&read_one(&table(ElementType::Float32, 1), settings, "a.csv", text.as_bytes(), 1 << 20).unwrap().1)
    };
    assert_eq!(read(MiniBatchSize::Items(4)), [[4, 4, 4, 3]]);
    assert_eq!(read(MiniBatchSize::Items(1000)), [[15]]);
    // Records of one digit have one byte, of two digits two.
    assert_eq!(read(MiniBatchSize::Bytes(6)), [[6, 5, 3, 1]]);
}

#[test]
fn what_cannot_be_compared_fails_and_what_is_left_out_does_not() {
    let csv = b"id,age,v\n1,5,1\n2,old,2\n3,1,junk\n4,,3\n5,7,junk\n6,8\n7,9,4\n";
    let settings = InputSettings { filter: filter("age >= 5"), key: Some("id".into()), ..items(10) };
    let needs = FeatureNeeds::Named(vec![NamedFeature { name: "v".into(), element: ElementType::Float32 }]);
    let (plan, blocks) = read_one(&needs, settings, "a.csv", csv, 1 << 20).unwrap();
    assert_eq!((plan.feature_count(), plan.key()), (1, Some(1)));
    assert_eq!(floats(&blocks, 0), [1.0, 4.0]);
    assert_eq!(texts(&blocks, 1), [Some("1".to_owned()), Some("7".to_owned())]);
    let failures: Vec<(u64, Option<&str>, &str)> = blocks[0]
        .failures
        .iter()
        .map(|f| (f.row.unwrap(), f.key.as_ref().map(crate::data::ItemKey::as_json), f.cause.as_str()))
        .collect();
    assert_eq!(
        failures,
        [
            (1, Some(r#""2""#), "column \"age\": \"old\" is not a number, and --where compares it as such"),
            (4, Some(r#""5""#), "column \"v\": \"junk\" is not a number, and the model's input is float32"),
            (5, None, "has 2 fields, expected 3"),
        ]
    );
    assert_eq!(blocks[0].passed_over, 2);
}

#[test]
fn keys_come_first_and_once() {
    let csv = b"a,id,n\n1,x,5\nb,y,6\n";
    for (keep, expected) in [(Keep::None, "a|id"), (keep(&["n", "id"]), "a|id,n"), (Keep::All, "a|id,a,n")] {
        let settings = InputSettings { key: Some("id".into()), keep, features: Some(vec!["a".into()]), ..items(10) };
        let (plan, blocks) = read_one(&table(ElementType::Float32, 1), settings, "a.csv", csv, 1 << 20).unwrap();
        let names: Vec<_> = plan.record_schema().fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(format!("{}|{}", names[..1].join(","), names[1..].join(",")), expected);
        assert_eq!(blocks[0].key_of(0), Some("x".into()));
        assert_eq!(blocks[0].failures[0].key, Some("y".into()));
    }
    // Like a kept column, it is not one of those that the model takes.
    let settings = InputSettings { key: Some("id".into()), ..items(10) };
    let (plan, _) = read_one(&table(ElementType::Float32, 2), settings, "a.csv", csv, 1 << 20).unwrap();
    assert_eq!(plan.record_schema().field(1).name(), "n");
    let settings = InputSettings { key: Some("Id".into()), ..items(10) };
    let error = read_one(&table(ElementType::Float32, 3), settings, "a.csv", csv, 1).unwrap_err().to_string();
    assert!(error.contains("has no column \"Id\"; did you mean \"id\"?") && error.contains("--key"), "{error}");
}

#[test]
fn keys_have_the_types_of_their_columns() {
    let table_of = RecordBatch::try_from_iter_with_nullable([
        ("id", Arc::new(Int64Array::from(vec![Some(7), None])) as ArrayRef, true),
        ("v", Arc::new(Float64Array::from(vec![1e300, 1e300])), true),
    ])
    .unwrap();
    let settings = || InputSettings { key: Some("id".into()), features: Some(vec!["v".into()]), ..items(10) };
    let keys = |name: &str, content: &[u8]| {
        let (_, blocks) = read_one(&table(ElementType::Float32, 1), settings(), name, content, 1 << 20).unwrap();
        blocks[0].failures.iter().map(|failure| failure.key.as_ref().unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(keys("a.parquet", &parquet(&table_of, 10)), ["7", "null"]);
    assert_eq!(keys("a.arrow", &arrow_file(&[table_of], None)), ["7", "null"]);
    let lines = br#"{"id": {"n": 1}, "v": "x"}
{"v": "x"}
{"id": 36893488147419103233, "v": "x"}
{"id": 0.10000000000000000000001, "v": "x"}
"#;
    let expected = ["{\"n\": 1}", "null", "36893488147419103233", "0.10000000000000000000001"];
    assert_eq!(keys("a.jsonl", lines), expected);
}

fn renames(pairs: &[(&str, &str)]) -> Renames {
    Renames::new(pairs.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect()).unwrap()
}

#[test]
fn columns_go_by_their_new_names() {
    for (name, content) in
        files(&[Record { whole: Some(3), number: Some(0.5), text: Some("t".into()), ..Record::default() }], 5)
    {
        let settings = InputSettings {
            renames: renames(&[("whole", "number"), ("number", "half"), ("x", "row")]),
            features: Some(vec!["number".into(), "half".into()]),
            keep: keep(&["row", "text"]),
            filter: filter("half = 0.5 AND row = 0"),
            key: Some("text".into()),
            ..items(5)
        };
        let (plan, blocks) = read_one(&table(ElementType::Float32, 2), settings, name, &content, 1 << 20).unwrap();
        let names: Vec<_> = plan.record_schema().fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["number", "half", "text", "row"], "{name}");
        assert_eq!((floats(&blocks, 0), floats(&blocks, 1)), (vec![3.0], vec![0.5]), "{name}");
    }
    // A header is known by what the data calls its columns, and columns without one by their positions.
    let settings = |header| InputSettings {
        header,
        renames: renames(&[("0", "a")]),
        features: Some(vec!["a".into()]),
        ..items(5)
    };
    let (_, blocks) =
        read_one(&table(ElementType::Float32, 1), settings(crate::input::Header::Off), "a.csv", b"1,2\n", 9).unwrap();
    assert_eq!(floats(&blocks, 0), [1.0]);
    let text = InputSettings { renames: renames(&[("name", "n")]), features: Some(vec!["n".into()]), ..items(5) };
    let (_, blocks) = read_one(&table(ElementType::String, 1), text, "a.csv", b"name,b\nx,y\n", 99).unwrap();
    assert_eq!(texts(&blocks, 0), [Some("x".to_owned())]);
}

#[test]
fn renames_that_cannot_be_are_refused() {
    let refused = |pairs: &[(&str, &str)]| {
        let settings = InputSettings { renames: renames(pairs), ..items(5) };
        read_one(&table(ElementType::Float32, 2), settings, "a.csv", b"age,b\n1,2\n", 9).unwrap_err().to_string()
    };
    let error = refused(&[("agee", "x")]);
    assert!(error.contains("has no column \"agee\"; did you mean \"age\"?") && error.contains("--rename"), "{error}");
    let error = refused(&[("age", "b")]);
    assert!(error.contains("--rename gives column \"age\" the name \"b\", which another column has"), "{error}");
    let pairs = |pairs: &[(&str, &str)]| {
        Renames::new(pairs.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect()).unwrap_err()
    };
    assert!(pairs(&[("a", "b"), ("a", "c")]).contains("renamed twice"));
    assert!(pairs(&[("a", "c"), ("b", "c")]).contains("both renamed to \"c\""));
    assert!(pairs(&[("a", "")]).contains("empty name"));
}

#[test]
fn row_groups_are_passed_over_by_their_statistics() {
    let rows = 1000;
    let numbers =
        |null: bool| Float64Array::from_iter((0..rows).map(|row| (!null || row % 2 == 0).then_some(f64::from(row))));
    let columns: [(&str, ArrayRef); 3] = [
        ("x", Arc::new(Int64Array::from_iter_values(0..i64::from(rows)))),
        ("number", Arc::new(numbers(true))),
        ("text", Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("{row:04}"))))),
    ];
    let table_of = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
    let bytes = parquet(&table_of, 100);
    let passed_over = |condition: &str| {
        let files = Files::new(InputSettings { filter: filter(condition), ..items(7) }, &[("a.parquet", &bytes)]);
        let plan = files.plan(&x()).unwrap();
        let opened = open(files.listing.known().next().unwrap(), &plan, &files.settings).unwrap();
        let blocks = files.read(&plan, 0, 1).unwrap();
        let taken: usize = blocks.iter().map(|block| block.records.num_rows()).sum();
        let seen: u64 = blocks.iter().map(|block| block.passed_over).sum();
        let sum =
            |count: fn(&PassedOver) -> u64| opened.passed_over.iter().map(|(_, passed)| count(passed)).sum::<u64>();
        let (row_groups, records) = (sum(|passed| passed.row_groups), sum(|passed| passed.records));
        assert_eq!(sum(|passed| passed.files), 0, "{condition}");
        assert_eq!(taken as u64 + seen + records, 1000, "{condition}");
        (row_groups, taken)
    };
    assert_eq!(passed_over("x < 150"), (8, 150));
    assert_eq!(passed_over("x = 555"), (9, 1));
    assert_eq!(passed_over("x IN (5, 995)"), (8, 2));
    assert_eq!(passed_over("NOT x >= 100"), (9, 100));
    assert_eq!(passed_over("text >= '0950'"), (9, 50));
    assert_eq!(passed_over("x IS NULL"), (10, 0));
    assert_eq!(passed_over("x < 150 AND number > 100"), (9, 24));
    // There may be NaN where there are floating-point numbers.
    assert_eq!(passed_over("number IS NULL"), (0, 500));
    assert_eq!(passed_over("text LIKE '09%'"), (0, 100));
}

#[test]
fn paths_tell_columns() {
    let csv = |value: i32| format!("a,b\n{value},2\n");
    let files = [
        ("year=2023/region=north%20east/a.csv", csv(1)),
        ("year=2024/region=__HIVE_DEFAULT_PARTITION__/a.csv", csv(2)),
        ("year=2024/region=west/a.csv", csv(3)),
    ];
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    let read = |settings: InputSettings, count: usize| {
        let files = Files::new(settings, &files);
        let plan = files.plan(&table(ElementType::Float32, count)).unwrap();
        let blocks: Vec<Block> = (0..3).flat_map(|file| files.read(&plan, file, 1 << 20).unwrap()).collect();
        (plan, blocks)
    };
    // A model that takes what there is takes what is in the files.
    let (plan, blocks) = read(items(5), 2);
    assert_eq!((plan.feature_count(), floats(&blocks, 0)), (2, vec![1.0, 2.0, 3.0]));
    let settings = InputSettings {
        features: Some(vec!["a".into(), "year".into()]),
        keep: keep(&["region"]),
        key: Some("year".into()),
        ..items(5)
    };
    let (_, blocks) = read(settings, 2);
    assert_eq!(floats(&blocks, 1), [2023.0, 2024.0, 2024.0]);
    assert_eq!(texts(&blocks, 3), [Some("north east".to_owned()), None, Some("west".to_owned())]);
    assert_eq!(blocks[0].key_of(0), Some(json!(2023).into()));
    let (plan, _) = read(InputSettings { keep: Keep::All, ..items(5) }, 2);
    assert_eq!(plan.kept_schema().fields().len(), 4);
    // Conditions on them pass over whole files.
    let settings = InputSettings { filter: filter("year = 2024 AND region IS NOT NULL"), ..items(5) };
    let files = Files::new(settings, &files);
    let plan = files.plan(&table(ElementType::Float32, 2)).unwrap();
    let opened: Vec<(usize, u64)> = files
        .listing
        .known()
        .map(|file| open(file, &plan, &files.settings).unwrap())
        .map(|opened| (opened.parts.len(), opened.passed_over.iter().map(|(_, passed)| passed.files).sum()))
        .collect();
    assert_eq!(opened, [(0, 1), (0, 1), (1, 0)]);
    assert_eq!(floats(&files.read(&plan, 2, 1 << 20).unwrap(), 0), [3.0]);
}

#[test]
fn the_path_counts_where_the_file_has_the_column_too() {
    let files = [("year=2024/a.csv", &b"year,b\n1,2\n"[..]), ("b.csv", b"year,b\n5,6\n")];
    let settings = InputSettings { filter: filter("year > 1"), renames: renames(&[("year", "y")]), ..items(5) };
    let settings = InputSettings { filter: filter("y > 1"), ..settings };
    let files = Files::new(settings, &files);
    let plan = files.plan(&table(ElementType::Float32, 2)).unwrap();
    assert_eq!(floats(&files.read(&plan, 0, 99).unwrap(), 0), [5.0]);
    assert_eq!(floats(&files.read(&plan, 1, 99).unwrap(), 0), [2024.0]);
}

#[test]
fn paths_that_do_not_fit_are_refused_with_their_file() {
    let read = |settings: InputSettings| {
        let files = Files::new(settings, &[("k=x/a.csv", b"a\n1\n"), ("k=2/a.csv", b"a\n1\n")]);
        let plan = files.plan(&table(ElementType::Float32, 1)).map_err(|error| error.to_string())?;
        files.read(&plan, 1, 99).map_err(|error| error.to_string())
    };
    let error = read(InputSettings { features: Some(vec!["k".into()]), ..items(5) }).unwrap_err();
    assert!(error.contains("k=x/a.csv: column \"k\": \"x\" is not a number") && error.contains("path"), "{error}");
    let error = read(InputSettings { filter: filter("k = 2 OR a = 1"), ..items(5) }).unwrap_err();
    assert!(error.contains("k=x/a.csv: column \"k\": \"x\" is not a number, and --where"), "{error}");
}

#[test]
fn folders_of_several_formats_have_the_same_columns() {
    let records: Vec<Record> = (0..20)
        .map(|row| Record { whole: Some(row), number: Some(0.25), text: Some(format!("t{row}")), ..Record::default() })
        .collect();
    let files: Vec<(String, Vec<u8>)> =
        files(&records, 7).into_iter().map(|(name, content)| (format!("k={}/{name}", name.len()), content)).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let settings = InputSettings {
        features: Some(vec!["number".into(), "whole".into(), "k".into()]),
        keep: keep(&["text"]),
        filter: filter("whole BETWEEN 3 AND 12 AND text <> 't5' AND k >= 0"),
        ..items(4)
    };
    let files = Files::new(settings, &files);
    let plan = files.plan(&table(ElementType::Float32, 3)).unwrap();
    assert_eq!(files.listing.found().formats.keys().collect::<Vec<_>>(), ["arrow", "csv", "jsonl", "parquet"]);
    for (index, file) in files.listing.known().enumerate() {
        let blocks = files.read(&plan, index, 1 << 20).unwrap();
        let expected: Vec<f32> = (3..=12).filter(|row| *row != 5).map(|row| row as f32).collect();
        assert_eq!(floats(&blocks, 1), expected, "{}", file.file.name);
        let kept: Vec<_> = expected.iter().map(|row| Some(format!("t{row}"))).collect();
        assert_eq!(texts(&blocks, 3), kept, "{}", file.file.name);
        assert!(floats(&blocks, 0).iter().all(|number| *number == 0.25));
    }
}

#[test]
fn pointers_are_what_they_are_said_to_be() {
    let dir = TempDir::new();
    let path = dir.file("x/a.csv", b"1\n");
    for (pointer, input_type, part) in [
        (path.clone(), InputType::UriFile, None),
        (path.clone(), InputType::UriFolder, Some("is one file, though its input type is uri_folder")),
        (dir.path().join("x"), InputType::UriFolder, None),
        (dir.path().join("x"), InputType::UriFile, Some("is not one file, though its input type is uri_file")),
        (dir.path().join("x/*.csv"), InputType::UriFolder, None),
        (dir.path().join("x/*.csv"), InputType::UriFile, Some("is not one file")),
    ] {
        let settings = InputSettings { input_type: Some(input_type), ..items(1) };
        let listed = list(&Stores::default(), &[Pointer::Local(pointer.clone())], &settings);
        match part {
            None => assert_eq!(listed.unwrap().found().files, 1),
            Some(part) => {
                let error = listed.err().unwrap().to_string();
                assert!(error.contains(part), "{error}");
            }
        }
    }
}

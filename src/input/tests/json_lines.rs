use arrow_array::Array;
use proptest::prelude::*;

use super::*;
use crate::data::NamedFeature;
use crate::simd::Level;

const F32: ElementType = ElementType::Float32;

fn named(features: &[(&str, ElementType)]) -> FeatureNeeds {
    FeatureNeeds::Named(
        features.iter().map(|(name, e)| NamedFeature { name: (*name).to_owned(), element: *e }).collect(),
    )
}

#[test]
fn values_by_key_in_any_order() {
    let text =
        "{\"a\": 1, \"b\": 2}\n\n  \r\n{\"b\": 4, \"x\": {\"a\": 9}, \"a\": 3}\r\n{\"a\": null, \"b\": true, \"b\": 6}";
    let (_, blocks) = read_one(&named(&[("b", F32), ("a", F32)]), items(2), "a.jsonl", text.as_bytes(), 1).unwrap();
    assert_eq!(floats(&blocks, 0), [2.0, 4.0, 6.0]);
    let a = floats(&blocks, 1);
    assert!(a[..2] == [1.0, 3.0] && a[2].is_nan());
    assert!(causes(&blocks).is_empty());
}

#[test]
fn a_table_takes_the_keys_in_order() {
    let text = "{\"z\": 1, \"a\": 2}\n{\"a\": 4, \"z\": 3}\n";
    let (plan, blocks) = read_one(&table(F32, 2), items(2), "a.jsonl", text.as_bytes(), 1).unwrap();
    assert_eq!(plan.record_schema().field(0).name(), "z");
    assert_eq!((floats(&blocks, 0), floats(&blocks, 1)), (vec![1.0, 3.0], vec![2.0, 4.0]));
}

#[test]
fn a_bad_record_costs_itself() {
    for (record, cause) in [
        ("[1]", "\"[1]\" is not a JSON object: invalid type: sequence, expected an object at column 0"),
        ("{\"a\": 1", "\"{\\\"a\\\": 1\" is not a JSON object: EOF while parsing an object at column 7"),
        ("{\"a\": 1} 2", "\"{\\\"a\\\": 1} 2\" is not a JSON object: trailing characters at column 10"),
        ("{\"a\": \"x\"}", "column \"a\": \"\\\"x\\\"\" is not a number, and the model's input is float32"),
        ("{\"a\": NaN}", "\"{\\\"a\\\": NaN}\" is not a JSON object: expected value at column 7"),
        ("{\"a\": 1e99}", "column \"a\": \"1e99\" is out of range, and the model's input is float32"),
    ] {
        let text = format!("{{\"a\": 1}}\n{record}\n{{\"a\": 2}}\n");
        let (_, blocks) = read_one(&table(F32, 1), items(5), "a.jsonl", text.as_bytes(), 1000).unwrap();
        assert_eq!(floats(&blocks, 0), [1.0, 2.0]);
        assert_eq!(causes(&blocks), [(1, Stage::Decode, cause.to_owned())]);
    }
}

#[test]
fn invalid_utf8_costs_one_record() {
    let (_, blocks) = read_one(&table(F32, 1), items(5), "a.jsonl", b"{\"a\":1}\n{\"\xff\":2}\n{\"a\":3}", 1).unwrap();
    assert_eq!(floats(&blocks, 0), [1.0, 3.0]);
    assert!(causes(&blocks)[0].2.ends_with("is not valid UTF-8"));
}

#[test]
fn missing_keys() {
    let text = "{\"a\": 1, \"n\": 1}\n{}\n{\"a\": 3}\n";
    let needs = named(&[("a", F32), ("n", ElementType::Int64)]);
    let (_, blocks) = read_one(&needs, items(5), "a.jsonl", text.as_bytes(), 1).unwrap();
    let expected = "column \"n\" is empty, and the model's input is int64";
    assert_eq!(causes(&blocks), [1, 2].map(|row| (row, Stage::Decode, expected.to_owned())));
    // A key that no record has is a mistake in the name.
    let error = read_one(&named(&[("aa", F32)]), items(5), "a.jsonl", text.as_bytes(), 1).unwrap_err().to_string();
    assert_eq!(error, "a.jsonl: has no column \"aa\"; did you mean \"a\"?; its columns are \"a\", \"n\"");
}

#[test]
fn later_files_may_leave_features_out_for_long() {
    let mut late: String = (0..300).map(|row| format!("{{\"a\": {row}}}\n")).collect();
    late.push_str("{\"a\": 300, \"bonus\": 7}\n");
    let files = Files::new(
        items(50),
        &[
            ("1.jsonl", b"{\"a\": 1, \"bonus\": 2}\n"),
            ("2.jsonl", late.as_bytes()),
            ("3.jsonl", b"{\"b\": 1}\n"),
            ("4.csv", b"a\n1\n"),
        ],
    );
    let plan = files.plan(&named(&[("a", F32), ("bonus", F32)])).unwrap();
    let blocks = files.read(&plan, 1, 100).unwrap();
    assert!(causes(&blocks).is_empty());
    assert_eq!(floats(&blocks, 0), (0..=300).map(|row| row as f32).collect::<Vec<_>>());
    let bonus = floats(&blocks, 1);
    assert!(bonus[..300].iter().all(|bonus| bonus.is_nan()) && bonus[300] == 7.0);
    // A file with none of them is of something else, and other formats have a column or not.
    for (index, words) in [(2, "has no column \"a\""), (3, "has no column \"bonus\"")] {
        let error = files.read(&plan, index, 100).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn numbers_that_json_has_no_words_for_are_null() {
    let number = arrow_array::Float64Array::from(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5]);
    let a = arrow_array::Float32Array::from(vec![1.0; 4]);
    let columns: [(&str, arrow_array::ArrayRef); 2] = [("a", Arc::new(a)), ("n", Arc::new(number))];
    let later = super::parquet::parquet(&arrow_array::RecordBatch::try_from_iter(columns).unwrap(), 10);
    let settings = InputSettings { keep: keep(&["n"]), ..items(5) };
    let files = Files::new(settings, &[("a.jsonl", b"{\"a\": 1, \"n\": 2}\n"), ("b.parquet", &later)]);
    let plan = files.plan(&table(F32, 1)).unwrap();
    let blocks = files.read(&plan, 1, 1).unwrap();
    assert_eq!(texts(&blocks, 1), [None, None, None, Some("0.5".to_owned())]);
}

#[test]
fn kept_values_are_json() {
    let settings = InputSettings { keep: keep(&["id", "o"]), ..items(5) };
    let text = "{\"a\": 1, \"id\": \"x\\n\", \"o\": {\"k\": [1, 2]}}\n{\"a\": 2, \"id\": 7}\n";
    let files = Files::new(
        settings,
        &[("a.jsonl", text.as_bytes()), ("b.jsonl", b"{\"a\": 5}"), ("c.csv", b"a,id,o\n1,x\"y,\n")],
    );
    let plan = files.plan(&table(F32, 1)).unwrap();
    let blocks = files.read(&plan, 0, 1).unwrap();
    assert_eq!(texts(&blocks, 1), [Some("\"x\\n\"".to_owned()), Some("7".to_owned())]);
    assert_eq!(texts(&blocks, 2), [Some("{\"k\": [1, 2]}".to_owned()), None]);
    let schema = plan.kept_schema();
    assert_eq!(schema.field(0).metadata().get("batchscore:json").map(String::as_str), Some("true"));
    let blocks = files.read(&plan, 1, 1).unwrap();
    assert_eq!(blocks[0].records.column(1).null_count(), 1);
    // Text of another format becomes JSON too.
    let blocks = files.read(&plan, 2, 1).unwrap();
    assert_eq!(texts(&blocks, 1), [Some("\"x\\\"y\"".to_owned())]);
}

#[test]
fn empty_files_have_no_records() {
    let files = Files::new(
        items(5),
        &[("a.jsonl", b""), ("b.jsonl", b"\n\n"), ("c.jsonl", b"{\"a\": 1}"), ("d.jsonl", b"junk\n")],
    );
    let plan = files.plan(&table(F32, 1)).unwrap();
    assert_eq!(files.read(&plan, 0, 1).unwrap().len(), 0);
    assert_eq!(files.read(&plan, 1, 1).unwrap().len(), 0);
    assert_eq!(floats(&files.read(&plan, 2, 1).unwrap(), 0), [1.0]);
    assert_eq!(causes(&files.read(&plan, 3, 1).unwrap()).len(), 1);
}

#[test]
fn documents_are_no_lines() {
    for (bytes, words) in [(&b"[\n{\"a\": 1},\n{\"a\": 2}\n]\n"[..], "one JSON array"), (b"\xff\xfe{\0", "UTF-16")] {
        let error = read_one(&table(F32, 1), items(5), "a.json", bytes, 1).unwrap_err().to_string();
        assert!(error.starts_with("cannot read a.json: ") && error.contains(words), "{error}");
    }
}

#[test]
fn needed_by_another_format_first() {
    let settings = InputSettings { keep: keep(&["s"]), ..items(5) };
    let files = Files::new(
        settings,
        &[("a.csv", b"a,s\n1,x\n"), ("b.jsonl", b"{\"s\": \"y\\\"\", \"a\": 2}\n{\"a\": 3, \"s\": {}}\n")],
    );
    let plan = files.plan(&table(F32, 1)).unwrap();
    let blocks = files.read(&plan, 1, 1).unwrap();
    assert_eq!(texts(&blocks, 1), [Some("y\"".to_owned())]);
    assert_eq!(causes(&blocks).len(), 1);
}

/// What becomes of a text with either kind of instructions; checked to be the same.
fn read_at_all_levels(
    needs: &FeatureNeeds,
    settings: &InputSettings,
    text: &[u8],
    block_bytes: usize,
) -> Option<(Vec<Block>, Causes)> {
    let files = Files::new(settings.clone(), &[("a.jsonl", text)]);
    let plan = files.plan(needs).ok()?;
    let mut all = [Level::Portable, Level::Avx512].map(|level| {
        let mut blocks = Vec::new();
        for part in open(files.listing.known().next().unwrap(), &plan, &files.settings).unwrap().parts {
            let mut part = part.with_block_bytes(block_bytes).with_level(level);
            while let Some(raw) = part.next_block() {
                blocks.push(raw.decode());
            }
        }
        check(&blocks, &plan);
        let failures = causes(&blocks);
        (blocks, failures)
    });
    let shown = |blocks: &[Block]| blocks.iter().map(|block| format!("{:?}", block.records)).collect::<Vec<_>>();
    assert_eq!(shown(&all[0].0), shown(&all[1].0));
    assert_eq!(all[0].1, all[1].1);
    Some(std::mem::take(&mut all[0]))
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<f32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z ]{0,70}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[a-c]", inner, 0..3).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any values, in records of changing layout: the columns have what serde_json reads.
    #[test]
    fn values_of_all_kinds(
        rows in prop::collection::vec((prop::collection::vec((0usize..4, any_json()), 0..5), 0usize..4, any::<f64>()), 1..40),
        like_the_first in any::<bool>(),
        block_bytes in prop_oneof![1usize..200, Just(1 << 20)],
    ) {
        let keys = ["k", "m", "t", "other key"];
        let mut lines = Vec::new();
        for (fields, style, number) in &rows {
            let mut fields = fields.clone();
            if like_the_first {
                fields = rows[0].0.iter().map(|(key, _)| (*key, serde_json::Value::from(*number))).collect();
            }
            let style = if like_the_first { 0 } else { *style };
            let (colon, comma) = [(":", ","), (": ", ", "), (" :\t", " , "), (":", ", ")][style];
            let fields: Vec<_> = fields.iter().map(|(key, value)| format!("\"{}\"{colon}{value}", keys[*key])).collect();
            lines.push(format!("{{{}}}", fields.join(comma)));
        }
        // So that all keys are known.
        let text = format!("{{\"k\":1,\"m\":1.0,\"t\":\"\"}}\n{}\n", lines.join("\n"));
        let settings = InputSettings { keep: keep(&["k", "m", "t"]), ..items(2) };
        let needs = named(&[("m", ElementType::Float64), ("t", ElementType::String)]);
        let (blocks, failures) = read_at_all_levels(&needs, &settings, text.as_bytes(), block_bytes).unwrap();
        let failed: Vec<u64> = failures.iter().map(|(row, ..)| *row).collect();
        let kept: Vec<_> = (2..5).map(|column| texts(&blocks, column)).collect();
        let strings = texts(&blocks, 1);
        let numbers: Vec<f64> = blocks
            .iter()
            .flat_map(|block| block.records.column(0).as_primitive::<arrow_array::types::Float64Type>().values().to_vec())
            .collect();
        let mut good = 0;
        for (row, line) in text.lines().enumerate() {
            let read: std::collections::HashMap<String, Box<serde_json::value::RawValue>> = serde_json::from_str(line).unwrap();
            let raw = |key: &str| read.get(key).map(|raw| raw.get().to_owned());
            let number = match raw("m").as_deref() {
                None | Some("null") => Some(f64::NAN),
                Some("true") => Some(1.0),
                Some("false") => Some(0.0),
                Some(raw) => raw.parse().ok().filter(|_| !raw.starts_with(['"', '[', '{'])),
            };
            let string = match raw("t") {
                Some(raw) if raw.starts_with(['[', '{']) => None,
                Some(raw) if raw.starts_with('"') => Some(Some(serde_json::from_str::<String>(&raw).unwrap())),
                raw => Some(raw.filter(|raw| raw != "null")),
            };
            let (Some(number), Some(string)) = (number, string) else {
                prop_assert!(failed.contains(&(row as u64)), "{}", line);
                continue;
            };
            prop_assert!(!failed.contains(&(row as u64)), "{}", line);
            prop_assert_eq!((numbers[good].to_bits(), &strings[good]), (number.to_bits(), &string), "{}", line);
            for (values, key) in kept.iter().zip(["k", "m", "t"]) {
                prop_assert_eq!(&values[good], &raw(key), "{}", line);
            }
            good += 1;
        }
        prop_assert_eq!(good, numbers.len());
    }

    /// Damaged records come to the same with all instructions.
    #[test]
    fn instructions_make_no_difference(
        rows in prop::collection::vec(any::<(f32, String)>(), 1..30),
        flips in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(b'"'), Just(b'\\'), Just(b'0')]), 0..8),
        block_bytes in 1usize..400,
    ) {
        let line = |(number, text): &(f32, String)| serde_json::json!({"a": number, "s": text, "b": [number]}).to_string() + "\n";
        let mut bytes: Vec<u8> = rows.iter().map(line).collect::<String>().into_bytes();
        for (index, byte) in flips {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let settings = InputSettings { keep: Keep::All, ..items(3) };
        read_at_all_levels(&named(&[("a", F32), ("s", ElementType::String)]), &settings, &bytes, block_bytes);
    }
}

#[test]
fn records_that_look_like_the_last_but_for_something() {
    let usual = "{\"a\": 1.5, \"s\": \"x\", \"n\": 7}";
    for (record, fault) in [
        ("{\"a\": 01.5, \"s\": \"x\", \"n\": 7}", true),
        ("{\"a\": 1.5., \"s\": \"x\", \"n\": 7}", true),
        ("{\"a\": 1., \"s\": \"x\", \"n\": 7}", true),
        ("{\"a\": .5, \"s\": \"x\", \"n\": 7}", true),
        ("{\"a\": +1.5, \"s\": \"x\", \"n\": 7}", true),
        ("{\"a\": 1.5, \"s\": \"x\ty\", \"n\": 7}", true),
        ("{\"a\": 1.5, \"s\": \"\\x\", \"n\": 7}", true),
        ("{\"a\": 1.5, \"s\": \"x\", \"n\": 7}}", true),
        ("{\"a\": 1.5, \"s\": \"x\", \"n\": [7}", true),
        ("{\"a\": 1.5, \"s\": \"x\", \"n\": 7", true),
        ("{", true),
        ("{\"a\": 1.5, \"s\": \"x\", \"n\": 7} ", false),
        ("{\"a\": 1.5, \"s\": \"x\", \"n\": {\"a\": [\"}\"]}}", false),
        ("{\"a\": 1.5, \"s\": \"\\u0078\", \"\\u006e\": 7}", false),
        ("{\"a\": 15e-1, \"a\": 1.5, \"s\": \"x\"}", false),
        ("{\"s\":\"x\",\"a\":1.50}", false),
    ] {
        let text = format!("{usual}\n{usual}\n{record}\n{usual}\n{record}");
        let needs = named(&[("a", F32), ("s", ElementType::String)]);
        let (blocks, failures) = read_at_all_levels(&needs, &items(10), text.as_bytes(), 1 << 20).unwrap();
        let rows: Vec<u64> = failures.iter().map(|(row, ..)| *row).collect();
        assert_eq!(rows, if fault { vec![2, 4] } else { vec![] }, "{record}");
        let good = if fault { 3 } else { 5 };
        assert_eq!(
            (floats(&blocks, 0), texts(&blocks, 1)),
            (vec![1.5; good], vec![Some("x".to_owned()); good]),
            "{record}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Records come out as serde_json reads them, each once, however the text is cut.
    #[test]
    fn agrees_with_serde_json(
        rows in prop::collection::vec((any::<f32>(), any::<Option<String>>(), 0usize..3), 1..30),
        size in prop_oneof![(1u64..6).prop_map(MiniBatchSize::Items), (1u64..40).prop_map(MiniBatchSize::Bytes)],
        block_bytes in 1usize..200,
    ) {
        let rows: Vec<_> = rows.into_iter().filter(|(v, ..)| v.is_finite()).collect();
        prop_assume!(!rows.is_empty());
        let text: String = rows.iter().map(|(value, text, blank)| {
            let (key, value) = (serde_json::json!({"s": text}), serde_json::to_string(value).unwrap());
            format!("{},\"v\":{value}}}{}", key.to_string().trim_end_matches('}'), "\n".repeat(blank + 1))
        }).collect();
        let settings = InputSettings { mini_batch_size: size, ..InputSettings::default() };
        let needs = named(&[("v", F32), ("s", ElementType::String)]);
        let (_, blocks) = read_one(&needs, settings, "a.jsonl", text.as_bytes(), block_bytes).unwrap();
        prop_assert_eq!(floats(&blocks, 0), rows.iter().map(|row| row.0).collect::<Vec<_>>());
        prop_assert_eq!(texts(&blocks, 1), rows.into_iter().map(|row| row.1).collect::<Vec<_>>());
    }

    /// Any bytes at all: no panic, and every record is accounted for.
    #[test]
    fn any_bytes(
        text in "(\\{\"a\": ?([0-9.eE-]{0,4}|null|true|\"[a\\\\u]{0,3}\"|\\{\\}),? ?\"b\":1\\}?\n?){0,10}",
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        block_bytes in 1usize..60,
    ) {
        let mut bytes = text.into_bytes();
        for (index, byte) in flips {
            if !bytes.is_empty() {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
        }
        let settings = InputSettings { keep: Keep::All, ..items(3) };
        for needs in [FeatureNeeds::Anything, FeatureNeeds::Table { element: F32, count: None }] {
            let _ = read_one(&needs, settings.clone(), "a.jsonl", &bytes, block_bytes);
        }
    }
}

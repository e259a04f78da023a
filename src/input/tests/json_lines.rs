use arrow_array::Array;
use proptest::prelude::*;

use super::*;
use crate::data::NamedFeature;

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

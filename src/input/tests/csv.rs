use arrow_array::types::{Float64Type, Int8Type, UInt64Type};
use proptest::prelude::*;

use super::*;
use crate::data::{Cuts, RowNumbers};
use crate::input::compression::tests::gzip;
use crate::input::{Header, InputFormat};
use crate::simd::Level;

const F32: ElementType = ElementType::Float32;

/// Keeps all columns as text and gives the model none.
fn all_text(settings: InputSettings) -> (FeatureNeeds, InputSettings) {
    let needs = FeatureNeeds::Named(Vec::new());
    (needs, InputSettings { keep: Keep::All, format: Some(InputFormat::Csv), ..settings })
}

fn read_table(text: &str, count: usize) -> (Vec<Vec<f32>>, Causes) {
    let (_, blocks) = read_one(&table(F32, count), items(2), "a.csv", text.as_bytes(), 1).unwrap();
    ((0..count).map(|column| floats(&blocks, column)).collect(), causes(&blocks))
}

#[test]
fn numbers_in_all_spellings() {
    for text in [
        "a,b\n1,2\n3,4\n",
        "a,b\r\n1,2\r\n3,4",
        "\u{feff}a,b\n1,2\n3,4\n",
        "a,b\n\n1,2\n\n\n3,4\n\n",
        "\"a\",b\n\"1\",\"2\"\n3,\"4\"\n",
        "a,b\n 1 ,+2\n3e0,4.0\n",
        "1,2\n3,4",
        "\u{feff}1,2\n3,4",
    ] {
        let (columns, failures) = read_table(text, 2);
        assert_eq!(columns, [[1.0, 3.0], [2.0, 4.0]], "{text:?}");
        assert!(failures.is_empty(), "{text:?}");
    }
}

#[test]
fn missing_and_infinite_numbers() {
    let (columns, failures) = read_table("a,b\n1,\nNaN,inf\nnull,-inf\nNA,N/A\n1,\"\"\n", 2);
    assert!(failures.is_empty());
    assert!(columns[0][1..4].iter().all(|v| v.is_nan()));
    assert!(columns[1][0].is_nan() && columns[1][3].is_nan() && columns[1][4].is_nan());
    assert_eq!(columns[1][1..3], [f32::INFINITY, f32::NEG_INFINITY]);
}

#[test]
fn a_bad_record_costs_itself() {
    for (record, cause) in [
        ("1,2,3", "has 3 fields, expected 2"),
        ("1,2,\"a,\"\"b\",4", "has 4 fields, expected 2"),
        ("1", "has 1 fields, expected 2"),
        ("1,x y", "column \"b\": \"x y\" is not a number, and the model's input is float32"),
        ("1e40,2", "column \"a\": \"1e40\" is out of range, and the model's input is float32"),
        ("\"1,5\",2", "column \"a\": \"1,5\" is not a number, and the model's input is float32"),
        ("true,2", "column \"a\": \"true\" is not a number, and the model's input is float32"),
    ] {
        let (columns, failures) = read_table(&format!("a,b\n1,2\n{record}\n3,4\n"), 2);
        assert_eq!(columns, [[1.0, 3.0], [2.0, 4.0]], "{record}");
        assert_eq!(failures, [(1, Stage::Decode, cause.to_owned())]);
    }
}

#[test]
fn an_open_quote_at_the_end_is_one_bad_record() {
    let (columns, failures) = read_table("a,b\n1,2\n3,\"4\n5,6\n", 2);
    assert_eq!(columns[0], [1.0]);
    assert_eq!(failures, [(1, Stage::Decode, "has a quote that is not closed".to_owned())]);
}

#[test]
fn whole_numbers_and_text_are_taken_exactly() {
    let text = "n,s\n5,x\n5.0,\n5.5,y\n3e10,z\n,w\n7,\"a\"\"b\n\"\n";
    let needs = FeatureNeeds::Named(vec![
        crate::data::NamedFeature { name: "s".into(), element: ElementType::String },
        crate::data::NamedFeature { name: "n".into(), element: ElementType::Int32 },
    ]);
    let (plan, blocks) = read_one(&needs, items(100), "a.csv", text.as_bytes(), 1).unwrap();
    assert_eq!(plan.feature_count(), 2);
    let expected = [Some("x".to_owned()), Some(String::new()), Some("a\"b\n".to_owned())];
    assert_eq!(texts(&blocks, 0), expected);
    let causes: Vec<_> = causes(&blocks).into_iter().map(|(row, _, cause)| (row, cause)).collect();
    assert_eq!(
        causes,
        [
            (2, "column \"n\": \"5.5\" is not a whole number, and the model's input is int32".to_owned()),
            (3, "column \"n\": \"3e10\" is out of range, and the model's input is int32".to_owned()),
            (4, "column \"n\" is empty, and the model's input is int32".to_owned()),
        ]
    );
    assert_eq!(blocks[0].rows, RowNumbers::Listed(vec![0, 1, 5]));
}

#[test]
fn kept_columns_are_verbatim() {
    let settings = InputSettings { keep: keep(&["id", "x"]), ..items(10) };
    let text = b"id,x,y\n 007 ,1.50,2\n\"a,\xc3\xa9\",2,3\n\xff,3,4\n,4,5\n";
    let files = Files::new(settings, &[("a.csv", text)]);
    let plan = files.plan(&FeatureNeeds::Table { element: F32, count: Some(1) });
    // One column is left when both kept ones are taken away.
    let blocks = files.read(&plan.unwrap(), 0, 1).unwrap();
    assert_eq!(floats(&blocks, 0), [2.0, 3.0, 5.0]);
    assert_eq!(texts(&blocks, 1), [Some(" 007 ".to_owned()), Some("a,é".to_owned()), Some(String::new())]);
    assert_eq!(texts(&blocks, 2), ["1.50", "2", "4"].map(|t| Some(t.to_owned())));
    assert_eq!(causes(&blocks)[0], (2, Stage::Decode, "column \"id\": \"\u{fffd}\" is not valid UTF-8".to_owned()));
}

#[test]
fn a_feature_may_also_be_kept() {
    let settings = InputSettings { keep: Keep::All, ..items(10) };
    let (plan, blocks) = read_one(&table(F32, 2), settings, "a.tsv", b"a\tb\n1\t2.50\n", 1).unwrap();
    assert_eq!(plan.kept_schema().fields().len(), 2);
    assert_eq!((floats(&blocks, 1), texts(&blocks, 3)), (vec![2.5], vec![Some("2.50".to_owned())]));
}

#[test]
fn files_without_records() {
    let settings = |header| InputSettings { header, ..items(1) };
    let open = |header, text: &[u8]| {
        let files = Files::new(settings(header), &[("a.csv", b"a,b\n1,2\n"), ("b.csv", text)]);
        let plan = files.plan(&table(F32, 2)).unwrap();
        files.read(&plan, 1, 1).map(|blocks| blocks.len()).map_err(|error| error.to_string())
    };
    assert_eq!(open(Header::On, b"a,b\n"), Ok(0));
    assert_eq!(open(Header::Auto, b"a,b"), Ok(0));
    assert_eq!(open(Header::Off, b""), Ok(0));
    assert_eq!(open(Header::On, b""), Err("b.csv is empty: no header and no records".to_owned()));
    assert_eq!(open(Header::Auto, b"\n\n"), Err("b.csv is empty: no header and no records".to_owned()));
}

#[test]
fn header_or_not() {
    for (header, text, rows) in [
        (Header::Auto, "a,b\n1,2\n", 1),
        (Header::Auto, "1,2\n3,4\n", 2),
        (Header::Auto, "nan,nan\n3,4\n", 2),
        // Missing values are no names, though a name may be missing.
        (Header::Auto, "NA,NA\n3,4\n", 2),
        (Header::Auto, " N/A ,null\n3,4\n", 2),
        (Header::Auto, ",\n3,4\n", 2),
        (Header::Auto, "\"\",NA\n3,4\n", 2),
        (Header::Auto, "NA,NA\n", 1),
        (Header::Auto, "x,NA\n3,4\n", 2),
        (Header::Auto, ",b\n3,4\n", 1),
        // Nothing but text: not a header, unless nothing else could be done with it.
        (Header::Auto, "a,b\nc,d\n", 2),
        (Header::Auto, "a,b\n", 0),
        (Header::On, "1,2\n3,4\n", 1),
        (Header::Off, "a,b\n1,2\n", 2),
    ] {
        let settings = InputSettings { header, ..items(10) };
        let (_, blocks) = read_one(&table(F32, 2), settings, "a.csv", text.as_bytes(), 1).unwrap();
        assert_eq!(blocks.iter().map(|b| b.span.end - b.span.start).sum::<u64>(), rows, "{text:?} {header:?}");
    }
    // A name that is asked for is enough.
    let settings = InputSettings { keep: keep(&["a"]), ..items(10) };
    let (_, blocks) = read_one(&FeatureNeeds::Anything, settings, "a.csv", b"a,b\nc,d\n", 1).unwrap();
    assert_eq!(texts(&blocks, 0), [Some("c".to_owned())]);
}

#[test]
fn later_files_are_bound_by_name_or_position() {
    let files = Files::new(
        items(10),
        &[
            ("1.csv", b"a,b\n1,2\n"),
            ("2.csv", b"x,b,a\n0,2,1\n"),
            ("3.csv", b"1,2\n"),
            ("4.csv", b"a,c\n1,2\n"),
            ("5.csv", b"1,2,3\n"),
            ("6.csv", b"b,a,a\n2,1,1\n"),
            ("7.jsonl", b"{\"b\": 2, \"a\": 1}\n"),
        ],
    );
    let plan = files.plan(&table(F32, 2)).unwrap();
    for index in [0, 1, 2, 6] {
        let blocks = files.read(&plan, index, 1).unwrap();
        assert_eq!((floats(&blocks, 0), floats(&blocks, 1)), (vec![1.0], vec![2.0]), "{index}");
    }
    for (index, words) in
        [(3, "has no column \"b\""), (4, "has 3 columns, but the first file has 2"), (5, "more than once")]
    {
        let error = files.read(&plan, index, 1).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn files_behind_one_without_a_header_have_none() {
    for text in [",\n3,4\n", "NA,NA\n3,4\n", "na,n/a\n", "x,\n3,4\n", "a,b\n3,4\n", "a,b\n"] {
        let files = Files::new(items(10), &[("1.csv", b"1,2\n"), ("2.csv", text.as_bytes())]);
        let plan = files.plan(&table(F32, 2)).unwrap();
        let blocks = files.read(&plan, 1, 1).unwrap();
        let seen: u64 = blocks.iter().map(Block::items).sum();
        assert_eq!(seen, text.lines().count() as u64, "{text:?}");
    }
}

#[test]
fn a_doubt_is_told_where_there_is_one() {
    for (text, doubtful) in [("a,b\nc,d\n", true), ("x,NA\n1,2\n", true), ("NA,\n1,2\n", false), ("1,x\n", false)] {
        let files = Files::new(items(10), &[("1.csv", text.as_bytes())]);
        let plan = files.plan(&FeatureNeeds::Anything).unwrap();
        assert_eq!(plan.doubt().is_some(), doubtful, "{text:?}");
    }
}

#[test]
fn what_is_called_compressed_is_that_or_text() {
    for name in ["a.csv.gz", "a.csv.zst"] {
        // The format of another program, or one of ours that lost its head.
        let error = read_one(&table(F32, 2), items(10), name, b"BZh91AY&SY\x00\x01\x02", 100).unwrap_err();
        assert!(error.to_string().contains("neither gzip nor Zstandard, nor text"), "{error}");
    }
    let skipped =
        [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7][..], &zstd::encode_all(&b"1,2\n"[..], 1).unwrap()].concat();
    let (_, blocks) = read_one(&table(F32, 2), items(10), "a.csv.zst", &skipped, 100).unwrap();
    assert_eq!(floats(&blocks, 1), [2.0]);
}

#[test]
fn compressed_text() {
    let text = (0..1000).map(|i| format!("{i},{}\n", i * 2)).collect::<String>();
    let members = [gzip(&text.as_bytes()[..100]), gzip(&text.as_bytes()[100..])].concat();
    for (name, bytes) in [
        ("a.csv.gz", members),
        ("a.csv.zst", zstd::encode_all(text.as_bytes(), 1).unwrap()),
        ("a.csv", gzip(text.as_bytes())),
        ("a.csv.gz", text.clone().into_bytes()),
    ] {
        let (_, blocks) = read_one(&table(F32, 2), items(10), name, &bytes, 500).unwrap();
        assert_eq!(floats(&blocks, 1), (0..1000).map(|i| (i * 2) as f32).collect::<Vec<_>>());
        assert!(blocks.len() > 10);
    }
}

#[test]
fn a_cut_stream_keeps_what_came_before() {
    let text = (0..200_000).map(|i| format!("{i},{}\n", (i * 7919) % 104_729)).collect::<String>();
    let mut bytes = gzip(text.as_bytes());
    bytes.truncate(bytes.len() / 2);
    let (_, blocks) = read_one(&table(F32, 2), items(10), "a.csv.gz", &bytes, 1 << 16).unwrap();
    let rows = floats(&blocks, 0).len() as u64;
    assert!(rows > 50_000, "{rows}");
    let failures = causes(&blocks);
    assert_eq!((failures.len(), failures[0].0, failures[0].1), (1, rows, Stage::Read));
    assert!(failures[0].2.starts_with("cannot be read on: "), "{}", failures[0].2);
}

#[test]
fn an_endless_quote_ends_the_file() {
    let mut text = b"a,b\n1,2\n3,4\n5,\"".to_vec();
    text.resize(text.len() + crate::input::scanner::MAX_RECORD_BYTES + 10, b'x');
    let (_, blocks) = read_one(&table(F32, 2), items(1), "a.csv", &text, 1 << 20).unwrap();
    assert_eq!(floats(&blocks, 0), [1.0, 3.0]);
    let failures = causes(&blocks);
    assert_eq!((failures.len(), failures[0].0, failures[0].1), (1, 2, Stage::Read));
    assert!(failures[0].2.contains("longer than 64 MiB"), "{}", failures[0].2);
}

#[test]
fn ten_thousand_columns() {
    let row = |value: usize| (0..10_000).map(|i| (i + value).to_string()).collect::<Vec<_>>().join(",");
    let names = (0..10_000).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",");
    let text = format!("{names}\n{}\n{}\n", row(0), row(1));
    let (_, blocks) = read_one(&table(F32, 10_000), items(1), "a.csv", text.as_bytes(), 1).unwrap();
    assert_eq!(floats(&blocks, 9_999), [9_999.0, 10_000.0]);
}

#[test]
fn mini_batches_by_bytes() {
    let settings = InputSettings { mini_batch_size: MiniBatchSize::Bytes(10), header: Header::On, ..items(1) };
    let text = b"a\n1234\n1234\n12\n1\n123456789012345\n1\n";
    let (_, blocks) = read_one(&table(F32, 1), settings, "a.csv", text, 1000).unwrap();
    assert_eq!(blocks.len(), 1);
    assert_eq!(blocks[0].cuts, Cuts::At(vec![0, 3, 4, 5]));
}

#[test]
fn blocks_end_at_mini_batches() {
    let text = (0..10_000).map(|i| format!("{i}\n")).collect::<String>();
    for (size, block_bytes) in [(1, 100), (7, 100), (1000, 100), (3, 1 << 20), (100_000, 10)] {
        let (_, blocks) = read_one(&table(F32, 1), items(size), "a.csv", text.as_bytes(), block_bytes).unwrap();
        for block in &blocks[..blocks.len() - 1] {
            let bytes: usize = block.span.clone().map(|row| row.to_string().len() + 1).sum();
            assert_eq!((block.span.end - block.span.start) % size, 0);
            assert!(bytes >= block_bytes && bytes < block_bytes + 8 * size as usize);
        }
    }
}

/// All records as csv-core finds them.
fn reference(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut reader = csv_core::Reader::new();
    let (mut out, mut ends) = (vec![0; text.len() + 10], vec![0; text.len() + 10]);
    let (mut rest, mut written, mut fields, mut records) = (text, 0, 0, Vec::new());
    loop {
        let (result, used, wrote, ended) = reader.read_record(rest, &mut out[written..], &mut ends[fields..]);
        (rest, written, fields) = (&rest[used..], written + wrote, fields + ended);
        match result {
            csv_core::ReadRecordResult::Record => {
                let starts = std::iter::once(0).chain(ends[..fields].iter().copied());
                records.push(starts.zip(&ends[..fields]).map(|(start, end)| out[start..*end].to_vec()).collect());
                (written, fields) = (0, 0);
            }
            csv_core::ReadRecordResult::End => return records,
            _ => {}
        }
    }
}

/// What becomes of a text with either kind of instructions; checked to be the same.
fn read_at_all_levels(
    needs: &FeatureNeeds,
    settings: &InputSettings,
    text: &[u8],
    block_bytes: usize,
) -> (Vec<Block>, Causes) {
    let files = Files::new(settings.clone(), &[("a.csv", text)]);
    let plan = files.plan(needs).unwrap();
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
    std::mem::take(&mut all[0])
}

/// The same, a record at a time: what each of them comes to by itself.
fn alone(record: &[u8], columns: usize) -> Result<Vec<u32>, String> {
    let settings = InputSettings { header: Header::Off, ..items(1) };
    // The first record tells how many columns there are.
    let text = [vec!["1"; columns].join(",").as_bytes(), b"\n", record].concat();
    let (_, blocks) = read_one(&table(F32, columns), settings, "a.csv", &text, 1).unwrap();
    match causes(&blocks).pop() {
        Some((1, _, cause)) => Err(cause),
        _ => Ok((0..columns).map(|column| floats(&blocks, column)[1].to_bits()).collect()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// What a record comes to does not depend on its neighbours, nor on the processor.
    #[test]
    fn records_do_not_disturb_each_other(
        records in prop::collection::vec(
            prop_oneof![
                8 => "(-?[0-9]{1,3}\\.[0-9]{1,17},){2}[0-9]{1,19}",
                1 => "((-?[0-9]{0,4}(\\.[0-9]{0,9})?(e[0-9])?|na|x|\"1\"|\"\"\"|a\"b|\"1\n\"| 2 ),){0,3}[0-9]{1,2}",
            ],
            1..60,
        ),
        end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r"), Just("\n\n")],
        block_bytes in prop_oneof![1usize..300, Just(1 << 20)],
    ) {
        let settings = InputSettings { header: Header::Off, ..items(2) };
        // So that the first record, which tells the number of columns, is a usual one.
        let text = format!("1,2,3{end}{}", records.iter().map(|record| format!("{record}{end}")).collect::<String>());
        let (blocks, failures) = read_at_all_levels(&table(F32, 3), &settings, text.as_bytes(), block_bytes);
        let mut rows = blocks.iter().flat_map(|block| (0..block.records.num_rows()).map(|index| block.rows.get(index))).skip(1);
        let columns: Vec<Vec<f32>> = (0..3).map(|column| floats(&blocks, column)).collect();
        let mut failures = failures.into_iter();
        let mut good = 1;
        for (index, record) in reference(text.as_bytes()).into_iter().enumerate().skip(1) {
            // Written again with all its quotes.
            let quoted = |field: Vec<u8>| [b"\"", String::from_utf8(field).unwrap().replace('"', "\"\"").as_bytes(), b"\""].concat();
            let again = record.into_iter().map(quoted).collect::<Vec<_>>().join(&b',');
            match alone(&again, 3) {
                Ok(values) => {
                    prop_assert_eq!(rows.next(), Some(index as u64));
                    prop_assert_eq!(columns.iter().map(|column| column[good].to_bits()).collect::<Vec<_>>(), values);
                    good += 1;
                }
                Err(cause) => {
                    let (row, _, found) = failures.next().unwrap();
                    prop_assert_eq!(row, index as u64);
                    // An open quote at the end is told by itself.
                    prop_assert!(found == cause || found.contains("not closed"), "{} {}", found, cause);
                }
            }
        }
        prop_assert!(failures.next().is_none());
    }
}

#[test]
fn numbers_of_all_lengths_are_the_nearest() {
    let mut text = String::from("a,b\n");
    let mut expected = Vec::new();
    for whole in 0..25 {
        for fraction in 0..30 {
            for sign in ["", "-"] {
                let number = format!(
                    "{sign}{}.{}",
                    &"9876543210987654321098765"[..whole],
                    &"123456789012345678901234567890"[..fraction]
                );
                if number.trim_start_matches('-') == "." {
                    continue;
                }
                text += &format!("{number},{number}e-{whole}\n");
                expected.push([number.clone(), format!("{number}e-{whole}")]);
            }
        }
    }
    let bits32 = |blocks: &[Block], column| floats(blocks, column).into_iter().map(f32::to_bits).collect::<Vec<_>>();
    let (blocks, failures) = read_at_all_levels(&table(F32, 2), &items(10), text.as_bytes(), 1 << 20);
    assert!(failures.is_empty());
    let (doubles, _) = read_at_all_levels(&table(ElementType::Float64, 2), &items(10), text.as_bytes(), 1 << 20);
    for column in 0..2 {
        let parsed: Vec<u32> = expected.iter().map(|pair| pair[column].parse::<f32>().unwrap().to_bits()).collect();
        assert_eq!(bits32(&blocks, column), parsed);
        let parsed: Vec<u64> = expected.iter().map(|pair| pair[column].parse::<f64>().unwrap().to_bits()).collect();
        let found = doubles
            .iter()
            .flat_map(|block| block.records.column(column).as_primitive::<Float64Type>().values().to_vec());
        assert_eq!(found.map(f64::to_bits).collect::<Vec<_>>(), parsed);
    }
}

#[test]
fn quotes_at_every_place() {
    // Around the 64 bytes that are looked at together.
    for before in 50..70 {
        for quoted in
            ["\"a,\n\"\"b\"", "\"\"", "\"a\"b", "a\"b", "\"\"\"\"", "\"a\"\"\"", "\"x\r\n\"", "\"a\"\"b\"c\"d"]
        {
            let text = format!("{},{quoted},z\n1,2,3\n\"4\",\"5\n\",6\n", "y".repeat(before));
            let (needs, settings) = all_text(InputSettings { header: Header::Off, ..items(1) });
            let (blocks, failures) = read_at_all_levels(&needs, &settings, text.as_bytes(), 1 << 20);
            assert_eq!(failures, []);
            let expected = reference(text.as_bytes());
            for column in 0..3 {
                let found: Vec<_> = texts(&blocks, column).into_iter().flatten().map(String::into_bytes).collect();
                let fields: Vec<_> = expected.iter().map(|record| record[column].clone()).collect();
                assert_eq!(found, fields, "{text:?}");
            }
        }
    }
}

#[test]
fn whole_numbers_of_all_types() {
    let text = "a,b\n1,-1\n255,-128\n256,127\n12345678901234567890,0\n007,-0\n1.0,2e1\n\"8\",\n";
    let needs = FeatureNeeds::Named(vec![
        crate::data::NamedFeature { name: "a".into(), element: ElementType::Uint64 },
        crate::data::NamedFeature { name: "b".into(), element: ElementType::Int8 },
    ]);
    let (blocks, failures) = read_at_all_levels(&needs, &items(100), text.as_bytes(), 1 << 20);
    let found = |block: &Block| {
        let (a, b) =
            (block.records.column(0).as_primitive::<UInt64Type>(), block.records.column(1).as_primitive::<Int8Type>());
        a.values().iter().copied().zip(b.values().iter().copied()).collect::<Vec<_>>()
    };
    let expected = [(1, -1), (255, -128), (256, 127), (12_345_678_901_234_567_890, 0), (7, 0), (1, 20)];
    assert_eq!(found(&blocks[0]), expected);
    assert_eq!(failures[0].2, "column \"b\" is empty, and the model's input is int8");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Hostile texts come to the same with all instructions, and no record is lost.
    #[test]
    fn instructions_make_no_difference(
        text in "([ab0, ]{0,40}(\"([ab,\r\n]|\"\"){0,70}\"?[a\"]?)?[,\r\n\0é]){0,30}",
        delimiter in prop_oneof![Just(b','), Just(b'a'), Just(b' ')],
        block_bytes in 1usize..300,
    ) {
        let delimiter = if delimiter == b'a' { b'|' } else { delimiter };
        let text = text.replace(',', std::str::from_utf8(&[delimiter]).unwrap());
        prop_assume!(!text.trim_matches(['\r', '\n']).is_empty());
        let settings = InputSettings { header: Header::Off, delimiter: Some(delimiter), ..items(3) };
        let (needs, settings) = all_text(settings);
        read_at_all_levels(&needs, &settings, text.as_bytes(), block_bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever the text, however it is cut: csv-core's fields, each record once.
    #[test]
    fn agrees_with_csv_core(
        text in "([ab0, ]{0,4}(\"([ab,\r\n]|\"\"){0,5}\"[a\"]?)?[,\r\n]){0,30}",
        size in prop_oneof![(1u64..6).prop_map(MiniBatchSize::Items), (1u64..40).prop_map(MiniBatchSize::Bytes)],
        block_bytes in 1usize..60,
    ) {
        let mut expected = reference(text.as_bytes());
        prop_assume!(!expected.is_empty());
        let settings = InputSettings { header: Header::Off, mini_batch_size: size, ..InputSettings::default() };
        let (needs, settings) = all_text(settings);
        let (plan, blocks) = read_one(&needs, settings, "a.csv", text.as_bytes(), block_bytes).unwrap();
        let width = expected[0].len();
        // csv-core takes a quote that is not closed as closed by the end, which would hide a cut file.
        if causes(&blocks).last().is_some_and(|(_, _, cause)| cause.contains("not closed")) {
            expected.last_mut().unwrap().clear();
        }
        prop_assert_eq!(plan.record_schema().fields().len(), width);
        let (good, bad): (Vec<_>, Vec<_>) = expected.into_iter().enumerate().partition(|(_, fields)| fields.len() == width);
        for column in 0..width {
            let ours: Vec<_> = texts(&blocks, column).into_iter().flatten().map(String::into_bytes).collect();
            let theirs: Vec<_> = good.iter().map(|(_, fields)| fields[column].clone()).collect();
            prop_assert_eq!(ours, theirs);
        }
        let failed: Vec<_> = causes(&blocks).into_iter().map(|(row, ..)| row as usize).collect();
        prop_assert_eq!(failed, bad.into_iter().map(|(row, _)| row).collect::<Vec<_>>());
    }

    /// Where blocks are cut never changes what the mini-batches are.
    #[test]
    fn mini_batches_do_not_depend_on_blocks(
        widths in prop::collection::vec(0usize..12, 1..60),
        size in prop_oneof![(1u64..6).prop_map(MiniBatchSize::Items), (1u64..40).prop_map(MiniBatchSize::Bytes)],
        block_bytes in 1usize..200,
    ) {
        let text: String = widths.iter().map(|width| format!("1{}\n", "0".repeat(*width))).collect();
        let batches = |block_bytes| {
            let settings = InputSettings { mini_batch_size: size, header: Header::Off, ..InputSettings::default() };
            let (_, blocks) = read_one(&table(F32, 1), settings, "a.csv", text.as_bytes(), block_bytes).unwrap();
            let batches = blocks.into_iter().flat_map(|block| Arc::new(block).mini_batches().collect::<Vec<_>>());
            batches.map(|batch| batch.row(0)..batch.row(batch.len() - 1) + 1).collect::<Vec<_>>()
        };
        prop_assert_eq!(batches(block_bytes), batches(1 << 20));
    }

    /// Any bytes at all: no panic, and every record is accounted for.
    #[test]
    fn any_bytes(
        bytes in prop::collection::vec(prop_oneof![Just(b','), Just(b'"'), Just(b'\n'), Just(b'\r'), Just(b'1'), any::<u8>()], 0..200),
        header in prop_oneof![Just(Header::On), Just(Header::Off), Just(Header::Auto)],
        block_bytes in 1usize..60,
    ) {
        let settings = InputSettings { header, keep: Keep::All, ..items(3) };
        for needs in [FeatureNeeds::Anything, FeatureNeeds::Table { element: F32, count: None }] {
            let _ = read_one(&needs, settings.clone(), "a.csv", &bytes, block_bytes);
        }
    }
}

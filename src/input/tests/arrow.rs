use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Float32Array, RecordBatch, StringArray, StringViewArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use proptest::prelude::*;

use super::*;

const F32: ElementType = ElementType::Float32;

fn batches(sizes: &[usize]) -> Vec<RecordBatch> {
    let mut next = 0;
    let batch = |size: &usize| {
        let values = next..next + size;
        next = values.end;
        let texts: StringArray = values.clone().map(|i| Some(format!("t{i}"))).collect();
        let tags: DictionaryArray<Int32Type> =
            values.clone().map(|i| if i % 2 == 0 { "even" } else { "odd" }).collect();
        let numbers = Float32Array::from_iter_values(values.map(|i| i as f32));
        let columns: [(&str, ArrayRef); 3] =
            [("t", Arc::new(texts)), ("tag", Arc::new(tags)), ("v", Arc::new(numbers))];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
    };
    sizes.iter().map(batch).collect()
}

pub(super) fn file(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let mut bytes = Vec::new();
    let mut writer = FileWriter::try_new_with_options(&mut bytes, &batches[0].schema(), options).unwrap();
    // Each batch has a dictionary of its own, and the file format wants one for all.
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    bytes
}

fn stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

fn settings(size: u64) -> InputSettings {
    InputSettings { features: Some(vec!["v".into()]), keep: keep(&["t"]), ..items(size) }
}

#[test]
fn files_and_streams() {
    let data = batches(&[100]);
    for (name, bytes) in [
        ("a.arrow", file(&data, None)),
        ("a.feather", file(&data, Some(CompressionType::LZ4_FRAME))),
        ("a.ipc", file(&data, Some(CompressionType::ZSTD))),
        ("a.arrows", stream(&data)),
    ] {
        let (_, blocks) = read_one(&table(F32, 1), settings(7), name, &bytes, 1).unwrap();
        assert_eq!(floats(&blocks, 0), (0..100).map(|i| i as f32).collect::<Vec<_>>());
        assert_eq!(texts(&blocks, 1)[99], Some("t99".to_owned()));
    }
}

#[test]
fn mini_batches_go_on_over_record_batches() {
    let data = batches(&[5, 0, 1, 30]);
    let settings = InputSettings { keep: keep(&["tag"]), ..settings(4) };
    let (_, blocks) = read_one(&table(F32, 1), settings, "a.arrows", &stream(&data), 1).unwrap();
    assert_eq!(blocks.len(), 1);
    let sizes: Vec<_> = Arc::new(blocks[0].clone()).mini_batches().map(|batch| batch.len()).collect();
    assert_eq!(sizes, [4; 9]);
    let tags = arrow_cast::cast(blocks[0].records.column(1), &arrow_schema::DataType::Utf8).unwrap();
    assert_eq!(tags.as_string::<i32>().value(7), "odd");
}

#[test]
fn slices_of_a_large_batch_count_what_is_theirs() {
    let rows = 200_000;
    let text = "a text that is too long to stand in its view ";
    let views: StringViewArray = (0..rows).map(|row| Some(format!("{text}{row}"))).collect();
    let tags: DictionaryArray<Int32Type> = (0..rows).map(|_| text).collect();
    let numbers = Float32Array::from_iter_values((0..rows).map(|row| row as f32));
    let columns: [(&str, ArrayRef); 3] = [("t", Arc::new(views)), ("tag", Arc::new(tags)), ("v", Arc::new(numbers))];
    let data = RecordBatch::try_from_iter(columns).unwrap();
    let settings = InputSettings { keep: keep(&["t", "tag"]), ..settings(10) };
    let files = Files::new(settings, &[("a.arrows", &stream(&[data]))]);
    let plan = files.plan(&table(F32, 1)).unwrap();
    let mut part = open(files.listing.known().next().unwrap(), &plan, &files.settings).unwrap().parts.remove(0);
    let (mut blocks, mut most) = (0, 0);
    while let Some(raw) = part.next_block() {
        most = most.max(raw.memory());
        blocks += 1;
    }
    assert!(blocks > 10 && most > 1 << 20 && most < 4 << 20, "{blocks} {most}");
}

#[test]
fn cut_files() {
    let data = batches(&[1000, 1000]);
    let whole = file(&data[..1], None);
    let error = read_one(&table(F32, 1), settings(1), "a.arrow", &whole[..whole.len() - 8], 1).unwrap_err();
    assert!(error.to_string().contains("its end is missing"), "{error}");
    let whole = stream(&data);
    let (_, blocks) = read_one(&table(F32, 1), settings(1), "a.arrows", &whole[..whole.len() - 500], 1).unwrap();
    assert_eq!(floats(&blocks, 0).len(), 1000);
    assert_eq!((causes(&blocks)[0].0, causes(&blocks)[0].1), (1000, Stage::Read));
    for (bytes, words) in [(&b""[..], "is empty"), (b"FEA1....", "version 1"), (b"junk junk junk", "not an Arrow file")]
    {
        let error = read_one(&table(F32, 1), settings(1), "a.arrow", bytes, 1).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_damage(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        as_file in any::<bool>(),
    ) {
        let mut bytes = if as_file { file(&batches(&[50]), None) } else { stream(&batches(&[20, 30])) };
        for (index, byte) in flips {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read_one(&table(F32, 1), settings(7), "a.arrow", &bytes, 1);
    }
}

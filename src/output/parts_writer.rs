use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::OutputError;
use super::encoder::{Encoded, Encoder};
use super::file_writer::FileWriter;
use crate::data::InputFile;
use crate::policy::PartitionSize;
use crate::storage::{NewFile, NewFolder};

/// Most parts of an output: their names sort in order up to here.
const MOST_PARTS: usize = 100_000;

/// Writes encoded blocks, in the order in which they come, to the parts of a folder: `part-00000.csv` and so on.
///
/// A part of so many records ends exactly there; one of so many bytes ends with the block that brings it to its size. A
/// part begins with its first record, so that none is empty but for the only one of an empty output.
pub(super) struct PartsWriter {
    folder: NewFolder,
    encoder: Arc<Encoder>,
    size: PartitionSize,
    extension: String,
    /// The part under way.
    open: Option<OpenPart>,
    done: Vec<Part>,
}

struct OpenPart {
    writer: FileWriter,
    name: String,
    first: Option<Place>,
    last: Option<Place>,
}

/// A part as the manifest tells of it.
#[derive(Serialize)]
struct Part {
    name: String,
    rows: u64,
    bytes: u64,
    first: Option<Place>,
    last: Option<Place>,
}

/// Where a record comes from.
struct Place {
    file: Arc<InputFile>,
    row: u64,
}

/// What the folder holds, in the order of the records; it is written beside it.
#[derive(Serialize)]
struct Manifest<'a> {
    rows: u64,
    bytes: u64,
    parts: &'a [Part],
}

impl PartsWriter {
    pub(super) fn new(folder: NewFolder, encoder: &Arc<Encoder>, size: PartitionSize, extension: &str) -> Self {
        let (encoder, extension) = (Arc::clone(encoder), extension.to_owned());
        PartsWriter { folder, encoder, size, extension, open: None, done: Vec::new() }
    }

    pub(super) fn write(&mut self, mut encoded: Encoded) -> Result<(), OutputError> {
        let rows = encoded.rows();
        if let PartitionSize::Records(most) = self.size
            && rows as u64 > self.room(most)
            && let Some(scored) = encoded.scored.take()
        {
            let mut start = 0;
            while start < rows {
                let len = self.room(most).min((rows - start) as u64) as usize;
                let piece = self.encoder.encode(&scored.slice(start, len))?;
                self.append(piece)?;
                start += len;
            }
            return Ok(());
        }
        self.append(encoded)
    }

    /// How many records the part under way, or the next one, still takes of `most`.
    fn room(&self, most: u64) -> u64 {
        most - self.open.as_ref().map_or(0, |open| open.writer.rows())
    }

    /// Appends a block that belongs into one part.
    fn append(&mut self, encoded: Encoded) -> Result<(), OutputError> {
        let rows = encoded.rows();
        let Some((file, first, last)) = encoded.span else { return Ok(()) };
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        open.first.get_or_insert_with(|| Place { file: Arc::clone(&file), row: first });
        open.last = Some(Place { file, row: last });
        let written = open.writer.write(rows, encoded.piece);
        let is_complete = self.size.is_reached(open.writer.rows(), open.writer.bytes());
        if written.is_ok() && is_complete {
            return self.end(open);
        }
        self.open = Some(open);
        written
    }

    fn begin(&self) -> Result<OpenPart, OutputError> {
        let parts = self.done.len();
        if parts >= MOST_PARTS {
            return Err(OutputError::TooManyParts { object: self.folder.location(), parts });
        }
        let name = format!("part-{parts:05}.{}", self.extension);
        let writer = FileWriter::create(self.folder.create(&name)?, &self.encoder)?;
        Ok(OpenPart { writer, name, first: None, last: None })
    }

    fn end(&mut self, open: OpenPart) -> Result<(), OutputError> {
        let OpenPart { writer, name, first, last } = open;
        let rows = writer.rows();
        self.add(writer.finish()?, Part { name, rows, bytes: 0, first, last })
    }

    fn add(&mut self, file: NewFile, part: Part) -> Result<(), OutputError> {
        let bytes = file.written();
        self.folder.add(file)?;
        self.done.push(Part { bytes, ..part });
        Ok(())
    }

    pub(super) fn rows(&self) -> u64 {
        let open = self.open.as_ref().map_or(0, |open| open.writer.rows());
        self.done.iter().map(|part| part.rows).sum::<u64>() + open
    }

    /// Completes the last part, and makes all of them visible with the manifest. When the last part cannot be completed, the
    /// others are kept where they can be.
    pub(super) fn commit(mut self) -> Result<String, OutputError> {
        let manifest = match self.end_all() {
            Ok(manifest) => manifest,
            Err(error) => {
                // The first error is what the user needs.
                let _ = self.folder.keep_partial();
                return Err(error);
            }
        };
        Ok(self.folder.commit(&manifest)?)
    }

    /// Completes the last part, and gives the manifest.
    fn end_all(&mut self) -> Result<Vec<u8>, OutputError> {
        if self.open.is_none() && self.done.is_empty() {
            self.open = Some(self.begin()?);
        }
        if let Some(open) = self.open.take() {
            self.end(open)?;
        }
        let sum = |count: fn(&Part) -> u64| self.done.iter().map(count).sum();
        let manifest = Manifest { rows: sum(|part| part.rows), bytes: sum(|part| part.bytes), parts: &self.done };
        let mut text = serde_json::to_vec_pretty(&manifest)
            .map_err(|e| OutputError::from_io(&self.folder.location(), e.into()))?;
        text.push(b'\n');
        Ok(text)
    }

    /// Keeps the parts that there are.
    pub(super) fn keep_partial(mut self) -> Result<Option<String>, OutputError> {
        let last = match self.open.take().map(|open| open.writer.finish_unless_broken()) {
            Some(Ok(Some(file))) => self.folder.add(file).map_err(OutputError::from),
            Some(Err(error)) => Err(error),
            Some(Ok(None)) | None => Ok(()),
        };
        let kept = self.folder.keep_partial()?;
        last.map(|()| kept)
    }
}

impl Serialize for Place {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;

        let mut place = serializer.serialize_struct("Place", 2)?;
        place.serialize_field("file", &self.file.name)?;
        place.serialize_field("row", &self.row)?;
        place.end()
    }
}

impl fmt::Debug for PartsWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartsWriter({}, {} parts)", self.folder.location(), self.done.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
    use arrow_schema::Schema;
    use proptest::prelude::*;

    use super::*;
    use crate::data::RowNumbers;
    use crate::output::{Layout, OutputForm, Scored, Writer};
    use crate::storage::testing::TempDir;
    use crate::storage::{Existing, Folder};

    /// Blocks of so many rows; odd ones begin a file and leave every other row out.
    fn blocks(lens: &[usize]) -> Vec<Scored> {
        let (mut file, mut next) = (Arc::new(InputFile { index: 0, name: "f".into() }), 0);
        let block = |(index, len): (usize, &usize)| {
            let rows = if index % 2 == 1 {
                (file, next) = (Arc::new(InputFile { index, name: format!("f{index}") }), 0);
                RowNumbers::Listed((0..*len as u64).map(|row| row * 2).collect())
            } else {
                RowNumbers::From(next)
            };
            next += 2 * *len as u64;
            let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..*len as i64));
            let options = RecordBatchOptions::new().with_row_count(Some(*len));
            Scored {
                file: Arc::clone(&file),
                rows,
                predictions: RecordBatch::try_from_iter([("y", values)]).unwrap(),
                kept: RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap(),
            }
        };
        lens.iter().enumerate().map(block).collect()
    }

    fn encoder(name: &str, size: PartitionSize) -> Arc<Encoder> {
        let block = &blocks(&[1])[0];
        let layout = Layout::new(&block.predictions.schema(), &block.kept.schema());
        Arc::new(Encoder::new(OutputForm::from_file_name(name).unwrap(), &layout).unwrap().for_parts(size))
    }

    fn writer(dir: &TempDir, size: PartitionSize, lens: &[usize]) -> Writer {
        let folder = Folder::from(dir.path().to_owned()).create_folder("p.csv", Existing::Refuse).unwrap();
        let encoder = encoder("p.csv", size);
        let mut writer = Writer::in_parts(folder, &encoder, size, "csv");
        for block in blocks(lens) {
            writer.write(encoder.encode(&block).unwrap()).unwrap();
        }
        assert_eq!(writer.rows(), lens.iter().sum::<usize>() as u64);
        writer
    }

    /// The files of a folder and what they hold.
    fn files(folder: &str) -> BTreeMap<String, String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
            .collect()
    }

    /// What the manifest beside a folder says.
    fn manifest(folder: &str) -> serde_json::Value {
        serde_json::from_slice(&fs::read(format!("{folder}.manifest.json")).unwrap()).unwrap()
    }

    #[test]
    fn parts_of_records_end_where_they_are_full() {
        let dir = TempDir::new();
        let location = writer(&dir, PartitionSize::Records(3), &[2, 0, 5, 1, 1]).commit().unwrap();
        assert!(location.ends_with("/p.csv"), "{location}");
        let files = files(&location);
        assert_eq!(
            files.iter().filter(|(name, _)| *name != "_SUCCESS").map(|(_, text)| text.as_str()).collect::<Vec<_>>(),
            [
                "row,y,file\n0,0,f\n1,1,f\n0,0,f1\n",
                "row,y,file\n1,1,f1\n2,2,f1\n3,3,f1\n",
                "row,y,file\n4,4,f1\n0,0,f3\n2,0,f3\n",
            ]
        );
        assert_eq!(
            manifest(&location),
            serde_json::json!({
                "rows": 9,
                "bytes": 29 + 32 + 33,
                "parts": [
                    {"name": "part-00000.csv", "rows": 3, "bytes": files["part-00000.csv"].len(),
                     "first": {"file": "f", "row": 0}, "last": {"file": "f1", "row": 0}},
                    {"name": "part-00001.csv", "rows": 3, "bytes": files["part-00001.csv"].len(),
                     "first": {"file": "f1", "row": 1}, "last": {"file": "f1", "row": 3}},
                    {"name": "part-00002.csv", "rows": 3, "bytes": files["part-00002.csv"].len(),
                     "first": {"file": "f1", "row": 4}, "last": {"file": "f3", "row": 2}},
                ]
            })
        );
    }

    #[test]
    fn parts_of_bytes_end_with_a_block() {
        let dir = TempDir::new();
        let location = writer(&dir, PartitionSize::Bytes(30), &[1, 2, 1, 9, 1]).commit().unwrap();
        let files = files(&location);
        let lines: Vec<usize> = files.values().skip(1).map(|text| text.lines().count() - 1).collect();
        assert_eq!(lines, [3, 10, 1], "{files:?}");
    }

    #[test]
    fn an_empty_output_has_one_part() {
        for size in [PartitionSize::Records(1), PartitionSize::Bytes(1)] {
            for lens in [&[][..], &[0, 0]] {
                let dir = TempDir::new();
                let location = writer(&dir, size, lens).commit().unwrap();
                let files = files(&location);
                assert_eq!(files.keys().collect::<Vec<_>>(), ["_SUCCESS", "part-00000.csv"]);
                assert_eq!(files["part-00000.csv"], "row,y,file\n");
                let manifest = manifest(&location);
                assert_eq!((&manifest["rows"], &manifest["parts"][0]["first"]), (&0.into(), &serde_json::Value::Null));
            }
        }
    }

    #[test]
    fn what_there_is_of_an_unfinished_output_is_kept() {
        let dir = TempDir::new();
        for _ in 0..2 {
            let kept = writer(&dir, PartitionSize::Records(3), &[4]).keep_partial().unwrap().unwrap();
            assert!(kept.ends_with("/p.csv.partial"), "{kept}");
            let files = files(&kept);
            assert_eq!(files.keys().collect::<Vec<_>>(), ["part-00000.csv", "part-00001.csv"]);
            assert_eq!(files["part-00001.csv"], "row,y,file\n3,3,f\n");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn parts_of_any_size_hold_the_same(lens in proptest::collection::vec(0usize..40, 0..8), records in 1u64..50) {
            let dir = TempDir::new();
            let whole = writer(&dir, PartitionSize::Records(1 << 40), &lens).commit().unwrap();
            let whole = files(&whole)["part-00000.csv"].clone();
            let dir = TempDir::new();
            let parts = files(&writer(&dir, PartitionSize::Records(records), &lens).commit().unwrap());
            let texts: Vec<&String> = parts.values().skip(1).collect();
            let rows: Vec<u64> = texts.iter().map(|text| text.lines().count() as u64 - 1).collect();
            let (last, full) = rows.split_last().unwrap();
            prop_assert!(full.iter().all(|rows| *rows == records) && *last <= records);
            let joined: String = texts.iter().map(|text| text.strip_prefix("row,y,file\n").unwrap()).collect();
            prop_assert_eq!(format!("row,y,file\n{joined}"), whole);
        }
    }
}

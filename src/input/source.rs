//! Files by format: what columns they have, and the parts they are read in.

use std::sync::Arc;

use super::columnar::ColumnarPart;
use super::csv::{self, CsvDecoder};
use super::error::show;
use super::file_columns::FileColumns;
use super::format::delimiter_from_name;
use super::json_lines::{self, JsonDecoder};
use super::number;
use super::parquet_file::ParquetFile;
use super::plan::{ColumnPlan, HeaderHints};
use super::raw_block::{RawBlock, TextDecoder};
use super::scanner::{MAX_RECORD_BYTES, RecordRule};
use super::text_part::{TextPart, TextStream};
use super::{Header, InputError, InputFormat, InputSettings, ListedFile, arrow_ipc};

/// Lines that are looked at for the keys of JSON objects, since objects may leave keys out.
const JSON_SAMPLE_LINES: usize = 256;
/// Text that is read for them, about.
const JSON_SAMPLE_BYTES: usize = 1 << 20;

/// A stretch of a file that is read from its start to its end. The parts of a file can be read at the same time.
pub struct Part(Kind);

enum Kind {
    Text(TextPart),
    Columns(ColumnarPart),
}

impl Part {
    /// The next block; nothing at the end. What cannot be read on comes as a last block with a failure in it.
    ///
    /// For text this step is cheap: the text is read and its records are counted. For Parquet and Arrow the file's
    /// encoding is undone here, and [`RawBlock::decode`] is cheap.
    pub fn next_block(&mut self) -> Option<RawBlock> {
        match &mut self.0 {
            Kind::Text(part) => part.next_block(),
            Kind::Columns(part) => part.next_block(),
        }
    }

    /// Sets another size of blocks of text than the usual one.
    #[cfg(test)]
    pub(super) fn with_block_bytes(self, bytes: usize) -> Part {
        match self.0 {
            Kind::Text(part) => Part(Kind::Text(part.with_block_bytes(bytes))),
            columns @ Kind::Columns(_) => Part(columns),
        }
    }
}

/// Opens a file and finds the plan's columns in it: one part for a file of text or an Arrow file, one for each row group
/// of a Parquet file. Row groups are read when their first block is asked for, so that many parts cost nothing.
pub fn open(file: &ListedFile, plan: &Arc<ColumnPlan>, settings: &InputSettings) -> Result<Vec<Part>, InputError> {
    let size = settings.mini_batch_size;
    let needed = |columns: &FileColumns| -> Result<Vec<usize>, InputError> {
        // Only JSON may lack columns.
        Ok(plan.bind(file, columns)?.into_iter().flatten().collect())
    };
    match file.format {
        InputFormat::Csv => {
            let (stream, columns, delimiter) = open_csv(file, settings, &HeaderHints::of_plan(plan))?;
            if columns.columns.is_empty() {
                return Ok(Vec::new());
            }
            let decoder = CsvDecoder::new(Arc::clone(plan), delimiter, columns.columns.len(), &needed(&columns)?);
            let decoder = TextDecoder::Csv(Arc::new(decoder));
            let rule = RecordRule::Csv { delimiter };
            Ok(vec![Part(Kind::Text(TextPart::new(Arc::clone(&file.file), stream, rule, size, decoder)))])
        }
        InputFormat::JsonLines => {
            let (stream, columns, _) = open_json(file)?;
            let positions = plan.bind(file, &columns)?;
            let names = plan.columns().iter().zip(positions).map(|(column, position)| match position {
                Some(position) => columns.columns[position].name.clone(),
                // Not among the first records, but perhaps further on.
                None => column.name.clone(),
            });
            let decoder = TextDecoder::Json(Arc::new(JsonDecoder::new(Arc::clone(plan), names.collect())));
            let part = TextPart::new(Arc::clone(&file.file), stream, RecordRule::Lines, size, decoder);
            Ok(vec![Part(Kind::Text(part))])
        }
        InputFormat::Parquet => {
            let parquet = ParquetFile::open(file)?;
            let sources = needed(&parquet.columns())?;
            let parts = parquet.parts(file, plan, &sources, size)?;
            Ok(parts.into_iter().map(|part| Part(Kind::Columns(part))).collect())
        }
        InputFormat::Arrow => {
            let sources = needed(&arrow_ipc::columns_of(file)?)?;
            Ok(vec![Part(Kind::Columns(arrow_ipc::part(file, plan, &sources, size)))])
        }
    }
}

/// The columns of a file.
pub(super) fn columns_of(
    file: &ListedFile,
    settings: &InputSettings,
    hints: &HeaderHints,
) -> Result<FileColumns, InputError> {
    match file.format {
        InputFormat::Csv => Ok(open_csv(file, settings, hints)?.1),
        InputFormat::JsonLines => {
            let (_, columns, trouble) = open_json(file)?;
            match trouble {
                Some(cause) if columns.columns.is_empty() => Err(file.unreadable(cause)),
                _ => Ok(columns),
            }
        }
        InputFormat::Parquet => Ok(ParquetFile::open(file)?.columns()),
        InputFormat::Arrow => arrow_ipc::columns_of(file),
    }
}

/// Opens delimited text, and passes over its header.
fn open_csv(
    file: &ListedFile,
    settings: &InputSettings,
    hints: &HeaderHints,
) -> Result<(TextStream, FileColumns, u8), InputError> {
    let delimiter = settings.delimiter.unwrap_or_else(|| delimiter_from_name(&file.file.name));
    let mut stream = TextStream::open(file)?;
    let records = stream.peek(RecordRule::Csv { delimiter }, 2, MAX_RECORD_BYTES);
    let fields = |index: usize| records.get(index).map(|range| csv::fields(&stream.text()[range.clone()], delimiter));
    let Some(first) = fields(0) else {
        return match stream.error() {
            Some(error) => Err(file.unreadable(error.to_string())),
            None if !stream.text().trim_ascii().is_empty() => {
                let limit = MAX_RECORD_BYTES >> 20;
                Err(file
                    .unreadable(format!("its first record is longer than {limit} MiB: a quote was probably left open")))
            }
            None if settings.header == Header::Off => Ok((stream, FileColumns::unnamed(0), delimiter)),
            None => Err(InputError::Empty { file: file.file.name.clone() }),
        };
    };
    let has_header = match settings.header {
        Header::On => true,
        Header::Off => false,
        Header::Auto => is_header(&first, fields(1).as_deref(), hints),
    };
    if !has_header {
        let is_doubtful = settings.header == Header::Auto && !first.iter().any(|field| number::is_number(field));
        let doubt = is_doubtful.then(|| doubt(file, &first));
        return Ok((stream, FileColumns { doubt, ..FileColumns::unnamed(first.len()) }, delimiter));
    }
    let names = first.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let end = records[0].end;
    stream.skip(end);
    Ok((stream, FileColumns::text(names), delimiter))
}

/// Whether a first record names columns; see [`Header::Auto`].
fn is_header(first: &[Vec<u8>], second: Option<&[Vec<u8>]>, hints: &HeaderHints) -> bool {
    if first.iter().any(|field| number::is_number(field)) {
        return false;
    }
    let is_wanted = |field: &Vec<u8>| std::str::from_utf8(field).is_ok_and(|name| hints.names.contains(name));
    first.iter().any(is_wanted)
        || match second {
            Some(second) => second.iter().any(|field| number::is_number(field)),
            None => hints.numeric,
        }
}

/// Of nothing but text, the records behind a header look like the header.
fn doubt(file: &ListedFile, first: &[Vec<u8>]) -> String {
    let fields: Vec<String> = first.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
    format!(
        "{}: its first record ({}) is scored as data, though it may be a header: say with --csv-header on or off what it is",
        file.file.name,
        show::names(fields.iter())
    )
}

/// Opens JSON lines and looks at the first ones; also says what is wrong with one of them, if something is.
fn open_json(file: &ListedFile) -> Result<(TextStream, FileColumns, Option<String>), InputError> {
    let mut stream = TextStream::open(file)?;
    let records = stream.peek(RecordRule::Lines, JSON_SAMPLE_LINES, JSON_SAMPLE_BYTES);
    if records.is_empty()
        && let Some(error) = stream.error()
    {
        return Err(file.unreadable(error.to_string()));
    }
    // Lines of an array are no records; there is no use in a failure for each of them.
    if let Some(first) = records.first()
        && stream.text()[first.clone()].trim_ascii() == b"["
    {
        return Err(
            file.unreadable("it is one JSON array, not JSON lines: write each record as an object on its own line")
        );
    }
    let (keys, trouble) = json_lines::keys(records.into_iter().map(|range| &stream.text()[range]));
    Ok((stream, FileColumns::json(keys), trouble))
}

//! Files by format: what columns they have, and the parts they are read in.

use std::sync::Arc;

use super::columnar::{ColumnarBinding, ColumnarPart};
use super::file_columns::FileColumns;
use super::format::delimiter_from_name;
use super::header::{self, HeaderHints};
use super::parquet_file::ParquetFile;
use super::plan::ColumnPlan;
use super::raw_block::{RawBlock, TextDecoder};
use super::reading::{FilterReading, Reading};
use super::scanner::{MAX_RECORD_BYTES, RecordRule};
use super::text_part::{TextPart, TextStream};
use super::{Header, InputError, InputFormat, InputSettings, ListedFile, arrow_ipc, csv, json_lines};

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

    /// Sets other vector instructions for text than the best.
    #[cfg(test)]
    pub(super) fn with_level(self, level: crate::simd::Level) -> Part {
        match self.0 {
            Kind::Text(part) => Part(Kind::Text(part.with_level(level))),
            columns @ Kind::Columns(_) => Part(columns),
        }
    }
}

/// A file that has been opened.
pub struct OpenedFile {
    /// What is to be read of it.
    pub parts: Vec<Part>,
    /// What is not, because the filter takes nothing of it.
    pub passed_over: PassedOverBefore,
}

/// What is passed over before which part, these rising. What lies behind all parts is before the one behind the last.
pub type PassedOverBefore = Vec<(usize, PassedOver)>;

/// What a filter passes over unread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// Whole files, by their paths; how many records they hold is not known.
    pub files: u64,
    /// Row groups of Parquet files, by their statistics.
    pub row_groups: u64,
    /// Records of these row groups.
    pub records: u64,
}

/// Opens a file and finds the plan's columns in it: one part for a file of text or an Arrow file, one for each row group
/// of a Parquet file. Row groups are read when their first block is asked for, so that many parts cost nothing.
pub fn open(file: &ListedFile, plan: &Arc<ColumnPlan>, settings: &InputSettings) -> Result<OpenedFile, InputError> {
    if FilterReading::passes_over(file, settings) {
        let passed_over = vec![(0, PassedOver { files: 1, ..PassedOver::default() })];
        return Ok(OpenedFile { parts: Vec::new(), passed_over });
    }
    let mut passed_over = Vec::new();
    let size = settings.mini_batch_size;
    let parts = match file.format {
        InputFormat::Csv => {
            let (stream, columns, delimiter) = open_csv(file, settings, &HeaderHints::of_plan(plan, settings))?;
            if columns.own == 0 {
                return Ok(OpenedFile { parts: Vec::new(), passed_over });
            }
            let (reading, sources) = Reading::new(file, plan, &columns, settings)?;
            let decoder = TextDecoder::csv(reading, &sources, delimiter, columns.own);
            let rule = RecordRule::Csv { delimiter };
            vec![Part(Kind::Text(TextPart::new(Arc::clone(&file.file), stream, rule, size, decoder)))]
        }
        InputFormat::JsonLines => {
            let (stream, columns, _) = open_json(file)?;
            let columns = columns.shaped(file, settings)?;
            let (reading, sources) = Reading::new(file, plan, &columns, settings)?;
            let decoder = TextDecoder::json(reading, &sources, settings);
            let part = TextPart::new(Arc::clone(&file.file), stream, RecordRule::Lines, size, decoder);
            vec![Part(Kind::Text(part))]
        }
        InputFormat::Parquet => {
            let parquet = ParquetFile::open(file, settings.filter.is_some())?;
            let columns = parquet.columns().shaped(file, settings)?;
            let (reading, sources) = Reading::new(file, plan, &columns, settings)?;
            let (parts, passed) = parquet.parts(file, ColumnarBinding::new(reading, &sources), &sources, size)?;
            passed_over = passed;
            parts.into_iter().map(|part| Part(Kind::Columns(part))).collect()
        }
        InputFormat::Arrow => {
            let columns = arrow_ipc::columns_of(file)?.shaped(file, settings)?;
            let (reading, sources) = Reading::new(file, plan, &columns, settings)?;
            vec![Part(Kind::Columns(arrow_ipc::part(file, ColumnarBinding::new(reading, &sources), size)))]
        }
    };
    Ok(OpenedFile { parts, passed_over })
}

/// The columns of a file, as the job sees them.
pub(super) fn columns_of(
    file: &ListedFile,
    settings: &InputSettings,
    hints: &HeaderHints,
) -> Result<FileColumns, InputError> {
    let columns = match file.format {
        InputFormat::Csv => return Ok(open_csv(file, settings, hints)?.1),
        InputFormat::JsonLines => {
            let (_, columns, trouble) = open_json(file)?;
            match trouble {
                Some(cause) if columns.columns.is_empty() => return Err(file.unreadable(cause)),
                _ => columns,
            }
        }
        InputFormat::Parquet => ParquetFile::open(file, false)?.columns(),
        InputFormat::Arrow => arrow_ipc::columns_of(file)?,
    };
    columns.shaped(file, settings)
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
            None if settings.header == Header::Off => {
                Ok((stream, FileColumns::unnamed(0).shaped(file, settings)?, delimiter))
            }
            None => Err(InputError::Empty { file: file.file.name.clone() }),
        };
    };
    let has_header = match settings.header {
        Header::On => true,
        Header::Off => false,
        Header::Auto => header::is_header(&first, fields(1).as_deref(), hints),
    };
    if !has_header {
        let is_doubtful = settings.header == Header::Auto && header::is_doubtful(&first, hints);
        let doubt = is_doubtful.then(|| header::doubt(file, &first));
        let columns = FileColumns { doubt, ..FileColumns::unnamed(first.len()) };
        return Ok((stream, columns.shaped(file, settings)?, delimiter));
    }
    let names = first.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let end = records[0].end;
    stream.skip(end);
    Ok((stream, FileColumns::text(names).shaped(file, settings)?, delimiter))
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

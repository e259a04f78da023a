use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::chunk_source::TAIL_BYTES;
use super::format::compression_suffix;
use super::partitions::{PathColumn, PathColumns};
use super::reading::FilterReading;
use super::{InputError, InputFormat, InputSettings, snapshot};
use crate::data::InputFile;
use crate::storage::{Entries, Entry, Location, Pointer, RegisteredData, Stores, Want};

/// Files that are listed before the first one is read: a shorter input is known as a whole from the start.
const FIRST_FILES: usize = 10_000;

/// Files behind the one that is read whose beginnings are fetched, as far as there is room.
const FILES_AHEAD: usize = 64;

/// Names of files that were passed over that are kept for a message.
const SKIPPED_NAMES: usize = 3;

/// A file that will be read.
#[derive(Debug, Clone)]
pub struct ListedFile {
    /// Its place in the order, and its name.
    pub file: Arc<InputFile>,
    /// Where it is.
    pub location: Location,
    /// Its size in bytes; 0 also when it is not known.
    pub size: u64,
    /// How its records are written.
    pub format: InputFormat,
    /// Columns that paths of the listing tell, and what this one says.
    pub(super) path_columns: Arc<[PathColumn]>,
}

impl ListedFile {
    /// An error about the bytes of this file.
    pub(super) fn unreadable(&self, cause: impl Into<String>) -> InputError {
        InputError::Unreadable { file: self.file.name.clone(), cause: cause.into() }
    }

    /// An error about its columns.
    pub(super) fn columns_error(&self, problem: impl Into<String>) -> InputError {
        InputError::Columns { file: self.file.name.clone(), problem: problem.into() }
    }

    /// Begins to fetch what will be wanted first of it.
    fn fetch_ahead(&self) {
        self.location.fetch_ahead(match self.format {
            InputFormat::Parquet => Want::End(TAIL_BYTES),
            InputFormat::Csv | InputFormat::JsonLines | InputFormat::Arrow => Want::Start,
        });
    }
}

/// The files of the input in the order of the results: by pointer as they were given, and below each pointer by the bytes
/// of their names. A long input is listed while it is read.
pub struct Listing {
    settings: InputSettings,
    pending: VecDeque<Pending>,
    /// Files that are listed and not taken; `None` are those taken out of their turn. The first has the number `first`.
    window: VecDeque<Option<ListedFile>>,
    first: usize,
    /// So many files have been begun to be fetched, or taken.
    fetched: usize,
    path_columns: PathColumns,
    found: Found,
    /// Why it could not be gone on with.
    broken: Option<String>,
}

/// A pointer whose files have not all been listed.
struct Pending {
    entries: Entries,
    is_file: bool,
    /// What was registered under the pointer, until it has been compared with the first file that tells its columns.
    registered: Option<(String, RegisteredData)>,
}

/// What has been found so far.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Files that will be read.
    pub files: usize,
    /// Their sizes together, where they are known.
    pub bytes: u64,
    /// How many of them have each format: `parquet`, `csv.gz`.
    pub formats: BTreeMap<String, u64>,
    /// Files in folders that are passed over because their extension tells no format.
    pub skipped: usize,
    /// The names of some of these.
    pub skipped_names: Vec<String>,
    /// Whether this is all of the input.
    pub is_all: bool,
}

/// Finds the first files that the pointers mean; more than so many are found when they are asked for.
pub fn list(stores: &Stores, pointers: &[Pointer], settings: &InputSettings) -> Result<Listing, InputError> {
    settings.check()?;
    let mut listing = Listing {
        settings: settings.clone(),
        pending: VecDeque::new(),
        window: VecDeque::new(),
        first: 0,
        fetched: 0,
        path_columns: PathColumns::default(),
        found: Found::default(),
        broken: None,
    };
    // What is wrong with a pointer is told before anything is read.
    for pointer in pointers {
        let registered = stores.registered(pointer)?;
        let entries = stores.begin(pointer)?;
        let is_file = entries.is_file();
        if let Some(input_type) = settings.input_type {
            input_type.check(pointer, is_file)?;
        }
        if let Some(data) = &registered {
            snapshot::check_kind(pointer, data, is_file)?;
        }
        let registered = registered.map(|data| (pointer.to_string(), data));
        listing.pending.push_back(Pending { entries, is_file, registered });
    }
    listing.extend_to(FIRST_FILES - 1)?;
    listing.path_columns = PathColumns::new(listing.window.iter().flatten().map(|file| file.file.name.as_str()));
    for file in listing.window.iter_mut().flatten() {
        file.path_columns = listing.path_columns.of_file(&file.file.name);
    }
    if listing.window.is_empty() {
        return Err(listing.nothing());
    }
    Ok(listing)
}

impl Listing {
    /// What has been found so far.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// Files that are listed and not taken.
    pub(super) fn known(&self) -> impl Iterator<Item = &ListedFile> {
        self.window.iter().flatten()
    }

    /// Takes a file by its number; nothing behind the last one. The files behind it are fetched ahead.
    pub fn take(&mut self, index: usize) -> Result<Option<ListedFile>, InputError> {
        let ahead = self.files_ahead(index);
        self.extend_to(index + ahead)?;
        self.fetched = self.fetched.max(index + 1);
        while self.fetched <= index + ahead
            && let Some(next) = self.window.get(self.fetched.saturating_sub(self.first))
        {
            let wanted = next.iter().filter(|file| !FilterReading::passes_over(file, &self.settings));
            wanted.for_each(ListedFile::fetch_ahead);
            self.fetched += 1;
        }
        let file = index.checked_sub(self.first).and_then(|place| self.window.get_mut(place)).and_then(Option::take);
        while let Some(None) = self.window.front() {
            self.window.pop_front();
            self.first += 1;
        }
        Ok(file)
    }

    /// How many files are fetched ahead of this one. What lies behind a limit is not even asked for: no more files than
    /// there have been, which did not reach it, and none that one item of each before would suffice for.
    fn files_ahead(&self, index: usize) -> usize {
        let Some(limit) = self.settings.limit else { return FILES_AHEAD };
        let missing = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(index + 1);
        FILES_AHEAD.min(index).min(missing)
    }

    /// Lists to the end without keeping the files, for the account of them alone.
    pub fn finish(&mut self) -> Result<(), InputError> {
        while !self.found.is_all {
            self.first += self.window.len();
            self.window.clear();
            self.extend_to(self.first)?;
        }
        Ok(())
    }

    /// An error about an input without files to read.
    pub(super) fn nothing(&self) -> InputError {
        InputError::NoFiles { skipped: self.found.skipped, names: self.found.skipped_names.clone() }
    }

    /// Lists until the file of this number is known, or all are.
    fn extend_to(&mut self, index: usize) -> Result<(), InputError> {
        if let Some(cause) = &self.broken {
            return Err(InputError::Setting(cause.clone()));
        }
        while self.first + self.window.len() <= index {
            let Some(pending) = self.pending.front_mut() else {
                self.found.is_all = true;
                return Ok(());
            };
            let Some(entry) = pending.entries.next() else {
                self.pending.pop_front();
                continue;
            };
            if let Err(error) = entry.map_err(InputError::from).and_then(|entry| self.add(entry)) {
                self.broken = Some(error.to_string());
                return Err(error);
            }
        }
        // Whether there is more is known when the last pointer has been gone through.
        self.found.is_all = self.pending.is_empty();
        Ok(())
    }

    fn add(&mut self, entry: Entry) -> Result<(), InputError> {
        let by_name = || match &entry.location {
            // It fails in any format, and must not be passed over for want of one.
            Location::Nothing(_) => Some(InputFormat::Csv),
            _ => InputFormat::from_name(&entry.name),
        };
        let Some(format) = self.settings.format.or_else(by_name) else {
            if self.pending.front().is_some_and(|pending| pending.is_file) {
                return Err(InputError::UnknownFormat { name: entry.name });
            }
            self.found.skipped += 1;
            if self.found.skipped_names.len() < SKIPPED_NAMES {
                self.found.skipped_names.push(entry.name);
            }
            return Ok(());
        };
        self.found.files += 1;
        self.found.bytes += entry.size;
        let described = format!("{format}{}", compression_suffix(format, &entry.name));
        *self.found.formats.entry(described).or_insert(0) += 1;
        let path_columns = self.path_columns.of_file(&entry.name);
        let file = Arc::new(InputFile { index: self.first + self.window.len(), name: entry.name });
        let Entry { location, size, .. } = entry;
        let file = ListedFile { file, location, size, format, path_columns };
        if let Some(pending) = self.pending.front_mut()
            && let Some((pointer, data)) = &pending.registered
            && snapshot::check(&file, pointer, data)?
        {
            pending.registered = None;
        }
        self.window.push_back(Some(file));
        Ok(())
    }
}

use std::collections::BTreeMap;
use std::sync::Arc;

use super::format::compression_suffix;
use super::partitions::{PathColumn, path_columns};
use super::{InputError, InputFormat, InputSettings, snapshot};
use crate::data::InputFile;
use crate::storage::{Location, Pointer, Stores};

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
}

/// All files of the input, in the order of the results.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The files, by pointer as they were given, and below each pointer by the bytes of their names.
    pub files: Vec<ListedFile>,
    /// Names of files in folders that were passed over because their extension tells no format.
    pub skipped: Vec<String>,
    /// The sizes of `files` together.
    pub total_bytes: u64,
}

impl Listing {
    /// How many files there are of each format: `parquet`, `csv.gz`.
    pub fn formats(&self) -> BTreeMap<String, u64> {
        let mut formats = BTreeMap::new();
        for file in &self.files {
            let name = format!("{}{}", file.format, compression_suffix(file.format, &file.file.name));
            *formats.entry(name).or_insert(0) += 1;
        }
        formats
    }
}

/// Finds the files that the pointers mean.
pub fn list(stores: &Stores, pointers: &[Pointer], settings: &InputSettings) -> Result<Listing, InputError> {
    settings.check()?;
    let mut listing = Listing { files: Vec::new(), skipped: Vec::new(), total_bytes: 0 };
    for pointer in pointers {
        let registered = stores.registered(pointer)?;
        let first = listing.files.len();
        let entries = stores.list(pointer)?;
        let is_named = entries.is_file();
        if let Some(input_type) = settings.input_type {
            input_type.check(pointer, is_named)?;
        }
        for entry in entries {
            let entry = entry?;
            let Some(format) = settings.format.or_else(|| InputFormat::from_name(&entry.name)) else {
                if is_named {
                    return Err(InputError::UnknownFormat { name: entry.name });
                }
                listing.skipped.push(entry.name);
                continue;
            };
            listing.total_bytes += entry.size;
            let file = Arc::new(InputFile { index: listing.files.len(), name: entry.name });
            let path_columns = Arc::default();
            listing.files.push(ListedFile { file, location: entry.location, size: entry.size, format, path_columns });
        }
        if let (Some(data), Pointer::Registered { name, .. }, Some(file)) =
            (registered, pointer, listing.files.get(first))
        {
            snapshot::check(file, name, data)?;
        }
    }
    if listing.files.is_empty() {
        return Err(InputError::NoFiles { skipped: listing.skipped });
    }
    let path_columns = path_columns(listing.files.iter().map(|file| file.file.name.as_str()));
    for (file, columns) in listing.files.iter_mut().zip(path_columns) {
        file.path_columns = columns;
    }
    Ok(listing)
}

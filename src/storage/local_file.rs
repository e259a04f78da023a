use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::local_folder::replace;
use super::{Existing, StorageError};

/// Bytes after which the system is told to begin to write them to the disk.
const WRITE_OUT: u64 = 8 << 20;

/// A file that is written under a temporary name beside its own.
///
/// Dropping it removes the temporary file.
#[derive(Debug)]
pub(super) struct LocalFile {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    existing: Existing,
    written: u64,
    /// Up to here the system has been told to write the file out.
    written_out: u64,
    /// Whether the temporary file has been renamed and is no longer ours to remove.
    settled: bool,
}

impl LocalFile {
    /// Makes room for `name` in `folder`, which is created if it is missing.
    pub(super) fn create(folder: &Path, name: &str, existing: Existing) -> Result<Self, StorageError> {
        let target = folder.join(name);
        match fs::symlink_metadata(&target) {
            Ok(meta) if meta.is_dir() => {
                return Err(StorageError::Exists {
                    object: shown(&target),
                    hint: " and is a folder; choose another name".into(),
                });
            }
            Ok(_) if existing == Existing::Refuse => return Err(taken(&target)),
            _ => {}
        }
        fs::create_dir_all(folder).map_err(|e| folder_failure(folder, e))?;
        // Programs in different containers may share both the folder and the process number.
        for attempt in 0u32.. {
            let temporary = folder.join(format!(".{name}.tmp-{}-{attempt}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => return Ok(LocalFile::new(file, temporary, target, existing)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {}
                Err(error) => return Err(folder_failure(folder, error)),
            }
        }
        unreachable!("the loop ends by its limit")
    }

    /// Writes to what stands at `path` already.
    #[cfg(test)]
    pub(super) fn open_in_place(path: &Path) -> Result<Self, StorageError> {
        let file =
            OpenOptions::new().write(true).open(path).map_err(|e| StorageError::io(shown(path), "written", e))?;
        let target = path.to_owned();
        let mut file = LocalFile::new(file, PathBuf::new(), target, Existing::Replace);
        file.settled = true;
        Ok(file)
    }

    fn new(file: File, temporary: PathBuf, target: PathBuf, existing: Existing) -> Self {
        LocalFile { file, temporary, target, existing, written: 0, written_out: 0, settled: false }
    }

    pub(super) fn target(&self) -> String {
        shown(&self.target)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.file.write(bytes)?;
        self.written += len as u64;
        if self.written >= self.written_out + WRITE_OUT {
            begin_to_write_out(&self.file, self.written_out..self.written);
            self.written_out = self.written;
        }
        Ok(len)
    }

    /// Forgets what was written beyond `len` bytes.
    pub(super) fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.written = len;
        self.written_out = self.written_out.min(len);
        self.file.seek(SeekFrom::Start(len)).map(drop)
    }

    /// Makes the file durable and gives it its name.
    pub(super) fn commit(mut self) -> Result<String, StorageError> {
        self.file.sync_all().map_err(|e| self.failed(e))?;
        match self.existing {
            Existing::Replace => fs::rename(&self.temporary, &self.target).map_err(|e| self.failed(e))?,
            Existing::Refuse => self.rename_unless_taken()?,
        }
        self.settled = true;
        sync_folder_of(&self.target)?;
        Ok(shown(&self.target))
    }

    /// Keeps what was written as `<name>.partial`, in place of an older one.
    pub(super) fn keep_partial(mut self) -> Result<String, StorageError> {
        self.file.sync_all().map_err(|e| self.failed(e))?;
        let kept = self.rename_to_partial()?;
        sync_folder_of(&kept)?;
        Ok(shown(&kept))
    }

    fn rename_to_partial(&mut self) -> Result<PathBuf, StorageError> {
        let mut name = OsString::from(self.target.as_os_str());
        name.push(".partial");
        let kept = PathBuf::from(name);
        replace(&self.temporary, &kept).map_err(|e| StorageError::io(shown(&kept), "written", e))?;
        self.settled = true;
        Ok(kept)
    }

    /// A link, unlike a rename, fails when the name is taken, so that no race can overwrite another file.
    fn rename_unless_taken(&mut self) -> Result<(), StorageError> {
        match fs::hard_link(&self.temporary, &self.target) {
            Ok(()) => {
                // Another name of a file that is already safe under its own.
                let _ = fs::remove_file(&self.temporary);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(self.overtaken()),
            // A file system without links: a check and a rename are the best there is.
            Err(_) if fs::symlink_metadata(&self.target).is_ok() => Err(self.overtaken()),
            Err(_) => fs::rename(&self.temporary, &self.target).map_err(|e| self.failed(e)),
        }
    }

    /// Someone else took the name while we worked: the work is kept under another.
    fn overtaken(&mut self) -> StorageError {
        let hint = match self.rename_to_partial() {
            Ok(kept) => format!(
                ": another program wrote it meanwhile, so these results were kept as {}; rename them as you like",
                kept.display()
            ),
            Err(_) => ": another program wrote it meanwhile, and these results could not be kept".into(),
        };
        StorageError::Exists { object: shown(&self.target), hint }
    }

    fn failed(&self, error: io::Error) -> StorageError {
        StorageError::io(shown(&self.target), "written", error)
    }
}

impl Drop for LocalFile {
    fn drop(&mut self) {
        if !self.settled {
            // Nobody is left to tell, and a hidden temporary file does no harm.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// The error for a name that is taken.
pub(super) fn taken(target: &Path) -> StorageError {
    StorageError::Exists {
        object: shown(target),
        hint: "; choose another name, or give --overwrite to replace it".into(),
    }
}

/// Has the system begin to write a part of `file` to the disk, and does not wait for it. Left to itself it holds on to
/// gigabytes, for which a job would wait at its end. Where this fails, nothing is lost but that.
#[cfg(target_os = "linux")]
fn begin_to_write_out(file: &File, part: std::ops::Range<u64>) {
    use std::os::fd::AsRawFd;

    let (Ok(start), Ok(len)) = (part.start.try_into(), (part.end - part.start).try_into()) else { return };
    #[expect(unsafe_code, reason = "no library has a safe form of this call")]
    // SAFETY: the descriptor is open for as long as `file` is borrowed, and the call touches no memory of ours.
    unsafe {
        libc::sync_file_range(file.as_raw_fd(), start, len, libc::SYNC_FILE_RANGE_WRITE);
    }
}

#[cfg(not(target_os = "linux"))]
fn begin_to_write_out(_: &File, _: std::ops::Range<u64>) {}

/// A rename lasts through a power cut only once its folder is on the disk too.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), StorageError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // A folder that may be written but not read, or a file system that cannot do it.
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput) => Ok(()),
        result => result.map_err(|e| StorageError::io(shown(folder), "written", e)),
    }
}

pub(super) fn folder_failure(folder: &Path, error: io::Error) -> StorageError {
    match error.kind() {
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => StorageError::Unsupported {
            object: shown(folder),
            reason: "it is a file, or lies below one; name a folder for the results".into(),
        },
        // A folder that cannot be created is more than one that is missing.
        io::ErrorKind::NotFound => StorageError::Io { object: shown(folder), done: "created", source: error },
        _ => StorageError::io(shown(folder), "written", error),
    }
}

pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

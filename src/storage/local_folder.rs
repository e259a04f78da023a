use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::local_file::{LocalFile, folder_failure, shown, sync_folder_of, taken};
use super::new_folder::{MARK, holds_others, is_of_results, manifest_of};
use super::{Existing, NewFile, StorageError};

/// A folder that is filled under a hidden name beside its own.
///
/// Dropping it removes what is in it.
#[derive(Debug)]
pub(super) struct LocalFolder {
    hidden: PathBuf,
    target: PathBuf,
    /// Where the manifest goes: a folder, and the name there.
    manifest: (PathBuf, String),
    existing: Existing,
    /// Whether the hidden folder has been renamed and is no longer ours to remove.
    settled: bool,
}

impl LocalFolder {
    /// Makes room for the folder `name` in `parent`, which is created if it is missing.
    pub(super) fn create(parent: &Path, name: &str, existing: Existing) -> Result<Self, StorageError> {
        let target = parent.join(name);
        match fs::symlink_metadata(&target) {
            Ok(meta) if meta.is_dir() => check_folder(&target, existing)?,
            Ok(_) if existing == Existing::Refuse => return Err(taken(&target)),
            _ => {}
        }
        fs::create_dir_all(parent).map_err(|e| folder_failure(parent, e))?;
        // Programs in different containers may share both the folder and the process number.
        for attempt in 0u32.. {
            let hidden = parent.join(format!(".{name}.tmp-{}-{attempt}", std::process::id()));
            match fs::create_dir(&hidden) {
                Ok(()) => {
                    let manifest = (parent.to_owned(), manifest_of(name));
                    return Ok(LocalFolder { hidden, target, manifest, existing, settled: false });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {}
                Err(error) => return Err(folder_failure(parent, error)),
            }
        }
        unreachable!("the loop ends by its limit")
    }

    pub(super) fn target(&self) -> String {
        shown(&self.target)
    }

    pub(super) fn create_file(&self, name: &str) -> Result<NewFile, StorageError> {
        LocalFile::create(&self.hidden, name, Existing::Refuse).map(NewFile::local)
    }

    /// Gives the folder its name, the manifest its own, and marks the folder as complete.
    ///
    /// Whoever has got the name for his folder owns that of the manifest too, whatever an earlier output left there. Where
    /// this ends early, the folder has all its parts, but it is not marked.
    pub(super) fn commit(mut self, manifest: &[u8]) -> Result<String, StorageError> {
        // A full disk shows here, while everything can still be kept under another name.
        let manifest = match self.write_manifest(manifest) {
            Ok(manifest) => manifest,
            Err(error) => {
                let _ = self.rename_to_partial();
                return Err(error);
            }
        };
        let existing = fs::symlink_metadata(&self.target).ok();
        if self.existing == Existing::Replace
            && existing.is_some_and(|meta| meta.is_dir())
            && let Err(error) = check_folder(&self.target, Existing::Replace)
        {
            // Someone put something of his own there while we worked.
            return Err(self.rename_to_partial().err().unwrap_or(error));
        }
        let replaced = match self.existing {
            Existing::Replace => take_place(&self.hidden, &self.target).map_err(|e| self.failed(e))?,
            // The system renames no folder to a name that is taken, but for that of an empty folder.
            Existing::Refuse => match fs::rename(&self.hidden, &self.target) {
                Ok(()) => Replaced::Nothing,
                Err(_) if fs::symlink_metadata(&self.target).is_ok() => return Err(self.overtaken()),
                Err(error) => return Err(self.failed(error)),
            },
        };
        self.settled = true;
        sync_folder_of(&self.target)?;
        remove_replaced(&self.hidden, replaced).map_err(|e| self.failed(e))?;
        manifest.commit()?;
        LocalFile::create(&self.target, MARK, Existing::Replace)?.commit()?;
        Ok(self.target())
    }

    fn write_manifest(&self, content: &[u8]) -> Result<NewFile, StorageError> {
        let (folder, name) = &self.manifest;
        let mut file = LocalFile::create(folder, name, Existing::Replace).map(NewFile::local)?;
        file.write_all(content).map_err(|e| StorageError::from_io(file.location(), "written", e))?;
        Ok(file)
    }

    /// Keeps the folder as `<name>.partial`, in place of an older one.
    pub(super) fn keep_partial(mut self) -> Result<String, StorageError> {
        let kept = self.rename_to_partial()?;
        sync_folder_of(&kept)?;
        Ok(shown(&kept))
    }

    fn rename_to_partial(&mut self) -> Result<PathBuf, StorageError> {
        let mut name = OsString::from(self.target.as_os_str());
        name.push(".partial");
        let kept = PathBuf::from(name);
        if fs::symlink_metadata(&kept).is_ok_and(|meta| meta.is_dir()) {
            check_folder(&kept, Existing::Replace)?;
        }
        let failed = |e| StorageError::io(shown(&kept), "written", e);
        let replaced = take_place(&self.hidden, &kept).map_err(failed)?;
        self.settled = true;
        remove_replaced(&self.hidden, replaced).map_err(failed)?;
        Ok(kept)
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
        StorageError::Exists { object: self.target(), hint }
    }

    fn failed(&self, error: io::Error) -> StorageError {
        StorageError::io(self.target(), "written", error)
    }
}

impl Drop for LocalFolder {
    fn drop(&mut self) {
        if !self.settled {
            // Nobody is left to tell, and a hidden temporary folder does no harm.
            let _ = fs::remove_dir_all(&self.hidden);
        }
    }
}

/// Fails unless the folder may be taken: it is empty, or holds results only and may be replaced.
fn check_folder(folder: &Path, existing: Existing) -> Result<(), StorageError> {
    let failed = |e| StorageError::io(shown(folder), "listed", e);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let name = name.to_string_lossy();
        if existing == Existing::Refuse {
            return Err(taken(folder));
        }
        if !is_of_results(&name) {
            return Err(holds_others(shown(folder), &name));
        }
    }
    Ok(())
}

/// What had a name that was taken.
enum Replaced {
    Nothing,
    /// It has the name now that what replaced it had.
    Old,
}

/// Gives the file or folder `from` the name `to`, also where the one is a file and the other a folder. Where the system can
/// do it, the name stands for the one or the other at any moment.
fn take_place(from: &Path, to: &Path) -> io::Result<Replaced> {
    match fs::rename(from, to) {
        Ok(()) => Ok(Replaced::Nothing),
        Err(_) if fs::symlink_metadata(to).is_ok_and(|meta| meta.is_dir() || from.is_dir()) => {
            exchange(from, to).map(|()| Replaced::Old)
        }
        Err(error) => Err(error),
    }
}

/// Gives the file or folder `from` the name `to`, and removes what had it: a file, or a folder of results.
pub(super) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let replaced = take_place(from, to)?;
    remove_replaced(from, replaced)
}

/// Lets two paths change names.
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    if exchange_at_once(one, other).is_ok() {
        return Ok(());
    }
    let mut aside = OsString::from(one.as_os_str());
    aside.push("-old");
    fs::rename(other, &aside)?;
    fs::rename(one, other)?;
    fs::rename(&aside, one)
}

#[cfg(target_os = "linux")]
fn exchange_at_once(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};

    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(target_os = "linux"))]
fn exchange_at_once(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Removes what was replaced and has the name `path` now. Of a folder, things that are no results stay.
fn remove_replaced(path: &Path, replaced: Replaced) -> io::Result<()> {
    match replaced {
        Replaced::Nothing => return Ok(()),
        Replaced::Old if !fs::symlink_metadata(path)?.is_dir() => return fs::remove_file(path),
        Replaced::Old => {}
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if is_of_results(&entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path())?;
        }
    }
    match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        result => result,
    }
}

//! What the peers' virtual environments below `target` hold.

use std::path::{Path, PathBuf};

use crate::Result;

/// The library of ONNX Runtime in the peers' Python packages; `data` is the folder beside their environment.
pub(crate) fn onnxruntime(data: &Path) -> Result<PathBuf> {
    let packages = data.with_file_name("peers-venv/lib");
    let library = |folder: PathBuf| {
        let files = std::fs::read_dir(folder.join("site-packages/onnxruntime/capi")).ok()?;
        let is_library = |path: &PathBuf| path.to_string_lossy().contains("/libonnxruntime.so");
        files.filter_map(|file| Some(file.ok()?.path())).find(is_library)
    };
    let folders = std::fs::read_dir(&packages)?.filter_map(|folder| Some(folder.ok()?.path()));
    let found = folders.filter_map(library).next();
    Ok(found.ok_or_else(|| format!("there is no libonnxruntime.so below {}", packages.display()))?)
}

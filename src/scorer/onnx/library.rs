//! Where the library of ONNX Runtime is on this machine.
//!
//! Only files are looked at, and only in a few places: no Python is run, no folder is searched in depth.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The environment variable that names the library, as for other programs.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// What a user can do who has no library.
pub(super) const REMEDY: &str =
    "install it with `pip install onnxruntime`, or name its library with --ort-library or in ORT_DYLIB_PATH";

/// The library's file: `named` by a setting, or by the environment, or else that of the Python package `onnxruntime` in
/// the active virtual environment, the active conda environment, or beside the first `python3` of the path.
pub(super) fn find(named: Option<&Path>) -> Result<PathBuf, String> {
    let variable = env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    for (path, by) in [(named.map(Path::to_path_buf), "--ort-library"), (variable, VARIABLE)] {
        if let Some(path) = path {
            // Absolute, since a bare name would be searched for in the system's folders.
            return match std::path::absolute(&path) {
                Ok(absolute) if absolute.is_file() => Ok(absolute),
                _ => Err(format!("{by} names {}, which is no file", path.display())),
            };
        }
    }
    let prefixes = python_prefixes();
    let packages: Vec<PathBuf> = prefixes.iter().flat_map(|prefix| package_folders(prefix)).collect();
    packages.iter().find_map(|folder| library_in(&folder.join("onnxruntime").join("capi"))).ok_or_else(|| {
        let places = match prefixes.as_slice() {
            [] => "there is no Python on the path whose package onnxruntime could be used".to_owned(),
            prefixes => {
                let prefixes: Vec<String> = prefixes.iter().map(|prefix| prefix.display().to_string()).collect();
                format!("no package onnxruntime is installed for the Python in {}", prefixes.join(", "))
            }
        };
        format!("it is not found: neither --ort-library nor {VARIABLE} names it, and {places}; {REMEDY}")
    })
}

/// Folders that Python is installed in, the active one first.
fn python_prefixes() -> Vec<PathBuf> {
    let mut prefixes: Vec<PathBuf> =
        ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(env::var_os).map(PathBuf::from).collect();
    let path = env::var_os("PATH").unwrap_or_default();
    let has_python = |folder: &PathBuf| {
        ["python3", "python.exe"].iter().any(|name| folder.join(name).is_file())
            // Code must not be loaded from wherever the user happens to be.
            && folder.is_absolute()
    };
    if let Some(folder) = env::split_paths(&path).find(has_python) {
        let parent = if cfg!(windows) { Some(folder.as_path()) } else { folder.parent() };
        prefixes.extend(parent.map(Path::to_path_buf));
        // Where `pip install --user` puts packages.
        prefixes.extend(env::var_os("HOME").filter(|_| cfg!(unix)).map(|home| Path::new(&home).join(".local")));
    }
    prefixes.retain(|prefix| prefix.is_absolute());
    prefixes
}

/// Folders below `prefix` that may hold packages: `site-packages`, and Debian's `dist-packages`.
fn package_folders(prefix: &Path) -> Vec<PathBuf> {
    let mut folders = vec![prefix.join("Lib").join("site-packages")];
    for lib in [prefix.join("lib"), prefix.join("local").join("lib")] {
        let mut versions = names_in(&lib, |name| name.starts_with("python3"));
        // The newest first; a machine has few.
        versions.sort_by_key(|name| std::cmp::Reverse(version_of(name)));
        for version in versions {
            folders.extend(["site-packages", "dist-packages"].map(|packages| lib.join(&version).join(packages)));
        }
    }
    folders
}

/// The library in the package's folder; its name may end in its version.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let is_library = |name: &str| match env::consts::OS {
        "windows" => name == "onnxruntime.dll",
        "macos" => name.starts_with("libonnxruntime.") && name.ends_with(".dylib"),
        _ => name.starts_with("libonnxruntime.so"),
    };
    names_in(folder, is_library).into_iter().max_by_key(|name| version_of(name)).map(|name| folder.join(name))
}

fn names_in(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| wanted(name)).collect()
}

/// The numbers in a name, to compare versions by.
fn version_of(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_versions_are_greater() {
        assert!(version_of("libonnxruntime.so.1.31.1") > version_of("libonnxruntime.so.1.9.0"));
        assert!(version_of("python3.12") > version_of("python3.9"));
    }

    #[test]
    fn what_is_named_must_be_there() {
        let error = find(Some(Path::new("no/such/libonnxruntime.so"))).unwrap_err();
        assert!(error.contains("--ort-library") && error.contains("no/such/libonnxruntime.so"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn packages_of_every_version_are_looked_at() {
        let prefix = env::temp_dir().join(format!("batchscore-library-{}", std::process::id()));
        let capi = prefix.join("lib/python3.11/site-packages/onnxruntime/capi");
        fs::create_dir_all(&capi).unwrap();
        fs::create_dir_all(prefix.join("lib/python3.12/site-packages")).unwrap();
        for name in ["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.31.1", "libonnxruntime_providers_shared.so"] {
            fs::write(capi.join(name), "").unwrap();
        }
        let found: Vec<PathBuf> = package_folders(&prefix)
            .iter()
            .filter_map(|folder| library_in(&folder.join("onnxruntime").join("capi")))
            .collect();
        fs::remove_dir_all(&prefix).unwrap();
        assert_eq!(found, [capi.join("libonnxruntime.so.1.31.1")]);
    }
}

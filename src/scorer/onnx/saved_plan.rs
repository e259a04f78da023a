//! A measured number of rows a run, kept beside the model's file as `<model>.plan.json`.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::scorer::RunRows;

/// Most rows of a run of a fixed number.
const MOST_ROWS: usize = 4096;

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedPlan {
    /// The [`checksum`] of the model's file, as 16 hexadecimal digits.
    model: String,
    /// Nothing stands for any number of rows.
    run_rows: Option<NonZeroUsize>,
}

/// What a saved plan says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Saved {
    /// There is none.
    Nothing,
    /// It is of another model.
    OfAnother,
    RunRows(RunRows),
}

/// Keeps `run_rows` for the model at `model`; gives the file that it is in.
pub fn save_run_rows(model: &Path, run_rows: RunRows) -> io::Result<PathBuf> {
    let run_rows = match run_rows {
        RunRows::Fixed(rows) => Some(rows),
        RunRows::Any | RunRows::Auto => None,
    };
    let path = path_of(model);
    let text = serde_json::to_string_pretty(&SavedPlan { model: checksum(model)?, run_rows })?;
    std::fs::write(&path, text + "\n")?;
    Ok(path)
}

/// What was kept for the model at `model`.
pub(super) fn read(model: &Path) -> Result<Saved, String> {
    let path = path_of(model);
    let unusable = |cause: &dyn std::fmt::Display| {
        format!("its saved plan {} is of no use: {cause}; delete it, or measure again", path.display())
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Saved::Nothing),
        Err(error) => return Err(unusable(&error)),
    };
    let plan: SavedPlan = serde_json::from_str(&text).map_err(|error| unusable(&error))?;
    if plan.model != checksum(model).map_err(|error| unusable(&error))? {
        return Ok(Saved::OfAnother);
    }
    match plan.run_rows {
        Some(rows) if rows.get() > MOST_ROWS => Err(unusable(&format!("{rows} rows a run are more than {MOST_ROWS}"))),
        Some(rows) => Ok(Saved::RunRows(RunRows::Fixed(rows))),
        None => Ok(Saved::RunRows(RunRows::Any)),
    }
}

fn path_of(model: &Path) -> PathBuf {
    let mut name = model.as_os_str().to_owned();
    name.push(".plan.json");
    PathBuf::from(name)
}

/// The 64-bit FNV-1a hash of the file at `path` (Fowler, Noll, Vo), which tells models apart and is no protection.
fn checksum(path: &Path) -> io::Result<String> {
    let mut file = BufReader::new(File::open(path)?);
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut buffer = [0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(format!("{hash:016x}")),
            n => buffer[..n].iter().for_each(|byte| hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_for_the_model_it_was_saved_for() {
        let folder = std::env::temp_dir().join(format!("batchscore-plan-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let model = folder.join("model.onnx");
        std::fs::write(&model, "a").unwrap();
        assert_eq!(checksum(&model).unwrap(), "af63dc4c8601ec8c");
        assert_eq!(read(&model), Ok(Saved::Nothing));
        for run_rows in [RunRows::Any, RunRows::Fixed(NonZeroUsize::MIN)] {
            let path = save_run_rows(&model, run_rows).unwrap();
            assert_eq!(path, folder.join("model.onnx.plan.json"));
            assert_eq!(read(&model), Ok(Saved::RunRows(run_rows)));
        }
        std::fs::write(&model, "b").unwrap();
        assert_eq!(read(&model), Ok(Saved::OfAnother));
        for text in ["", "{}", r#"{"model": "af63df4c8601f1a5", "run_rows": 0}"#] {
            std::fs::write(path_of(&model), text).unwrap();
            assert!(read(&model).unwrap_err().contains("model.onnx.plan.json is of no use"), "{text}");
        }
        std::fs::write(path_of(&model), r#"{"model": "af63df4c8601f1a5", "run_rows": 5000}"#).unwrap();
        assert!(read(&model).unwrap_err().contains("5000 rows a run are more than 4096"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

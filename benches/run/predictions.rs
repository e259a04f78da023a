//! What a job wrote, as far as all who did the same job must agree.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::Result;

/// How far means may lie apart: engines differ in the last digits of single predictions.
const TOLERANCE: f64 = 1e-5;

/// Not all keep the order of the rows, so it must not matter.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Predictions {
    rows: usize,
    sum: f64,
}

impl Predictions {
    /// Of a file, or of all files of a folder. Of several values for a row, the last one counts.
    pub(crate) fn read(path: &Path) -> Result<Predictions> {
        let mut all = Predictions::default();
        for file in files(path)? {
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("parquet") => all.add_parquet(&file)?,
                Some("json") => all.add_json(&file)?,
                _ => all.add_text(&file)?,
            }
        }
        Ok(all)
    }

    /// Fails unless there are as many as `expected`, with the same mean.
    pub(crate) fn check(self, expected: Predictions) -> Result<()> {
        let mean = |of: Predictions| of.sum / of.rows as f64;
        let apart = (mean(self) - mean(expected)).abs();
        if self.rows == expected.rows && apart <= TOLERANCE {
            return Ok(());
        }
        let Predictions { rows, .. } = expected;
        Err(format!(
            "wrote {} predictions with mean {}, not {rows} with mean {}",
            self.rows,
            mean(self),
            mean(expected)
        )
        .into())
    }

    fn add(&mut self, prediction: f64) {
        self.rows += 1;
        self.sum += prediction;
    }

    fn add_parquet(&mut self, path: &Path) -> Result<()> {
        for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.build()? {
            let batch = batch?;
            let column = batch.column_by_name("prediction").and_then(|column| column.as_primitive_opt::<Float32Type>());
            for value in column.ok_or_else(|| format!("{} has no float32 predictions", path.display()))? {
                self.add(f64::from(value.ok_or("a prediction is null")?));
            }
        }
        Ok(())
    }

    /// Fields apart by commas; a first line without a number is a header.
    fn add_text(&mut self, path: &Path) -> Result<()> {
        for (index, line) in BufReader::with_capacity(1 << 20, File::open(path)?).lines().enumerate() {
            let line = line?;
            match line.rsplit(',').next().unwrap_or_default().parse() {
                Ok(prediction) => self.add(prediction),
                Err(_) if index == 0 => {}
                Err(_) => return Err(format!("{} has the line {line:?}", path.display()).into()),
            }
        }
        Ok(())
    }

    /// MLflow's form: `{"predictions": [{"output": 1.0}, {"label": 0, "probability": {"0": 0.9, "1": 0.1}}]}`.
    fn add_json(&mut self, path: &Path) -> Result<()> {
        let text: Value = serde_json::from_reader(BufReader::new(File::open(path)?))?;
        for mut value in text["predictions"].as_array().ok_or("there is no list of predictions")? {
            while let Value::Object(fields) = value {
                value = fields.values().next_back().ok_or("a prediction is empty")?;
            }
            self.add(value.as_f64().ok_or("a prediction is not a number")?);
        }
        Ok(())
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    Ok(std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?)
}

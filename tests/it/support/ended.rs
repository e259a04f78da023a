use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Scene, Table};

/// A run that is over, and everything that it left.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// `job.json`, when the run got that far.
    pub(crate) job: Option<Value>,
    /// The predictions, be they final, partial or on standard output.
    predictions: Option<Table>,
    errors: Vec<Value>,
    args: Vec<String>,
}

impl Ended {
    pub(super) fn new(
        scene: &Scene,
        output_path: Option<&str>,
        args: Vec<String>,
        code: i32,
        stdout: Vec<u8>,
        stderr: Vec<u8>,
    ) -> Ended {
        let stderr = String::from_utf8(stderr).unwrap();
        let mut ended = Ended {
            code,
            stdout: String::from_utf8(stdout).unwrap_or_default(),
            stderr,
            job: None,
            predictions: None,
            errors: Vec::new(),
            args,
        };
        assert!(!ended.stderr.contains("panicked at"), "{ended}");
        if let Some(path) = job_file(scene, output_path)
            && let Ok(text) = std::fs::read_to_string(path)
        {
            ended.read_results(scene, serde_json::from_str(&text).unwrap());
        }
        ended
    }

    /// Reads what `job.json` speaks of, and checks that every item is accounted for.
    fn read_results(&mut self, scene: &Scene, job: Value) {
        let result = &job["result"];
        let place = |key: &str| result[key].as_str().map(|text| scene.path(text));
        let name = job["settings"]["output_file_name"].as_str().unwrap();
        self.predictions = match (result["predictions"].as_str(), place("partial_predictions")) {
            // An output that broke off may end in the middle of a record.
            _ if self.code == 6 => None,
            (Some("standard output"), _) if name.ends_with(".csv") => Some(Table::csv(&self.stdout)),
            (Some("standard output"), _) if name.ends_with(".jsonl") => Some(Table::json_lines(&self.stdout)),
            (Some("standard output"), _) if name.ends_with(".txt") => Some(Table::txt(&self.stdout)),
            (Some(text), _) if scene.path(text).exists() => Some(Table::read(&scene.path(text))),
            (None, Some(path)) if path.exists() => Some(Table::read(&path)),
            _ => None,
        };
        if let Some(path) = place("errors").filter(|path| path.is_file()) {
            let text = std::fs::read_to_string(path).unwrap();
            self.errors = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        }
        self.job = Some(job);

        let (items, succeeded, failed) = (self.count("items"), self.count("succeeded"), self.count("failed"));
        assert_eq!(items, succeeded + failed, "items in = succeeded + failed: {self}");
        // An output that broke off holds less than was scored.
        if self.code != 6 {
            let recorded: u64 = self.errors.iter().map(|error| error["items"].as_u64().unwrap_or(1)).sum();
            assert_eq!(recorded, failed, "items in the error records: {self}");
            if let Some(predictions) = &self.predictions {
                assert_eq!(predictions.len() as u64, succeeded, "rows of predictions: {self}");
            }
        }
    }

    /// A count of `job.json`.
    #[track_caller]
    pub(crate) fn count(&self, name: &str) -> u64 {
        let job = self.job.as_ref().unwrap_or_else(|| panic!("the run did not get to its end: {self}"));
        job["result"]["counts"][name].as_u64().unwrap_or_else(|| panic!("no count {name}: {job}"))
    }

    /// Items, succeeded, failed.
    #[track_caller]
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        (self.count("items"), self.count("succeeded"), self.count("failed"))
    }

    /// A key of `job.json`'s result.
    #[track_caller]
    pub(crate) fn result(&self, key: &str) -> &Value {
        let job = self.job.as_ref().unwrap_or_else(|| panic!("the run did not get to its end: {self}"));
        &job["result"][key]
    }

    #[track_caller]
    pub(crate) fn predictions(&self) -> &Table {
        self.predictions.as_ref().unwrap_or_else(|| panic!("no predictions: {self}"))
    }

    pub(crate) fn errors(&self) -> &[Value] {
        &self.errors
    }

    /// File and row of each error record; the row of a whole file that cannot be read is `None`.
    pub(crate) fn failed_places(&self) -> Vec<(&str, Option<u64>)> {
        self.errors.iter().map(|error| (error["file"].as_str().unwrap(), error["row"].as_u64())).collect()
    }

    /// Rows of the error records.
    pub(crate) fn failed_rows(&self) -> Vec<u64> {
        self.errors.iter().map(|error| error["row"].as_u64().unwrap()).collect()
    }

    /// Fails unless the error records hold exactly one, and gives its cause.
    #[track_caller]
    pub(crate) fn only_error(&self) -> &Value {
        assert_eq!(self.errors.len(), 1, "{self}");
        &self.errors[0]
    }

    /// Fails unless standard error has all of these parts, and begins no line with a panic.
    #[track_caller]
    pub(crate) fn says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.stderr.contains(part), "standard error does not say {part:?}: {self}");
        }
        self
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ended { code, args, stderr, errors, .. } = self;
        let stdout: String = self.stdout.chars().take(2000).collect();
        let errors: Vec<String> = errors.iter().take(5).map(Value::to_string).collect();
        write!(
            f,
            "batchscore {}\nexit code {code}\n--- standard output\n{stdout}\n--- standard error\n{stderr}\n--- error \
             records\n{}",
            args.join(" "),
            errors.join("\n"),
        )
    }
}

/// Where the run's `job.json` is: in the output folder, or in the only folder of `outputs/`.
fn job_file(scene: &Scene, output_path: Option<&str>) -> Option<PathBuf> {
    let folder: PathBuf = match output_path {
        Some(folder) if !matches!(folder, "-" | "null:") && !folder.contains("://") => scene.path(folder),
        _ => {
            let mut folders = std::fs::read_dir(scene.path("outputs")).ok()?;
            folders.next()?.unwrap().path()
        }
    };
    Some(Path::new(&folder).join("job.json"))
}

//! Measures the scoring of models in process against what others make of them; `README.md` one folder up says how to run
//! it and what the figures mean.
//!
//! Everything is measured in one thread, by CPU time, and in turn, several times over.

// Of these, that are shared with the bench of whole jobs, not everything is used here.
#[path = "../run/batchscore.rs"]
#[expect(dead_code, reason = "made for the other bench")]
mod batchscore;
mod cases;
#[path = "../run/data.rs"]
#[expect(dead_code, reason = "made for the other bench")]
mod data;
mod end_to_end;
mod loading;
mod networks;
mod ours;
#[path = "../run/process.rs"]
mod process;
mod python;
mod rates;
#[path = "../run/series.rs"]
#[expect(dead_code, reason = "made for the other bench")]
mod series;
mod table;
#[path = "../run/virtual_env.rs"]
mod virtual_env;

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use ::batchscore::simd::Level;

use crate::cases::CASES;
use crate::table::Table;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Threads of the whole jobs.
const WORKERS: usize = 2;

/// What the measurements share.
struct Bench {
    /// The `benches/peers` folder.
    peers: PathBuf,
    /// Where data and outputs go.
    data: PathBuf,
    /// Where the models are.
    models: PathBuf,
    /// How often each thing is measured, after one warm-up.
    rounds: usize,
    /// CPU seconds of a measurement.
    seconds: f64,
}

impl Bench {
    fn model(&self, name: &str) -> PathBuf {
        self.models.join(name)
    }

    /// The library of ONNX Runtime in the peers' Python packages.
    fn onnxruntime(&self) -> Result<PathBuf> {
        virtual_env::onnxruntime(&self.data)
    }

    /// One of the scripts in `benches/peers`, ready to be started.
    fn script(&self, name: &str) -> Command {
        let mut command = Command::new(self.peers.join("run.sh"));
        command.arg(name);
        command
    }

    /// Makes the models where there are none. What is interrupted does not bear their folder's name.
    fn make_models(&self) -> Result<()> {
        if !self.models.exists() {
            let unfinished = self.models.with_extension("unfinished");
            process::run(self.script("make_models.py").arg(&unfinished))?;
            std::fs::rename(&unfinished, &self.models)?;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<()> {
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-data");
    let mut bench = Bench {
        peers: Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers"),
        models: data.join("models"),
        data,
        rounds: 7,
        seconds: 0.2,
    };
    let mut filters = Vec::new();
    let mut asked_for = false;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--bench" => asked_for = true,
            "--rounds" => {
                let rounds = args.next().and_then(|text| text.parse().ok());
                bench.rounds = rounds.filter(|rounds| *rounds > 0).ok_or("--rounds takes a number from 1 up")?;
            }
            filter if !filter.starts_with('-') => filters.push(filter.to_owned()),
            _ => return Err(format!("unknown argument {arg:?}: [FILTER ...] [--rounds N]").into()),
        }
    }
    // `cargo test --all-targets` starts this program too, without `--bench`: it is no test.
    if !asked_for {
        return Ok(());
    }
    std::fs::create_dir_all(&bench.data)?;
    bench.make_models()?;
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let mut table = Table::new(Level::get());
    for case in CASES.iter().filter(|case| wanted(case.model)) {
        rates::measure(&bench, case, &mut table)?;
    }
    if wanted("loading") {
        loading::measure(&bench, &mut table)?;
    }
    networks::measure(&bench, wanted, &mut table)?;
    if wanted("end_to_end") {
        end_to_end::measure(&bench, &mut table)?;
    }
    // Only by name: its packages are large, and it takes minutes.
    if filters.iter().any(|filter| filter == "ray_data") {
        end_to_end::measure_ray_data(&bench, &mut table)?;
    }
    writeln!(std::io::stdout(), "\n{table}")?;
    Ok(())
}

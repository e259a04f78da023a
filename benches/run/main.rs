//! Measures the program against the goals of its speed and memory; `README.md` one folder up says how to run it and
//! what the figures mean.
//!
//! Each case runs its variants in turn, several times over, so that a machine that slows down for a while slows them all.

mod batchscore;
mod csv_memory;
mod data;
mod decode_only;
mod logistic_parquet;
mod mini_batches;
mod parquet_memory;
mod parts;
mod peer;
mod peers;
mod predictions;
mod process;
mod series;
mod stores;
mod table;
mod tree;
mod virtual_env;

use std::error::Error;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// One question with a table for an answer.
type Case = fn(&Bench) -> Result<table::Table>;

const CASES: &[(&str, Case)] = &[
    ("mini_batches", mini_batches::run),
    ("logistic_parquet", logistic_parquet::run),
    ("csv_memory", csv_memory::run),
    ("parquet_memory", parquet_memory::run),
    ("peer", peer::run),
    ("small_files", stores::small_files),
    ("far_store", stores::far_store),
];

/// Cases that are run only by their full names: the packages of the peers are large, and they take many minutes.
const BY_NAME: &[(&str, Case)] = &[("peers_mlp", peers::mlp), ("peers_logistic", peers::logistic)];

/// Threads of every variant that can be told how many to use.
const WORKERS: usize = 2;

/// What the cases share.
struct Bench {
    /// The `benches` folder.
    home: PathBuf,
    /// Where data and outputs go.
    data: PathBuf,
    /// How often each variant is measured, after one warm-up.
    rounds: usize,
    /// Whether the data of `csv_memory` outlives it.
    keep: bool,
}

impl Bench {
    fn model(&self, name: &str) -> PathBuf {
        self.home.join("models").join(name)
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
    let mut bench = Bench {
        home: Path::new(env!("CARGO_MANIFEST_DIR")).join("benches"),
        data: Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-data"),
        rounds: 5,
        keep: false,
    };
    let mut filters = Vec::new();
    let mut asked_for = false;
    let mut args = std::env::args_os().skip(1);
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("one-at-a-time") => return stores::child(&args.collect::<Vec<OsString>>()),
            Some("decode-only") => return decode_only::child(&args.collect::<Vec<OsString>>()),
            Some("--bench") => asked_for = true,
            Some("--keep") => bench.keep = true,
            Some("--rounds") => {
                let rounds = args.next().and_then(|text| text.to_str()?.parse().ok());
                bench.rounds = rounds.filter(|rounds| *rounds > 0).ok_or("--rounds takes a number from 1 up")?;
            }
            Some(filter) if !filter.starts_with('-') => filters.push(filter.to_owned()),
            _ => return Err(format!("unknown argument {arg:?}: [FILTER ...] [--rounds N] [--keep]").into()),
        }
    }
    // `cargo test --all-targets` starts this program too, without `--bench`: it is no test.
    if !asked_for {
        return Ok(());
    }
    std::fs::create_dir_all(&bench.data)?;
    let mut out = std::io::stdout();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let by_name = |name: &str| filters.iter().any(|filter| filter == name);
    let cases = CASES.iter().filter(|(name, _)| wanted(name));
    for (name, case) in cases.chain(BY_NAME.iter().filter(|(name, _)| by_name(name))) {
        writeln!(out, "\n### {name}\n")?;
        let table = case(&bench)?;
        writeln!(out, "{table}")?;
    }
    Ok(())
}

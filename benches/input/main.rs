//! Measures how fast input is read, against what others make of the same files; `README.md` one folder up says how to run
//! it and what the figures mean.
//!
//! Each case runs its variants in turn, several times over, so that a machine that slows down for a while slows them all.

// What is shared with the bench of whole jobs is not all used here.
#[path = "../run/batchscore.rs"]
mod batchscore;
mod columns;
#[path = "../run/data.rs"]
mod data;
#[path = "../run/decode_only.rs"]
mod decode_only;
mod files;
mod one_file;
mod parquet;
mod polars;
#[path = "../run/process.rs"]
mod process;
#[path = "../run/series.rs"]
mod series;
#[path = "../run/table.rs"]
#[expect(dead_code, reason = "made for the other bench")]
mod table;
mod text;

use std::error::Error;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// One question with a table for an answer.
type Case = fn(&Bench) -> Result<table::Table>;

const CASES: &[(&str, Case)] = &[
    ("csv", text::csv),
    ("json_lines", text::json_lines),
    ("polars", polars::run),
    ("parquet", parquet::run),
    ("one_file", one_file::run),
];

/// Threads of every variant that can be told how many to use, unless its name says another number.
const WORKERS: usize = 2;

/// What the cases share.
struct Bench {
    /// The `benches` folder.
    home: PathBuf,
    /// Where data and outputs go.
    data: PathBuf,
    /// How often each variant is measured, after one warm-up.
    rounds: usize,
    /// Whether to leave the largest file where it is.
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
    for (name, case) in CASES {
        if filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str())) {
            writeln!(out, "\n### {name}\n")?;
            let table = case(&bench)?;
            writeln!(out, "{table}")?;
        }
    }
    writeln!(out, "Vector instructions: {}.", ::batchscore::simd::Level::get().name())?;
    Ok(())
}

use std::path::{Path, PathBuf};

use crate::batchscore::{self, Output};
use crate::data::{self, Layout};
use crate::logistic_parquet::{CHOSEN, COLUMNS, MODEL};
use crate::series::{Variant, alternate};
use crate::table::{Goal, Table};
use crate::{Bench, Result};

/// Rows of a file of 100 MB.
const ROWS: usize = 900_000;
/// Files of the larger folder: 10 GB.
const FILES: usize = 100;

/// Whether memory stays the same however many files there are.
pub(crate) fn run(bench: &Bench) -> Result<Table> {
    let file = data::parquet(&bench.data, ROWS, COLUMNS, Layout::Plain)?;
    let megabytes = file.metadata()?.len() as f64 / 1e6;
    let mut variants = Vec::new();
    for (files, title) in [(1, "one file"), (FILES, "many files")] {
        let folder = links(&file, &bench.data.join(format!("parquet-{files}")), files)?;
        let name = format!("{title}, {:.0} MB in all, to Parquet", megabytes * files as f64);
        variants.push(Variant::new(name, move || {
            batchscore::run(bench, MODEL, &folder, CHOSEN, Output::File("predictions.parquet"))
        }));
    }
    let all = alternate(bench.rounds.min(3), &variants)?;
    let mut table = Table::new("times the memory");
    table.line(&all[0], None, None);
    table.line(&all[1], Some(all[1].ratio(&all[0], |run| run.peak_mb)), Some(Goal::AtMost(1.2)));
    table.note(format!("The folder has {FILES} names for one file, so that it needs no room on the disk."));
    Ok(table)
}

/// A folder with so many names for a file.
fn links(file: &Path, folder: &Path, count: usize) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    for index in 0..count {
        let link = folder.join(format!("part-{index:03}.parquet"));
        if !link.exists() {
            std::fs::hard_link(file, link)?;
        }
    }
    Ok(folder.to_owned())
}

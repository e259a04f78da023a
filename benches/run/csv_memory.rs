use crate::batchscore::{self, Output};
use crate::data;
use crate::logistic_parquet::{CHOSEN, COLUMNS, MODEL};
use crate::series::{Variant, alternate};
use crate::table::{Goal, Table};
use crate::{Bench, Result};

/// Whether memory stays the same however large the input is.
pub(crate) fn run(bench: &Bench) -> Result<Table> {
    let mut table = Table::new("MB of memory");
    let sizes = [200_000_000, 2_000_000_000];
    let files = sizes.map(|bytes| data::csv(&bench.data, bytes, COLUMNS));
    let mut variants = Vec::new();
    for (file, bytes) in files.iter().zip(sizes) {
        let file = file.as_ref().map_err(ToString::to_string)?;
        variants.push(Variant::new(format!("CSV of {} MB to txt", bytes / 1_000_000), move || {
            batchscore::run(bench, MODEL, file, CHOSEN, Output::File("predictions.txt"))
        }));
    }
    for series in alternate(bench.rounds.min(3), &variants)? {
        table.line(&series, Some(series.spread(|run| run.peak_mb)), Some(Goal::AtMost(300.0)));
    }
    drop(variants);
    if !bench.keep {
        files.iter().flatten().try_for_each(std::fs::remove_file)?;
    }
    Ok(table)
}

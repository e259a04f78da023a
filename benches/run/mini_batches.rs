use crate::batchscore::{self, Output};
use crate::data::{self, Layout};
use crate::series::{Variant, alternate};
use crate::table::{Goal, Table};
use crate::{Bench, Result};

/// What a mini-batch costs on its way through the whole pipeline, when the model and the output do nothing.
pub(crate) fn run(bench: &Bench) -> Result<Table> {
    let long = data::parquet(&bench.data, 20_000_000, 4, Layout::Plain)?;
    let short = data::parquet(&bench.data, 2_000_000, 4, Layout::Plain)?;
    let csv = data::csv(&bench.data, 400_000_000, 4)?;
    let variant = |name, input, size| {
        Variant::new(name, move || batchscore::run(bench, "nothing.scripted", input, size, Output::Nowhere))
    };
    let variants = [
        variant("Parquet, mini-batch size 10", &long, 10),
        variant("CSV, mini-batch size 10", &csv, 10),
        variant("Parquet, mini-batch size 1", &short, 1),
        variant("Parquet, mini-batch size 1000", &long, 1000),
    ];
    let mut table = Table::new("mini-batches/s");
    for (index, series) in alternate(bench.rounds, &variants)?.iter().enumerate() {
        let goal = (index == 0).then_some(Goal::AtLeast(300_000.0));
        table.line(series, Some(series.spread(|run| run.mini_batches_per_second)), goal);
    }
    Ok(table)
}

use std::path::Path;

use crate::batchscore::{self, Output};
use crate::data::{self, Layout};
use crate::decode_only;
use crate::series::{Series, Variant, alternate};
use crate::table::{Goal, Table};
use crate::{Bench, Result};

pub(crate) const MODEL: &str = "logistic_28.onnx";
pub(crate) const ROWS: usize = 5_000_000;
pub(crate) const COLUMNS: usize = 28;
/// The mini-batch size that the goals are about: what the README tells a user with a cheap model.
pub(crate) const CHOSEN: usize = 4096;

const MINI_BATCH_SIZES: [usize; 3] = [1000, CHOSEN, 10_000];
const DECODE_BATCH_SIZES: [usize; 3] = [8192, 16_384, 65_536];

/// How much longer a cheap model's predictions take than decoding its input alone.
pub(crate) fn run(bench: &Bench) -> Result<Table> {
    let mut table = Table::new("times decoding");
    for (title, layout) in [("plain", Layout::Plain), ("as by pyarrow", Layout::Pyarrow)] {
        compare(bench, &mut table, title, &data::parquet(&bench.data, ROWS, COLUMNS, layout)?)?;
    }
    table.note(format!("The goals are about mini-batch size {CHOSEN} and the fastest way of decoding."));
    Ok(table)
}

fn compare(bench: &Bench, table: &mut Table, title: &str, input: &Path) -> Result<()> {
    let decode = DECODE_BATCH_SIZES.map(|size| {
        Variant::new(format!("{title}: only decoding, batches of {size}"), move || decode_only::run(input, size))
    });
    let score = |output: &'static str, extension| {
        MINI_BATCH_SIZES.map(|size| {
            Variant::new(format!("{title}: to {extension}, mini-batch size {size}"), move || {
                batchscore::run(bench, MODEL, input, size, Output::File(output))
            })
        })
    };
    let variants: Vec<_> = decode
        .into_iter()
        .chain(score("predictions.txt", "txt"))
        .chain(score("predictions.parquet", "Parquet"))
        .collect();
    let all = alternate(bench.rounds, &variants)?;
    let (decoded, scored) = all.split_at(DECODE_BATCH_SIZES.len());
    let base = Series::fastest(decoded).ok_or("nothing was decoded")?;
    for series in decoded {
        table.line(series, Some(series.times(base)), None);
    }
    for (series, bound) in scored.chunks(MINI_BATCH_SIZES.len()).zip([2.5, 1.8]) {
        for (series, size) in series.iter().zip(MINI_BATCH_SIZES) {
            table.line(series, Some(series.times(base)), (size == CHOSEN).then_some(Goal::AtMost(bound)));
        }
    }
    Ok(())
}

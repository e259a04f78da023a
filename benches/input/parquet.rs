use crate::batchscore::{self, Output};
use crate::data::{self, Layout};
use crate::decode_only;
use crate::series::{Series, Variant, alternate};
use crate::table::{Goal, Table};
use crate::{Bench, Result};

const ROWS: usize = 5_000_000;
const COLUMNS: usize = 28;
const MINI_BATCH_SIZE: usize = 4096;
const DECODE_BATCH_SIZES: [usize; 3] = [8192, 16_384, 65_536];

/// A job with a scorer that does nothing against nothing but decoding with the parquet crate.
pub(crate) fn run(bench: &Bench) -> Result<Table> {
    let mut table = Table::new("of its throughput");
    for (title, layout) in [("plain", Layout::Plain), ("as by pyarrow", Layout::Pyarrow)] {
        let input = data::parquet(&bench.data, ROWS, COLUMNS, layout)?;
        let job = Variant::new(format!("{title}: a job without model and output"), || {
            batchscore::run(bench, "nothing.scripted", &input, MINI_BATCH_SIZE, Output::Nowhere)
        });
        let decode = DECODE_BATCH_SIZES.map(|size| {
            let input = &input;
            Variant::new(format!("{title}: only decoding, batches of {size}"), move || decode_only::run(input, size))
        });
        let all = alternate(bench.rounds, &[job].into_iter().chain(decode).collect::<Vec<_>>())?;
        let (job, decoded) = (&all[0], &all[1..]);
        let base = Series::fastest(decoded).ok_or("nothing was decoded")?;
        table.line(job, Some(base.times(job)), Some(Goal::AtLeast(0.9)));
        for series in decoded {
            table.line(series, None, None);
        }
    }
    table.note("Of the fastest way of decoding. Times are those of whole processes.");
    Ok(table)
}

use std::path::Path;
use std::process::Command;

use crate::batchscore::{self, Output};
use crate::data::{self, Layout};
use crate::logistic_parquet::{CHOSEN, COLUMNS, MODEL, ROWS};
use crate::process::{self, Run};
use crate::series::{Series, Variant, alternate};
use crate::table::{Goal, Table};
use crate::{Bench, Result};

const LOOP: &str = "pyarrow_onnxruntime.py";

/// pyarrow's own default is the larger one.
const BATCH_SIZES: [usize; 2] = [8192, 65_536];

/// How much faster the program is than a loop that a competent user would write around pyarrow and onnxruntime.
pub(crate) fn run(bench: &Bench) -> Result<Table> {
    let peers = bench.home.join("peers");
    // Makes the virtual environment where there is none.
    process::run(Command::new(peers.join("run.sh")).args([LOOP, "--help"]))?;

    let mut table = Table::new("our speed-up");
    for (title, layout) in [("plain", Layout::Plain), ("as by pyarrow", Layout::Pyarrow)] {
        let input = data::parquet(&bench.data, ROWS, COLUMNS, layout)?;
        let ours = Variant::new(format!("{title}: batchscore to txt"), || {
            batchscore::run(bench, MODEL, &input, CHOSEN, Output::File("predictions.txt"))
        });
        let loops = BATCH_SIZES.map(|size| {
            let (peers, input) = (&peers, &input);
            Variant::new(format!("{title}: pyarrow + onnxruntime, batches of {size}"), move || {
                python_loop(bench, peers, input, size)
            })
        });
        let all = alternate(bench.rounds.min(3), &[ours].into_iter().chain(loops).collect::<Vec<_>>())?;
        let (ours, loops) = all.split_at(1);
        let best = Series::fastest(loops).ok_or("no loop was run")?;
        for series in &all {
            let goal = std::ptr::eq(series, best).then_some(Goal::AtLeast(10.0));
            table.line(series, Some(series.times(&ours[0])), goal);
        }
    }
    table.note("Times are those of whole processes, with start and imports on both sides.");
    Ok(table)
}

fn python_loop(bench: &Bench, peers: &Path, input: &Path, batch_size: usize) -> Result<Run> {
    let output = bench.data.join("outputs/peer.txt");
    // As for ours: the file of an earlier run is not to be replaced within the time.
    if output.exists() {
        std::fs::remove_file(&output)?;
    }
    let mut command = Command::new(peers.join("run.sh"));
    command.arg(LOOP).arg(bench.model("logistic_28_no_zipmap.onnx")).arg(input).arg(&output);
    command.args(["--batch-size", &batch_size.to_string()]);
    Ok(process::run(&mut command)?.0)
}

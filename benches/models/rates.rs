use crate::cases::{Case, Peer};
use crate::python::Python;
use crate::series::Spread;
use crate::table::{Line, Table};
use crate::{Bench, Result, ours};

const PEERS: [Peer; 2] = [Peer::Onnxruntime, Peer::Native];

/// Rows a CPU second of one model, ours and theirs.
pub(crate) fn measure(bench: &Bench, case: &Case, table: &mut Table) -> Result<()> {
    let scorer = ours::load(bench, &bench.model(&format!("{}.onnx", case.model)), case.engine)?;
    let mut python = Python::start(bench, case.model)?;
    for &rows in case.rows_a_call {
        let mini_batches = ours::mini_batches(&bench.model(&format!("{}.rows.parquet", case.model)), rows)?;
        let mut rounds = Vec::new();
        // The first round warms up.
        for round in 0..=bench.rounds {
            let mut rates = [0.0; 3];
            for turn in 0..rates.len() {
                let who = if round % 2 == 0 { turn } else { rates.len() - 1 - turn };
                rates[who] = match who {
                    0 => ours::rate(&*scorer, &mini_batches, bench.seconds)?,
                    _ => python.rate(PEERS[who - 1], rows, bench.seconds)?,
                };
            }
            rounds.push(rates);
        }
        let rounds = &rounds[1..];
        for (index, peer) in PEERS.into_iter().enumerate() {
            let goal = case.goals.iter().find(|(of, at, _)| *of == peer && *at == rows).map(|(_, _, goal)| *goal);
            table.push(Line {
                what: case.title.to_owned(),
                rows_a_call: rows.to_string(),
                ours: rate(Spread::of(rounds.iter().map(|rates| rates[0])).median),
                peer: if peer == Peer::Native { case.library } else { "onnxruntime" }.to_owned(),
                theirs: rate(Spread::of(rounds.iter().map(|rates| rates[index + 1])).median),
                ratio: Spread::of(rounds.iter().map(|rates| rates[0] / rates[index + 1])),
                goal,
            });
        }
    }
    Ok(())
}

fn rate(rows: f64) -> String {
    format!("{rows:.0} rows/s")
}

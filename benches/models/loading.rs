use ::batchscore::scorer::Engine;

use crate::cases::{CASES, Goal};
use crate::python::Python;
use crate::series::Spread;
use crate::table::{Line, Table};
use crate::{Bench, Result, ours};

/// CPU seconds of loading, ours and onnxruntime's. The goal is about the first model.
pub(crate) fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    for (index, case) in CASES.iter().filter(|case| case.engine == Engine::Tract).enumerate() {
        let path = bench.model(&format!("{}.onnx", case.model));
        let mut python = Python::start(bench, case.model)?;
        let mut rounds = Vec::new();
        // The first round warms up.
        for _ in 0..=bench.rounds {
            rounds.push((ours::loading(bench, &path)?, python.loading()?));
        }
        let rounds = &rounds[1..];
        let milliseconds = |spread: Spread| format!("{:.1} ms", spread.median * 1e3);
        table.push(Line {
            what: format!("loading: {}", case.title),
            rows_a_call: String::new(),
            ours: milliseconds(Spread::of(rounds.iter().map(|(ours, _)| *ours))),
            peer: "onnxruntime".to_owned(),
            theirs: milliseconds(Spread::of(rounds.iter().map(|(_, theirs)| *theirs))),
            ratio: Spread::of(rounds.iter().map(|(ours, theirs)| theirs / ours)),
            goal: (index == 0).then_some(Goal { avx512: 3.0, avx2: 3.0 }),
        });
    }
    Ok(())
}

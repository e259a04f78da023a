//! `batchscore model inspect`: what goes into a model, what comes out, and what runs it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use arrow_array::RecordBatch;
use clap::Args;

use super::{ExitCode, Failure, LibraryArgs, ReadArgs, compare, records};
use crate::data::MiniBatch;
use crate::engine::score_mini_batch;
use crate::scorer::{self, Engine, Explain, FeatureNeeds, ModelSettings, Scorer, Unexplained};

/// Rows that are scored alone and together, and how many together.
const GROUPED_ROWS: usize = 66;
const GROUPS: [usize; 3] = [1, 7, GROUPED_ROWS];

#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The model file
    model: PathBuf,

    /// Data for the model, to see whether results depend on how rows are grouped; made up unless given
    #[arg(long, value_name = "POINTER")]
    data: Option<String>,

    /// What runs an ONNX model: tract, ort (ONNX Runtime, where it is installed), or auto
    #[arg(long, value_name = "ENGINE", default_value_t = Engine::Auto)]
    engine: Engine,

    #[command(flatten)]
    library: LibraryArgs,

    #[command(flatten)]
    read: ReadArgs,
}

pub fn inspect(args: &InspectArgs) -> Result<ExitCode, Failure> {
    let before = resident_memory();
    let settings = args.library.settings(args.engine);
    let scorer = scorer::load(&args.model, &settings)?;
    let growth = resident_memory().zip(before).map(|(after, before)| after.saturating_sub(before));
    let rows = match &args.data {
        Some(data) => {
            let (pointers, settings) = args.read.resolve(data)?;
            let blocks = records::read(&super::stores(&pointers)?, &pointers, &settings, scorer.needs())?;
            records::features(&blocks)?.ok_or_else(|| format!("{data} has no records"))
        }
        None => {
            records::made_up(scorer.needs(), GROUPED_ROWS).map_err(|cause| format!("{cause}: give data with --data"))
        }
    };
    // What explains a model takes memory of its own.
    let settings = ModelSettings { explain: Some(Explain::All), ..settings };
    let explained = explained(scorer::load(&args.model, &settings)?.as_ref());
    let grouping = rows.and_then(|rows| grouping(scorer.as_ref(), &rows));
    let text = description(&args.model.display().to_string(), scorer.as_ref(), &explained, growth, grouping);
    let _ = write!(std::io::stdout(), "{text}");
    Ok(ExitCode::Success)
}

/// How contributions to what `scorer` gives are found.
fn explained(scorer: &dyn Scorer) -> String {
    match scorer.explainer() {
        Ok(explainer) => format!("exactly, by {}", explainer.method()),
        Err(Unexplained { cause, observing: true }) => {
            format!("exactly, by TreeSHAP with --explain-background, as {cause}")
        }
        Err(Unexplained { cause, .. }) => format!("by sampling with --explain-background, as {cause}"),
    }
}

fn description(
    path: &str,
    scorer: &dyn Scorer,
    explained: &str,
    growth: Option<u64>,
    grouping: Result<Grouping, String>,
) -> String {
    let signature = scorer.signature();
    let details = scorer.details();
    let mut text = format!("model    {path}\nengine   {}\n", scorer.engine());
    if let Some(reason) = details.reason {
        let _ = writeln!(text, "because  {reason}");
    }
    let _ = writeln!(text, "explain  {explained}");
    if let Some(growth) = growth {
        let megabytes = growth as f64 / 1e6;
        let _ = writeln!(text, "memory   {megabytes:.1} MB more in use with the model loaded and run once");
    }
    let mut list = |name: &str, lines: &mut dyn Iterator<Item = String>| {
        let mut lines = lines.peekable();
        if lines.peek().is_some() {
            let _ = writeln!(text, "{name}");
        }
        lines.for_each(|line| {
            let _ = writeln!(text, "  {line}");
        });
    };
    list("inputs", &mut signature.inputs.iter().map(ToString::to_string));
    list("outputs", &mut signature.outputs.iter().map(ToString::to_string));
    let needs = match scorer.needs() {
        FeatureNeeds::Table { element, count: Some(count) } => format!("{count} columns as {element}, in order"),
        FeatureNeeds::Table { element, count: None } => format!("any number of columns as {element}, in order"),
        FeatureNeeds::Named(features) => {
            features.iter().map(|f| format!("{} ({})", f.name, f.element)).collect::<Vec<_>>().join(", ")
        }
        FeatureNeeds::Anything => "any columns".to_owned(),
    };
    list("takes", &mut std::iter::once(needs));
    let schema = scorer.output_schema();
    list(
        "gives",
        &mut schema.fields().iter().map(|field| format!("{} ({})", field.name(), type_name(field.data_type()))),
    );
    let operator = |operator: &scorer::OperatorCount| {
        let own = if operator.own { ", batchscore's own" } else { "" };
        format!("{} {}{own}", operator.count, operator.name)
    };
    list("operators", &mut details.operators.iter().map(operator));
    let grouping = match grouping {
        Ok(Grouping { difference: None, rows }) => {
            format!("none: {rows} rows gave the same bits alone, in sevens, and together")
        }
        Ok(Grouping { difference: Some(difference), rows }) => {
            format!("{rows} rows alone, in sevens, and together gave {difference}")
        }
        Err(cause) => format!("not measured: {cause}"),
    };
    list("influence of the rows that share a call", &mut std::iter::once(grouping));
    text
}

fn type_name(data_type: &arrow_schema::DataType) -> String {
    match data_type {
        arrow_schema::DataType::Utf8 => "string".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

/// Whether a row's result depends on the rows beside it, as measured.
struct Grouping {
    rows: usize,
    /// By how much, in words.
    difference: Option<String>,
}

/// Scores the first of `records` in groups of several sizes.
fn grouping(scorer: &dyn Scorer, records: &RecordBatch) -> Result<Grouping, String> {
    let rows = records.num_rows().min(GROUPED_ROWS);
    let all = records::mini_batch(records.slice(0, rows));
    let [alone, rest @ ..] = GROUPS.map(|group| score(scorer, &all, group));
    let alone = alone?;
    let (mut largest, mut labels) = (0.0_f64, 0);
    for grouped in rest {
        for (have, want) in grouped?.columns().iter().zip(alone.columns()) {
            let found = compare::column(have, want, 0.0).map_err(|error| error.to_string())?;
            match found.largest {
                Some(distance) => largest = largest.max(distance),
                None => labels += found.differing.len(),
            }
        }
    }
    let difference = match (largest > 0.0, labels) {
        (false, 0) => None,
        (true, 0) => Some(format!("numbers up to {largest:.1e} apart")),
        (_, labels) => Some(format!("numbers up to {largest:.1e} apart, and {labels} other labels")),
    };
    Ok(Grouping { rows, difference })
}

fn score(scorer: &dyn Scorer, all: &MiniBatch, group: usize) -> Result<RecordBatch, String> {
    let tables: Vec<RecordBatch> = (0..all.len())
        .step_by(group)
        .map(|start| score_mini_batch(scorer, &all.part(start..all.len().min(start + group))))
        .map(|predictions| predictions.map(|predictions| predictions.table().clone()))
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{error}: give data with --data"))?;
    arrow_select::concat::concat_batches(&scorer.output_schema(), &tables).map_err(|error| error.to_string())
}

/// `VmRSS` of `/proc/self/status` (proc(5)): the resident set in bytes; `None` where there is no such file.
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

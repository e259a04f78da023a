use std::path::{Path, PathBuf};

use ::batchscore::data::ElementType;

use crate::columns::{self, Column};
use crate::process::Run;
use crate::series::{Series, Spread, Variant, alternate};
use crate::table::{Goal, Table};
use crate::{Bench, Result, data, files};

/// Reads a file in one thread.
type Read = fn(&Path, &[Column]) -> Result<(Run, u64)>;

/// CSV against the arrow-csv crate.
pub(crate) fn csv(bench: &Bench) -> Result<Table> {
    let mut table = Table::new("times as fast by CPU");
    let numbers = |element| data::names(files::COLUMNS).map(|name| (name, element)).collect::<Vec<_>>();
    let texts = || {
        let column = |name: String| {
            let element = if name == "id" { ElementType::Int64 } else { ElementType::String };
            (name, element)
        };
        files::names_of_texts().into_iter().map(column).collect::<Vec<_>>()
    };
    for (title, file, columns, goal) in [
        ("short numbers to float32", files::csv_singles(bench)?, numbers(ElementType::Float32), Some(3.0)),
        ("long numbers to float64", files::csv_doubles(bench)?, numbers(ElementType::Float64), Some(3.0)),
        ("long numbers to float32", files::csv_doubles(bench)?, numbers(ElementType::Float32), Some(3.0)),
        ("texts", files::csv_texts(bench, false)?, texts(), None),
        ("texts in quotes", files::csv_texts(bench, true)?, texts(), None),
    ] {
        compare(bench, &mut table, title, (&file, &columns), ("arrow-csv", columns::arrow_csv), goal)?;
    }
    table.note("One thread each, in process; the same columns and types.");
    Ok(table)
}

/// JSON lines against the arrow-json crate.
pub(crate) fn json_lines(bench: &Bench) -> Result<Table> {
    let mut table = Table::new("times as fast by CPU");
    let numbers: Vec<Column> = data::names(files::COLUMNS).map(|name| (name, ElementType::Float32)).collect();
    let texts: Vec<Column> = files::names_of_texts()
        .into_iter()
        .chain(["x".to_owned()])
        .map(|name| {
            let element = match name.as_str() {
                "id" => ElementType::Int64,
                "x" => ElementType::Float64,
                _ => ElementType::String,
            };
            (name, element)
        })
        .collect();
    for (title, file, columns) in
        [("numbers", files::json_numbers(bench)?, numbers), ("texts", files::json_texts(bench)?, texts)]
    {
        compare(bench, &mut table, title, (&file, &columns), ("arrow-json", columns::arrow_json), Some(2.0))?;
    }
    table.note("One thread each, in process; the same columns and types.");
    Ok(table)
}

fn compare(
    bench: &Bench,
    table: &mut Table,
    title: &str,
    (file, columns): (&PathBuf, &[Column]),
    (peer, read): (&str, Read),
    goal: Option<f64>,
) -> Result<()> {
    let (_, rows) = columns::ours(file, columns, 1)?;
    let same_rows = move |(run, found): (Run, u64)| match found == rows {
        true => Ok(run),
        false => Err(format!("{found} rows were read, and {rows} by us").into()),
    };
    let variants = [
        Variant::new(format!("{title}: batchscore"), || same_rows(columns::ours(file, columns, 1)?)),
        Variant::new(format!("{title}: {peer}"), || same_rows(read(file, columns)?)),
    ];
    let all = alternate(bench.rounds, &variants)?;
    table.line(&all[0], Some(times_cpu(&all[1], &all[0])), goal.map(Goal::AtLeast));
    table.line(&all[1], None, None);
    Ok(())
}

/// How many times as much CPU time `this` took as `other`, round by round.
fn times_cpu(this: &Series, other: &Series) -> Spread {
    Spread::of(this.runs.iter().zip(&other.runs).map(|(this, other)| this.cpu_seconds / other.cpu_seconds))
}

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ::batchscore::data::ElementType;

use crate::columns::{self, Column};
use crate::process::Run;
use crate::series::{Variant, alternate};
use crate::table::{Goal, Table};
use crate::{Bench, Result, data, files};

/// CSV of numbers against Polars, from PyPI.
pub(crate) fn run(bench: &Bench) -> Result<Table> {
    let mut table = Table::new("times as fast");
    for threads in [1, 2] {
        for (title, file, element) in [
            ("short numbers to float32", files::csv_singles(bench)?, ElementType::Float32),
            ("long numbers to float64", files::csv_doubles(bench)?, ElementType::Float64),
        ] {
            let columns: Vec<Column> = data::names(files::COLUMNS).map(|name| (name, element)).collect();
            let polars = std::cell::RefCell::new(Polars::start(bench, threads)?);
            let variants = [
                Variant::new(format!("{title}: batchscore, threads: {threads}"), || {
                    Ok(columns::ours(&file, &columns, threads)?.0)
                }),
                Variant::new(format!("{title}: Polars, threads: {threads}"), || {
                    polars.borrow_mut().read(&file, element)
                }),
            ];
            let all = alternate(bench.rounds, &variants)?;
            table.line(&all[0], Some(all[1].times(&all[0])), Some(Goal::AtLeast(1.0)));
            table.line(&all[1], None, None);
        }
    }
    table.note("In process on both sides: neither starts nor imports anything meanwhile.");
    Ok(table)
}

/// `polars_read.py`, waiting for files.
struct Polars {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Polars {
    fn start(bench: &Bench, threads: usize) -> Result<Polars> {
        let mut command = Command::new(bench.home.join("peers/run.sh"));
        command.arg("polars_read.py").env("POLARS_MAX_THREADS", threads.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().ok_or("the process has no output")?);
        Ok(Polars { child, questions, answers })
    }

    fn read(&mut self, file: &Path, element: ElementType) -> Result<Run> {
        let questions = self.questions.as_mut().ok_or("the process has no input")?;
        writeln!(questions, "{element} {}", file.display())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let figures: Vec<f64> = answer.split_whitespace().map(str::parse).collect::<std::result::Result<_, _>>()?;
        let [seconds, cpu_seconds] = figures[..] else { return Err("Polars gave no answer".into()) };
        Ok(Run { seconds, cpu_seconds, peak_mb: f64::NAN, mini_batches_per_second: f64::NAN })
    }
}

impl Drop for Polars {
    fn drop(&mut self) {
        // It ends when nothing more can come.
        self.questions = None;
        let _ = self.child.wait();
    }
}

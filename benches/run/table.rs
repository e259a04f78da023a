use std::fmt;

use crate::series::{Series, Spread};

/// A Markdown table: a line for each variant, with the figure that the case is about and its goal.
pub(crate) struct Table {
    /// Heading of the figures.
    figure: &'static str,
    lines: Vec<[String; 6]>,
    notes: Vec<String>,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Table {
    pub(crate) fn new(figure: &'static str) -> Self {
        Table { figure, lines: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn line(&mut self, series: &Series, figure: Option<Spread>, goal: Option<Goal>) {
        let goal = match (figure, goal) {
            (Some(figure), Some(goal)) => goal.judge(figure.median),
            _ => String::new(),
        };
        self.lines.push([
            series.name.clone(),
            series.spread(|run| run.seconds).to_string(),
            series.spread(|run| run.cpu_seconds).to_string(),
            series.spread(|run| run.peak_mb).to_string(),
            figure.map(|figure| figure.to_string()).unwrap_or_default(),
            goal,
        ]);
    }

    /// A sentence below the table.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

impl Goal {
    fn judge(self, figure: f64) -> String {
        let (met, sign, bound) = match self {
            Goal::AtLeast(bound) => (figure >= bound, ">=", bound),
            Goal::AtMost(bound) => (figure <= bound, "<=", bound),
        };
        format!("{sign} {bound}: {}", if met { "met" } else { "MISSED" })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["variant", "seconds", "CPU seconds", "peak MB", self.figure, "goal"].map(str::to_owned);
        let all = || std::iter::once(&head).chain(&self.lines);
        let widths: [usize; 6] = std::array::from_fn(|i| all().map(|line| line[i].len()).max().unwrap_or(0));
        for (index, line) in all().enumerate() {
            for (cell, width) in line.iter().zip(widths) {
                write!(f, "| {cell:width$} ")?;
            }
            writeln!(f, "|")?;
            if index == 0 {
                writeln!(f, "|{}", widths.map(|width| "-".repeat(width + 2) + "|").concat())?;
            }
        }
        self.notes.iter().try_for_each(|note| write!(f, "\n{note}\n"))
    }
}

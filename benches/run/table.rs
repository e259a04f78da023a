use std::fmt;

use crate::series::{Series, Spread};

/// A Markdown table: a line for each variant, with the figures that the case is about and their goals.
pub(crate) struct Table {
    /// Headings of the figures.
    headings: Vec<&'static str>,
    lines: Vec<Vec<String>>,
    notes: Vec<String>,
}

/// What a case is about, of one variant.
pub(crate) struct Figure {
    pub(crate) spread: Spread,
    pub(crate) goal: Option<Goal>,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Table {
    pub(crate) fn new(figure: &'static str) -> Self {
        Table::of(&[figure])
    }

    /// With several figures in a line.
    pub(crate) fn of(headings: &[&'static str]) -> Self {
        Table { headings: headings.to_vec(), lines: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn line(&mut self, series: &Series, figure: Option<Spread>, goal: Option<Goal>) {
        let goal = match (figure, goal) {
            (Some(figure), Some(goal)) => goal.judge(figure.median),
            _ => String::new(),
        };
        self.push(series, [figure.map(|figure| figure.to_string()).unwrap_or_default()], goal);
    }

    /// A line with a figure for each heading, whose goals name it.
    pub(crate) fn figures(&mut self, series: &Series, figures: &[Figure]) {
        let judge = |(heading, figure): (&&str, &Figure)| {
            Some(format!("{heading} {}", figure.goal?.judge(figure.spread.median)))
        };
        let goals: Vec<_> = self.headings.iter().zip(figures).filter_map(judge).collect();
        self.push(series, figures.iter().map(|figure| figure.spread.to_string()), goals.join("; "));
    }

    /// A line for what could not be measured, with the reason below the table.
    pub(crate) fn absent(&mut self, name: &str, reason: &str) {
        let mut line = vec![String::new(); self.headings.len() + 5];
        name.clone_into(&mut line[0]);
        "not to be had".clone_into(&mut line[1]);
        self.lines.push(line);
        self.note(format!("{name} could not be measured: {reason}."));
    }

    fn push(&mut self, series: &Series, figures: impl IntoIterator<Item = String>, goal: String) {
        let mut line = vec![
            series.name.clone(),
            series.spread(|run| run.seconds).to_string(),
            series.spread(|run| run.cpu_seconds).to_string(),
            series.spread(|run| run.peak_mb).to_string(),
        ];
        line.extend(figures);
        line.push(goal);
        self.lines.push(line);
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
        let fixed = ["variant", "seconds", "CPU seconds", "peak MB"];
        let head: Vec<_> = fixed.iter().chain(&self.headings).chain(&["goal"]).map(|&text| text.to_owned()).collect();
        let all = || std::iter::once(&head).chain(&self.lines);
        let width = |column: usize| all().map(|line| line[column].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        for (index, line) in all().enumerate() {
            for (cell, width) in line.iter().zip(widths.iter().copied()) {
                write!(f, "| {cell:width$} ")?;
            }
            writeln!(f, "|")?;
            if index == 0 {
                writeln!(f, "|{}", widths.iter().map(|width| "-".repeat(width + 2) + "|").collect::<String>())?;
            }
        }
        self.notes.iter().try_for_each(|note| write!(f, "\n{note}\n"))
    }
}

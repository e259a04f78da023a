use std::fmt;

use ::batchscore::simd::Level;

use crate::cases::Goal;
use crate::series::Spread;

/// A Markdown table: ours and theirs in each line.
pub(crate) struct Table {
    level: Level,
    lines: Vec<Line>,
    notes: Vec<String>,
}

pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) rows_a_call: String,
    pub(crate) ours: String,
    pub(crate) peer: String,
    pub(crate) theirs: String,
    /// How many times as fast ours is, round by round.
    pub(crate) ratio: Spread,
    pub(crate) goal: Option<Goal>,
}

impl Table {
    pub(crate) fn new(level: Level) -> Self {
        Table { level, lines: Vec::new(), notes: vec![format!("Vector instructions: {}.", level.name())] }
    }

    pub(crate) fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// A sentence below the table.
    pub(crate) fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    fn cells(&self, line: &Line) -> [String; 7] {
        let goal = match line.goal.and_then(|goal| goal.at(self.level)) {
            Some(goal) => format!(">= {goal}: {}", if line.ratio.median >= goal { "met" } else { "MISSED" }),
            None => String::new(),
        };
        let Line { what, rows_a_call, ours, peer, theirs, ratio, .. } = line;
        [what.clone(), rows_a_call.clone(), ours.clone(), peer.clone(), theirs.clone(), ratio.to_string(), goal]
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["what", "rows a call", "batchscore", "peer", "the peer's", "ratio", "goal"].map(str::to_owned);
        let all: Vec<_> = std::iter::once(head).chain(self.lines.iter().map(|line| self.cells(line))).collect();
        let widths: [usize; 7] = std::array::from_fn(|i| all.iter().map(|line| line[i].len()).max().unwrap_or(0));
        for (index, line) in all.iter().enumerate() {
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

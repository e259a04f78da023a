use std::fmt;

use crate::Result;
use crate::process::Run;

/// One of the things that a case compares.
pub(crate) struct Variant<'a> {
    pub(crate) name: String,
    pub(crate) run: Box<dyn Fn() -> Result<Run> + 'a>,
}

impl<'a> Variant<'a> {
    pub(crate) fn new(name: impl Into<String>, run: impl Fn() -> Result<Run> + 'a) -> Self {
        Variant { name: name.into(), run: Box::new(run) }
    }
}

/// A variant's runs, one for each round.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) runs: Vec<Run>,
}

/// Runs all variants once to warm up and then `rounds` times in turn.
pub(crate) fn alternate(rounds: usize, variants: &[Variant<'_>]) -> Result<Vec<Series>> {
    for variant in variants {
        (variant.run)()?;
    }
    in_turn(rounds, variants)
}

/// Runs all variants `rounds` times in turn, every other round backwards.
pub(crate) fn in_turn(rounds: usize, variants: &[Variant<'_>]) -> Result<Vec<Series>> {
    let mut all: Vec<_> = variants.iter().map(|v| Series { name: v.name.clone(), runs: Vec::new() }).collect();
    for round in 0..rounds {
        for turn in 0..variants.len() {
            let index = if round % 2 == 0 { turn } else { variants.len() - 1 - turn };
            all[index].runs.push((variants[index].run)()?);
        }
    }
    Ok(all)
}

impl Series {
    pub(crate) fn spread(&self, figure: impl Fn(&Run) -> f64) -> Spread {
        Spread::of(self.runs.iter().map(figure))
    }

    /// How many times as long as `other` this took, round by round.
    pub(crate) fn times(&self, other: &Series) -> Spread {
        self.ratio(other, |run| run.seconds)
    }

    /// A figure of this in relation to that of `other`, round by round.
    pub(crate) fn ratio(&self, other: &Series, figure: impl Fn(&Run) -> f64) -> Spread {
        Spread::of(self.runs.iter().zip(&other.runs).map(|(this, other)| figure(this) / figure(other)))
    }

    /// The one with the smallest median time.
    pub(crate) fn fastest<'s>(series: impl IntoIterator<Item = &'s Series>) -> Option<&'s Series> {
        let median = |series: &&Series| series.spread(|run| run.seconds).median;
        series.into_iter().min_by(|a, b| median(a).total_cmp(&median(b)))
    }
}

/// The middle of some measurements, and how far they lie apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        Spread { median: (at(last / 2) + at(last.div_ceil(2))) / 2.0, min: at(0), max: at(last) }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.median.is_nan() {
            // It was not measured.
            return Ok(());
        }
        let digits = if self.median < 100.0 { 2 } else { 0 };
        write!(f, "{:.digits$} ({:.digits$}..{:.digits$})", self.median, self.min, self.max)
    }
}

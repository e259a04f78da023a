use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::numbers::grouped;
use super::summary::{input_text, summary_text};
use crate::events::{Event, InputAccount, Progress};
use crate::policy::format_duration;

/// How a user wants to see a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressMode {
    /// A bar on a terminal, lines elsewhere.
    Auto,
    /// A line every few seconds.
    Plain,
    /// Every event as a JSON line, and nothing else.
    Json,
    /// Only what went wrong.
    Quiet,
}

/// How often a plain line is printed.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Failures and retries that are told one by one before they are only counted, unless the user asks for all.
const TOLD_IN_FULL: u32 = 5;

/// Shows events on standard error.
#[derive(Debug)]
pub struct Reporter {
    display: Display,
    verbose: bool,
    input_bytes: u64,
    workers: usize,
    told: u32,
    last_line: Duration,
}

#[derive(Debug)]
enum Display {
    Bar(ProgressBar),
    Plain,
    Json,
    Quiet,
}

impl Reporter {
    /// A reporter on standard error; `verbose` tells every failure and retry.
    pub fn new(mode: ProgressMode, verbose: bool) -> Self {
        let display = match mode {
            ProgressMode::Auto if std::io::stderr().is_terminal() => Display::Bar(bar()),
            ProgressMode::Auto | ProgressMode::Plain => Display::Plain,
            ProgressMode::Json => Display::Json,
            ProgressMode::Quiet => Display::Quiet,
        };
        Reporter { display, verbose, input_bytes: 0, workers: 0, told: 0, last_line: Duration::ZERO }
    }

    /// Takes in an event.
    pub fn on_event(&mut self, event: &Event) {
        if let Display::Json = self.display {
            // An event always has a JSON form; a closed standard error is nobody's loss.
            if let Ok(line) = serde_json::to_string(event) {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            return;
        }
        match event {
            Event::JobStarted { input_bytes, workers, files, formats, is_listed, job } => {
                // Of an input that is not listed to its end, nobody knows how much is done.
                self.input_bytes = if *is_listed { *input_bytes } else { 0 };
                self.workers = *workers;
                if let Display::Bar(bar) = &self.display {
                    bar.set_length(self.input_bytes.max(1));
                }
                if self.verbose {
                    let input = InputAccount {
                        files: *files,
                        formats: formats.clone(),
                        bytes: *input_bytes,
                        is_listed: *is_listed,
                    };
                    self.tell(&format!("job {job}: {}, {workers} workers", input_text(&input)));
                }
            }
            Event::Warning { message } => self.tell(&format!("warning: {message}")),
            Event::ReadFailed { file, cause } => self.tell_some(&format!("{file}: {cause}")),
            Event::ItemFailed { file, row, stage, cause } => {
                self.tell_some(&format!("{file}, row {row}: failed to {stage}: {cause}"));
            }
            Event::Retrying { file, row, attempts, pause_ms, cause } => {
                if self.verbose {
                    self.tell(&format!(
                        "{file}, mini-batch at row {row}: attempt {attempts} failed: {cause}; next in {pause_ms} ms"
                    ));
                }
            }
            Event::AttemptAbandoned { file, row, stuck } => {
                self.tell_some(&format!(
                    "{file}, row {row}: a model call did not return in time and was abandoned ({stuck} stuck)"
                ));
            }
            Event::Progress(progress) => self.show(progress),
            Event::Stopping { cause } => self.tell(&format!("stopping: {cause}")),
            Event::JobEnded(summary) => {
                if let Display::Bar(bar) = &self.display {
                    bar.finish_and_clear();
                }
                if !matches!(self.display, Display::Quiet) {
                    let _ = write!(std::io::stderr(), "{}", summary_text(summary));
                }
            }
        }
    }

    fn show(&mut self, progress: &Progress) {
        match &self.display {
            Display::Bar(bar) => {
                bar.set_position(progress.input_bytes_done.min(self.input_bytes));
                bar.set_message(self.status(progress));
            }
            Display::Plain if progress.elapsed - self.last_line >= LINE_INTERVAL => {
                self.last_line = progress.elapsed;
                let line = format!("{}%, {}", self.percent(progress), self.status(progress));
                self.tell(&line);
            }
            _ => {}
        }
    }

    /// `12,345 items, 3,200/s, 0 failed, 0 retried, 2/2 workers busy, 12.0 s left`.
    fn status(&self, progress: &Progress) -> String {
        let items = progress.succeeded + progress.failed;
        let rate = items as f64 / progress.elapsed.as_secs_f64().max(1e-3);
        let left = match self.time_left(progress) {
            Some(left) => format!("{} left", format_duration(left)),
            None => "time left unknown".to_owned(),
        };
        format!(
            "{} items, {}/s, {} failed, {} retried, {}/{} workers busy, {left}",
            grouped(items),
            grouped(rate as u64),
            grouped(progress.failed),
            grouped(progress.retries),
            progress.workers_busy,
            self.workers,
        )
    }

    fn time_left(&self, progress: &Progress) -> Option<Duration> {
        let done = progress.input_bytes_done.min(self.input_bytes);
        let left = self.input_bytes - done;
        (done > 0).then(|| progress.elapsed.mul_f64(left as f64 / done as f64))
    }

    fn percent(&self, progress: &Progress) -> u64 {
        (progress.input_bytes_done.min(self.input_bytes) * 100).checked_div(self.input_bytes).unwrap_or(0)
    }

    /// Tells the first few of what there may be millions of.
    fn tell_some(&mut self, line: &str) {
        self.told += 1;
        if self.verbose || self.told <= TOLD_IN_FULL {
            self.tell(line);
        } else if self.told == TOLD_IN_FULL + 1 {
            self.tell("further failures are only counted here; all are in the error records (-v tells each)");
        }
    }

    fn tell(&self, line: &str) {
        match &self.display {
            Display::Bar(bar) => bar.println(line),
            _ => {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("[{bar:24}] {percent:>3}% {wide_msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

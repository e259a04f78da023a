use std::fmt::Write;

use super::numbers::{bytes, counted, grouped};
use crate::events::{Counts, InputAccount, Status, Summary};
use crate::policy::format_duration;

/// The account that a user reads at the end of a job.
pub fn summary_text(summary: &Summary) -> String {
    let counts = &summary.counts;
    let mut text = String::new();
    let mut line = |key: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {key:<13} {value}");
    };
    line("input", input_text(&summary.input));
    line(
        "items in",
        format!(
            "{} = {} succeeded + {} failed",
            grouped(counts.items),
            grouped(counts.succeeded),
            grouped(counts.failed)
        ),
    );
    if let Some(passed_over) = passed_over(counts) {
        line("passed over", passed_over);
    }
    if counts.unscored > 0 {
        line("not scored", format!("{} (read, but the job ended first)", counts_of(counts.unscored)));
    }
    let failed = if counts.failed_mini_batches > 0 {
        format!(", {} with failed items", grouped(counts.failed_mini_batches))
    } else {
        String::new()
    };
    let timeouts = match counts.timeouts {
        0 => String::new(),
        count => format!(", {}", counted(count, "timeout", "timeouts")),
    };
    let retries = counted(counts.retries, "retry", "retries");
    line("mini-batches", format!("{}{failed}, {retries}{timeouts}", grouped(counts.mini_batches)));
    line(
        "speed",
        format!("{} items/s, {} in all", grouped(summary.items_per_second as u64), format_duration(summary.elapsed)),
    );
    line("engine", summary.engine.clone());
    if let Some(peak) = summary.peak_memory_bytes {
        line("peak memory", bytes(peak));
    }
    if let Some(location) = &summary.predictions {
        line("predictions", location.clone());
    }
    if let Some(location) = &summary.partial_predictions {
        line("partial", location.clone());
    }
    if let Some(location) = &summary.errors {
        let records = if counts.failed == 0 { "(none)" } else { "" };
        line("errors", format!("{location} {records}").trim_end().to_owned());
    }
    let head = match summary.status {
        Status::Completed => format!("job {} completed\n", summary.job),
        Status::Failed => {
            format!("job {} failed: {}\n", summary.job, summary.error.as_deref().unwrap_or("unknown cause"))
        }
        Status::Canceled => format!("job {} was interrupted\n", summary.job),
    };
    let mut tail = String::new();
    if let (Some(first), Status::Completed) = (&summary.first_failure, summary.status) {
        let _ = writeln!(tail, "first failure: {first}");
    }
    if summary.status != Status::Completed {
        let _ = writeln!(
            tail,
            "what was finished is kept; to score everything again, run the same command (an output that exists needs --overwrite)"
        );
    }
    format!("{head}{text}{tail}")
}

/// What the input is: `12 files (10 parquet, 2 csv.gz), 1.2 GB`.
pub(super) fn input_text(input: &InputAccount) -> String {
    let mut formats: Vec<(&String, u64)> = input.formats.iter().map(|(format, count)| (format, *count)).collect();
    formats.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let formats = match &formats[..] {
        [(format, _)] => (*format).clone(),
        several => {
            several.iter().map(|(format, count)| format!("{} {format}", grouped(*count))).collect::<Vec<_>>().join(", ")
        }
    };
    let least = if input.is_listed { "" } else { "at least " };
    format!("{least}{} ({formats}), {}", counted(input.files as u64, "file", "files"), bytes(input.bytes))
}

/// What is no item though it is in the input.
fn passed_over(counts: &Counts) -> Option<String> {
    let mut text = match (counts.passed_over, counts.files_passed_over) {
        (0, 0) => return None,
        (0, files) => counted(files, "file", "files"),
        (records, 0) => counted(records, "record", "records"),
        (records, files) => {
            format!("{} and {}", counted(records, "record", "records"), counted(files, "whole file", "whole files"))
        }
    };
    if counts.row_groups_passed_over > 0 {
        let groups = counted(counts.row_groups_passed_over, "row group", "row groups");
        text.push_str(&format!(", of them {groups} unread"));
    }
    Some(text)
}

fn counts_of(items: u64) -> String {
    counted(items, "item", "items")
}

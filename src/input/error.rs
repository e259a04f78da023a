use thiserror::Error;

use crate::storage::StorageError;

/// Why input cannot be used: a whole file, or all of it.
#[derive(Debug, Error)]
pub enum InputError {
    /// The place where it should be could not be listed or read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A setting that cannot work.
    #[error("{0}")]
    Setting(String),
    /// A file that was named, and whose extension says nothing.
    #[error(
        "cannot tell the format of {name:?} by its extension: say it with --input-format csv, jsonl, parquet or arrow"
    )]
    UnknownFormat {
        /// The file's name.
        name: String,
    },
    /// Nothing to score was found.
    #[error("found no file to score{}", passed_over(*.skipped, .names))]
    NoFiles {
        /// Files that were passed over because their extension says nothing.
        skipped: usize,
        /// The names of some of them.
        names: Vec<String>,
    },
    /// A file without a single record, where one is needed to know the columns.
    #[error("{file} is empty: no header and no records")]
    Empty {
        /// The file's name.
        file: String,
    },
    /// A file whose bytes are not what its format wants, or that could not be read.
    #[error("cannot read {file}: {cause}")]
    Unreadable {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A column that is needed and not there, or there more than once, or of a type that cannot be used.
    #[error("{file}: {problem}")]
    Columns {
        /// The file's name.
        file: String,
        /// What is wrong, and what there is instead.
        problem: String,
    },
}

impl InputError {
    /// The same, with the setting that asks for the column.
    pub(super) fn asked_for_by(self, setting: &str) -> InputError {
        match self {
            InputError::Columns { file, problem } => {
                InputError::Columns { file, problem: format!("{problem} (asked for by {setting})") }
            }
            other => other,
        }
    }
}

fn passed_over(count: usize, names: &[String]) -> String {
    match (count, names.first()) {
        (1, Some(one)) => format!(": {one:?} has an unknown extension; say its format with --input-format"),
        (_, Some(first)) => {
            format!(": {count} files have unknown extensions, such as {first:?}; say their format with --input-format")
        }
        (_, None) => String::new(),
    }
}

/// Ways to write a value or a list of names that stay readable whatever the data.
pub(super) mod show {
    /// A value from the data, in quotes, cut after about forty characters.
    pub(in crate::input) fn value(bytes: &[u8]) -> String {
        const LIMIT: usize = 40;
        // No more bytes than forty characters can take need to be looked at.
        let head = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * LIMIT)]);
        match head.char_indices().nth(LIMIT) {
            Some((end, _)) => format!("{:?}...", &head[..end]),
            None => format!("{head:?}"),
        }
    }

    /// A list of names, cut after a dozen.
    pub(in crate::input) fn names<S: AsRef<str>>(names: impl ExactSizeIterator<Item = S>) -> String {
        const LIMIT: usize = 12;
        let more = names.len().saturating_sub(LIMIT);
        let mut list = names.take(LIMIT).map(|name| value(name.as_ref().as_bytes())).collect::<Vec<_>>().join(", ");
        if more > 0 {
            list.push_str(&format!(" and {more} more"));
        }
        list
    }

    /// Words for the name among `known` that was probably meant, if one is near enough.
    pub(in crate::input) fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> String {
        let wanted_low = wanted.to_lowercase();
        known
            .map(|name| (strsim::jaro_winkler(&wanted_low, &name.to_lowercase()), name))
            .filter(|(likeness, _)| *likeness > 0.75)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| format!("; did you mean {name:?}?"))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_short() {
        assert_eq!(show::value(b"abc"), r#""abc""#);
        assert_eq!(show::value("é".repeat(50).as_bytes()), format!("{:?}...", "é".repeat(40)));
        assert_eq!(show::value(&[b'a', 0xff]), "\"a\u{fffd}\"");
        assert_eq!(show::names(["a", "b"].iter()), r#""a", "b""#);
        let many: Vec<String> = (0..20).map(|i| format!("c{i}")).collect();
        assert!(show::names(many.iter()).ends_with("\"c11\" and 8 more"));
    }

    #[test]
    fn nearest_names() {
        let known = ["age", "income", "Postcode"];
        assert_eq!(show::nearest("incme", known.into_iter()), "; did you mean \"income\"?");
        assert_eq!(show::nearest("postcode", known.into_iter()), "; did you mean \"Postcode\"?");
        assert_eq!(show::nearest("zzz", known.into_iter()), "");
    }

    #[test]
    fn nothing_found_says_what_was_passed_over() {
        let error = InputError::NoFiles { skipped: 2, names: vec!["a.txt".into(), "b.txt".into()] };
        assert!(error.to_string().contains("2 files have unknown extensions, such as \"a.txt\""));
    }
}

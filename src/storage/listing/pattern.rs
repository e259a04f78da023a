use glob::{MatchOptions, Pattern};

use super::is_hidden;

/// A path with wildcards: the folder before them, and what names below it must look like.
#[derive(Clone)]
pub(super) struct NamePattern {
    /// The longest leading folder without a wildcard; empty for the current one, `/` for the root.
    pub(super) base: String,
    /// The text before the first wildcard, with which all names begin.
    pub(super) literal: String,
    whole: Pattern,
    /// One pattern for each part of a name; `None` stands for `**`.
    parts: Vec<Option<Pattern>>,
    /// Whether a part is written with a leading `.`, and with a leading `_`.
    shows: [bool; 2],
}

const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

impl NamePattern {
    /// Reads `text`; `None` when it has no wildcard or is no valid pattern.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let first = text.find(['*', '?', '['])?;
        let (base, rest) = match text[..first].rfind('/') {
            Some(0) => ("/", &text[1..]),
            Some(slash) => (&text[..slash], &text[slash + 1..]),
            None => ("", text),
        };
        let parts = rest
            .split('/')
            .map(|part| if part == "**" { Ok(None) } else { Pattern::new(part).map(Some) })
            .collect::<Result<Vec<_>, _>>()
            .ok()?;
        let shows = ['.', '_'].map(|mark| rest.split('/').any(|part| part.starts_with(mark)));
        let literal = text[..first].to_owned();
        Some(NamePattern { base: base.to_owned(), literal, whole: Pattern::new(rest).ok()?, parts, shows })
    }

    /// Whether a file or folder of this name, below the base, is meant.
    pub(super) fn matches(&self, name: &str) -> bool {
        self.whole.matches_with(name, OPTIONS) && !name.split('/').any(|part| self.passes_over(part))
    }

    /// Whether a folder of this name, below the base, can hold what is meant.
    pub(super) fn reaches_below(&self, folder: &str) -> bool {
        let mut parts = self.parts.iter();
        for name in folder.split('/') {
            if self.passes_over(name) {
                return false;
            }
            match parts.next() {
                // What `**` stands for is decided on whole names.
                Some(None) => return true,
                Some(Some(part)) if part.matches_with(name, OPTIONS) => {}
                _ => return false,
            }
        }
        parts.next().is_some()
    }

    /// Hidden names are meant only by a pattern that writes their first character.
    fn passes_over(&self, part: &str) -> bool {
        is_hidden(part) && !self.shows[usize::from(part.starts_with('_'))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_has_no_wildcard() {
        for (text, base) in [
            ("*.csv", ""),
            ("data/*.csv", "data"),
            ("/data/a/b?/c.csv", "/data/a"),
            ("/*.csv", "/"),
            ("data/[ab].csv", "data"),
        ] {
            assert_eq!(NamePattern::parse(text).unwrap().base, base, "{text}");
        }
        for text in ["data/a.csv", "data/[.csv", "data/a**b"] {
            assert!(NamePattern::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn names_match() {
        for (text, name, meant) in [
            ("d/*.csv", "a.csv", true),
            ("d/*.csv", "a/b.csv", false),
            ("d/**/*.csv", "a.csv", true),
            ("d/**/*.csv", "a/b/c.csv", true),
            ("d/**/*.csv", "a/_x/c.csv", false),
            ("d/**", "a/b/c.csv", true),
            ("d/*", "_SUCCESS", false),
            ("d/*", ".x", false),
            ("d/_*", "_SUCCESS", true),
            ("d/_*", ".x", false),
            ("d/year=*/*.csv", "year=1/a.csv", true),
            ("d/*/*.csv", "_year=1/a.csv", true),
            ("d/[a-c].csv", "b.csv", true),
            ("d/?.csv", "é.csv", true),
        ] {
            assert_eq!(NamePattern::parse(text).unwrap().matches(name), meant, "{text} {name}");
        }
    }

    #[test]
    fn folders_are_entered_only_where_needed() {
        for (text, folder, enters) in [
            ("d/*.csv", "a", false),
            ("d/a*/*.csv", "ab", true),
            ("d/a*/*.csv", "b", false),
            ("d/a*/*.csv", "ab/c", false),
            ("d/a*/**/*.csv", "d", false),
            ("d/*/**/*.csv", "a/b/c/d", true),
            ("d/**/*.csv", "_tmp", false),
            ("d/**/*.csv", "a/_tmp", true),
        ] {
            assert_eq!(NamePattern::parse(text).unwrap().reaches_below(folder), enters, "{text} {folder}");
        }
    }
}

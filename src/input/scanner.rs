//! Finds where records begin and end, without looking into them.

use memchr::{memchr, memchr3};

/// The longest record of text. Beyond it a quote was left open, or the file is something else.
pub(super) const MAX_RECORD_BYTES: usize = 64 << 20;

/// What separates records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordRule {
    /// Line ends (LF, CRLF or CR) outside of quotes; a quote counts where a field begins.
    Csv { delimiter: u8 },
    /// Line feeds.
    Lines,
}

/// What a step of the scan came upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The bytes of a record, without its line end.
    Record { start: usize, end: usize },
    /// The text ends before the record does.
    More,
    /// A record is longer than any record should be.
    TooLong,
    /// The text is over.
    End,
}

/// A place in a text that may still grow.
#[derive(Debug)]
pub(super) struct Scanner {
    rule: RecordRule,
    at: usize,
    start: usize,
    quoted: bool,
}

impl Scanner {
    /// At the start of a text, which is the start of a record.
    pub(super) fn new(rule: RecordRule) -> Scanner {
        Scanner::at(rule, 0)
    }

    /// In a text, at the start of a record.
    pub(super) fn at(rule: RecordRule, start: usize) -> Scanner {
        Scanner { rule, at: start, start, quoted: false }
    }

    /// Where the next record begins.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The next record. `text` is what was given before and perhaps more; `whole` says that no more will come.
    /// Lines without anything on them are not records.
    #[inline]
    pub(super) fn next(&mut self, text: &[u8], whole: bool) -> Found {
        loop {
            let found = match self.rule {
                RecordRule::Csv { delimiter } => self.csv_end(text, delimiter, whole),
                RecordRule::Lines => memchr(b'\n', &text[self.at..]).map(|offset| self.at + offset),
            };
            let Some(end) = found else {
                return self.run_out(text, whole);
            };
            let start = self.start;
            self.at = end + 1;
            self.start = self.at;
            if end - start > MAX_RECORD_BYTES {
                return Found::TooLong;
            }
            if !self.is_blank(&text[start..end]) {
                return Found::Record { start, end };
            }
        }
    }

    /// The line end that ends the record, if it is there.
    #[inline]
    fn csv_end(&mut self, text: &[u8], delimiter: u8, whole: bool) -> Option<usize> {
        loop {
            if self.quoted {
                let quote = self.at + memchr(b'"', &text[self.at..])?;
                match text.get(quote + 1) {
                    Some(b'"') => self.at = quote + 2,
                    // What follows decides whether this quote ends the field.
                    None if !whole => {
                        self.at = quote;
                        return None;
                    }
                    _ => {
                        self.quoted = false;
                        self.at = quote + 1;
                    }
                }
                continue;
            }
            let at = self.at + memchr3(b'"', b'\n', b'\r', &text[self.at..])?;
            if text[at] != b'"' {
                return Some(at);
            }
            self.quoted = at == self.start || text[at - 1] == delimiter;
            self.at = at + 1;
        }
    }

    fn run_out(&mut self, text: &[u8], whole: bool) -> Found {
        let start = self.start;
        if text.len() - start > MAX_RECORD_BYTES {
            return Found::TooLong;
        }
        if !whole {
            // All that was seen needs no second look, but a quote that waits for what follows it.
            if !(self.quoted && text.last() == Some(&b'"') && self.at + 1 == text.len()) {
                self.at = text.len();
            }
            return Found::More;
        }
        self.at = text.len();
        self.start = text.len();
        if self.is_blank(&text[start..]) { Found::End } else { Found::Record { start, end: text.len() } }
    }

    fn is_blank(&self, record: &[u8]) -> bool {
        match self.rule {
            RecordRule::Csv { .. } => record.is_empty(),
            RecordRule::Lines => record.first().is_none_or(u8::is_ascii_whitespace) && record.trim_ascii().is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CSV: RecordRule = RecordRule::Csv { delimiter: b',' };

    /// Records found when the text arrives in pieces of `step` bytes.
    fn records(rule: RecordRule, text: &[u8], step: usize) -> Vec<&[u8]> {
        let mut scanner = Scanner::new(rule);
        let mut have = 0;
        let mut found = Vec::new();
        loop {
            match scanner.next(&text[..have], have == text.len()) {
                Found::Record { start, end } => found.push(&text[start..end]),
                Found::More => have = (have + step).min(text.len()),
                Found::TooLong => panic!("too long"),
                Found::End => return found,
            }
        }
    }

    #[test]
    fn record_ends() {
        for (rule, text, expected) in [
            (CSV, "a,b\nc,d\n", vec!["a,b", "c,d"]),
            (CSV, "a,b\r\nc,d", vec!["a,b", "c,d"]),
            (CSV, "a\rb", vec!["a", "b"]),
            (CSV, "\n\na\n\r\n\nb\n\n", vec!["a", "b"]),
            (CSV, "\"a\nb\",c\nd", vec!["\"a\nb\",c", "d"]),
            (CSV, "\"a\"\"\nb\"\nc", vec!["\"a\"\"\nb\"", "c"]),
            (CSV, "a\"b\nc\"d", vec!["a\"b", "c\"d"]),
            (CSV, "\"a\"b\"\nc", vec!["\"a\"b\"", "c"]),
            (CSV, "\"\"\n\"\"", vec!["\"\"", "\"\""]),
            (CSV, "a,\"open\nb", vec!["a,\"open\nb"]),
            (CSV, " \n", vec![" "]),
            (CSV, "", vec![]),
            (RecordRule::Lines, "{}\n \n\r\n{\"a\": \"\"}\r\n", vec!["{}", "{\"a\": \"\"}\r"]),
            (RecordRule::Lines, "{}\n\n  ", vec!["{}"]),
        ] {
            for step in [1, 2, 3, 100] {
                let found: Vec<_> =
                    records(rule, text.as_bytes(), step).into_iter().map(|r| std::str::from_utf8(r).unwrap()).collect();
                assert_eq!(found, expected, "{text:?} in steps of {step}");
            }
        }
    }

    #[test]
    fn an_endless_record_is_given_up() {
        let mut text = vec![b'x'; MAX_RECORD_BYTES + 1];
        text[0] = b'"';
        assert_eq!(Scanner::new(CSV).next(&text, false), Found::TooLong);
        assert_eq!(Scanner::new(CSV).next(&text, true), Found::TooLong);
        text.push(b'\n');
        assert_eq!(Scanner::new(RecordRule::Lines).next(&text, false), Found::TooLong);
    }

    proptest! {
        /// csv-core finds the same number of records, wherever the text is cut in pieces.
        #[test]
        fn agrees_with_csv_core(text in "[ab,\"\r\n]{0,60}", step in 1usize..20) {
            let ours = records(CSV, text.as_bytes(), step);
            let mut reader = csv_core::Reader::new();
            let (mut rest, mut out, mut ends, mut count) = (text.as_bytes(), [0u8; 256], [0usize; 256], 0);
            loop {
                let (result, used, _, _) = reader.read_record(rest, &mut out, &mut ends);
                rest = &rest[used..];
                match result {
                    csv_core::ReadRecordResult::Record => count += 1,
                    csv_core::ReadRecordResult::End => break,
                    _ => {}
                }
            }
            prop_assert_eq!(ours.len(), count, "{:?}", text);
        }
    }
}

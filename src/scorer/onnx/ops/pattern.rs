//! Regular expressions as RE2 reads them, which ONNX names and ONNX Runtime uses; the only home of `regex_automata`.
//!
//! They differ from Rust's in a few places: classes such as `\w` know only ASCII, a class holds no other classes, and
//! braces that count nothing are plain characters.

use std::iter::Peekable;
use std::ops::Range;
use std::str::Chars;
use std::sync::Arc;

use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::hybrid::regex::{Cache as RegexCache, Regex};
use regex_automata::nfa::thompson;
use regex_automata::util::pool::Pool;
use regex_automata::{Anchored, Input, MatchKind};
use tract_onnx::tract_hir::internal::*;

/// Most bytes of the automaton that an expression is made into: repetitions in repetitions would fill the memory.
const MOST_BYTES: usize = 8 << 20;

/// What a thread needs to run an expression.
struct Caches {
    first: RegexCache,
    longest: Cache,
}

type NewCaches = Box<dyn Fn() -> Caches + Send + Sync>;

/// A regular expression, of whose matches the longest counts.
pub(super) struct Pattern {
    /// Where a match begins.
    first: Arc<Regex>,
    /// How far the longest match from a place goes.
    longest: DFA,
    caches: Pool<Caches, NewCaches>,
}

impl Pattern {
    /// Fails, with the cause, if `source` is not in RE2's syntax, or too large.
    pub(super) fn new(source: &str) -> TractResult<Self> {
        let translated = translate(source);
        let nfa = thompson::Config::new().nfa_size_limit(Some(MOST_BYTES));
        let bad = |error: &dyn std::fmt::Display| format_err!("the regular expression {source:?}: {error}");
        let config = || Config::new().skip_cache_capacity_check(true);
        let first = Regex::builder().thompson(nfa.clone()).dfa(config()).build(&translated).map_err(|e| bad(&e))?;
        let longest = config().match_kind(MatchKind::All);
        let longest = DFA::builder().thompson(nfa).configure(longest).build(&translated).map_err(|e| bad(&e))?;
        let first = Arc::new(first);
        let (of_first, of_longest) = (Arc::clone(&first), longest.clone());
        let new: NewCaches =
            Box::new(move || Caches { first: of_first.create_cache(), longest: of_longest.create_cache() });
        Ok(Pattern { first, longest, caches: Pool::new(new) })
    }

    /// The longest of the matches in `text` that begin first, at `from` or later. `from` may be beyond the end.
    pub(super) fn find(&self, text: &str, from: usize) -> TractResult<Option<Range<usize>>> {
        if from > text.len() {
            return Ok(None);
        }
        let caches = &mut *self.caches.get();
        let input = Input::new(text).range(from..);
        let found = self.first.try_search(&mut caches.first, &input).map_err(|error| format_err!("{error}"))?;
        let Some(found) = found else { return Ok(None) };
        let end = self.end(&mut caches.longest, text, found.start())?;
        Ok(Some(found.start()..end.unwrap_or(found.end())))
    }

    /// Whether `text` from its beginning to its end is a match.
    pub(super) fn is_whole(&self, text: &str) -> TractResult<bool> {
        Ok(self.end(&mut self.caches.get().longest, text, 0)? == Some(text.len()))
    }

    fn end(&self, cache: &mut Cache, text: &str, start: usize) -> TractResult<Option<usize>> {
        let input = Input::new(text).range(start..).anchored(Anchored::Yes);
        let end = self.longest.try_search_fwd(cache, &input).map_err(|error| format_err!("{error}"))?;
        Ok(end.map(|end| end.offset()))
    }
}

/// An expression in RE2's syntax in that of Rust.
fn translate(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 16);
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => escape(&mut chars, &mut out, false),
            '[' => class(&mut chars, &mut out),
            '{' if !counts(chars.clone()) => out.push_str(r"\{"),
            other => out.push(other),
        }
    }
    out
}

/// Whether what follows an opening brace makes it a repetition: `3}`, `3,}` or `3,5}`.
fn counts(chars: Peekable<Chars<'_>>) -> bool {
    let inner: String = chars.take_while(|c| *c == ',' || *c == '}' || c.is_ascii_digit()).collect();
    let Some((inner, _)) = inner.split_once('}') else { return false };
    let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
    !least.is_empty() && !most.contains(',')
}

/// What follows a backslash.
fn escape(chars: &mut Peekable<Chars<'_>>, out: &mut String, in_class: bool) {
    let Some(c) = chars.next() else {
        out.push('\\');
        return;
    };
    let known = match c {
        'd' => Some(("0-9", false)),
        'D' => Some(("0-9", true)),
        's' => Some((r"\t\n\f\r\x20", false)),
        'S' => Some((r"\t\n\f\r\x20", true)),
        'w' => Some(("0-9A-Za-z_", false)),
        'W' => Some(("0-9A-Za-z_", true)),
        _ => None,
    };
    match (known, c) {
        (Some((members, false)), _) if in_class => out.push_str(members),
        (Some((members, but)), _) => out.push_str(&format!("[{}{members}]", if but { "^" } else { "" })),
        (None, 'b' | 'B') if !in_class => out.push_str(&format!(r"(?-u:\{c})")),
        // Rust has beginnings and ends of words there.
        (None, '<' | '>') => out.push(c),
        (None, 'Q') if !in_class => quoted(chars, out),
        (None, _) => {
            out.push('\\');
            out.push(c);
        }
    }
}

/// Plain characters up to `\E`.
fn quoted(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    while let Some(c) = chars.next() {
        if c == '\\' && chars.peek() == Some(&'E') {
            chars.next();
            return;
        }
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
}

/// A class of characters, after its opening bracket.
fn class(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    if chars.next_if_eq(&']').is_some() {
        out.push_str(r"\]");
    }
    let mut last = '[';
    while let Some(c) = chars.next() {
        match c {
            ']' => {
                out.push(']');
                return;
            }
            '\\' => escape(chars, out, true),
            '[' if chars.peek() == Some(&':') => {
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' | '&' | '~' => out.extend(['\\', c]),
            '-' if last == '-' => out.push_str(r"\-"),
            other => out.push(other),
        }
        last = c;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &str) -> Vec<String> {
        let pattern = Pattern::new(pattern).unwrap();
        let mut from = 0;
        let mut found = vec![];
        while let Some(range) = pattern.find(text, from).unwrap() {
            from = range.end.max(range.start + 1);
            found.push(text[range].to_owned());
        }
        found
    }

    #[test]
    fn the_longest_match_counts() {
        assert_eq!(found("a|ab|abc", "abcd ab"), ["abc", "ab"]);
        assert_eq!(found("[^ ]+?", "ab c"), ["ab", "c"]);
        assert_eq!(found("a*?", "baa"), ["", "aa", ""]);
    }

    #[test]
    fn classes_are_of_ascii_and_letters_of_all() {
        assert_eq!(found(r"\w+", "naïve_1"), ["na", "ve_1"]);
        assert_eq!(found(r"[\w-]+", "a-b é"), ["a-b"]);
        assert_eq!(found(r"\pL+", "naïve 1"), ["naïve"]);
        assert_eq!(found(r"(?i)É|B", "éb"), ["é", "b"]);
        assert_eq!(found(r"[^\W_]+", "a_b"), ["a", "b"]);
        assert_eq!(found(r"\bb", "éb ab"), ["b"]);
        assert_eq!(found(".", "é"), ["é"]);
    }

    #[test]
    fn what_rust_reads_otherwise() {
        assert_eq!(found("[a&&b]+", "a&b"), ["a&b"]);
        assert_eq!(found("[[a]+", "[a["), ["[a["]);
        assert_eq!(found("[]a]+", "a]"), ["a]"]);
        assert_eq!(found("a{,2}", "a{,2}"), ["a{,2}"]);
        assert_eq!(found("a{1,2}", "aaa"), ["aa", "a"]);
        assert_eq!(found(r"\Qa.b\E+", "a.bb axb"), ["a.bb"]);
        assert_eq!(found(r"\<a\>", "<a> a"), ["<a>"]);
        assert_eq!(found("[[:alpha:]_]+", "a_1"), ["a_"]);
        assert_eq!(found("[+--]+", "+,-*"), ["+,-"]);
    }

    #[test]
    fn wholes() {
        let is_whole = |pattern: &str, text: &str| Pattern::new(pattern).unwrap().is_whole(text).unwrap();
        assert!(is_whole("a|ab", "ab") && !is_whole("a|ab", "abc") && !is_whole("b", "ab") && is_whole("", ""));
    }

    #[test]
    fn what_is_refused() {
        for pattern in ["(", "a**b(", r"\C", "(?:a{1000}){1000}", r"(a)\1", "[a", "\\"] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }
}

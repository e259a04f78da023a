//! Keeps secrets out of messages: signatures and passwords in URLs are replaced before a text is shown.

use std::borrow::Cow;

/// What stands where a secret was.
const HIDDEN: &str = "***";

/// `text` with the user name, password and query of every URL in it hidden.
pub fn scrub(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, tail) = rest.split_at(at + 3);
        out.push_str(before);
        let end =
            tail.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`')).unwrap_or(tail.len());
        let (url, after) = tail.split_at(end);
        push_scrubbed_url(&mut out, url);
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Appends what follows `://` in a URL, without user information and query. In `container@account` of an Azure URL the
/// part before the `@` is no secret; a part with a colon is `user:password`.
fn push_scrubbed_url(out: &mut String, url: &str) {
    let authority_end = url.find(['/', '?', '#']).unwrap_or(url.len());
    let (authority, path) = url.split_at(authority_end);
    match authority.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => {
            out.push_str(HIDDEN);
            out.push('@');
            out.push_str(host);
        }
        _ => out.push_str(authority),
    }
    match path.split_once('?') {
        Some((path, query)) if query.contains('=') => {
            out.push_str(path);
            out.push('?');
            out.push_str(HIDDEN);
        }
        _ => out.push_str(path),
    }
}

/// The first `limit` characters of `text` on one line.
pub(super) fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::with_capacity(text.len().min(limit));
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.chars().count() > limit {
        line = line.chars().take(limit).collect();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_their_secrets() {
        let cases = [
            ("plain text", "plain text"),
            ("https://a.b/c?sig=SECRET", "https://a.b/c?***"),
            ("got \"https://a.b/c?sv=1&sig=SECRET\" here", "got \"https://a.b/c?***\" here"),
            ("https://me:SECRET@a.b/c d", "https://***@a.b/c d"),
            ("abfss://container@account.dfs.core.windows.net/x", "abfss://container@account.dfs.core.windows.net/x"),
            ("s3://bucket/a?.csv", "s3://bucket/a?.csv"),
            ("two http://a:SECRET@b http://c?k=SECRET", "two http://***@b http://c?***"),
            ("http://me:SEC@RET@host/p", "http://***@host/p"),
        ];
        for (text, expected) in cases {
            assert_eq!(scrub(text), expected);
        }
    }

    #[test]
    fn lines_are_joined_and_cut() {
        assert_eq!(one_line(" a\n  b\tc ", 10), "a b c");
        assert_eq!(one_line("äbcdef", 3), "äbc…");
    }
}

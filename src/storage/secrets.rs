//! Keeps secrets out of messages: signatures and passwords in URLs are replaced before a text is shown.

use std::borrow::Cow;

use url::{Position, Url};

/// What stands where a secret was.
const HIDDEN: &str = "***";

/// Schemes of URLs in which what stands before an `@` may be a container, and a `?` may be part of a name.
const OF_STORES: [&str; 12] =
    ["s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss", "wasb", "wasbs", "azureml", "file"];

/// A URL without what may be secret in it: who asks, and the query.
pub(super) fn shown(url: &Url) -> String {
    let is_of_store = OF_STORES.contains(&url.scheme());
    let user = match (url.username(), url.password()) {
        ("", None) => String::new(),
        (container, None) if is_of_store => format!("{container}@"),
        _ => format!("{HIDDEN}@"),
    };
    let query = if url.query().is_some() { format!("?{HIDDEN}") } else { String::new() };
    format!("{}://{user}{}{query}", url.scheme(), &url[Position::BeforeHost..Position::AfterPath])
}

/// `text` with all that may be secret in URLs in it hidden: who asks, and queries. The URLs may be wrong, with a password
/// that should have been encoded, so more is hidden rather than less.
pub fn scrub(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, tail) = rest.split_at(at + 3);
        out.push_str(before);
        let scheme = before[..at].rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let end = tail.find(char::is_whitespace).unwrap_or(tail.len());
        let (url, after) = tail.split_at(end);
        push_scrubbed_url(&mut out, url, OF_STORES.contains(&scheme.to_ascii_lowercase().as_str()));
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Appends what follows `://` in a URL, up to the next space, without its secrets.
fn push_scrubbed_url(out: &mut String, url: &str, is_of_store: bool) {
    // In `container@account` of an Azure URL the part before the `@` is no secret; with a colon it is `user:password`.
    let url = match url.rsplit_once('@') {
        Some((user, rest)) if !is_of_store || user.contains(':') => {
            out.push_str(HIDDEN);
            out.push('@');
            rest
        }
        _ => url,
    };
    let authority = &url[..url.find(['/', '?', '#']).unwrap_or(url.len())];
    // What is no port is a password with a space in it, whose end is not known.
    let is_port = |port: &str| port.trim_end_matches(ENDS).bytes().all(|byte| byte.is_ascii_digit());
    if !authority.starts_with('[') && authority.split_once(':').is_some_and(|(_, port)| !is_port(port)) {
        out.push_str(HIDDEN);
        return;
    }
    let query = match is_of_store {
        true => url.find('?').filter(|at| url[*at..].contains('=')),
        false => url.find(['?', '#']),
    };
    match query.map(|at| url.split_at(at + 1)) {
        Some((path, query)) => {
            let secret = query.trim_end_matches(ENDS);
            out.push_str(path);
            out.push_str(if secret.is_empty() { "" } else { HIDDEN });
            out.push_str(&query[secret.len()..]);
        }
        None => out.push_str(url),
    }
}

/// What may stand behind a URL in a text.
const ENDS: [char; 9] = ['"', '\'', '`', '>', ')', ',', ';', ':', '.'];

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
            ("https://me:it'sSECRET@h/p: refused", "https://***@h/p: refused"),
            ("https://me:a/SECRET@h", "https://***@h"),
            ("https://me:a?SECRET@h/x?SECRET", "https://***@h/x?***"),
            ("https://me:SEC RET@h/p", "https://*** RET@h/p"),
            ("https://TOKEN@host/x", "https://***@host/x"),
            ("ftp://TOKEN@host/x", "ftp://***@host/x"),
            ("(https://host/x?TOKEN), https://h/x#TOKEN.", "(https://host/x?***), https://h/x#***."),
            ("is it https://host:80/x? No: http://[::1]:80/x", "is it https://host:80/x? No: http://[::1]:80/x"),
            ("no server at http://127.0.0.1:9000: gone", "no server at http://127.0.0.1:9000: gone"),
            ("az://c:SECRET@account/x", "az://***@account/x"),
            ("azureml://datastores/d/paths/a?.csv", "azureml://datastores/d/paths/a?.csv"),
        ];
        for (text, expected) in cases {
            assert_eq!(scrub(text), expected);
        }
    }

    #[test]
    fn urls_are_shown_by_their_parts() {
        for (text, expected) in [
            ("https://h/a@b.csv", "https://h/a@b.csv"),
            ("https://TOKEN@h:8080/a@b.csv?TOKEN#TOKEN", "https://***@h:8080/a@b.csv?***"),
            ("https://me:it's%20SECRET@h/", "https://***@h/"),
            ("abfss://c@acc.dfs.core.windows.net/p?sig=SECRET", "abfss://c@acc.dfs.core.windows.net/p?***"),
            ("abfss://c:SECRET@acc.dfs.core.windows.net/p", "abfss://***@acc.dfs.core.windows.net/p"),
            ("s3://bucket", "s3://bucket"),
        ] {
            assert_eq!(shown(&text.parse().unwrap()), expected);
        }
    }

    #[test]
    fn lines_are_joined_and_cut() {
        assert_eq!(one_line(" a\n  b\tc ", 10), "a b c");
        assert_eq!(one_line("äbcdef", 3), "äbc…");
    }
}

//! Messages of HTTP/1.1, as far as a proxy for one client and one server needs them.

use std::io::{self, BufRead, Read, Write};

/// A request or an answer, whole.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// The request line or the status line.
    pub(super) first: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// What a request to a store asks for, whatever the store's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Head,
    /// An object from its start to its end.
    Get,
    /// A stretch of an object.
    Range,
    List,
    /// An object in one request.
    Put,
    Initiate,
    Part,
    Complete,
    Abort,
}

impl Message {
    pub(super) fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Message {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Message { first: format!("HTTP/1.1 {status}"), headers, body: body.to_vec() }
    }

    /// Reads a request; nothing when the connection ends before it.
    pub(super) fn read_request(from: &mut impl BufRead) -> io::Result<Option<Message>> {
        let Some(mut message) = Self::read_head(from)? else { return Ok(None) };
        let length = message.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        message.body = vec![0; length];
        from.read_exact(&mut message.body)?;
        Ok(Some(message))
    }

    /// Reads the answer to a request of this kind. A body sent in chunks has its length told instead.
    pub(super) fn read_answer(from: &mut impl BufRead, kind: Kind) -> io::Result<Message> {
        let mut message = Self::read_head(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if kind == Kind::Head || matches!(message.status(), 204 | 304) {
            return Ok(message);
        }
        let chunked = message.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        if chunked {
            loop {
                let mut line = String::new();
                from.read_line(&mut line)?;
                let size = line.trim().split(';').next().unwrap_or_default();
                let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
                from.take(size).read_to_end(&mut message.body)?;
                from.read_line(&mut line)?;
                if size == 0 {
                    break;
                }
            }
            message.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("transfer-encoding"));
        } else if let Some(length) = message.header("content-length").and_then(|length| length.parse().ok()) {
            message.body = vec![0; length];
            from.read_exact(&mut message.body)?;
        } else {
            from.read_to_end(&mut message.body)?;
        }
        message.set("content-length", &message.body.len().to_string());
        Ok(message)
    }

    fn read_head(from: &mut impl BufRead) -> io::Result<Option<Message>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            lines.push(line.to_owned());
        }
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        let header = |line: String| line.split_once(':').map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned()));
        Ok(Some(Message { first, headers: lines.filter_map(header).collect(), body: Vec::new() }))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// An answer's status.
    pub(super) fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// A request's path and query, as they were sent.
    pub(super) fn target(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    /// The same with what is percent-encoded in it decoded, which clients differ in.
    pub(super) fn decoded_target(&self) -> String {
        let mut bytes = Vec::new();
        let mut rest = self.target().as_bytes();
        while let [first, tail @ ..] = rest {
            let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
            let byte = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
            bytes.push(byte.unwrap_or(*first));
            rest = if byte.is_some() { &tail[2..] } else { tail };
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(super) fn kind(&self) -> Kind {
        let query = self.target().split_once('?').map_or("", |(_, query)| query);
        let has = |part: &str| query.split('&').any(|pair| pair == part || pair.starts_with(&format!("{part}=")));
        match self.first.split(' ').next().unwrap_or_default() {
            "HEAD" => Kind::Head,
            "GET" if has("list-type") || has("comp=list") => Kind::List,
            "GET" if self.header("range").is_some() => Kind::Range,
            "GET" => Kind::Get,
            "PUT" if has("partNumber") || has("comp=block") => Kind::Part,
            "PUT" if has("comp=blocklist") => Kind::Complete,
            "PUT" => Kind::Put,
            "POST" if has("uploads") => Kind::Initiate,
            "POST" => Kind::Complete,
            "DELETE" => Kind::Abort,
            other => panic!("an unknown request {other}"),
        }
    }

    /// Everything before the body.
    pub(super) fn head(&self) -> Vec<u8> {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{}\r\n{headers}\r\n", self.first).into_bytes()
    }

    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.head())?;
        to.write_all(&self.body)?;
        to.flush()
    }
}

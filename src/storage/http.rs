//! One file on a web server, whatever the server is able to say about it.
//!
//! Servers differ: some refuse HEAD (a signed S3 address is signed for GET alone), some know no ranges, some send a body
//! of unknown length. The address is used byte for byte, its query included.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use object_store::client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody};
use object_store::http::{HttpBuilder, HttpStore};
use object_store::path::Path;
use object_store::{
    ClientOptions, GetOptions, GetRange, HeaderMap, HeaderValue, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig,
};
use url::Url;

use super::connect::{StoreSettings, client_options};
use super::failure::is_passing;
use super::found::Found;
use super::patience::{Patient, retries};
use super::reader::ByteStream;
use super::{RemoteUrl, StorageError};

/// What the file is called in results: the last part of the address's path.
pub(super) fn name_of(url: &RemoteUrl) -> String {
    let url = url.reveal();
    let last = url.path().rsplit('/').find(|part| !part.is_empty());
    match last.and_then(|part| Path::from_url_path(part).ok()) {
        Some(name) if !name.as_ref().is_empty() => name.to_string(),
        _ => url.host_str().unwrap_or("data").to_owned(),
    }
}

/// An address with its credentials taken out of it and into a header.
pub(super) struct Address {
    url: Url,
    headers: HeaderMap,
    shown: String,
}

impl Address {
    pub(super) fn new(url: &RemoteUrl, settings: &StoreSettings) -> Result<Self, StorageError> {
        let shown = url.to_string();
        let mut url = url.reveal().clone();
        let mut headers = HeaderMap::new();
        let credentials = &settings.credentials;
        let mut login = None;
        if !url.username().is_empty() || url.password().is_some() {
            login = Some((decode(url.username()), decode(url.password().unwrap_or_default())));
            // Neither call fails for a URL with a host.
            let _ = url.set_username("");
            let _ = url.set_password(None);
        } else if let Some(user) = credentials.value("user")? {
            login = Some((user, credentials.value("password")?.unwrap_or_default()));
        }
        let authorization = match (login, credentials.value("bearer_token")?) {
            (Some((user, password)), _) => Some(format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))),
            (None, Some(token)) => Some(format!("Bearer {token}")),
            (None, None) => None,
        };
        if let Some(authorization) = authorization {
            let mut value = HeaderValue::from_str(&authorization).map_err(|_| StorageError::Unsupported {
                object: shown.clone(),
                reason: "its user, password or token is not what a header can hold".into(),
            })?;
            value.set_sensitive(true);
            headers.insert("authorization", value);
        }
        url.set_fragment(None);
        Ok(Address { url, headers, shown })
    }

    /// The address without what is secret in it.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Finds the file and what its server can do.
    pub(super) async fn find(&self) -> object_store::Result<Found> {
        // No retries for the first questions, which many servers refuse for good.
        let asking = self.store(RetryConfig { max_retries: 0, ..retries() })?;
        let store: Arc<dyn ObjectStore> = Arc::new(self.store(retries())?);
        let path = Path::default();
        let found = |meta: &ObjectMeta, has_ranges| Found {
            store: Arc::clone(&store),
            path: Path::default(),
            version: Some(meta.into()),
            has_ranges,
            plain: None,
        };
        let first_byte = GetOptions { range: Some(GetRange::Bounded(0..1)), ..GetOptions::default() };
        let is_busy = match asking.get_opts(&path, first_byte.clone()).await {
            Ok(answer) => return Ok(found(&answer.meta, true)),
            Err(error) => is_passing(&error),
        };
        if !is_busy && let Ok(meta) = asking.head(&path).await {
            return Ok(found(&meta, false));
        }
        // A server that is only busy is waited for.
        match store.get(&path).await {
            Ok(whole) => {
                let meta = whole.meta.clone();
                drop(whole);
                // What was no answer to the first question is asked again.
                let has_ranges = is_busy && asking.get_opts(&path, first_byte).await.is_ok();
                Ok(found(&meta, has_ranges))
            }
            Err(object_store::Error::Generic { source, .. }) if source.to_string().contains("Content-Length") => {
                let plain = Some(self.plain_get()?);
                Ok(Found { store, path, version: None, has_ranges: false, plain })
            }
            Err(error) => Err(error),
        }
    }

    fn options(&self) -> ClientOptions {
        // The user wrote `http://`; nothing is gained by refusing it.
        client_options("HTTP", |name| name.strip_prefix("http_")?.parse().ok())
            .with_allow_http(true)
            .with_default_headers(self.headers.clone())
    }

    /// A store whose empty path is this address, so that its query is sent along.
    fn store(&self, retry: RetryConfig) -> object_store::Result<HttpStore> {
        HttpBuilder::new()
            .with_url(self.url.as_str())
            .with_client_options(self.options())
            .with_retry(retry)
            .with_http_connector(Shared)
            .build()
    }

    fn plain_get(&self) -> object_store::Result<PlainGet> {
        Ok(PlainGet { client: Shared.connect(&self.options())?, url: self.url.to_string() })
    }
}

/// Gives one client to all addresses with the same credentials: making one reads the system's certificates, and each has
/// connections of its own.
#[derive(Debug)]
struct Shared;

impl HttpConnector for Shared {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        /// By their credentials; their other settings are those of this process.
        static CLIENTS: LazyLock<Mutex<HashMap<Option<HeaderValue>, HttpClient>>> = LazyLock::new(Mutex::default);
        let credentials = options.get_default_headers().and_then(|headers| headers.get("authorization")).cloned();
        let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&credentials) {
            return Ok(client.clone());
        }
        let client = Patient.connect(options)?;
        clients.insert(credentials, client.clone());
        Ok(client)
    }
}

/// A GET without questions, for servers that do not tell a length.
#[derive(Clone)]
pub(super) struct PlainGet {
    client: HttpClient,
    url: String,
}

impl PlainGet {
    /// Starts the request; an answer other than success is an error.
    pub(super) async fn stream(self) -> Result<ByteStream, object_store::Error> {
        use futures_util::TryStreamExt;

        let generic =
            |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic { store: "HTTP", source };
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = self.url.parse().map_err(|_| generic("the address is not valid".into()))?;
        let response = self.client.execute(request).await.map_err(|e| generic(e.into()))?;
        if !response.status().is_success() {
            return Err(generic(format!("the server answered {}", response.status()).into()));
        }
        Ok(Box::pin(response.into_body().bytes_stream().map_err(move |e| generic(e.into()))))
    }
}

/// Undoes the percent-encoding of a user name or password.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Base64 with padding, as the Basic scheme wants it.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0u32, |acc, i| acc << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Pointer, RemoteObject};

    #[test]
    fn base64_pads() {
        for (text, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }

    #[test]
    fn logins_are_decoded() {
        for (text, expected) in [("a%40b", "a@b"), ("50%", "50%"), ("%zz", "%zz"), ("", "")] {
            assert_eq!(decode(text), expected);
        }
    }

    #[test]
    fn names_come_from_the_path() {
        for (text, expected) in [("https://h/a/b%20c.csv?sig=x", "b c.csv"), ("https://h/a/", "a"), ("https://h", "h")]
        {
            let Ok(Pointer::Remote(url)) = text.parse() else { panic!("{text}") };
            assert_eq!(name_of(&url), expected);
        }
    }

    /// What a server does with a request line; headers in lower case.
    type Answer = fn(line: &str, headers: &str) -> String;

    const BODY: &str = "0123456789";

    /// A server that answers each request on a connection of its own.
    fn serve(answer: Answer) -> String {
        use std::io::{BufRead, BufReader, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = std::thread::Builder::new().name("server".into()).spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let line = lines.next().unwrap_or_default();
                let headers: Vec<_> = lines.take_while(|line| !line.is_empty()).map(|l| l.to_lowercase()).collect();
                let _ = stream.write_all(answer(&line, &headers.join("\n")).as_bytes());
            }
        });
        serving.unwrap();
        format!("127.0.0.1:{}", address.port())
    }

    fn found(address: &str) -> Result<(RemoteObject, u64), StorageError> {
        let Ok(Pointer::Remote(url)) = address.parse() else { panic!("{address}") };
        let object = RemoteObject::on_web(Address::new(&url, &StoreSettings::default())?);
        let size = object.look()?;
        Ok((object, size))
    }

    fn content(object: RemoteObject) -> String {
        std::io::read_to_string(crate::storage::Location::Remote(object).open().unwrap()).unwrap()
    }

    fn whole() -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{BODY}", BODY.len())
    }

    const NO: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

    #[test]
    fn servers_of_all_kinds_are_read() {
        let full: Answer = |line, headers| match line {
            "HEAD /a%20b/c.csv?sig=SECRET&x=%2F HTTP/1.1" => whole().replace(BODY, ""),
            "GET /a%20b/c.csv?sig=SECRET&x=%2F HTTP/1.1" if headers.contains("authorization: basic bwu6u0vdlwv0") => {
                whole()
            }
            _ => NO.into(),
        };
        let get_with_ranges: Answer = |line, headers| match line.split(' ').next() {
            Some("GET") if headers.contains("range: bytes=0-0") => {
                "HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\nContent-Range: bytes 0-0/10\r\n\
                 Connection: close\r\n\r\n0"
                    .into()
            }
            Some("GET") => whole(),
            _ => NO.into(),
        };
        let get_only: Answer = |line, _| if line.starts_with("GET") { whole() } else { NO.into() };
        let no_length: Answer = |line, _| match line.split(' ').next() {
            Some("GET") => format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{BODY}"),
            _ => "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".into(),
        };
        for (answer, prefix, size) in
            [(full, "me:SEC%2Det@", 10), (get_with_ranges, "", 10), (get_only, "", 10), (no_length, "", 0)]
        {
            let address = format!("http://{prefix}{}/a%20b/c.csv?sig=SECRET&x=%2F", serve(answer));
            let (object, found_size) = found(&address).unwrap();
            assert_eq!(found_size, size);
            assert!(!format!("{object:?}").contains("SEC"));
            let location = crate::storage::Location::Remote(object.clone());
            assert_eq!(location.size().is_ok(), size > 0);
            assert_eq!(content(object), BODY);
        }
    }

    #[test]
    fn a_server_that_is_busy_at_first_is_known_to_serve_ranges() {
        use crate::storage::testing::{answer_with, head, serve};
        use std::io::Write;

        let asked = std::sync::atomic::AtomicUsize::new(0);
        let address = serve(move |request, stream| match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0..2 => stream.write_all(head("503 Service Unavailable", 0, "").as_bytes()).unwrap(),
            _ => answer_with(BODY.as_bytes(), request, stream),
        });
        let Ok(Pointer::Remote(url)) = format!("http://{address}/x").parse() else { panic!() };
        let found = crate::storage::runtime::wait(async move {
            Address::new(&url, &StoreSettings::default()).unwrap().find().await
        });
        assert!(found.unwrap().unwrap().has_ranges);
    }

    #[test]
    fn servers_are_asked_at_the_same_time() {
        use crate::storage::testing::{answer_with, serve};

        let pause = std::time::Duration::from_millis(300);
        let address = serve(move |request, stream| {
            std::thread::sleep(pause);
            answer_with(BODY.as_bytes(), request, stream);
        });
        let stores = crate::storage::Stores::default();
        let begun = std::time::Instant::now();
        let begin = |number| stores.begin(&format!("http://{address}/{number}.csv").parse().unwrap()).unwrap();
        let entries: Vec<_> = (0..10).map(begin).collect();
        for (number, entry) in entries.into_iter().flatten().enumerate() {
            let entry = entry.unwrap();
            assert_eq!((entry.name, entry.size), (format!("{number}.csv"), 10));
        }
        assert!(begun.elapsed() < 5 * pause, "{:?}", begun.elapsed());
        let missing = serve(|_, stream| std::io::Write::write_all(stream, NO.as_bytes()).unwrap());
        assert!(stores.list(&format!("http://{missing}/x.csv").parse().unwrap()).is_err());
    }

    #[test]
    fn what_a_server_refuses_is_told_without_secrets() {
        let missing: Answer = |_, _| NO.replace("403 Forbidden", "404 Not Found");
        let refusing: Answer = |_, _| NO.into();
        for (answer, expected) in [(missing, "does not exist"), (refusing, "signature")] {
            let error = found(&format!("http://{}/x?sig=SECRET", serve(answer))).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(expected) && !shown.contains("SECRET"), "{shown}");
        }
    }
}

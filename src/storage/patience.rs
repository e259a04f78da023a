//! The HTTP client beneath all stores: how long it waits, and for whom.
//!
//! Its limits are on silence, and they run only while somebody waits for the server. What has arrived and lies here while
//! its reader is busy with something else is not late, and neither is a request that is still being sent.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    ReqwestConnector,
};
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, RetryConfig};
use tokio::time::{Sleep, sleep, timeout};

/// The slowest uplink that is waited for, in bytes a second of one request; several are under way at once.
const SLOWEST: u64 = 16 << 10;

/// The longest pause before the next request that a store is granted at its word.
const LONGEST_PAUSE: u64 = 30;

/// How long a server is tried that has never answered. One that is being restarted has answered before; this address is
/// probably wrong.
const STRANGER: Duration = Duration::from_secs(3);

/// How long a server is waited for that answers nobody well any more. Then each request is sent once, so that a job with
/// many files comes to its end.
const GONE: Duration = Duration::from_secs(180);

/// How often a request is repeated: for more than a minute in most cases, which is what a store's restart takes, and a busy store's
/// recovery. Requests that are refused for good are not repeated.
pub(super) fn retries() -> RetryConfig {
    RetryConfig {
        // Each pause is drawn from between the first and `base` times the last one.
        backoff: BackoffConfig { init_backoff: Duration::from_millis(200), base: 5.0, ..BackoffConfig::default() },
        max_retries: 12,
        // Signatures of requests are good for some minutes.
        retry_timeout: Duration::from_secs(180),
    }
}

/// Makes clients whose limit on silence is the read timeout of their options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patient;

impl HttpConnector for Patient {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let silence = match options.get_config_value(&ClientConfigKey::ReadTimeout) {
            None => None,
            Some(text) => Some(humantime::parse_duration(&text).map_err(|_| object_store::Error::Generic {
                store: "HTTP",
                source: format!("{text:?} is no time for a read timeout; write \"60s\"").into(),
            })?),
        };
        // That of the client underneath goes on while nobody reads, and is looked at before what has arrived.
        let client = ReqwestConnector::default().connect(&options.clone().with_read_timeout_disabled())?;
        Ok(HttpClient::new(PatientClient { client, silence }))
    }
}

#[derive(Debug)]
struct PatientClient {
    client: HttpClient,
    silence: Option<Duration>,
}

impl PatientClient {
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let answer = match self.silence {
            None => self.client.execute(request).await,
            Some(silence) => {
                let sending = Duration::from_secs(request.body().content_length() as u64 / SLOWEST);
                let limit = silence + sending;
                timeout(limit, self.client.execute(request)).await.unwrap_or_else(|_| Err(silent_for(limit)))
            }
        };
        let is_given_up = acquaintances().entry(host).or_default().learns(Outcome::of(&answer), Instant::now());
        let answer = match answer {
            Err(error) if is_given_up => return Err(final_error(Repeated(error))),
            Ok(answer) if is_given_up => return Err(final_error(Busy::of(answer).await)),
            answer => answer?,
        };
        if let Some(pause) = asked_pause(&answer) {
            sleep(pause).await;
        }
        let (head, body) = answer.into_parts();
        let body = match self.silence {
            None => body,
            Some(silence) => HttpResponseBody::new(PatientBody { body, silence, timer: None }),
        };
        Ok(HttpResponse::from_parts(head, body))
    }
}

impl HttpService for PatientClient {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.answer(request))
    }
}

/// How long a busy store asks to be left alone.
fn asked_pause(answer: &HttpResponse) -> Option<Duration> {
    if !matches!(answer.status().as_u16(), 429 | 503) {
        return None;
    }
    let seconds: u64 = answer.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST_PAUSE)))
}

/// A body that must not be silent for long while somebody reads it.
struct PatientBody {
    body: HttpResponseBody,
    silence: Duration,
    /// Runs while more is waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Body for PatientBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        // What is here counts before the time does.
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.timer = None;
            return Poll::Ready(frame);
        }
        let silence = self.silence;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(silence)));
        timer.as_mut().poll(context).map(|()| Some(Err(silent_for(silence))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn silent_for(limit: Duration) -> HttpError {
    let message = format!("timed out: the server was silent for {}", humantime::format_duration(limit));
    HttpError::new(HttpErrorKind::Timeout, std::io::Error::new(std::io::ErrorKind::TimedOut, message))
}

/// What came of a request, as far as it tells whether its server is well.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Well,
    Busy,
    Unreached,
    Lost,
}

impl Outcome {
    fn of(answer: &Result<HttpResponse, HttpError>) -> Outcome {
        match answer {
            Ok(answer) if answer.status().is_server_error() || answer.status().as_u16() == 429 => Outcome::Busy,
            Ok(_) => Outcome::Well,
            Err(error) if matches!(error.kind(), HttpErrorKind::Connect | HttpErrorKind::Timeout) => Outcome::Unreached,
            Err(_) => Outcome::Lost,
        }
    }
}

/// What is known of a server.
#[derive(Default)]
struct Acquaintance {
    has_answered: bool,
    troubled_since: Option<Instant>,
}

impl Acquaintance {
    /// Takes note of what came of a request; whether there is no use in sending it again.
    fn learns(&mut self, outcome: Outcome, now: Instant) -> bool {
        self.has_answered |= matches!(outcome, Outcome::Well | Outcome::Busy);
        if let Outcome::Well = outcome {
            self.troubled_since = None;
            return false;
        }
        let limit = match outcome {
            Outcome::Unreached if !self.has_answered => STRANGER,
            _ => GONE,
        };
        now - *self.troubled_since.get_or_insert(now) >= limit
    }
}

/// The servers that this process has turned to.
fn acquaintances() -> MutexGuard<'static, HashMap<String, Acquaintance>> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Acquaintance>>> = LazyLock::new(Mutex::default);
    // Nothing is changed there in steps.
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error after which the client above does not send the request again.
fn final_error(cause: impl Error + Send + Sync + 'static) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, cause)
}

/// The cause of an error, without its kind.
#[derive(Debug)]
struct Repeated(HttpError);

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.source() {
            Some(cause) => write!(f, "{cause}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Error for Repeated {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source().and_then(Error::source)
    }
}

/// An answer that would be asked for again, in the client's words.
#[derive(Debug, thiserror::Error)]
#[error("Server returned non-2xx status code: {status}: {body}")]
struct Busy {
    status: String,
    body: String,
}

impl Busy {
    async fn of(answer: HttpResponse) -> Busy {
        let status = answer.status().to_string();
        let body = answer.into_body().bytes().await.unwrap_or_default();
        Busy { status, body: String::from_utf8_lossy(&body).into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::sync::atomic::{AtomicU32, Ordering};

    use object_store::client::HttpRequestBody;
    use object_store::http::HttpBuilder;
    use object_store::path::Path;
    use object_store::{ObjectStore, ObjectStoreExt};

    use super::*;
    use crate::storage::connect::{StoreSettings, connect};
    use crate::storage::failure::chain;
    use crate::storage::runtime::wait;
    use crate::storage::testing::{answer_with, head, serve};
    use crate::storage::{Credentials, Pointer};

    fn options() -> ClientOptions {
        ClientOptions::new().with_allow_http(true).with_read_timeout(Duration::from_millis(300))
    }

    fn web(address: &str, retry: RetryConfig) -> Box<dyn ObjectStore> {
        let builder = HttpBuilder::new().with_url(format!("http://{address}/")).with_client_options(options());
        Box::new(builder.with_retry(retry).with_http_connector(Patient).build().unwrap())
    }

    fn get(store: Box<dyn ObjectStore>) -> object_store::Result<Bytes> {
        wait(async move { store.get(&Path::from("x")).await?.bytes().await }).unwrap()
    }

    #[test]
    fn a_server_that_falls_silent_is_given_up() {
        let address = serve(|_, stream| {
            stream.write_all(head("200 OK", 10, "").as_bytes()).unwrap();
            stream.write_all(b"01234").unwrap();
            std::thread::sleep(Duration::from_secs(2));
        });
        let begun = Instant::now();
        let error = chain(&get(web(&address, retries())).unwrap_err());
        assert!(error.contains("silent for 300ms") && begun.elapsed() < Duration::from_secs(2), "{error}");
    }

    #[test]
    fn a_busy_store_is_left_alone_for_as_long_as_it_asks() {
        let asked = AtomicU32::new(0);
        let address = serve(move |request, stream| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => stream.write_all(head("503 Slow Down", 0, "Retry-After: 2\r\n").as_bytes()).unwrap(),
            _ => answer_with(b"content", request, stream),
        });
        let begun = Instant::now();
        assert_eq!(get(web(&address, retries())).unwrap(), "content");
        assert!(begun.elapsed() >= Duration::from_secs(2));
    }

    #[test]
    fn a_store_may_be_away_for_a_while() {
        let begun = Instant::now();
        let address = serve(move |request, stream| match begun.elapsed().as_secs() {
            0..5 => stream.write_all(head("503 Service Unavailable", 0, "").as_bytes()).unwrap(),
            _ => {
                let date = "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n";
                let _ = stream.write_all(head("200 OK", 10, date).as_bytes());
                assert!(request.starts_with("HEAD"), "{request}");
            }
        });
        let Ok(Pointer::Remote(url)) = "s3://bucket/x".parse() else { panic!() };
        let settings = StoreSettings {
            endpoint: Some(format!("http://{address}")),
            region: Some("here".into()),
            credentials: Credentials::Anonymous,
            ..StoreSettings::default()
        };
        let client = connect(&url, &settings).unwrap();
        assert_eq!(wait(async move { client.store.head(&Path::from("x")).await }).unwrap().unwrap().size, 10);
    }

    #[test]
    fn a_server_that_is_gone_is_not_waited_for_by_everybody() {
        let begun = Instant::now();
        let seconds = |seconds| begun + Duration::from_secs(seconds);
        let mut server = Acquaintance::default();
        assert!(!server.learns(Outcome::Unreached, begun));
        assert!(server.learns(Outcome::Unreached, seconds(5)), "it has never answered");
        for (at, outcome, is_given_up) in [
            (6, Outcome::Busy, false),
            (10, Outcome::Unreached, false),
            (190, Outcome::Busy, true),
            (191, Outcome::Lost, true),
            // It is back.
            (192, Outcome::Well, false),
            (1000, Outcome::Unreached, false),
            (1179, Outcome::Busy, false),
            (1180, Outcome::Unreached, true),
        ] {
            assert_eq!(server.learns(outcome, seconds(at)), is_given_up, "{at}: {outcome:?}");
        }
    }

    #[test]
    fn nobody_waits_long_for_a_server_that_was_never_there() {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let begun = Instant::now();
        let error = chain(&get(web(&address.to_string(), retries())).unwrap_err());
        assert!(error.contains("onnection refused"), "{error}");
        assert!(begun.elapsed() < 6 * STRANGER, "{:?}", begun.elapsed());
    }

    #[test]
    fn sending_takes_as_long_as_it_takes() {
        const SENT: usize = 100_000;
        let address = serve(|_, stream| {
            std::thread::sleep(Duration::from_secs(1));
            let _ = stream.write_all(head("200 OK", 0, "").as_bytes());
            let _ = stream.read(&mut [0; SENT]);
        });
        for (sent, is_heard) in [(SENT, true), (0, false)] {
            let client = Patient.connect(&options()).unwrap();
            let mut request = HttpRequest::new(HttpRequestBody::from(vec![0; sent]));
            *request.uri_mut() = format!("http://{address}/").parse().unwrap();
            let answer = wait(async move { client.execute(request).await }).unwrap();
            assert_eq!(answer.is_ok(), is_heard, "{sent}");
        }
    }
}

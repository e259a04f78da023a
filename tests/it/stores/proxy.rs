//! A proxy between the program and a store that does harm by rule: the same harm in every run.

use std::io::{self, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::SockRef;

use super::http::{Kind, Message};

/// What happens to a request.
#[derive(Clone)]
pub(super) enum Fault {
    /// The connection is reset; the store never hears of the request.
    ResetBefore,
    /// The store does what it was asked to, and the connection is reset before its answer.
    ResetAfter,
    /// The connection is reset in the middle of the answer's body.
    ResetInBody,
    /// The body ends in its middle, and the connection with it, in order.
    CutShort,
    /// The body ends in its middle, and its length is told accordingly.
    Shorter,
    /// The body comes in small pieces with pauses.
    Slow,
    /// This answer in place of the store's.
    Answer(Message),
    /// The store's answer, with another etag: the object was replaced.
    OtherEtag,
    /// Something happens before the store hears of the request.
    Meanwhile(Arc<dyn Fn() + Send + Sync>),
    /// Something happens once the store has answered.
    Afterwards(Arc<dyn Fn() + Send + Sync>),
}

/// To which requests it happens.
pub(super) struct Rule {
    pub(super) kind: Kind,
    /// A part of their path or query.
    pub(super) about: &'static str,
    /// So many of them are spared at first.
    pub(super) spared: usize,
    /// Then it happens so many times.
    pub(super) times: usize,
    pub(super) fault: Fault,
}

/// Always.
pub(super) const FOREVER: usize = usize::MAX;

/// The proxy, which ends when it is dropped.
pub(super) struct Proxy {
    address: SocketAddr,
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
}

struct Inner {
    upstream: String,
    /// Each with the number of requests that it was about.
    rules: Vec<(Rule, AtomicUsize)>,
    requests: Mutex<Vec<Message>>,
    stop: AtomicBool,
}

impl Proxy {
    pub(super) fn start(upstream: &str, rules: Vec<Rule>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            upstream: upstream.to_owned(),
            rules: rules.into_iter().map(|rule| (rule, AtomicUsize::new(0))).collect(),
            requests: Mutex::new(Vec::new()),
            stop: AtomicBool::new(false),
        });
        let shared = Arc::clone(&inner);
        let serve = move || {
            for stream in listener.incoming() {
                if shared.stop.load(Ordering::Relaxed) {
                    return;
                }
                let (stream, shared) = (stream.unwrap(), Arc::clone(&shared));
                // A client that goes away is its own affair.
                let serve = move || drop(shared.serve(&stream));
                std::thread::Builder::new().spawn(serve).unwrap();
            }
        };
        let thread = Some(std::thread::Builder::new().spawn(serve).unwrap());
        Proxy { address, inner, thread }
    }

    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// How often the first rule has done its harm.
    pub(super) fn done(&self) -> usize {
        let (rule, seen) = &self.inner.rules[0];
        seen.load(Ordering::Relaxed).saturating_sub(rule.spared).min(rule.times)
    }

    /// The requests so far, without their bodies.
    pub(super) fn requests(&self) -> Vec<Message> {
        self.inner.requests.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.inner.stop.store(true, Ordering::Relaxed);
        // Wakes the thread, so that it sees the wish to stop.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Inner {
    /// The fault of a request.
    fn fault(&self, request: &Message, kind: Kind) -> Option<&Fault> {
        let target = request.decoded_target();
        let (rule, seen) = self.rules.iter().find(|(rule, _)| rule.kind == kind && target.contains(rule.about))?;
        let number = seen.fetch_add(1, Ordering::Relaxed);
        (number >= rule.spared && number - rule.spared < rule.times).then_some(&rule.fault)
    }

    /// Serves a connection to its end.
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        let mut requests = BufReader::new(stream);
        while let Some(request) = Message::read_request(&mut requests)? {
            let kind = request.kind();
            self.requests.lock().unwrap().push(Message { body: Vec::new(), ..request.clone() });
            if !self.answer(stream, &request, kind)? {
                return stream.shutdown(Shutdown::Both);
            }
        }
        Ok(())
    }

    /// Answers a request; whether the connection goes on.
    fn answer(&self, mut stream: &TcpStream, request: &Message, kind: Kind) -> io::Result<bool> {
        let fault = self.fault(request, kind);
        match fault {
            Some(Fault::ResetBefore) => return reset(stream),
            Some(Fault::Answer(answer)) => {
                let mut answer = answer.clone();
                answer.set("content-length", &answer.body.len().to_string());
                if kind == Kind::Head {
                    answer.body.clear();
                }
                return answer.write(&mut stream).map(|()| true);
            }
            Some(Fault::Meanwhile(happens)) => happens(),
            _ => {}
        }
        let mut answer = self.ask(request, kind)?;
        let middle = answer.body.len() / 2;
        match fault {
            Some(Fault::ResetAfter) => return reset(stream),
            Some(Fault::ResetInBody | Fault::CutShort) => {
                stream.write_all(&answer.head())?;
                stream.write_all(&answer.body[..middle])?;
                return if matches!(fault, Some(Fault::CutShort)) { Ok(false) } else { reset(stream) };
            }
            Some(Fault::Slow) => {
                stream.write_all(&answer.head())?;
                for piece in answer.body.chunks(answer.body.len().div_ceil(20).max(1)) {
                    stream.write_all(piece)?;
                    std::thread::sleep(Duration::from_millis(5));
                }
                return Ok(true);
            }
            Some(Fault::Shorter) => {
                answer.body.truncate(middle);
                answer.set("content-length", &middle.to_string());
            }
            Some(Fault::OtherEtag) => answer.set("etag", "\"another\""),
            Some(Fault::Afterwards(happens)) => happens(),
            _ => {}
        }
        answer.write(&mut stream)?;
        Ok(true)
    }

    /// The store's answer.
    fn ask(&self, request: &Message, kind: Kind) -> io::Result<Message> {
        let mut upstream = TcpStream::connect(&self.upstream)?;
        let mut request = request.clone();
        request.set("connection", "close");
        request.write(&mut upstream)?;
        let mut answer = Message::read_answer(&mut BufReader::new(upstream), kind)?;
        answer.headers.retain(|(name, _)| !["connection", "keep-alive"].contains(&name.to_lowercase().as_str()));
        // The emulator of Google's store speaks an older version.
        answer.first = answer.first.replacen("HTTP/1.0", "HTTP/1.1", 1);
        Ok(answer)
    }
}

/// Ends a connection by a reset: what was sent may never be read.
fn reset(stream: &TcpStream) -> io::Result<bool> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
    Err(io::ErrorKind::ConnectionReset.into())
}

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// How a web server differs from the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    /// It knows HEAD and tells lengths.
    Good,
    /// It refuses HEAD, as for an address that is signed for GET alone.
    OnlyGet,
    /// It refuses HEAD and sends a body of unknown length.
    NoLength,
}

/// A web server on this machine with one file, which ends when it is dropped.
pub(crate) struct WebServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl WebServer {
    pub(crate) fn start(path: &str, body: impl Into<Vec<u8>>, manners: Manners) -> WebServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (path, body, stopped) = (path.to_owned(), body.into(), Arc::clone(&stop));
        let serve = move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // A client that goes away in the middle is its own affair.
                let _ = answer(&stream.unwrap(), &path, &body, manners);
            }
        };
        let thread = Some(std::thread::Builder::new().spawn(serve).unwrap());
        WebServer { address, stop, thread }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread, so that it sees the wish to stop.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers one request and closes the connection.
fn answer(mut stream: &TcpStream, path: &str, body: &[u8], manners: Manners) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut range = None;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            range = bytes.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok())));
        }
    }
    let (method, target) = request.split_once(' ').unwrap_or_default();
    let is_there = target.split([' ', '?']).next() == Some(path);
    let head = method == "HEAD";
    let (status, part) = match (is_there, head, manners, range) {
        (false, ..) => ("404 Not Found", &b""[..]),
        (_, true, Manners::OnlyGet | Manners::NoLength, _) => ("403 Forbidden", &b""[..]),
        (_, _, Manners::Good, Some((from, to))) => {
            let from: usize = from;
            let end = to.map_or(body.len(), |to: usize| (to + 1).min(body.len()));
            ("206 Partial Content", &body[from.min(end)..end])
        }
        _ => ("200 OK", body),
    };
    let mut answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    if manners != Manners::NoLength || !is_there {
        answer.push_str(&format!("Content-Length: {}\r\n", part.len()));
    }
    if let (Some((from, _)), "206 Partial Content") = (range, status) {
        answer.push_str(&format!("Content-Range: bytes {from}-{}/{}\r\n", from + part.len() - 1, body.len()));
    }
    answer.push_str("\r\n");
    stream.write_all(answer.as_bytes())?;
    if !head {
        stream.write_all(part)?;
    }
    stream.flush()
}

//! Inputs of very many objects: listed while they are read, in bounded memory.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use crate::support::{Run, Scene};

/// Keys of a page of a listing, as S3 sends them.
const PAGE: usize = 1000;

/// What every object holds.
const CONTENT: &str = "id,x\na,1.5\n";

/// A store of many small objects that speaks as much of S3's protocol as reading needs.
struct ManyObjects {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    objects: usize,
    /// Pages from this one on are held back until an object has been read.
    held_from: usize,
    was_read: Mutex<bool>,
    reading: Condvar,
    pages: AtomicUsize,
    stop: AtomicBool,
}

impl ManyObjects {
    fn start(objects: usize, held_from: usize) -> ManyObjects {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            objects,
            held_from,
            was_read: Mutex::default(),
            reading: Condvar::new(),
            pages: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        let accept = move || {
            for stream in listener.incoming() {
                if shared.stop.load(Ordering::Relaxed) {
                    return;
                }
                let (state, stream) = (Arc::clone(&shared), stream.unwrap());
                // A client that goes away in the middle is its own affair.
                std::thread::Builder::new().spawn(move || state.serve(&stream).unwrap_or_default()).unwrap();
            }
        };
        std::thread::Builder::new().spawn(accept).unwrap();
        ManyObjects { address, state }
    }

    fn run<'a>(&self, scene: &'a Scene) -> Run<'a> {
        scene.write("model.scripted", "");
        scene
            .run()
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT", &format!("http://{}", self.address))
            .model("model.scripted")
            .input("s3://bucket/in/")
    }
}

impl Drop for ManyObjects {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    /// Answers the requests of one connection.
    fn serve(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream).lines();
        while let Some(request) = lines.next().transpose()? {
            while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
            let target = request.split(' ').nth(1).unwrap_or_default();
            let body = match target.split_once('?') {
                Some((_, query)) if query.contains("list-type=2") => self.page(query),
                _ => {
                    *self.was_read.lock().unwrap() = true;
                    self.reading.notify_all();
                    CONTENT.to_owned()
                }
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes())?;
            stream.write_all(body.as_bytes())?;
        }
        Ok(())
    }

    fn page(&self, query: &str) -> String {
        let token = query.split('&').find_map(|pair| pair.strip_prefix("continuation-token="));
        let number: usize = token.map_or(0, |token| token.parse().unwrap());
        if number >= self.held_from {
            let mut was_read = self.was_read.lock().unwrap();
            while !*was_read {
                was_read = self.reading.wait(was_read).unwrap();
            }
        }
        self.pages.fetch_max(number + 1, Ordering::Relaxed);
        let first = number * PAGE;
        let end = (first + PAGE).min(self.objects);
        let mut text = String::from("<?xml version=\"1.0\"?><ListBucketResult>");
        for object in first..end {
            text.push_str(&format!(
                "<Contents><Key>in/day={:04}/{object:08}.csv</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"e\"</ETag>\
                 <Size>{}</Size></Contents>",
                object / 100,
                CONTENT.len()
            ));
        }
        let more = end < self.objects;
        text.push_str(&format!("<KeyCount>{}</KeyCount><IsTruncated>{more}</IsTruncated>", end - first));
        if more {
            text.push_str(&format!("<NextContinuationToken>{}</NextContinuationToken>", number + 1));
        }
        text.push_str("</ListBucketResult>");
        text
    }
}

#[test]
fn the_first_objects_are_scored_before_the_last_are_listed() {
    let scene = Scene::new();
    // The store says nothing of most of its objects before one has been read.
    let store = ManyObjects::start(100_000, 40);
    let ended = store.run(&scene).args(&["--limit", "3", "-v"]).ok();
    assert_eq!(ended.counts(), (3, 3, 0));
    assert_eq!(ended.result("input")["is_listed"], false);
    ended.says(&["at least"]);
}

#[test]
fn every_object_of_a_long_listing_is_accounted_for_in_bounded_memory() {
    let scene = Scene::new();
    let peak = |objects: usize| {
        let store = ManyObjects::start(objects, usize::MAX);
        let ended = store.run(&scene).args(&["--where", "day = 7", "--overwrite"]).ok();
        assert_eq!(ended.counts(), (100, 100, 0));
        assert_eq!(ended.count("files_passed_over"), objects as u64 - 100);
        assert_eq!(ended.result("input")["files"], objects);
        assert_eq!(ended.result("input")["is_listed"], true);
        assert_eq!(store.state.pages.load(Ordering::Relaxed), objects / PAGE);
        ended.result("peak_memory_bytes").as_u64().unwrap()
    };
    let (short, long) = (peak(50_000), peak(200_000));
    assert!(long < short + short / 4, "{long} bytes at the peak for 200,000 objects, {short} for 50,000");
}

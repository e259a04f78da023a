//! What the tests of this room share.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::TryStreamExt;
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};
use object_store::memory::InMemory;
use object_store::{ListResult, ObjectMeta, ObjectStore, ObjectStoreExt};

use super::RemoteObject;
use super::connect::{Client, Creating, Parts};
use super::place::{RemotePlace, StoreKind};
use super::runtime::wait;

/// A folder that is removed at the end of a test.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("batchscore-test-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file below the folder and returns its path.
    pub(crate) fn file(&self, name: impl AsRef<Path>, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Starts a server that has each request answered by `answer`, on a connection of its own; gives its address. The request
/// is its first line and its headers in lower case.
pub(in crate::storage) fn serve(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = Arc::new(answer);
    let accept = move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), Arc::clone(&answer));
            let converse = move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let first = lines.next().unwrap_or_default();
                let headers: Vec<_> = lines.take_while(|line| !line.is_empty()).map(|l| l.to_lowercase()).collect();
                answer(&format!("{first}\n{}", headers.join("\n")), &mut stream);
            };
            std::thread::Builder::new().spawn(converse).unwrap();
        }
    };
    std::thread::Builder::new().spawn(accept).unwrap();
    address
}

/// The head of an answer on a connection that then ends; `more` are lines of headers.
pub(in crate::storage) fn head(status: &str, length: usize, more: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n")
}

/// Answers a GET of `content`, or of a range of it.
pub(in crate::storage) fn answer_with(content: &[u8], request: &str, stream: &mut impl Write) {
    const ETAG: &str = "ETag: \"e\"\r\n";
    let range = request.split("range: bytes=").nth(1).and_then(|rest| rest.lines().next()?.split_once('-'));
    let (head, part) = match range {
        None => (head("200 OK", content.len(), ETAG), content),
        Some((start, end)) => {
            let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
            let end = (end + 1).min(content.len());
            let told = format!("{ETAG}Content-Range: bytes {start}-{}/{}\r\n", end - 1, content.len());
            (head("206 Partial Content", end - start, &told), &content[start..end])
        }
    };
    // A client that goes away in the middle is its own affair.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(part));
}

/// A store in memory that holds these objects, seen from `path`.
pub(in crate::storage) fn memory_place(objects: &[(&str, &[u8])], path: &str) -> RemotePlace {
    let store = Arc::new(InMemory::new());
    for (name, content) in objects {
        let (store, name, content) =
            (Arc::clone(&store), object_store::path::Path::parse(name).unwrap(), content.to_vec());
        wait(async move { store.put(&name, content.into()).await }).unwrap().unwrap();
    }
    let parts = Some(Parts { store: store.clone(), creating: Creating::ByCopy });
    let pages = Arc::new(MemoryPages(store.clone()));
    RemotePlace {
        client: Arc::new(Client { kind: StoreKind::S3, store, pages, parts, reads: true }),
        root: "memory://test/".into(),
        path: object_store::path::Path::parse(path).unwrap(),
        is_prefix: path.ends_with('/'),
    }
}

/// Lists a store in memory as stores do, a few objects at a time.
struct MemoryPages(Arc<InMemory>);

impl PaginatedListStore for MemoryPages {
    fn list_paginated<'a, 'b, 'c>(
        &'a self,
        prefix: Option<&'b str>,
        options: PaginatedListOptions,
    ) -> Pin<Box<dyn Future<Output = object_store::Result<PaginatedListResult>> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let mut objects: Vec<ObjectMeta> = self.0.list(None).try_collect().await?;
            objects.retain(|meta| meta.location.as_ref().starts_with(prefix.unwrap_or_default()));
            objects.sort_by(|a, b| a.location.as_ref().cmp(b.location.as_ref()));
            let behind = options.page_token.or(options.offset).unwrap_or_default();
            objects.retain(|meta| meta.location.as_ref() > behind.as_str());
            let most = options.max_keys.unwrap_or(3);
            let page_token = (objects.len() > most).then(|| objects[most - 1].location.to_string());
            objects.truncate(most);
            let result = ListResult { objects, common_prefixes: Vec::new(), extensions: Default::default() };
            Ok(PaginatedListResult { result, page_token })
        })
    }
}

/// The names of all objects of a place's store, sorted.
pub(in crate::storage) fn memory_names(place: &RemotePlace) -> Vec<String> {
    let listed = place.store().list(None).map_ok(|meta| meta.location.to_string());
    let mut names: Vec<String> = wait(async move { listed.try_collect().await }).unwrap().unwrap();
    names.sort();
    names
}

pub(in crate::storage) fn memory_object(name: &str, content: &[u8]) -> RemoteObject {
    let place = memory_place(&[(name, content)], name);
    RemoteObject::in_store(&place.client, &place.root, place.path.clone())
}

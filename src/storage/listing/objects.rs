use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use tokio::sync::Semaphore;

use super::StorageError;
use crate::storage::failure::{chain, failure, was_lost};
use crate::storage::place::RemotePlace;
use crate::storage::runtime::spawn;

/// So many objects are put in order before the first one is given away; a shorter listing comes in order whatever the store.
const WINDOW: usize = 20_000;

/// Pages of a listing that may wait to be read.
const PAGES_AHEAD: usize = 8;

/// Objects of a page; stores send a thousand at a time.
const PAGE: usize = 1000;

/// How often in a row an answer may break off.
const BREAKS: u32 = 4;

/// The pause after an answer broke off; longer after each further one.
const PAUSE: Duration = Duration::from_millis(200);

/// What the client's errors about requests say that it has repeated itself.
const ASKED: &str = "Error performing";

/// The objects below a prefix, by the bytes of their paths, fetched a few pages ahead.
///
/// Stores list in this order (S3: ListObjectsV2, general purpose buckets; Azure: List Blobs; Google: Objects list). Where
/// one does not, all objects are put in order first, if it shows early; else the listing ends with an error.
pub(super) struct Objects {
    place: RemotePlace,
    prefix: Path,
    pages: mpsc::Receiver<Vec<object_store::Result<ObjectMeta>>>,
    room: Arc<Semaphore>,
    /// What was received and not yet given away.
    here: std::vec::IntoIter<object_store::Result<ObjectMeta>>,
    /// The path given away last.
    last: Option<Path>,
    has_begun: bool,
}

impl Objects {
    /// Begins to list.
    pub(super) fn below(place: &RemotePlace, prefix: &Path) -> Objects {
        let (sender, pages) = mpsc::channel();
        let room = Arc::new(Semaphore::new(PAGES_AHEAD));
        let (permits, store, path) = (Arc::clone(&room), place.store(), prefix.clone());
        // Without a runtime no page comes, which looks like an empty listing; but then nothing else works either.
        let _ = spawn(async move {
            let pages = Pages { store, prefix: path, permits, sender };
            // When nobody listens any more there is nothing to do.
            let _ = pages.send_all().await;
        });
        Objects {
            place: place.clone(),
            prefix: prefix.clone(),
            pages,
            room,
            here: Vec::new().into_iter(),
            last: None,
            has_begun: false,
        }
    }

    fn next_page(&mut self) -> Option<Vec<object_store::Result<ObjectMeta>>> {
        let page = self.pages.recv().ok()?;
        self.room.add_permits(1);
        Some(page)
    }

    /// Puts the beginning of the listing in order, or all of it if it is not in order by itself.
    fn begin(&mut self) -> Result<(), StorageError> {
        let mut first: Vec<ObjectMeta> = Vec::new();
        let mut is_in_order = true;
        while first.len() < WINDOW || !is_in_order {
            let Some(page) = self.next_page() else { break };
            for meta in page {
                let meta = meta.map_err(|error| self.failed(&error))?;
                is_in_order &= first.last().is_none_or(|last| last.location.as_ref() <= meta.location.as_ref());
                first.push(meta);
            }
        }
        first.sort_unstable_by(|a, b| a.location.as_ref().cmp(b.location.as_ref()));
        self.here = first.into_iter().map(Ok).collect::<Vec<_>>().into_iter();
        self.has_begun = true;
        Ok(())
    }

    fn step(&mut self) -> Result<Option<ObjectMeta>, StorageError> {
        if !self.has_begun {
            self.begin()?;
        }
        let next = loop {
            match self.here.next() {
                Some(next) => break next.map_err(|error| self.failed(&error))?,
                None => match self.next_page() {
                    Some(page) => self.here = page.into_iter(),
                    None => return Ok(None),
                },
            }
        };
        if let Some(last) = self.last.replace(next.location.clone())
            && last.as_ref() > next.location.as_ref()
        {
            return Err(StorageError::Unsupported {
                object: self.place.display(&self.prefix),
                reason: format!(
                    "its store does not list in the order of names ({last} comes before {}), which results would depend on; \
                     name its folders one by one, or write a manifest",
                    next.location
                ),
            });
        }
        Ok(Some(next))
    }

    fn failed(&self, error: &object_store::Error) -> StorageError {
        failure(&self.place.display(&self.prefix), "listed", self.place.kind(), error)
    }
}

/// The side that asks the store.
struct Pages {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    permits: Arc<Semaphore>,
    sender: mpsc::Sender<Vec<object_store::Result<ObjectMeta>>>,
}

/// Nobody listens any more.
struct Unheard;

impl Pages {
    /// Sends all pages. A listing that breaks off in the middle of an answer, which the client does not ask for again, goes
    /// on behind the last object.
    async fn send_all(self) -> Result<(), Unheard> {
        let mut last: Option<Path> = None;
        let mut is_in_order = true;
        let mut broken = 0;
        loop {
            let listing = match &last {
                None => self.store.list(Some(&self.prefix)),
                Some(last) => self.store.list_with_offset(Some(&self.prefix), last),
            };
            let mut pages = listing.ready_chunks(PAGE);
            let mut error = None;
            while error.is_none()
                && let Some(page) = pages.next().await
            {
                let mut found = Vec::with_capacity(page.len());
                for meta in page {
                    match meta {
                        Ok(meta) => {
                            is_in_order &= last.as_ref().is_none_or(|last| last.as_ref() <= meta.location.as_ref());
                            last = Some(meta.location.clone());
                            broken = 0;
                            found.push(Ok(meta));
                        }
                        Err(cause) => {
                            error = Some(cause);
                            break;
                        }
                    }
                }
                self.send(found).await?;
            }
            match error {
                None => return Ok(()),
                // Of requests that were not answered at all the client has made several already.
                Some(error) if broken < BREAKS && is_in_order && was_lost(&error) && !chain(&error).contains(ASKED) => {
                    broken += 1;
                    tokio::time::sleep(PAUSE * broken).await;
                }
                Some(error) => return self.send(vec![Err(error)]).await,
            }
        }
    }

    async fn send(&self, page: Vec<object_store::Result<ObjectMeta>>) -> Result<(), Unheard> {
        // It is closed when nobody listens any more.
        self.permits.acquire().await.map_err(|_| Unheard)?.forget();
        self.sender.send(page).map_err(|_| Unheard)
    }
}

impl Iterator for Objects {
    type Item = Result<ObjectMeta, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        self.room.close();
    }
}

use std::sync::{Arc, mpsc};

use tokio::sync::Semaphore;

use super::StorageError;
use super::pages::{Listed, Page, Pages};
use crate::storage::failure::failure;
use crate::storage::place::RemotePlace;
use crate::storage::remote_object::lost;
use crate::storage::runtime::spawn;

/// So many objects are put in order before the first one is given away; a shorter listing comes in order whatever the store.
const WINDOW: usize = 20_000;

/// Pages of a listing that may wait to be read.
const PAGES_AHEAD: usize = 8;

/// The objects whose keys begin with a prefix, by the bytes of their paths, fetched a few pages ahead.
///
/// Stores list in this order (S3: ListObjectsV2, general purpose buckets; Azure: List Blobs; Google: Objects list). Where
/// one does not, all objects are put in order first, if it shows early; else the listing ends with an error.
pub(super) struct Objects {
    place: RemotePlace,
    prefix: String,
    pages: mpsc::Receiver<Page>,
    room: Arc<Semaphore>,
    /// What was received and not yet given away.
    here: std::vec::IntoIter<Listed>,
    /// The path given away last.
    last: Option<String>,
    has_begun: bool,
    has_ended: bool,
}

impl Objects {
    /// Begins to list.
    pub(super) fn with_prefix(place: &RemotePlace, prefix: String) -> Objects {
        let (sender, pages) = mpsc::channel();
        let room = Arc::new(Semaphore::new(PAGES_AHEAD));
        let asking = Pages::new(Arc::clone(&place.client.pages), prefix.clone());
        // Without a runtime the channel is closed before the end, which is an error.
        let _ = spawn(asking.send_all(Arc::clone(&room), sender));
        Objects {
            place: place.clone(),
            prefix,
            pages,
            room,
            here: Vec::new().into_iter(),
            last: None,
            has_begun: false,
            has_ended: false,
        }
    }

    fn next_page(&mut self) -> Result<Option<Vec<Listed>>, StorageError> {
        if self.has_ended {
            return Ok(None);
        }
        let page = self.pages.recv();
        self.room.add_permits(1);
        match page {
            Ok(Page::Objects(page)) => Ok(Some(page)),
            Ok(Page::End) => {
                self.has_ended = true;
                Ok(None)
            }
            Ok(Page::Failed(error)) => Err(self.failed(&error)),
            // Without an end the task has not come to it.
            Err(mpsc::RecvError) => Err(self.failed(&lost())),
        }
    }

    /// Puts the beginning of the listing in order, or all of it if it is not in order by itself.
    fn begin(&mut self) -> Result<(), StorageError> {
        let mut first: Vec<Listed> = Vec::new();
        let mut is_in_order = true;
        while first.len() < WINDOW || !is_in_order {
            let Some(page) = self.next_page()? else { break };
            for listed in page {
                is_in_order &= first.last().is_none_or(|last| last.path() <= listed.path());
                first.push(listed);
            }
        }
        first.sort_by(|a, b| a.path().cmp(b.path()));
        self.here = first.into_iter();
        self.has_begun = true;
        Ok(())
    }

    fn step(&mut self) -> Result<Option<Listed>, StorageError> {
        if !self.has_begun {
            self.begin()?;
        }
        let next = loop {
            match self.here.next() {
                Some(next) => break next,
                None => match self.next_page()? {
                    Some(page) => self.here = page.into_iter(),
                    None => return Ok(None),
                },
            }
        };
        if let Some(last) = self.last.replace(next.path().to_owned())
            && last.as_str() > next.path()
        {
            return Err(StorageError::Unsupported {
                object: format!("{}{}", self.place.root, self.prefix),
                reason: format!(
                    "its store does not list in the order of names ({last} comes before {}), which results would depend on; \
                     name its folders one by one, or write a manifest",
                    next.path()
                ),
            });
        }
        Ok(Some(next))
    }

    fn failed(&self, error: &object_store::Error) -> StorageError {
        let prefix = self.prefix.trim_end_matches('/');
        failure(&format!("{}{prefix}", self.place.root), "listed", self.place.kind(), error)
    }
}

impl Iterator for Objects {
    type Item = Result<Listed, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        self.room.close();
    }
}

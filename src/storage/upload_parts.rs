use std::sync::Arc;

use bytes::Bytes;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{Attributes, MultipartId, MultipartUpload, PutMultipartOptions};
use tokio::task::JoinSet;

use super::connect::Client;
use super::place::StoreKind;
use super::repeats::Repeats;

/// An upload of which parts have been sent.
pub(super) struct Begun {
    pub(super) path: Path,
    way: Way,
    /// How many parts there are.
    count: usize,
    under_way: JoinSet<object_store::Result<Option<(usize, PartId)>>>,
}

/// How the store keeps parts together.
enum Way {
    /// By an id that it gave the upload; `done` has what it calls the parts.
    ById { store: Arc<dyn MultipartStore>, id: MultipartId, done: Vec<Option<PartId>> },
    /// By the completion, which names them: Azure. What is to be known of the object is told then, too.
    AtTheEnd(Box<dyn MultipartUpload>),
}

impl Begun {
    /// Begins an upload; `attributes` are what is to be known of the object.
    pub(super) async fn begin(client: &Client, path: Path, attributes: Attributes) -> object_store::Result<Begun> {
        let Some(parts) = &client.parts else {
            return Err(object_store::Error::NotImplemented {
                operation: "uploads".to_owned(),
                implementer: client.store.to_string(),
            });
        };
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let way = match client.kind {
            StoreKind::Azure => Way::AtTheEnd(client.store.put_multipart_opts(&path, options).await?),
            _ => {
                let store = Arc::clone(&parts.store);
                let mut repeats = Repeats::default();
                let id = loop {
                    match store.create_multipart_opts(&path, options.clone()).await {
                        // What the store may have begun all the same, it lets expire.
                        Err(error) if repeats.again(&error).await => {}
                        begun => break begun?,
                    }
                };
                Way::ById { store, id, done: Vec::new() }
            }
        };
        Ok(Begun { path, way, count: 0, under_way: JoinSet::new() })
    }

    /// How many parts there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Sends one more part; returns when no more than `waiting` are under way.
    pub(super) async fn send(&mut self, part: Bytes, waiting: usize) -> object_store::Result<()> {
        let index = self.count;
        self.count += 1;
        match &mut self.way {
            Way::ById { store, id, done } => {
                done.push(None);
                let (store, path, id) = (Arc::clone(store), self.path.clone(), id.clone());
                self.under_way.spawn(async move {
                    store.put_part(&path, &id, index, part.into()).await.map(|part| Some((index, part)))
                });
            }
            Way::AtTheEnd(upload) => {
                let sent = upload.put_part(part.into());
                self.under_way.spawn(async move { sent.await.map(|()| None) });
            }
        }
        self.drain(waiting).await
    }

    /// Returns when no more than `waiting` parts are under way.
    pub(super) async fn drain(&mut self, waiting: usize) -> object_store::Result<()> {
        while self.under_way.len() > waiting {
            let Some(sent) = self.under_way.join_next().await else { break };
            let sent = sent.map_err(|source| object_store::Error::JoinError { source })??;
            if let (Some((index, part)), Way::ById { done, .. }) = (sent, &mut self.way) {
                done[index] = Some(part);
            }
        }
        Ok(())
    }

    /// Makes one object of the parts, by `store` in place of the own one, if it is given.
    pub(super) async fn complete(&mut self, by: Option<Arc<dyn MultipartStore>>) -> object_store::Result<()> {
        match &mut self.way {
            Way::ById { store, id, done } => {
                let parts = done.iter().flatten().cloned().collect();
                by.as_ref().unwrap_or(store).complete_multipart(&self.path, id, parts).await.map(drop)
            }
            Way::AtTheEnd(upload) => upload.complete().await.map(drop),
        }
    }

    /// Has the store forget the parts.
    pub(super) async fn abort(mut self) -> object_store::Result<()> {
        self.under_way.shutdown().await;
        match &mut self.way {
            Way::ById { store, id, .. } => store.abort_multipart(&self.path, id).await,
            Way::AtTheEnd(upload) => upload.abort().await,
        }
    }
}

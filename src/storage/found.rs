use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::{TryStreamExt, stream};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};

use super::failure::{is_refusal, was_lost};
use super::http::PlainGet;
use super::reader::ByteStream;

/// Larger objects are read in stretches of this size, several at a time: one connection of a cloud's store gives some 50
/// to 100 MB a second, and a distant one pauses before each answer.
pub(super) const STRETCH: u64 = 4 << 20;

/// How often in a row an answer may break off that says no more than before.
pub(super) const BREAKS: u32 = 4;

/// The pause after an answer broke off; longer after each further one.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// What is known of an object before it is read.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    /// Reads are bound to it.
    pub(super) version: Option<Version>,
    /// Whether parts of it can be asked for.
    pub(super) has_ranges: bool,
    /// How to read it when the server does not tell its length.
    pub(super) plain: Option<PlainGet>,
}

/// Which content an object had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) size: u64,
    pub(super) etag: Option<String>,
}

impl From<&ObjectMeta> for Version {
    fn from(meta: &ObjectMeta) -> Self {
        Version { size: meta.size, etag: meta.e_tag.clone() }
    }
}

impl Found {
    pub(super) fn size(&self) -> u64 {
        self.version.as_ref().map_or(0, |version| version.size)
    }

    /// All of it at once, which must not be large.
    pub(super) async fn whole(&self) -> object_store::Result<Bytes> {
        Ok(join(self.get(None).await?.try_collect().await?))
    }

    /// A stretch of it. An answer that breaks off is gone on with where it did, however long ago it began.
    pub(super) async fn stretch(&self, range: Range<u64>) -> object_store::Result<Bytes> {
        let mut parts = Vec::new();
        let mut at = range.start;
        let mut broken = 0;
        loop {
            // Of requests that are not answered at all the client has made several.
            let mut body = self.get(Some(at..range.end)).await?;
            let error = loop {
                match body.try_next().await {
                    Ok(Some(bytes)) => {
                        at += bytes.len() as u64;
                        broken = 0;
                        parts.push(bytes);
                    }
                    Ok(None) if at == range.end => return Ok(join(parts)),
                    Ok(None) => break cut_short(at - range.start, range.end - range.start),
                    Err(error) => break error,
                }
            };
            if at >= range.end || broken == BREAKS || !was_lost(&error) {
                return Err(error);
            }
            broken += 1;
            tokio::time::sleep(PAUSE * broken).await;
        }
    }

    /// All of it as one body. A server that knows no stretches is asked for all of it again when the body breaks off, if
    /// it is known to be the same.
    pub(super) async fn body(self) -> object_store::Result<ByteStream> {
        let body = self.get(None).await?;
        if self.has_ranges || self.version.as_ref().is_none_or(|version| version.etag.is_none()) {
            return Ok(body);
        }
        let begun = Begun { found: self, body, read: 0, again: 0, broken: 0 };
        Ok(Box::pin(stream::try_unfold(begun, |mut begun| async move {
            Ok(begun.next().await?.map(|bytes| (bytes, begun)))
        })))
    }

    /// Starts a request, for all of it or a stretch, and sees to it that it is the content that was listed.
    pub(super) async fn get(&self, range: Option<Range<u64>>) -> object_store::Result<ByteStream> {
        let options = GetOptions {
            range: range.clone().map(GetRange::Bounded),
            if_match: self.version.as_ref().and_then(|version| strong(version.etag.as_deref()?)),
            ..GetOptions::default()
        };
        let answer = self.store.get_opts(&self.path, options).await?;
        self.check(&answer.meta)?;
        let whole = answer.range.end - answer.range.start;
        let body = answer.into_stream();
        if range.is_some() {
            return Ok(body);
        }
        // A body that is shorter than it was said to be must not pass for the whole.
        let counted = stream::try_unfold((body, 0, self.clone()), move |(mut body, read, found)| async move {
            match body.try_next().await {
                Ok(Some(bytes)) => {
                    let read = read + bytes.len() as u64;
                    Ok(Some((bytes, (body, read, found))))
                }
                Ok(None) if read < whole => Err(cut_short(read, whole)),
                Ok(None) => Ok(None),
                // The client does not go on with another content, and then tells what broke the first one off.
                Err(error) => Err(found.other_content().await.unwrap_or(error)),
            }
        });
        Ok(Box::pin(counted))
    }
}

/// A body that can only be had from its start.
struct Begun {
    found: Found,
    body: ByteStream,
    /// So many bytes have been given away.
    read: u64,
    /// So many bytes of the body at hand are among them.
    again: u64,
    broken: u32,
}

impl Begun {
    async fn next(&mut self) -> object_store::Result<Option<Bytes>> {
        loop {
            match self.body.try_next().await {
                Ok(Some(mut bytes)) => {
                    let known = (self.read - self.again).min(bytes.len() as u64);
                    self.again += bytes.len() as u64;
                    bytes.advance(known as usize);
                    if !bytes.is_empty() {
                        self.read = self.again;
                        self.broken = 0;
                        return Ok(Some(bytes));
                    }
                }
                Ok(None) => return Ok(None),
                Err(error) if self.broken == BREAKS || !was_lost(&error) => return Err(error),
                Err(_) => {
                    self.broken += 1;
                    tokio::time::sleep(PAUSE * self.broken).await;
                    (self.body, self.again) = (self.found.get(None).await?, 0);
                }
            }
        }
    }
}

/// What a store says of an object. A refusal of HEAD has no body that would tell the reason, so that a byte is asked for.
pub(super) async fn look(store: &dyn ObjectStore, path: &Path) -> object_store::Result<ObjectMeta> {
    let refusal = match store.head(path).await {
        Err(error) if is_refusal(&error) => error,
        answer => return answer,
    };
    let first_byte = GetOptions { range: Some(GetRange::Bounded(0..1)), ..GetOptions::default() };
    match store.get_opts(path, first_byte).await {
        Ok(answer) => Ok(answer.meta),
        Err(error) if is_refusal(&error) || matches!(error, object_store::Error::NotFound { .. }) => Err(error),
        Err(_) => Err(refusal),
    }
}

/// One piece of memory; a single part is not copied.
fn join(parts: Vec<Bytes>) -> Bytes {
    match <[Bytes; 1]>::try_from(parts) {
        Ok([bytes]) => bytes,
        Err(parts) => parts.concat().into(),
    }
}

impl Found {
    /// Refuses an object that is not the one that was listed.
    fn check(&self, meta: &ObjectMeta) -> object_store::Result<()> {
        let Some(version) = &self.version else { return Ok(()) };
        let other_etag = match (&version.etag, &meta.e_tag) {
            (Some(listed), Some(found)) => bare(listed) != bare(found),
            _ => false,
        };
        if other_etag || meta.size != version.size {
            return Err(object_store::Error::Precondition {
                path: self.path.to_string(),
                source: "its content is another one than when it was listed".into(),
            });
        }
        Ok(())
    }

    /// The error about an object that is not what was listed any more, if it is so.
    async fn other_content(&self) -> Option<object_store::Error> {
        let options = GetOptions { range: Some(GetRange::Bounded(0..1)), ..GetOptions::default() };
        self.check(&self.store.get_opts(&self.path, options).await.ok()?.meta).err()
    }
}

fn cut_short(read: u64, whole: u64) -> object_store::Error {
    object_store::Error::Generic {
        store: "remote",
        source: format!("its body ended after {read} of {whole} bytes").into(),
    }
}

/// The tag for a request that names it; weak tags cannot be named there.
fn strong(etag: &str) -> Option<String> {
    match etag {
        _ if etag.starts_with("W/") => None,
        _ if etag.starts_with('"') => Some(etag.to_owned()),
        // Lists of Azure leave the quotes out.
        _ => Some(format!("\"{etag}\"")),
    }
}

/// The tag without what differs between the places where it is told.
fn bare(etag: &str) -> &str {
    etag.trim_start_matches("W/").trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_without_their_dress() {
        assert_eq!(strong("W/\"x\""), None);
        assert_eq!(strong("0x1").as_deref(), Some("\"0x1\""));
        assert_eq!(strong("\"x\"").as_deref(), Some("\"x\""));
        assert_eq!(bare("W/\"x\""), bare("x"));
    }
}

use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path;
use object_store::{Attribute, Attributes, GetOptions, ObjectStore, ObjectStoreExt};

use super::repeats::Repeats;

/// Metadata by which an object is known as the one that an upload made. The name is one that all stores take.
const MARK: &str = "batchscoreupload";

/// How long a store may take to copy an object after it has said yes. Within an account it needs no time.
const COPYING: Duration = Duration::from_secs(600);

const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is to be known of an object: which upload made it.
pub(super) fn marked(id: &str) -> Attributes {
    Attributes::from_iter([(Attribute::Metadata(MARK.into()), id.to_owned())])
}

/// Whether the object is there and is what the upload `id` has made.
pub(super) async fn is_made(store: &Arc<dyn ObjectStore>, path: &Path, id: &str) -> bool {
    let options = GetOptions { head: true, ..GetOptions::default() };
    let found = store.get_opts(path, options).await;
    found.is_ok_and(|found| found.attributes.get(&Attribute::Metadata(MARK.into())).is_some_and(|mark| **mark == *id))
}

/// A complete object under a hidden name, which gets its own by a copy, since the store completes no upload on the
/// condition that nothing has the name. Such copies move no data.
pub(super) struct HiddenObject {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) hidden: Path,
    pub(super) name: Path,
    /// The upload that made it.
    pub(super) id: String,
    pub(super) size: u64,
}

/// Why an object did not get its name.
pub(super) enum NotNamed {
    /// Another one has it; the hidden one is deleted.
    Taken(object_store::Error),
    /// The hidden one is all that there is.
    Hidden(object_store::Error),
}

impl HiddenObject {
    /// Gives the object its name. It is deleted under its hidden one only when it is not needed there any more.
    pub(super) async fn take_name(&self) -> Result<(), NotNamed> {
        let mut repeats = Repeats::default();
        loop {
            match self.store.copy_if_not_exists(&self.hidden, &self.name).await {
                Ok(()) => break,
                // The answer was lost, or a repeated request finds what the first one made.
                Err(_) if is_made(&self.store, &self.name, &self.id).await => break,
                Err(error) if is_taken(&error) && self.store.head(&self.name).await.is_ok() => {
                    self.delete().await;
                    return Err(NotNamed::Taken(error));
                }
                Err(error) if repeats.again(&error).await => {}
                Err(error) => return Err(NotNamed::Hidden(error)),
            }
        }
        self.wait_for_content().await.map_err(NotNamed::Hidden)?;
        self.delete().await;
        Ok(())
    }

    /// Returns when all of the content is there: a store may answer before it has copied it.
    async fn wait_for_content(&self) -> object_store::Result<()> {
        let (mut waited, mut pause) = (Duration::ZERO, Duration::from_millis(100));
        loop {
            let size = self.store.head(&self.name).await?.size;
            if size == self.size {
                return Ok(());
            }
            if waited >= COPYING {
                let source =
                    format!("the store has copied {size} bytes of {}, and nothing more for minutes", self.size);
                return Err(object_store::Error::Generic { store: "copying", source: source.into() });
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Deletes the object under its hidden name. One that stays does no harm to the results, so this never fails.
    async fn delete(&self) {
        let mut repeats = Repeats::default();
        while let Err(error) = self.store.delete(&self.hidden).await {
            if !repeats.again(&error).await {
                return;
            }
        }
    }
}

/// Whether a store says that the name is taken.
fn is_taken(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. })
}

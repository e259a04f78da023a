use std::sync::{Arc, mpsc};

use object_store::ObjectMeta;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Error as PathError;
use tokio::sync::Semaphore;

use crate::storage::failure::{chain, was_lost};
use crate::storage::found::{BREAKS, PAUSE};

/// What the client's errors about requests say that it has repeated itself.
const ASKED: &str = "Error performing";

/// Objects of a page, as most stores send them.
pub(super) const PAGE: usize = 1000;

/// What a store lists.
pub(super) enum Listed {
    Object(ObjectMeta),
    /// A key that no request can be made for.
    Unusable {
        key: String,
        /// The first part of it from which on no key can be used; they are all passed over.
        folder: Option<String>,
    },
}

impl Listed {
    pub(super) fn path(&self) -> &str {
        match self {
            Listed::Object(meta) => meta.location.as_ref(),
            Listed::Unusable { key, .. } => key,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Listed::Object(meta) if meta.size == 0)
    }
}

/// Where a listing has come to. Between two pages nothing is under way.
pub(super) struct Pages {
    store: Arc<dyn PaginatedListStore>,
    /// What keys begin with.
    prefix: String,
    token: Option<String>,
    /// Without a token, the key that it goes on behind.
    offset: Option<String>,
    most: Option<usize>,
    is_done: bool,
    /// The path listed last, with the slash of a folder's marker.
    last: String,
}

impl Pages {
    pub(super) fn new(store: Arc<dyn PaginatedListStore>, prefix: String) -> Pages {
        Pages { store, prefix, token: None, offset: None, most: None, is_done: false, last: String::new() }
    }

    /// Whether there is any object.
    pub(super) async fn find_any(mut self) -> object_store::Result<bool> {
        self.most = Some(1);
        loop {
            match self.next().await? {
                None => return Ok(false),
                Some(page) if !page.is_empty() => return Ok(true),
                Some(_) => {}
            }
        }
    }

    /// The next page; nothing at the end. A page whose answer was lost, which the client does not ask for again, is.
    async fn next(&mut self) -> object_store::Result<Option<Vec<Listed>>> {
        let mut broken = 0;
        while !self.is_done {
            match self.ask().await {
                Ok(page) => return Ok(Some(page)),
                Err(object_store::Error::InvalidPath { source }) => {
                    if let Some(unusable) = self.pass_over(source)? {
                        return Ok(Some(vec![unusable]));
                    }
                }
                Err(error) if broken < BREAKS && was_lost(&error) && !chain(&error).contains(ASKED) => {
                    broken += 1;
                    tokio::time::sleep(PAUSE * broken).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn ask(&mut self) -> object_store::Result<Vec<Listed>> {
        let options = PaginatedListOptions {
            offset: self.offset.clone().filter(|_| self.token.is_none()),
            max_keys: self.most,
            page_token: self.token.clone(),
            ..PaginatedListOptions::default()
        };
        let prefix = Some(self.prefix.as_str()).filter(|prefix| !prefix.is_empty());
        let page = self.store.list_paginated(prefix, options).await?;
        let objects = page.result.objects;
        // A store that does not know this begins anew, and would without end.
        if let (None, Some(offset), Some(first)) = (&self.token, &self.offset, objects.first())
            && first.location.as_ref() <= offset.as_str()
        {
            return Err(cannot_go_on(offset.trim_end_matches(LAST).to_owned()));
        }
        self.token = page.page_token.filter(|token| !token.is_empty());
        self.is_done = self.token.is_none();
        let mut page: Vec<_> = objects.into_iter().map(Listed::Object).collect();
        page.retain(|listed| self.is_in_place(listed));
        Ok(page)
    }

    /// Whether it is no marker of a folder that comes late: its slash is gone, and what lies between `a` and `a/` came
    /// before.
    fn is_in_place(&mut self, listed: &Listed) -> bool {
        let path = listed.path();
        let comes_late = self.last.as_str() > path
            && self.last.strip_prefix(path).is_some_and(|rest| rest.as_bytes().first() < Some(&b'/'));
        if listed.is_empty() && comes_late {
            return false;
        }
        self.last.clear();
        self.last.push_str(path);
        true
    }

    /// Deals with a page that has a key which no request can be made for: smaller pages are asked for until it stands
    /// alone, and then it is passed over.
    fn pass_over(&mut self, error: PathError) -> object_store::Result<Option<Listed>> {
        let key = match error {
            PathError::EmptySegment { path } | PathError::BadSegment { path, .. } => path,
            other => return Err(other.into()),
        };
        if self.most != Some(1) {
            self.most = Some(self.most.unwrap_or(PAGE).div_ceil(2));
            return Ok(None);
        }
        let folder = unusable_folder(&key).map(str::to_owned);
        let offset = folder.as_ref().map_or_else(|| key.clone(), |folder| format!("{folder}{LAST}"));
        if self.offset.replace(offset.clone()) == Some(offset) {
            return Err(cannot_go_on(key));
        }
        (self.token, self.most) = (None, None);
        Ok(Some(Listed::Unusable { key, folder }))
    }
}

/// The error about a key that cannot be passed over, since the store begins anew in place of going on behind it.
fn cannot_go_on(key: String) -> object_store::Error {
    object_store::Error::NotSupported { source: PathError::EmptySegment { path: key }.into() }
}

/// The last of all characters in the order of names.
const LAST: char = char::MAX;

/// The beginning of a key up to its first part that no path may have, if more follows.
fn unusable_folder(key: &str) -> Option<&str> {
    let slashes = key.match_indices('/').map(|(at, _)| at);
    let mut start = 0;
    for slash in slashes {
        let part = &key[start..slash];
        let is_bad =
            part.is_empty() && slash > 0 || part == "." || part == ".." || part.chars().any(|c| c.is_ascii_control());
        if is_bad {
            return Some(&key[..=slash]);
        }
        start = slash + 1;
    }
    None
}

/// What the reader of a listing gets.
pub(super) enum Page {
    Objects(Vec<Listed>),
    Failed(object_store::Error),
    End,
}

impl Pages {
    /// Sends all pages, each once there is room for it: no question is asked before its answer can be taken.
    pub(super) async fn send_all(mut self, room: Arc<Semaphore>, sender: mpsc::Sender<Page>) {
        // It is closed when nobody listens any more.
        while let Ok(permit) = room.acquire().await {
            permit.forget();
            let page = match self.next().await {
                Ok(Some(page)) => Page::Objects(page),
                Ok(None) => Page::End,
                Err(error) => Page::Failed(error),
            };
            let is_last = !matches!(page, Page::Objects(_));
            if sender.send(page).is_err() || is_last {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Mutex;
    use std::time::Duration;

    use object_store::ListResult;
    use object_store::list::PaginatedListResult;
    use object_store::path::Path;

    use super::*;
    use crate::storage::StorageError;
    use crate::storage::connect::Client;
    use crate::storage::listing::objects::Objects;
    use crate::storage::place::RemotePlace;
    use crate::storage::runtime::wait;
    use crate::storage::testing::memory_place;

    /// A store of these keys, each empty if it ends in a slash or `0`.
    #[derive(Default)]
    struct Keys {
        keys: Vec<String>,
        /// What happens to so many requests from the start.
        harm: Mutex<Vec<fn() -> object_store::Error>>,
        asked: Mutex<usize>,
        forgets_offsets: bool,
    }

    impl PaginatedListStore for Keys {
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
                *self.asked.lock().unwrap() += 1;
                if let Some(error) = self.harm.lock().unwrap().pop() {
                    return Err(error());
                }
                let offset = options.offset.filter(|_| !self.forgets_offsets);
                let behind = options.page_token.or(offset).unwrap_or_default();
                let known = self.keys.iter().filter(|key| key.starts_with(prefix.unwrap_or_default()));
                let mut keys: Vec<&String> = known.filter(|key| **key > behind).collect();
                let most = options.max_keys.unwrap_or(999);
                let page_token = (keys.len() > most).then(|| keys[most - 1].clone());
                keys.truncate(most);
                let object = |key: &&String| {
                    Ok(ObjectMeta {
                        location: Path::parse(key)?,
                        last_modified: chrono::DateTime::UNIX_EPOCH,
                        size: u64::from(!key.ends_with(['/', '0'])),
                        e_tag: None,
                        version: None,
                    })
                };
                let objects = keys.iter().map(object).collect::<Result<_, PathError>>()?;
                let result = ListResult { objects, common_prefixes: Vec::new(), extensions: Default::default() };
                Ok(PaginatedListResult { result, page_token })
            })
        }
    }

    fn keys(keys: &[&str]) -> Keys {
        let mut keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        keys.sort();
        Keys { keys, ..Keys::default() }
    }

    fn place(keys: &Arc<Keys>) -> RemotePlace {
        let place = memory_place(&[], "");
        let Client { kind, store, .. } = &*place.client;
        let client = Client { kind: *kind, store: Arc::clone(store), pages: keys.clone(), parts: None, reads: true };
        RemotePlace { client: Arc::new(client), ..place }
    }

    fn paths(keys: &Arc<Keys>, prefix: &str) -> Result<Vec<String>, StorageError> {
        let listed = Objects::with_prefix(&place(keys), prefix.to_owned());
        listed.map(|listed| Ok(listed?.path().to_owned())).collect()
    }

    #[test]
    fn no_page_is_asked_for_before_there_is_room() {
        let many: Vec<String> = (0..60_000).map(|number| format!("in/{number:08}.csv")).collect();
        let keys = Arc::new(Keys { keys: many.clone(), ..Keys::default() });
        let mut listed = Objects::with_prefix(&place(&keys), "in/".to_owned());
        assert_eq!(listed.next().unwrap().unwrap().path(), many[0]);
        std::thread::sleep(Duration::from_millis(300));
        // The beginning was put in order; eight more wait.
        assert_eq!(*keys.asked.lock().unwrap(), 21 + 8);
        assert!(listed.map(|listed| listed.unwrap().path().to_owned()).eq(many[1..].iter().cloned()));
        assert_eq!(*keys.asked.lock().unwrap(), 61);
    }

    #[test]
    fn answers_that_are_lost_are_asked_for_again() {
        let lost = || object_store::Error::Generic { store: "S3", source: "the body broke off".into() };
        let store = keys(&["a", "b"]);
        *store.harm.lock().unwrap() = vec![lost; 4];
        assert_eq!(paths(&Arc::new(store), "").unwrap(), ["a", "b"]);
        let store = keys(&["a", "b"]);
        *store.harm.lock().unwrap() = vec![lost; 5];
        let error = paths(&Arc::new(store), "").unwrap_err().to_string();
        assert!(error.contains("the body broke off"), "{error}");
        // The end of the task is not the end of the listing.
        let store = keys(&["a", "b"]);
        *store.harm.lock().unwrap() = vec![|| panic!("the task ends here")];
        let error = paths(&Arc::new(store), "in/").unwrap_err().to_string();
        assert!(error.contains("memory://test/in could not be listed"), "{error}");
    }

    #[test]
    fn markers_of_folders_do_not_disturb_the_order() {
        let store = Arc::new(keys(&["in/", "in/a.csv", "in/sub-old/x.csv", "in/sub.csv", "in/sub/", "in/sub/y.csv"]));
        let expected = ["in", "in/a.csv", "in/sub-old/x.csv", "in/sub.csv", "in/sub/y.csv"];
        assert_eq!(paths(&store, "in/").unwrap(), expected);
        // Beyond the window too.
        let mut many: Vec<String> = (0..30_000).map(|number| format!("in/{number:08}.csv")).collect();
        many.extend(store.keys.iter().cloned());
        many.sort();
        let store = Arc::new(Keys { keys: many, ..Keys::default() });
        assert_eq!(paths(&store, "in/").unwrap().len(), 30_005);
    }

    #[test]
    fn keys_that_cannot_be_asked_for_are_passed_over_and_told() {
        let mut all: Vec<String> = (0..5_000).map(|number| format!("in/{number:08}.csv")).collect();
        all.extend(
            ["in/00000500.csv//x.csv", "in/00000500.csv//y.csv", "in/../z.csv", "in/zz/\u{1}"].map(str::to_owned),
        );
        all.sort();
        let store = Arc::new(Keys { keys: all, ..Keys::default() });
        let listed = Objects::with_prefix(&place(&store), "in/".to_owned()).map(Result::unwrap);
        let (good, bad): (Vec<_>, Vec<_>) = listed.partition(|listed| matches!(listed, Listed::Object(_)));
        assert_eq!(good.len(), 5_000);
        let told: Vec<_> = bad
            .iter()
            .map(|listed| match listed {
                Listed::Unusable { key, folder } => (key.as_str(), folder.as_deref()),
                Listed::Object(_) => unreachable!(),
            })
            .collect();
        let expected = [
            ("in/../z.csv", Some("in/../")),
            ("in/00000500.csv//x.csv", Some("in/00000500.csv//")),
            ("in/zz/\u{1}", None),
        ];
        assert_eq!(told, expected);
        let asked = *store.asked.lock().unwrap();
        assert!(asked < 100, "{asked}");
        for stuck in [keys(&["a//b", "c"]), keys(&["a", "b//b", "c"])] {
            let error = paths(&Arc::new(Keys { forgets_offsets: true, ..stuck }), "").unwrap_err().to_string();
            assert!(error.contains("empty path segment"), "{error}");
        }
    }

    #[test]
    fn whether_there_is_anything_is_one_small_question() {
        let store = Arc::new(keys(&["in/a", "in/b"]));
        for (prefix, expected) in [("in/", true), ("on/", false), ("", true)] {
            *store.asked.lock().unwrap() = 0;
            assert_eq!(wait(Pages::new(store.clone(), prefix.to_owned()).find_any()).unwrap().unwrap(), expected);
            assert_eq!(*store.asked.lock().unwrap(), 1);
        }
    }
}

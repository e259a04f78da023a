//! Object stores: from a URL to a client with the usual credentials of the environment, and from a store's error to a
//! message that a user can act on.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use super::secrets::{one_line, scrub};
use super::{RemoteUrl, StorageError};

/// A store with the path that a URL names in it.
#[derive(Clone)]
pub(super) struct RemotePlace {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) kind: StoreKind,
    /// What stands before an object's path when it is shown; ends in `/`.
    pub(super) root: String,
    /// The path, without slashes at its ends.
    pub(super) path: Path,
    /// Whether the URL ended in `/`, and so can only be a prefix.
    pub(super) is_prefix: bool,
}

/// Whose store it is: decides which variables a remedy names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreKind {
    S3,
    Azure,
    Google,
    Web,
}

impl RemotePlace {
    /// How an object of this store is shown.
    pub(super) fn display(&self, path: &Path) -> String {
        format!("{}{path}", self.root)
    }

    /// The object `name` below this place. The name is taken as it is, where [`Path::join`] would encode some characters.
    pub(super) fn child(&self, name: &str) -> Result<Path, StorageError> {
        let parent = self.path.as_ref();
        let slash = if parent.is_empty() { "" } else { "/" };
        Path::parse(format!("{parent}{slash}{name}")).map_err(|error| StorageError::Unsupported {
            object: format!("{}{slash}{name}", self.display(&self.path)),
            reason: format!("a store takes no object of this name: {error}"),
        })
    }

    /// Connects to the store that `url` names. Nothing is sent yet.
    pub(super) fn open(url: &RemoteUrl) -> Result<Self, StorageError> {
        let shown = url.to_string();
        let target = as_known_scheme(url.reveal());
        let refuse = |e: object_store::Error, kind| failure(&shown, "opened", kind, &e);
        let (scheme, path) = ObjectStoreScheme::parse(&target).map_err(|e| refuse(e.into(), StoreKind::Web))?;
        let mut plain = target.clone();
        plain.set_query(None);
        let (store, kind): (Arc<dyn ObjectStore>, _) = match scheme {
            ObjectStoreScheme::AmazonS3 => {
                let mut builder =
                    AmazonS3Builder::from_env().with_url(plain.as_str()).with_retry(retries(StoreKind::S3));
                for (key, value) in patience("AWS") {
                    builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
                }
                (Arc::new(builder.build().map_err(|e| refuse(e, StoreKind::S3))?), StoreKind::S3)
            }
            ObjectStoreScheme::MicrosoftAzure => {
                let mut builder =
                    MicrosoftAzureBuilder::from_env().with_url(plain.as_str()).with_retry(retries(StoreKind::Azure));
                for (key, value) in patience("AZURE") {
                    builder = builder.with_config(AzureConfigKey::Client(key), value);
                }
                if let Some(signature) = target.query() {
                    builder = builder.with_config(AzureConfigKey::SasKey, signature);
                }
                (Arc::new(builder.build().map_err(|e| refuse(e, StoreKind::Azure))?), StoreKind::Azure)
            }
            ObjectStoreScheme::GoogleCloudStorage => {
                let mut builder = GoogleCloudStorageBuilder::from_env()
                    .with_url(plain.as_str())
                    .with_retry(retries(StoreKind::Google));
                for (key, value) in patience("GOOGLE") {
                    builder = builder.with_config(GoogleConfigKey::Client(key), value);
                }
                (Arc::new(builder.build().map_err(|e| refuse(e, StoreKind::Google))?), StoreKind::Google)
            }
            _ => {
                return Err(StorageError::Unsupported {
                    object: shown,
                    reason: "it is a file on a web server, not a store; name a folder, or s3://, gs:// or az://".into(),
                });
            }
        };
        Ok(RemotePlace { store, kind, root: root_of(url, &path), is_prefix: target.path().ends_with('/'), path })
    }
}

/// Variables of which one at least is set where requests to S3 are to be signed without asking the machine's own service.
const S3_CREDENTIALS: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// Whether one of these environment variables is set.
fn is_set(names: &[&str]) -> bool {
    names.iter().any(|name| env::var_os(name).is_some())
}

/// How often a request is repeated. Without credentials the client asks the cloud's service for them, which answers at
/// once or, off the cloud, never.
fn retries(kind: StoreKind) -> RetryConfig {
    let waits_in_vain = kind == StoreKind::S3 && !is_set(&S3_CREDENTIALS) && !is_set(&["AWS_SKIP_SIGNATURE"]);
    RetryConfig {
        max_retries: if waits_in_vain { 2 } else { 8 },
        retry_timeout: Duration::from_secs(60),
        ..RetryConfig::default()
    }
}

/// Whether a web URL leads to a store for which the environment has credentials; such a URL may name a prefix, and its
/// requests are signed. A URL with its own signature is left alone.
pub(super) fn is_store_with_credentials(url: &RemoteUrl) -> bool {
    let url = url.reveal();
    match ObjectStoreScheme::parse(url) {
        _ if url.query().is_some() => false,
        Ok((ObjectStoreScheme::AmazonS3, _)) => is_set(&S3_CREDENTIALS),
        Ok((ObjectStoreScheme::MicrosoftAzure, _)) => is_set(&[
            "AZURE_STORAGE_ACCOUNT_KEY",
            "AZURE_STORAGE_SAS_TOKEN",
            "AZURE_STORAGE_SAS_KEY",
            "AZURE_CLIENT_ID",
            "AZURE_FEDERATED_TOKEN_FILE",
            "AZURE_USE_AZURE_CLI",
            "MSI_ENDPOINT",
            "IDENTITY_ENDPOINT",
        ]),
        _ => false,
    }
}

/// The older names of Azure storage in the spelling that the client knows.
fn as_known_scheme(url: &Url) -> Url {
    let modern = match url.scheme() {
        "wasb" => "abfs",
        "wasbs" => "abfss",
        _ => return url.clone(),
    };
    let text = url.as_str().replacen(url.scheme(), modern, 1);
    Url::parse(&text).unwrap_or_else(|_| url.clone())
}

/// What stands before `path` in `url`, without secrets.
fn root_of(url: &RemoteUrl, path: &Path) -> String {
    let mut shown = url.reveal().clone();
    // A store URL's user name is a container; a web URL's container is the first part of its path.
    if url.is_web() {
        let container = shown.path_segments().and_then(|mut s| s.next().map(str::to_owned)).unwrap_or_default();
        let inside = shown.path().trim_matches('/') != path.as_ref();
        shown.set_path(if inside { &container } else { "" });
    } else {
        shown.set_path("");
    }
    shown.set_query(None);
    let mut root = scrub(shown.as_str()).into_owned();
    if !root.ends_with('/') {
        root.push('/');
    }
    root
}

/// Settings of the client that suit long streams: a limit on silence in place of one on the whole request, since a
/// large object takes as long as its consumer needs. What the user's environment says comes first.
pub(super) fn patience(prefix: &str) -> Vec<(ClientConfigKey, &'static str)> {
    [(ClientConfigKey::Timeout, "TIMEOUT", "30 days"), (ClientConfigKey::ReadTimeout, "READ_TIMEOUT", "60 seconds")]
        .into_iter()
        .filter(|(_, name, _)| env::var_os(format!("{prefix}_{name}")).is_none())
        .map(|(key, _, value)| (key, value))
        .collect()
}

/// What stores call the absence of a bucket or container.
const NO_CONTAINER: [&str; 2] = ["NoSuchBucket", "ContainerNotFound"];

/// Where a machine in a cloud asks for its own credentials; elsewhere nobody answers.
const MACHINE_CREDENTIALS: &str = "169.254.169.254";

/// A store's error as one of ours: one line, no secret, and a remedy.
pub(super) fn failure(object: &str, done: &'static str, kind: StoreKind, error: &object_store::Error) -> StorageError {
    match error {
        object_store::Error::NotFound { .. } => {
            StorageError::Missing { object: object.to_owned(), hint: String::new() }
        }
        object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. } => StorageError::Exists {
            object: object.to_owned(),
            hint: "; choose another name, or give --overwrite to replace it".into(),
        },
        _ => {
            let text = chain(error);
            if NO_CONTAINER.iter().any(|code| text.contains(code)) {
                let hint = ": the store has no such bucket or container".into();
                return StorageError::Missing { object: object.to_owned(), hint };
            }
            let cause = shorten(&text);
            let refused = matches!(
                error,
                object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
            );
            StorageError::Remote {
                object: object.to_owned(),
                done,
                remedy: remedy(kind, refused || text.contains(MACHINE_CREDENTIALS), &cause),
                cause,
            }
        }
    }
}

/// The error's message with the causes that it does not already tell.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// The part of a store's answer that tells: its own code and message when it sent them, else what went wrong last.
fn shorten(text: &str) -> String {
    let element = |name: &str| {
        let start = text.find(&format!("<{name}>"))? + name.len() + 2;
        let len = text[start..].find(&format!("</{name}>"))?;
        Some(&text[start..start + len])
    };
    let told = match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ if text.contains("Error performing") => text.split_once(" - ").map_or(text, |(_, last)| last).to_owned(),
        // "Generic S3 error: ..." says nothing that the location does not.
        _ => match text.strip_prefix("Generic ").and_then(|rest| rest.split_once(" error: ")) {
            Some((store, told)) if !store.contains(' ') => told.to_owned(),
            _ => text.to_owned(),
        },
    };
    one_line(&scrub(&told), 300)
}

/// What the user can do, chosen by whose store it is and what it complained of.
fn remedy(kind: StoreKind, refused: bool, cause: &str) -> String {
    let lower = cause.to_ascii_lowercase();
    let about_credentials = refused
        || ["credential", "metadata", "token", "account", "signature", "access key", "accesskey"]
            .iter()
            .any(|word| lower.contains(word));
    let plain_http = lower.contains("url scheme is not allowed") || lower.contains("allow_http");
    match kind {
        _ if plain_http => "; set AWS_ALLOW_HTTP=true, AZURE_ALLOW_HTTP=true or GOOGLE_ALLOW_HTTP=true for a store \
                            without TLS"
            .into(),
        StoreKind::S3 if about_credentials => {
            "; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN, AWS_REGION and AWS_ENDPOINT \
             where needed), or AWS_SKIP_SIGNATURE=true for public data"
                .into()
        }
        StoreKind::Azure if about_credentials => {
            "; set AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN, or \
             AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or AZURE_SKIP_SIGNATURE=true for public data"
                .into()
        }
        StoreKind::Google if about_credentials => {
            "; set GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT to a key file, or \
             GOOGLE_SKIP_SIGNATURE=true for public data"
                .into()
        }
        StoreKind::Web if refused => "; the address needs a signature or user:password@ that is valid".into(),
        _ => "; check the address, the network and the store's own status".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Pointer;

    #[test]
    fn answers_are_cut_to_what_tells() {
        let cases = [
            (
                "Generic S3 error: Error performing GET http://h/b in 2ms, after 1 retries  - Server returned \
                 non-2xx status code: 403 Forbidden: <Error><Code>InvalidAccessKeyId</Code><Message>No such \
                 key.</Message></Error>",
                "InvalidAccessKeyId: No such key.",
            ),
            (
                "Generic S3 error: Error performing GET http://h/b?x=SECRET in 2ms - HTTP error: error sending request",
                "HTTP error: error sending request",
            ),
            ("Generic MicrosoftAzure error: Account must be specified", "Account must be specified"),
            ("Some error\nat https://h/b?x=SECRET", "Some error at https://h/b?***"),
        ];
        for (text, expected) in cases {
            assert_eq!(shorten(text), expected);
        }
    }

    #[test]
    fn urls_open_their_stores() {
        let cases = [
            ("wasbs://c@acc.blob.core.windows.net/a/b", "wasbs://c@acc.blob.core.windows.net/", "a/b"),
            ("abfss://c@acc.dfs.core.windows.net/a/", "abfss://c@acc.dfs.core.windows.net/", "a"),
            ("s3a://bucket/a%20b/c?.csv", "s3a://bucket/", "a b/c?.csv"),
            ("s3://bucket", "s3://bucket/", ""),
        ];
        for (text, root, path) in cases {
            let Ok(Pointer::Remote(url)) = text.parse() else { panic!("{text}") };
            let place = RemotePlace::open(&url).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!((place.root.as_str(), place.path.as_ref()), (root, path), "{text}");
        }
    }

    #[test]
    fn web_roots_keep_the_container() {
        let Ok(Pointer::Remote(url)) = "https://acc.blob.core.windows.net/c/a/b".parse() else { panic!() };
        assert_eq!(root_of(&url, &Path::from("a/b")), "https://acc.blob.core.windows.net/c/");
    }
}

//! From a URL and its credentials to a client for the store.

use std::env;
use std::fmt;
use std::sync::Arc;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{
    ClientConfigKey, ClientOptions, HeaderMap, HeaderValue, ObjectStore, ObjectStoreScheme, RetryConfig,
    StaticCredentialProvider,
};
use url::Url;

use super::aws_profile::{AwsProfile, ProfileCredentials};
use super::connection_string::{ConnectionString, may_read};
use super::credentials::Credentials;
use super::failure::failure;
use super::patience::{Patient, retries};
use super::place::StoreKind;
use super::{RemoteUrl, StorageError};

/// How a store is reached, beyond its URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreSettings {
    /// The address of a compatible store, or of an emulator, in place of the cloud's own.
    pub endpoint: Option<String>,
    /// The region of an S3 bucket.
    pub region: Option<String>,
    /// The account of an Azure container.
    pub account: Option<String>,
    /// How requests are signed.
    pub credentials: Credentials,
}

/// A client for one bucket or container.
pub(super) struct Client {
    pub(super) kind: StoreKind,
    pub(super) store: Arc<dyn ObjectStore>,
    /// How it is listed, a page at a time.
    pub(super) pages: Arc<dyn PaginatedListStore>,
    /// How large objects are written; a web server takes none.
    pub(super) parts: Option<Parts>,
    /// Whether objects may be looked at, as far as that is known: a signature can let its holder write alone.
    pub(super) reads: bool,
}

/// Uploads in parts.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) store: Arc<dyn MultipartStore>,
    pub(super) creating: Creating,
}

/// How an upload in parts is completed if, and only if, nothing has its name.
#[derive(Clone)]
pub(super) enum Creating {
    /// This client's completions fail when the object exists.
    Conditional(Arc<dyn MultipartStore>),
    /// The object is completed under another name, copied on the condition, and deleted there; such copies move no data.
    ByCopy,
}

/// A client for the store that `url` leads to. Nothing is sent yet.
pub(super) fn connect(url: &RemoteUrl, settings: &StoreSettings) -> Result<Client, StorageError> {
    let shown = url.to_string();
    let (scheme, target, _) = parse(url)?;
    let mut plain = target.clone();
    plain.set_query(None);
    match scheme {
        ObjectStoreScheme::AmazonS3 => s3(&plain, settings, &shown),
        ObjectStoreScheme::MicrosoftAzure => azure(&plain, target.query(), settings, &shown),
        ObjectStoreScheme::GoogleCloudStorage => google(&plain, settings, &shown),
        _ => Err(StorageError::Unsupported {
            object: shown,
            reason: "it is a file on a web server, not a store; name a folder, or s3://, gs:// or az://".into(),
        }),
    }
}

/// Whose store a URL leads to, the URL as the client knows it, and the path in the store that it names.
pub(super) fn parse(url: &RemoteUrl) -> Result<(ObjectStoreScheme, Url, Path), StorageError> {
    let target = as_known_scheme(url.reveal());
    match ObjectStoreScheme::parse(&target) {
        Ok((scheme, path)) => Ok((scheme, target, path)),
        Err(error) => Err(failure(&url.to_string(), "opened", StoreKind::Web, &error.into())),
    }
}

fn s3(url: &Url, settings: &StoreSettings, shown: &str) -> Result<Client, StorageError> {
    let refuse = |e: object_store::Error| failure(shown, "opened", StoreKind::S3, &e);
    let credentials = &settings.credentials;
    let mut builder = match credentials {
        Credentials::Environment => AmazonS3Builder::from_env(),
        // Whoever has credentials of his own must not be given the environment's, but may lie in its region.
        _ => ["AWS_REGION", "AWS_DEFAULT_REGION"]
            .iter()
            .find_map(|name| env::var(name).ok())
            .into_iter()
            .fold(AmazonS3Builder::new(), AmazonS3Builder::with_region),
    };
    let mut waits_in_vain = false;
    match credentials {
        Credentials::Anonymous => builder = builder.with_skip_signature(true),
        Credentials::Keys(_) => {
            for (key, name) in [
                (AmazonS3ConfigKey::AccessKeyId, "access_key_id"),
                (AmazonS3ConfigKey::SecretAccessKey, "secret_access_key"),
                (AmazonS3ConfigKey::Token, "session_token"),
            ] {
                if let Some(value) = credentials.value(name)? {
                    builder = builder.with_config(key, value);
                }
            }
        }
        Credentials::Profile(name) => builder = with_profile(builder, AwsProfile::find(Some(name))?, true),
        // The region may stand in a file all the same. One that cannot be read is not needed.
        Credentials::Environment if is_set(&S3_CREDENTIALS) || is_set(&["AWS_SKIP_SIGNATURE"]) => {
            if let Ok(Some(profile)) = AwsProfile::find(None) {
                builder = in_place(builder, &profile, false);
            }
        }
        Credentials::Environment => {
            let profile = AwsProfile::find(None)?;
            waits_in_vain = profile.as_ref().is_none_or(|profile| profile.credentials().is_none());
            builder = with_profile(builder, profile, false);
        }
    }
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let mut options = client_options("AWS", |name| match name.parse() {
        Ok(AmazonS3ConfigKey::Client(key)) => Some(key),
        _ => None,
    });
    if builder.get_config_value(&AmazonS3ConfigKey::Endpoint).is_some_and(|endpoint| is_plain(&endpoint)) {
        options = options.with_allow_http(true);
    }
    // Without credentials the client asks the cloud's service for them, which answers at once or, off the cloud, never.
    let retry = if waits_in_vain { RetryConfig { max_retries: 2, ..retries() } } else { retries() };
    builder = builder.with_url(url.as_str()).with_retry(retry).with_http_connector(Patient);
    let store: Arc<AmazonS3> = Arc::new(builder.clone().with_client_options(options.clone()).build().map_err(refuse)?);
    // S3 completes an upload on this condition. The header goes with all requests of this client, so it takes the other's
    // credentials, and asks no service for any.
    let mut headers = HeaderMap::new();
    headers.insert("if-none-match", HeaderValue::from_static("*"));
    let conditional = builder
        .with_credentials(Arc::clone(store.credentials()))
        .with_client_options(options.with_default_headers(headers))
        .build()
        .map_err(refuse)?;
    let creating = Creating::Conditional(Arc::new(conditional));
    let parts = Some(Parts { store: store.clone(), creating });
    Ok(Client { kind: StoreKind::S3, parts, pages: store.clone(), store, reads: true })
}

/// The builder with what a profile says; what the environment says comes first, unless the profile was asked for by name.
fn with_profile(builder: AmazonS3Builder, profile: Option<AwsProfile>, by_name: bool) -> AmazonS3Builder {
    let Some(profile) = profile else { return builder };
    let builder = in_place(builder, &profile, by_name);
    match profile.credentials() {
        Some(ProfileCredentials::Static(keys)) => {
            builder.with_credentials(Arc::new(StaticCredentialProvider::new(keys)))
        }
        Some(ProfileCredentials::Told(program)) => builder.with_credentials(program),
        None => builder,
    }
}

/// The builder with where a profile says that its stores are.
fn in_place(mut builder: AmazonS3Builder, profile: &AwsProfile, by_name: bool) -> AmazonS3Builder {
    for (key, value) in
        [(AmazonS3ConfigKey::Region, profile.region()), (AmazonS3ConfigKey::Endpoint, profile.endpoint())]
    {
        if let Some(value) = value
            && (by_name || builder.get_config_value(&key).is_none())
        {
            builder = builder.with_config(key, value);
        }
    }
    builder
}

fn azure(url: &Url, signature: Option<&str>, settings: &StoreSettings, shown: &str) -> Result<Client, StorageError> {
    let refuse = |e: object_store::Error| failure(shown, "opened", StoreKind::Azure, &e);
    let credentials = &settings.credentials;
    let (mut builder, connection) = match credentials {
        Credentials::Environment => (
            MicrosoftAzureBuilder::from_env(),
            env::var("AZURE_STORAGE_CONNECTION_STRING").ok().filter(|s| !s.is_empty()),
        ),
        Credentials::Anonymous => (MicrosoftAzureBuilder::new().with_skip_signature(true), None),
        Credentials::Keys(_) | Credentials::Profile(_) => {
            (MicrosoftAzureBuilder::new(), credentials.value("connection_string")?)
        }
    };
    let named = account_of(url).or(settings.account.as_deref());
    if let Some(text) = connection {
        let parsed = ConnectionString::parse(&text, shown)?;
        let parsed = match (named, parsed.account.as_deref()) {
            (Some(named), Some(own)) if !named.eq_ignore_ascii_case(own) => {
                // A signed URL needs nothing else.
                if signature.is_none() {
                    return Err(StorageError::Unsupported {
                        object: shown.to_owned(),
                        reason: format!(
                            "it is in account {named:?}, and the connection string is for account {own:?}: give the \
                             connection string of {named:?}, or a datastore with its own credentials"
                        ),
                    });
                }
                ConnectionString::default()
            }
            _ => parsed,
        };
        for (key, value) in [
            (AzureConfigKey::AccountName, parsed.account),
            (AzureConfigKey::AccessKey, parsed.key),
            (AzureConfigKey::SasKey, parsed.signature),
            (AzureConfigKey::Endpoint, parsed.endpoint),
        ] {
            if let Some(value) = value {
                builder = builder.with_config(key, value);
            }
        }
    }
    for (key, name) in [
        (AzureConfigKey::AccessKey, "account_key"),
        (AzureConfigKey::SasKey, "sas_token"),
        (AzureConfigKey::AuthorityId, "tenant_id"),
        (AzureConfigKey::ClientId, "client_id"),
        (AzureConfigKey::ClientSecret, "client_secret"),
    ] {
        if let Some(value) = credentials.value(name)? {
            builder = builder.with_config(key, value.trim_start_matches('?'));
        }
    }
    if let Some(signature) = signature {
        // What the environment has besides is for other addresses.
        builder = builder
            .with_config(AzureConfigKey::SasKey, signature)
            .with_config(AzureConfigKey::CredentialType, "sas_token")
            .with_skip_signature(false);
    }
    if let Some(account) = &settings.account {
        builder = builder.with_account(account);
    }
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    let mut options = client_options("AZURE", |name| match name.parse() {
        Ok(AzureConfigKey::Client(key)) => Some(key),
        _ => None,
    });
    if builder.get_config_value(&AzureConfigKey::Endpoint).is_some_and(|endpoint| is_plain(&endpoint)) {
        options = options.with_allow_http(true);
    }
    let by_key = signature.is_none() && builder.get_config_value(&AzureConfigKey::AccessKey).is_some();
    let reads =
        by_key || builder.get_config_value(&AzureConfigKey::SasKey).is_none_or(|signature| may_read(&signature));
    let builder =
        builder.with_url(url.as_str()).with_retry(retries()).with_http_connector(Patient).with_client_options(options);
    let store: Arc<MicrosoftAzure> = Arc::new(builder.build().map_err(refuse)?);
    let parts = Some(Parts { store: store.clone(), creating: Creating::ByCopy });
    Ok(Client { kind: StoreKind::Azure, parts, pages: store.clone(), store, reads })
}

/// The account that a URL of Azure names; the shorter ones name none.
fn account_of(url: &Url) -> Option<&str> {
    url.host_str()?.split_once('.').map(|(account, _)| account)
}

fn google(url: &Url, settings: &StoreSettings, shown: &str) -> Result<Client, StorageError> {
    let refuse = |e: object_store::Error| failure(shown, "opened", StoreKind::Google, &e);
    let credentials = &settings.credentials;
    let mut builder = match credentials {
        Credentials::Environment => GoogleCloudStorageBuilder::from_env(),
        Credentials::Anonymous => GoogleCloudStorageBuilder::new().with_skip_signature(true),
        Credentials::Keys(_) | Credentials::Profile(_) => GoogleCloudStorageBuilder::new(),
    };
    if let Some(key) = credentials.value("service_account")? {
        builder = builder.with_service_account_key(key);
    }
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_base_url(endpoint);
    }
    let mut options = client_options("GOOGLE", |name| match name.parse() {
        Ok(GoogleConfigKey::Client(key)) => Some(key),
        _ => None,
    });
    let endpoint = settings.endpoint.clone().or_else(|| builder.get_config_value(&GoogleConfigKey::BaseUrl));
    if endpoint.is_some_and(|endpoint| is_plain(&endpoint)) {
        options = options.with_allow_http(true);
    }
    let builder =
        builder.with_url(url.as_str()).with_retry(retries()).with_http_connector(Patient).with_client_options(options);
    let store: Arc<GoogleCloudStorage> = Arc::new(builder.build().map_err(refuse)?);
    let parts = Some(Parts { store: store.clone(), creating: Creating::ByCopy });
    Ok(Client { kind: StoreKind::Google, parts, pages: store.clone(), store, reads: true })
}

/// Variables of which one at least is set where requests to S3 are to be signed without asking the machine's own service.
pub(super) const S3_CREDENTIALS: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// Whether one of these environment variables is set.
pub(super) fn is_set(names: &[&str]) -> bool {
    names.iter().any(|name| env::var_os(name).is_some())
}

/// Whether requests to this address are not encrypted: the user wrote it so, and nothing is gained by refusing it.
fn is_plain(address: &str) -> bool {
    address.starts_with("http://")
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

/// Settings of the client: what the environment says (`AWS_TIMEOUT` and so on), and else a limit on silence in place of
/// one on the whole request, since a large object takes as long as its consumer needs.
pub(super) fn client_options(prefix: &str, key_of: impl Fn(&str) -> Option<ClientConfigKey>) -> ClientOptions {
    let mut options = ClientOptions::new()
        .with_config(ClientConfigKey::Timeout, "30 days")
        .with_config(ClientConfigKey::ReadTimeout, "60 seconds");
    for (name, value) in env::vars_os() {
        if let (Some(name), Some(value)) = (name.to_str(), value.to_str())
            && name.starts_with(prefix)
            && name.as_bytes().get(prefix.len()) == Some(&b'_')
            && let Some(key) = key_of(&name.to_ascii_lowercase())
        {
            options = options.with_config(key, value);
        }
    }
    options
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({:?})", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Pointer;
    use crate::storage::place::root_of;

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
            connect(&url, &StoreSettings::default()).unwrap_or_else(|e| panic!("{text}: {e}"));
            let (_, _, found) = parse(&url).unwrap();
            assert_eq!((root_of(&url, &found).as_str(), found.as_ref()), (root, path), "{text}");
        }
    }

    #[test]
    fn settings_reach_the_client() {
        let keys = |pairs: &[(&str, &str)]| {
            Credentials::Keys(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.parse().unwrap())).collect())
        };
        let Ok(Pointer::Remote(url)) = "az://container/x".parse() else { panic!() };
        // Without an account the client cannot be made.
        let error = connect(&url, &StoreSettings { credentials: Credentials::Anonymous, ..StoreSettings::default() });
        assert!(error.is_err());
        let settings = StoreSettings {
            account: Some("acc".into()),
            endpoint: Some("http://127.0.0.1:1/acc".into()),
            credentials: keys(&[("account_key", "a2V5")]),
            ..StoreSettings::default()
        };
        assert!(format!("{}", connect(&url, &settings).unwrap().store).contains("account: acc"));
        let other = keys(&[("connection_string", "AccountName=x;AccountKey=a2V5")]);
        let Ok(Pointer::Remote(named)) = "abfss://c@acc.dfs.core.windows.net/x".parse() else { panic!() };
        let error = connect(&named, &StoreSettings { credentials: other.clone(), ..StoreSettings::default() });
        let error = error.unwrap_err().to_string();
        assert!(error.contains("\"acc\"") && error.contains("\"x\""), "{error}");
        // A signed URL needs none, and its own account is asked.
        let Ok(Pointer::Remote(signed)) = format!("{}?sig=a", named.reveal()).parse() else { panic!() };
        let signed = connect(&signed, &StoreSettings { credentials: other, ..StoreSettings::default() }).unwrap();
        assert!(format!("{}", signed.store).contains("account: acc"), "{}", signed.store);
        let bad =
            StoreSettings { credentials: keys(&[("connection_string", "AccountName=x")]), ..StoreSettings::default() };
        let error = connect(&url, &bad).unwrap_err().to_string();
        assert!(error.contains("az://container/x") && error.contains("AccountKey"), "{error}");
    }
}

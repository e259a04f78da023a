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
use super::connection_string::ConnectionString;
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
        Credentials::Environment if is_set(&S3_CREDENTIALS) || is_set(&["AWS_SKIP_SIGNATURE"]) => {}
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
    // S3 completes an upload on this condition. The header is not among those that are signed.
    let mut headers = HeaderMap::new();
    headers.insert("if-none-match", HeaderValue::from_static("*"));
    let conditional = builder.with_client_options(options.with_default_headers(headers)).build().map_err(refuse)?;
    let creating = Creating::Conditional(Arc::new(conditional));
    Ok(Client {
        kind: StoreKind::S3,
        parts: Some(Parts { store: store.clone(), creating }),
        pages: store.clone(),
        store,
    })
}

/// The builder with what a profile says; what the environment says comes first, unless the profile was asked for by name.
fn with_profile(mut builder: AmazonS3Builder, profile: Option<AwsProfile>, by_name: bool) -> AmazonS3Builder {
    let Some(profile) = profile else { return builder };
    for (key, value) in
        [(AmazonS3ConfigKey::Region, profile.region()), (AmazonS3ConfigKey::Endpoint, profile.endpoint())]
    {
        if let Some(value) = value
            && (by_name || builder.get_config_value(&key).is_none())
        {
            builder = builder.with_config(key, value);
        }
    }
    match profile.credentials() {
        Some(ProfileCredentials::Static(keys)) => {
            builder.with_credentials(Arc::new(StaticCredentialProvider::new(keys)))
        }
        Some(ProfileCredentials::Told(program)) => builder.with_credentials(program),
        None => builder,
    }
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
    if let Some(text) = connection {
        let parsed = ConnectionString::parse(&text, shown)?;
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
        builder = builder.with_config(AzureConfigKey::SasKey, signature);
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
    let builder =
        builder.with_url(url.as_str()).with_retry(retries()).with_http_connector(Patient).with_client_options(options);
    let store: Arc<MicrosoftAzure> = Arc::new(builder.build().map_err(refuse)?);
    let parts = Some(Parts { store: store.clone(), creating: Creating::ByCopy });
    Ok(Client { kind: StoreKind::Azure, parts, pages: store.clone(), store })
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
    Ok(Client { kind: StoreKind::Google, parts, pages: store.clone(), store })
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

/// Whether requests to this address are not encrypted: the user wrote it so, and nothing is gained by refusing it.
fn is_plain(address: &str) -> bool {
    address.starts_with("http://")
}

/// Whether a web URL leads to a store for which the environment has credentials; such a URL may name a prefix, and its
/// requests are signed. A URL with its own signature is left alone.
pub(super) fn is_store_with_credentials(url: &RemoteUrl) -> bool {
    let url = url.reveal();
    match ObjectStoreScheme::parse(url) {
        _ if url.query().is_some() => false,
        Ok((ObjectStoreScheme::AmazonS3, _)) => is_set(&S3_CREDENTIALS) || is_set(&["AWS_PROFILE"]),
        Ok((ObjectStoreScheme::MicrosoftAzure, _)) => is_set(&[
            "AZURE_STORAGE_CONNECTION_STRING",
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
        let bad =
            StoreSettings { credentials: keys(&[("connection_string", "AccountName=x")]), ..StoreSettings::default() };
        let error = connect(&url, &bad).unwrap_err().to_string();
        assert!(error.contains("az://container/x") && error.contains("AccountKey"), "{error}");
    }
}

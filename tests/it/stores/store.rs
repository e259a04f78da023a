//! A store as a test sees it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::client;
use super::server::Server;
use crate::support::{Run, Scene};

/// Which store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Moto,
    S3s,
    Azurite,
    Google,
    /// Takes no results and lists nothing.
    Nginx,
}

/// S3's secret key.
pub(super) const SECRET_KEY: &str = "planted-secret-key";

impl Service {
    fn server(self) -> &'static Server {
        match self {
            Service::Moto => Server::moto(),
            Service::S3s => Server::s3s(),
            Service::Azurite => Server::azurite(),
            Service::Google => Server::google(),
            Service::Nginx => Server::nginx(),
        }
    }

    /// Which client speaks to it.
    fn client(self) -> &'static str {
        match self {
            Service::Moto | Service::S3s => "s3",
            Service::Azurite => "azure",
            Service::Google => "google",
            Service::Nginx => unreachable!("a web server has no client"),
        }
    }
}

/// A bucket of a store, for one test.
pub(super) struct Store {
    pub(super) service: Service,
    pub(super) bucket: String,
    /// Where the program finds it; the client asks the server itself.
    pub(super) address: String,
}

impl Store {
    pub(super) fn new(service: Service) -> Store {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let bucket = format!("bucket-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let address = service.server().address.clone();
        let store = Store { service, bucket, address };
        match service {
            Service::Nginx => std::fs::create_dir_all(store.file("")).unwrap(),
            _ => drop(store.ask(json!({"do": "make"}))),
        }
        store
    }

    /// The same bucket behind another address.
    pub(super) fn behind(&self, address: &str) -> Store {
        Store { service: self.service, bucket: self.bucket.clone(), address: address.to_owned() }
    }

    /// How a user writes an object.
    pub(super) fn uri(&self, key: &str) -> String {
        let Store { service, bucket, address } = self;
        let scheme = match service {
            Service::Moto | Service::S3s => "s3",
            Service::Azurite => "az",
            Service::Google => "gs",
            Service::Nginx => return format!("http://{address}/{bucket}/{}", encode(key)),
        };
        // A percent sign begins an encoded character in every URI.
        format!("{scheme}://{bucket}/{}", key.replace('%', "%25"))
    }

    /// How a user writes a prefix.
    pub(super) fn prefix(&self, key: &str) -> String {
        // s3s-fs fails when it is asked for an object that is a folder on its disk.
        let slash = if self.service == Service::S3s && !key.ends_with('/') { "/" } else { "" };
        format!("{}{slash}", self.uri(key))
    }

    pub(super) fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        if self.service == Service::Nginx {
            let path = self.file(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            return std::fs::write(path, bytes).unwrap();
        }
        let file = Exchange::new();
        std::fs::write(&file.0, bytes).unwrap();
        self.ask(json!({"do": "put", "key": key, "file": file.0})).unwrap_or_else(|| panic!("no bucket for {key}"));
    }

    pub(super) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let file = Exchange::new();
        self.ask(json!({"do": "get", "key": key, "file": file.0}))?;
        Some(std::fs::read(&file.0).unwrap())
    }

    /// An object that is there, as text.
    #[track_caller]
    pub(super) fn text(&self, key: &str) -> String {
        let bytes = self.get(key).unwrap_or_else(|| panic!("no {key} among {:?}", self.keys()));
        String::from_utf8(bytes).unwrap()
    }

    #[track_caller]
    pub(super) fn json(&self, key: &str) -> Value {
        serde_json::from_str(&self.text(key)).unwrap()
    }

    /// Every object in the bucket.
    pub(super) fn keys(&self) -> Vec<String> {
        let keys = self.ask(json!({"do": "list"})).unwrap();
        keys.as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
    }

    pub(super) fn delete(&self, key: &str) {
        self.ask(json!({"do": "delete", "key": key})).unwrap();
    }

    /// A shared access signature for the bucket of Azure's store: the query of a URL.
    pub(super) fn signature(&self) -> String {
        self.signature_for("rcwdl")
    }

    /// The same for some of the rights, by their letters.
    pub(super) fn signature_for(&self, rights: &str) -> String {
        self.ask(json!({"do": "sign", "key": rights})).unwrap().as_str().unwrap().to_owned()
    }

    /// What the program is told about the store.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let endpoint = format!("http://{}", self.address);
        match self.service {
            Service::Moto | Service::S3s => vec![
                ("AWS_ACCESS_KEY_ID", "the-key-id".to_owned()),
                ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
                ("AWS_REGION", "us-east-1".to_owned()),
                ("AWS_ENDPOINT", endpoint),
                ("AWS_ALLOW_HTTP", "true".to_owned()),
            ],
            Service::Azurite => {
                vec![("AZURE_STORAGE_USE_EMULATOR", "true".to_owned()), ("AZURITE_BLOB_STORAGE_URL", endpoint)]
            }
            Service::Google => {
                let account = json!({
                    "gcs_base_url": endpoint, "disable_oauth": true,
                    "client_email": "me@example.com", "private_key": "planted-private-key", "private_key_id": "1",
                });
                vec![("GOOGLE_SERVICE_ACCOUNT_KEY", account.to_string()), ("GOOGLE_ALLOW_HTTP", "true".to_owned())]
            }
            Service::Nginx => Vec::new(),
        }
    }

    /// A run of the program that knows the store.
    pub(super) fn run<'a>(&self, scene: &'a Scene) -> Run<'a> {
        self.environment().iter().fold(scene.run(), |run, (name, value)| run.env(name, value))
    }

    fn ask(&self, mut request: Value) -> Option<Value> {
        request["bucket"] = json!(self.bucket);
        client::ask(self.service.client(), &self.service.server().address, request)
    }

    /// Where the web server's files are.
    fn file(&self, key: &str) -> PathBuf {
        self.service.server().folder.join("files").join(&self.bucket).join(key)
    }
}

/// A path through which an object goes to the client or comes from it.
struct Exchange(PathBuf);

impl Exchange {
    fn new() -> Exchange {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Exchange(std::env::temp_dir().join(format!("batchscore-it-{}-object-{number}", std::process::id())))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // An object that was missing has no file.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A key as a part of a web address.
fn encode(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    key.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

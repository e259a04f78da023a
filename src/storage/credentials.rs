use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::str::FromStr;

use super::StorageError;

/// How requests to a store are signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// As the environment says: variables, profiles, the machine's or the workload's own identity.
    #[default]
    Environment,
    /// Not at all: the data is public.
    Anonymous,
    /// With a profile of the AWS configuration files.
    Profile(String),
    /// With these values, by their names: see [`CREDENTIAL_KEYS`].
    Keys(BTreeMap<String, CredentialValue>),
}

/// A credential, or where it is found. Secrets are never written down, only where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialValue {
    /// A value that is no secret (an account's or a client's id).
    Plain(String),
    /// An environment variable: `env:NAME`.
    Variable(String),
    /// A file that only its owner and group can read: `file:/path`.
    File(PathBuf),
}

/// Names of credentials, and whether they are secret.
pub type CredentialNames = &'static [(&'static str, bool)];

/// The credentials that kinds of stores take, by URL scheme: their names, and whether they are secret.
pub const CREDENTIAL_KEYS: [(&[&str], CredentialNames); 4] = [
    (&["s3", "s3a"], &[("access_key_id", false), ("secret_access_key", true), ("session_token", true)]),
    (
        &["az", "azure", "adl", "abfs", "abfss", "wasb", "wasbs"],
        &[
            ("account_key", true),
            ("sas_token", true),
            ("connection_string", true),
            ("tenant_id", false),
            ("client_id", false),
            ("client_secret", true),
        ],
    ),
    (&["gs"], &[("service_account", true)]),
    (&["http", "https"], &[("user", false), ("password", true), ("bearer_token", true)]),
];

/// The names of the credentials that a store of this URL scheme takes.
pub(super) fn keys_of(scheme: &str) -> CredentialNames {
    CREDENTIAL_KEYS.iter().find(|(schemes, _)| schemes.contains(&scheme)).map_or(&[], |(_, keys)| keys)
}

impl FromStr for CredentialValue {
    type Err = String;

    /// Reads `env:NAME`, `file:PATH`, or a plain value.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if is_variable(name) => Ok(CredentialValue::Variable(name.to_owned())),
            Some(("env", _)) => Err("env: takes the name of an environment variable".to_owned()),
            Some(("file", path)) if !path.is_empty() => Ok(CredentialValue::File(path.into())),
            Some(("file", _)) => Err("file: takes a path".to_owned()),
            _ => Ok(CredentialValue::Plain(text.to_owned())),
        }
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0', ' '])
}

impl fmt::Display for CredentialValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CredentialValue::Plain(value) => f.write_str(value),
            CredentialValue::Variable(name) => write!(f, "env:{name}"),
            CredentialValue::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl CredentialValue {
    /// The value itself, looked up now. Line ends around a file's content do not belong to it.
    pub(super) fn reveal(&self, key: &str) -> Result<String, StorageError> {
        let refuse =
            |reason: String| StorageError::Unsupported { object: format!("credential {key} ({self})"), reason };
        match self {
            CredentialValue::Plain(value) => Ok(value.clone()),
            CredentialValue::Variable(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(value),
                _ => Err(refuse("this environment variable is not set; set it, without writing it into a file".into())),
            },
            CredentialValue::File(path) => {
                let failed = |error| StorageError::io(path.display().to_string(), "read", error);
                let mode = fs::metadata(path).map_err(failed)?.mode();
                if mode & 0o007 != 0 {
                    return Err(refuse(format!(
                        "everybody on this machine may read or change it (mode {:o}): chmod o-rwx {}",
                        mode & 0o777,
                        path.display()
                    )));
                }
                let text = fs::read_to_string(path).map_err(failed)?;
                match text.trim() {
                    "" => Err(refuse("the file is empty".into())),
                    value => Ok(value.to_owned()),
                }
            }
        }
    }

    /// Whether the value can be had now, in a word or two, without showing it.
    pub fn state(&self) -> &'static str {
        match (self, self.reveal("")) {
            (CredentialValue::Plain(_), _) => "as written",
            (CredentialValue::Variable(_), Ok(_)) => "set",
            (CredentialValue::Variable(_), Err(_)) => "not set",
            (CredentialValue::File(_), Ok(_)) => "readable",
            (CredentialValue::File(_), Err(_)) => "not usable",
        }
    }
}

impl Credentials {
    /// The value called `key`, looked up now; nothing when it is not among them.
    pub(super) fn value(&self, key: &str) -> Result<Option<String>, StorageError> {
        match self {
            Credentials::Keys(keys) => keys.get(key).map(|value| value.reveal(key)).transpose(),
            _ => Ok(None),
        }
    }

    /// Whether they can be used for stores of this URL scheme; the reason, if not.
    pub fn check(&self, scheme: &str) -> Result<(), String> {
        let known = keys_of(scheme);
        match self {
            Credentials::Environment | Credentials::Anonymous => Ok(()),
            Credentials::Profile(_) if matches!(scheme, "s3" | "s3a") => Ok(()),
            Credentials::Profile(_) => Err("profiles are for s3:// stores alone".to_owned()),
            Credentials::Keys(keys) => keys.iter().try_for_each(|(key, value)| {
                let Some((_, secret)) = known.iter().find(|(name, _)| name == key) else {
                    let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
                    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                    return Err(format!("a {scheme}:// store takes no credential {key:?}; it takes {names}"));
                };
                match value {
                    CredentialValue::Plain(_) if *secret => Err(format!(
                        "{key} is a secret and must not be written here: put it into an environment variable or a file, \
                         and write env:NAME or file:PATH"
                    )),
                    _ => Ok(()),
                }
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::storage::testing::TempDir;

    fn value(text: &str) -> CredentialValue {
        text.parse().unwrap()
    }

    #[test]
    fn values_are_read_where_they_are() {
        let dir = TempDir::new();
        let path = dir.file("key", b"\nSECRET\n");
        let reference = value(&format!("file:{}", path.display()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = reference.reveal("account_key").unwrap_err().to_string();
        assert!(error.contains("chmod o-rwx") && error.contains("account_key"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(reference.reveal("account_key").unwrap(), "SECRET");
        assert_eq!(value("env:PATH").reveal("x").unwrap(), std::env::var("PATH").unwrap());
        let error = value("env:BATCHSCORE_NO_SUCH_VARIABLE").reveal("x").unwrap_err().to_string();
        assert!(error.contains("not set"), "{error}");
        assert_eq!(value("abc:def").reveal("x").unwrap(), "abc:def");
        for text in ["env:", "file:", "env:A B"] {
            assert!(text.parse::<CredentialValue>().is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_must_be_referred_to() {
        let keys = |key: &str, text: &str| Credentials::Keys([(key.to_owned(), value(text))].into());
        for (scheme, credentials, expected) in [
            ("s3", keys("secret_access_key", "abc"), "is a secret"),
            ("s3", keys("account_key", "env:X"), "takes no credential \"account_key\""),
            ("az", Credentials::Profile("p".into()), "profiles are for s3"),
            ("https", keys("password", "abc"), "is a secret"),
        ] {
            let error = credentials.check(scheme).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        for (scheme, credentials) in [
            ("s3", keys("access_key_id", "abc")),
            ("abfss", keys("account_key", "env:KEY")),
            ("gs", Credentials::Anonymous),
            ("s3", Credentials::Profile("p".into())),
        ] {
            credentials.check(scheme).unwrap();
        }
    }
}

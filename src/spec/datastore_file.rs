use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::job_file::below;
use super::yaml::{self, SpecError};
use crate::storage::{CREDENTIAL_KEYS, CredentialValue, Credentials, Datastore, Pointer, StoreSettings, scrub};

/// `datastores.yml`: datastores by name.
pub type DatastoresFile = BTreeMap<String, DatastoreSpec>;

/// A datastore as it was written: a URL with what is needed to reach it, or Azure's form (`type`, `account_name`,
/// `container_name`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatastoreSpec {
    /// A folder, or a store's or server's URL; all paths on the datastore are below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The address of a compatible store in place of the cloud's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region of an S3 bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The account of an Azure container.
    #[serde(skip_serializing_if = "Option::is_none", alias = "account_name")]
    pub account: Option<String>,
    /// How requests are signed; as the environment says, when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsSpec>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Azure's form: which schema the file follows. It is read and not kept.
    #[serde(rename = "$schema", skip_serializing)]
    pub schema: Option<String>,
    /// Azure's form: the datastore's name.
    #[serde(skip_serializing)]
    pub name: Option<String>,
    /// Azure's form: `azure_blob` or `azure_data_lake_gen2`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Azure's form: the container.
    #[serde(skip_serializing_if = "Option::is_none", alias = "filesystem")]
    pub container_name: Option<String>,
    /// Azure's form: `https` or `http`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
}

/// Credentials as they were written: a word, or values by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CredentialsSpec {
    /// `environment` or `anonymous`.
    Word(String),
    /// `profile: NAME`, or keys of the store with where their values are found.
    Values(BTreeMap<String, String>),
}

impl DatastoreSpec {
    /// Reads a `datastores.yml`; one that is not there holds none.
    pub fn read_all(path: &Path) -> Result<DatastoresFile, SpecError> {
        match yaml::read(path).map_err(without_line) {
            Err(SpecError::Unreadable { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(DatastoresFile::new())
            }
            other => other,
        }
    }

    /// Reads the text of a `datastores.yml`; `place` is how errors call it.
    pub fn parse_all(text: &str, place: &str) -> Result<DatastoresFile, SpecError> {
        yaml::parse(text, place).map_err(without_line)
    }

    /// Reads a file with one datastore.
    pub fn read(path: &Path) -> Result<Self, SpecError> {
        yaml::read(path).map_err(without_line)
    }

    /// The datastore called `name`, checked; paths of this machine are relative to `folder`.
    pub fn resolve(&self, name: &str, folder: &Path) -> Result<Datastore, SpecError> {
        let refuse = |cause: String| SpecError::Malformed { place: format!("datastore {name:?}"), cause };
        if !is_name(name) {
            return Err(refuse("a name is up to 255 letters, digits, hyphens and underscores".to_owned()));
        }
        let (url, endpoint) = self.address().map_err(refuse)?;
        if let Some(endpoint) = &endpoint {
            check_endpoint(endpoint).map_err(refuse)?;
        }
        let root: Pointer = below(folder, url).parse().map_err(|error| refuse(format!("url: {error}")))?;
        let scheme = match &root {
            Pointer::Local(_) => "file".to_owned(),
            Pointer::Remote(url) if url.has_secret() => {
                return Err(refuse(
                    "its url holds a signature or password, which must not be written here: give it as a credential \
                     (sas_token, password) by env:NAME or file:PATH"
                        .to_owned(),
                ));
            }
            Pointer::Remote(url) => url.store_scheme().to_owned(),
            _ => return Err(refuse("its url must be a folder or a store's or server's URL".to_owned())),
        };
        let credentials = match &self.credentials {
            None => Credentials::Environment,
            Some(CredentialsSpec::Word(word)) if word == "environment" => Credentials::Environment,
            Some(CredentialsSpec::Word(word)) if word == "anonymous" => Credentials::Anonymous,
            Some(CredentialsSpec::Word(_)) => {
                return Err(refuse("credentials are `environment`, `anonymous`, or values by their names".to_owned()));
            }
            Some(CredentialsSpec::Values(values)) => match (values.get("profile"), values.len()) {
                (Some(profile), 1) => Credentials::Profile(profile.clone()),
                (Some(_), _) => {
                    return Err(refuse("a profile stands alone: leave the other credentials out".to_owned()));
                }
                (None, _) => Credentials::Keys(
                    values
                        .iter()
                        .map(|(key, value)| Ok((key.clone(), value.parse::<CredentialValue>()?)))
                        .collect::<Result<_, String>>()
                        .map_err(refuse)?,
                ),
            },
        };
        credentials.check(&scheme).map_err(refuse)?;
        let settings =
            StoreSettings { endpoint, region: self.region.clone(), account: self.account.clone(), credentials };
        Ok(Datastore { root, settings })
    }

    /// The URL, and the endpoint if it is not the usual one.
    fn address(&self) -> Result<(String, Option<String>), String> {
        let Some(kind) = &self.kind else {
            let url =
                self.url.clone().ok_or("its url is missing: a folder, or s3://, az://, abfss://, gs:// or https://")?;
            return Ok((url, self.endpoint.clone()));
        };
        let account = self.account.as_deref().ok_or("account_name is missing")?;
        let container = self.container_name.as_deref().ok_or("container_name is missing")?;
        let url = match kind.as_str() {
            "azure_blob" => format!("az://{container}"),
            "azure_data_lake_gen2" => format!("abfss://{container}@{account}.dfs.core.windows.net"),
            _ => return Err(format!("type {kind:?} is not known here; azure_blob and azure_data_lake_gen2 are")),
        };
        // What Azure calls an endpoint is the suffix of its addresses.
        let endpoint = self.endpoint.as_deref().map(|suffix| match suffix.contains("://") {
            true => suffix.to_owned(),
            false => format!("{}://{account}.blob.{suffix}", self.protocol.as_deref().unwrap_or("https")),
        });
        Ok((url, endpoint))
    }

    /// The datastore as it may be shown: what may be a secret that somebody has written all the same is hidden.
    pub fn shown(&self) -> DatastoreSpec {
        let hide = |text: &Option<String>| text.as_deref().map(|text| scrub(text).into_owned());
        let credentials = self.credentials.as_ref().map(|credentials| match credentials {
            CredentialsSpec::Word(word) if matches!(word.as_str(), "environment" | "anonymous") => credentials.clone(),
            CredentialsSpec::Word(_) => CredentialsSpec::Word(HIDDEN.to_owned()),
            CredentialsSpec::Values(values) => {
                let shown = |key: &String, text: &String| match text.parse() {
                    Ok(CredentialValue::Plain(_)) if may_be_secret(key) => HIDDEN.to_owned(),
                    Ok(_) => scrub(text).into_owned(),
                    Err(_) => HIDDEN.to_owned(),
                };
                CredentialsSpec::Values(values.iter().map(|(key, text)| (key.clone(), shown(key, text))).collect())
            }
        });
        DatastoreSpec {
            url: hide(&self.url),
            endpoint: hide(&self.endpoint),
            region: hide(&self.region),
            account: hide(&self.account),
            credentials,
            description: hide(&self.description),
            schema: hide(&self.schema),
            name: hide(&self.name),
            kind: hide(&self.kind),
            container_name: hide(&self.container_name),
            protocol: hide(&self.protocol),
        }
    }

    /// Where each credential is found, and whether it can be had now.
    pub fn credential_states(&self) -> Vec<(String, String, &'static str)> {
        let Some(CredentialsSpec::Values(values)) = &self.credentials else { return Vec::new() };
        values
            .iter()
            .filter(|(key, _)| *key != "profile")
            .map(|(key, text)| {
                let state = text.parse::<CredentialValue>().map_or("not understood", |value| value.state());
                (key.clone(), text.clone(), state)
            })
            .collect()
    }
}

/// What stands in place of what may be a secret.
const HIDDEN: &str = "***";

/// Whether a value under this key may be a secret: unless it is known that it is none.
fn may_be_secret(key: &str) -> bool {
    let is_known = |(name, is_secret): &(&str, bool)| *name == key && !is_secret;
    key != "profile" && !CREDENTIAL_KEYS.iter().any(|(_, keys)| keys.iter().any(is_known))
}

/// Refuses an endpoint that is no address, or that holds a secret.
fn check_endpoint(endpoint: &str) -> Result<(), String> {
    match endpoint.parse::<Pointer>() {
        Ok(Pointer::Remote(url)) if url.has_secret() => Err(format!(
            "its endpoint {url} holds a user, password or signature, which must not be written here: give it as a \
             credential by env:NAME or file:PATH"
        )),
        Ok(Pointer::Remote(url)) if matches!(url.scheme(), "http" | "https") => Ok(()),
        _ => Err(format!("its endpoint {} is no address: write http://host:port or https://host", scrub(endpoint))),
    }
}

/// The error without the text of the line, in which somebody may have written a secret after all.
fn without_line(error: SpecError) -> SpecError {
    match error {
        SpecError::Malformed { place, cause } => {
            let told = cause.split(", in `").next().unwrap_or_default().to_owned();
            SpecError::Malformed { place, cause: told }
        }
        other => other,
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<Datastore, SpecError> {
        let spec: DatastoreSpec = yaml::parse(text, "x.yml").unwrap();
        spec.resolve("d", Path::new("/w"))
    }

    #[test]
    fn urls_folders_and_azures_form() {
        for (text, root, endpoint) in [
            ("url: s3://b/p\nendpoint: http://h:1", "s3://b/p", Some("http://h:1")),
            ("url: ../data", "/w/../data", None),
            (
                "$schema: https://x\nname: d\ntype: azure_blob\naccount_name: acc\ncontainer_name: c\nprotocol: https\n\
                 endpoint: core.chinacloudapi.cn\ncredentials: {account_key: env:K}",
                "az://c",
                Some("https://acc.blob.core.chinacloudapi.cn"),
            ),
            (
                "type: azure_data_lake_gen2\naccount_name: acc\nfilesystem: fs",
                "abfss://fs@acc.dfs.core.windows.net",
                None,
            ),
        ] {
            let store = resolve(text).unwrap();
            assert_eq!(
                (store.root.to_string().as_str(), store.settings.endpoint.as_deref()),
                (root, endpoint),
                "{text}"
            );
        }
        // A store is known by its web address too.
        for text in [
            "url: https://acc.blob.core.windows.net/c/p\ncredentials: {sas_token: env:K}",
            "url: https://b.s3.eu-west-1.amazonaws.com\ncredentials: {profile: work}",
            "url: https://h/p\ncredentials: {bearer_token: env:K}",
        ] {
            resolve(text).unwrap();
        }
        assert_eq!(
            resolve("url: s3://b\ncredentials: anonymous").unwrap().settings.credentials,
            Credentials::Anonymous
        );
        let profile = resolve("url: s3://b\ncredentials: {profile: work}").unwrap().settings.credentials;
        assert_eq!(profile, Credentials::Profile("work".into()));
    }

    #[test]
    fn secrets_and_nonsense_are_refused() {
        for (text, expected) in [
            ("url: az://c\ncredentials: {account_key: SECRET==}", "must not be written here"),
            ("url: https://h/d?sig=SECRET", "must not be written here"),
            ("url: https://me:SECRET@h/d", "must not be written here"),
            ("url: https://SECRET@h/d", "must not be written here"),
            ("url: s3://b\nendpoint: https://me:SECRET@h", "its endpoint https://***@h/ holds"),
            ("url: s3://b\nendpoint: https://h?SECRET", "its endpoint https://h/?*** holds"),
            ("url: s3://b\nendpoint: https://me:a/SECRET@h", "is no address"),
            ("url: https://acc.blob.core.windows.net/c\ncredentials: {password: env:K}", "it takes account_key"),
            ("url: s3://b\ncredentials: {account_key: env:K}", "takes no credential"),
            ("url: s3://b\ncredentials: SECRET", "credentials are `environment`"),
            ("endpoint: x", "url is missing"),
            ("url: azureml:x:1", "must be a folder"),
            ("type: azure_file\naccount_name: a\ncontainer_name: c", "azure_blob and"),
        ] {
            let error = resolve(text).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("SECRET"), "{text}: {error}");
        }
        let spec = DatastoreSpec { url: Some("s3://b".into()), ..DatastoreSpec::default() };
        assert!(spec.resolve("a/b", Path::new("")).is_err());
    }

    #[test]
    fn what_is_shown_holds_no_secret() {
        for text in [
            "url: https://h/d?SECRET\nendpoint: https://me:SECRET@h\ndescription: see https://SECRET@h",
            "url: az://c\ncredentials: {account_key: SECRET==, client_id: me, sas_token: env:K}",
            "url: az://c\ncredentials: {acount_key: SECRET==, \"password\": \"env:SEC RET\"}",
            "url: az://c\ncredentials: SECRET",
        ] {
            let spec: DatastoreSpec = yaml::parse(text, "x.yml").unwrap();
            let shown = spec.shown();
            let all = format!("{shown:?} {:?}", shown.credential_states());
            assert!(!all.contains("SEC"), "{all}");
            assert_eq!(all.contains("\"me\""), text.contains(" me,"), "{all}");
            assert_eq!(all.contains("env:K"), text.contains("env:K"), "{all}");
        }
    }
}

//! Profiles of the AWS configuration files, which the store's client does not read itself.
//!
//! The files and keys are those of the AWS SDKs and Tools Reference Guide ("Shared config and credentials files",
//! "Process credential provider").

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::future::Future;
use std::io::Read;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::StorageError;

/// Credentials are asked for again so long before they end.
const RENEWAL: Duration = Duration::from_secs(300);

/// How long a program that tells credentials may take, since some ask the network.
const LIMIT: Duration = Duration::from_secs(60);

/// What the files say of one profile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct AwsProfile {
    name: String,
    settings: BTreeMap<String, String>,
}

/// How a profile gets its credentials.
pub(super) enum ProfileCredentials {
    /// They stand in the files.
    Static(AwsCredential),
    /// A program tells them, and when they end.
    Told(Arc<CredentialProcess>),
}

impl AwsProfile {
    /// The profile called `name`; without a name, that of `AWS_PROFILE`, or `default` if the files have it.
    pub(super) fn find(name: Option<&str>) -> Result<Option<Self>, StorageError> {
        let chosen = name.map(str::to_owned).or_else(|| env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty()));
        let files = [("AWS_CONFIG_FILE", ".aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")].map(
            |(variable, path)| {
                env::var_os(variable)
                    .map(PathBuf::from)
                    .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(path)))
            },
        );
        let mut texts = Vec::new();
        for path in files.iter().flatten() {
            match std::fs::read_to_string(path) {
                Ok(text) => texts.push(text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(StorageError::io(path.display().to_string(), "read", error)),
            }
        }
        let wanted = chosen.as_deref().unwrap_or("default");
        match AwsProfile::parse(&texts, wanted) {
            Some(profile) => Ok(Some(profile)),
            None if chosen.is_none() => Ok(None),
            None => {
                let searched: Vec<_> = files.iter().flatten().map(|path| path.display().to_string()).collect();
                Err(StorageError::Unsupported {
                    object: format!("AWS profile {wanted:?}"),
                    reason: format!("it stands neither in {}; check its name", searched.join(" nor in ")),
                })
            }
        }
    }

    /// The settings of `wanted` in the texts of the config file and the credentials file; later ones win.
    fn parse(texts: &[String], wanted: &str) -> Option<Self> {
        let mut found = None;
        for text in texts {
            let mut inside = false;
            for line in text.lines() {
                let content = line.trim();
                if content.is_empty() || content.starts_with(['#', ';']) {
                    continue;
                }
                if let Some(section) = content.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                    let section = section.trim();
                    inside = section.strip_prefix("profile ").map_or(section, str::trim) == wanted;
                    if inside {
                        found.get_or_insert_with(|| AwsProfile { name: wanted.to_owned(), ..AwsProfile::default() });
                    }
                    continue;
                }
                // Indented lines belong to the setting above them, such as `s3 =`.
                if let Some(profile) = found.as_mut().filter(|_| inside && !line.starts_with([' ', '\t']))
                    && let Some((key, value)) = content.split_once('=')
                {
                    profile.settings.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
                }
            }
        }
        found
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn region(&self) -> Option<&str> {
        self.get("region")
    }

    pub(super) fn endpoint(&self) -> Option<&str> {
        self.get("endpoint_url")
    }

    /// Where its credentials come from; nothing when it has none, as with a profile that only names a region.
    ///
    /// What is more than keys and programs (single sign-on, roles) is left to the AWS command line.
    pub(super) fn credentials(&self) -> Option<ProfileCredentials> {
        if let (Some(key_id), Some(secret_key)) = (self.get("aws_access_key_id"), self.get("aws_secret_access_key")) {
            return Some(ProfileCredentials::Static(AwsCredential {
                key_id: key_id.to_owned(),
                secret_key: secret_key.to_owned(),
                token: self.get("aws_session_token").map(str::to_owned),
            }));
        }
        let command = match self.get("credential_process") {
            Some(command) => command.to_owned(),
            None if ["sso_session", "sso_start_url", "role_arn", "login_session"]
                .iter()
                .any(|key| self.get(key).is_some()) =>
            {
                let quoted = self.name.replace('\'', r"'\''");
                format!("aws configure export-credentials --format process --profile '{quoted}'")
            }
            None => return None,
        };
        Some(ProfileCredentials::Told(Arc::new(CredentialProcess {
            profile: self.name.clone(),
            command,
            limit: LIMIT,
            current: Mutex::new(None),
        })))
    }
}

/// A program that prints credentials as JSON.
pub(super) struct CredentialProcess {
    profile: String,
    command: String,
    /// How long it may take.
    limit: Duration,
    current: Mutex<Option<Told>>,
}

/// Credentials, and when they end.
struct Told {
    credential: Arc<AwsCredential>,
    expiration: Option<DateTime<Utc>>,
}

/// What it prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<DateTime<Utc>>,
}

impl CredentialProcess {
    async fn get(&self) -> Result<Arc<AwsCredential>, String> {
        let mut current = self.current.lock().await;
        if let Some(Told { credential, expiration }) = &*current
            && expiration.is_none_or(|end| end - Utc::now() > chrono::Duration::seconds(RENEWAL.as_secs() as i64))
        {
            return Ok(Arc::clone(credential));
        }
        let command = self.command.clone();
        let limit = self.limit;
        let ran = tokio::task::spawn_blocking(move || run(&command, limit)).await;
        let output = ran.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let Some(output) = output else {
            return Err(format!("it did not end within {} seconds, and was stopped", limit.as_secs()));
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("it ended with {}: {}", output.status, super::secrets::one_line(&said, 200)));
        }
        // The JSON holds the secret, so no part of it is shown.
        let printed: Printed = serde_json::from_slice(&output.stdout)
            .map_err(|_| "it did not print AccessKeyId and SecretAccessKey as JSON".to_owned())?;
        let credential = Arc::new(AwsCredential {
            key_id: printed.access_key_id,
            secret_key: printed.secret_access_key,
            token: printed.session_token,
        });
        *current = Some(Told { credential: Arc::clone(&credential), expiration: printed.expiration });
        Ok(credential)
    }
}

/// Runs a command of the shell; nothing when it takes longer than `limit` and is stopped.
fn run(command: &str, limit: Duration) -> std::io::Result<Option<Output>> {
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let read = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::Builder::new().name("credentials".to_owned()).spawn(move || {
            let mut bytes = Vec::new();
            // What was read before a failure is judged as it is.
            let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
            bytes
        })
    };
    let stdout = read(child.stdout.take().map(|pipe| Box::new(pipe) as _))?;
    let stderr = read(child.stderr.take().map(|pipe| Box::new(pipe) as _))?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begun.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let [stdout, stderr] = [stdout, stderr].map(|reading| reading.join().unwrap_or_default());
    Ok(Some(Output { status, stdout, stderr }))
}

impl CredentialProvider for CredentialProcess {
    type Credential = AwsCredential;

    fn get_credential<'a, 'b>(
        &'a self,
    ) -> Pin<Box<dyn Future<Output = object_store::Result<Arc<AwsCredential>>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            self.get().await.map_err(|cause| object_store::Error::Generic {
                store: "S3",
                source: format!(
                    "the credentials of AWS profile {:?} cannot be had from its program: {cause}",
                    self.profile
                )
                .into(),
            })
        })
    }
}

impl fmt::Debug for CredentialProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialProcess({})", self.profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::runtime::wait;

    fn profile(config: &str, credentials: &str, name: &str) -> Option<AwsProfile> {
        AwsProfile::parse(&[config.to_owned(), credentials.to_owned()], name)
    }

    #[test]
    fn settings_of_both_files_come_together() {
        let config = "[default]\nregion = eu-west-1\n\n[profile work]\nregion=us-west-2 \ns3 =\n  addressing_style = path\n\
                      endpoint_url = http://h:1\n# [profile no]\n";
        let credentials =
            "[default]\naws_access_key_id = A\n[work]\naws_access_key_id = B\naws_secret_access_key = S=/x\n";
        let work = profile(config, credentials, "work").unwrap();
        assert_eq!((work.region(), work.endpoint()), (Some("us-west-2"), Some("http://h:1")));
        assert_eq!(work.get("addressing_style"), None);
        let Some(ProfileCredentials::Static(keys)) = work.credentials() else { panic!() };
        assert_eq!((keys.key_id.as_str(), keys.secret_key.as_str()), ("B", "S=/x"));
        assert!(profile(config, credentials, "default").unwrap().credentials().is_none());
        assert_eq!(profile(config, credentials, "no"), None);
    }

    #[test]
    fn sign_on_and_roles_are_left_to_the_command_line() {
        let Some(ProfileCredentials::Told(told)) =
            profile("[profile a'b]\nsso_session = x\n", "", "a'b").unwrap().credentials()
        else {
            panic!()
        };
        assert_eq!(told.command, r"aws configure export-credentials --format process --profile 'a'\''b'");
    }

    #[test]
    fn programs_tell_credentials_until_they_end() {
        let dir = crate::storage::testing::TempDir::new();
        let count = dir.path().join("count");
        let tell = |expiration: &str| {
            let json =
                format!(r#"{{"Version":1,"AccessKeyId":"K","SecretAccessKey":"S","Expiration":"{expiration}"}}"#);
            let config = format!("[p]\ncredential_process = echo x >> {}; echo '{json}'\n", count.display());
            let Some(ProfileCredentials::Told(told)) = profile(&config, "", "p").unwrap().credentials() else {
                panic!()
            };
            told
        };
        let calls = || std::fs::read_to_string(&count).unwrap().lines().count();
        let long = tell("2999-01-01T00:00:00Z");
        for _ in 0..2 {
            let told = Arc::clone(&long);
            assert_eq!(wait(async move { told.get_credential().await }).unwrap().unwrap().key_id, "K");
        }
        assert_eq!(calls(), 1);
        let over = tell("2001-01-01T00:00:00Z");
        for _ in 0..2 {
            let told = Arc::clone(&over);
            wait(async move { told.get_credential().await }).unwrap().unwrap();
        }
        assert_eq!(calls(), 3);
    }

    #[test]
    fn programs_are_not_waited_for_without_end() {
        let told = CredentialProcess {
            profile: "p".to_owned(),
            command: "sleep 100".to_owned(),
            limit: Duration::from_millis(50),
            current: Mutex::new(None),
        };
        let error = wait(async move { told.get_credential().await }).unwrap().unwrap_err().to_string();
        assert!(error.contains("was stopped"), "{error}");
    }

    #[test]
    fn programs_that_fail_say_why_without_secrets() {
        for (command, expected) in [("echo sorry >&2; exit 3", "sorry"), ("echo SECRET", "did not print")] {
            let Some(ProfileCredentials::Told(told)) =
                profile(&format!("[p]\ncredential_process = {command}\n"), "", "p").unwrap().credentials()
            else {
                panic!()
            };
            let error = wait(async move { told.get_credential().await }).unwrap().unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("SECRET"), "{error}");
        }
    }
}

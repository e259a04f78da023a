use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use object_store::ObjectStoreScheme;
use url::Url;

use super::StorageError;
use super::datastore::{DatastorePath, after};
use super::secrets::{scrub, shown};

/// Where data is, as the user wrote it.
#[derive(Clone, PartialEq, Eq)]
pub enum Pointer {
    /// A path or a pattern (`*`, `?`, `[..]`, `**`) on this machine.
    Local(PathBuf),
    /// A file on the web, or an object or a prefix in a store.
    Remote(RemoteUrl),
    /// Data registered in the workspace: `azureml:<name>:<version>` or `azureml:<name>@latest`.
    Registered {
        /// The registered name.
        name: String,
        /// The version; `None` for the latest.
        version: Option<String>,
    },
    /// A path on a datastore of the workspace: `azureml://datastores/...`, or one of its longer forms.
    Datastore(DatastorePath),
    /// A path in what a job has written: `azureml://jobs/<job>/outputs/<output>/paths/<path>`.
    JobOutput(JobOutputPath),
    /// A list of pointers, one a line: `manifest:<pointer>`.
    Manifest(Box<Pointer>),
}

/// A path in an output of a job.
#[derive(Clone, PartialEq, Eq)]
pub struct JobOutputPath {
    /// The job's name.
    pub job: String,
    /// The output's name.
    pub output: String,
    /// The path below its folder; empty for the predictions.
    pub path: String,
}

impl JobOutputPath {
    fn text(&self) -> String {
        format!("azureml://jobs/{}/outputs/{}/paths/{}", self.job, self.output, self.path)
    }
}

/// A URL that may hold a secret: it is shown without passwords and queries.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteUrl(Url);

impl RemoteUrl {
    /// The URL with everything in it, for requests only.
    pub(super) fn reveal(&self) -> &Url {
        &self.0
    }

    /// The address of `path` in the folder of this one; a signature goes with it.
    pub(super) fn beside(&self, path: &str) -> RemoteUrl {
        let mut url = self.0.clone();
        let folder = url.path().rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
        url.set_path(&format!("{folder}/{}", path.replace('%', "%25")));
        url.set_fragment(None);
        RemoteUrl(url)
    }

    /// The part before `://`.
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }

    /// The scheme of the kind of store that it leads to, which a web address can lead to as well.
    pub fn store_scheme(&self) -> &str {
        match ObjectStoreScheme::parse(&self.0) {
            Ok((ObjectStoreScheme::AmazonS3, _)) if self.is_web() => "s3",
            Ok((ObjectStoreScheme::MicrosoftAzure, _)) if self.is_web() => "az",
            _ => self.scheme(),
        }
    }

    /// Whether something that may be secret is part of it: a password, a query such as a signature, or what a web address
    /// has before an `@`.
    pub fn has_secret(&self) -> bool {
        let is_named = self.is_web() && !self.0.username().is_empty();
        is_named || self.0.password().is_some() || self.0.query().is_some()
    }

    /// Whether this is one file on a web server.
    pub(super) fn is_web(&self) -> bool {
        matches!(self.0.scheme(), "http" | "https")
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteUrl({self})")
    }
}

/// Schemes that lead to a store or a web server.
const REMOTE: [&str; 12] = ["http", "https", "s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss", "wasb", "wasbs"];

const RULE: &str = "write a path, a pattern, or a URL that begins with http, https, s3, s3a, gs, az, azure, adl, abfs, \
                    abfss, wasb, wasbs, file or azureml";
const WORKSPACE_RULE: &str = "write azureml://datastores/<name>/paths/<path>, with or without subscriptions, resourcegroups \
                              and workspaces before it, or azureml://jobs/<job>/outputs/score/paths/<path>; other things \
                              of a workspace are no data";
const REGISTERED_RULE: &str = "registered data is written azureml:<name>:<version> or azureml:<name>@latest";

impl FromStr for Pointer {
    type Err = StorageError;

    fn from_str(text: &str) -> Result<Self, StorageError> {
        let error = |rule: &str| StorageError::Pointer { text: scrub(text).into_owned(), rule: rule.to_owned() };
        if text.is_empty() {
            return Err(error(RULE));
        }
        if let Some(list) = text.strip_prefix("manifest:") {
            return match list.parse()? {
                Pointer::Manifest(_) => Err(error("a manifest is written manifest:<path or URL of a list>, once")),
                list => Ok(Pointer::Manifest(Box::new(list))),
            };
        }
        if let Some(rest) = text.strip_prefix("azureml:") {
            return match rest.strip_prefix("//") {
                Some(rest) => in_workspace(rest).ok_or_else(|| error(WORKSPACE_RULE)),
                None => registered(rest).ok_or_else(|| error(REGISTERED_RULE)),
            };
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Pointer::Local(PathBuf::from(text)));
        };
        if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
            return Ok(Pointer::Local(PathBuf::from(text)));
        }
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "file" {
            return file_path(rest).map(Pointer::Local).ok_or_else(|| error("a file URL is written file:///path"));
        }
        if !REMOTE.contains(&scheme.as_str()) {
            return Err(error(RULE));
        }
        let encoded = if matches!(scheme.as_str(), "http" | "https") { text.to_owned() } else { keep_key(text) };
        let url = Url::parse(&encoded).map_err(|cause| error(&format!("{cause}; write scheme://host/path")))?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(error("the name of the bucket, container or server is missing: write scheme://name/path"));
        }
        Ok(Pointer::Remote(RemoteUrl(url)))
    }
}

impl Pointer {
    /// The pointer as it is written, with secrets in it: to be kept or to make others from, not to be shown. It leads back
    /// to the pointer, unless that is a path of this machine that is no text.
    pub fn text(&self) -> String {
        match self {
            Pointer::Remote(url) => url.reveal().to_string(),
            Pointer::Manifest(list) => format!("manifest:{}", list.text()),
            Pointer::Datastore(path) => path.text(),
            Pointer::JobOutput(path) => path.text(),
            other => other.to_string(),
        }
    }

    /// Whether something that may be secret is part of it.
    pub fn has_secret(&self) -> bool {
        match self {
            Pointer::Remote(url) => url.has_secret(),
            Pointer::Manifest(list) => list.has_secret(),
            // A `?` is a wildcard there, but a signature may have been pasted.
            Pointer::Datastore(DatastorePath { path, .. }) | Pointer::JobOutput(JobOutputPath { path, .. }) => {
                path.split_once('?').is_some_and(|(_, query)| query.contains("sig="))
            }
            Pointer::Local(_) | Pointer::Registered { .. } => false,
        }
    }

    /// The same with paths of this machine seen from its root; `-` is standard input.
    pub fn absolute(self) -> std::io::Result<Pointer> {
        Ok(match self {
            Pointer::Local(path) if path != Path::new("-") => Pointer::Local(std::path::absolute(path)?),
            Pointer::Manifest(list) => Pointer::Manifest(Box::new(list.absolute()?)),
            other => other,
        })
    }
}

impl From<PathBuf> for Pointer {
    fn from(path: PathBuf) -> Self {
        Pointer::Local(path)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pointer::Local(path) => path.display().fmt(f),
            Pointer::Remote(url) => url.fmt(f),
            Pointer::Registered { name, version: Some(version) } => write!(f, "azureml:{name}:{version}"),
            Pointer::Registered { name, version: None } => write!(f, "azureml:{name}@latest"),
            Pointer::Datastore(path) => path.fmt(f),
            Pointer::JobOutput(path) => f.write_str(&scrub(&path.text())),
            Pointer::Manifest(list) => write!(f, "manifest:{list}"),
        }
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pointer({self})")
    }
}

/// What follows `/word/` at the start of `path`; nothing but that is an empty path.
fn after_word<'a>(path: &'a str, word: &str) -> Option<&'a str> {
    let (found, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_matches('/'), ""));
    (found.eq_ignore_ascii_case(word) || found.is_empty()).then_some(rest)
}

/// Reads what follows `azureml://`: a path on a datastore, the output of a job, or a version of registered data by its long
/// name.
fn in_workspace(rest: &str) -> Option<Pointer> {
    if let Some(path) = DatastorePath::parse(rest) {
        return Some(Pointer::Datastore(path));
    }
    if let Some((job, tail)) = after(rest, "jobs") {
        let (output, tail) = after(tail.trim_start_matches('/'), "outputs")?;
        let path = after_word(tail, "paths")?.trim_start_matches('/');
        let plain = |name: &str| !name.is_empty() && !name.starts_with('.');
        let is_inside = plain(job) && plain(output) && !path.split('/').any(|part| part == "..");
        let own = |text: &str| text.to_owned();
        return is_inside
            .then(|| Pointer::JobOutput(JobOutputPath { job: own(job), output: own(output), path: own(path) }));
    }
    let (name, tail) = after(rest, "data")?;
    let (version, tail) = after(tail.trim_start_matches('/'), "versions")?;
    let plain = !name.is_empty() && !version.is_empty() && tail.is_empty();
    plain.then(|| Pointer::Registered { name: name.to_owned(), version: Some(version.to_owned()) })
}

/// Reads `<name>:<version>` or `<name>@latest`.
fn registered(text: &str) -> Option<Pointer> {
    let (name, version) = match text.split_once(':') {
        Some((name, version)) => (name, Some(version.to_owned())),
        None => (text.strip_suffix("@latest")?, None),
    };
    let plain = |s: &str| !s.is_empty() && !s.contains(['/', ':', '@']);
    (plain(name) && version.as_deref().is_none_or(plain))
        .then(|| Pointer::Registered { name: name.to_owned(), version })
}

/// The path of a file URL; what looks like a query is part of it, because `?` is a wildcard and may stand in names.
fn file_path(rest: &str) -> Option<PathBuf> {
    let url = Url::parse(&format!("file://{}", rest.replace('?', "%3F").replace('#', "%23"))).ok()?;
    url.to_file_path().ok()
}

/// A store URL whose `?` and `#` belong to the object's name, as the stores' own tools take them; a real query (a shared
/// access signature) is left as it is.
fn keep_key(text: &str) -> String {
    let text = text.replace('#', "%23");
    match text.split_once('?') {
        Some((_, query)) if query.contains("sig=") => text,
        _ => text.replace('?', "%3F"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Pointer {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn texts_become_pointers() {
        for (text, path) in [
            ("data/x.csv", "data/x.csv"),
            ("data:old/x.csv", "data:old/x.csv"),
            ("./odd://x", "./odd://x"),
            ("file:///a/b%20c", "/a/b c"),
            ("file://localhost/a/b", "/a/b"),
            ("FILE:///a/b?.csv", "/a/b?.csv"),
            ("s3:/a", "s3:/a"),
        ] {
            assert_eq!(parse(text), Pointer::Local(PathBuf::from(path)), "{text}");
        }
        for text in ["https://a.b/c.csv", "s3://bucket/k", "abfss://c@acc.dfs.core.windows.net/p", "wasbs://c@a.x/p"] {
            assert!(matches!(parse(text), Pointer::Remote(_)), "{text}");
            assert_eq!(parse(text).to_string(), text);
        }
        assert_eq!(parse("azureml:heart:3"), Pointer::Registered { name: "heart".into(), version: Some("3".into()) });
        assert_eq!(parse("azureml:heart@latest"), Pointer::Registered { name: "heart".into(), version: None });
        let path = DatastorePath { datastore: "d".into(), path: "p/q".into() };
        assert_eq!(parse("azureml://datastores/d/paths/p/q"), Pointer::Datastore(path));
        let long = "azureml://subscriptions/s/resourceGroups/g/workspaces/w/data/heart/versions/3";
        assert_eq!(parse(long), parse("azureml:heart:3"));
        let output = |path: &str| {
            Pointer::JobOutput(JobOutputPath { job: "j".into(), output: "score".into(), path: path.into() })
        };
        assert_eq!(parse("azureml://jobs/j/outputs/score/paths/a/p.txt"), output("a/p.txt"));
        assert_eq!(parse("azureml://jobs/j/outputs/score"), output(""));
        assert_eq!(parse("manifest:list.txt"), Pointer::Manifest(Box::new(Pointer::Local("list.txt".into()))));
    }

    #[test]
    fn pointers_lead_back_to_themselves() {
        for text in [
            "/a/b?[c]*.csv",
            "https://me:SECRET@h/a b?sig=SECRET#x",
            "s3://bucket/day=202?/hour=1/x#y.csv",
            "az://c/p?sv=1&sig=SECRET",
            "abfss://c@acc.dfs.core.windows.net/p",
            "azureml:heart@latest",
            "azureml:heart:3",
            "azureml://datastores/lake/paths/day=202?/hour=1/x.csv",
            "manifest:https://h/list?sig=SECRET",
            "manifest:azureml://datastores/lake/paths/day=202?/hour=1/list",
            "azureml://jobs/j/outputs/score/paths/p?.txt",
            "azureml://datastores/lake/paths/x?sv=1&sig=SECRET",
        ] {
            let pointer = parse(text);
            assert_eq!(parse(&pointer.text()), pointer, "{text}");
            assert_eq!(pointer.has_secret(), text.contains("SECRET"), "{text}");
        }
        let local = |path: &str| Pointer::Local(path.into());
        assert_eq!(parse("manifest:/l").absolute().unwrap(), parse("manifest:/l"));
        assert_eq!(local("x").absolute().unwrap(), local(std::env::current_dir().unwrap().join("x").to_str().unwrap()));
        assert_eq!(parse("manifest:-").absolute().unwrap(), parse("manifest:-"));
    }

    #[test]
    fn nonsense_is_refused_with_the_rule() {
        for text in [
            "",
            "ftp://a/b",
            "azureml:heart",
            "azureml::1",
            "azureml:a:b:c",
            "s3://",
            "s3:///x",
            "file://host/x",
            "azureml://models/m",
            "azureml://jobs/j/outputs/score/paths/../../x",
            "azureml://jobs/../outputs/score/paths/x",
            "azureml://jobs/j/outputs/score/files/x",
            "manifest:",
            "manifest:manifest:x",
        ] {
            let error = text.parse::<Pointer>().expect_err(text).to_string();
            assert!(error.contains("write") || error.contains("written"), "{error}");
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        for text in [
            "https://a.blob.core.windows.net/c/p?sv=1&sig=SECRET",
            "https://me:SECRET@a.b/c",
            "https://SECRET@a.b/c",
            "https://me:it'sSECRET@a.b/c",
            "https://me:a/SECRET@a.b",
            "https://a.b/c?SECRET",
            "az://c/p?sv=1&sig=SECRET",
            "ftp://me:SECRET@a.b/c",
            "https://me:SECRET@/c",
            "azureml://x/p?sig=SECRET",
            "manifest:https://me:SECRET@a.b/c",
        ] {
            let shown = match text.parse::<Pointer>() {
                Ok(pointer) => format!("{pointer} {pointer:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(!shown.contains("SECRET"), "{shown}");
        }
    }
}

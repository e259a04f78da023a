use super::StorageError;

/// What a connection string of Azure storage says: `AccountName=...;AccountKey=...;BlobEndpoint=...`, as the portal and
/// the command line of Azure show it ("Configure Azure Storage connection strings").
#[derive(Default)]
pub(super) struct ConnectionString {
    pub(super) account: Option<String>,
    pub(super) key: Option<String>,
    /// A shared access signature, without a question mark.
    pub(super) signature: Option<String>,
    /// The address of the blob service, without a slash at its end.
    pub(super) endpoint: Option<String>,
}

/// The account of the emulator, which everybody knows.
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";
const EMULATOR_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

impl ConnectionString {
    /// Reads `text`; errors do not show it, since it holds a secret. `object` is what it was to open.
    pub(super) fn parse(text: &str, object: &str) -> Result<Self, StorageError> {
        let refuse = |reason: &str| StorageError::Unsupported {
            object: object.to_owned(),
            reason: format!("the connection string {reason}; copy it whole from the account's access keys"),
        };
        let mut result = ConnectionString::default();
        let (mut protocol, mut suffix, mut emulator) = ("https".to_owned(), "core.windows.net".to_owned(), false);
        for part in text.trim().split(';').filter(|part| !part.trim().is_empty()) {
            // Keys end in "=", so only the first one separates.
            let Some((key, value)) = part.split_once('=') else {
                return Err(refuse("has a part without \"=\""));
            };
            let value = value.trim().to_owned();
            match key.trim().to_ascii_lowercase().as_str() {
                "accountname" => result.account = Some(value),
                "accountkey" => result.key = Some(value),
                "sharedaccesssignature" => result.signature = Some(value.trim_start_matches('?').to_owned()),
                "blobendpoint" => result.endpoint = Some(value.trim_end_matches('/').to_owned()),
                "defaultendpointsprotocol" => protocol = value,
                "endpointsuffix" => suffix = value,
                "usedevelopmentstorage" => emulator = value.eq_ignore_ascii_case("true"),
                _ => {}
            }
        }
        if emulator {
            result.account.get_or_insert_with(|| EMULATOR_ACCOUNT.to_owned());
            result.key.get_or_insert_with(|| EMULATOR_KEY.to_owned());
            result.endpoint.get_or_insert_with(|| format!("http://127.0.0.1:10000/{EMULATOR_ACCOUNT}"));
        }
        if result.endpoint.is_none() {
            let Some(account) = &result.account else {
                return Err(refuse("names neither AccountName nor BlobEndpoint"));
            };
            result.endpoint = Some(format!("{protocol}://{account}.blob.{suffix}"));
        }
        if result.account.is_none() {
            // With a signature the account's name is not needed, but the client wants one: the host begins with it.
            let host = result.endpoint.as_deref().and_then(|endpoint| endpoint.split("://").nth(1));
            result.account = host.and_then(|host| host.split(['.', ':', '/']).next()).map(str::to_owned);
        }
        if result.key.is_none() && result.signature.is_none() {
            return Err(refuse("has neither AccountKey nor SharedAccessSignature"));
        }
        Ok(result)
    }
}

/// Whether a shared access signature allows reading; one that does not say so itself is in a policy of the store's.
pub(super) fn may_read(signature: &str) -> bool {
    let mut pairs = url::form_urlencoded::parse(signature.trim_start_matches('?').as_bytes());
    pairs.find(|(key, _)| key == "sp").is_none_or(|(_, rights)| rights.contains('r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found() {
        for (text, account, key, signature, endpoint) in [
            (
                "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5==;EndpointSuffix=core.windows.net",
                "acc",
                Some("a2V5=="),
                None,
                "https://acc.blob.core.windows.net",
            ),
            (
                "BlobEndpoint=https://acc.blob.core.windows.net/;SharedAccessSignature=?sv=1&sig=x%3D",
                "acc",
                None,
                Some("sv=1&sig=x%3D"),
                "https://acc.blob.core.windows.net",
            ),
            (
                "UseDevelopmentStorage=true",
                EMULATOR_ACCOUNT,
                Some(EMULATOR_KEY),
                None,
                "http://127.0.0.1:10000/devstoreaccount1",
            ),
        ] {
            let parsed = ConnectionString::parse(text, "az://c").unwrap();
            assert_eq!(parsed.account.as_deref(), Some(account));
            assert_eq!(parsed.key.as_deref(), key);
            assert_eq!(parsed.signature.as_deref(), signature);
            assert_eq!(parsed.endpoint.as_deref(), Some(endpoint));
        }
    }

    #[test]
    fn signatures_tell_whether_they_read() {
        for (signature, reads) in [("sv=1&sp=rl&sig=r", true), ("?sp=cw&sig=r", false), ("si=policy&sig=x", true)] {
            assert_eq!(may_read(signature), reads, "{signature}");
        }
    }

    #[test]
    fn what_is_missing_is_named_without_the_secret() {
        for (text, expected) in [
            ("SECRET", "without \"=\""),
            ("AccountKey=SECRET", "neither AccountName"),
            ("AccountName=acc", "neither AccountKey"),
        ] {
            let error = ConnectionString::parse(text, "az://c").err().unwrap().to_string();
            assert!(error.contains(expected) && !error.contains("SECRET"), "{error}");
        }
    }
}

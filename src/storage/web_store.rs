//! Web addresses that lead to stores.

use object_store::ObjectStoreScheme;

use super::RemoteUrl;
use super::connect::{S3_CREDENTIALS, is_set};

/// Whether a web URL leads to a store that is to be spoken to as one, so that it may name a prefix, and its requests are
/// signed: what ends in `/` can be nothing else, and for other addresses there are credentials. A URL with a signature of
/// its own is left alone, unless that is for more than one file.
pub(super) fn is_store_with_credentials(url: &RemoteUrl) -> bool {
    let url = url.reveal();
    let is_prefix = url.path().ends_with('/');
    match ObjectStoreScheme::parse(url) {
        Ok((ObjectStoreScheme::AmazonS3, _)) if url.query().is_none() => {
            is_prefix || is_set(&S3_CREDENTIALS) || is_set(&["AWS_PROFILE"])
        }
        Ok((ObjectStoreScheme::MicrosoftAzure, _)) => match url.query() {
            Some(_) => is_prefix || url.query_pairs().any(|(key, value)| key == "srt" || key == "sr" && value != "b"),
            None => is_prefix || is_set(&AZURE_CREDENTIALS),
        },
        _ => false,
    }
}

/// Variables of which one at least is set where requests to Azure are to be signed, or to be sent as they are.
const AZURE_CREDENTIALS: [&str; 10] = [
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_USE_AZURE_CLI",
    "AZURE_SKIP_SIGNATURE",
    "MSI_ENDPOINT",
    "IDENTITY_ENDPOINT",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Pointer;

    #[test]
    fn web_addresses_of_stores_are_known() {
        // None of this depends on the environment, which tests share.
        for (text, expected) in [
            ("https://acc.blob.core.windows.net/c/folder/", true),
            ("https://acc.blob.core.windows.net/c/folder/?sv=1&sig=SECRET", true),
            ("https://acc.blob.core.windows.net/c/x.csv?sv=1&sr=c&sig=SECRET", true),
            ("https://acc.blob.core.windows.net/c/x.csv?sv=1&ss=b&srt=sco&sig=SECRET", true),
            ("https://acc.blob.core.windows.net/c/x.csv?sv=1&sr=b&sig=SECRET", false),
            ("https://b.s3.amazonaws.com/p/", true),
            ("https://b.s3.amazonaws.com/p/?X-Amz-Signature=SECRET", false),
            ("https://example.com/p/", false),
        ] {
            let Ok(Pointer::Remote(url)) = text.parse() else { panic!("{text}") };
            assert_eq!(is_store_with_credentials(&url), expected, "{text}");
        }
    }
}

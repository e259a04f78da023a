//! What stores complain of, in words that name the cause and the remedy.

use std::error::Error;

use super::StorageError;
use super::place::StoreKind;
use super::secrets::{one_line, scrub};

/// What stores call the absence of a bucket or container.
const NO_CONTAINER: [&str; 2] = ["NoSuchBucket", "ContainerNotFound"];

/// What follows the name of something in a bucket or container that does not exist.
const NO_CONTAINER_HINT: &str =
    ": the store has no such bucket or container; check its name, and the account, region or endpoint";

/// What stores call the absence of an upload whose parts they have taken.
const NO_UPLOAD: &str = "NoSuchUpload";

const NO_UPLOAD_REMEDY: &str = "; the upload was ended while it was under way: see to it that nothing else ends the uploads \
                                there (a rule for incomplete ones, another job), and run it again";

/// Where a machine in a cloud asks for its own credentials; elsewhere nobody answers.
const MACHINE_CREDENTIALS: [&str; 2] = ["169.254.169.254", "metadata.google.internal"];

/// A store's error as one of ours: one line, no secret, and a remedy.
pub(super) fn failure(object: &str, done: &'static str, kind: StoreKind, error: &object_store::Error) -> StorageError {
    match error {
        object_store::Error::NotFound { source, .. } if source.to_string().contains(NO_UPLOAD) => {
            StorageError::Remote {
                object: object.to_owned(),
                done,
                cause: shorten(&source.to_string()),
                remedy: NO_UPLOAD_REMEDY.to_owned(),
            }
        }
        object_store::Error::NotFound { source, .. } => {
            let text = source.to_string();
            let hint = if NO_CONTAINER.iter().any(|code| text.contains(code)) { NO_CONTAINER_HINT } else { "" };
            StorageError::Missing { object: object.to_owned(), hint: hint.to_owned() }
        }
        object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. } if done == "written" => {
            StorageError::Exists {
                object: object.to_owned(),
                hint: "; choose another name, or give --overwrite to replace it".into(),
            }
        }
        // Reads are bound to the version that was listed.
        object_store::Error::Precondition { .. } => StorageError::Changed { object: object.to_owned() },
        _ => {
            let text = chain(error);
            if NO_CONTAINER.iter().any(|code| text.contains(code)) {
                return StorageError::Missing { object: object.to_owned(), hint: NO_CONTAINER_HINT.to_owned() };
            }
            let refused = matches!(
                error,
                object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
            );
            StorageError::Remote {
                object: object.to_owned(),
                done,
                remedy: remedy(kind, refused, &text),
                cause: shorten(&text),
            }
        }
    }
}

/// The error's message with the causes that it does not already tell.
pub(super) fn chain(error: &dyn Error) -> String {
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

/// Whether a request came to nothing on its way there or back: it may be tried again.
pub(super) fn was_lost(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::Generic { .. }) && !chain(error).contains("Server returned")
}

/// Whether a store has said no to a question, in a way that it may have explained.
pub(super) fn is_refusal(error: &object_store::Error) -> bool {
    match error {
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => true,
        error => chain(error).contains("status code: 400"),
    }
}

/// Whether the same request may well be granted later: it was lost, or the server is busy.
pub(super) fn is_passing(error: &object_store::Error) -> bool {
    let busy = ["429", "500", "502", "503", "504"];
    was_lost(error) || busy.iter().any(|status| chain(error).contains(&format!("status code: {status}")))
}

/// Parts of answers that repeat the request.
const ECHOES: [&str; 7] =
    ["Key", "Resource", "BucketName", "CanonicalRequest", "CanonicalRequestBytes", "StringToSign", "StringToSignBytes"];

/// What the server, or the network, said to a request: without the request, whose address may have any words in it.
fn answer(text: &str) -> String {
    let told = text.rsplit_once("Error performing").and_then(|(_, rest)| rest.split_once(" - "));
    let mut told = told.map_or(text, |(_, answer)| answer).to_owned();
    for echo in ECHOES {
        let (begin, end) = (format!("<{echo}>"), format!("</{echo}>"));
        while let Some(start) = told.find(&begin)
            && let Some(len) = told[start..].find(&end)
        {
            told.replace_range(start..start + len + end.len(), "");
        }
    }
    told
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

/// What an answer tells by its words, and what helps against it; the first that fits.
const TELLTALES: [(&[&str], &str); 9] = [
    (
        &["url scheme is not allowed", "allow_http"],
        "set AWS_ALLOW_HTTP=true, AZURE_ALLOW_HTTP=true or GOOGLE_ALLOW_HTTP=true for a store without TLS",
    ),
    (
        &["certificate", "unknownissuer", "unknown issuer", " tls", "handshake"],
        "the server's certificate is not trusted here: name its authority with SSL_CERT_FILE, or use the name that the \
         certificate is for",
    ),
    (
        &["expired", "token is not yet valid", "requesttimetooskewed", "specified time frame"],
        "the credentials or the signature are out of date: renew them, and check this machine's clock",
    ),
    (
        &["permanentredirect", "authorizationheadermalformed", "missing region", "incorrectly configured region"],
        "the store lies in another region: set AWS_REGION to its region",
    ),
    (&["too many redirects", "redirect loop"], "the server sends requests in a circle: check the address"),
    (
        &["dns error", "failed to lookup", "name or service not known"],
        "no server of this name is known here: check the name (account, bucket, region, endpoint) and the network",
    ),
    (&["connection refused"], "nobody listens there: check the address and port, and whether the server runs"),
    (
        &["range requested", "content-range", "non-partial", "range request not supported"],
        "its server does not serve parts of files, which this format needs: download it first",
    ),
    (
        &["slowdown", "serverbusy", "toomanyrequests", "too many requests", "service unavailable", "timed out"],
        "the store is busy or slow and stayed so over all retries: try again later, or with fewer workers",
    ),
];

/// What the user can do, chosen by what the store complained of and whose store it is.
fn remedy(kind: StoreKind, refused: bool, cause: &str) -> String {
    let lower = answer(cause).to_ascii_lowercase();
    if let Some((_, help)) = TELLTALES.iter().find(|(words, _)| words.iter().any(|word| lower.contains(word))) {
        return format!("; {help}");
    }
    let about_credentials = refused
        || MACHINE_CREDENTIALS.iter().any(|address| cause.contains(address))
        || ["credential", "metadata", "token", "account", "signature", "access key", "accesskey"]
            .iter()
            .any(|word| lower.contains(word));
    if !about_credentials {
        return "; check the address, the network and the store's own status".to_owned();
    }
    // Whoever is known to the store and still refused needs rights, not keys.
    let rights = if lower.contains("accessdenied") || lower.contains("authorizationpermissionmismatch") {
        "; the store knows these credentials and does not let them do this: ask its owner for the right to it, or use \
         others: "
    } else {
        "; "
    };
    format!("{rights}{}", kind.how_to_sign())
}

impl StoreKind {
    /// How to give credentials.
    fn how_to_sign(self) -> &'static str {
        match self {
            StoreKind::S3 => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN, AWS_REGION and AWS_ENDPOINT \
                 where needed) or AWS_PROFILE, or AWS_SKIP_SIGNATURE=true for public data"
            }
            StoreKind::Azure => {
                "set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY or \
                 AZURE_STORAGE_SAS_TOKEN, or AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or \
                 AZURE_SKIP_SIGNATURE=true for public data"
            }
            StoreKind::Google => {
                "set GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT to a key file, or \
                 GOOGLE_SKIP_SIGNATURE=true for public data"
            }
            StoreKind::Web => "the address needs a signature or user:password@ that is valid",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_lost_upload_is_no_missing_object() {
        let error = object_store::Error::NotFound {
            path: "out.csv".into(),
            source: "Server returned non-2xx status code: 404 Not Found: <Error><Code>NoSuchUpload</Code><Message>The \
                     specified upload does not exist.</Message></Error>"
                .into(),
        };
        let text = failure("s3://b/out.csv", "written", StoreKind::S3, &error).to_string();
        assert!(text.contains("NoSuchUpload") && text.contains("incomplete ones"), "{text}");
    }

    #[test]
    fn remedies_fit_the_complaint() {
        for (kind, refused, cause, expected) in [
            (StoreKind::S3, true, "<Code>InvalidAccessKeyId</Code>", "AWS_PROFILE"),
            (StoreKind::S3, true, "<Code>AccessDenied</Code>", "the right to it"),
            (StoreKind::S3, true, "<Code>ExpiredToken</Code>", "renew them"),
            (StoreKind::S3, false, "<Code>PermanentRedirect</Code>", "AWS_REGION"),
            (StoreKind::Azure, true, "AuthenticationFailed", "AZURE_STORAGE_CONNECTION_STRING"),
            (
                StoreKind::Azure,
                true,
                "AuthenticationFailed: Signature not valid in the specified time frame: Expired",
                "renew",
            ),
            (StoreKind::Google, true, "401", "GOOGLE_APPLICATION_CREDENTIALS"),
            (StoreKind::Web, true, "403", "user:password@"),
            (StoreKind::Web, false, "invalid peer certificate: Expired", "SSL_CERT_FILE"),
            (StoreKind::Web, false, "error following redirect: too many redirects", "in a circle"),
            (StoreKind::Web, false, "tcp connect error: Connection refused (os error 111)", "nobody listens"),
            (StoreKind::S3, false, "<Code>SlowDown</Code>", "over all retries"),
            // A key may have any words in it.
            (
                StoreKind::S3,
                true,
                "Error performing GET http://h/b/expired/certificate.csv in 2ms - Server returned non-2xx status code: 403 \
                 Forbidden: <Error><Code>AccessDenied</Code><Message>Access Denied</Message>\
                 <Key>expired/certificate.csv</Key><Resource>/b/expired/certificate.csv</Resource></Error>",
                "the right to it",
            ),
            (
                StoreKind::S3,
                false,
                "Error performing PUT http://169.254.169.254/latest/api/token in 2s - HTTP error: error sending request",
                "AWS_PROFILE",
            ),
            (
                StoreKind::Web,
                false,
                "Error performing GET http://h/tokens/timed out.csv in 2s - HTTP error: error decoding response body",
                "the store's own status",
            ),
        ] {
            let remedy = remedy(kind, refused, cause);
            assert!(remedy.contains(expected), "{cause}: {remedy}");
        }
    }
}

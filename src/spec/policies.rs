use std::str::FromStr;

use super::job_file::{JobSpec, Scalar};
use super::resolve::{ResolveError, value};
use crate::policy::{ErrorThreshold, ProgressTimeout, RetryPolicy, Timeout, parse_duration};

/// What is done about failures.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// `retry_settings.max_retries`.
    pub retry: RetryPolicy,
    /// `retry_settings.timeout`: for one call of the model; `None` when switched off with 0.
    pub timeout: Option<Timeout>,
    /// `error_threshold`: failed items.
    pub error_threshold: ErrorThreshold,
    /// `mini_batch_error_threshold`: mini-batches of which an item failed in scoring.
    pub mini_batch_error_threshold: ErrorThreshold,
    /// `progress_update_timeout`.
    pub progress_update_timeout: Option<ProgressTimeout>,
}

/// Takes what is done about failures out of `spec`.
pub(super) fn policies(spec: &mut JobSpec) -> Result<Policies, ResolveError> {
    Ok(Policies {
        retry: match spec.retry_settings.max_retries.take() {
            None => RetryPolicy::default(),
            Some(count) => RetryPolicy::new(parse_with_rule(
                "retry_settings.max_retries",
                &count,
                "write a whole number from 0 up",
            )?),
        },
        timeout: match spec.retry_settings.timeout.take() {
            None => Some(Timeout::default()),
            Some(limit) => Timeout::new(duration("retry_settings.timeout", &limit)?),
        },
        error_threshold: spec.error_threshold.unwrap_or_default(),
        mini_batch_error_threshold: spec.mini_batch_error_threshold.unwrap_or_default(),
        progress_update_timeout: match spec.progress_update_timeout.take() {
            None => None,
            Some(limit) => ProgressTimeout::new(duration("progress_update_timeout", &limit)?),
        },
    })
}

fn duration(setting: &'static str, written: &Scalar) -> Result<std::time::Duration, ResolveError> {
    let text = written.to_string();
    parse_duration(&text)
        .ok_or_else(|| value(setting, &text, "write seconds (30), or 500ms, 5m, 2h, PT2H46M39S; 0 switches it off"))
}

fn parse_with_rule<T: FromStr>(setting: &'static str, written: &Scalar, rule: &str) -> Result<T, ResolveError> {
    let text = written.to_string();
    text.trim().parse().map_err(|_| value(setting, &text, rule))
}

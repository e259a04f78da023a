use std::time::Duration;

/// How often a failed mini-batch is tried again, and after which pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Retries after the first attempt: a mini-batch gets at most `max_retries + 1` attempts.
    pub max_retries: u32,
    /// Pause before the first retry; it doubles with each further one.
    pub first_pause: Duration,
    /// No pause is longer.
    pub longest_pause: Duration,
}

impl RetryPolicy {
    /// At most `max_retries` retries, with the usual pauses.
    pub fn new(max_retries: u32) -> Self {
        RetryPolicy { max_retries, ..RetryPolicy::default() }
    }

    /// Whether another attempt is due after `attempts` have failed.
    pub fn allows_another(&self, attempts: u32) -> bool {
        attempts <= self.max_retries
    }

    /// The pause after `attempts` failed attempts: exponential, with full jitter between one half and the whole of it.
    /// `random` is drawn evenly from 0 to 1.
    pub fn pause(&self, attempts: u32, random: f64) -> Duration {
        let doublings = attempts.saturating_sub(1).min(20);
        let whole = self.first_pause.saturating_mul(1 << doublings).min(self.longest_pause);
        whole.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
    }
}

impl Default for RetryPolicy {
    /// Three retries, as in Azure; pauses of 0.1 s doubling up to 10 s.
    fn default() -> Self {
        RetryPolicy { max_retries: 3, first_pause: Duration::from_millis(100), longest_pause: Duration::from_secs(10) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_retries_counts_retries_not_attempts() {
        for (max_retries, attempts) in [(0, 1), (1, 2), (3, 4)] {
            let policy = RetryPolicy::new(max_retries);
            let made = (1..).find(|made| !policy.allows_another(*made)).unwrap();
            assert_eq!(made, attempts);
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_keep_half() {
        let policy = RetryPolicy::default();
        for (attempts, longest) in [(1, 100), (2, 200), (3, 400), (7, 6_400), (8, 10_000), (u32::MAX, 10_000)] {
            assert_eq!(policy.pause(attempts, 1.0), Duration::from_millis(longest));
            assert_eq!(policy.pause(attempts, 0.0), Duration::from_millis(longest / 2));
        }
    }
}

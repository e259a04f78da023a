use super::job_file::JobSpec;
use super::yaml::SpecError;
use crate::storage::scrub;

/// Settings that Azure's `--set` takes without the name of their group.
const IN_GROUPS: &[(&str, &str)] =
    &[("max_retries", "retry_settings.max_retries"), ("timeout", "retry_settings.timeout"), ("job_name", "name")];

impl JobSpec {
    /// What `--set key=value` says; dots in the key lead into groups (`retry_settings.timeout=45`).
    pub fn set(pair: &str) -> Result<JobSpec, SpecError> {
        let place = format!("--set {}", scrub(pair));
        let Some((key, value)) = pair.split_once('=') else {
            return Err(SpecError::Malformed { place, cause: "expected key=value".to_owned() });
        };
        let key = key.trim();
        let key = IN_GROUPS.iter().find(|(short, _)| *short == key).map_or(key, |(_, long)| long);
        if key.is_empty() || key.split('.').any(|part| part.is_empty() || part.contains([':', '#', '"', '\'', '\n'])) {
            return Err(SpecError::Malformed { place, cause: format!("{key:?} is not a key") });
        }
        // The value is read as YAML, so that numbers, lists and quoted texts mean what they mean in a job file.
        let depth = key.split('.').count();
        let mut text = String::new();
        for (level, part) in key.split('.').enumerate() {
            text.push_str(&format!("{:1$}{part}:", "", level * 2));
            text.push_str(if level + 1 == depth { " " } else { "\n" });
        }
        text.push_str(value.trim());
        text.push('\n');
        match JobSpec::parse(&text, &place) {
            // Lines of the made-up file mean nothing to the user.
            Err(SpecError::UnknownKey { key, nearest, known, .. }) => {
                Err(SpecError::UnknownKey { place, key, nearest, known })
            }
            Err(SpecError::Malformed { cause, .. }) => Err(SpecError::Malformed { place, cause }),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::job_file::Scalar;
    use super::*;
    use crate::policy::{ErrorThreshold, MiniBatchSize};

    #[test]
    fn sets_plain_grouped_and_ungrouped_keys() {
        let spec = JobSpec::set("mini_batch_size=20").unwrap();
        assert_eq!(spec.mini_batch_size, Some(MiniBatchSize::Items(20)));
        let spec = JobSpec::set("retry_settings.timeout=PT45S").unwrap();
        assert_eq!(spec.retry_settings.timeout, Some(Scalar::Text("PT45S".to_owned())));
        let spec = JobSpec::set("max_retries = 2").unwrap();
        assert_eq!(spec.retry_settings.max_retries, Some(Scalar::Integer(2)));
        assert_eq!(JobSpec::set("error_threshold=-1").unwrap().error_threshold, Some(ErrorThreshold::Any));
        assert_eq!(JobSpec::set("output_file_name=a=b.csv").unwrap().output_file_name.as_deref(), Some("a=b.csv"));
    }

    #[test]
    fn says_what_is_wrong() {
        for (pair, message) in [
            ("mini_batch_size", "--set mini_batch_size: expected key=value"),
            ("=5", "--set =5: \"\" is not a key"),
            ("a..b=5", "is not a key"),
            ("mini_batch_siez=5", "did you mean `mini_batch_size`?"),
            ("retry_settings.max_retry=5", "did you mean `max_retries`?"),
            ("mini_batch_size=0", "write a number of items from 1 up"),
        ] {
            let error = JobSpec::set(pair).unwrap_err().to_string();
            assert!(error.contains(message), "{pair}: {error}");
        }
    }
}

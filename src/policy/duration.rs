use std::time::Duration;

/// Reads a length of time: seconds as a plain number (`30`, `0.5`), with a unit (`500ms`, `30s`, `5m`, `2h`), or in
/// ISO-8601 as Azure writes it on the wire (`PT2H46M39S`). `None` when it is none of these, negative, or too long.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim().to_ascii_lowercase();
    let units: &[(&str, f64)] = &[("ms", 0.001), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
    let seconds = if let Some(mut rest) = text.strip_prefix("pt") {
        let mut total = 0.0;
        let mut left = &units[1..];
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let value: f64 = rest[..end].parse().ok()?;
            // Hours, minutes and seconds come in this order, each at most once.
            let at = left.iter().position(|(unit, _)| rest[end..].starts_with(unit))?;
            total += value * left[at].1;
            rest = &rest[end + left[at].0.len()..];
            left = &left[at + 1..];
        }
        if left.len() == units.len() - 1 {
            return None;
        }
        total
    } else {
        let (number, scale) = units
            .iter()
            .find_map(|(unit, scale)| text.strip_suffix(unit).map(|number| (number, *scale)))
            .unwrap_or((&text, 1.0));
        let number = number.trim_end();
        if !number.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return None;
        }
        number.parse::<f64>().ok()? * scale
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// Writes a length of time as people say it: `250 ms`, `12.3 s`, `3 m 20 s`, `2 h 05 m`.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", (duration.as_millis() / 100) as f64 / 10.0),
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_seconds_units_and_iso() {
        for (text, millis) in [
            ("30", 30_000),
            ("0.5", 500),
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("PT30S", 30_000),
            ("PT2H46M39S", 9_999_000),
            ("pt1.5s", 1_500),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_length_of_time() {
        for text in ["", "-1", "soon", "PT", "PT5", "PT5S3M", "nan", "inf", "1e400", "s", "5 years"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn writes_for_people() {
        for (millis, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (12_345, "12.3 s"),
            (59_990, "59.9 s"),
            (200_000, "3 m 20 s"),
            (7_500_000, "2 h 05 m"),
        ] {
            assert_eq!(format_duration(Duration::from_millis(millis)), text);
        }
    }
}

/// The name most like `wanted`, if any is like it at all.
pub(super) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(&wanted.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|(a, first), (b, second)| a.total_cmp(b).then_with(|| second.cmp(first)))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likest_name_is_found() {
        let names = ["train.csv", "test.csv", "readme.md"];
        assert_eq!(nearest("tset.csv", names), Some("test.csv"));
        assert_eq!(nearest("TRAIN.CSV", names), Some("train.csv"));
        assert_eq!(nearest("xyzzy", names), None);
    }
}

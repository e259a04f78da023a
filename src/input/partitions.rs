//! Columns that stand in the paths of files, as Hive and Spark write them: `year=2024/month=05/x.parquet`.

use std::sync::Arc;

use arrow_schema::DataType;

/// What Hive and Spark write for a missing value.
const MISSING: &str = "__HIVE_DEFAULT_PARTITION__";

/// A column that paths tell, and its value for one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathColumn {
    pub name: String,
    /// int64 if every value at the listing's beginning is a plain whole number, else text.
    pub data_type: DataType,
    pub value: PathValue,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathValue {
    /// This path does not have the column.
    Absent,
    /// It has the mark of a missing value.
    Missing,
    Text(String),
}

impl PathValue {
    /// The text of the value, if there is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            PathValue::Text(text) => Some(text),
            PathValue::Absent | PathValue::Missing => None,
        }
    }
}

/// The path columns of a listing: which there are, as its first files tell, and what each file's path says.
#[derive(Debug, Default)]
pub(super) struct PathColumns {
    /// Without values.
    columns: Vec<PathColumn>,
    /// The folder of the file before, and what it says: most files lie where the one before lies.
    last: Option<(String, Arc<[PathColumn]>)>,
}

impl PathColumns {
    /// The columns that these names of files have together.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> PathColumns {
        PathColumns { columns: all_columns(names), last: None }
    }

    /// What the path of one file says.
    pub(super) fn of_file(&mut self, name: &str) -> Arc<[PathColumn]> {
        let folder = folder_of(name);
        if let Some((_, columns)) = self.last.as_ref().filter(|(known, _)| known == folder) {
            return Arc::clone(columns);
        }
        let mut of_folder = self.columns.clone();
        for (name, value) in pairs(folder) {
            of_folder.iter_mut().filter(|column| column.name == name).for_each(|column| column.value = value.clone());
        }
        let of_folder: Arc<[PathColumn]> = of_folder.into();
        self.last = Some((folder.to_owned(), Arc::clone(&of_folder)));
        of_folder
    }
}

/// The columns of all paths together, in the order in which they first appear.
fn all_columns<'a>(names: impl Iterator<Item = &'a str>) -> Vec<PathColumn> {
    let mut columns: Vec<PathColumn> = Vec::new();
    let mut last = "";
    for folder in names.map(folder_of) {
        // Listings are sorted: most files lie where the one before lies.
        if folder == std::mem::replace(&mut last, folder) {
            continue;
        }
        for (name, value) in pairs(folder) {
            let position = columns.iter().position(|column| column.name == name).unwrap_or_else(|| {
                // There is no saying what it is before there is a value.
                columns.push(PathColumn { name, data_type: DataType::Null, value: PathValue::Absent });
                columns.len() - 1
            });
            let data_type = &mut columns[position].data_type;
            match value.text() {
                None => {}
                Some(text) if *data_type != DataType::Utf8 && is_plain_integer(text) => *data_type = DataType::Int64,
                Some(_) => *data_type = DataType::Utf8,
            }
        }
    }
    columns.iter_mut().filter(|column| column.data_type.is_null()).for_each(|column| column.data_type = DataType::Utf8);
    columns
}

fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The columns of a path; of two with one name the deeper counts.
fn pairs(folder: &str) -> impl Iterator<Item = (String, PathValue)> {
    folder.split('/').filter_map(|part| {
        let (name, value) = part.split_once('=').filter(|(name, _)| !name.is_empty())?;
        let value = if value == MISSING { PathValue::Missing } else { PathValue::Text(decoded(value)) };
        Some((decoded(name), value))
    })
}

/// Whether a text is a number as it would be written again: no leading zeros, no plus, no space.
fn is_plain_integer(text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|value| value.to_string() == text)
}

/// Undoes the encoding of characters that cannot stand in names of folders (`%2F`).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let digit = |at: usize| behind.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and types of the columns, then the values of each file.
    fn columns(names: &[&str]) -> (Vec<String>, Vec<Vec<PathValue>>) {
        let mut columns = PathColumns::new(names.iter().copied());
        let all: Vec<_> = names.iter().map(|name| columns.of_file(name)).collect();
        let heads = all[0].iter().map(|column| format!("{}:{}", column.name, column.data_type)).collect();
        (heads, all.iter().map(|columns| columns.iter().map(|column| column.value.clone()).collect()).collect())
    }

    fn text(text: &str) -> PathValue {
        PathValue::Text(text.to_owned())
    }

    #[test]
    fn paths_tell_columns() {
        let (heads, values) = columns(&[
            "year=2024/month=05/a.csv",
            "year=2024/month=05/b.csv",
            "year=2024/month=11/a.csv",
            "year=-3/city=S%C3%A3o%2FPaulo %/a.csv",
            "year=__HIVE_DEFAULT_PARTITION__/a.csv",
            "a=b.csv",
        ]);
        assert_eq!(heads, ["year:Int64", "month:Utf8", "city:Utf8"]);
        let absent = || PathValue::Absent;
        assert_eq!(
            values,
            [
                vec![text("2024"), text("05"), absent()],
                vec![text("2024"), text("05"), absent()],
                vec![text("2024"), text("11"), absent()],
                vec![text("-3"), absent(), text("São/Paulo %")],
                vec![PathValue::Missing, absent(), absent()],
                vec![absent(), absent(), absent()],
            ]
        );
    }

    #[test]
    fn types_hold_over_the_whole_listing() {
        assert_eq!(columns(&["k=1/a", "k=x/a", "k=2/a"]).0, ["k:Utf8"]);
        assert_eq!(columns(&["k=__HIVE_DEFAULT_PARTITION__/a", "k=2/a"]).0, ["k:Int64"]);
        assert_eq!(columns(&["k=__HIVE_DEFAULT_PARTITION__/a"]).0, ["k:Utf8"]);
        for text in ["05", "+1", "1.0", "", "-0", "9223372036854775808", "1_0"] {
            assert_eq!(columns(&[&format!("k={text}/a")]).0, ["k:Utf8"], "{text}");
        }
        assert_eq!(columns(&["k=1/k=2/a"]).1, [[text("2")]]);
        assert!(columns(&["=1/x/a"]).0.is_empty());
    }
}

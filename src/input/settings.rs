use super::{InputError, InputFormat};
use crate::policy::MiniBatchSize;

/// Whether the first record of a delimited text file names the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Header {
    /// It does.
    On,
    /// It is data; columns are called `column_0`, `column_1`, ...
    Off,
    /// It does when none of its fields is a number and either a wanted column's name is among them or the second record
    /// has a number. A lone record without numbers is a header if the model takes numbers. Where a first record of text
    /// is taken for data, [`ColumnPlan::doubt`](super::ColumnPlan::doubt) says so.
    #[default]
    Auto,
}

/// Which columns of the data come out again beside the predictions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Keep {
    /// None.
    #[default]
    None,
    /// These.
    Columns(Vec<String>),
    /// Every column of the first file, features included, in the file's order.
    All,
}

/// How input files are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputSettings {
    /// The format of all files; `None` goes by each file's extension.
    pub format: Option<InputFormat>,
    /// Whether delimited text has a header.
    pub header: Header,
    /// What separates fields; `None` is a tab for `.tsv` and a comma otherwise.
    pub delimiter: Option<u8>,
    /// The columns that the model takes, in its order; `None` takes them by the model's names, or all in the data's order.
    /// A column of a file without header is called by its position from 0, or `column_0`, `column_1`, ...
    pub features: Option<Vec<String>>,
    /// The columns to pass on.
    pub keep: Keep,
    /// Where mini-batches are cut.
    pub mini_batch_size: MiniBatchSize,
}

impl InputSettings {
    /// Refuses what could not work with any file.
    pub fn check(&self) -> Result<(), InputError> {
        match self.delimiter {
            Some(byte) if !byte.is_ascii() || byte.is_ascii_alphanumeric() || b"\"\r\n+-._\0".contains(&byte) => {
                let shown = if byte.is_ascii() {
                    char::from(byte).escape_default().to_string()
                } else {
                    format!("byte {byte}")
                };
                Err(InputError::Setting(format!(
                    "the delimiter {shown:?} cannot be told from data: use one such as \",\", \";\", \"|\" or a tab"
                )))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters() {
        for (delimiter, good) in [
            (b',', true),
            (b'\t', true),
            (b';', true),
            (b'|', true),
            (b' ', true),
            (b'"', false),
            (b'\n', false),
            (b'5', false),
            (b'.', false),
            (0xc3, false),
        ] {
            let settings = InputSettings { delimiter: Some(delimiter), ..InputSettings::default() };
            assert_eq!(settings.check().is_ok(), good, "{delimiter}");
        }
    }
}

use super::{Filter, InputError, InputFormat, InputType, Renames, Sample};
use crate::policy::MiniBatchSize;

/// Whether the first record of a delimited text file names the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Header {
    /// It does.
    On,
    /// It is data; columns are called `column_0`, `column_1`, ...
    Off,
    /// It does when none of its fields is a number and either a wanted column's name is among them or none stands for a
    /// missing number (`NA`; but for empty ones beside names) and the second record has a number. A lone record without
    /// numbers is a header if the model takes numbers. Where a first record of text is taken for data,
    /// [`ColumnPlan::doubt`](super::ColumnPlan::doubt) says so. Files behind one without a header have none.
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

/// How input files are read, and which of their records are items.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InputSettings {
    /// What the pointers must be, if the user says so.
    pub input_type: Option<InputType>,
    /// The format of all files; `None` goes by each file's extension.
    pub format: Option<InputFormat>,
    /// Whether delimited text has a header.
    pub header: Header,
    /// What separates fields; `None` is a tab for `.tsv` and a comma otherwise.
    pub delimiter: Option<u8>,
    /// Other names for columns of the data; all that follows knows columns by their new names.
    pub renames: Renames,
    /// The columns that the model takes, in its order; `None` takes them by the model's names, or all in the data's order.
    /// A column of a file without header is called by its position from 0, or `column_0`, `column_1`, ...
    pub features: Option<Vec<String>>,
    /// The columns to pass on.
    pub keep: Keep,
    /// The column that tells records apart: it is passed on before those of `keep`, and stands in error records.
    pub key: Option<String>,
    /// Which records are items by what is in them.
    pub filter: Option<Filter>,
    /// Which records are items by chance.
    pub sample: Option<Sample>,
    /// How many items there are at most: the first ones of those that `filter` and `sample` take.
    pub limit: Option<u64>,
    /// Where mini-batches are cut.
    pub mini_batch_size: MiniBatchSize,
    /// How many records a block has at most, as far as whole mini-batches allow, when what is made of them takes much room.
    pub block_rows: Option<u64>,
}

impl InputSettings {
    /// The same for all records of other data: nothing is picked out and nothing is passed on.
    pub fn for_all_records(&self) -> InputSettings {
        InputSettings {
            input_type: None,
            keep: Keep::None,
            key: None,
            filter: None,
            sample: None,
            limit: None,
            ..self.clone()
        }
    }

    /// Whether only some of the records are items.
    pub fn selects(&self) -> bool {
        self.filter.is_some() || self.sample.is_some()
    }

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

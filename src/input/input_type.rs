use std::fmt;

use serde::{Deserialize, Serialize};

use super::InputError;
use crate::storage::Pointer;

/// What an input pointer is, in Azure's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    /// One file.
    UriFile,
    /// A folder, or a pattern.
    UriFolder,
}

impl InputType {
    /// The type of what is one file, or is none.
    pub fn of(is_file: bool) -> InputType {
        if is_file { InputType::UriFile } else { InputType::UriFolder }
    }

    /// Refuses a pointer that is something else; `is_file` says whether it names one file.
    pub(super) fn check(self, pointer: &Pointer, is_file: bool) -> Result<(), InputError> {
        match self {
            InputType::UriFile if !is_file => Err(InputError::Setting(format!(
                "{pointer} is not one file, though its input type is uri_file: name a file, or say uri_folder"
            ))),
            InputType::UriFolder if is_file => Err(InputError::Setting(format!(
                "{pointer} is one file, though its input type is uri_folder: name its folder, or say uri_file"
            ))),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for InputType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InputType::UriFile => "uri_file",
            InputType::UriFolder => "uri_folder",
        })
    }
}

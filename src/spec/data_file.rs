use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::yaml::{self, SpecError};
pub use crate::input::InputType;

/// Registered data as it was written: the keys of Azure's data assets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// Which schema the file follows. It is read and not kept.
    #[serde(rename = "$schema", skip_serializing)]
    pub schema: Option<String>,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version; one more than the last, when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether it is a file or a folder.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<InputType>,
    /// Where it is: any pointer but registered data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For people and programs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl DataSpec {
    /// Reads a file with one registration.
    pub fn read(path: &Path) -> Result<Self, SpecError> {
        yaml::read(path)
    }

    /// The name, checked, as Azure has it: letters, digits, hyphens, underscores and dots.
    pub fn checked_name(name: &str) -> Result<&str, SpecError> {
        let fits = !name.is_empty()
            && name.len() <= 255
            && !name.starts_with(['.', '-'])
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        let cause = "a name is up to 255 letters, digits, hyphens, underscores and dots, the first no hyphen or dot";
        if fits { Ok(name) } else { Err(SpecError::Malformed { place: format!("data {name:?}"), cause: cause.into() }) }
    }
}

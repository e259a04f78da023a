//! The values that travel from the input to the output.
//!
//! A [`Block`] is a run of consecutive records of one file, decoded; a [`MiniBatch`] is a range of a block and the unit of
//! one model call; [`Predictions`] is what the model said about it; an [`ErrorRecord`] is what became of an item that has
//! no prediction. Nothing here does work or knows who made it.

mod block;
mod error_record;
mod features;
mod instants;
mod key;
mod predictions;

pub use block::{Block, Cuts, InputFile, MiniBatch, RowNumbers};
pub use error_record::{ErrorRecord, Stage};
pub use features::{ElementType, FeatureNeeds, NamedFeature};
pub use instants::in_utc;
pub use key::{ItemKey, RAW_JSON, key_value};
pub use predictions::{Predictions, PredictionsError};

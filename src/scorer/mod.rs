//! The model seam: a [`Scorer`] turns the records of a mini-batch into one result each.
//!
//! A scorer is loaded once and shared by all workers; what a call changes is kept apart for each thread by the scorer
//! itself. It never retries, never splits and never writes: that is the engine's and the run's part.

pub mod boosted;
mod details;
mod explained;
pub mod onnx;
mod runtime;
mod sampled;
pub mod scripted;
mod signature;
pub mod trees;

use std::path::Path;

use arrow_schema::SchemaRef;
use thiserror::Error;

use crate::data::{MiniBatch, Predictions, PredictionsError};

pub use details::{Details, OperatorCount};
pub use explained::{Contributions, Explained, Explainer, Unexplained};
pub use runtime::{Engine, Explain, ModelSettings, RunRows};
pub use sampled::{Background, Sampled};
pub use signature::{Dimension, ElementType, FeatureNeeds, NamedFeature, Signature, TensorSpec};

/// A loaded model.
pub trait Scorer: Send + Sync {
    /// What goes in and what comes out, as the model declares it.
    fn signature(&self) -> &Signature;

    /// What runs the model, for users.
    fn engine(&self) -> String;

    /// What else there is to know of the model, for `model inspect`.
    fn details(&self) -> Details {
        Details::default()
    }

    /// The columns that each record must bring, in the order in which [`Self::score`] takes them.
    fn needs(&self) -> &FeatureNeeds;

    /// The columns of every [`Predictions`] that this scorer gives; the first is the prediction.
    fn output_schema(&self) -> SchemaRef;

    /// What tells how the features contribute to the model's scores, if the model was loaded to be explained and tells
    /// enough; else why not, and [`Sampled`] explains it.
    fn explainer(&self) -> Result<&dyn Explainer, Unexplained> {
        let cause = "it does not tell what its features contribute".to_owned();
        Err(Unexplained { cause, observing: false })
    }

    /// Takes in records like those that the model was trained on, which a model that says so ([`Unexplained::observing`])
    /// needs to be explained.
    fn observe(&mut self, _records: &mut dyn Iterator<Item = MiniBatch>) -> Result<(), ScoreError> {
        Ok(())
    }

    /// One result for each item of `mini_batch`, in order.
    fn score(&self, mini_batch: &MiniBatch) -> Result<Predictions, ScoreError>;
}

/// Why a call of the model gave no results.
#[derive(Debug, Error)]
pub enum ScoreError {
    /// The same call may succeed another time.
    #[error("{0}")]
    Transient(String),
    /// The same call would fail again: a wrong shape, a value that the model refuses.
    #[error("{0}")]
    Permanent(String),
}

impl ScoreError {
    /// Whether another attempt can help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, ScoreError::Transient(_))
    }
}

impl From<PredictionsError> for ScoreError {
    fn from(error: PredictionsError) -> Self {
        ScoreError::Permanent(error.to_string())
    }
}

/// A model file that cannot be used.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The file cannot be read.
    #[error("model {path} cannot be read: {source}")]
    Unreadable {
        /// The model's path.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing here knows this kind of file.
    #[error("model {path} is {found}, which no engine of this version runs; {remedy}")]
    UnknownKind {
        /// The model's path.
        path: String,
        /// What the file seems to be.
        found: String,
        /// What the user can do.
        remedy: String,
    },
    /// The file says that it is ONNX, but it is not, or it is cut off.
    #[error(
        "model {path} is not a readable ONNX file: {cause}; export it again, or compare its size with the original's"
    )]
    NotOnnx {
        /// The model's path.
        path: String,
        /// What the parser said.
        cause: String,
    },
    /// The graph uses operators that have no implementation here.
    #[error("model {path} uses {} that this version does not support: {}{remedy}", if operators.len() == 1 { "an operator" } else { "operators" }, operators.join(", "))]
    UnsupportedOperators {
        /// The model's path.
        path: String,
        /// Each with its domain, as in `ai.onnx.ml.SVMClassifier`.
        operators: Vec<String>,
        /// What the user can do, behind a semicolon, or nothing.
        remedy: String,
    },
    /// ONNX Runtime was asked for, and is not there, or does not run the model.
    #[error("model {path} cannot be run by ONNX Runtime: {cause}")]
    OnnxRuntime {
        /// The model's path.
        path: String,
        /// Why, and what the user can do.
        cause: String,
    },
    /// An engine of ONNX models was asked for, and the model is none.
    #[error("model {path} is no ONNX file, and the engine {engine} runs only these: leave the engine out")]
    OnlyOnnx {
        /// The model's path.
        path: String,
        /// What was asked for.
        engine: Engine,
    },
    /// Contributions were asked for, and there is no way to find them.
    #[error("model {path} cannot be explained: {cause}")]
    Unexplained {
        /// The model's path.
        path: String,
        /// Why, and what the user can do.
        cause: String,
    },
    /// The graph is understood, but cannot be prepared.
    #[error("model {path} cannot be prepared: {cause}")]
    Unusable {
        /// The model's path.
        path: String,
        /// Why.
        cause: String,
    },
}

/// Loads the model at `path` with the engine that fits what the file is, or that `settings` ask for.
pub fn load(path: &Path, settings: &ModelSettings) -> Result<Box<dyn Scorer>, ModelError> {
    match path.extension().and_then(|e| e.to_str()) {
        Some("onnx") => Ok(Box::new(onnx::OnnxScorer::load(path, settings)?)),
        Some(_) if settings.engine != Engine::Auto && path.is_file() => {
            Err(ModelError::OnlyOnnx { path: path.display().to_string(), engine: settings.engine })
        }
        Some("scripted") => Ok(Box::new(scripted::ScriptedScorer::load(path)?)),
        Some(extension) if boosted::EXTENSIONS.contains(&extension) => boosted::load(path, settings.explain.is_some()),
        other => Err(ModelError::UnknownKind {
            path: path.display().to_string(),
            found: other.map_or_else(|| "a file without an extension".to_owned(), |e| format!("a .{e} file")),
            remedy:
                "models are ONNX files (.onnx) and those of LightGBM (.txt), XGBoost (.json, .ubj) and CatBoost (.json)"
                    .to_owned(),
        }),
    }
}

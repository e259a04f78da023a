//! What runs a model: tract or ONNX Runtime.

use std::path::Path;

use tract_onnx::pb::ModelProto;

use super::OnnxScorer;
use super::library;
use super::onnx_runtime::{self, Library};
use crate::scorer::{Engine, ModelError, ModelSettings};

/// Prepares `model`, which was read from `path`, for the engine that `settings` ask for.
pub(super) fn load(model: &ModelProto, path: &Path, settings: &ModelSettings) -> Result<OnnxScorer, ModelError> {
    match settings.engine {
        Engine::Tract => Ok(because(OnnxScorer::of_model(model, path, None)?, "it was asked for")),
        Engine::Ort => {
            let library = installed(settings).map_err(|cause| unusable(path, cause))?;
            let scorer = by_onnx_runtime(model, path, &library)?;
            Ok(because(scorer, &format!("it was asked for; its library is {}", library.path.display())))
        }
        Engine::Auto => chosen(model, path, settings),
    }
}

/// tract, unless it cannot run the model and ONNX Runtime can.
fn chosen(model: &ModelProto, path: &Path, settings: &ModelSettings) -> Result<OnnxScorer, ModelError> {
    let error = match OnnxScorer::of_model(model, path, None) {
        Ok(scorer) => return Ok(because(scorer, "it runs the model")),
        Err(error) => error,
    };
    // What is wrong with the model itself needs no second opinion.
    let attempt = installed(settings).and_then(|library| {
        let scorer = by_onnx_runtime(model, path, &library).map_err(|error| error.to_string())?;
        Ok(because(scorer, &format!("tract does not run the model; its library is {}", library.path.display())))
    });
    match (attempt, error) {
        (Ok(scorer), _) => Ok(scorer),
        (Err(cause), ModelError::UnsupportedOperators { path, operators, .. }) => {
            let remedy = format!("; ONNX Runtime may know them, but {cause}");
            Err(ModelError::UnsupportedOperators { path, operators, remedy })
        }
        (Err(_), error) => Err(error),
    }
}

/// The library that the settings name, or one that is installed.
fn installed(settings: &ModelSettings) -> Result<Library, String> {
    library::find(settings.ort_library.as_deref()).and_then(|file| onnx_runtime::load(&file))
}

fn by_onnx_runtime(model: &ModelProto, path: &Path, library: &Library) -> Result<OnnxScorer, ModelError> {
    OnnxScorer::of_model(model, path, Some(library)).map_err(|error| match error {
        ModelError::Unusable { cause, .. } => unusable(path, cause),
        other => other,
    })
}

fn unusable(path: &Path, cause: String) -> ModelError {
    ModelError::OnnxRuntime { path: path.display().to_string(), cause }
}

fn because(scorer: OnnxScorer, reason: &str) -> OnnxScorer {
    OnnxScorer { reason: reason.to_owned(), ..scorer }
}

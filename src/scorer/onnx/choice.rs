//! What runs a model: tract or ONNX Runtime.

use std::collections::HashSet;
use std::path::Path;

use tract_onnx::pb::{GraphProto, ModelProto};

use super::library;
use super::onnx_runtime::{self, Library};
use super::plan::Wish;
use super::saved_plan::{self, Saved};
use super::{OnnxScorer, RUN_ROWS};
use crate::scorer::{Engine, ModelError, ModelSettings, RunRows};

/// Prepares `model`, which was read from `path`, for the engine that `settings` ask for.
pub(super) fn load(model: &ModelProto, path: &Path, settings: &ModelSettings) -> Result<OnnxScorer, ModelError> {
    match settings.engine {
        Engine::Tract => by_tract(model, path, settings, "it was asked for"),
        Engine::Ort => {
            let library = installed(settings).map_err(|cause| unusable(path, cause))?;
            let scorer = by_onnx_runtime(model, path, &library)?;
            Ok(because(scorer, &format!("it was asked for; its library is {}", library.path.display())))
        }
        Engine::Auto => chosen(model, path, settings),
    }
}

/// tract, unless ONNX Runtime is installed and pays for the model, or runs it where tract does not.
///
/// Which models it pays for is decided by their operators and not by timing them: so a model has the same engine, and
/// its results the same bits, in every run on a machine. And the library is only looked for where it matters.
fn chosen(model: &ModelProto, path: &Path, settings: &ModelSettings) -> Result<OnnxScorer, ModelError> {
    let slow = model.graph.as_ref().and_then(slow_in_tract);
    if let Some(operator) = slow {
        let by_library = attempt(model, path, settings, &format!("it is the faster one at {operator}"));
        return by_library.or_else(|cause| {
            // Who names a library wants to know that it is of no use.
            if settings.ort_library.is_some() {
                return Err(unusable(path, cause));
            }
            let reason = format!("ONNX Runtime, which is faster at {operator}, cannot be used: {cause}");
            by_tract(model, path, settings, &reason)
        });
    }
    let error = match by_tract(model, path, settings, "it runs the model, and has no operators that it is slow at") {
        Ok(scorer) => return Ok(scorer),
        Err(error) => error,
    };
    match (attempt(model, path, settings, "tract does not run the model"), error) {
        (Ok(scorer), _) => Ok(scorer),
        (Err(cause), ModelError::UnsupportedOperators { path, operators, .. }) => {
            let remedy = format!("; ONNX Runtime may know them, but {cause}");
            Err(ModelError::UnsupportedOperators { path, operators, remedy })
        }
        (Err(_), error) => Err(error),
    }
}

/// As many rows a run as the settings say, or as were measured and saved, or else as the operators suggest.
fn by_tract(model: &ModelProto, path: &Path, settings: &ModelSettings, reason: &str) -> Result<OnnxScorer, ModelError> {
    let unusable = |cause| ModelError::Unusable { path: path.display().to_string(), cause };
    let (run_rows, note) = match (settings.run_rows, saved_plan::read(path)) {
        (RunRows::Auto, Ok(Saved::RunRows(rows))) => (rows, "; its rows a run were measured and saved"),
        (RunRows::Auto, Ok(Saved::OfAnother)) => (RunRows::Auto, "; the plan saved beside it is of another model"),
        (RunRows::Auto, Err(cause)) => return Err(unusable(cause)),
        (run_rows, _) => (run_rows, ""),
    };
    let scorer = match run_rows {
        RunRows::Auto => OnnxScorer::of_model(model, path, None),
        RunRows::Any => OnnxScorer::prepared(model, path, None, Wish::Any),
        RunRows::Fixed(rows) => OnnxScorer::prepared(model, path, None, Wish::Fixed(rows.get())),
    };
    Ok(because(scorer?, &format!("{reason}{note}")))
}

fn attempt(model: &ModelProto, path: &Path, settings: &ModelSettings, reason: &str) -> Result<OnnxScorer, String> {
    let library = installed(settings)?;
    let scorer = by_onnx_runtime(model, path, &library).map_err(|error| error.to_string())?;
    Ok(because(scorer, &format!("{reason}; its library is {}", library.path.display())))
}

/// The operator for which ONNX Runtime pays, if `graph` has one.
///
/// Rows per CPU second with `model bench`, 10 and 1,024 rows a call, ONNX Runtime 1.31.1 beside tract 0.23.9: 5 times as
/// many with two-dimensional convolutions, 1.5 to 1.8 times with one-dimensional ones, 2.2 to 3.7 times with an LSTM,
/// 1.8 times with attention. With dense layers it is 1.1 to 1.5 times, or fewer in small networks, which is not worth a
/// library's memory and another engine's last bits. The operators of ai.onnx.ml are our own, and faster.
fn slow_in_tract(graph: &GraphProto) -> Option<&str> {
    if graph.node.iter().any(|node| node.domain == "ai.onnx.ml") {
        return None;
    }
    let constant: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let inputs = graph.input.iter().map(|input| input.name.as_str());
    // Values that depend on the input. Nodes stand behind those whose outputs they read.
    let mut computed: HashSet<&str> = inputs.filter(|name| !constant.contains(name)).collect();
    for node in &graph.node {
        let from_input = node.input.iter().filter(|name| computed.contains(name.as_str())).count();
        let slow = match node.op_type.as_str() {
            "Conv" | "ConvTranspose" | "LSTM" | "GRU" | "RNN" | "Attention" | "MultiHeadAttention" => true,
            // A product of two computed values, and not of one and weights, is how attention is mostly exported.
            "MatMul" | "Einsum" => from_input > 1,
            _ => false,
        };
        if slow {
            return Some(&node.op_type);
        }
        if from_input > 0 {
            computed.extend(node.output.iter().map(String::as_str));
        }
    }
    None
}

/// How many rows a run by tract should have, by the operators of `graph`.
///
/// Rows per CPU second with tract 0.23.9, AVX2: ResNet-50 7.1 prepared for one row, 5.3 for four, 4.3 to 4.6 for any number
/// with one and four rows a run. A small network of pictures 3,370 prepared for one, 2,050 for 64, 2,790 and 2,080 for any
/// number; a transformer of 384 by 64 tokens 43, 33, 41 and 37. One-dimensional convolutions of a few channels gain up to
/// half from 16 rows a run, those of a few values four times as much, small attention twice, and recurrent networks up to
/// twenty times. Convolutions always have the same number, as their last bits depend on it.
pub(super) fn suggested(graph: &GraphProto) -> Wish {
    match slow_in_tract(graph) {
        Some("Conv" | "ConvTranspose") => Wish::SameBySize,
        Some(_) => Wish::OneIfLarge,
        None => Wish::Any,
    }
}

/// Most rows of a run by ONNX Runtime.
///
/// A transformer of 384 by 64 tokens is a sixth slower per row with 64 rows a run than with 10, a small network of
/// pictures as fast, ResNet-50 a tenth slower with 8 than with 1. Dense networks are fastest with a thousand.
pub(super) fn session_rows(graph: &GraphProto) -> usize {
    if slow_in_tract(graph).is_some() { 16 } else { RUN_ROWS }
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

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{NodeProto, TensorProto, ValueInfoProto};

    use super::*;

    /// A graph of nodes (operator, inputs, output) with the input `x` and the weights `w`.
    fn graph(nodes: &[(&str, &[&str], &str)]) -> GraphProto {
        let value = |name: &str| ValueInfoProto { name: name.to_owned(), ..ValueInfoProto::default() };
        let node = |(op_type, input, output): &(&str, &[&str], &str)| NodeProto {
            op_type: op_type.rsplit('/').next().unwrap().to_owned(),
            domain: op_type.split_once('/').map_or("", |(domain, _)| domain).to_owned(),
            input: input.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![(*output).to_owned()],
            ..NodeProto::default()
        };
        GraphProto {
            // Old exporters declare weights as inputs too.
            input: vec![value("x"), value("w")],
            initializer: vec![TensorProto { name: "w".to_owned(), ..TensorProto::default() }],
            node: nodes.iter().map(node).collect(),
            ..GraphProto::default()
        }
    }

    #[test]
    fn convolutions_and_attention_are_for_onnx_runtime() {
        assert_eq!(slow_in_tract(&graph(&[("Relu", &["x"], "a"), ("Conv", &["a", "w"], "y")])), Some("Conv"));
        assert_eq!(slow_in_tract(&graph(&[("LSTM", &["x", "w"], "y")])), Some("LSTM"));
        let attention: [(&str, &[&str], &str); 3] =
            [("MatMul", &["x", "w"], "q"), ("MatMul", &["x", "w"], "k"), ("MatMul", &["q", "k"], "y")];
        assert_eq!(slow_in_tract(&graph(&attention)), Some("MatMul"));
    }

    #[test]
    fn dense_layers_and_operators_of_our_own_are_for_tract() {
        let dense: [(&str, &[&str], &str); 4] = [
            ("Constant", &[], "c"),
            ("MatMul", &["x", "w"], "a"),
            ("Transpose", &["w"], "t"),
            ("MatMul", &["a", "t"], "y"),
        ];
        assert_eq!(slow_in_tract(&graph(&dense)), None);
        assert_eq!(slow_in_tract(&graph(&[("ai.onnx.ml/Scaler", &["x"], "a"), ("Conv", &["a", "w"], "y")])), None);
    }
}

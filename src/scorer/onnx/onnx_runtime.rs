//! ONNX Runtime, loaded at run time from a library on this machine: a second way to run a graph.
//!
//! A process loads the library once. What goes in and comes out are the same tensors as with tract, so that all else
//! is shared. This is the only home of crate `ort`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, PrimitiveTensorElementType, Tensor as OrtTensor, TensorElementType, TensorRef};
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{GraphProto, ModelProto, OperatorSetIdProto};
use tract_onnx::prelude::*;

use super::graph;
use super::plan::Idle;
use super::protobuf;
use crate::caught::caught;

/// The library, ready to make sessions.
#[derive(Debug, Clone)]
pub(super) struct Library {
    /// Its file.
    pub(super) path: PathBuf,
    version: String,
}

/// Loads the library at `path`, or gives the one that the process has loaded already.
pub(super) fn load(path: &Path) -> Result<Library, String> {
    static LOADED: Mutex<Option<Library>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(library) = loaded.as_ref() {
        return Ok(library.clone());
    }
    let init = || -> Result<String, String> {
        let environment = ort::init_from(path).map_err(|error| error.to_string())?;
        // What it would print comes as an error of the call, too.
        environment.with_name("batchscore").with_telemetry(false).with_logger(Arc::new(|_, _, _, _, _| {})).commit();
        Ok(ort::info().to_owned())
    };
    // The crate panics at libraries that do not answer as ONNX Runtime does.
    let build = caught(init).and_then(|result| result).map_err(|cause| {
        format!(
            "its library {} cannot be loaded: {cause}; version 1.{} or newer is needed",
            path.display(),
            ort::MINOR_VERSION
        )
    })?;
    let library = Library { path: path.to_path_buf(), version: version(path, &build) };
    *loaded = Some(library.clone());
    Ok(library)
}

/// The version of the library at `path`: from its name, which on most systems ends in it, or else from what it says of
/// its build (`ORT Build Info: git-branch=rel-1.31.1, git-commit-id=...`).
fn version(path: &Path, build: &str) -> String {
    let file = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let numbers = name.trim_end_matches(".dylib").trim_start_matches(|c: char| !c.is_ascii_digit());
    if numbers.contains('.') && numbers.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return numbers.to_owned();
    }
    let release = build.split([' ', ',']).find_map(|word| word.strip_prefix("git-branch=rel-"));
    release.map_or_else(|| "of unknown version".to_owned(), str::to_owned)
}

/// Sessions with one graph, of which each is used by one call at a time.
///
/// A call that finds none idle makes one, so that there come to be as many as there are workers. Each runs in its
/// caller's thread alone, and holds the weights of the model for itself, where tract's are shared: with a network of
/// 6.7 MB each further worker took 15 MB more than with tract.
pub(super) struct Sessions {
    library: Library,
    source: Source,
    /// Names of the inputs, in the order in which they are given.
    inputs: Vec<String>,
    idle: Idle<Session>,
}

/// What sessions are made from.
enum Source {
    /// The model as protobuf.
    Bytes(Vec<u8>),
    /// The model's file, which names further ones beside it.
    File(PathBuf),
}

impl Sessions {
    /// Sessions with the graph of `model`, which was read from `path`, and takes `inputs`.
    pub(super) fn new(library: Library, model: &ModelProto, path: &Path, inputs: Vec<String>) -> Result<Self, String> {
        let source = match &model.graph {
            Some(graph) if graph.node.iter().any(is_zip_map) || graph::is_rewritten(graph) => {
                Source::Bytes(protobuf::encode(without_zip_maps(model)))
            }
            Some(graph) if has_external_data(graph) => Source::File(path.to_path_buf()),
            // As they are in the file, with what newer versions of ONNX have added.
            _ => Source::Bytes(std::fs::read(path).map_err(|error| error.to_string())?),
        };
        Ok(Sessions { library, source, inputs, idle: Idle::default() })
    }

    /// The outputs for `inputs`, in the graph's order.
    pub(super) fn run(&self, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        // A run that fails leaves its session as it was, and another one would take long to make.
        self.idle.with(|| self.session().map_err(error), |session| Ok(self.run_in(session, inputs)), |_| true)?
    }

    fn run_in(&self, session: &mut Session, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let inputs = self.inputs.iter().zip(inputs).map(|(name, tensor)| Ok((name.as_str(), given(tensor)?)));
        let outputs = session.run(inputs.collect::<TractResult<Vec<_>>>()?).map_err(error)?;
        outputs.values().map(|value| Ok(taken(&value)?.into_tvalue())).collect()
    }

    fn session(&self) -> ort::Result<Session> {
        let mut builder = Session::builder()?
            .with_optimization_level(GraphOptimizationLevel::All)?
            // Workers are the parallelism.
            .with_intra_threads(1)?
            .with_inter_threads(1)?;
        match &self.source {
            Source::Bytes(bytes) => builder.commit_from_memory(bytes),
            Source::File(path) => builder.commit_from_file(path),
        }
    }

    /// The library's version, and what it computes on.
    pub(super) fn engine(&self) -> String {
        format!("ONNX Runtime {} (CPUExecutionProvider)", self.library.version)
    }
}

fn error(error: ort::Error) -> TractError {
    TractError::msg(error.message().to_owned())
}

fn is_zip_map(node: &tract_onnx::pb::NodeProto) -> bool {
    node.op_type == "ZipMap" && node.domain == "ai.onnx.ml"
}

/// The model with the tables of probabilities that ZipMap makes dictionaries of in place of these.
fn without_zip_maps(model: &ModelProto) -> ModelProto {
    let mut model = model.clone();
    let Some(graph) = model.graph.as_mut() else { return model };
    for node in graph.node.iter_mut().filter(|node| is_zip_map(node)) {
        node.op_type = "Identity".to_owned();
        node.domain = String::new();
        node.attribute.clear();
        for output in graph.output.iter_mut().filter(|output| node.output.contains(&output.name)) {
            // It says that it is a sequence of maps; what it is now follows from the graph.
            output.r#type = None;
        }
    }
    if !model.opset_import.iter().any(|set| matches!(set.domain.as_str(), "" | "ai.onnx")) {
        model.opset_import.push(OperatorSetIdProto { domain: String::new(), version: 13 });
    }
    model
}

fn has_external_data(graph: &GraphProto) -> bool {
    graph.initializer.iter().any(|tensor| tensor.data_location() == DataLocation::External)
}

/// `tensor` as ONNX Runtime takes it; numbers are not copied.
fn given(tensor: &Tensor) -> TractResult<SessionInputValue<'_>> {
    fn view<T: Datum + PrimitiveTensorElementType + std::fmt::Debug>(
        tensor: &Tensor,
    ) -> TractResult<SessionInputValue<'_>> {
        let values = tensor.try_as_plain_ram()?.as_slice::<T>()?;
        Ok(TensorRef::from_array_view((tensor.shape(), values)).map_err(error)?.into())
    }
    match tensor.datum_type() {
        DatumType::Bool => view::<bool>(tensor),
        DatumType::I8 => view::<i8>(tensor),
        DatumType::I16 => view::<i16>(tensor),
        DatumType::I32 => view::<i32>(tensor),
        DatumType::I64 => view::<i64>(tensor),
        DatumType::U8 => view::<u8>(tensor),
        DatumType::U16 => view::<u16>(tensor),
        DatumType::U32 => view::<u32>(tensor),
        DatumType::U64 => view::<u64>(tensor),
        DatumType::F32 => view::<f32>(tensor),
        DatumType::F64 => view::<f64>(tensor),
        DatumType::String => {
            let texts = tensor.try_as_plain_ram()?.as_slice::<String>()?;
            Ok(OrtTensor::from_string_array((tensor.shape(), texts)).map_err(error)?.into())
        }
        other => Err(TractError::msg(format!("ONNX Runtime is not given {other:?}"))),
    }
}

/// What ONNX Runtime gave, as a tensor of tract's.
fn taken(value: &DynValue) -> TractResult<Tensor> {
    fn copy<T: Datum + Copy + PrimitiveTensorElementType>(value: &DynValue) -> TractResult<Tensor> {
        let (shape, values) = value.try_extract_tensor::<T>().map_err(error)?;
        Tensor::from_shape(&lengths(shape), values)
    }
    let Some(element) = value.dtype().tensor_type() else {
        return Err(TractError::msg("an output of the model is no tensor"));
    };
    match element {
        TensorElementType::Bool => copy::<bool>(value),
        TensorElementType::Int8 => copy::<i8>(value),
        TensorElementType::Int16 => copy::<i16>(value),
        TensorElementType::Int32 => copy::<i32>(value),
        TensorElementType::Int64 => copy::<i64>(value),
        TensorElementType::Uint8 => copy::<u8>(value),
        TensorElementType::Uint16 => copy::<u16>(value),
        TensorElementType::Uint32 => copy::<u32>(value),
        TensorElementType::Uint64 => copy::<u64>(value),
        TensorElementType::Float32 => copy::<f32>(value),
        TensorElementType::Float64 => copy::<f64>(value),
        TensorElementType::String => {
            let (shape, texts) = value.try_extract_strings().map_err(error)?;
            Ok(tract_ndarray::ArrayD::from_shape_vec(lengths(shape), texts)?.into_tensor())
        }
        other => Err(TractError::msg(format!("an output of the model is of {other:?}, which is not supported"))),
    }
}

/// Lengths of the axes; those of a tensor that is there are not negative.
fn lengths(shape: &[i64]) -> Vec<usize> {
    shape.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_libraries() {
        for (path, build, expected) in [
            ("/a/libonnxruntime.so.1.31.1", "ORT Build Info: git-branch=HEAD, git-commit-id=9c", "1.31.1"),
            ("/a/libonnxruntime.1.31.1.dylib", "", "1.31.1"),
            ("/a/onnxruntime.dll", "ORT Build Info: git-branch=rel-1.31.1, git-commit-id=9c", "1.31.1"),
            ("/a/onnxruntime2.dll", "ORT Build Info: git-branch=HEAD, git-commit-id=9c", "of unknown version"),
            ("/a/libonnxruntime.so", "", "of unknown version"),
        ] {
            assert_eq!(version(Path::new(path), build), expected, "{path}");
        }
    }

    #[test]
    fn zip_maps_give_their_tables() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/logistic_regression_3class.onnx");
        let model = without_zip_maps(&graph::read(&path).unwrap());
        let graph = model.graph.unwrap();
        assert!(!graph.node.iter().any(is_zip_map));
        assert_eq!(graph.output.iter().map(|output| output.r#type.is_some()).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn what_is_no_library_is_refused() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/not_a_model.onnx");
        let error = load(&path).unwrap_err();
        assert!(error.contains("not_a_model.onnx") && error.contains("1.17 or newer"), "{error}");
    }
}

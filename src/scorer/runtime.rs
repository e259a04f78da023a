//! What users may say about how a model is run: plain settings.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

/// What runs ONNX models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// tract, unless ONNX Runtime is installed and the better one for the model.
    #[default]
    Auto,
    /// tract, which is part of batchscore.
    Tract,
    /// ONNX Runtime, a library that is loaded when it is needed.
    Ort,
}

const NAMES: [(&str, Engine); 3] = [("auto", Engine::Auto), ("tract", Engine::Tract), ("ort", Engine::Ort)];

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(_, engine)| engine == self).map_or("auto", |(name, _)| name))
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let engine = NAMES.iter().find(|(name, _)| *name == text).map(|(_, engine)| *engine);
        engine.ok_or_else(|| "write auto, tract or ort".to_owned())
    }
}

/// How many rows tract gets in a run of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunRows {
    /// As was measured and saved beside the model, or else as its operators suggest.
    #[default]
    Auto,
    /// Any number, up to what the cache holds.
    Any,
    /// Always so many; the last run of a mini-batch is filled up.
    Fixed(NonZeroUsize),
}

/// Which contributions of features to a prediction are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explain {
    /// Those of all features.
    All,
    /// The largest so many.
    Top(NonZeroUsize),
}

impl fmt::Display for Explain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Explain::All => f.write_str("all"),
            Explain::Top(count) => count.fmt(f),
        }
    }
}

impl FromStr for Explain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(count) => Ok(Explain::Top(count)),
            Err(_) if text == "all" => Ok(Explain::All),
            Err(_) => Err("write all, or a number of features from 1 up".to_owned()),
        }
    }
}

/// How a model is run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelSettings {
    /// What runs it, if it is an ONNX model.
    pub engine: Engine,
    /// Where the library of ONNX Runtime is; `None` is looked for.
    pub ort_library: Option<PathBuf>,
    /// How many rows it gets in a run, if tract runs it.
    pub run_rows: RunRows,
    /// Whether predictions are explained, and how fully.
    pub explain: Option<Explain>,
}

use serde::Serialize;

/// What there is to know of a loaded model besides what it takes and gives.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// Why it is run by what runs it, where there was a choice.
    pub reason: Option<String>,
    /// The operators of its graph by name, if it is a graph.
    pub operators: Vec<OperatorCount>,
}

/// How often a graph has an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperatorCount {
    /// With its domain, unless that is ONNX itself.
    pub name: String,
    /// Nodes of the graph, and of graphs within it.
    pub count: u64,
    /// Whether it is run by an operator of batchscore's own.
    pub own: bool,
}

//! How many features a model takes that does not declare it: from the operators that read its input.

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

/// What the graph says about the length of a row of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowLength {
    /// Exactly so many features.
    Exactly(usize),
    /// So many or more: trees that look at no feature beyond.
    AtLeast(usize),
}

/// The length of a row of `input`, as the operators that read it (or copies of it) need it.
pub(super) fn row_length(graph: &GraphProto, input: &str) -> Option<RowLength> {
    let mut names = vec![input];
    let mut at_least = None;
    // Grows by the names of copies while it is walked.
    let mut next = 0;
    while let Some(name) = names.get(next).copied() {
        next += 1;
        for node in graph.node.iter().filter(|node| node.input.iter().any(|input| input == name)) {
            match of_node(graph, node, name) {
                Some(RowLength::Exactly(n)) => return Some(RowLength::Exactly(n)),
                Some(RowLength::AtLeast(n)) => at_least = at_least.max(Some(n)),
                None if matches!(node.op_type.as_str(), "Cast" | "Identity") => {
                    names.extend(
                        node.output
                            .iter()
                            .map(String::as_str)
                            .filter(|output| !names.contains(output))
                            .collect::<Vec<_>>(),
                    );
                }
                None => {}
            }
        }
    }
    at_least.map(RowLength::AtLeast)
}

fn of_node(graph: &GraphProto, node: &NodeProto, input: &str) -> Option<RowLength> {
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name);
    let floats = |name: &str| attribute(name).map_or(0, |a: &AttributeProto| a.floats.len());
    let exactly = |n: usize| if n > 0 { Some(RowLength::Exactly(n)) } else { None };
    // One value stands for all features.
    let one_each = |n: usize| if n > 1 { Some(RowLength::Exactly(n)) } else { None };
    let constant = || {
        let other = node.input.iter().find(|other| *other != input)?;
        graph.initializer.iter().find(|tensor| tensor.name == *other).map(|tensor| tensor.dims.as_slice())
    };
    let dimension = |n: Option<&i64>| n.and_then(|n| usize::try_from(*n).ok());
    match node.op_type.as_str() {
        "Scaler" => one_each(floats("scale")),
        "Imputer" => one_each(floats("imputed_value_floats")),
        "LinearClassifier" => exactly(floats("coefficients").checked_div(floats("intercepts"))?),
        "LinearRegressor" => {
            let targets = attribute("targets").map_or(1, |a| a.i);
            exactly(floats("coefficients").checked_div(usize::try_from(targets).ok()?)?)
        }
        "TreeEnsembleClassifier" | "TreeEnsembleRegressor" => {
            let last = attribute("nodes_featureids")?.ints.iter().max()?;
            Some(RowLength::AtLeast(usize::try_from(*last).ok()?.saturating_add(1)))
        }
        "MatMul" if node.input.first().is_some_and(|first| first == input) => exactly(dimension(constant()?.first())?),
        "Gemm" if node.input.first().is_some_and(|first| first == input) => {
            let dims = constant()?;
            let transposed = attribute("transB").is_some_and(|a| a.i != 0);
            exactly(dimension(if transposed { dims.get(1) } else { dims.first() })?)
        }
        "Add" | "Sub" | "Mul" | "Div" => one_each(dimension(constant()?.last())?),
        _ => None,
    }
}

//! The classes that a classifier names.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// Class labels, in the order of the scores.
pub(super) enum Labels {
    Ints(Vec<i64>),
    Strings(Vec<String>),
}

impl Labels {
    /// Reads whichever of the two attributes is there.
    pub(super) fn of(node: &NodeProto, ints: &str, strings: &str) -> TractResult<Self> {
        match (node.get_attr_opt_vec::<String>(strings)?, node.get_attr_opt_vec::<i64>(ints)?) {
            (Some(labels), _) if !labels.is_empty() => Ok(Labels::Strings(labels)),
            (_, Some(labels)) if !labels.is_empty() => Ok(Labels::Ints(labels)),
            _ => node.bail(&format!("expected class labels in {ints} or {strings}")),
        }
    }

    /// Number of classes.
    pub(super) fn len(&self) -> usize {
        match self {
            Labels::Ints(labels) => labels.len(),
            Labels::Strings(labels) => labels.len(),
        }
    }

    /// Element type of a tensor of labels.
    pub(super) fn element(&self) -> DatumType {
        match self {
            Labels::Ints(_) => i64::datum_type(),
            Labels::Strings(_) => String::datum_type(),
        }
    }

    /// What ONNX Runtime answers for a yes-or-no question: the two labels, or 0 and 1 when there are not two.
    pub(super) fn or_zero_and_one(self) -> Self {
        match self {
            labels if labels.len() == 2 => labels,
            Labels::Ints(_) => Labels::Ints(vec![0, 1]),
            Labels::Strings(_) => Labels::Strings(vec!["0".to_owned(), "1".to_owned()]),
        }
    }

    /// The labels of the classes `indices`, shape `[N]`. Indices are below `len()`.
    pub(super) fn tensor(&self, indices: impl ExactSizeIterator<Item = usize>) -> TractResult<TValue> {
        match self {
            Labels::Ints(labels) => {
                let mut tensor = Tensor::zero::<i64>(&[indices.len()])?;
                let mut view = tensor.try_as_plain_ram_mut()?;
                for (label, index) in view.as_slice_mut::<i64>()?.iter_mut().zip(indices) {
                    *label = labels[index];
                }
                Ok(tensor.into_tvalue())
            }
            Labels::Strings(labels) => {
                let labels: Vec<String> = indices.map(|index| labels[index].clone()).collect();
                Ok(tract_ndarray::Array1::from_vec(labels).into_tvalue())
            }
        }
    }
}

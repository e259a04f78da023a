//! Axes as attributes name them.

use tract_onnx::tract_hir::internal::*;

/// The axis `axis` of a tensor of `rank` axes; a negative one counts from the end. A failure names the operator.
pub(super) fn resolved(operator: &str, axis: i64, rank: usize) -> TractResult<usize> {
    let positive = if axis < 0 { axis + rank as i64 } else { axis };
    let positive = usize::try_from(positive).ok().filter(|positive| *positive < rank);
    positive.with_context(|| format!("{operator} over axis {axis} of {rank}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_from_both_ends() {
        let of_three = [0, 2, 3, -1, -3, -4, i64::MAX, i64::MIN].map(|axis| resolved("Some", axis, 3).ok());
        assert_eq!(of_three, [Some(0), Some(2), None, Some(2), Some(0), None, None, None]);
        assert_eq!(resolved("Some", 3, 3).unwrap_err().to_string(), "Some over axis 3 of 3");
    }
}

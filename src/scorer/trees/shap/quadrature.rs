//! Numerical integration that is exact for polynomials.

/// Newton's method is at its end long before.
const MOST_STEPS: usize = 100;

/// Points in (0, 1) and their weights: the weighted sum of the values of a polynomial there is its integral from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    pub points: Vec<f64>,
    pub weights: Vec<f64>,
}

impl Rule {
    /// Gauss and Legendre's rule of `count` points, at least one: exact for polynomials up to the degree `2 count - 1`. The
    /// points are the roots of a Legendre polynomial, found by Newton's method (Press et al., Numerical Recipes, 4.6).
    pub(super) fn of_points(count: usize) -> Self {
        let mut points = Vec::with_capacity(count);
        let mut weights = Vec::with_capacity(count);
        for index in 0..count {
            let mut x = (std::f64::consts::PI * (index as f64 + 0.75) / (count as f64 + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..MOST_STEPS {
                let (value, derivative) = legendre(count, x);
                slope = derivative;
                let step = value / derivative;
                x -= step;
                if step.abs() <= f64::EPSILON {
                    break;
                }
            }
            // From (-1, 1) to (0, 1).
            points.push((1.0 - x) / 2.0);
            weights.push(1.0 / ((1.0 - x * x) * slope * slope));
        }
        Rule { points, weights }
    }
}

/// The Legendre polynomial of the degree `degree`, at least 1, and its derivative, at `x` in (-1, 1).
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 2..=degree {
        let k = k as f64;
        (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
    }
    (value, degree as f64 * (x * value - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_integrated_exactly() {
        for count in [1, 2, 3, 5, 16, 64, 257] {
            let rule = Rule::of_points(count);
            for power in [0, 1, count / 2, count, 2 * count - 1] {
                let values = rule.points.iter().zip(&rule.weights).map(|(x, weight)| x.powi(power as i32) * weight);
                let (have, want) = (values.sum::<f64>(), 1.0 / (power as f64 + 1.0));
                assert!((have - want).abs() < 1e-13 * want, "{count} points, power {power}: {have}, not {want}");
            }
        }
    }
}

//! The exponential function, in a form that the compiler vectorises.

/// 1.5 * 2^23: adding it leaves the rounded value in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// `e^x`, within 2 units in the last place (denormal results within one denormal step); NaN gives NaN.
///
/// Cody and Waite's reduction to `x = n ln 2 + r` and the polynomial of the Cephes library on `|r| <= ln 2 / 2`. Branch
/// free, so that loops over it run in vector registers: libm's is called value by value.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Beyond these the result is zero or infinite anyway; comparisons that are false for NaN keep it.
    let x = if x < -104.0 { -104.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let exponent = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let r = x - n * 0.693_359_4;
    let r = r - n * -2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_6e-1;
    let p = p * r + 5e-1;
    let p = (p * (r * r) + r) + 1.0;
    // In two steps, as 2^n itself may lie beyond the normal numbers.
    let half = exponent >> 1;
    p * power_of_two(half) * power_of_two(exponent.wrapping_sub(half))
}

/// `2^n` for n from -126 to 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn within_two_ulp() {
        let mut worst = 0;
        // Steps over every exponent and many mantissas, both signs.
        for bits in (0..0x42b2_0000_u32).step_by(97) {
            for x in [f32::from_bits(bits), -f32::from_bits(bits)] {
                let exact = f64::from(x).exp() as f32;
                if exact < f32::MIN_POSITIVE || exact.is_infinite() {
                    continue;
                }
                let distance = exp(x).to_bits().abs_diff(exact.to_bits());
                assert!(distance <= 2, "exp({x:e}) is {:e}, not {exact:e}", exp(x));
                worst = worst.max(distance);
            }
        }
        assert!(worst >= 1, "the comparison sees differences");
    }

    #[test]
    fn at_the_ends() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-200.0), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(100.0), f32::INFINITY);
        assert!(exp(88.7).is_finite());
        assert!(exp(f32::NAN).is_nan());
        assert!((exp(-90.0) - 8.194e-40).abs() < 1e-42);
    }
}

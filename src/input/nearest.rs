//! The double nearest to a decimal fraction of many digits.
//!
//! The algorithm of Eisel and Lemire ("Number Parsing at a Gigabyte per Second", 2021): the digits are multiplied by the
//! first 128 bits of a power of five, which is enough to round rightly for all powers that are here.

/// The most digits behind the point. Up to here, 128 bits of the power of five are always enough.
pub(super) const MAX_FRACTION: usize = 27;

/// For each number of digits behind the point: the first 128 bits of that negative power of five, rounded up.
const POWERS_OF_FIVE: [u128; MAX_FRACTION + 1] = {
    let mut all = [0; MAX_FRACTION + 1];
    all[0] = 1 << 127;
    let mut five: u128 = 1;
    let mut fraction = 1;
    while fraction <= MAX_FRACTION {
        five *= 5;
        // Long division of a power of two, bit by bit, until 128 bits are there.
        let mut rest = 1;
        let mut bits: u128 = 0;
        while bits >> 127 == 0 {
            rest *= 2;
            bits = bits << 1 | (rest >= five) as u128;
            if rest >= five {
                rest -= five;
            }
        }
        all[fraction] = bits + 1;
        fraction += 1;
    }
    all
};

/// Bits of a double behind its first one.
const MANTISSA_BITS: u32 = 52;

/// The double nearest to `digits`, divided by ten as often as `fraction` says; between two that are equally near, the even
/// one.
pub(super) fn nearest(digits: u64, fraction: usize) -> f64 {
    if digits == 0 {
        return 0.0;
    }
    let zeros = digits.leading_zeros();
    let (low, high) = product(digits << zeros, POWERS_OF_FIVE[fraction]);
    let carry = (high >> 63) as u32;
    let dropped = carry + 64 - MANTISSA_BITS - 3;
    // One bit more than a double has, for rounding.
    let mut mantissa = high >> dropped;
    let power = -(fraction as i32);
    let exponent = ((power * (152_170 + 65_536)) >> 16) + 63 + carry as i32 - zeros.cast_signed() + 1023;
    // Only with such powers can a number lie right between two doubles; then the even one is taken.
    if low <= 1 && power >= -4 && mantissa & 3 == 1 && mantissa << dropped == high {
        mantissa &= !1;
    }
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    // Rounding up may have made it longer by a bit, which goes into the exponent.
    let bits = (exponent as u64) << MANTISSA_BITS;
    f64::from_bits(bits + mantissa - (1 << MANTISSA_BITS))
}

/// The lower and the upper half of the product, without its last 64 bits: exact as far as rounding needs it.
#[inline]
fn product(digits: u64, power: u128) -> (u64, u64) {
    /// The bits that are lost in rounding.
    const ROUNDED_OFF: u64 = u64::MAX >> (MANTISSA_BITS + 3);
    let wide = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product as u64, (product >> 64) as u64)
    };
    let (low, high) = wide(digits, (power >> 64) as u64);
    if high & ROUNDED_OFF != ROUNDED_OFF {
        return (low, high);
    }
    let (_, second) = wide(digits, power as u64);
    let (low, overflow) = low.overflowing_add(second);
    (low, high + u64::from(overflow))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expected(digits: u64, fraction: usize) -> u64 {
        format!("{digits}e-{fraction}").parse::<f64>().unwrap().to_bits()
    }

    #[test]
    fn between_two_doubles_the_even_one_is_taken() {
        // 2^53 + 1 and + 3, and the same as fractions.
        for (digits, fraction) in [
            (9_007_199_254_740_993, 0),
            (9_007_199_254_740_995, 0),
            (45_035_996_273_704_965, 1),
            (45_035_996_273_704_975, 1),
            (9_007_199_254_740_993_000, 3),
            (u64::MAX, 0),
            (u64::MAX, 27),
            (1, 0),
            (1, 27),
            (0, 5),
        ] {
            assert_eq!(nearest(digits, fraction).to_bits(), expected(digits, fraction), "{digits}e-{fraction}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn agrees_with_the_full_parser(digits: u64, shift in 0u32..64, fraction in 0..=MAX_FRACTION) {
            let digits = digits >> shift;
            prop_assert_eq!(nearest(digits, fraction).to_bits(), expected(digits, fraction));
        }

        /// Numbers that lie right between two doubles, or nearly so.
        #[test]
        fn agrees_near_the_middle(mantissa in 1u64 << 52..1 << 53, fraction in 0usize..5, step in -1i64..=1) {
            let middle = (mantissa * 2 + 1).checked_mul(10u64.pow(fraction as u32));
            if let Some(digits) = middle.and_then(|middle| middle.checked_add_signed(step)) {
                prop_assert_eq!(nearest(digits, fraction).to_bits(), expected(digits, fraction));
            }
        }
    }
}

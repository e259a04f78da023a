//! Shortest decimal text of single-precision numbers between 0 and 1, which most scores are.
//!
//! The general algorithms need 128-bit powers of ten. In this range everything fits 64-bit integers exactly: a number is
//! `sig / 2^q` with 24 bits of `sig`, and its shortest text has at most 11 decimals. So the text costs a third of what a
//! general formatter takes, and it is the same text.

/// The decimals that follow `0.`: two times eight of them, of which the first `len` count. They are two words and not one
/// text, because a processor waits when it reads as one what it has just written as two.
pub(super) struct Decimals {
    pub(super) first: [u8; 8],
    pub(super) second: [u8; 8],
    pub(super) len: usize,
}

/// What depends on the size of a number's last bit, `2^-q`.
#[derive(Clone, Copy)]
struct Scale {
    /// `10^k`, for the fewest decimals `k` of which one step is smaller than the last bit.
    power: u64,
    /// `10^(16 - k)`.
    rest: u64,
}

/// Numbers of at least 1/2: their last bit is `2^-24`.
const FIRST_Q: u32 = 24;

/// Beyond, a product would not fit 64 bits. These numbers are below 2^-13.
const SCALES: [Scale; 13] = {
    let mut scales = [Scale { power: 0, rest: 0 }; 13];
    let mut i = 0;
    while i < scales.len() {
        let (mut power, mut rest) = (1, 10_000_000_000_000_000);
        while power < 1 << (FIRST_Q as usize + i) {
            power *= 10;
            rest /= 10;
        }
        scales[i] = Scale { power, rest };
        i += 1;
    }
    scales
};

/// The decimals of `value`, if it lies in the range: at least 2^-13, below 1, and no power of two.
#[inline(always)]
pub(super) fn format(value: f32) -> Option<Decimals> {
    let bits = value.to_bits();
    // A negative number's sign makes this large, so that it finds no scale.
    let q = 150u32.wrapping_sub(bits >> 23);
    let scale = SCALES.get(q.wrapping_sub(FIRST_Q) as usize)?;
    let fraction = bits & 0x7f_ffff;
    // Below a power of two numbers are twice as dense as above, which would take a case of its own.
    if fraction == 0 {
        return None;
    }
    let sig = u64::from(fraction | 0x80_0000);

    // In units of 2^-(q+1) of the last of the k decimals: the number, and how far its neighbourhood reaches, in which every
    // text reads back as this number. The ends belong to it when `sig` is even.
    let number = sig * 2 * scale.power;
    let reach = scale.power - (sig & 1);
    let unit = q + 1;
    let (whole, part) = (number >> unit, number & ((1 << unit) - 1));

    // With one decimal less there is at most one text in the neighbourhood, below or above.
    let (tens, last) = (whole / 10, whole % 10);
    let above_lower = (last << unit) | part;
    let below_upper = (10 << unit) - above_lower;
    let upper = below_upper <= reach;
    let digits = if above_lower <= reach || upper {
        (tens + u64::from(upper)) * 10
    } else {
        // All k decimals, rounded to the nearest, to an even one from the middle.
        let half = 1 << q;
        whole + u64::from(part > half || (part == half && whole & 1 == 1))
    };

    let digits = digits * scale.rest;
    let (first, second) = (eight_digits(digits / 100_000_000), eight_digits(digits % 100_000_000));
    let text = u128::from(first) | (u128::from(second) << 64);
    let zeros = (text ^ u128::from_le_bytes([b'0'; 16])).leading_zeros() / 8;
    Some(Decimals { first: first.to_le_bytes(), second: second.to_le_bytes(), len: 16 - zeros as usize })
}

/// The eight decimal digits of `number` as text, the first in the lowest byte.
#[inline]
fn eight_digits(number: u64) -> u64 {
    // Halves of four digits, then of two, then of one, all at once in one register.
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | ((twos - tens * 10) << 8);
    ones | 0x3030_3030_3030_3030
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: f32) -> Option<String> {
        let decimals = format(value)?;
        let digits = [decimals.first, decimals.second].concat();
        Some(format!("0.{}", std::str::from_utf8(&digits[..decimals.len]).unwrap()))
    }

    #[test]
    fn numbers_in_range_have_the_general_formatters_text() {
        let first = 2f32.powi(-13).to_bits();
        // A prime step meets every size of number and every kind of last digit.
        for bits in (first..1f32.to_bits()).step_by(1009) {
            let value = f32::from_bits(bits);
            if let Some(text) = text(value) {
                assert_eq!(text, zmij::Buffer::new().format(value), "{bits:x}");
                assert_eq!(text.parse::<f32>().unwrap().to_bits(), bits);
            }
        }
        assert_eq!(text(0.1).as_deref(), Some("0.1"));
        assert_eq!(text(0.75).as_deref(), Some("0.75"));
        assert_eq!(text(0.99999994).as_deref(), Some("0.99999994"));
        assert_eq!(text(0.00012207033).as_deref(), Some("0.00012207033"));
    }

    #[test]
    fn other_numbers_are_left_to_it() {
        for value in
            [0.0, -0.0, 1.0, 0.5, 0.25, -0.1, 1.5, 1e-5, f32::MIN_POSITIVE, 1e-45, f32::NAN, f32::INFINITY, -f32::NAN]
        {
            assert_eq!(text(value), None, "{value}");
        }
    }

    #[test]
    fn digits_are_in_order() {
        for number in [0, 1, 9, 10, 12_345_678, 99_999_999, 10_000, 9_999] {
            assert_eq!(eight_digits(number).to_le_bytes(), *format!("{number:08}").as_bytes());
        }
    }
}

//! Shortest decimal text of single-precision numbers between 0 and 1, which most scores are.
//!
//! The general algorithms need 128-bit powers of ten. In this range double precision holds everything exactly: a number
//! is `sig / 2^q` with 24 bits of `sig`, its shortest text has `k <= 11` decimals, and `sig * 5^k` has at most 50 bits. So
//! the texts of many numbers are made at once in vector registers, at a fraction of what a general formatter takes, and
//! they are the same texts.

use crate::simd::{Level, vectorised};

/// Numbers whose text is made at once.
const WINDOW: usize = 64;

/// Bytes that a text takes; what lies beyond its length is of no meaning.
pub(super) const WIDTH: usize = 16;

/// The texts of a column's values, made some at a time as they are asked for.
pub(super) struct Scores<'a> {
    values: &'a [f32],
    /// Position of the first value whose text is there.
    start: usize,
    /// How many there are.
    made: usize,
    texts: Texts,
}

/// `0.` and twelve decimals of each value, the first byte in the lowest bits of the first word. The highest byte of the
/// last word is the text's length, 0 for a value out of range.
type Texts = [[u32; 4]; WINDOW];

impl<'a> Scores<'a> {
    pub(super) fn new(values: &'a [f32]) -> Self {
        Scores { values, start: 0, made: 0, texts: [[0; 4]; WINDOW] }
    }

    /// The value at `index`.
    #[inline(always)]
    pub(super) fn value(&self, index: usize) -> f32 {
        self.values[index]
    }

    /// The text of the value at `index` and its length; `None` if the value is not in the range: at least 2^-13, below 1,
    /// and no power of two.
    #[inline(always)]
    pub(super) fn text(&mut self, index: usize) -> Option<([u8; WIDTH], usize)> {
        if index.wrapping_sub(self.start) >= self.made {
            self.fill(index);
        }
        let [a, b, c, d] = self.texts[index - self.start];
        let len = (d >> 24) as usize;
        let low = u64::from(a) | (u64::from(b) << 32);
        let high = u64::from(c) | (u64::from(d) << 32);
        (len > 0).then(|| ((u128::from(low) | (u128::from(high) << 64)).to_le_bytes(), len))
    }

    #[inline(never)]
    fn fill(&mut self, start: usize) {
        self.start = start;
        let values = &self.values[start..];
        let mut window = [0.0; WINDOW];
        let len = values.len().min(WINDOW);
        window[..len].copy_from_slice(&values[..len]);
        self.made = len;
        format(Level::get(), &window, &mut self.texts);
    }
}

/// 2^52: adding it leaves the rounded value in the lowest bits.
const ROUND: f64 = 4_503_599_627_370_496.0;

/// The largest whole number that is not above `x`, which is not negative and below 2^51.
#[inline(always)]
fn floor(x: f64) -> f64 {
    let nearest = (x + ROUND) - ROUND;
    nearest - if nearest > x { 1.0 } else { 0.0 }
}

vectorised! {
    fn format(values: &[f32; WINDOW], texts: &mut Texts) {
        // Numbers out of range have no text here, but what is computed for them must not overflow.
        let values = values.map(|value| if in_range(value) { (value, true) } else { (0.75, false) });
        // The twelve decimals, four at a time.
        let mut fours = [[0u32; WINDOW]; 3];
        for (i, (value, _)) in values.iter().enumerate() {
            let decimals = decimals(*value);
            // The constants are a little above what they stand for, so that whole quotients stay whole.
            let first = floor(decimals * 1e-8);
            let rest = decimals - first * 1e8;
            let second = floor(rest * 1e-4);
            let third = rest - second * 1e4;
            fours[0][i] = (first + ROUND).to_bits() as u32;
            fours[1][i] = (second + ROUND).to_bits() as u32;
            fours[2][i] = (third + ROUND).to_bits() as u32;
        }
        let mut words = [[0u32; WINDOW]; 4];
        for (i, (_, is_in_range)) in values.iter().enumerate() {
            let [first, second, third] = [fours[0][i], fours[1][i], fours[2][i]];
            let (last, len) = if third != 0 { (third, 14) } else { (second, 10) };
            let (last, len) = if third | second != 0 { (last, len) } else { (first, 6) };
            let len = if *is_in_range { len - trailing_zeros(last) } else { 0 };
            let (first, second, third) = (digits(first), digits(second), digits(third));
            words[0][i] = 0x2e30 | (first << 16);
            words[1][i] = (first >> 16) | (second << 16);
            words[2][i] = (second >> 16) | (third << 16);
            words[3][i] = (third >> 16) | (len << 24);
        }
        for (i, text) in texts.iter_mut().enumerate() {
            *text = [words[0][i], words[1][i], words[2][i], words[3][i]];
        }
    }
}

#[inline(always)]
fn in_range(value: f32) -> bool {
    let bits = value.to_bits();
    let least = 0x3900_0000;
    // Below a power of two numbers are twice as dense as above, which would take a case of its own.
    bits.wrapping_sub(least) < 0x3f80_0000 - least && bits & 0x7f_ffff != 0
}

/// The decimals of the shortest text of `value`, which is in the range, filled up with zeros to twelve, as a whole number.
#[inline(always)]
fn decimals(value: f32) -> f64 {
    // The fewest decimals of which one step is smaller than the distance to the next number, and what is left of twelve.
    let (power, rest) = (1e11, 1e1);
    let (power, rest) = if value >= 0.000_976_562_5 { (1e10, 1e2) } else { (power, rest) };
    let (power, rest) = if value >= 0.015_625 { (1e9, 1e3) } else { (power, rest) };
    let (power, rest) = if value >= 0.125 { (1e8, 1e4) } else { (power, rest) };
    let bits = value.to_bits();
    // Half of that distance, 2^-24 of the number's leading bit: how far the neighbourhood reaches in which every text reads
    // back as this number. No text lies on its ends: they have more binary places than there are decimals.
    let half = f32::from_bits((bits & 0x7f80_0000).wrapping_sub(24 << 23));
    let reach = f64::from(half) * power;

    let number = f64::from(value) * power;
    let whole = floor(number);
    // With one decimal less there is at most one text in the neighbourhood, below or above.
    let tens = floor(whole * 0.1);
    let above_lower = number - tens * 10.0;
    let below_upper = 10.0 - above_lower;
    let (lower, upper) = (above_lower < reach, below_upper < reach);
    let shorter = (tens + if upper { 1.0 } else { 0.0 }) * 10.0;
    // All decimals, rounded to the nearest, to an even one from the middle.
    let nearest = (number + ROUND) - ROUND;
    (if lower | upper { shorter } else { nearest }) * rest
}

/// How many of the four decimal digits of `number`, which is not zero, are zeros at its end.
#[inline(always)]
fn trailing_zeros(number: u32) -> u32 {
    let is_multiple = |quotient: u32, of: u32| u32::from(quotient * of == number);
    is_multiple((number * 52_429) >> 19, 10)
        + is_multiple((number * 5_243) >> 19, 100)
        + is_multiple((number * 8_389) >> 23, 1000)
}

/// The four decimal digits of `number` as text, the first in the lowest byte.
#[inline(always)]
fn digits(number: u32) -> u32 {
    // Halves of two digits, then of one, both at once in one register.
    let hundreds = (number * 5_243) >> 19;
    let twos = hundreds | ((number - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f;
    let ones = tens | ((twos - tens * 10) << 8);
    ones | 0x3030_3030
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of `values`, by each level of instructions.
    fn texts(values: &[f32]) -> Vec<Option<String>> {
        let mut all = Vec::new();
        for chunk in values.chunks(WINDOW) {
            let mut window = [0.0; WINDOW];
            window[..chunk.len()].copy_from_slice(chunk);
            let made = [Level::Portable, Level::Avx2, Level::Avx512].map(|level| {
                let mut scores = Scores::new(&window);
                scores.made = WINDOW;
                format(level, &window, &mut scores.texts);
                (0..chunk.len())
                    .map(|i| {
                        let (text, len) = scores.text(i)?;
                        Some(std::str::from_utf8(&text[..len]).unwrap().to_owned())
                    })
                    .collect::<Vec<_>>()
            });
            assert!(made.iter().all(|texts| texts == &made[0]));
            all.extend(made.into_iter().next().unwrap());
        }
        all
    }

    fn text(value: f32) -> Option<String> {
        texts(&[value]).remove(0)
    }

    #[test]
    fn numbers_in_range_have_the_general_formatters_text() {
        let first = 2f32.powi(-13).to_bits();
        // A prime step meets every size of number and every kind of last digit.
        let values: Vec<f32> = (first..1f32.to_bits()).step_by(1009).map(f32::from_bits).collect();
        for (value, text) in values.iter().zip(texts(&values)) {
            if let Some(text) = text {
                assert_eq!(text, zmij::Buffer::new().format(*value), "{:x}", value.to_bits());
                assert_eq!(text.parse::<f32>().unwrap().to_bits(), value.to_bits());
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
    fn values_are_asked_for_in_any_order() {
        let values: Vec<f32> = (1..1000).map(|i| i as f32 / 1000.0).collect();
        let mut scores = Scores::new(&values);
        for index in (0..999).chain((0..999).rev()).chain((0..999).step_by(70)) {
            match scores.text(index) {
                Some((text, len)) => {
                    let text = std::str::from_utf8(&text[..len]).unwrap();
                    assert_eq!(text.parse::<f32>().unwrap(), scores.value(index));
                }
                None => assert!([0.125, 0.25, 0.5].contains(&scores.value(index))),
            }
        }
    }

    #[test]
    fn digits_are_in_order() {
        for number in 0..10_000 {
            assert_eq!(digits(number).to_le_bytes(), *format!("{number:04}").as_bytes());
            if number > 0 {
                assert_eq!(trailing_zeros(number), (1..4).filter(|e| number % 10u32.pow(*e) == 0).count() as u32);
            }
        }
    }
}

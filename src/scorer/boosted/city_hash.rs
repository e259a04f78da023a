//! CityHash64 in its first version, by which CatBoost knows categories (`util/digest/city.cpp` there; Pike and Alakuijala,
//! "Introducing CityHash", 2011).

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;
const K3: u64 = 0xc949_d7c7_509e_6557;

/// The hash of `text`.
pub(super) fn city_hash_64(text: &[u8]) -> u64 {
    match text.len() {
        0..=16 => up_to_16(text),
        17..=32 => up_to_32(text),
        33..=64 => up_to_64(text),
        _ => longer(text),
    }
}

/// Eight bytes from `at` on, of which there are so many.
fn word(text: &[u8], at: usize) -> u64 {
    text[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The same of four bytes.
fn half_word(text: &[u8], at: usize) -> u64 {
    text[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)).into()
}

fn shift_mix(x: u64) -> u64 {
    x ^ (x >> 47)
}

fn of_two(low: u64, high: u64) -> u64 {
    const FACTOR: u64 = 0x9ddf_ea08_eb38_2d69;
    let a = shift_mix((low ^ high).wrapping_mul(FACTOR));
    shift_mix((high ^ a).wrapping_mul(FACTOR)).wrapping_mul(FACTOR)
}

fn up_to_16(text: &[u8]) -> u64 {
    let len = text.len();
    match len {
        9.. => {
            let (a, b) = (word(text, 0), word(text, len - 8));
            of_two(a, b.wrapping_add(len as u64).rotate_right(len as u32)) ^ b
        }
        4.. => of_two((len as u64).wrapping_add(half_word(text, 0) << 3), half_word(text, len - 4)),
        1.. => {
            let y = u64::from(text[0]) + (u64::from(text[len >> 1]) << 8);
            let z = len as u64 + (u64::from(text[len - 1]) << 2);
            shift_mix(y.wrapping_mul(K2) ^ z.wrapping_mul(K3)).wrapping_mul(K2)
        }
        0 => K2,
    }
}

fn up_to_32(text: &[u8]) -> u64 {
    let len = text.len();
    let (a, b) = (word(text, 0).wrapping_mul(K1), word(text, 8));
    let (c, d) = (word(text, len - 8).wrapping_mul(K2), word(text, len - 16).wrapping_mul(K0));
    of_two(
        a.wrapping_sub(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d),
        a.wrapping_add((b ^ K3).rotate_right(20)).wrapping_sub(c).wrapping_add(len as u64),
    )
}

fn up_to_64(text: &[u8]) -> u64 {
    let len = text.len();
    // Four words from the first one on, mixed.
    let mix = |mut a: u64, z: u64, second: usize, third: usize| {
        let b = a.wrapping_add(z).rotate_right(52);
        let mut c = a.rotate_right(37);
        a = a.wrapping_add(word(text, second));
        c = c.wrapping_add(a.rotate_right(7));
        a = a.wrapping_add(word(text, third));
        (a.wrapping_add(z), b.wrapping_add(a.rotate_right(31)).wrapping_add(c))
    };
    let start = word(text, 0).wrapping_add((len as u64).wrapping_add(word(text, len - 16)).wrapping_mul(K0));
    let (v, vs) = mix(start, word(text, 24), 8, 16);
    let (w, ws) = mix(word(text, 16).wrapping_add(word(text, len - 32)), word(text, len - 8), len - 24, len - 16);
    let r = shift_mix(v.wrapping_add(ws).wrapping_mul(K2).wrapping_add(w.wrapping_add(vs).wrapping_mul(K0)));
    shift_mix(r.wrapping_mul(K0).wrapping_add(vs)).wrapping_mul(K2)
}

/// Four words from `at` on, with two seeds.
fn weak(text: &[u8], at: usize, a: u64, b: u64) -> (u64, u64) {
    let [w, x, y, z] = [0, 8, 16, 24].map(|offset| word(text, at + offset));
    let first = a.wrapping_add(w);
    let b = b.wrapping_add(first).wrapping_add(z).rotate_right(21);
    let a = first.wrapping_add(x).wrapping_add(y);
    (a.wrapping_add(z), b.wrapping_add(a.rotate_right(44)).wrapping_add(first))
}

fn longer(text: &[u8]) -> u64 {
    let len = text.len();
    let (mut x, mut y, mut z) = (word(text, 0), word(text, len - 16) ^ K1, word(text, len - 56) ^ K0);
    let mut v = weak(text, len - 64, len as u64, y);
    let mut w = weak(text, len - 32, (len as u64).wrapping_mul(K1), K0);
    z = z.wrapping_add(shift_mix(v.1).wrapping_mul(K1));
    x = z.wrapping_add(x).rotate_right(39).wrapping_mul(K1);
    y = y.rotate_right(33).wrapping_mul(K1);
    for at in (0..(len - 1) & !63).step_by(64) {
        x = x.wrapping_add(y).wrapping_add(v.0).wrapping_add(word(text, at + 16)).rotate_right(37).wrapping_mul(K1);
        y = y.wrapping_add(v.1).wrapping_add(word(text, at + 48)).rotate_right(42).wrapping_mul(K1);
        x ^= w.1;
        y ^= v.0;
        z = (z ^ w.0).rotate_right(33);
        v = weak(text, at, v.1.wrapping_mul(K1), x.wrapping_add(w.0));
        w = weak(text, at + 32, z.wrapping_add(w.1), y);
        std::mem::swap(&mut z, &mut x);
    }
    of_two(
        of_two(v.0, w.0).wrapping_add(shift_mix(y).wrapping_mul(K1)).wrapping_add(z),
        of_two(v.1, w.1).wrapping_add(x),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_catboost() {
        // From the file of a model that CatBoost trained on these categories.
        let long = "x".repeat(64);
        let longer = "y".repeat(65);
        let longest = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich ".repeat(3);
        for (text, hash) in [
            ("a", -805_065_478),
            ("1", 1_121_341_681),
            ("abc", 978_243_121),
            ("abcd", 345_588_365),
            ("hello", -215_758_625),
            ("12345678", 1_054_993_967),
            ("123456789", 1_389_760_245),
            ("sixteen letters!", 1_409_682_486),
            ("seventeen letters", -580_945_932),
            ("thirty-two letters, exactly that", 207_045_080),
            (&long, 648_792_787),
            (&longer, -1_180_463_569),
            (&longest, -1_093_694_364),
        ] {
            assert_eq!(city_hash_64(text.as_bytes()) as i32, hash, "{text}");
        }
        assert_eq!(city_hash_64(b""), K2);
    }
}

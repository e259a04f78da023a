//! Loops compiled for the vector registers of the processor at hand.
//!
//! The program is built for any x86-64 or ARM processor. A function in `vectorised!` is compiled once more for each
//! [`Level`], and the best one that the processor has is taken at run time. No level changes a result: the compiler
//! neither reorders floating-point operations nor joins a multiplication and an addition.

use std::sync::OnceLock;

use thiserror::Error;

/// A set of vector instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the architecture has: 128 bits.
    Portable,
    /// AVX2 and BMI2: 256 bits.
    Avx2,
    /// AVX-512 (F, BW, CD, DQ, VL): 512 bits.
    Avx512,
}

/// The environment variable that caps the level: `portable`, `avx2` or `avx512`.
pub const VARIABLE: &str = "BATCHSCORE_SIMD";

/// The environment names a level that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{VARIABLE} is {0:?}, which names no vector instructions: set it to portable, avx2 or avx512, or not at all")]
pub struct UnknownLevel(String);

fn named() -> String {
    std::env::var_os(VARIABLE).unwrap_or_default().to_string_lossy().into_owned()
}

impl Level {
    /// The level's name in messages and in the environment.
    pub fn name(self) -> &'static str {
        match self {
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// The best level of this processor that the environment allows; looked up once. What [`Level::check_environment`]
    /// refuses allows all.
    pub fn get() -> Level {
        static LEVEL: OnceLock<Level> = OnceLock::new();
        *LEVEL.get_or_init(|| Level::of_processor().min(Level::cap(&named()).unwrap_or(Level::Avx512)))
    }

    /// Fails when the environment names a level that does not exist.
    pub fn check_environment() -> Result<(), UnknownLevel> {
        Level::cap(&named()).map(|_| ())
    }

    /// The highest level that `name` allows; all when it is empty.
    fn cap(name: &str) -> Result<Level, UnknownLevel> {
        let levels = [Level::Portable, Level::Avx2, Level::Avx512];
        match levels.into_iter().find(|level| name == level.name()) {
            Some(level) => Ok(level),
            None if name.is_empty() => Ok(Level::Avx512),
            None => Err(UnknownLevel(name.to_owned())),
        }
    }

    /// The best level of this processor.
    pub fn of_processor() -> Level {
        static LEVEL: OnceLock<Level> = OnceLock::new();
        *LEVEL.get_or_init(detect)
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    use std::arch::is_x86_feature_detected as has;
    if has!("avx512f") && has!("avx512bw") && has!("avx512cd") && has!("avx512dq") && has!("avx512vl") && has_avx2() {
        Level::Avx512
    } else if has_avx2() {
        Level::Avx2
    } else {
        Level::Portable
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx2") && has!("bmi1") && has!("bmi2") && has!("lzcnt") && has!("popcnt")
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Portable
}

/// A vector of these bytes, the first one lowest. Put together from words, it takes the compiler four instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
pub(crate) fn load(bytes: &[u8; 32]) -> std::arch::x86_64::__m256i {
    #[expect(unsafe_code, reason = "the instruction takes a pointer")]
    // SAFETY: 32 bytes can be read from a reference to as many, and the instruction needs no alignment.
    unsafe {
        std::arch::x86_64::_mm256_loadu_si256(bytes.as_ptr().cast())
    }
}

/// Makes a function that is compiled once for each [`Level`]; the level to use is its first argument, and one that the
/// processor lacks stands for the best that it has.
///
/// What the body calls is compiled with it only where it is inlined, so calls in its loops should be `#[inline(always)]`.
macro_rules! vectorised {
    ($(#[$attribute:meta])* $visible:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$attribute])*
        $visible fn $name(level: $crate::simd::Level, $($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body($($argument: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
                fn avx512($($argument: $type),*) $(-> $result)? {
                    body($($argument),*)
                }

                #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
                fn avx2($($argument: $type),*) $(-> $result)? {
                    body($($argument),*)
                }

                use $crate::simd::Level;
                #[expect(unsafe_code, reason = "functions for processors with certain instructions")]
                match level.min(Level::of_processor()) {
                    // SAFETY: the processor has all instructions that the function may use.
                    Level::Avx512 => return unsafe { avx512($($argument),*) },
                    // SAFETY: the same.
                    Level::Avx2 => return unsafe { avx2($($argument),*) },
                    Level::Portable => {}
                }
            }
            let _ = level;
            body($($argument),*)
        }
    };
}

pub(crate) use vectorised;

#[cfg(test)]
mod tests {
    use super::*;

    vectorised! {
        fn sums_of_squares(values: &[f32]) -> [u32; 16] {
            let mut sums = [0f32; 16];
            for chunk in values.chunks_exact(16) {
                sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += x * x + 0.1);
            }
            sums.map(f32::to_bits)
        }
    }

    #[test]
    fn a_name_caps_the_level() {
        let caps = ["portable", "avx2", "avx512", ""].map(Level::cap);
        assert_eq!(caps, [Level::Portable, Level::Avx2, Level::Avx512, Level::Avx512].map(Ok));
        assert!(Level::cap("AVX2").unwrap_err().to_string().contains("portable, avx2 or avx512"));
    }

    #[test]
    fn levels_do_not_change_results() {
        let values: Vec<f32> = (0..1000).map(|i| (i as f32).sqrt() * 1.1).collect();
        let plain = sums_of_squares(Level::Portable, &values);
        for level in [Level::Avx2, Level::Avx512] {
            assert_eq!(sums_of_squares(level, &values), plain, "{}", level.name());
        }
        assert!(Level::get() <= Level::of_processor());
    }
}

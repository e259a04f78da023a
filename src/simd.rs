//! Loops compiled for the vector registers of the processor at hand.
//!
//! The program is built for any x86-64 or ARM processor. What is given to [`vectorised`] is compiled once more for each
//! [`Level`], and the best one that the processor has is taken at run time. No level changes a result: the compiler
//! neither reorders floating-point operations nor joins a multiplication and an addition.

use std::sync::OnceLock;

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

impl Level {
    /// The level's name in messages and in the environment.
    pub fn name(self) -> &'static str {
        match self {
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// The best level of this processor that the environment allows; looked up once.
    pub fn get() -> Level {
        static LEVEL: OnceLock<Level> = OnceLock::new();
        *LEVEL.get_or_init(|| {
            let cap = std::env::var(VARIABLE).ok();
            let cap = [Level::Portable, Level::Avx2].into_iter().find(|level| cap.as_deref() == Some(level.name()));
            Level::of_processor().min(cap.unwrap_or(Level::Avx512))
        })
    }

    /// The best level of this processor.
    pub fn of_processor() -> Level {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") && has!("bmi1") && has!("bmi2") && has!("lzcnt") && has!("popcnt") {
                let has_all =
                    has!("avx512f") && has!("avx512bw") && has!("avx512cd") && has!("avx512dq") && has!("avx512vl");
                return if has_all { Level::Avx512 } else { Level::Avx2 };
            }
        }
        Level::Portable
    }
}

/// Runs `loops`, compiled for the level of this processor.
///
/// What `loops` calls is compiled with it only where it is inlined, so that calls in hot loops should be
/// `#[inline(always)]`.
#[inline]
pub fn vectorised<R>(loops: impl FnOnce() -> R) -> R {
    at(Level::get(), loops)
}

/// Runs `loops`, compiled for `level` or, if the processor lacks it, the best that it has.
#[inline]
pub fn at<R>(level: Level, loops: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if level > Level::Portable {
        let level = level.min(Level::of_processor());
        #[expect(unsafe_code, reason = "a function for a processor with certain instructions")]
        match level {
            // SAFETY: `of_processor` found all instructions that `avx512` may use.
            Level::Avx512 => return unsafe { x86::avx512(loops) },
            // SAFETY: `of_processor` found all instructions that `avx2` may use.
            Level::Avx2 => return unsafe { x86::avx2(loops) },
            Level::Portable => {}
        }
    }
    let _ = level;
    loops()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn avx512<R>(loops: impl FnOnce() -> R) -> R {
        loops()
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn avx2<R>(loops: impl FnOnce() -> R) -> R {
        loops()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_do_not_change_results() {
        let values: Vec<f32> = (0..1000).map(|i| (i as f32).sqrt() * 1.1).collect();
        let run = || {
            let mut sums = [0f32; 16];
            for chunk in values.chunks_exact(16) {
                sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += x * x + 0.1);
            }
            sums.map(f32::to_bits)
        };
        let plain = run();
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            assert_eq!(at(level, run), plain, "{}", level.name());
        }
        assert_eq!(vectorised(run), plain);
        assert!(Level::get() <= Level::of_processor());
    }
}

//! Panics as values: foreign code (a model's operators, a decoder) may panic at data that it did not expect, and such a
//! panic costs the items concerned, not the process.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs `work`; a panic in it comes back as its message and prints nothing.
///
/// What `work` changes must not be looked at after a panic, or be dropped by it.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // Whoever catches the panic tells of it; the default hook would print over the progress display.
            if DEPTH.get() == 0 {
                previous(info);
            }
        }));
    });
    DEPTH.set(DEPTH.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(work));
    DEPTH.set(DEPTH.get() - 1);
    result.map_err(|payload| message(payload.as_ref()))
}

/// The text that a panic was raised with.
pub fn message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_value() {
        assert_eq!(caught(|| 5), Ok(5));
        assert_eq!(caught(|| panic!("plain")), Err::<(), _>("plain".to_owned()));
        assert_eq!(caught(|| panic!("with {}", 7)), Err::<(), _>("with 7".to_owned()));
        assert_eq!(caught(|| std::panic::panic_any(3)), Err::<(), _>("no message".to_owned()));
        assert_eq!(caught(|| caught(|| panic!("inner")).unwrap_or(9)), Ok(9));
    }
}

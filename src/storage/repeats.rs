use std::time::{Duration, Instant};

use super::failure::was_lost;

/// For so long after the first lost answer a request is repeated, as long as the client repeats others.
const PATIENCE: Duration = Duration::from_secs(60);

const FIRST_PAUSE: Duration = Duration::from_millis(100);

const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Repeats of a request that the client does not repeat itself when its answer is lost, since it cannot see whether it was
/// obeyed; whoever repeats it has looked.
pub(super) struct Repeats {
    first: Option<Instant>,
    pause: Duration,
}

impl Default for Repeats {
    fn default() -> Self {
        Repeats { first: None, pause: FIRST_PAUSE }
    }
}

impl Repeats {
    /// Whether a request that failed so is to be sent again; if it is, a pause is over, longer each time.
    pub(super) async fn again(&mut self, error: &object_store::Error) -> bool {
        if !was_lost(error) {
            return false;
        }
        let elapsed = self.first.get_or_insert_with(Instant::now).elapsed();
        let Some(pause) = self.next(elapsed) else { return false };
        tokio::time::sleep(pause).await;
        true
    }

    /// The pause before the next one, when so much time has gone by since the first failure; nothing when it is too much.
    fn next(&mut self, elapsed: Duration) -> Option<Duration> {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        (elapsed < PATIENCE).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let mut repeats = Repeats::default();
        let mut elapsed = Duration::ZERO;
        let mut pauses = Vec::new();
        while let Some(pause) = repeats.next(elapsed) {
            elapsed += pause;
            pauses.push(pause.as_millis());
        }
        assert_eq!(pauses[..8], [100, 200, 400, 800, 1600, 3200, 6400, 10_000]);
        assert!((PATIENCE..PATIENCE + LONGEST_PAUSE).contains(&elapsed), "{elapsed:?}");
    }
}

use std::time::Duration;

/// How many attempts a step has, the first included.
pub const MAX_ATTEMPTS: u16 = 3;

const BASE: Duration = Duration::from_secs(2);

/// How long to wait after attempt number `attempt` (from 1) has failed: exponential from 2 s, with full jitter,
/// so that jobs which failed together do not come back together. `jitter` is a random number from 0 to 1.
pub fn backoff(attempt: u16, jitter: f64) -> Duration {
    let ceiling = BASE.saturating_mul(1 << (attempt.clamp(1, 10) - 1));
    ceiling.mul_f64(jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_from_two_seconds() {
        let longest: Vec<_> = (1..=4).map(|attempt| backoff(attempt, 1.0).as_secs()).collect();
        assert_eq!(longest, [2, 4, 8, 16]);
    }

    #[test]
    fn jitter_spreads_over_the_whole_delay() {
        assert_eq!(backoff(3, 0.0), Duration::ZERO);
        assert_eq!(backoff(3, 0.5), Duration::from_secs(4));
    }

    #[test]
    fn an_absurd_attempt_or_jitter_stays_bounded() {
        assert_eq!(backoff(u16::MAX, 9.0), Duration::from_secs(1024));
        assert_eq!(backoff(0, -1.0), Duration::ZERO);
    }
}

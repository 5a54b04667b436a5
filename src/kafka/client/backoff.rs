//! How long to leave a broker alone after its connection failed.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use tokio::time::Instant;

use crate::kafka::error::Error;

/// Pause after the first failed connection; doubled with each further one.
const BACKOFF_FIRST: Duration = Duration::from_millis(250);
/// Less than a sampling interval: a broker that is back is asked in the next cycle.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Pause after the first sign-in that was refused, doubled with each further one: accounts get locked after a handful of
/// wrong passwords, and the right one comes from a person.
const REFUSED_FIRST: Duration = Duration::from_secs(10);
pub(super) const REFUSED_MAX: Duration = Duration::from_secs(300);

/// When the next connection may be tried.
#[derive(Default)]
pub(crate) struct Backoff {
    failures: u32,
    /// Those of them that were refused sign-ins.
    refusals: u32,
    until: Option<(Instant, Error)>,
}

impl Backoff {
    /// What went wrong last, while it is too early to try again.
    pub(crate) fn too_early(&self) -> Option<Error> {
        let (until, reason) = self.until.as_ref()?;
        (Instant::now() < *until).then(|| reason.clone())
    }

    pub(crate) fn failed(&mut self, reason: Error) {
        let pause = if reason.is_refused_sign_in() {
            self.refusals += 1;
            after_refusals(self.refusals)
        } else {
            jittered(doubled(BACKOFF_FIRST, self.failures, BACKOFF_MAX))
        };
        self.failures += 1;
        self.until = Some((Instant::now() + pause, reason));
    }

    #[cfg(test)]
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    #[cfg(test)]
    pub(crate) fn end_pause(&mut self) {
        self.until = None;
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// The pause after so many refused sign-ins in a row. Not less than what the errors' texts promise.
pub(crate) fn after_refusals(refusals: u32) -> Duration {
    doubled(REFUSED_FIRST, refusals.saturating_sub(1), REFUSED_MAX)
}

fn doubled(first: Duration, times: u32, max: Duration) -> Duration {
    max.min(first * 2_u32.pow(times.min(10)))
}

/// Between half of it and all of it: monitors that lost a broker together don't come back together.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    pause.mul_f64(0.5 + 0.5 * (random as f64 / u64::MAX as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::error::SecurityError;

    #[tokio::test(start_paused = true)]
    async fn backoff_grows_to_its_bound_and_ends() {
        let mut backoff = Backoff::default();
        for _ in 0..20 {
            backoff.failed(Error::Refused);
        }
        assert_eq!(backoff.too_early(), Some(Error::Refused));
        tokio::time::advance(BACKOFF_MAX).await;
        assert_eq!(backoff.too_early(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_sign_in_is_not_tried_again_soon() {
        let refused = || {
            let reason = "invalid credentials".to_owned();
            Error::from(SecurityError::TokenRefused { reason })
        };
        let mut backoff = Backoff::default();
        for _ in 0..20 {
            backoff.failed(Error::Refused);
        }
        for pause_seconds in [10, 20, 40, 80, 160, 300, 300] {
            backoff.failed(refused());
            tokio::time::advance(Duration::from_secs(pause_seconds - 1)).await;
            assert_eq!(backoff.too_early(), Some(refused()));
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(backoff.too_early(), None);
        }
    }
}

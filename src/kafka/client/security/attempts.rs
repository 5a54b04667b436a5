//! What came of signing in, at whichever broker of a cluster: when a refusal concerns all of them, and when the next may try.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::kafka::client::backoff::{Backoff, REFUSED_MAX};
use crate::kafka::error::Error;

/// How long a broker's refusal is remembered against the next one's: twice the longest pause of a broker that is refused, so that
/// two of them are seen together however seldom each is asked. A sign-in that succeeds in between clears it.
const SUSPECTED: Duration = Duration::from_secs(2 * REFUSED_MAX.as_secs());

/// How long a sign-in shows that the secret is right. Within it, all brokers of a cluster are signed in to at once, as after a
/// start; later one goes ahead, because the secret may have been changed since.
const PROVEN: Duration = Duration::from_secs(30);

/// Sign-ins at once while nobody knows whether the secret is right: two, so that one broker that hangs doesn't hold up the others.
const PIONEERS: usize = 2;

/// How long a sign-in waits for those ahead of it. Brokers answer a wrong password after a tenth of a second
/// (`connection.failed.authentication.delay.ms`). Brokers that hang cost the others no more than this.
const WAITS_AT_MOST: Duration = Duration::from_secs(1);

/// Shared by all connections of a cluster.
pub(super) struct Attempts {
    seen: Mutex<Seen>,
    pioneers: Arc<Semaphore>,
}

#[derive(Default)]
struct Seen {
    /// Somebody let us in, and what one broker refused since is its own affair, and its own backoff's.
    accepted: bool,
    proven_at: Option<Instant>,
    /// Who refused what others had accepted.
    suspect: Option<(Arc<str>, Instant)>,
    backoff: Backoff,
}

/// A turn to sign in; held until the result is remembered.
pub(super) struct Turn(
    #[expect(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>,
);

impl Default for Attempts {
    fn default() -> Self {
        Self {
            seen: Mutex::default(),
            pioneers: Arc::new(Semaphore::new(PIONEERS)),
        }
    }
}

impl Attempts {
    /// What was refused to all, while it is too early to try again anywhere: the account would be locked by the cluster.
    pub(super) fn too_early(&self) -> Option<Error> {
        self.seen().backoff.too_early()
    }

    /// Waits until it is known whether the secret is right, but not for long.
    ///
    /// # Errors
    /// What was refused to those who went ahead.
    pub(super) async fn turn(&self) -> Result<Turn, Error> {
        if self.seen().is_proven() {
            return Ok(Turn(None));
        }
        let pioneers = Arc::clone(&self.pioneers).acquire_owned();
        let permit = match timeout(WAITS_AT_MOST, pioneers).await {
            Ok(permit) => Some(permit.expect("nobody closes it")),
            Err(_) => None,
        };
        match self.too_early() {
            Some(refused) => Err(refused),
            None if self.seen().is_proven() => Ok(Turn(None)),
            None => Ok(Turn(permit)),
        }
    }

    /// Takes note of what came of a sign-in at a broker.
    pub(super) fn remember<T>(&self, broker: &Arc<str>, result: &Result<T, Error>) {
        let mut seen = self.seen();
        match result {
            Ok(_) => {
                *seen = Seen {
                    accepted: true,
                    proven_at: Some(Instant::now()),
                    ..Seen::default()
                }
            }
            Err(error) if error.is_refused_sign_in() => seen.refused(broker, error),
            Err(_) => {}
        }
    }

    /// A panic elsewhere leaves it right.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn is_proven(&self) -> bool {
        self.proven_at.is_some_and(|at| at.elapsed() < PROVEN)
    }

    fn refused(&mut self, broker: &Arc<str>, error: &Error) {
        self.proven_at = None;
        if self.accepted && !self.is_second(broker) {
            self.suspect = Some((Arc::clone(broker), Instant::now()));
            return;
        }
        self.accepted = false;
        self.suspect = None;
        self.backoff.failed(error.clone());
    }

    /// Did another broker refuse as well?
    fn is_second(&self, broker: &Arc<str>) -> bool {
        self.suspect
            .as_ref()
            .is_some_and(|(first, at)| first != broker && at.elapsed() < SUSPECTED)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::kafka::error::SecurityError;

    fn refused() -> Error {
        let reason = "invalid credentials".to_owned();
        SecurityError::TokenRefused { reason }.into()
    }

    /// `(broker, was let in, seconds after the step before, all must wait from then on)`
    type Step = (&'static str, bool, u64, bool);

    #[tokio::test(start_paused = true)]
    async fn a_second_broker_that_refuses_makes_all_wait() {
        let stories: &[(&str, &[Step])] = &[
            ("nobody let us in yet", &[("a", false, 0, true)]),
            (
                "the odd one out is its own affair, however often it refuses",
                &[
                    ("a", true, 0, false),
                    ("b", false, 10, false),
                    ("b", false, 20, false),
                ],
            ),
            (
                "the password was changed",
                &[
                    ("a", true, 0, false),
                    ("a", false, 300, false),
                    ("b", false, 300, true),
                    // After the pause one is enough.
                    ("c", false, 11, true),
                ],
            ),
            (
                "another let us in since",
                &[
                    ("a", true, 0, false),
                    ("b", false, 0, false),
                    ("a", true, 0, false),
                    ("c", false, 0, false),
                ],
            ),
            (
                "too long ago",
                &[
                    ("a", true, 0, false),
                    ("b", false, 0, false),
                    ("c", false, 601, false),
                ],
            ),
        ];
        for (why, steps) in stories {
            let attempts = Attempts::default();
            for (index, (broker, let_in, seconds, waits)) in steps.iter().enumerate() {
                tokio::time::advance(Duration::from_secs(*seconds)).await;
                let result = let_in.then_some(()).ok_or_else(refused);
                attempts.remember(&Arc::from(*broker), &result);
                let told = attempts.too_early().is_some();
                assert_eq!(told, *waits, "{why}, step {index}");
            }
        }
    }

    /// Fifty brokers at once, each answering after a tenth of a second; says how many were tried.
    async fn fifty(attempts: &Attempts, let_in: bool) -> usize {
        let tries = (0..50).map(|broker| async move {
            let turn = attempts.turn().await.ok()?;
            tokio::time::sleep(Duration::from_millis(100)).await;
            let result = let_in.then_some(()).ok_or_else(refused);
            attempts.remember(&broker.to_string().into(), &result);
            drop(turn);
            Some(())
        });
        join_all(tries).await.into_iter().flatten().count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_password_is_tried_at_a_handful_of_brokers_and_a_right_one_at_all() {
        let attempts = Attempts::default();
        attempts.remember(&"a".into(), &Ok(()));
        assert_eq!(fifty(&attempts, true).await, 50, "just shown to be right");
        tokio::time::advance(Duration::from_secs(3600)).await;
        let tried = fifty(&attempts, false).await;
        assert!(tried <= PIONEERS, "{tried}");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(fifty(&attempts, true).await, 50, "it was changed here, too");
    }

    #[tokio::test(start_paused = true)]
    async fn brokers_that_hang_hold_nobody_up_for_long() {
        let attempts = Attempts::default();
        let hung = [attempts.turn().await, attempts.turn().await];
        let began = Instant::now();
        assert!(attempts.turn().await.is_ok());
        assert_eq!(began.elapsed(), WAITS_AT_MOST);
        drop(hung);
    }
}

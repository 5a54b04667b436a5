//! The door through which a request asks the daemon to read its configuration again. Whoever owns the daemon answers.

use tokio::sync::{mpsc, oneshot};

/// Requests that wait for the reload under way; more than one or two are a mistake in somebody's loop.
const WAITING: usize = 4;

/// In force, or everything that is wrong, a line each.
pub type Outcome = Result<(), String>;

/// One that waits for the outcome.
pub type Asker = oneshot::Sender<Outcome>;

/// Where to ask.
#[derive(Clone, Debug)]
pub struct ReloadDoor(mpsc::Sender<Asker>);

/// Why the configuration as it is now is not in force.
pub(super) enum Turned {
    /// It is wrong.
    Refused(String),
    /// Too many wait already, or the daemon ends.
    Away,
}

impl ReloadDoor {
    /// The door, and those who come through it.
    pub fn new() -> (Self, mpsc::Receiver<Asker>) {
        let (door, askers) = mpsc::channel(WAITING);
        (Self(door), askers)
    }

    /// Waits until it was this one's turn.
    pub(super) async fn ask(&self) -> Result<(), Turned> {
        let (asker, outcome) = oneshot::channel();
        self.0.try_send(asker).map_err(|_| Turned::Away)?;
        let outcome = outcome.await.map_err(|_| Turned::Away)?;
        outcome.map_err(Turned::Refused)
    }
}

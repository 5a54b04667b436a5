//! Signing in by Kerberos: the exchange of RFC 4752, by the system's libkrb5, which finds our ticket by itself (`KRB5CCNAME`,
//! `KRB5_CLIENT_KTNAME`). It asks the KDC over the network and blocks while it does, so each step has a thread of its own.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::error::{Error as GssError, MajorFlags};
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_NT_HOSTBASED_SERVICE, OidSet};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::dialogue::Step;
use crate::kafka::error::{Error, KerberosError, SecurityError};
use crate::kafka::settings::security::Kerberos;

/// Steps of one cluster at once. One takes milliseconds; of a KDC that hangs this many threads hang, for the half minute that
/// libkrb5 is patient, and whoever comes next waits until its own deadline.
const STEPS_MAX: usize = 4;

/// What a step is called when it isn't done in time.
const TICKET: &str = "the request for a Kerberos ticket (is the KDC there?)";

/// RFC 4752: the bit of "no security layer", which is all that Kafka has, and our choice of it: no layer, no buffer, no other name.
const NO_LAYER: u8 = 1;
const CHOSEN: [u8; 4] = [NO_LAYER, 0, 0, 0];

/// libkrb5's number of "Preauthentication failed": the key in a keytab is not, or no more, the principal's.
const PREAUTH_FAILED: i32 = -1_765_328_360;

/// Where the steps of a cluster's sign-ins are made.
#[derive(Clone)]
pub(super) struct Steps(Arc<Semaphore>);

impl Default for Steps {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STEPS_MAX)))
    }
}

/// One sign-in.
pub(super) struct Dialogue {
    steps: Steps,
    patience: Duration,
    /// Not here while a step is made, nor after one that failed.
    talk: Option<Talk>,
}

impl Dialogue {
    /// With the service at `host`.
    pub(super) fn new(settings: &Kerberos, host: &str, steps: Steps, patience: Duration) -> Self {
        Self {
            steps,
            patience,
            talk: Some(Talk {
                service: settings.service_name.clone(),
                host: host.to_owned(),
                stage: Stage::Beginning,
            }),
        }
    }

    /// Takes what the broker said, nothing at first.
    pub(super) async fn next(&mut self, said: Option<&[u8]>) -> Result<Step, Error> {
        let talk = self.talk.take().ok_or_else(|| failed(BROKEN_OFF))?;
        let step = timeout(self.patience, made(&self.steps, talk, said));
        let (talk, step) = step.await.map_err(|_| Error::Timeout {
            api: TICKET,
            timeout: self.patience,
        })??;
        self.talk = Some(talk);
        Ok(step)
    }
}

const BROKEN_OFF: &str = "the exchange with libkrb5 broke off";

/// Makes a step on another thread, which goes on when nobody waits any more.
async fn made(steps: &Steps, talk: Talk, said: Option<&[u8]>) -> Result<(Talk, Step), Error> {
    let place = Arc::clone(&steps.0).acquire_owned().await;
    let place = place.expect("nobody closes it");
    let said = said.map(<[u8]>::to_vec);
    let (tell, told) = oneshot::channel();
    let make = move || {
        let _nobody_may_wait_any_more = tell.send(talk.next(said.as_deref()));
        drop(place);
    };
    let thread = thread::Builder::new().name("kerberos".to_owned());
    thread.spawn(make).map_err(|_| failed("no thread"))?;
    Ok(told.await.map_err(|_| failed(BROKEN_OFF))??)
}

/// The exchange itself.
struct Talk {
    service: String,
    host: String,
    stage: Stage,
}

enum Stage {
    Beginning,
    /// Until each side has shown to the other who it is.
    Tickets(ClientCtx),
    /// The broker offers security layers.
    Layers(ClientCtx),
    Ended,
}

impl Talk {
    /// Blocks, for as long as libkrb5 is patient with the KDC.
    fn next(mut self, said: Option<&[u8]>) -> Result<(Self, Step), SecurityError> {
        let (stage, step) = match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Beginning => self.tickets(self.context()?, None)?,
            Stage::Tickets(context) => self.tickets(context, said)?,
            Stage::Layers(context) => (Stage::Ended, layers(context, said.unwrap_or_default())?),
            Stage::Ended => return Err(failed("the broker goes on after the end")),
        };
        self.stage = stage;
        Ok((self, step))
    }

    /// Both sides show who they are, and messages can be signed. Delegation is not asked for: a forwardable ticket would be handed over
    /// to the broker, which could then act as we.
    fn context(&self) -> Result<ClientCtx, SecurityError> {
        let name = format!("{}@{}", self.service, self.host);
        let name = Name::new(name.as_bytes(), Some(GSS_NT_HOSTBASED_SERVICE));
        let name = name.map_err(|error| self.explained(error))?;
        let flags = CtxFlags::GSS_C_MUTUAL_FLAG | CtxFlags::GSS_C_INTEG_FLAG;
        let ours = Some(ours()?);
        Ok(ClientCtx::new(ours, name, flags, Some(GSS_MECH_KRB5)))
    }

    fn tickets(
        &self,
        mut context: ClientCtx,
        said: Option<&[u8]>,
    ) -> Result<(Stage, Step), SecurityError> {
        let token = context.step(said, None);
        let token = token.map_err(|error| self.explained(error))?;
        let message = token.map_or_else(Vec::new, |token| token.to_vec());
        let stage = match context.is_complete() {
            true => Stage::Layers(context),
            false => Stage::Tickets(context),
        };
        Ok((stage, Step::Say(message)))
    }

    /// On the thread where it happened: libkrb5 keeps its words there.
    fn explained(&self, error: GssError) -> SecurityError {
        let what = words(&error.to_string());
        let error = if error.minor.cast_signed() == PREAUTH_FAILED {
            KerberosError::KeyRefused(what)
        } else if error.major.contains(MajorFlags::GSS_S_CREDENTIALS_EXPIRED) {
            KerberosError::NoTicket(what)
        } else {
            KerberosError::Failed {
                service: format!("{}/{}", self.service, self.host),
                what,
            }
        };
        error.into()
    }
}

/// Our ticket, or the key to get one. That there is neither is found out here: later libkrb5 also says "no credentials" of a
/// service that the KDC doesn't know, and of a KDC that is not there.
fn ours() -> Result<Cred, SecurityError> {
    let none = |error: GssError| KerberosError::NoTicket(words(&error.to_string())).into();
    let kerberos = OidSet::singleton(GSS_MECH_KRB5).map_err(none)?;
    Cred::acquire(None, None, CredUsage::Initiate, Some(&kerberos)).map_err(none)
}

/// The broker says which layers it has and how long its messages may be; we choose none.
fn layers(mut context: ClientCtx, said: &[u8]) -> Result<Step, SecurityError> {
    let unsigned = |_| failed("the broker's words are not signed by the service of the ticket");
    let offer = context.unwrap(said).map_err(unsigned)?;
    match &*offer {
        [layers, _, _, _] if layers & NO_LAYER != 0 => {}
        _ => return Err(failed("the broker insists on a security layer")),
    }
    let chosen = context.wrap(false, &CHOSEN);
    let chosen = chosen.map_err(|_| failed("our choice can't be signed"))?;
    Ok(Step::SayLast(chosen.to_vec()))
}

fn failed(what: &'static str) -> SecurityError {
    SecurityError::SignInFailed {
        mechanism: "GSSAPI",
        what,
    }
}

/// Of "Unspecified GSS failure.  Minor code may provide more information (the cause)" the cause, if there is one.
fn words(text: &str) -> String {
    let parts = text
        .strip_suffix(')')
        .and_then(|text| text.split_once(" ("));
    match parts {
        Some((_, cause)) if !NO_CAUSE.iter().any(|none| cause.starts_with(none)) => cause,
        _ => text,
    }
    .to_owned()
}

/// What libkrb5 calls a number that it has no more to say about.
const NO_CAUSE: [&str; 2] = ["Success", "Unknown"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_failure_the_cause_is_told_if_there_is_one() {
        for (text, told) in [
            (
                "Unspecified GSS failure.  Minor code may provide more information (Clock skew too great)",
                "Clock skew too great",
            ),
            (
                "No credentials were supplied (No Kerberos credentials available (default cache: MEMORY:))",
                "No Kerberos credentials available (default cache: MEMORY:)",
            ),
            (
                "A token was invalid (Success)",
                "A token was invalid (Success)",
            ),
            ("A token was invalid", "A token was invalid"),
        ] {
            assert_eq!(words(text), told);
        }
    }
}

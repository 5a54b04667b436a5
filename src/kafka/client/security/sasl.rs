//! Signing in: SaslHandshake names the mechanism, then SaslAuthenticate carries its messages until both sides are content.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::dialogue::{Credentials, Dialogue, Step, name};
#[cfg(feature = "gssapi")]
use super::kerberos;
use crate::kafka::client::greeting::Open;
#[cfg(feature = "gssapi")]
use crate::kafka::error::KerberosError;
use crate::kafka::error::{Code, Error, SecurityError};
use crate::kafka::settings::security::Sasl;

/// The protocol's numbers.
const UNSUPPORTED_SASL_MECHANISM: i16 = 33;
const ILLEGAL_SASL_STATE: i16 = 34;
const SASL_AUTHENTICATION_FAILED: i16 = 58;

/// The longest mechanism, SCRAM, takes two messages; a broker that goes on for ever is left.
const MESSAGES_MAX: usize = 8;

/// Of what a broker says of its refusal: one line of a log.
const REASON_MAX_CHARS: usize = 300;

/// RFC 7628: how a client acknowledges that its token was refused, so that the broker says why.
const ACKNOWLEDGED: &[u8] = b"\x01";

/// Whoever knows what a mechanism says.
pub(super) enum Speaker {
    Rsasl(Dialogue),
    #[cfg(feature = "gssapi")]
    Kerberos(kerberos::Dialogue),
}

impl Speaker {
    async fn next(&mut self, said: Option<&[u8]>) -> Result<Step, Error> {
        match self {
            Self::Rsasl(dialogue) => Ok(dialogue.next(said)?),
            #[cfg(feature = "gssapi")]
            Self::Kerberos(dialogue) => dialogue.next(said).await,
        }
    }
}

/// Signs in on a connection that has been greeted. Gives how long that holds, when the broker says so (KIP-368).
pub(super) async fn sign_in(
    open: &mut Open,
    sasl: &Sasl,
    who: Arc<Credentials>,
    mut speaker: Speaker,
    patience: Duration,
) -> Result<Option<Duration>, Error> {
    let mut exchange = Exchange {
        open,
        mechanism: name(sasl),
        who,
        patience,
    };
    let mut step = speaker.next(None).await?;
    exchange.choose().await?;
    let mut lifetime_ms = 0;
    for _ in 0..MESSAGES_MAX {
        let (message, is_last) = match step {
            Step::Say(message) => (message, false),
            Step::SayLast(message) => (message, true),
            Step::Done => return Ok(lifetime(lifetime_ms)),
        };
        let answer = exchange.say(message.into()).await?;
        lifetime_ms = answer.session_lifetime_ms;
        if is_last {
            return Ok(lifetime(lifetime_ms));
        }
        if matches!(sasl, Sasl::OAuthBearer(_)) && !answer.auth_bytes.is_empty() {
            return Err(exchange.refused_token(&answer.auth_bytes).await);
        }
        step = speaker.next(Some(&answer.auth_bytes)).await?;
    }
    Err(SecurityError::SignInFailed {
        mechanism: exchange.mechanism,
        what: "the broker does not come to an end",
    }
    .into())
}

/// 0 is a session without end.
fn lifetime(ms: i64) -> Option<Duration> {
    let ms = u64::try_from(ms).ok().filter(|ms| *ms > 0)?;
    Some(Duration::from_millis(ms))
}

/// The two requests, and what their errors mean.
struct Exchange<'a> {
    open: &'a mut Open,
    mechanism: &'static str,
    who: Arc<Credentials>,
    patience: Duration,
}

impl Exchange<'_> {
    async fn choose(&mut self) -> Result<(), Error> {
        let name = StrBytes::from_static_str(self.mechanism);
        let request = SaslHandshakeRequest::default().with_mechanism(name);
        let answer = self.open.ask(request, self.patience).await?;
        match answer.error_code {
            UNSUPPORTED_SASL_MECHANISM => {
                let offered: Vec<&str> = answer.mechanisms.iter().map(|m| &**m).collect();
                Err(SecurityError::MechanismNotOffered {
                    mechanism: self.mechanism,
                    offered: one_line(&offered.join(", ")),
                }
                .into())
            }
            ILLEGAL_SASL_STATE => Err(SecurityError::SaslNotWanted.into()),
            code => Code::check(code, "SaslHandshake"),
        }
    }

    async fn say(&mut self, message: Bytes) -> Result<SaslAuthenticateResponse, Error> {
        let request = SaslAuthenticateRequest::default().with_auth_bytes(message);
        let answer = self.open.ask(request, self.patience).await?;
        match answer.error_code {
            SASL_AUTHENTICATION_FAILED => Err(self.refused(answer.error_message.as_deref()).into()),
            ILLEGAL_SASL_STATE => Err(SecurityError::SaslNotWanted.into()),
            code => Code::check(code, "SaslAuthenticate").map(|()| answer),
        }
    }

    /// The broker's first word on it is a JSON object with a status only; the reason follows when that is acknowledged.
    async fn refused_token(&mut self, status: &[u8]) -> Error {
        match self.say(Bytes::from_static(ACKNOWLEDGED)).await {
            Err(Error::Security(refusal)) if refusal.is_refused_sign_in() => refusal.into(),
            Err(_) | Ok(_) => self.refused(Some(&String::from_utf8_lossy(status))).into(),
        }
    }

    fn refused(&self, reason: Option<&str>) -> SecurityError {
        // Twice: what is no letter is taken out in between, and what it stood between may be the secret.
        let reason = self.who.hidden_in(reason.unwrap_or("it gives no reason"));
        let reason = self.who.hidden_in(&one_line(&reason));
        match &*self.who {
            Credentials::Token(_) => SecurityError::TokenRefused { reason },
            Credentials::Login(_) => SecurityError::SignInRefused {
                mechanism: self.mechanism,
                reason,
            },
            #[cfg(feature = "gssapi")]
            Credentials::Ticket => KerberosError::TicketRefused { reason }.into(),
        }
    }
}

/// What a broker wrote, fit for a log.
fn one_line(text: &str) -> String {
    let printable = text.chars().filter(|c| !c.is_control());
    printable.take(REASON_MAX_CHARS).collect()
}

//! What is said by a SASL mechanism: rsasl behind one function, which takes what the broker said and gives what to say next.

use std::sync::Arc;

use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::mechanisms::{oauthbearer, plain, scram};
use rsasl::prelude::{
    Mechanism, Mechname, MessageSent, Registry, SASLClient, SASLConfig, Session, SessionError,
    State,
};
use rsasl::property::{AuthId, OAuthBearerKV, OAuthBearerToken, Password};

use crate::kafka::error::SecurityError;
use crate::kafka::settings::security::{Login, Sasl};
use crate::kafka::token::Token;

/// Rounds of hashing that a broker may ask for. Kafka's own bounds are 4,096 and 16,384: fewer would hand the password to
/// whoever plays the broker, many more would only burn our processor.
const SCRAM_ITERATIONS: std::ops::RangeInclusive<u32> = 4_096..=131_072;

/// Kafka's name of the mechanism.
pub(super) fn name(sasl: &Sasl) -> &'static str {
    match sasl {
        Sasl::Plain(_) => "PLAIN",
        Sasl::ScramSha256(_) => "SCRAM-SHA-256",
        Sasl::ScramSha512(_) => "SCRAM-SHA-512",
        Sasl::OAuthBearer(_) => "OAUTHBEARER",
        #[cfg(feature = "gssapi")]
        Sasl::Gssapi(_) => "GSSAPI",
    }
}

/// rsasl chooses among the mechanisms it is given: it is given one.
fn mechanism(sasl: &Sasl) -> &'static [Mechanism] {
    static PLAIN: &[Mechanism] = &[plain::PLAIN];
    static SCRAM_SHA256: &[Mechanism] = &[scram::SCRAM_SHA256];
    static SCRAM_SHA512: &[Mechanism] = &[scram::SCRAM_SHA512];
    static OAUTHBEARER: &[Mechanism] = &[oauthbearer::OAUTHBEARER];
    match sasl {
        Sasl::Plain(_) => PLAIN,
        Sasl::ScramSha256(_) => SCRAM_SHA256,
        Sasl::ScramSha512(_) => SCRAM_SHA512,
        Sasl::OAuthBearer(_) => OAUTHBEARER,
        // `kerberos.rs` speaks it.
        #[cfg(feature = "gssapi")]
        Sasl::Gssapi(_) => &[],
    }
}

/// Who signs in.
pub(crate) enum Credentials {
    Login(Login),
    Token(Token),
    /// Who has a ticket, as libkrb5 finds it.
    #[cfg(feature = "gssapi")]
    Ticket,
}

impl Credentials {
    /// Takes what is secret out of a text that somebody else wrote.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let secret = match self {
            Self::Login(login) => login.password.expose(),
            Self::Token(token) => token.value.expose(),
            #[cfg(feature = "gssapi")]
            Self::Ticket => "",
        };
        match secret {
            "" => text.to_owned(),
            secret => text.replace(secret, "[hidden]"),
        }
    }
}

/// What is said next.
pub(super) enum Step {
    /// The broker answers, and then there is more.
    Say(Vec<u8>),
    /// The broker only has to agree.
    SayLast(Vec<u8>),
    /// The broker has shown all it had to show.
    Done,
}

/// One sign-in.
pub(super) struct Dialogue {
    mechanism: &'static str,
    is_scram: bool,
    session: Session,
}

impl Dialogue {
    pub(super) fn new(sasl: &Sasl, who: Arc<Credentials>) -> Result<Self, SecurityError> {
        let mechanism_name = name(sasl);
        let failed = |what| SecurityError::SignInFailed {
            mechanism: mechanism_name,
            what,
        };
        let unknown = |_| failed("it is not in this build");
        let config = SASLConfig::builder()
            .with_registry(Registry::with_mechanisms(mechanism(sasl)))
            .with_callback(Callback(who))
            .map_err(unknown)?;
        let offered = Mechname::parse(mechanism_name.as_bytes())
            .expect("the names of the four mechanisms are well formed");
        let session = SASLClient::new(config)
            .start_suggested(&[offered])
            .map_err(unknown)?;
        Ok(Self {
            mechanism: mechanism_name,
            is_scram: matches!(sasl, Sasl::ScramSha256(_) | Sasl::ScramSha512(_)),
            session,
        })
    }

    /// Takes what the broker said, nothing at first. The library's words about a failure are left out: they could quote a secret.
    pub(super) fn next(&mut self, said: Option<&[u8]>) -> Result<Step, SecurityError> {
        if self.is_scram && !said.is_none_or(iterations_are_sound) {
            return Err(self.failed(
                "it asks for far too few or too many rounds of hashing (Kafka's are 4096 to 16384)",
            ));
        }
        let mut message = Vec::new();
        let state = self
            .session
            .step(said, &mut message)
            .map_err(|error| match (said, error) {
                (None, _) => self.failed(
                    "the name or the secret is empty, or has a character that can't be sent",
                ),
                (_, SessionError::MutualAuthenticationFailed) => self.failed(
                    "the broker didn't show that it knows the password: is it the right one?",
                ),
                _ => self.failed("what the broker says makes no sense in this mechanism"),
            })?;
        Ok(match state {
            State::Running => Step::Say(message),
            State::Finished(MessageSent::Yes) => Step::SayLast(message),
            State::Finished(MessageSent::No) => Step::Done,
        })
    }

    fn failed(&self, what: &'static str) -> SecurityError {
        SecurityError::SignInFailed {
            mechanism: self.mechanism,
            what,
        }
    }
}

/// A SCRAM message without a number of iterations is another message.
fn iterations_are_sound(message: &[u8]) -> bool {
    let attributes = message.split(|byte| *byte == b',');
    let mut counts = attributes.filter_map(|attribute| attribute.strip_prefix(b"i="));
    counts.all(|count| {
        let count = std::str::from_utf8(count).ok().and_then(|c| c.parse().ok());
        count.is_some_and(|count| SCRAM_ITERATIONS.contains(&count))
    })
}

/// Tells rsasl what it asks for.
struct Callback(Arc<Credentials>);

impl SessionCallback for Callback {
    fn callback(
        &self,
        _: &SessionData,
        _: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        match &*self.0 {
            Credentials::Login(login) => {
                request
                    .satisfy::<AuthId>(&login.username)?
                    .satisfy::<Password>(login.password.expose().as_bytes())?;
            }
            Credentials::Token(token) => {
                request.satisfy::<OAuthBearerToken>(token.value.expose())?;
                let extensions = token.extensions.iter();
                let extensions: Vec<(&str, &str)> = extensions
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                request.satisfy::<OAuthBearerKV>(&extensions)?;
            }
            #[cfg(feature = "gssapi")]
            Credentials::Ticket => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::secret::Secret;
    use crate::kafka::settings::security::{MskIam, TokenSource};

    fn login(password: &str) -> Login {
        Login {
            username: "ann".to_owned(),
            password: Secret::new(password.to_owned()),
        }
    }

    #[test]
    fn plain_says_name_and_password_at_once() {
        let who = Arc::new(Credentials::Login(login("pw")));
        let mut dialogue = Dialogue::new(&Sasl::Plain(login("pw")), who).unwrap();
        let Ok(Step::SayLast(said)) = dialogue.next(None) else {
            panic!("not the last word")
        };
        assert_eq!(said, b"\0ann\0pw");
    }

    #[test]
    fn a_token_goes_with_its_extensions() {
        let who = Arc::new(Credentials::Token(Token {
            value: Secret::new("tok".to_owned()),
            extensions: vec![("logicalCluster".to_owned(), "lkc-1".to_owned())],
        }));
        let source = TokenSource::MskIam(MskIam {
            region: "eu-west-1".to_owned(),
            environment: Default::default(),
        });
        let mut dialogue = Dialogue::new(&Sasl::OAuthBearer(source), who).unwrap();
        let Ok(Step::Say(said)) = dialogue.next(None) else {
            panic!("the broker may have something to say")
        };
        assert_eq!(
            said,
            b"n,,\x01logicalCluster=lkc-1\x01auth=Bearer tok\x01\x01"
        );
        assert!(matches!(dialogue.next(Some(b"")), Ok(Step::Done)));
    }

    #[test]
    fn scram_does_not_finish_on_a_broker_that_shows_nothing() {
        let who = Arc::new(Credentials::Login(login("pw")));
        let mut dialogue = Dialogue::new(&Sasl::ScramSha256(login("pw")), who).unwrap();
        assert!(matches!(dialogue.next(None), Ok(Step::Say(_))));
        assert!(dialogue.next(Some(b"")).is_err());
    }

    #[test]
    fn rounds_of_hashing_are_bounded_on_both_sides() {
        for (message, sound) in [
            (&b"r=abc,s=QSXCR+Q6sek8bf92,i=4096"[..], true),
            (b"r=abc,s=QSXCR+Q6sek8bf92,i=1", false),
            (b"r=abc,s=QSXCR+Q6sek8bf92,i=4000000000", false),
            (b"r=abc,s=QSXCR+Q6sek8bf92,i=99999999999999999999", false),
            (b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", true),
        ] {
            assert_eq!(iterations_are_sound(message), sound);
        }
    }

    #[test]
    fn an_empty_password_fails_without_a_word_of_the_library() {
        let who = Arc::new(Credentials::Login(login("")));
        let mut dialogue = Dialogue::new(&Sasl::Plain(login("")), who).unwrap();
        let error = dialogue.next(None).err().unwrap();
        assert_eq!(error.label(), "sign_in_failed");
    }

    #[test]
    fn a_reason_that_quotes_the_password_is_shown_without_it() {
        let who = Credentials::Login(login("hunter2"));
        assert_eq!(
            who.hidden_in("bad password hunter2"),
            "bad password [hidden]"
        );
    }
}

//! What can go wrong, named for what the reader must do, each with its metric label.
//!
//! [`Error`] is about a broker that could not be asked, [`SecurityError`] about one that let nobody in; [`Code`] is what a broker answered instead of an answer.

#[cfg(feature = "gssapi")]
mod kerberos;
mod security;
mod stream;

use std::time::Duration;

#[cfg(feature = "gssapi")]
pub(crate) use kerberos::KerberosError;
pub use security::BadFile;
pub(crate) use security::{PAUSES, SecurityError};
pub(crate) use stream::{
    BEHIND, COMMIT_IN_FUTURE, STREAM_FAILED, STREAM_REFUSED, STREAM_TORN, STREAM_UNSUPPORTED,
};

/// Why a broker gave no answer. The text continues "broker 3 at kafka-3:9092: …".
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Error {
    #[error("its address is not of the form host:port")]
    BadAddress,
    #[error(
        "its name is not resolved here ({0}): check the name, or the broker's advertised.listeners"
    )]
    NotResolved(String),
    #[error("connection refused: is the broker running, and is this its port?")]
    Refused,
    #[error(
        "it is unreachable from here ({0}): check the network, or the broker's advertised.listeners"
    )]
    Unreachable(String),
    #[error("no connection within {0:?}: check the network, or the broker's advertised.listeners")]
    ConnectTimeout(Duration),
    #[error("no answer to {api} within {timeout:?}")]
    Timeout {
        api: &'static str,
        timeout: Duration,
    },
    #[error("it closed the connection")]
    Closed,
    #[error(
        "it closed the connection without answering: perhaps a TLS port, asked in plaintext; set security.protocol to SSL or SASL_SSL"
    )]
    ClosedUnanswered,
    #[error("it answers in TLS, asked in plaintext: set security.protocol to SSL or SASL_SSL")]
    SpeaksTls,
    #[error("it answers in HTTP: this is not a Kafka port")]
    SpeaksHttp,
    #[error(
        "it answered bytes that are no Kafka frame ({0}): not a Kafka port, or a TLS port asked in plaintext (security.protocol SSL or SASL_SSL)"
    )]
    NotKafka(String),
    #[error("its answer to {api} is {bytes} bytes long, more than the {limit} that are accepted")]
    TooLarge {
        api: &'static str,
        bytes: u64,
        limit: usize,
    },
    #[error("its answer to {api} cannot be read: {what}")]
    Garbled { api: &'static str, what: String },
    #[error("it does not know {api} in a version that lagslope knows{}", hint(.api))]
    Unsupported { api: &'static str },
    #[error("it refused {api}: {code}")]
    Refusal { api: &'static str, code: Code },
    #[error("it did not answer {api} in time for this cycle")]
    Late { api: &'static str },
    #[error("it is still busy with the question of an earlier cycle")]
    Busy,
    #[error(transparent)]
    Security(#[from] SecurityError),
}

impl Error {
    /// The `error` label of `lagslope_sample_errors_total`.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::BadAddress => "bad_address",
            Self::NotResolved(_) => "not_resolved",
            Self::Refused => "connection_refused",
            Self::Unreachable(_) => "unreachable",
            Self::ConnectTimeout(_) => "connect_timeout",
            Self::Timeout { .. } => "timeout",
            Self::Closed => "connection_closed",
            Self::ClosedUnanswered => "closed_unanswered",
            Self::SpeaksTls => "speaks_tls",
            Self::SpeaksHttp => "speaks_http",
            Self::NotKafka(_) => "not_kafka",
            Self::TooLarge { .. } => "too_large",
            Self::Garbled { .. } => "garbled",
            Self::Unsupported { .. } => "unsupported",
            Self::Refusal { code, .. } => code.label(),
            Self::Late { .. } => "late",
            Self::Busy => "busy",
            Self::Security(error) => error.label(),
        }
    }

    /// Its text for who asks once: it doesn't say when the next attempt is made.
    pub(crate) fn asked_once(&self) -> String {
        self.to_string().replace(&format!(". {PAUSES}"), "")
    }

    /// The connection can't be used any more: what comes next on it can't be told apart.
    pub(crate) fn breaks_connection(&self) -> bool {
        !matches!(
            self,
            Self::Unsupported { .. } | Self::Refusal { .. } | Self::Late { .. } | Self::Busy
        )
    }

    /// It said nothing in time.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, Self::Late { .. } | Self::Busy | Self::Timeout { .. })
    }

    /// It said no, and so it is there.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self, Self::Refusal { .. })
    }

    /// Trying again soon could lock an account.
    pub(crate) fn is_refused_sign_in(&self) -> bool {
        matches!(self, Self::Security(error) if error.is_refused_sign_in())
    }

    /// A broker that waits its turn is no news: the cause was told when it became late.
    pub(crate) fn is_news(&self) -> bool {
        !matches!(self, Self::Busy)
    }
}

/// Every broker knows Metadata; a controller of KRaft greets too, and doesn't.
fn hint(api: &str) -> &'static str {
    match api {
        "Metadata" => ": perhaps a controller's port; use a broker's listener",
        _ => "",
    }
}

/// Kafka's error code in an answer, never 0.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Code(i16);

/// `(code, label)`: those a monitor meets. The numbers are the protocol's.
const LABELS: &[(i16, &str)] = &[
    (-1, "unknown_server_error"),
    (3, "unknown_topic_or_partition"),
    (5, "leader_not_available"),
    (6, "not_leader_or_follower"),
    (7, "request_timed_out"),
    (8, "broker_not_available"),
    (9, "replica_not_available"),
    (13, "network_exception"),
    (14, "coordinator_load_in_progress"),
    (15, "coordinator_not_available"),
    (16, "not_coordinator"),
    (29, "topic_authorization_failed"),
    (30, "group_authorization_failed"),
    (31, "cluster_authorization_failed"),
    (34, "illegal_sasl_state"),
    (35, "unsupported_version"),
    (42, "invalid_request"),
    (56, "kafka_storage_error"),
    (69, "group_id_not_found"),
    (74, "fenced_leader_epoch"),
    (75, "unknown_leader_epoch"),
    (76, "unsupported_compression_type"),
    (78, "offset_not_available"),
    (88, "unstable_offset_commit"),
    (100, "unknown_topic_id"),
];

const OTHER: &str = "other";

/// The group's commits are elsewhere by now.
const MOVED_COORDINATOR: &[i16] = &[15, 16];

/// The broker is reading the group's commits.
const LOADING_COORDINATOR: i16 = 14;
/// Answers that came, and can't be believed.
pub(crate) const TIMESTAMP_IN_FUTURE: &str = "timestamp_in_future";
pub(crate) const TIMESTAMP_NOT_SET: &str = "timestamp_not_set";
/// No record shows whether the clocks of those who stamp agree with ours.
pub(crate) const CLOCK_UNVERIFIED: &str = "clock_unverified";
/// A share group's start offset came without the lag that goes with it.
pub(crate) const LAG_NOT_TOLD: &str = "lag_not_told";

/// Answers that mean "ask somebody else": the leader moved, or the topic is not what it was.
const STALE_METADATA: &[i16] = &[3, 5, 6, 9, 56, 74, 75, 78, 100];

impl Code {
    /// `None` when all is well.
    pub(crate) fn of(code: i16) -> Option<Self> {
        (code != 0).then_some(Self(code))
    }

    /// `Err` unless all is well.
    pub(crate) fn check(code: i16, api: &'static str) -> Result<(), Error> {
        Self::of(code).map_or(Ok(()), |code| Err(Error::Refusal { api, code }))
    }

    /// The `error` label of `lagslope_sample_errors_total`.
    pub(crate) fn label(self) -> &'static str {
        LABELS
            .iter()
            .find(|(code, _)| *code == self.0)
            .map_or(OTHER, |(_, label)| label)
    }

    /// Worth asking once more, of another broker.
    pub(crate) fn is_moved_coordinator(self) -> bool {
        MOVED_COORDINATOR.contains(&self.0)
    }

    /// Worth asking once more, but not at once.
    pub(crate) fn is_loading_coordinator(self) -> bool {
        self.0 == LOADING_COORDINATOR
    }

    /// A right is missing.
    pub(crate) fn is_for_want_of_a_right(self) -> bool {
        is_for_want_of_a_right(self.label())
    }

    /// Worth refreshing the metadata and asking once more.
    pub(crate) fn is_stale_metadata(self) -> bool {
        STALE_METADATA.contains(&self.0)
    }
}

/// Is this the label of an answer to somebody who lacks a right?
pub(crate) fn is_for_want_of_a_right(label: &str) -> bool {
    label.ends_with("_authorization_failed")
}

/// Is this the label of something that Kafka answered, not of a connection that failed?
pub(crate) fn is_refusal(label: &str) -> bool {
    [OTHER, TIMESTAMP_IN_FUTURE, TIMESTAMP_NOT_SET, LAG_NOT_TOLD].contains(&label)
        || LABELS.iter().any(|(_, known)| *known == label)
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (error {})", self.label().to_uppercase(), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_once_is_not_told_of_the_next_attempt() {
        let refused = SecurityError::SignInRefused {
            mechanism: "PLAIN",
            reason: "no".to_owned(),
        };
        let refused = Error::from(refused);
        assert!(refused.to_string().contains("next attempt"), "{refused}");
        let told = refused.asked_once();
        assert!(
            told.ends_with("check sasl.username and sasl.password"),
            "{told}"
        );
        assert_eq!(Error::Closed.asked_once(), Error::Closed.to_string());
    }

    #[test]
    fn a_port_that_knows_no_metadata_is_perhaps_a_controllers() {
        let unknown = |api| Error::Unsupported { api }.to_string();
        assert!(unknown("Metadata").ends_with("use a broker's listener"));
        assert!(unknown("ListGroups").ends_with("lagslope knows"));
    }

    #[test]
    fn zero_is_no_error_and_unknown_codes_have_a_label() {
        assert_eq!(Code::of(0), None);
        assert_eq!(Code::of(6).unwrap().label(), "not_leader_or_follower");
        assert_eq!(Code::of(9999).unwrap().to_string(), "OTHER (error 9999)");
    }
}

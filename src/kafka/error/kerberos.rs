//! What can go wrong in signing in by Kerberos.

use super::security::PAUSES;

/// Why there was no ticket, or why it was of no use. The text continues "broker 3 at kafka-3:9092: …".
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum KerberosError {
    #[error(
        "there is no Kerberos ticket of ours ({0}): set KRB5_CLIENT_KTNAME to a keytab, or KRB5CCNAME to a cache that somebody renews"
    )]
    NoTicket(String),
    #[error(
        "the KDC refuses our key ({0}): export the principal's keytab anew (KRB5_CLIENT_KTNAME). {PAUSES}"
    )]
    KeyRefused(String),
    #[error(
        "there is no Kerberos ticket for {service}, which is sasl.kerberos.service.name and the host of the broker's address: {what}"
    )]
    Failed { service: String, what: String },
    #[error(
        "it refused our Kerberos ticket ({reason}): check that its keytab is the present one of its principal, and the clocks. {PAUSES}"
    )]
    TicketRefused { reason: String },
}

impl KerberosError {
    /// The `error` label of `lagslope_sample_errors_total`.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::NoTicket(_) => "no_ticket",
            Self::KeyRefused(_) => "key_refused",
            Self::Failed { .. } => "kerberos_failed",
            Self::TicketRefused { .. } => "ticket_refused",
        }
    }

    /// Somebody counts such attempts, and locks accounts.
    pub(crate) fn is_refused_sign_in(&self) -> bool {
        matches!(self, Self::KeyRefused(_) | Self::TicketRefused { .. })
    }
}

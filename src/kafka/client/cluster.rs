//! The brokers of a cluster: found through the bootstrap servers, kept as the cluster names them, asked in parallel.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;

use super::broker::{Broker, Question};
use super::lookup::Lookups;
use super::security::Entrance;
use super::session::Session;
use super::tally::Tally;
use crate::kafka::error::Error;
use crate::kafka::settings::Settings;
use crate::kafka::topics::{AskMetadata, Metadata};

/// A broker's number in its cluster.
pub(crate) type BrokerId = i32;

pub(crate) struct Cluster {
    settings: Arc<Settings>,
    entrance: Arc<Entrance>,
    tally: Arc<Tally>,
    bootstrap: Vec<Broker>,
    brokers: BTreeMap<BrokerId, Broker>,
    /// Somebody answered something in this cycle.
    heard: AtomicBool,
    /// What was told of the bootstrap servers since one last answered: addresses and labels, which are constants of ours.
    complaints: BTreeSet<(String, &'static str)>,
}

impl Cluster {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let entrance = Entrance::new(&settings.security, Lookups::default());
        Self::sharing(settings, Arc::new(entrance), Arc::default())
    }

    /// Goes on by other settings. Connections, and the pause after a refused sign-in, are given up only when they are about
    /// something else by now: where to go, or as whom. Counts go on in any case.
    pub(crate) fn reconfigure(&mut self, settings: Arc<Settings>) {
        let old = std::mem::replace(&mut self.settings, Arc::clone(&settings));
        let same_way_in = old.security == settings.security
            && old.bootstrap_servers == settings.bootstrap_servers;
        if same_way_in && old.request_timeout == settings.request_timeout {
            return;
        }
        let entrance = match same_way_in {
            true => Arc::clone(&self.entrance),
            false => {
                let lookups = self.entrance.lookups().clone();
                Arc::new(Entrance::new(&settings.security, lookups))
            }
        };
        *self = Self::sharing(settings, entrance, Arc::clone(&self.tally));
    }

    fn sharing(settings: Arc<Settings>, entrance: Arc<Entrance>, tally: Arc<Tally>) -> Self {
        let servers = settings.bootstrap_servers.iter();
        let bootstrap = servers
            .map(|address| Broker::new(address, settings.request_timeout, &entrance, &tally))
            .collect();
        Self {
            settings,
            entrance,
            tally,
            bootstrap,
            brokers: BTreeMap::new(),
            heard: AtomicBool::new(false),
            complaints: BTreeSet::new(),
        }
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn broker_ids(&self) -> Vec<BrokerId> {
        self.brokers.keys().copied().collect()
    }

    /// Every known broker with its `host:port`.
    pub(crate) fn addresses(&self) -> Vec<(BrokerId, String)> {
        let brokers = self.brokers.iter();
        brokers
            .map(|(id, broker)| (*id, broker.address().to_owned()))
            .collect()
    }

    /// No broker is known yet.
    pub(crate) fn is_unknown(&self) -> bool {
        self.brokers.is_empty()
    }

    pub(crate) fn begin_cycle(&self) {
        self.heard.store(false, Ordering::Relaxed);
        for server in self.bootstrap.iter().filter(|server| !self.is_used(server)) {
            server.when_idle(Session::begin_cycle);
        }
        for (id, broker) in &self.brokers {
            broker.when_idle(|session| {
                // Again, because it may have been busy when it was adopted.
                session.introduce(&self.settings.name, *id);
                session.begin_cycle();
            });
        }
    }

    /// Did somebody answer something in this cycle?
    pub(crate) fn was_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    async fn ask<Q: Question>(&self, broker: &Broker, question: Q) -> Result<Q::Answer, Error> {
        let answer = broker.ask(question).await;
        if answer.as_ref().map_or_else(Error::is_answer, |_| true) {
            self.heard.store(true, Ordering::Relaxed);
        }
        answer
    }

    /// Is this bootstrap server one of the brokers, by the same address?
    fn is_used(&self, server: &Broker) -> bool {
        let mut brokers = self.brokers.values();
        brokers.any(|broker| broker.address() == server.address())
    }

    /// Asks the bootstrap servers in turn, until one tells the metadata.
    pub(crate) async fn bootstrap(&mut self) -> Option<Metadata> {
        let mut reasons = Vec::new();
        for server in &self.bootstrap {
            match self.ask(server, AskMetadata).await {
                Ok(metadata) => {
                    self.report_recovery();
                    return Some(metadata);
                }
                Err(error) => reasons.push((server.address().to_owned(), error)),
            }
        }
        self.report_unreachable(&reasons);
        None
    }

    /// Takes the brokers as the cluster names them. Sessions go on where the address is the same.
    pub(crate) fn adopt(&mut self, named: &[(BrokerId, String)]) {
        let mut old = std::mem::take(&mut self.brokers);
        for (id, address) in named {
            let kept = old.remove(id).filter(|broker| broker.address() == address);
            let broker = kept.unwrap_or_else(|| self.introduce(*id, address));
            self.brokers.insert(*id, broker);
        }
        self.close_unused();
    }

    fn introduce(&self, id: BrokerId, address: &str) -> Broker {
        let same = self.bootstrap.iter().find(|b| b.address() == address);
        let broker = same.cloned().unwrap_or_else(|| {
            let timeout = self.settings.request_timeout;
            Broker::new(address, timeout, &self.entrance, &self.tally)
        });
        broker.when_idle(|session| session.introduce(&self.settings.name, id));
        broker
    }

    /// One connection per broker: that to a bootstrap server which is known by another address has done its work.
    fn close_unused(&self) {
        for server in self.bootstrap.iter().filter(|server| !self.is_used(server)) {
            server.when_idle(Session::close);
        }
    }

    /// Asks brokers in parallel, each its own question; gives what each answered.
    pub(crate) async fn ask_each<Q: Question>(
        &self,
        questions: Vec<(BrokerId, Q)>,
    ) -> Vec<(BrokerId, Result<Q::Answer, Error>)> {
        join_all(questions.into_iter().filter_map(|(id, question)| {
            let broker = self.brokers.get(&id)?;
            Some(async move { (id, self.ask(broker, question).await) })
        }))
        .await
    }

    /// Every bootstrap server with its reason in one line; again only when one fails in a way that it hasn't since the last
    /// answer. Texts aren't compared: some count minutes, and servers' own words may change each time.
    fn report_unreachable(&mut self, reasons: &[(String, Error)]) {
        if !self.are_news(reasons) {
            return;
        }
        let told: Vec<String> = reasons
            .iter()
            .map(|(address, error)| format!("{address}: {error}"))
            .collect();
        tracing::error!(
            "cluster {}: no bootstrap server answers: {}",
            self.settings.name,
            told.join("; ")
        );
    }

    fn are_news(&mut self, reasons: &[(String, Error)]) -> bool {
        let mut are_news = false;
        for (address, error) in reasons.iter().filter(|(_, error)| error.is_news()) {
            are_news |= self.complaints.insert((address.clone(), error.label()));
        }
        are_news
    }

    fn report_recovery(&mut self) {
        if !std::mem::take(&mut self.complaints).is_empty() {
            tracing::info!("cluster {}: a bootstrap server answers", self.settings.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::error::SecurityError;
    use crate::kafka::filter::Filter;
    use crate::kafka::secret::Secret;
    use crate::kafka::settings::security::{Login, Sasl};
    use crate::kafka::token::TokenError;

    fn settings() -> Settings {
        Settings::new("test".to_owned(), vec!["a:1".to_owned(), "b:1".to_owned()])
    }

    #[test]
    fn a_cause_whose_words_change_is_told_once_until_somebody_answers() {
        let mut cluster = Cluster::new(Arc::new(settings()));
        let late = || Error::Late { api: "Metadata" };
        let expired = |ago: &str| SecurityError::Expired(ago.to_owned()).into();
        let no_token = |reason: &str| {
            let (at, reason) = ("http://id/token".to_owned(), reason.to_owned());
            SecurityError::from(TokenError::Unusable { at, reason }).into()
        };
        // What `a` and `b` say, and whether it is told.
        let cycles: [(Error, Error, bool); 9] = [
            (expired("7 minutes"), late(), true),
            (expired("8 minutes"), Error::Busy, false),
            (Error::Busy, late(), false),
            (expired("9 minutes"), Error::Refused, true),
            (expired("9 minutes"), late(), false),
            (no_token("trace 1"), Error::Refused, true),
            (no_token("trace 2"), Error::Refused, false),
            (Error::Busy, Error::Busy, false),
            (Error::Refused, Error::Busy, true),
        ];
        for (cycle, (a, b, told)) in cycles.into_iter().enumerate() {
            let reasons = [("a:1".to_owned(), a), ("b:1".to_owned(), b)];
            assert_eq!(cluster.are_news(&reasons), told, "cycle {cycle}");
        }
        cluster.report_recovery();
        assert!(cluster.are_news(&[("b:1".to_owned(), Error::Refused)]));
    }

    #[test]
    fn the_pause_after_a_refusal_outlives_settings_that_do_not_concern_it() {
        let mut cluster = Cluster::new(Arc::new(settings()));
        let reason = "invalid credentials".to_owned();
        let refusal = SecurityError::SignInRefused {
            mechanism: "PLAIN",
            reason,
        };
        let refused = Err::<(), _>(refusal.into());
        cluster.entrance.remember(&"a:1".into(), &refused);
        let mut other = settings();
        other.groups = Filter::new(&["p.*".to_owned()], &[]).unwrap();
        cluster.reconfigure(Arc::new(other.clone()));
        assert!(cluster.entrance.too_early().is_some(), "another filter");
        other.request_timeout *= 2;
        cluster.reconfigure(Arc::new(other.clone()));
        assert!(cluster.entrance.too_early().is_some(), "another time-out");
        other.security.sasl = Some(Sasl::Plain(Login {
            username: "u".to_owned(),
            password: Secret::new("the right one".to_owned()),
        }));
        cluster.reconfigure(Arc::new(other));
        assert!(cluster.entrance.too_early().is_none(), "another password");
    }
}

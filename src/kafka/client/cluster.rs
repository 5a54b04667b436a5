//! The brokers of a cluster: found through the bootstrap servers, kept as the cluster names them, asked in parallel.

use std::collections::BTreeMap;
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
    /// What was last said about the bootstrap servers.
    complaint: Option<String>,
}

impl Cluster {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let entrance = Entrance::new(&settings.security, Lookups::default());
        Self::sharing(settings, entrance, Arc::default())
    }

    /// The same cluster by other settings: no connection is kept, and the counts go on.
    pub(crate) fn rebuilt(&self, settings: Arc<Settings>) -> Self {
        let entrance = Entrance::new(&settings.security, self.entrance.lookups().clone());
        Self::sharing(settings, entrance, Arc::clone(&self.tally))
    }

    fn sharing(settings: Arc<Settings>, entrance: Entrance, tally: Arc<Tally>) -> Self {
        let entrance = Arc::new(entrance);
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
            complaint: None,
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

    /// Every bootstrap server with its reason in one line; again only when a reason changes.
    fn report_unreachable(&mut self, reasons: &[(String, Error)]) {
        if !reasons.iter().any(|(_, error)| error.is_news()) {
            return;
        }
        let told: Vec<String> = reasons
            .iter()
            .map(|(address, error)| format!("{address}: {error}"))
            .collect();
        let told = told.join("; ");
        if self.complaint.as_ref() != Some(&told) {
            tracing::error!(
                "cluster {}: no bootstrap server answers: {told}",
                self.settings.name
            );
            self.complaint = Some(told);
        }
    }

    fn report_recovery(&mut self) {
        if self.complaint.take().is_some() {
            tracing::info!("cluster {}: a bootstrap server answers", self.settings.name);
        }
    }
}

//! What a cluster would answer the daemon: reached, allowed, refused and for want of which right, unsupported; and whose clock
//! is off. It asks with the daemon's own questions, so that it can't say something else than the daemon will meet.
//!
//! `ask` puts the questions to each broker, `probe` asks for what doesn't exist (lists leave out silently what one may not see, a
//! question by name is refused), `judge` says what both mean, `clocks` watches new records for a while.

mod acl;
mod ask;
mod clocks;
mod findings;
mod judge;
mod probe;
mod questions;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

pub use acl::Acl;
pub use findings::{Checkup, Clock, Finding, Reached, Skew, Verdict, Who};
pub use questions::{QUESTIONS, Question};

use super::client::broker::Question as _;
use super::client::cluster::BrokerId;
use super::client::lookup::Lookups;
use super::client::security::Entrance;
use super::client::session::Session;
use super::configs::{self, AskRetention};
use super::sampler;
use super::settings::Settings;
use super::topics::{AskMetadata, Metadata, Topics};
use crate::analysis::sample::Time;
use ask::Heard;
use judge::Evidence;
use questions::Versions;

/// Asks one cluster everything. It never fails: what can't be asked is a finding. An address that is silent costs twice the
/// request timeout at most (connecting, and greeting); a broker that falls silent later is not asked on. All are asked in parallel.
/// The clocks are watched for as long as is said.
pub async fn examine(settings: &Settings, now: Time, watch_clocks: Duration) -> Checkup {
    let clock = sampler::Clock::start(now);
    // One for all: what a broker refuses to a sign-in isn't tried at the next.
    let entrance = &Arc::new(Entrance::new(&settings.security, Lookups::default()));
    let (mut reached, answered) = bootstrap(settings, entrance).await;
    let mut checkup = Checkup::new(&settings.name);
    let Some((server, metadata)) = answered else {
        checkup.reached = reached;
        return checkup;
    };
    let named = metadata.brokers.clone();
    let mut topics = Topics::default();
    topics.update(metadata, &settings.topics);

    let asked = named
        .iter()
        .map(|(id, address)| ask_broker(*id, address, (settings, entrance), &topics));
    let mut sessions = Vec::new();
    let mut versions = None;
    let mut heard = Heard::default();
    for broker in join_all(asked).await {
        reached.push(broker.reached);
        heard.add(broker.heard);
        if let Some(session) = broker.session {
            sessions.push((broker.id, session));
            versions = Some(questions::known_to_both(versions, broker.versions));
        }
    }
    // Any broker can answer the rest; the first whose connection has held.
    sessions.sort_by_key(|(_, session)| !session.is_open());
    if let Some((id, session)) = sessions.first_mut() {
        ask_retention(*id, session, &topics, &mut heard).await;
        // A session apart: what is refused to a probe is no refusal that the daemon would meet.
        let probed = probe::all(&mut connection_to(settings, entrance, session.address())).await;
        let evidence = Evidence {
            versions: versions.unwrap_or_default(),
            heard: &heard,
            probed: &probed,
            topics: topics.list(),
            settings,
            server: &server,
        };
        checkup.findings = judge::findings(&evidence);
        checkup.skews = clocks::watch(&mut sessions, &topics, clock, watch_clocks).await;
    }
    checkup.reached = reached;
    checkup
}

/// Each has its own tally: what is counted there was counted of this address.
fn connection_to(settings: &Settings, entrance: &Arc<Entrance>, address: &str) -> Session {
    let (timeout, entrance) = (settings.request_timeout, Arc::clone(entrance));
    Session::new(address.into(), timeout, entrance, Arc::default())
}

/// Reaches every bootstrap server; gives the first whose metadata could be read, with it.
async fn bootstrap(
    settings: &Settings,
    entrance: &Arc<Entrance>,
) -> (Vec<Reached>, Option<(String, Metadata)>) {
    let reaching = settings.bootstrap_servers.iter().map(|address| async move {
        let mut session = connection_to(settings, entrance, address);
        let mut reached = reach(&mut session, Who::Bootstrap, address).await;
        let mut metadata = None;
        if reached.failure.is_none() {
            match AskMetadata.put(&mut session).await {
                Ok(told) => metadata = Some((address.clone(), told)),
                Err(error) => reached.failure = Some(error.asked_once()),
            }
        }
        (reached, metadata)
    });
    let (reached, answers): (Vec<_>, Vec<_>) = join_all(reaching).await.into_iter().unzip();
    (reached, answers.into_iter().flatten().next())
}

async fn reach(session: &mut Session, who: Who, address: &str) -> Reached {
    let began = Instant::now();
    let failure = session.reach().await.err();
    Reached {
        who,
        address: address.to_owned(),
        took: began.elapsed(),
        failure: failure.map(|error| error.asked_once()),
    }
}

/// A broker, and what came of asking it.
struct Asked {
    id: BrokerId,
    reached: Reached,
    heard: Heard,
    versions: Versions,
    /// Absent when it wasn't reached.
    session: Option<Session>,
}

async fn ask_broker(
    id: BrokerId,
    address: &str,
    (settings, entrance): (&Settings, &Arc<Entrance>),
    topics: &Topics,
) -> Asked {
    let mut session = connection_to(settings, entrance, address);
    let reached = reach(&mut session, Who::Broker(id), address).await;
    let mut heard = Heard::default();
    let versions = questions::versions(&session);
    if reached.failure.is_none() {
        ask::everything(id, &mut session, settings, topics, &mut heard).await;
    }
    Asked {
        id,
        session: reached.failure.is_none().then_some(session),
        reached,
        heard,
        versions,
    }
}

/// Any broker can answer it. Of Kafka's own topics, which nobody's lag is about, nothing is asked.
async fn ask_retention(id: BrokerId, session: &mut Session, topics: &Topics, heard: &mut Heard) {
    let topics = topics.list().iter().filter(|topic| !topic.internal);
    let names = topics.map(|topic| topic.wire_name.clone());
    let names: Vec<_> = names.take(configs::TOPICS_MAX).collect();
    if !names.is_empty() {
        let count = names.len();
        session.begin_cycle();
        let answer = AskRetention(names).put(session).await;
        heard.counted(id, &questions::DESCRIBE_CONFIGS, count, session, answer);
    }
}

//! What the commit stream changes in what a broker is asked: fewer commits, and where its logs of commits end.

use std::sync::Arc;

use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use kafka_protocol::protocol::StrBytes;

use super::reader::Shared;
use crate::kafka::client::api::Api;
use crate::kafka::client::connection::Answer;
use crate::kafka::client::session::Session;
use crate::kafka::coordinators::OFFSETS_TOPIC;
use crate::kafka::error::Code;
use crate::kafka::offsets::{End, Place, Wanted, end_of, list_offsets_of};
use crate::kafka::settings::IsolationLevel;

/// For one broker, in one cycle.
#[derive(Default)]
pub(crate) struct AskStreamed {
    /// While the stream isn't read, no commits are asked for.
    pub(crate) only: bool,
    pub(crate) told: Option<Told>,
    /// The shards that it leads.
    pub(crate) shards: Vec<Place>,
}

/// What the stream told in the last cycle, and will in this one.
pub(crate) struct Told {
    pub(crate) shared: Arc<Shared>,
    /// Shards that were read to their ends.
    pub(crate) complete: Arc<[bool]>,
}

impl AskStreamed {
    /// Those of the groups whose commits have to be asked for.
    pub(crate) fn leave_out(&self, mut groups: Vec<StrBytes>) -> Vec<StrBytes> {
        let Some(told) = &self.told else {
            return if self.only { Vec::new() } else { groups };
        };
        let ledger = told.shared.ledger();
        groups.retain(|group| {
            let shard = ledger.knows(group);
            shard.is_none_or(|shard| told.complete.get(shard) != Some(&true))
        });
        groups
    }

    /// Where the shards end: the high watermark, which an open transaction doesn't hold back. What can't be told is left out.
    pub(crate) async fn ask_ends(&self, session: &mut Session) -> Vec<(usize, u64)> {
        if self.shards.is_empty() {
            return Vec::new();
        }
        let wanted = [Wanted {
            topic: StrBytes::from_static_str(OFFSETS_TOPIC),
            partitions: self.shards.clone(),
        }];
        let isolation = IsolationLevel::ReadUncommitted;
        let make = |_| list_offsets_of(&wanted, End::Latest as i64, isolation);
        let answer = session.ask(make).await;
        // Log ends and log starts are asked for by the same question, and come after it.
        session.set_apart(ListOffsetsRequest::NAME);
        match answer {
            Ok(answer) => ends(&answer, session),
            // Counted, and told, by the session.
            Err(_) => Vec::new(),
        }
    }
}

fn ends(answer: &Answer<ListOffsetsResponse>, session: &Session) -> Vec<(usize, u64)> {
    let partitions = answer
        .body
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions);
    let told = partitions.filter_map(|partition| match end_of(partition) {
        Ok(end) => end,
        Err(code) => {
            count(code, session);
            None
        }
    });
    told.collect()
}

fn count(code: Code, session: &Session) {
    session
        .tally()
        .error(ListOffsetsRequest::NAME, code.label());
}

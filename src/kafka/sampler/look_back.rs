//! The past of what is new: asked once the clocks are known to agree, in the time of those who stamp records, told in ours.

use std::time::Duration;

use tokio::time::Instant;

use super::{Clock, CommitsByGroup, Sampler};
use crate::analysis::past::instant;
use crate::analysis::sample::Time;
use crate::kafka::client::broker::Question;
use crate::kafka::error::{CLOCK_UNVERIFIED, TIMESTAMP_IN_FUTURE};
use crate::kafka::past::{self, AskNewest, AskPast, Stamps, Told, Verdict};

/// So long clocks are taken to agree that did: one that is set meanwhile is noticed by our own steps only.
const AGREED_FOR_SECONDS: f64 = 60.0;

/// A cycle waits so long for the past, whatever the number of partitions: the first page is late by no more. More than it usually
/// takes: a broker that has just started, or reads old segments from a cold disk, needs a moment once.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of the clocks of those who stamp records.
#[derive(Default)]
pub(super) struct ClockTrust {
    agreed_at: Option<Time>,
    /// That nobody knows was told.
    doubt_told: bool,
}

impl ClockTrust {
    /// They were seen to, a moment ago.
    pub(super) fn is_agreed(&self) -> bool {
        self.agreed_at.is_some()
    }
}

impl Sampler {
    /// What was told of the time before partitions were watched is of no use any more, and neither is what the clocks agreed on.
    pub fn forget_past(&mut self) {
        self.streamed.forget_times();
        self.forget_told_past();
    }

    /// The same of what logs told; commits that are read go on.
    pub(super) fn forget_told_past(&mut self) {
        self.topics.forget_pasts();
        self.clock_trust.agreed_at = None;
    }

    /// Asks for what had arrived before a partition was first seen. Not one request when there is nothing new.
    pub(super) async fn look_back(&mut self, commits: &CommitsByGroup, clock: Clock) {
        let cycle = u32::try_from(self.cycles).unwrap_or(u32::MAX);
        let mut wishes = past::wishes(&self.topics, commits, cycle);
        if wishes.is_empty() {
            return;
        }
        let began = Instant::now();
        let asked = past::names(&wishes);
        if !self.clocks_agree(clock).await {
            for names in asked.values() {
                past::postpone(&mut self.topics, names, cycle);
            }
            return;
        }
        let ahead = clock.wall_ahead_seconds;
        for wish in wishes.values_mut().flatten() {
            wish.log_end.at += ahead;
        }
        let patience = PATIENCE.saturating_sub(began.elapsed());
        let isolation = self.settings.isolation_level;
        let (now, window) = (clock.now + ahead, self.settings.rate_window.as_secs_f64());
        let ask = |(broker, wishes)| {
            let ask = AskPast::new(isolation, wishes, now, window, patience);
            (broker, ask)
        };
        let questions = wishes.into_iter().map(ask).collect();
        for (broker, answer) in self.cluster.ask_each(questions).await {
            match answer {
                Ok(mut told) => {
                    told.iter_mut().for_each(|told| put_back(told, ahead));
                    past::put(&mut self.topics, told, cycle, self.cluster.tally());
                }
                Err(error) => {
                    self.suspect(broker, &error);
                    past::put_off(&mut self.topics, &asked[&broker], cycle);
                }
            }
        }
    }

    /// Were records seen to be stamped by our time, now or a moment ago?
    async fn clocks_agree(&mut self, clock: Clock) -> bool {
        let is_recent = |at: Time| clock.now - at <= AGREED_FOR_SECONDS;
        if self.clock_trust.agreed_at.is_some_and(is_recent) {
            return true;
        }
        let now = clock.time(Instant::now()) + clock.wall_ahead_seconds;
        let witnesses = past::witnesses(&self.topics, self.cycles).into_iter();
        let ask = |(broker, wanted)| (broker, AskNewest::new(wanted, instant(now, 0.0)));
        let questions = witnesses.map(ask).collect();
        let mut stamps = Stamps::default();
        for (broker, answer) in self.cluster.ask_each(questions).await {
            match answer {
                Ok(seen) => stamps.add(seen),
                Err(error) => self.suspect(broker, &error),
            }
        }
        let verdict = stamps.verdict();
        self.note_verdict(verdict, clock.now);
        verdict == Verdict::Agree
    }

    fn note_verdict(&mut self, verdict: Verdict, now: Time) {
        let (label, why) = match verdict {
            Verdict::Agree => {
                self.clock_trust = ClockTrust {
                    agreed_at: Some(now),
                    doubt_told: false,
                };
                return;
            }
            Verdict::Ahead => (
                TIMESTAMP_IN_FUTURE,
                "the newest records are from the future: this machine's clock is behind, or those of brokers and producers are ahead",
            ),
            Verdict::Silent => (
                CLOCK_UNVERIFIED,
                "no record is from the last seconds: nobody writes or commits, or this machine's clock is ahead of those of brokers and producers",
            ),
        };
        self.cluster.tally().error(AskNewest::NAME, label);
        if !std::mem::replace(&mut self.clock_trust.doubt_told, true) {
            tracing::warn!(
                "cluster {}: {why}. Until that is clear, time lag and rates rest on what is seen from now on, not on the logs' timestamps",
                self.settings.name
            );
        }
    }
}

/// From the time of the stamps into ours.
fn put_back(told: &mut Told, ahead_seconds: f64) {
    for point in told.points.iter_mut().flatten() {
        point.at -= ahead_seconds;
    }
}

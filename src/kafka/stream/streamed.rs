//! How far the commit stream of a cluster can be relied on, from cycle to cycle.
//!
//! In each cycle the brokers say where the shards end. What was committed until then is told once a shard was read that far; what lies
//! beyond waits for the next cycle, so that commits are those of before the log ends, as when they are asked for. A shard that isn't
//! read so far in time tells nothing in this cycle, and its groups are asked for in the next: it may be reading the past, its leader may
//! have gone, or a transaction that never ends may hold it up.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::asking::{AskStreamed, Told};
use super::ledger::{Ledger, Millis};
use super::reader::{Beginning, Ended, Reader, WallClock};
use super::shards::Shards;
use super::spacing::PastTold;
use super::tail::TopicTold;
use super::trouble::{API, Trouble};
use crate::analysis::sample::{Offsets as Facts, Source};
use crate::kafka::client::tally::Tally;
use crate::kafka::coordinators::OFFSETS_TOPIC;
use crate::kafka::error::{BEHIND, COMMIT_IN_FUTURE};
use crate::kafka::groups::Listing;
use crate::kafka::offsets::{GroupCommits, Place, TopicOffsets};
use crate::kafka::settings::{Offsets, Settings};

/// How long a cycle waits for shards that were read by now to where they ended in the last one. Records come half a second after they
/// were written, as brokers are asked twice a second.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Edges nearer in time than this are one: delays are the longer for it, by as much.
const STEP_MS: Millis = 1_000;

/// How far back the stream is read when nothing of the past is wanted: enough to be sure of what is being written.
const PRESENT_SECONDS: f64 = 5.0;

/// After so many cycles without getting on it begins anew.
const IDLE_CYCLES_MAX: u32 = 30;

/// … and without hearing of the topic it takes it for hidden.
const UNSEEN_CYCLES_MAX: u32 = 2;

/// So many shards are named in the log.
const SHARDS_NAMED: usize = 5;

/// The commit stream of a cluster; by default not read yet.
#[derive(Default)]
pub(crate) struct Streamed {
    reader: Option<Reader>,
    shards: Shards,
    /// Kafka's id of the topic that is read, where it has one.
    topic_id: Option<u128>,
    /// Cycles in which none of them was read to its end, or some weren't read at all.
    idle_cycles: u32,
    /// Cycles in which nobody said anything of the topic, though there are groups.
    unseen_cycles: u32,
    /// A start wants to recall the past before anything is read.
    is_held: bool,
    trouble: Trouble,
    /// Some of it is read to its end.
    are_streamed: bool,
    /// That it is read was told.
    is_told: bool,
    facts: Facts,
    /// Of streams that were read before this one.
    skipped_before: BTreeMap<&'static str, u64>,
    stamped_ahead: u64,
}

/// What of the past is wanted.
pub(crate) struct PastWanted {
    /// When its last cycle ended.
    pub(crate) until: WallClock,
    /// How long one took.
    pub(crate) interval_ms: Millis,
    pub(crate) cycles: usize,
    /// Commits are told apart from such a part of their age on; the last one of each cycle is told in any case.
    pub(crate) parts: i64,
}

impl PastWanted {
    fn seconds(&self) -> f64 {
        self.cycles as f64 * self.interval_ms as f64 / 1000.0
    }
}

impl Streamed {
    /// Goes on by other settings.
    pub(crate) fn reconfigure(&mut self, old: &Settings, new: &Settings) {
        let same = old.security == new.security
            && old.bootstrap_servers == new.bootstrap_servers
            && (old.offsets == Offsets::Query) == (new.offsets == Offsets::Query);
        if !same {
            // Counts go on.
            let skipped = std::mem::take(&mut self.facts.skipped);
            *self = Self {
                skipped_before: skipped.iter().copied().collect(),
                facts: Facts {
                    skipped,
                    ..Facts::default()
                },
                ..Self::default()
            };
        }
        if old.offsets != new.offsets {
            self.trouble.forget();
        }
    }

    /// A cycle begins; `topic` is how many shards there are, as far as the metadata tells, and the topic's id.
    pub(crate) fn begin_cycle(
        &mut self,
        settings: &Settings,
        (shards, topic_id): (usize, Option<u128>),
        clock: WallClock,
    ) {
        self.trouble.begin_cycle();
        let Some(reader) = &self.reader else {
            self.shards.begin_cycle(shards, None);
            self.topic_id = topic_id;
            return;
        };
        reader.set_clock(clock);
        let mut ledger = reader.ledger();
        ledger.begin_cycle();
        // Nobody leads any when none are told: that says nothing of how many there are.
        let count = if shards > 0 { shards } else { ledger.shards() };
        self.shards.begin_cycle(count, Some(&ledger));
        let is_another = matches!((self.topic_id, topic_id), (Some(a), Some(b)) if a != b);
        let has_changed = is_another || count != ledger.shards();
        let is_strange = ledger.is_strange();
        drop(ledger);
        self.topic_id = topic_id.or(self.topic_id);
        if let Some(ended) = reader.ended() {
            self.give_up(settings, &ended);
        } else if has_changed {
            let why = "the topic was made anew, or has another number of partitions";
            self.give_up(settings, &Ended::Torn(why.to_owned()));
        } else if is_strange {
            let why = "a group's commits are in another partition than its name says";
            self.give_up(settings, &Ended::Unsupported(why.to_owned()));
        } else if self.idle_cycles >= IDLE_CYCLES_MAX {
            let behind: Vec<usize> = self.shards.behind().take(SHARDS_NAMED).collect();
            let why = format!(
                "partitions {behind:?} of {OFFSETS_TOPIC}, and perhaps more, are not read to their ends"
            );
            self.give_up(settings, &Ended::Failed(why));
        }
    }

    /// What to ask of a broker that leads these shards.
    pub(crate) fn ask(&self, settings: &Settings, shards: Vec<Place>) -> AskStreamed {
        let told = self.reader.as_ref().map(|reader| Told {
            shared: Arc::clone(reader.shared()),
            complete: self.shards.relied_on(),
        });
        let is_wanted = told.is_some() || self.trouble.may_try(settings);
        AskStreamed {
            // A start that wants the past has to know who commits, before there is a stream to tell it.
            only: settings.offsets == Offsets::Stream && !self.is_held,
            told,
            shards: if is_wanted { shards } else { Vec::new() },
        }
    }

    /// Takes where a broker said that its shards end, of so many.
    pub(crate) fn hear(&mut self, listing: &Listing, shards: usize) {
        self.shards.meet(shards);
        for (shard, end) in &listing.shard_ends {
            self.shards.hear(*shard, *end, listing.shards_told_at);
        }
    }

    /// Takes the commits of a group that was asked for.
    pub(crate) fn take_base(&self, group: &GroupCommits) {
        if let (Some(reader), Ok(topics)) = (&self.reader, &group.topics) {
            let topics = topics.iter();
            let topics = topics.map(|topic| (&topic.name, topic.partitions.as_slice()));
            reader.ledger().take_base(&group.name, topics);
        }
    }

    /// What is committed from now on waits.
    pub(crate) fn close(&self) {
        if let Some(reader) = &self.reader {
            reader.ledger().close(&self.shards.ends());
        }
    }

    /// The topics that commits were told of, each with its highest such partition.
    pub(crate) fn topics(&self) -> Vec<(StrBytes, u32)> {
        let Some(reader) = &self.reader else {
            return Vec::new();
        };
        let ledger = reader.ledger();
        let mut topics: Vec<(StrBytes, u32)> =
            ledger.topics().map(|(n, p)| (n.clone(), p)).collect();
        topics.sort_unstable_by(|a, b| (&a.0, b.1).cmp(&(&b.0, a.1)));
        topics.dedup_by(|a, b| a.0 == b.0);
        topics
    }

    /// The names of those that pass.
    pub(crate) fn topic_names(&self, passes: impl Fn(&str) -> bool) -> BTreeSet<StrBytes> {
        let Some(reader) = &self.reader else {
            return BTreeSet::new();
        };
        let ledger = reader.ledger();
        let names = ledger.topics().map(|(name, _)| name);
        names.filter(|name| passes(name)).cloned().collect()
    }

    /// Waits until the shards are read as far as they were written when this cycle asked: those that are nearly there. One that stood
    /// still since the last cycle would be waited for in vain.
    pub(crate) async fn catch_up(&self) {
        let Some(reader) = &self.reader else {
            return;
        };
        let near = self.shards.near(&reader.ledger());
        reader.reach(&near, PATIENCE).await;
    }

    /// Notes which shards are read to their ends by now.
    pub(crate) fn note_complete(
        &mut self,
        settings: &Settings,
        wall_ms: impl Fn(Instant) -> Millis,
        tally: &Tally,
    ) {
        self.trouble.count(tally);
        let Some(reader) = &self.reader else {
            return;
        };
        let mut ledger = reader.ledger();
        let judged = self.shards.judge(&mut ledger, wall_ms);
        (0..judged.fell_behind).for_each(|_| tally.error(API, BEHIND));
        let are_complete = self.shards.are_any_complete() && !judged.has_shrunk;
        // One that had no leader when reading began waits for a new beginning; a client that stands still may yet get on.
        self.idle_cycles = match (judged.are_unread, are_complete) {
            (true, _) => self.idle_cycles + IDLE_CYCLES_MAX / 3,
            (false, false) if !self.shards.ends().is_empty() => self.idle_cycles + 1,
            _ => 0,
        };
        let skew_ms = ledger.take_freshest();
        let ahead = ledger.stamped_ahead();
        (self.stamped_ahead..ahead).for_each(|_| tally.error(API, COMMIT_IN_FUTURE));
        self.stamped_ahead = ahead;
        self.are_streamed = are_complete;
        self.facts = Facts {
            skipped: self.skipped(&ledger),
            skew_seconds: skew_ms.map(|ms| ms as f64 / 1000.0),
            ..Facts::default()
        };
        drop(ledger);
        if judged.has_shrunk {
            // Nothing of what was read is told: it may be of a log that is gone.
            let why = "it ends before what was read of it";
            self.give_up(settings, &Ended::Torn(why.to_owned()));
        }
    }

    fn skipped(&self, ledger: &Ledger) -> Vec<(&'static str, u64)> {
        let mut skipped = self.skipped_before.clone();
        for (reason, count) in ledger.skipped() {
            *skipped.entry(reason).or_default() += count;
        }
        skipped.into_iter().collect()
    }

    /// The commits of a group, where the stream tells all of them; with its generation.
    pub(crate) fn tell(&self, group: &str) -> Option<(GroupCommits, (Option<u32>, bool))> {
        let reader = self.reader.as_ref()?;
        let mut ledger = reader.ledger();
        let at = self.shards.complete_at(ledger.knows(group)?)?;
        let topics = ledger.tell(group)?;
        let commits = GroupCommits {
            name: StrBytes::from_string(group.to_owned()),
            at,
            lags: Vec::new(),
            topics: Ok(topics.into_iter().map(topic_offsets).collect()),
        };
        Some((commits, ledger.generation(group)))
    }

    /// It is doubtful who has this group: it tells nothing of it until it was asked for. Says whether it would have.
    pub(crate) fn doubt(&self, group: &str) -> bool {
        let reader = self.reader.as_ref();
        reader.is_some_and(|reader| reader.ledger().doubt(group))
    }

    /// Somebody else told what these groups committed.
    pub(crate) fn drop_edges(&self, groups: &[Arc<str>]) {
        if let Some(reader) = &self.reader {
            let mut ledger = reader.ledger();
            groups.iter().for_each(|group| ledger.drop_edges(group));
        }
    }

    /// Are there groups, and nobody says anything of the topic that their commits are in? The metadata may be older than both.
    pub(crate) fn misses_topic(&mut self, settings: &Settings, are_there_groups: bool) -> bool {
        let misses = self.trouble.may_try(settings) && are_there_groups && self.shards.count() == 0;
        self.unseen_cycles = if misses { self.unseen_cycles + 1 } else { 0 };
        if self.unseen_cycles > UNSEEN_CYCLES_MAX {
            self.unseen_cycles = 0;
            let why = format!(
                "there are groups and no topic {OFFSETS_TOPIC}: lagslope's user has no right to see it"
            );
            self.give_up(settings, &Ended::Refused(why));
        }
        misses
    }

    /// Ends a cycle: what waited is taken, and the groups of the next one are followed. Begins to read, if it is time to.
    pub(crate) fn end_cycle<'a>(
        &mut self,
        settings: &Settings,
        groups: impl Iterator<Item = (&'a str, usize)> + Clone,
        clock: WallClock,
    ) {
        if self.is_due(settings) && !self.is_held {
            self.begin(settings, clock, PRESENT_SECONDS);
        }
        if let Some(reader) = &self.reader {
            let mut ledger = reader.ledger();
            ledger.open();
            follow(&mut ledger, groups);
        }
        self.facts.source = match settings.offsets {
            _ if self.are_streamed => Source::Stream,
            Offsets::Stream if self.reader.is_none() => Source::None,
            _ => Source::Query,
        };
        if self.are_streamed && !self.is_told {
            self.is_told = true;
            self.trouble.forget();
            tracing::info!(
                "cluster {}: committed offsets are read from the commit stream",
                settings.name
            );
        }
    }

    /// What was told last was heard by nobody, or nobody knows how much time has passed since: no time of a commit is of use.
    pub(crate) fn forget_times(&self) {
        if let Some(reader) = &self.reader {
            reader.ledger().forget_times();
        }
    }

    /// Where committed offsets come from.
    pub(crate) fn facts(&self) -> Facts {
        self.facts.clone()
    }

    /// The next cycle begins no reading by itself.
    pub(crate) fn hold(&mut self) {
        self.is_held = true;
    }

    /// Begins to read the past of these groups. Says whether it is read; a shard that takes too long, or that an open transaction
    /// holds up, will not be complete.
    pub(crate) async fn read_past<'a>(
        &mut self,
        settings: &Settings,
        groups: impl Iterator<Item = (&'a str, usize)> + Clone,
        wanted: PastWanted,
        patience: Duration,
    ) -> bool {
        self.is_held = false;
        if !self.is_due(settings) {
            return false;
        }
        self.begin(settings, wanted.until, wanted.seconds());
        let Some(reader) = &self.reader else {
            return false;
        };
        {
            let mut ledger = reader.ledger();
            ledger.begin_past(PastTold {
                until_ms: wanted.until.ms,
                interval_ms: wanted.interval_ms,
                parts: wanted.parts,
            });
            follow(&mut ledger, groups);
        }
        reader.reach_most(&self.shards.ends(), patience).await;
        reader.ended().is_none()
    }

    /// What is read from now on is the present.
    pub(crate) fn end_past(&mut self) {
        if let Some(reader) = &self.reader {
            reader.ledger().end_past();
        }
    }

    fn is_due(&self, settings: &Settings) -> bool {
        let may_try = self.trouble.may_try(settings);
        may_try && self.reader.is_none() && !self.shards.ends().is_empty()
    }

    fn begin(&mut self, settings: &Settings, clock: WallClock, seconds: f64) {
        let beginning = Beginning {
            shards: self.shards.count(),
            ends: self.shards.ends(),
            from_ms: clock.ms - (seconds * 1000.0) as Millis,
            step_ms: STEP_MS,
            now: clock,
        };
        match Reader::begin(settings, beginning) {
            Ok(reader) => {
                self.shards.begin_reading();
                (self.stamped_ahead, self.idle_cycles) = (0, 0);
                self.reader = Some(reader);
            }
            Err(why) => self.give_up(settings, &why),
        }
    }

    fn give_up(&mut self, settings: &Settings, why: &Ended) {
        self.skipped_before = self.facts.skipped.iter().copied().collect();
        self.reader = None;
        self.shards.begin_reading();
        self.are_streamed = false;
        self.facts.skew_seconds = None;
        self.is_told = false;
        self.trouble.take(settings, why);
    }
}

fn follow<'a>(ledger: &mut Ledger, groups: impl Iterator<Item = (&'a str, usize)> + Clone) {
    for (group, shard) in groups.clone() {
        ledger.follow(shard, group);
    }
    let known: HashSet<&str> = groups.map(|(group, _)| group).collect();
    ledger.forget_all_but(|group| known.contains(group));
}

fn topic_offsets(told: TopicTold) -> TopicOffsets {
    TopicOffsets {
        name: told.name,
        id: told.id,
        partitions: told.partitions,
        edges: told.edges,
    }
}

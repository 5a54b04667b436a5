//! Where logs ended at past instants: ListOffsets by timestamp, asked once when a partition is first seen, so that what follows from
//! its arrivals is known at once and not after hours. `wishes` is whom to ask about; the search itself is `analysis::past`.

mod arrivals;
mod wishes;
mod witness;

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

pub(crate) use arrivals::{Arrivals, AskArrivals, committed, instants as instants_of_arrivals};
pub(crate) use wishes::{PastState, Wish, names, postpone, put, put_off, wishes};
pub(crate) use witness::{AskNewest, Stamps, Verdict, witnesses};

use super::client::broker::Question;
use super::client::connection::Answer;
use super::client::session::Session;
use super::error::{Code, Error, TIMESTAMP_IN_FUTURE, TIMESTAMP_NOT_SET};
use super::offsets::{Place, list_offsets};
use super::settings::IsolationLevel;
use crate::analysis::past::{Doubt, Millis, Record, Search, instant, instants};
use crate::analysis::sample::{Reading, Time};

/// No further batch is begun after this, so that the last one's answers come well within the patience of a cycle: an answer that is
/// late is lost, and keeps the broker busy into the next cycle.
const BEGIN_WITHIN: Duration = Duration::from_millis(400);

/// Partitions of the first batch. For every instant of each the broker searches an index and reads a piece of the log.
const BATCH_FIRST: usize = 50;

/// A batch that took less is followed by one twice as large.
const BATCH_IS_QUICK: Duration = Duration::from_millis(100);

/// Partitions in one batch at most: what else a broker has to do waits as long as one request for them takes.
const BATCH_MAX: usize = 1_000;

/// Asks a leader for the past of partitions it leads.
pub(crate) struct AskPast {
    isolation: IsolationLevel,
    /// Those that matter most come first.
    wishes: Vec<Wish>,
    /// For partitions with lag, newest first.
    instants: Vec<Millis>,
    /// For the others: the beginning of the rates' window.
    window: Millis,
    patience: Duration,
}

impl AskPast {
    /// `now` is when the cycle began, in the time of those who stamp records, and so are the log ends' times in the wishes.
    pub(crate) fn new(
        isolation: IsolationLevel,
        wishes: Vec<Wish>,
        now: Time,
        rate_window_seconds: f64,
        patience: Duration,
    ) -> Self {
        Self {
            isolation,
            wishes,
            instants: instants(now, rate_window_seconds),
            window: instant(now, rate_window_seconds),
            patience,
        }
    }
}

/// What was told of one partition.
pub(crate) struct Told {
    pub(crate) topic: StrBytes,
    pub(crate) partition: i32,
    /// The oldest whose age was looked for.
    pub(crate) oldest_commit: Option<u64>,
    pub(crate) points: Result<Vec<Reading>, Unknown>,
}

/// Why nothing is known.
pub(crate) enum Unknown {
    /// The broker would not say.
    Refused(Code),
    /// It left the partition out of an answer.
    Unanswered,
    /// It can't be believed.
    Doubtful(Doubt),
}

impl Unknown {
    /// Would the answer be another one if it was asked again soon?
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Refused(code) => code.is_stale_metadata(),
            Self::Unanswered => true,
            Self::Doubtful(_) => false,
        }
    }

    /// The `error` label of the metrics; `None` for what is no error.
    pub(crate) fn label(&self) -> Option<&'static str> {
        match self {
            Self::Refused(code) => Some(code.label()),
            Self::Doubtful(Doubt::Future) => Some(TIMESTAMP_IN_FUTURE),
            Self::Doubtful(Doubt::Timeless) => Some(TIMESTAMP_NOT_SET),
            Self::Doubtful(Doubt::Empty) | Self::Unanswered => None,
        }
    }
}

impl Question for AskPast {
    const NAME: &'static str = "ListOffsets";
    /// Of those that there was time for, in the order of the wishes.
    type Answer = Vec<Told>;

    fn own_patience(&self) -> Option<Duration> {
        Some(self.patience)
    }

    async fn put(self, session: &mut Session) -> Result<Vec<Told>, Error> {
        let began = Instant::now();
        let mut told = Vec::new();
        let (mut rest, mut size) = (&*self.wishes, BATCH_FIRST);
        while !rest.is_empty() && began.elapsed() < BEGIN_WITHIN {
            let (batch, later) = rest.split_at(size.min(rest.len()));
            let asked = Instant::now();
            match self.look_back(session, batch).await {
                Ok(found) => told.extend(found),
                // What the earlier batches told is still right.
                Err(_) if !told.is_empty() => break,
                Err(error) => return Err(error),
            }
            rest = later;
            if asked.elapsed() < BATCH_IS_QUICK {
                size = (2 * size).min(BATCH_MAX);
            }
        }
        Ok(told)
    }
}

/// A batch of searches. One request may name a partition once only, so each instant is a request of its own.
struct Batch {
    searches: Vec<OneSearch>,
    /// Where a partition stands in `searches`.
    places: BTreeMap<(StrBytes, i32), usize>,
}

struct OneSearch {
    topic: StrBytes,
    place: Place,
    oldest_commit: Option<u64>,
    search: Search,
    refused: Option<Unknown>,
}

/// One request's look-ups: which search, and for which instant.
type Lookups = Vec<(usize, Millis)>;

impl AskPast {
    async fn look_back(&self, session: &mut Session, wishes: &[Wish]) -> Result<Vec<Told>, Error> {
        let mut batch = Batch::new(wishes);
        let mut round = self.first_round(&batch);
        while !round.is_empty() {
            let make = |_| {
                let requests = round.iter();
                requests
                    .map(|lookups| batch.request(lookups, self.isolation))
                    .collect()
            };
            let answers = session.ask_all(make).await?;
            for (lookups, answer) in round.iter().zip(answers) {
                batch.take(lookups, answer);
            }
            round = batch.next_round();
        }
        Ok(batch.told())
    }

    fn first_round(&self, batch: &Batch) -> Vec<Lookups> {
        let wanted = |instant: Millis| {
            let searches = batch.searches.iter().enumerate();
            let wanted =
                searches.filter(|(_, one)| one.search.is_for_ages() || instant == self.window);
            let lookups: Lookups = wanted.map(|(place, _)| (place, instant)).collect();
            lookups
        };
        let rounds = self.instants.iter().map(|instant| wanted(*instant));
        rounds.filter(|lookups| !lookups.is_empty()).collect()
    }
}

impl Batch {
    fn new(wishes: &[Wish]) -> Self {
        let mut searches: Vec<OneSearch> = wishes.iter().map(OneSearch::new).collect();
        searches.sort_by(|a, b| (&a.topic, a.place.index).cmp(&(&b.topic, b.place.index)));
        let named = searches.iter().enumerate();
        Self {
            places: named
                .map(|(place, one)| ((one.topic.clone(), one.place.index), place))
                .collect(),
            searches,
        }
    }

    /// The n-th instants that the searches want next make the n-th request.
    fn next_round(&mut self) -> Vec<Lookups> {
        let mut round: Vec<Lookups> = Vec::new();
        for (place, one) in self.searches.iter_mut().enumerate() {
            if one.refused.is_some() {
                continue;
            }
            for (nth, instant) in one.search.ask_next().into_iter().enumerate() {
                if nth == round.len() {
                    round.push(Vec::new());
                }
                round[nth].push((place, instant));
            }
        }
        round
    }

    /// The searches are in order of topic, so a topic's look-ups stand together.
    fn request(&self, lookups: &Lookups, isolation: IsolationLevel) -> ListOffsetsRequest {
        let mut topics: Vec<ListOffsetsTopic> = Vec::new();
        for (place, instant) in lookups {
            let one = &self.searches[*place];
            if topics.last().is_none_or(|last| last.name.0 != one.topic) {
                topics.push(ListOffsetsTopic::default().with_name(one.topic.clone().into()));
            }
            let partition = ListOffsetsPartition::default()
                .with_partition_index(one.place.index)
                .with_current_leader_epoch(one.place.epoch)
                .with_timestamp(*instant);
            let topic = topics.last_mut().expect("pushed above");
            topic.partitions.push(partition);
        }
        list_offsets(topics, isolation)
    }

    /// What is not in the answer was not answered, and then the whole search is worth nothing.
    fn take(&mut self, lookups: &Lookups, answer: Answer<ListOffsetsResponse>) {
        let mut asked: BTreeMap<usize, Millis> = lookups.iter().copied().collect();
        for topic in answer.body.topics {
            for partition in topic.partitions {
                let name = (topic.name.0.clone(), partition.partition_index);
                let place = self.places.get(&name).copied();
                let Some((place, instant)) =
                    place.and_then(|place| Some((place, asked.remove(&place)?)))
                else {
                    continue;
                };
                let one = &mut self.searches[place];
                if let Some(code) = Code::of(partition.error_code) {
                    one.refused = Some(Unknown::Refused(code));
                    continue;
                }
                let offset = u64::try_from(partition.offset).ok();
                let at = partition.timestamp;
                one.search
                    .take(instant, offset.map(|offset| Record { offset, at }));
            }
        }
        for place in asked.into_keys() {
            let refused = &mut self.searches[place].refused;
            refused.get_or_insert(Unknown::Unanswered);
        }
    }

    fn told(self) -> Vec<Told> {
        self.searches.into_iter().map(OneSearch::told).collect()
    }
}

impl OneSearch {
    fn new(wish: &Wish) -> Self {
        Self {
            topic: wish.topic.clone(),
            place: wish.place,
            oldest_commit: wish.commits.iter().min().copied(),
            search: Search::new(wish.log_end, wish.commits.clone()),
            refused: None,
        }
    }

    fn told(self) -> Told {
        let points = match self.refused {
            Some(why) => Err(why),
            None => self.search.points().map_err(Unknown::Doubtful),
        };
        Told {
            topic: self.topic,
            partition: self.place.index,
            oldest_commit: self.oldest_commit,
            points,
        }
    }
}

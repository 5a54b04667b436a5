//! What lagslope publishes while something is wrong with a cluster, and that it recovers. The cluster's time stands still, so each lag
//! has one true value: whatever is published must be that, at every look, whatever happens.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::future::join_all;
use lagslope::config::{self, Cluster, Start};
use lagslope::daemon::Watches;
use lagslope::kafka::{Sampler, Settings};
use lagslope::simulator::arrivals::Arrivals;
use lagslope::simulator::delay::Delay;
use lagslope::simulator::fault::{Fault, Move, Moved, Trouble};
use lagslope::simulator::group::Group;
use lagslope::simulator::topic::Topic;
use lagslope::simulator::{ApiKey, Running, World};
use tokio::time::{Instant, sleep, timeout};

use super::{NOW, at_rest};
use crate::evidence::Evidence;
use crate::lagslope::{Scrape, config_file};

/// Short, so that a test sees many cycles; what isn't read in three of them is absent.
const INTERVAL: Duration = Duration::from_millis(200);
const MAX_AGE: Duration = Duration::from_millis(600);

/// Enough on a machine that does nothing else, and over before a hanging broker has cost many cycles.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(500);

/// Longer than any machine needs; it passes as soon as it holds.
const DEADLINE: Duration = Duration::from_secs(90);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a state is watched once it is reached.
const WATCHED: Duration = Duration::from_millis(1_500);

/// Of all cases, whichever of these tests they are of.
static EVIDENCE: LazyLock<Evidence> = LazyLock::new(|| {
    Evidence::new(
        "simulated-faults",
        "What is published while something is wrong with a simulated cluster",
    )
});

/// What is on the page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Seen {
    /// Series of partitions, at most three groups with three each.
    partitions: usize,
    /// Groups with a sum.
    sums: usize,
    up: bool,
}

const ALL: Seen = Seen {
    partitions: 9,
    sums: 3,
    up: true,
};

/// Nothing of what broker 2 leads (one partition of three) or coordinates (one group of three).
const WITHOUT_2: Seen = Seen {
    partitions: 4,
    sums: 0,
    up: true,
};

const NO_COMMITS_OF_ONE: Seen = Seen {
    partitions: 6,
    sums: 2,
    up: true,
};

const NO_ENDS_OF_ONE: Seen = Seen {
    partitions: 6,
    sums: 0,
    up: true,
};

const NOTHING: Seen = Seen {
    partitions: 0,
    sums: 0,
    up: true,
};

const DOWN: Seen = Seen {
    up: false,
    ..NOTHING
};

struct Case {
    why: &'static str,
    wrong: Vec<Fault>,
    moved: Vec<Move>,
    meanwhile: Seen,
    /// The `error` label under which it is counted.
    error: Option<&'static str>,
    /// Where commits are read when it is so.
    offsets: &'static [&'static str],
}

const WHEREVER: &[&str] = &["query", "auto"];
const QUERY: &[&str] = &["query"];
const STREAM: &[&str] = &["auto"];

impl Case {
    /// With the other source of commits it is another case.
    fn when(self, offsets: &'static [&'static str]) -> Self {
        Self { offsets, ..self }
    }
}

fn case(
    why: &'static str,
    wrong: Fault,
    meanwhile: Seen,
    error: impl Into<Option<&'static str>>,
) -> Case {
    Case {
        why,
        wrong: vec![wrong],
        moved: Vec::new(),
        meanwhile,
        error: error.into(),
        offsets: WHEREVER,
    }
}

fn moves(why: &'static str, of: Moved, to: u32) -> Case {
    Case {
        why,
        wrong: Vec::new(),
        moved: vec![Move::new(of, Some(to)).between(NOW, f64::INFINITY)],
        meanwhile: ALL,
        error: None,
        offsets: WHEREVER,
    }
}

/// Groups `g-…`, the nth of which broker n coordinates.
fn world() -> World {
    let mut world = World::new(3, 5);
    let arrivals = Arrivals::steady(NOW - 3_600.0, 30.0);
    let topic = world.add_topic(Topic::new("orders", 3, arrivals));
    for name in group_names() {
        world.add_group(Group::new(name).reading(topic, Delay::steady(100.0)));
    }
    world
}

fn group_names() -> [String; 3] {
    let coordinator = |name: &str| {
        let hash = name
            .bytes()
            .fold(0_i64, |hash, byte| 31 * hash + i64::from(byte));
        1 + (hash % 50) % 3
    };
    [1, 2, 3].map(|broker| {
        let mut names = (0..).map(|n| format!("g-{n}"));
        let name = names.find(|name| coordinator(name) == broker);
        name.expect("there is one among the first ten")
    })
}

struct Watched {
    cluster: Running,
    watches: Watches<Sampler>,
}

impl Watched {
    async fn start(offsets: &str) -> Self {
        let cluster = at_rest(world()).await;
        let config = crate::real::config_with_offsets(&cluster.bootstrap(), offsets);
        let file = config_file(&config);
        let settings = config::load(&Start::File(file.path().to_owned()), &[]);
        let mut settings = settings.expect("a good configuration");
        settings.sample_interval = INTERVAL;
        Arc::make_mut(&mut settings.analysis).max_age_seconds = MAX_AGE.as_secs_f64();
        let watches = Watches::start(settings, |cluster: &Cluster| {
            Sampler::new(Settings {
                request_timeout: REQUEST_TIMEOUT,
                ..cluster.kafka.clone()
            })
        });
        Self { cluster, watches }
    }

    /// What is seen; fails when anything that is told is not true.
    fn look(&self, why: &str) -> Seen {
        let page = Scrape::parse(&self.watches.board.text());
        let world = self.cluster.world();
        let (mut partitions, mut sums) = (0, 0);
        for (group, data) in world.groups.iter().enumerate() {
            let lag = |partition| {
                let end = world.log_end(0, partition, NOW)?;
                let lag = end - world.committed(group, 0, partition, NOW)?;
                (lag > 0).then_some(lag as f64)
            };
            let truth: Vec<f64> = (0..3).map(|n| lag(n).expect("it lags")).collect();
            for (partition, truth) in truth.iter().enumerate() {
                let partition = partition.to_string();
                let labels = [("group", &*data.name), ("partition", &partition)];
                let told = page.value("partition_lag_messages", &labels);
                assert!(told.is_none_or(|told| told == *truth), "{why}: {told:?}");
                partitions += usize::from(told.is_some());
            }
            let told = page.value("lag_messages", &[("group", &*data.name)]);
            assert!(
                told.is_none_or(|told| told == truth.iter().sum::<f64>()),
                "{why}: {told:?}"
            );
            sums += usize::from(told.is_some());
        }
        Seen {
            partitions,
            sums,
            up: page.value("up", &[]) == Some(1.0),
        }
    }

    /// Looks until it is so, and for a while after it.
    async fn becomes(&self, expected: Seen, why: &str) {
        let mut last = None;
        let becomes = async {
            while last != Some(expected) {
                sleep(LOOK_EVERY).await;
                last = Some(self.look(why));
            }
        };
        let became = timeout(DEADLINE, becomes).await.is_ok();
        assert!(became, "{why}: {last:?}\n{}", self.watches.board.text());
    }

    /// Looks until commits are read from the stream.
    async fn is_streamed(&self, why: &str) {
        let streamed = async {
            loop {
                let page = Scrape::parse(&self.watches.board.text());
                if page
                    .value("offsets_source", &[("source", "stream")])
                    .is_some()
                {
                    return;
                }
                sleep(LOOK_EVERY).await;
            }
        };
        let became = timeout(DEADLINE, streamed).await.is_ok();
        assert!(became, "{why}\n{}", self.watches.board.text());
    }

    async fn stays(&self, expected: Seen, why: &str) {
        let began = Instant::now();
        while began.elapsed() < WATCHED {
            let seen = self.look(why);
            assert_eq!(seen, expected, "{why}\n{}", self.watches.board.text());
            sleep(LOOK_EVERY).await;
        }
    }

    /// What changes nothing that is seen may be noticed later.
    async fn is_counted(&self, error: &str, why: &str) {
        let counted = async {
            while self.counted(error) == 0.0 {
                sleep(LOOK_EVERY).await;
            }
        };
        let became = timeout(DEADLINE, counted).await.is_ok();
        assert!(became, "{why}: {error}\n{}", self.watches.board.text());
    }

    fn counted(&self, error: &str) -> f64 {
        let page = Scrape::parse(&self.watches.board.text());
        let labels = [("error", error)];
        page.all("sample_errors_total", &labels)
            .map(|(_, count)| count)
            .sum()
    }
}

/// Acts them out, those of one source of commits at once, and writes down what was seen.
async fn act_out(what: &str, cases: impl IntoIterator<Item = Case>) {
    let cases: Vec<Case> = cases.into_iter().collect();
    let mut seen = Vec::new();
    for offsets in WHEREVER {
        let acts = cases.iter().filter(|case| case.offsets.contains(offsets));
        seen.extend(join_all(acts.map(|case| acts_out(case, offsets))).await);
    }
    EVIDENCE.entry(
        what,
        "LAGSLOPE_EVIDENCE=docs/evidence cargo test --test it simulator::faults",
        &format!(
            "of 9 partitions and 3 sums, at every look each value that is told is the true one\n{}",
            seen.join("\n")
        ),
    );
}

/// Gives what was seen meanwhile and afterwards.
async fn acts_out(case: &Case, offsets: &str) -> String {
    let why = &*format!("{} ({offsets})", case.why);
    let watched = Watched::start(offsets).await;
    watched.becomes(ALL, why).await;
    if offsets != "query" {
        watched.is_streamed(why).await;
    }
    for fault in &case.wrong {
        watched.cluster.fault(fault.clone());
    }
    for moved in &case.moved {
        watched.cluster.shift(moved.clone());
    }
    watched.becomes(case.meanwhile, why).await;
    if case.meanwhile != ALL {
        watched.stays(case.meanwhile, why).await;
    }
    if let Some(error) = case.error {
        watched.is_counted(error, why).await;
    }
    watched.cluster.heal_all();
    let healed = Instant::now();
    watched.becomes(ALL, why).await;
    let recovered = healed.elapsed().as_secs_f64();
    watched.stays(ALL, why).await;
    let Seen {
        partitions,
        sums,
        up,
    } = case.meanwhile;
    let error = case.error.unwrap_or("-");
    format!(
        "{why}: {partitions} partitions, {sums} sums, up {up}, error {error}; all again after {recovered:.1} s"
    )
}

fn at_2(trouble: Trouble) -> Fault {
    Fault::new(trouble).at(2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_in_trouble_takes_nothing_with_it() {
    let cases = [
        case(
            "gone",
            at_2(Trouble::Refuses),
            WITHOUT_2,
            "connection_refused",
        ),
        case("hangs", at_2(Trouble::Hangs), WITHOUT_2, "timeout"),
        case(
            "much too slow",
            at_2(Trouble::Slow { seconds: 9.0 }),
            WITHOUT_2,
            "timeout",
        ),
        case("hangs up", at_2(Trouble::Resets), WITHOUT_2, None),
        case("cut off", at_2(Trouble::Truncates), WITHOUT_2, None),
        case("noise", at_2(Trouble::Garbage), WITHOUT_2, "garbled"),
    ];
    act_out(
        "A broker in trouble takes nothing with it that isn't its own",
        cases,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_in_trouble_is_down_and_tells_nothing_old() {
    let cases = [
        case(
            "gone",
            Fault::new(Trouble::Refuses),
            DOWN,
            "connection_refused",
        ),
        case("hangs", Fault::new(Trouble::Hangs), DOWN, "timeout"),
        case("noise", Fault::new(Trouble::Garbage), DOWN, "garbled"),
    ];
    act_out(
        "A cluster in trouble is down, and nothing old is told",
        cases,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_takes_away_what_it_is_about() {
    let error = |code, api| at_2(Trouble::Error { code }).with(api);
    let cases = [
        case(
            "another coordinates",
            error(16, ApiKey::OffsetFetch),
            NO_COMMITS_OF_ONE,
            "not_coordinator",
        )
        .when(QUERY),
        case(
            "still loads",
            error(14, ApiKey::OffsetFetch),
            NO_COMMITS_OF_ONE,
            "coordinator_load_in_progress",
        )
        .when(QUERY),
        case(
            "another leads",
            error(6, ApiKey::ListOffsets),
            NO_ENDS_OF_ONE,
            "not_leader_or_follower",
        ),
        case(
            "no end yet",
            error(78, ApiKey::ListOffsets),
            NO_ENDS_OF_ONE,
            "offset_not_available",
        ),
        case(
            "a code from the future",
            error(999, ApiKey::ListOffsets),
            NO_ENDS_OF_ONE,
            None,
        ),
    ];
    act_out("An error takes away what it is about", cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_right_there_is_nothing_and_no_zero() {
    let denies = |api| Fault::new(Trouble::Denies).with(api);
    let cases = [
        case(
            "no group is listed",
            denies(ApiKey::ListGroups),
            NOTHING,
            None,
        ),
        case(
            "no commit is told",
            denies(ApiKey::OffsetFetch),
            NOTHING,
            "group_authorization_failed",
        )
        .when(QUERY),
        case(
            "no end is told",
            denies(ApiKey::ListOffsets),
            NOTHING,
            "topic_authorization_failed",
        ),
        case(
            "settings are a detail",
            denies(ApiKey::DescribeConfigs),
            ALL,
            None,
        ),
    ];
    act_out("Without a right there is nothing, and no zero", cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_stream_tells_needs_no_question_and_what_it_does_not_is_asked() {
    let denies = |api| Fault::new(Trouble::Denies).with(api);
    let cases = [
        case("no commit is told", denies(ApiKey::OffsetFetch), ALL, None).when(STREAM),
        case(
            "another coordinates",
            at_2(Trouble::Error { code: 16 }).with(ApiKey::OffsetFetch),
            ALL,
            None,
        )
        .when(STREAM),
        case(
            "the stream is refused",
            denies(ApiKey::Fetch),
            ALL,
            "stream_refused",
        )
        .when(STREAM),
    ];
    act_out(
        "What the stream tells needs no question, and what it doesn't tell is asked",
        cases,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_moves_is_found() {
    let leader = Moved::Leader {
        topic: "orders".to_owned(),
        partition: Some(1),
    };
    let group = group_names()[1].clone();
    let mut dies = moves("a broker dies", Moved::Broker(2), 3);
    dies.wrong.push(at_2(Trouble::Refuses));
    let mut nobody = moves("nobody leads", leader.clone(), 1);
    nobody.moved[0].to = None;
    nobody.meanwhile = NO_ENDS_OF_ONE;
    let cases = [
        moves("a leader", leader, 3),
        moves("a coordinator", Moved::Coordinator { group }, 1),
        dies,
        nobody,
        case(
            "a little slow",
            at_2(Trouble::Slow { seconds: 0.02 }),
            ALL,
            None,
        ),
    ];
    act_out("What moves is found", cases).await;
}

//! A broker that is cut off from its cluster and hasn't noticed: it lists its groups as before, and what it tells of them stands still,
//! while another has taken them over. A lag of its commits and of log ends elsewhere would be made up.

use std::time::Duration;

use lagslope::analysis::sample::{Sample, Source};
use lagslope::kafka::{Offsets, Sampler, Settings};
use lagslope::simulator::arrivals::Arrivals;
use lagslope::simulator::delay::Delay;
use lagslope::simulator::fault::{Fault, Move, Moved, Trouble};
use lagslope::simulator::group::Group;
use lagslope::simulator::topic::Topic;
use lagslope::simulator::{Running, Simulator, World};
use tokio::time::sleep;

use super::{HeldClock, NOW, pairs};

/// Seconds of the cluster's time from cycle to cycle, and what passes of ours: records are fetched twice a second.
const INTERVAL: f64 = 10.0;
const PAUSE: Duration = Duration::from_millis(700);
/// Messages a second in each partition, and how far behind the groups are.
const RATE: f64 = 100.0;
const DELAY: f64 = 5.0;
/// What nobody has read and committed by the next commit, 5 s later; and a little, for readings take time.
const LAG_MOST: f64 = RATE * (DELAY + 5.0 + 2.0);
/// The broker that is cut off, and its successor.
const CUT_OFF: u32 = 2;
const SUCCESSOR: u32 = 3;
const GROUPS: usize = 12;

fn world() -> World {
    let mut world = World::new(3, 9);
    let arrivals = Arrivals::steady(NOW - 3_600.0, 3.0 * RATE);
    let topic = world.add_topic(Topic::new("orders", 3, arrivals));
    for number in 0..GROUPS {
        let group = Group::new(format!("reader-{number}"));
        world.add_group(group.reading(topic, Delay::steady(DELAY)));
    }
    world
}

fn leader(partition: u32) -> u32 {
    world().leader(0, partition)
}

/// The lags that a sample tells, by group; not those of the partition that the broker leads, of which all tell what was.
fn lags(sample: &Sample) -> Vec<(&str, f64)> {
    let elsewhere = pairs(sample).filter(|pair| leader(pair.partition) != CUT_OFF);
    let lags = elsewhere.map(|pair| (pair.group, pair.log_end as f64 - pair.committed as f64));
    lags.collect()
}

struct Story {
    clock: HeldClock,
    now: f64,
    sampler: Sampler,
    cluster: Running,
}

impl Story {
    async fn begin(offsets: Offsets) -> Self {
        let clock = HeldClock::at(NOW);
        let cluster = Simulator::start(world(), clock.settings()).await;
        let cluster = cluster.expect("free ports on loopback");
        let servers = vec![cluster.addresses()[0].to_string()];
        let mut settings = Settings::new("test".to_owned(), servers);
        settings.offsets = offsets;
        Self {
            clock,
            now: NOW,
            sampler: Sampler::new(settings),
            cluster,
        }
    }

    /// The next cycle: no lag that it tells is made up.
    async fn cycle(&mut self, offsets: Offsets) -> Sample {
        self.now += INTERVAL;
        self.clock.set(self.now);
        sleep(PAUSE).await;
        let sample = self.sampler.sample(self.now).await;
        for (group, lag) in lags(&sample) {
            assert!(
                (0.0..=LAG_MOST).contains(&lag),
                "{offsets:?}, after {} s: {group} lags by {lag}, never by more than {LAG_MOST}",
                self.now - NOW
            );
        }
        sample
    }
}

async fn nothing_is_made_up(offsets: Offsets) {
    let mut story = Story::begin(offsets).await;
    for cycle in 0.. {
        let sample = story.cycle(offsets).await;
        let is_read = offsets == Offsets::Query || sample.cycle.offsets.source == Source::Stream;
        if cycle >= 5 && is_read && lags(&sample).len() == 2 * GROUPS {
            break;
        }
        assert!(cycle < 30, "all is told: {:?}", sample.cycle);
    }
    // It knows what was then.
    let since = story.now;
    let cut_off = Fault::new(Trouble::StandsStill).at(CUT_OFF);
    story.cluster.fault(cut_off.between(since, f64::INFINITY));
    let world = world();
    let of_it = (0..GROUPS).filter(|group| world.coordinator(*group) == CUT_OFF);
    for group in of_it {
        let group = world.groups[group].name.clone();
        let moved = Move::new(Moved::Coordinator { group }, Some(SUCCESSOR));
        story
            .cluster
            .shift(moved.between(since + 1.0, f64::INFINITY));
    }
    for _ in 0..9 {
        story.cycle(offsets).await;
    }
    for _ in 0..3 {
        let sample = story.cycle(offsets).await;
        assert_eq!(lags(&sample).len(), 2 * GROUPS, "all is told again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_has_not_noticed_makes_up_no_lag_when_it_is_asked() {
    nothing_is_made_up(Offsets::Query).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_has_not_noticed_makes_up_no_lag_when_the_stream_is_read() {
    nothing_is_made_up(Offsets::Auto).await;
}

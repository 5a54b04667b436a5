//! A history: the world, what goes wrong with it, and when it is looked at.

use std::net::Ipv4Addr;

use lagslope::simulator::fault::{Fault, Move, Moved, Trouble};
use lagslope::simulator::group::Kind;
use lagslope::simulator::{ApiKey, World};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::world::drawn::{BEGIN, SPAN, group, topic};

/// Seconds between samples.
pub(super) const INTERVAL: f64 = 10.0;

/// Cycles until everything that goes wrong is over.
pub(super) const CYCLES: u32 = 10;

const BROKERS: u32 = 3;

#[derive(Debug)]
pub(super) struct History {
    pub(super) world: World,
    pub(super) faults: Vec<Fault>,
    pub(super) moves: Vec<Move>,
    /// When its first cycle is.
    pub(super) begins: f64,
    number: u64,
}

impl History {
    /// The history of this number.
    pub(super) fn draw(seed: u64, number: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&number.to_le_bytes());
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), random);
        let drawn = history().new_tree(&mut runner);
        let mut history = drawn.expect("nothing is rejected").current();
        history.number = number;
        history
    }

    /// One of its own: a port that a broker closes for a while must not become that of another history's broker, for nothing tells
    /// a client that it came to another cluster.
    pub(super) fn address(&self) -> Ipv4Addr {
        let number = self.number % 60_000;
        Ipv4Addr::new(127, 1, (number / 250) as u8, (number % 250) as u8 + 1)
    }

    pub(super) fn has_refusals(&self) -> bool {
        let mut troubles = self.faults.iter().map(|fault| fault.trouble);
        troubles.any(|trouble| trouble == Trouble::Refuses)
    }
}

fn history() -> impl Strategy<Value = History> {
    let groups = prop::collection::vec((group(true), kind(), 0usize..3), 1..4);
    let begins = (0.0..SPAN).prop_map(|after| BEGIN + after);
    let worlds = (prop::collection::vec(topic(), 1..4), groups, any::<u64>());
    (worlds, begins).prop_flat_map(|((topics, groups, seed), begins)| {
        let mut world = World::new(BROKERS, seed);
        for (number, mut topic) in topics.into_iter().enumerate() {
            topic.name = format!("topic-{number}");
            world.add_topic(topic);
        }
        for (number, (mut group, kind, reads)) in groups.into_iter().enumerate() {
            group.name = format!("group-{number}");
            group.kind = kind;
            group.reads[0].topic = reads % world.topics.len();
            world.add_group(group);
        }
        (
            Just(world),
            prop::collection::vec(fault(begins), 0..3),
            prop::collection::vec(shift(begins), 0..2),
            Just(begins),
        )
            .prop_map(|(world, faults, moves, begins)| History {
                world,
                faults,
                moves,
                begins,
                number: 0,
            })
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![
        Kind::Classic,
        Kind::Consumer,
        Kind::Share,
        Kind::Streams,
    ])
}

fn fault(begins: f64) -> impl Strategy<Value = Fault> {
    let code = prop::sample::select(vec![-1, 3, 5, 6, 7, 9, 14, 15, 16, 29, 30, 74, 78]);
    let trouble = prop_oneof![
        Just(Trouble::Refuses),
        Just(Trouble::Hangs),
        (0.001..0.05).prop_map(|seconds| Trouble::Slow { seconds }),
        Just(Trouble::Resets),
        code.prop_map(|code| Trouble::Error { code }),
        Just(Trouble::Denies),
        Just(Trouble::Truncates),
        Just(Trouble::Garbage),
    ];
    let api = prop::sample::select(vec![
        ApiKey::Metadata,
        ApiKey::ListGroups,
        ApiKey::OffsetFetch,
        ApiKey::ListOffsets,
        ApiKey::DescribeGroups,
        ApiKey::ConsumerGroupDescribe,
        ApiKey::ShareGroupDescribe,
        ApiKey::DescribeShareGroupOffsets,
        ApiKey::DescribeConfigs,
    ]);
    let name = prop::sample::select(vec!["topic-0", "topic-1", "group-0", "group-1"]);
    (
        trouble,
        prop::option::of(1..=BROKERS),
        prop::option::of(api),
        prop::option::weighted(0.3, name),
        span(begins),
    )
        .prop_map(|(trouble, broker, api, name, (from, until))| {
            let mut fault = Fault::new(trouble).between(from, until);
            fault.broker = broker;
            fault.api = api;
            fault.name = name.map(str::to_owned);
            fault
        })
}

fn shift(begins: f64) -> impl Strategy<Value = Move> {
    let topic = prop::sample::select(vec!["topic-0", "topic-1"]);
    let of = prop_oneof![
        (topic, prop::option::of(0u32..4)).prop_map(|(topic, partition)| Moved::Leader {
            topic: topic.to_owned(),
            partition
        }),
        prop::sample::select(vec!["group-0", "group-1"]).prop_map(|group| Moved::Coordinator {
            group: group.to_owned()
        }),
        (1..=BROKERS).prop_map(Moved::Broker),
    ];
    (of, prop::option::of(1..=BROKERS), span(begins))
        .prop_map(|(of, to, (from, until))| Move::new(of, to).between(from, until))
}

/// From when until when something is wrong; it ends before the history does.
fn span(begins: f64) -> impl Strategy<Value = (f64, f64)> {
    let length = f64::from(CYCLES - 1) * INTERVAL;
    (-INTERVAL..length, 1.0..length / 2.0).prop_map(move |(from, lasts)| {
        let until = (from + lasts).min(length);
        (begins + from, begins + until)
    })
}

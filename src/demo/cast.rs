//! Who acts in the demo: each group with its trouble, near its turning point when the curtain rises, and those that look like trouble.

use crate::simulator::World;
use crate::simulator::arrivals::Arrivals;
use crate::simulator::group::{Group, Kind};
use crate::simulator::occurrence::Occurrence;
use crate::simulator::scenario::{Act, Scenario};
use crate::simulator::topic::{Retention, Topic};

/// Brokers of the cluster.
const BROKERS: u32 = 3;

/// How long ago the cluster came to life, in seconds. Longer than the daemon looks back.
pub const AGE_SECONDS: f64 = 2.0 * 86_400.0;

/// From one performance of a trouble to the next, in seconds: none is seen twice in the past that is played, and whoever lets the
/// demo run sees each again. (What recovers time after time becomes usual: some are called later then, or not at all.)
const ENCORE_SECONDS: f64 = 3.0 * 3_600.0;

/// Partitions of most topics.
const PARTITIONS: u32 = 6;

/// The ceilings: `(group, messages)`.
pub const CEILINGS: &[(&str, u32)] = &[("payments", 900_000), ("thumbnails", 100_000)];

/// A group that reads one topic.
struct Role {
    group: &'static str,
    topic: &'static str,
    partitions: u32,
    /// Messages per second.
    rate: f64,
    scenario: Scenario,
    /// Seconds after the curtain rises; negative = before.
    begins: f64,
}

/// Without trouble: `(group, topic, messages per second)`.
const fn role(group: &'static str, topic: &'static str, rate: f64) -> Role {
    Role {
        group,
        topic,
        partitions: PARTITIONS,
        rate,
        scenario: Scenario::Steady,
        begins: 0.0,
    }
}

impl Role {
    const fn acts(self, scenario: Scenario, begins: f64) -> Self {
        Self {
            scenario,
            begins,
            ..self
        }
    }

    const fn in_partitions(self, partitions: u32) -> Self {
        Self { partitions, ..self }
    }
}

const MINUTE: f64 = 60.0;

/// What each does. The beginnings are such that the signal is raised, or cleared, within two minutes of the curtain.
const CAST: &[Role] = &[
    // Signal 1.
    role("payments", "orders", 1_200.0).in_partitions(12).acts(
        Scenario::Overload {
            share: 0.4,
            lasts: 30.0 * MINUTE,
            drains: 20.0 * MINUTE,
        },
        -270.0,
    ),
    role("shipping", "shipments", 150.0).acts(
        Scenario::Stopped {
            seconds: 250.0,
            drains: 30.0,
            leaves: true,
        },
        -160.0,
    ),
    role("billing", "usage-records", 400.0).acts(
        Scenario::Overload {
            share: 0.5,
            lasts: 30.0 * MINUTE,
            drains: 4.0 * MINUTE,
        },
        -31.3 * MINUTE,
    ),
    // Signal 2.
    role("audit-archive", "audit-events", 90.0).acts(
        Scenario::RetentionEatsTail {
            share: 0.8,
            loses: 10.0 * MINUTE,
            drains: 10.0 * MINUTE,
        },
        -2_095.0,
    ),
    // Signal 3.
    role("search-indexer", "catalog-changes", 600.0)
        .in_partitions(12)
        .acts(
            Scenario::PoisonMessage {
                partition: 7,
                seconds: 30.0 * MINUTE,
                drains: 2.0 * MINUTE,
            },
            -230.0,
        ),
    // Signal 4.
    role("email-sender", "emails", 80.0).acts(
        Scenario::RetryLoop {
            share: 0.6,
            usual: 0.01,
            seconds: 20.0 * MINUTE,
        },
        -110.0,
    ),
    role("fraud-check", "card-authorisations", 250.0).acts(
        Scenario::RetryLoop {
            share: 0.45,
            usual: 0.02,
            seconds: 15.0 * MINUTE,
        },
        -19.0 * MINUTE,
    ),
    role("notifications", "device-events", 300.0).acts(
        Scenario::Rewinds {
            back: 120.0,
            every: 10.0 * MINUTE,
            times: 4,
        },
        20.0,
    ),
    // No trouble, though some look like it.
    role("invoices", "invoices-due", 40.0)
        .acts(Scenario::Sawtooth { every: MINUTE }, -AGE_SECONDS + 1_000.0),
    role("returns", "returns", 5.0).acts(Scenario::Idle, -50.0 * MINUTE),
    role("ledger", "ledger-entries", 700.0),
    role("inventory", "stock-levels", 60.0).acts(Scenario::Recreated { gone: 12.0 }, 75.0),
];

/// How long `audit-events` keeps its messages, in seconds.
const SHORT_RETENTION: f64 = 30.0 * MINUTE;

/// The cluster, for a curtain that rises at `now`.
pub fn world(now: f64) -> World {
    let mut world = World::new(BROKERS, now as u64);
    for role in CAST {
        world.act(group(role.group), &[act(role, now)]);
    }
    add_full_again_and_again(&mut world, now);
    add_those_of_other_kinds(&mut world, now);
    world
}

fn group(name: &str) -> Group {
    Group::new(name).with_members(3).committing(2.0, 0.5)
}

fn topic(name: &str, partitions: u32, rate: f64, now: f64) -> Topic {
    Topic::new(name, partitions, Arrivals::steady(now - AGE_SECONDS, rate))
}

fn act(role: &Role, now: f64) -> Act {
    let mut topic = topic(role.topic, role.partitions, role.rate, now);
    if matches!(role.scenario, Scenario::RetentionEatsTail { .. }) {
        topic.retention = Retention {
            seconds: Some(SHORT_RETENTION),
            segment_seconds: 10.0,
            checked_every: 10.0,
            ..Retention::default()
        };
    }
    let begins = match role.scenario {
        Scenario::Idle | Scenario::Recreated { .. } | Scenario::Sawtooth { .. } => {
            Occurrence::once(now + role.begins)
        }
        _ => Occurrence::each(ENCORE_SECONDS, now + role.begins),
    };
    Act::steady(topic).with(role.scenario, begins)
}

/// A bounded queue that campaigns fill to the brim: the third time within an hour is soon after the curtain.
fn add_full_again_and_again(world: &mut World, now: f64) {
    let act = Act::steady(topic("image-uploads", PARTITIONS, 200.0, now));
    let spike = Scenario::Spike {
        times: 6.0,
        seconds: 3.0 * MINUTE,
        capacity: 3.0,
    };
    let begins = Occurrence::each(23.0 * MINUTE, now - 48.0 * MINUTE);
    world.act(group("thumbnails"), &[act.with(spike, begins)]);
}

/// Groups by other protocols, or by none, and of other topics.
fn add_those_of_other_kinds(world: &mut World, now: f64) {
    let daily = Scenario::Diurnal {
        share: 0.5,
        period: 86_400.0,
    };
    let clicks = Act::steady(topic("clicks", 24, 2_000.0, now))
        .with(daily, Occurrence::once(now - AGE_SECONDS));
    let views = Act::steady(topic("page-views", 12, 900.0, now))
        .with(daily, Occurrence::once(now - AGE_SECONDS));
    world.act(
        group("recommendations").of_kind(Kind::Consumer),
        &[clicks, views],
    );
    let churn = Scenario::Churn {
        every: 30.0,
        times: 6,
    };
    let prices = Act::steady(topic("price-updates", PARTITIONS, 50.0, now))
        .with(churn, Occurrence::each(ENCORE_SECONDS, now + 30.0));
    world.act(group("pricing").of_kind(Kind::Consumer), &[prices]);
    let mut customers = topic("customers", PARTITIONS, 20.0, now);
    customers.retention.compacted = true;
    let export = group("warehouse-export").with_members(0);
    world.act(export, &[Act::steady(customers)]);
}

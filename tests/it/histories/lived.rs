//! Lives through a history: the daemon's own client and analysis against the simulated cluster, cycle by cycle.

use std::ops::AddAssign;
use std::time::Duration;

use lagslope::analysis::{Analysis, Ceilings, Rules, Settings};
use lagslope::expose::metrics::{Facts, Granularity, render};
use lagslope::kafka::{Sampler, Settings as ClusterSettings};
use lagslope::simulator::Simulator;
use tokio::time::sleep;

use super::drawn::{CYCLES, History, INTERVAL};
use super::truth::{Found, Judge};
use crate::simulator::HeldClock;

/// A broker that hangs costs as much in each cycle.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(400);

/// Once nothing is wrong any more: cycles until all is said again. Who was refused often waits some real seconds, however fast the
/// world's time goes.
const RECOVERS_WITHIN: u32 = 60;
const PAUSE: Duration = Duration::from_millis(250);

/// Brokers look at the clock twice within it, to open their ports or to close them.
const PORTS_TURN: Duration = Duration::from_millis(40);

/// What was seen of all histories.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) cycles: u64,
    pub(super) told: u64,
    pub(super) silent: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.cycles += other.cycles;
        self.told += other.told;
        self.silent += other.silent;
    }
}

impl Tally {
    fn add(&mut self, found: Found) {
        self.cycles += 1;
        self.told += found.told;
        self.silent += found.silent;
    }
}

/// Everything that was said was true, and in the end all of it was said; or what was wrong.
pub(super) async fn live(history: &History) -> Result<Tally, String> {
    let clock = HeldClock::at(history.begins);
    let settings = lagslope::simulator::Settings {
        address: history.address(),
        ..clock.settings()
    };
    let running = Simulator::start(history.world.clone(), settings).await;
    let running = running.map_err(|error| error.to_string())?;
    for fault in &history.faults {
        running.fault(fault.clone());
    }
    for shift in &history.moves {
        running.shift(shift.clone());
    }
    let servers = running.addresses().iter().map(ToString::to_string);
    let mut sampler = Sampler::new(ClusterSettings {
        request_timeout: REQUEST_TIMEOUT,
        ..ClusterSettings::new("simulated".to_owned(), servers.collect())
    });
    let rules = Rules::new(Settings::new(INTERVAL), Ceilings::default());
    let mut analysis = Analysis::new(rules.for_all(), Box::new(|_| None));
    let mut judge = Judge::new(&history.world);
    let mut tally = Tally::default();
    let mut last = None;
    for cycle in 0..CYCLES + RECOVERS_WITHIN {
        let now = history.begins + f64::from(cycle) * INTERVAL;
        clock.set(now);
        if history.has_refusals() {
            sleep(PORTS_TURN).await;
        }
        let report = analysis.observe(sampler.sample(now).await);
        let found = judge.judge(&report, now)?;
        let text = render(
            "simulated",
            &report,
            &Facts::default(),
            Granularity::Partition,
        );
        drop(text);
        tally.add(found);
        if cycle < CYCLES {
            continue;
        }
        if found.silent == 0 {
            return Ok(tally);
        } else {
            last = Some(report);
            sleep(PAUSE).await;
        }
    }
    Err(format!("not all is said again: {last:#?}"))
}

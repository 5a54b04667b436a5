//! What is known of a group does not grow with time: after days of samples the process is as large as after hours. In a process of its
//! own, since other tests allocate, too.

use std::process::Command;

use lagslope::analysis::Ceilings;

use crate::scenarios::log::{Keeps, Ramp};
use crate::scenarios::watcher;
use crate::scenarios::world::World;

/// Tells the child what it is.
const CHILD: &str = "LAGSLOPE_TEST_BOUNDED_CHILD";
const NAME: &str = "analysis::bounded::what_is_known_does_not_grow_with_time";

/// Groups are alike, and each has a watcher: one that kept a single number of each sample would show with so many.
const WATCHERS: usize = 3;

/// Until then everything has reached its size; a day and a half.
const SETTLED_SAMPLES: u32 = 2_000;
const SAMPLES: u32 = 10_000;
const INTERVAL: f64 = 60.0;

/// A number of each sample kept for each watcher would be 192 KB.
const GROWTH_BYTES_MAX: u64 = 96_000;

#[test]
fn what_is_known_does_not_grow_with_time() {
    if std::env::var_os(CHILD).is_some() {
        println!("grown by {}", growth());
        return;
    }
    let me = std::env::current_exe().expect("it runs");
    let child = Command::new(me)
        .args(["--exact", NAME, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("it ran before");
    let said = String::from_utf8_lossy(&child.stdout);
    let line = said.lines().find_map(|line| line.split_once("grown by "));
    let (_, bytes) = line.unwrap_or_else(|| panic!("{said}"));
    let bytes: u64 = bytes.trim().parse().expect("a number");
    assert!(bytes <= GROWTH_BYTES_MAX, "{bytes} bytes more");
}

/// Bytes of memory between the last and the first samples.
fn growth() -> u64 {
    let mut world = world();
    let limits = Ceilings {
        lag_messages: Some(10_000.0),
        delay_seconds: Some(300.0),
    };
    let mut watchers: Vec<_> = (0..WATCHERS).map(|_| watcher(INTERVAL, limits)).collect();
    let mut settled = 0;
    for number in 0..SAMPLES {
        disturb(&mut world, number);
        world.pass(INTERVAL);
        for watcher in &mut watchers {
            watcher.observe(world.sample());
        }
        if number == SETTLED_SAMPLES {
            settled = resident_bytes();
        }
    }
    resident_bytes().saturating_sub(settled)
}

fn world() -> World {
    let mut world = World::new(1, 1);
    world.noise = 0.3;
    world.has_retries = true;
    world.keeps = Some(Keeps {
        seconds: Some(6.0 * 3_600.0),
        messages: Some(1e6),
        segment_seconds: 3_600.0,
        segment_messages: 1e5,
    });
    world.logs[0].produce = Ramp::steady(100.0);
    world
}

/// Everything that is remembered happens again and again: overload, stalls, rewinds, rebalances, storms of retries.
fn disturb(world: &mut World, sample: u32) {
    let pace = [200.0, 90.0, 300.0, 0.0, 400.0][sample as usize / 60 % 5];
    let log = &mut world.logs[0];
    log.consume = Ramp::steady(pace);
    if sample.is_multiple_of(97) {
        log.position = (log.position - 3_000.0).max(log.start);
    }
    world.generation += u64::from(sample.is_multiple_of(7));
    let storms = sample / 200 % 4 == 3;
    world.retry_share = Ramp::steady(if storms { 0.5 } else { 0.01 });
}

/// Of this process, as Linux says; without the pages of the program itself, of which more are read all the time.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes
        .expect("in each")
        .trim()
        .parse()
        .expect("a number");
    kilobytes * 1024
}

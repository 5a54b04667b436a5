//! A thousand short histories, drawn at random: a cluster, what its groups do, what goes wrong with it. Whatever happens, what is said
//! of a lag is what the simulated world knows to be true, and when nothing is wrong any more all of it is said again.
//!
//! `LAGSLOPE_SEED=7 LAGSLOPE_HISTORIES=100000 cargo test --test it histories` draws others, and more; a failure prints its number, and
//! `LAGSLOPE_HISTORY=number` lives through that one alone.

mod drawn;
mod lived;
mod truth;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use tokio::task::JoinSet;

use drawn::History;

/// The same histories on each machine, until somebody wants others.
const SEED: u64 = 20_261_124;
const HISTORIES: u64 = 1_000;

/// So many at once: most of their time they wait, for a broker that hangs or for a connection that may be tried again.
const AT_ONCE: u64 = 16;

fn number(name: &str) -> Option<u64> {
    #[allow(
        clippy::disallowed_methods,
        reason = "how many and which, for this test alone"
    )]
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|error| panic!("{name}={value}: {error}")),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_what_is_said_is_true_and_all_is_said_again() {
    let seed = number("LAGSLOPE_SEED").unwrap_or(SEED);
    let numbers = match number("LAGSLOPE_HISTORY") {
        Some(one) => one..one + 1,
        None => 0..number("LAGSLOPE_HISTORIES").unwrap_or(HISTORIES),
    };
    println!("seed {seed}, histories {numbers:?}");
    let next = Arc::new(AtomicU64::new(numbers.start));
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (next, end) = (Arc::clone(&next), numbers.end);
        workers.spawn(async move {
            let mut lived = lived::Tally::default();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return Ok(lived);
                }
                let history = History::draw(seed, number);
                let life = std::panic::AssertUnwindSafe(lived::live(&history));
                match life.catch_unwind().await {
                    Ok(Ok(life)) => lived += life,
                    Ok(Err(wrong)) => {
                        return Err(format!("history {number}: {wrong}\n{history:#?}"));
                    }
                    Err(_) => return Err(format!("history {number} panicked\n{history:#?}")),
                }
            }
        });
    }
    let mut all = lived::Tally::default();
    while let Some(worker) = workers.join_next().await {
        match worker.expect("panics are caught") {
            Ok(lived) => all += lived,
            Err(wrong) => panic!("LAGSLOPE_SEED={seed}, {wrong}"),
        }
    }
    println!("{all:?}");
    // Or nothing was shown: faults do silence something, and it is said again.
    assert!(all.told > 0 && all.silent > 0, "{all:?}");
}

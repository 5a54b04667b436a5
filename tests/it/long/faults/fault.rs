//! What can happen to a cluster of three nodes, one after the other. Each ends when the last thing that was done to a node is done.

use std::thread::sleep;
use std::time::Duration;

use crate::kafka::Kafka;

/// The node that fails alone. Any would do.
pub(super) const VICTIM: usize = 2;
const NODES: [usize; 3] = [1, 2, 3];

/// Longer than Kafka needs to fence a broker (9 s) and than anything may be published that is not read anew (30 s); shorter than
/// a stall that is called one (180 s).
const HUNG: Duration = Duration::from_secs(60);
const ALL_HUNG: Duration = Duration::from_secs(45);
/// Long enough for what nobody took over to vanish.
const DOWN: Duration = Duration::from_secs(40);
/// Between the nodes of a rolling restart: replicas catch up, a cycle or two pass.
const BETWEEN: Duration = Duration::from_secs(12);

/// A fault with its name.
pub(super) struct Fault {
    pub(super) name: &'static str,
    /// While it lasts nothing more changes, so that Kafka and the daemon may both recover before it ends.
    pub(super) steady: bool,
    /// Blocks until it is over.
    pub(super) run: fn(&Kafka),
}

/// In the order in which they are run on one cluster: the longest silences last, when signals rest on some minutes of habits.
pub(super) const FAULTS: [Fault; 5] = [
    Fault {
        name: "one broker killed, restarted on another port",
        steady: false,
        run: |kafka| {
            kafka.kill(VICTIM);
            kafka.restart_on_another_port(VICTIM);
        },
    },
    Fault {
        name: "one broker killed, restarted after 40 s",
        steady: true,
        run: |kafka| {
            kafka.kill(VICTIM);
            sleep(DOWN);
            kafka.restart(VICTIM);
        },
    },
    Fault {
        name: "one broker hung for 60 s",
        steady: true,
        run: |kafka| {
            kafka.stop(VICTIM);
            sleep(HUNG);
            kafka.cont(VICTIM);
        },
    },
    Fault {
        name: "all three hung for 45 s",
        steady: true,
        run: |kafka| {
            NODES.iter().for_each(|id| kafka.stop(*id));
            sleep(ALL_HUNG);
            NODES.iter().for_each(|id| kafka.cont(*id));
        },
    },
    Fault {
        name: "rolling restart of all three",
        steady: false,
        run: |kafka| {
            for id in NODES {
                kafka.shut_down(id);
                kafka.restart(id);
                sleep(BETWEEN);
            }
        },
    },
];

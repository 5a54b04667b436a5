//! What the whole daemon costs: a simulated cluster in this process, the released daemon as another, one compressed scrape in each
//! interval. `cargo bench --bench cycles -- --help`; docs/performance.md holds the table.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a program that measures another one, and says what it found"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use flate2::read::GzDecoder;
use kafka_protocol::messages::ApiKey;
use lagslope::simulator::scale::Size;
use lagslope::simulator::{Running, Settings, Simulator, World};

/// Measures cycles of the daemon against a simulated cluster: CPU, memory, requests, scrapes.
#[derive(Debug, Parser)]
struct Arguments {
    /// Group-partitions, out of 2000, 20000, 100000 and 1000000; all of them when none is given.
    sizes: Vec<usize>,
    /// Seconds between samples, and between scrapes.
    #[arg(long, default_value_t = 10)]
    interval: u64,
    /// Intervals before the measuring begins: curves and minima hold all they ever hold after 130.
    #[arg(long, default_value_t = 18)]
    warm_up: u32,
    /// Intervals measured.
    #[arg(long, default_value_t = 6)]
    intervals: u32,
    /// Where committed offsets are read: query, stream, or (when it isn't given) the one after the other.
    #[arg(long)]
    offsets: Option<String>,
    /// What cargo hands to benchmarks.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One row of the table.
struct Scale {
    group_partitions: usize,
    groups: usize,
    /// Groups that read the same topic: partitions are so many times fewer.
    readers: usize,
    granularity: &'static str,
}

const SCALES: [Scale; 4] = [
    Scale {
        group_partitions: 2_000,
        groups: 100,
        readers: 2,
        granularity: "partition",
    },
    Scale {
        group_partitions: 20_000,
        groups: 1_000,
        readers: 2,
        granularity: "partition",
    },
    Scale {
        group_partitions: 100_000,
        groups: 5_000,
        readers: 2,
        granularity: "partition",
    },
    Scale {
        group_partitions: 1_000_000,
        groups: 10_000,
        readers: 10,
        granularity: "topic",
    },
];

const BROKERS: u32 = 3;

/// What is counted.
const ASKED: [ApiKey; 13] = [
    ApiKey::ApiVersions,
    ApiKey::ConsumerGroupDescribe,
    ApiKey::DescribeConfigs,
    ApiKey::DescribeGroups,
    ApiKey::DescribeLogDirs,
    ApiKey::DescribeShareGroupOffsets,
    ApiKey::Fetch,
    ApiKey::FindCoordinator,
    ApiKey::ListGroups,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetFetch,
    ApiKey::ShareGroupDescribe,
];

/// The daemon, killed when this is dropped.
struct Daemon {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Daemon {
    fn start(bootstrap: &str, scale: &Scale, interval: u64, offsets: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lagslope.yaml");
        let brokers: Vec<String> = bootstrap.split(',').map(|b| format!("\"{b}\"")).collect();
        // All bounds out of the way: what is measured is what is asked for.
        let text = format!(
            "sample_interval: {interval}s\n\
             clusters:\n  - name: simulated\n    bootstrap_servers: [{}]\n    offsets: {offsets}\n    max_partitions: 2000000\n\
             metrics:\n  granularity: {}\n  max_series: 10000000\n",
            brokers.join(", "),
            scale.granularity
        );
        fs::write(&file, text).unwrap();
        // Free at this moment; nobody else on this machine takes ports that quickly.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let address = address.unwrap().to_string();
        let child = Command::new(env!("CARGO_BIN_EXE_lagslope"))
            .args(["run", "--web.listen-address", &address, "--config.file"])
            .arg(&file)
            // As the image and the unit run it.
            .env("MALLOC_ARENA_MAX", "1")
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        Self {
            child,
            address,
            _folder: folder,
        }
    }

    /// User and system time of all its threads, in seconds.
    fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name, which may hold anything, is in parentheses; times are the 14th and 15th field, in hundredths.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split(' ').collect();
        let ticks = |field: usize| fields[field - 2].parse::<f64>().unwrap();
        (ticks(14) + ticks(15)) / 100.0
    }

    fn mebibytes(&self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.unwrap().trim_matches([':', '\t', ' ', 'k', 'B']);
        kibibytes.parse::<f64>().unwrap() / 1024.0
    }
}

/// One scrape: how long until its last byte, how many there were, and its text.
struct Scrape {
    seconds: f64,
    bytes: usize,
    text: String,
}

async fn scrape(address: &str) -> Option<Scrape> {
    let request = reqwest::Client::new()
        .get(format!("http://{address}/metrics"))
        .header("Accept-Encoding", "gzip");
    let start = Instant::now();
    let body = request.send().await.ok()?.bytes().await.ok()?;
    let seconds = start.elapsed().as_secs_f64();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut GzDecoder::new(&body[..]), &mut text).ok()?;
    Some(Scrape {
        seconds,
        bytes: body.len(),
        text,
    })
}

/// What the simulated brokers were asked so far: by us, and by the client that reads the stream.
fn requests(simulator: &Running) -> BTreeMap<String, f64> {
    let asked = ASKED.iter().map(|api| {
        let count = simulator.requests(*api) as f64;
        (format!("{api:?}"), count)
    });
    asked.collect()
}

impl Scrape {
    fn series(&self, name: &str) -> usize {
        let lines = self.text.lines();
        lines.filter(|line| line.starts_with(name)).count()
    }
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs_f64()
}

async fn simulator(scale: &Scale) -> Running {
    let mut world = World::new(BROKERS, 1);
    let size = Size {
        groups: scale.groups.try_into().unwrap(),
        group_partitions: scale.group_partitions.try_into().unwrap(),
        readers: scale.readers.try_into().unwrap(),
    };
    // As if it had run for a day.
    world.add_scale(size, now() - 86_400.0);
    let settings = Settings::new(Arc::new(now));
    Simulator::start(world, settings).await.unwrap()
}

async fn measure(scale: &Scale, arguments: &Arguments, offsets: &str) {
    let simulator = simulator(scale).await;
    let interval = Duration::from_secs(arguments.interval);
    let bootstrap = simulator.bootstrap();
    let daemon = Daemon::start(&bootstrap, scale, arguments.interval, offsets);
    let first = first_scrape(&daemon, scale).await;
    let start = tokio::time::Instant::now();
    for n in 1..=arguments.warm_up {
        tokio::time::sleep_until(start + interval * n).await;
        let _as_prometheus_does = scrape(&daemon.address).await;
    }
    let (earlier, cpu) = (requests(&simulator), daemon.cpu_seconds());
    let mut scrapes = Vec::new();
    for n in 1..=arguments.intervals {
        tokio::time::sleep_until(start + interval * (arguments.warm_up + n)).await;
        scrapes.push(scrape(&daemon.address).await.unwrap());
    }
    let intervals = f64::from(arguments.intervals);
    let cpu = (daemon.cpu_seconds() - cpu) / intervals;
    let slowest = scrapes.iter().map(|s| s.seconds).fold(0.0, f64::max);
    let last = scrapes.last().unwrap();
    let requests: Vec<String> = requests(&simulator)
        .iter()
        .map(|(api, count)| (api, (count - earlier.get(api).unwrap_or(&0.0)) / intervals))
        .filter(|(_, count)| *count > 0.0)
        .map(|(api, count)| format!("{api} {count:.1}"))
        .collect();
    println!(
        "| {} ({}) {offsets} | {cpu:.3} | {:.0} / {:.0} MiB | {:.1} ms | {} kB | {} | {} |",
        scale.group_partitions,
        scale.groups,
        daemon.mebibytes("VmHWM"),
        daemon.mebibytes("VmRSS"),
        slowest * 1e3,
        last.bytes / 1000,
        last.text.lines().count(),
        requests.join(", "),
    );
    std::io::stdout().flush().unwrap();
    drop(first);
}

/// Waits until the daemon has read everything once.
async fn first_scrape(daemon: &Daemon, scale: &Scale) -> Scrape {
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let Some(scrape) = scrape(&daemon.address).await else {
            continue;
        };
        if scrape.series("lagslope_group_state{") == scale.groups {
            return scrape;
        }
    }
}

fn main() {
    let arguments = Arguments::parse();
    let chosen = |scale: &&Scale| {
        arguments.sizes.is_empty() || arguments.sizes.contains(&scale.group_partitions)
    };
    println!(
        "| group-partitions (groups) | CPU s per {} s | RSS, peak / now | scrape with gzip, slowest | its size | series | requests per interval |",
        arguments.interval
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.unwrap();
    let offsets = match &arguments.offsets {
        Some(one) => vec![one.as_str()],
        None => vec!["query", "stream"],
    };
    for scale in SCALES.iter().filter(chosen) {
        for offsets in &offsets {
            runtime.block_on(measure(scale, &arguments, offsets));
        }
    }
}

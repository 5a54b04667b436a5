//! A story as a recording: written in the format of `lagslope replay`, read and judged by what replays, published as the daemon
//! does. For what needs many partitions, retry topics or generations; one partition is told more easily by `stories::story`.

use std::fmt::Write;
use std::path::Path;

use lagslope::analysis::report::Report;
use lagslope::analysis::sample::Cycle;
use lagslope::config::Settings;
use lagslope::expose::board::Board;
use lagslope::expose::metrics::{Facts, Granularity, render};
use lagslope::replay;

use crate::expose::FOR_EVER;
use crate::stories::own_words;
use crate::stories::series::Series;
use crate::stories::story::{INTERVAL, OwnWords};

/// Of each partition.
const LOG_START: u64 = 0;

/// What arrives in a second is so much more or less than the mean: nothing real is a ruler.
const NOISE: f64 = 0.1;

/// What happens to each partition of the main topic.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Messages per second.
    pub(crate) produced: f64,
    /// Messages per second that the consumer can take.
    pub(crate) consumed: f64,
    /// A few partitions of which it can take only so much.
    pub(crate) slow: &'static [(usize, f64)],
    /// Seconds between commits.
    pub(crate) commits_every: u32,
    /// So many of the messages consumed are produced to the retry topic, as a share.
    pub(crate) retried: f64,
    /// Seconds between two times that the consumer goes back to where it was half a minute ago, in partition 0.
    pub(crate) rewinds_every: Option<u32>,
    /// Seconds between two rebalances.
    pub(crate) rebalances_every: Option<u32>,
}

/// Keeps up with 1,000 messages a second, and commits as consumers do when they aren't told otherwise.
pub(crate) const KEEPS_UP: Load = Load {
    produced: 1_000.0,
    consumed: 1_200.0,
    slow: &[],
    commits_every: 5,
    retried: 0.0,
    rewinds_every: None,
    rebalances_every: None,
};

/// A group on one topic, as CSV.
pub(crate) struct Recording {
    group: &'static str,
    topic: &'static str,
    text: String,
    seconds: u32,
    partitions: Vec<Partition>,
    /// Produced to the retry topic, which is read at once; a tenth of it is given up. Absent = there is none.
    retries: Option<f64>,
    generation: u64,
    seed: u64,
}

#[derive(Clone, Copy, Default)]
struct Partition {
    produced: f64,
    consumed: f64,
    committed: f64,
}

impl Recording {
    /// Of group `billing` on topic `orders`.
    pub(crate) fn new(partitions: usize) -> Self {
        Self::of("billing", "orders", partitions)
    }

    pub(crate) fn of(group: &'static str, topic: &'static str, partitions: usize) -> Self {
        Self {
            group,
            topic,
            text: String::new(),
            seconds: 0,
            partitions: vec![Partition::default(); partitions],
            retries: None,
            generation: 1,
            seed: 1,
        }
    }

    /// A line for whoever replays: `ceiling lag_messages=100000`, say; it is about this group and topic.
    pub(crate) fn with_ceiling(mut self, ceiling: &str) -> Self {
        let (group, topic) = (self.group, self.topic);
        writeln!(self.text, "#ceiling group={group} topic={topic} {ceiling}").expect("into memory");
        self
    }

    /// The topic has a retry and a dead-letter topic, of the usual names.
    pub(crate) fn with_retries(mut self) -> Self {
        self.retries = Some(0.0);
        self
    }

    pub(crate) fn runs(mut self, minutes: u32, load: Load) -> Self {
        for _ in 0..minutes * 60 {
            self.second(load);
            if self.seconds.is_multiple_of(INTERVAL) {
                self.sample();
            }
        }
        self
    }

    /// What a Prometheus gets to read that scrapes a daemon once a cycle.
    pub(crate) async fn series(self) -> Series {
        series(&[self]).await
    }

    fn second(&mut self, load: Load) {
        self.seconds += 1;
        let seconds = self.seconds;
        let is_due = |every: Option<u32>| every.is_some_and(|every| seconds.is_multiple_of(every));
        let mut retried = 0.0;
        for number in 0..self.partitions.len() {
            let noise = 1.0 + NOISE * self.noise();
            let slow = load.slow.iter().find(|(slow, _)| *slow == number);
            let consumed = slow.map_or(load.consumed, |(_, consumed)| *consumed);
            let partition = &mut self.partitions[number];
            partition.produced += load.produced * noise;
            let before = partition.consumed;
            partition.consumed = (before + consumed).min(partition.produced);
            retried += load.retried * (partition.consumed - before);
            if seconds.is_multiple_of(load.commits_every) {
                partition.committed = partition.consumed;
            }
        }
        if let Some(retries) = &mut self.retries {
            *retries += retried;
        }
        if is_due(load.rewinds_every) {
            let first = &mut self.partitions[0];
            first.consumed = (first.consumed - 30.0 * load.produced).max(0.0);
            first.committed = first.consumed;
        }
        self.generation += u64::from(is_due(load.rebalances_every));
    }

    fn sample(&mut self) {
        let name = self.topic.to_owned();
        for number in 0..self.partitions.len() {
            let Partition {
                produced,
                committed,
                ..
            } = self.partitions[number];
            self.row(&name, number, produced, committed);
        }
        if let Some(retries) = self.retries {
            self.row(&format!("{name}-retry"), 0, retries, retries);
            let given_up = retries / 10.0;
            self.row(&format!("{name}-dlt"), 0, given_up, given_up);
        }
    }

    fn row(&mut self, topic: &str, partition: usize, produced: f64, committed: f64) {
        let (seconds, group, generation) = (self.seconds, self.group, self.generation);
        let (end, committed) = (produced as u64, committed as u64);
        writeln!(
            self.text,
            "{seconds},prod,{group},{topic},{partition},{LOG_START},{end},{committed},{generation}"
        )
        .expect("into memory");
    }

    /// Between −1 and 1, the same in every run (xorshift).
    fn noise(&mut self) -> f64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// Several groups of one cluster, which are equally long.
pub(crate) async fn series(recordings: &[Recording]) -> Series {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("story.csv");
    std::fs::write(&file, text(recordings)).expect("room for a file");
    let words = own_words().await;
    Series::of(&pages(&file, &words))
}

/// The lines of all of them in order of time.
fn text(recordings: &[Recording]) -> String {
    let lines = || {
        recordings
            .iter()
            .flat_map(|recording| recording.text.lines())
    };
    let (directives, mut rows): (Vec<_>, Vec<_>) = lines().partition(|line| line.starts_with('#'));
    let second = |row: &&str| row.split(',').next().and_then(|t| t.parse::<u32>().ok());
    rows.sort_by_key(second);
    let header = "t,cluster,group,topic,partition,log_start,log_end,committed,generation";
    [directives, vec![header], rows].concat().join("\n")
}

fn pages(file: &Path, words: &OwnWords) -> Vec<Option<String>> {
    let settings = Settings {
        analysis: lagslope::analysis::Settings::new(f64::from(INTERVAL)).into(),
        ..Settings::without_clusters()
    };
    let mut reports: Vec<Report> = Vec::new();
    let replayed = replay::reports(file, &settings, |_, report| match reports.last_mut() {
        Some(last) if last.at == report.at => last.groups.extend(report.groups),
        _ => reports.push(report),
    });
    replayed.expect("a recording without faults");
    let board = Board::new(["prod".to_owned()]);
    let page = |mut report: Report| {
        // Nobody recorded how the reading went, and who was there: well, and three.
        for group in &mut report.groups {
            group.members = Some(3);
        }
        report.cycle = Cycle {
            up: true,
            groups: Some(report.groups.len() as u64),
            duration_seconds: 0.25,
            requests: vec![("OffsetFetch", (report.at / f64::from(INTERVAL)) as u64)],
            ..Cycle::default()
        };
        let facts = Facts {
            last_sample_at: Some(report.at),
            samples_skipped: vec![("overlap", 0), ("panic", 0)],
        };
        let fragment = render("prod", &report, &facts, Granularity::Topic);
        board.place("prod").post(fragment, FOR_EVER);
        board.publish();
        Some(board.text() + &words.own)
    };
    reports.into_iter().map(page).collect()
}

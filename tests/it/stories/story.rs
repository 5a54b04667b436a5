//! A story of one group on one topic, told to the daemon's own analysis cycle by cycle: what a Prometheus that scrapes once a
//! cycle gets to read.

use lagslope::analysis::report::Report;
use lagslope::analysis::sample::{
    Commits, Cycle, GroupSample, PartitionSample, Reading, Retention, Sample, Source, TopicCommits,
    TopicSample,
};
use lagslope::analysis::{Analysis, Ceilings, Rules, Settings};
use lagslope::expose::board::Board;
use lagslope::expose::metrics::{Facts, Granularity, render_within};

use super::series::Series;
use crate::expose::FOR_EVER;

/// Seconds between cycles, and between scrapes: the daemon's default.
pub(crate) const INTERVAL: u32 = 10;

/// How fast messages come and go.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// Messages per second produced.
    pub(crate) produced: f64,
    /// Messages per second that the consumer can take.
    pub(crate) consumed: f64,
    /// Seconds between commits.
    pub(crate) commits_every: u32,
}

/// What the daemon says about itself, on each page.
pub(crate) struct OwnWords {
    pub(crate) own: String,
    /// While its configuration is refused.
    pub(crate) refused: String,
}

/// What has been told so far.
pub(crate) struct Story {
    analysis: Analysis,
    ceilings: Ceilings,
    board: Board,
    facts: Facts,
    words: OwnWords,
    configuration_is_refused: bool,
    seconds: u32,
    produced: f64,
    consumed: f64,
    committed: f64,
    /// Where the log begins: deletion takes no whole segments in here.
    deleted: f64,
    /// What had been produced after each second.
    arrivals: Vec<f64>,
    retention: Option<Retention>,
    /// Requests that were refused for want of a right.
    refused: u64,
    /// What each scrape got; nothing when nobody answered.
    pages: Vec<Option<String>>,
}

impl Story {
    /// Begins with an empty topic.
    pub(crate) fn new(words: OwnWords, ceilings: Ceilings) -> Self {
        Self {
            analysis: analysis(Settings::new(f64::from(INTERVAL)), ceilings),
            ceilings,
            board: Board::new(["prod".to_owned()]),
            facts: Facts {
                last_sample_at: None,
                samples_skipped: vec![("overlap", 0), ("panic", 0)],
            },
            words,
            configuration_is_refused: false,
            seconds: 0,
            produced: 0.0,
            consumed: 0.0,
            committed: 0.0,
            deleted: 0.0,
            arrivals: Vec::new(),
            retention: None,
            refused: 0,
            pages: Vec::new(),
        }
    }

    /// Settings in which a ceiling is near when it is this many seconds away. Before the first cycle.
    pub(crate) fn critical_within(mut self, seconds: f64) -> Self {
        let settings = Settings {
            critical_eta_seconds: seconds,
            ..Settings::new(f64::from(INTERVAL))
        };
        self.analysis = analysis(settings, self.ceilings);
        self
    }

    /// The topic deletes messages when they are so old, at once. Before the first cycle.
    pub(crate) fn keeps_for(mut self, seconds: u32) -> Self {
        self.retention = Some(Retention {
            seconds: Some(f64::from(seconds)),
            bytes: None,
            compacted: false,
        });
        self
    }

    /// The page holds so many series. Before the first cycle.
    pub(crate) fn page_holds(self, max_series: usize) -> Self {
        self.board.bound(max_series);
        self
    }

    /// Cycles as usual.
    pub(crate) fn runs(mut self, minutes: u32, pace: Pace) -> Self {
        for _ in 0..cycles(minutes) {
            self.advance(pace);
            self.cycle();
            self.scrape();
        }
        self
    }

    /// Reading takes so long that every second cycle is skipped.
    pub(crate) fn skips_every_second_cycle(mut self, minutes: u32, pace: Pace) -> Self {
        for _ in 0..cycles(minutes) / 2 {
            self.advance(pace);
            self.cycle();
            self.scrape();
            self.advance(pace);
            self.facts.samples_skipped[0].1 += 1;
            self.scrape();
        }
        self
    }

    /// The group's coordinator doesn't answer: what is known of its commits grows old.
    pub(crate) fn coordinator_is_silent(mut self, minutes: u32, pace: Pace) -> Self {
        for _ in 0..cycles(minutes) {
            self.advance(pace);
            let mut sample = self.sample();
            sample.groups[0].commits = None;
            self.take(sample);
            self.scrape();
        }
        self
    }

    /// The requests are too few for the log starts.
    pub(crate) fn log_starts_have_no_room(mut self, minutes: u32, pace: Pace) -> Self {
        for _ in 0..cycles(minutes) {
            self.advance(pace);
            let mut sample = self.sample();
            sample.topics[0].partitions[0].log_start = None;
            self.take(sample);
            self.scrape();
        }
        self
    }

    /// No broker answers.
    pub(crate) fn cluster_is_down(mut self, minutes: u32) -> Self {
        for _ in 0..cycles(minutes) {
            self.seconds += INTERVAL;
            let report = Report {
                at: f64::from(self.seconds),
                groups: Vec::new(),
                cycle: Cycle::default(),
            };
            self.publish(&report);
            self.scrape();
        }
        self
    }

    /// Kafka lists no group any more.
    pub(crate) fn groups_vanish(mut self, minutes: u32, pace: Pace) -> Self {
        for _ in 0..cycles(minutes) {
            self.advance(pace);
            let mut sample = self.sample();
            sample.groups.clear();
            sample.cycle.groups = Some(0);
            self.take(sample);
            self.scrape();
        }
        self
    }

    /// Commits can be read nowhere.
    pub(crate) fn commits_are_unread(mut self, minutes: u32, pace: Pace) -> Self {
        for _ in 0..cycles(minutes) {
            self.advance(pace);
            let mut sample = self.sample();
            sample.cycle.offsets.source = Source::None;
            for group in &mut sample.groups {
                group.commits = None;
            }
            self.take(sample);
            self.scrape();
        }
        self
    }

    /// Each cycle one request is refused for want of a right.
    pub(crate) fn asks_in_vain(mut self, minutes: u32, pace: Pace) -> Self {
        for _ in 0..cycles(minutes) {
            self.refused += 1;
            self.advance(pace);
            self.cycle();
            self.scrape();
        }
        self
    }

    /// A cycle that never ends: the page stays as it was.
    pub(crate) fn cycle_hangs(mut self, minutes: u32) -> Self {
        for _ in 0..cycles(minutes) {
            self.seconds += INTERVAL;
            self.scrape();
        }
        self
    }

    /// The cluster's task panics, and starts over with nothing.
    pub(crate) fn a_bug_ends_the_watch(mut self) -> Self {
        self.facts.samples_skipped[1].1 += 1;
        self.starts_over()
    }

    /// The daemon was started again: it knows nothing.
    pub(crate) fn starts_over(mut self) -> Self {
        self.analysis = analysis(Settings::new(f64::from(INTERVAL)), self.ceilings);
        self
    }

    /// What was read is too old to be repeated.
    pub(crate) fn page_is_taken_down(self) -> Self {
        self.board.place("prod").take_down();
        self.board.publish();
        self
    }

    /// The configuration is read again, and has a fault.
    pub(crate) fn configuration_is_refused(mut self) -> Self {
        self.configuration_is_refused = true;
        self
    }

    /// The configuration is read again, and is in force.
    pub(crate) fn configuration_is_mended(mut self) -> Self {
        self.configuration_is_refused = false;
        self
    }

    /// The daemon doesn't answer.
    pub(crate) fn daemon_is_down(mut self, minutes: u32) -> Self {
        for _ in 0..cycles(minutes) {
            self.seconds += INTERVAL;
            self.pages.push(None);
        }
        self
    }

    /// All that was scraped, as series.
    pub(crate) fn series(&self) -> Series {
        Series::of(&self.pages)
    }

    fn advance(&mut self, pace: Pace) {
        for _ in 0..INTERVAL {
            self.seconds += 1;
            self.produced += pace.produced;
            self.arrivals.push(self.produced);
            self.deleted = self.log_start();
            self.consumed = (self.consumed + pace.consumed).min(self.produced);
            if self.seconds.is_multiple_of(pace.commits_every) {
                self.committed = self.consumed;
            }
        }
    }

    /// What had been produced one retention time ago.
    fn log_start(&self) -> f64 {
        let kept = self.retention.and_then(|retention| retention.seconds);
        let before = kept.and_then(|kept| self.arrivals.len().checked_sub(kept as usize + 1));
        before.map_or(0.0, |second| self.arrivals[second])
    }

    fn cycle(&mut self) {
        let sample = self.sample();
        self.take(sample);
    }

    fn take(&mut self, sample: Sample) {
        self.facts.last_sample_at = Some(sample.at);
        let report = self.analysis.observe(sample);
        self.publish(&report);
    }

    fn publish(&self, report: &Report) {
        let (room, granularity) = (self.board.room(), Granularity::Topic);
        let fragment = render_within(room, "prod", report, &self.facts, granularity);
        self.board.place("prod").post(fragment, FOR_EVER);
        self.board.publish();
    }

    fn scrape(&mut self) {
        let own = if self.configuration_is_refused {
            &self.words.refused
        } else {
            &self.words.own
        };
        self.pages.push(Some(self.board.text() + own));
    }

    /// Commits and log ends read in one instant: the order of reading is the analysis' own test.
    fn sample(&self) -> Sample {
        let at = f64::from(self.seconds);
        let reading = |messages: f64| {
            Some(Reading {
                offset: messages as u64,
                at,
            })
        };
        let topic = TopicSample {
            name: "orders".into(),
            id: Some(1),
            retention: self.retention,
            partitions: vec![PartitionSample {
                log_start: reading(self.deleted),
                log_end: reading(self.produced),
            }],
            ..TopicSample::default()
        };
        let commits = TopicCommits {
            topic: 0,
            partitions: vec![(0, self.committed as u64)],
            edges: None,
        };
        let group = GroupSample {
            name: "billing".into(),
            state: Some("Stable".into()),
            kind: Some("classic".into()),
            members: Some(3),
            generation: None,
            commits: Some(Commits {
                at,
                topics: vec![commits],
            }),
        };
        Sample {
            began: at,
            at,
            topics: vec![topic],
            pasts: Vec::new(),
            groups: vec![group],
            cycle: Cycle {
                up: true,
                groups: Some(1),
                duration_seconds: 0.25,
                requests: vec![("OffsetFetch", u64::from(self.seconds / INTERVAL))],
                errors: self.errors(),
                ..Cycle::default()
            },
        }
    }
}

impl Story {
    /// Absent until there is one.
    fn errors(&self) -> Vec<(&'static str, &'static str, u64)> {
        let refused = (self.refused > 0).then_some(self.refused);
        let error = |count| ("DescribeConfigs", "topic_authorization_failed", count);
        refused.map(error).into_iter().collect()
    }
}

fn analysis(settings: Settings, ceilings: Ceilings) -> Analysis {
    Analysis::new(Rules::new(settings, ceilings).for_all(), Box::new(|_| None))
}

fn cycles(minutes: u32) -> u32 {
    minutes * 60 / INTERVAL
}

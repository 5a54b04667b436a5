//! The course of one fault as it was seen from outside, and as a line of the evidence.

use super::judge::Answer;
use super::look::{Look, Looks};
use super::rest::AtRest;

/// All is right again so many sample intervals after Kafka's own tool says so, at the latest.
const INTERVALS_MAX: f64 = 2.5;

/// A scrape that takes longer has failed its user.
const SCRAPE_SECONDS_MAX: f64 = 1.0;

/// When a fault began, when its last act was done, and until when it was watched: seconds since the epoch.
pub(super) struct Span {
    pub(super) name: &'static str,
    pub(super) steady: bool,
    pub(super) began: f64,
    pub(super) ended: f64,
    pub(super) watched_until: f64,
}

/// What was seen of it.
pub(super) struct Course {
    pub(super) span: Span,
    looks: Vec<Seen>,
    tool: Vec<Answer>,
    interval: f64,
}

/// A scrape, judged.
struct Seen {
    at: f64,
    took: f64,
    failed: bool,
    absent: usize,
    whole: bool,
    compared: usize,
    wrong: Vec<String>,
}

impl Course {
    pub(super) fn new(
        span: Span,
        looks: &Looks,
        tool: Vec<Answer>,
        rest: &AtRest,
        interval: f64,
    ) -> Self {
        let mut seen = looks.since(span.began, |look| Seen::of(look, rest));
        seen.retain(|seen| seen.at <= span.watched_until);
        Self {
            span,
            looks: seen,
            tool,
            interval,
        }
    }

    pub(super) const HEADING: &str = "fault | scrapes | values | wrong | absent: mean, most, of 180 | longest scrape | \
        right while it lasted: tool, daemon | right after its end: tool, daemon | behind the tool\n";

    pub(super) fn line(&self) -> String {
        let lasting = self.looks.iter().filter(|look| look.at <= self.span.ended);
        let absent: Vec<usize> = lasting.map(|look| look.absent).collect();
        let mean = absent.iter().sum::<usize>() as f64 / absent.len().max(1) as f64;
        let (while_it_lasts, after) = (self.while_it_lasts(), self.after());
        format!(
            "{} | {} | {} | {} | {mean:.0}, {} | {:.0} ms | {}, {} | {}, {} | {}\n",
            self.span.name,
            self.looks.len(),
            self.looks.iter().map(|look| look.compared).sum::<usize>(),
            self.wrong().len(),
            absent.iter().max().unwrap_or(&0),
            1000.0 * self.longest_scrape(),
            told(while_it_lasts.tool),
            told(while_it_lasts.daemon),
            told(after.tool),
            told(after.daemon),
            after.behind().map_or("never".to_owned(), |seconds| {
                format!("{:+.1} intervals", seconds / self.interval)
            }),
        )
    }

    pub(super) fn wrong(&self) -> Vec<&String> {
        self.looks.iter().flat_map(|look| &look.wrong).collect()
    }

    /// Each way in which it was not as promised.
    pub(super) fn broken_promises(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let name = self.span.name;
        if let [first, ..] = *self.wrong() {
            broken.push(format!(
                "{name}: {} wrong values: {first}",
                self.wrong().len()
            ));
        }
        let failed = self.looks.iter().filter(|look| look.failed).count();
        if failed > 0 || self.longest_scrape() > SCRAPE_SECONDS_MAX {
            let longest = self.longest_scrape();
            broken.push(format!(
                "{name}: {failed} scrapes failed, the longest took {longest:.1} s"
            ));
        }
        let late = |behind: Option<f64>| behind.is_none_or(|s| s > INTERVALS_MAX * self.interval);
        let after = self.after();
        if late(after.behind()) {
            broken.push(format!("{name}: right again too late: {after:?}"));
        }
        let lasting = self.while_it_lasts();
        let time_left = lasting
            .tool
            .is_some_and(|s| self.span.began + s + INTERVALS_MAX * self.interval < self.span.ended);
        if self.span.steady && time_left && late(lasting.behind()) {
            broken.push(format!(
                "{name}: right too late while it lasted: {lasting:?}"
            ));
        }
        broken
    }

    /// How many group-partitions were absent, scrape by scrape, in seconds from the beginning.
    pub(super) fn absences(&self) -> String {
        let began = self.span.began;
        let looks = self.looks.iter();
        let one = |look: &Seen| format!("{:.0}s:{}", look.at - began, look.absent);
        let looks: Vec<String> = looks.map(one).collect();
        let ended = self.span.ended - began;
        format!(
            "{} (ended after {ended:.0} s): {}\n",
            self.span.name,
            looks.join(" ")
        )
    }

    fn longest_scrape(&self) -> f64 {
        self.looks.iter().map(|look| look.took).fold(0.0, f64::max)
    }

    fn while_it_lasts(&self) -> Right {
        self.right(self.span.began, self.span.ended)
    }

    fn after(&self) -> Right {
        self.right(self.span.ended, self.span.watched_until)
    }

    fn right(&self, from: f64, until: f64) -> Right {
        let tool = self.tool.iter().map(|answer| (answer.at, answer.whole));
        let looks = self.looks.iter().map(|look| (look.at, look.whole));
        // The tool's first right answer counts: it may fail again, by the node that it happens to ask first.
        let mut told = tool.filter(|(at, whole)| *whole && (from..=until).contains(at));
        Right {
            tool: told.next().map(|(at, _)| at - from),
            daemon: right_since(looks, from, until),
        }
    }
}

/// Seconds from a moment until the tool was right, and until the daemon was and stayed so.
#[derive(Clone, Copy, Debug)]
struct Right {
    tool: Option<f64>,
    daemon: Option<f64>,
}

impl Right {
    /// Seconds by which the daemon is later than the tool; absent when one of them never was right.
    fn behind(self) -> Option<f64> {
        Some(self.daemon? - self.tool?)
    }
}

fn right_since(looks: impl Iterator<Item = (f64, bool)>, from: f64, until: f64) -> Option<f64> {
    let mut since = None;
    for (at, whole) in looks.filter(|(at, _)| (from..=until).contains(at)) {
        since = if whole { since.or(Some(at)) } else { None };
    }
    since.map(|at| at - from)
}

fn told(seconds: Option<f64>) -> String {
    seconds.map_or("not".to_owned(), |seconds| format!("{seconds:.0} s"))
}

impl Seen {
    fn of(look: &Look, rest: &AtRest) -> Self {
        let verdict = look.page.as_ref().map(|page| rest.judge(page, look.began));
        let failed = verdict.is_none();
        let verdict = verdict.unwrap_or_default();
        Self {
            at: look.began,
            took: look.took.as_secs_f64(),
            failed,
            absent: if failed { rest.count() } else { verdict.absent },
            whole: !failed && verdict.missing == 0 && verdict.wrong.is_empty(),
            compared: verdict.compared,
            wrong: verdict.wrong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::right_since;

    #[test]
    fn what_is_right_for_a_moment_only_does_not_count() {
        let cases = [
            (vec![(12.0, true), (15.0, true)], Some(2.0)),
            (vec![(12.0, true), (15.0, false), (20.0, true)], Some(10.0)),
            (vec![(12.0, true), (15.0, false)], None),
            (vec![(9.0, true)], None),
        ];
        for (looks, expected) in cases {
            let since = right_since(looks.iter().copied(), 10.0, 30.0);
            assert_eq!(since, expected, "{looks:?}");
        }
    }
}

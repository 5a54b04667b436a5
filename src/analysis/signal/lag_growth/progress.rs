//! When messages wait and when commits advance: the stall clock, and the group's habits.

use super::level::Habits;
use super::profile::Profile;
use super::usual::Usual;
use crate::analysis::evidence::Compared;
use crate::analysis::learned;
use crate::analysis::sample::Time;

/// Rebalances and deploys pause for so long. Learned at once: a stop after one is called within 1.5 times that, all the same.
const SHORT_GAP_SECONDS: f64 = 300.0;

/// Both ends of what waits, at one moment, in messages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ends {
    pub(super) t: Time,
    pub(super) log_end: f64,
    pub(super) committed: f64,
}

#[derive(Clone, Debug)]
pub(super) struct Progress {
    born: Time,
    pub(super) usual: Usual,
    /// The sample before the first arrival after the last progress: idle time is no gap.
    pub(super) waiting_since: Option<Time>,
    pub(super) log_end_at_progress: f64,
    advances: u32,
    longest_gap: f32,
    pub(super) stalled: bool,
    /// It may have stopped: for a group with habits that would be a stall by now, and of this one nobody knows them yet.
    pub(super) undecided: bool,
    /// Messages that arrived since the sample before the last.
    arrived: f32,
    /// The longest gap that ended in time, of this bucket of time and of the one before, in seconds.
    ordinary_gap: f32,
    ordinary_gap_before: f32,
    /// The longest that was called a stall, of this bucket of time, in seconds.
    called_gap: f32,
}

impl Progress {
    pub(super) fn new(first: Ends) -> Self {
        Self {
            born: first.t,
            usual: Usual::default(),
            waiting_since: None,
            log_end_at_progress: first.log_end,
            advances: 0,
            longest_gap: 0.0,
            stalled: false,
            undecided: false,
            arrived: 0.0,
            ordinary_gap: 0.0,
            ordinary_gap_before: 0.0,
            called_gap: 0.0,
        }
    }

    pub(super) fn sample(&mut self, before: Ends, now: Ends, p: &Profile) {
        self.usual.sample(before, now, p);
        if now.committed > before.committed {
            self.note_gap(now.t, p);
            self.advances = self.advances.saturating_add(1);
            self.caught_up(now.log_end);
        } else if now.log_end <= now.committed {
            self.caught_up(now.log_end);
        } else if self.waiting_since.is_none() && now.log_end > self.log_end_at_progress {
            self.waiting_since = Some(before.t);
        }
    }

    /// Once stalled, only progress ends it: the producer may stop meanwhile, and the messages still wait.
    pub(super) fn judge_stall(&mut self, before: Ends, now: Ends, p: &Profile) {
        self.undecided = false;
        self.arrived = (now.log_end - before.log_end) as f32;
        let Some(since) = self.waiting_since else {
            return;
        };
        let [waits, enough, waited, arrives] = self.stall(now, p);
        let enough_waits = waits.holds() && enough.holds();
        self.stalled |= enough_waits && waited.holds() && arrives.holds();
        self.undecided = enough_waits
            && now.t - since >= p.stall_seconds
            && !self.stalled
            && !self.habits(now.t, p).known;
    }

    /// What makes a stall, as of the last sample.
    pub(super) fn stall(&self, now: Ends, p: &Profile) -> [Compared; 4] {
        let waited = self.waiting_since.map(|since| now.t - since);
        let waiting = now.log_end - self.log_end_at_progress;
        let asked = [
            Compared::above("lag_messages", now.log_end - now.committed, 0.0),
            Compared::at_least("arrived_meanwhile_messages", waiting, p.rise_messages),
            Compared::at_least("waited_seconds", waited, self.stall_limit(now.t, p)),
            Compared::above("arrived_now_messages", f64::from(self.arrived), 0.0),
        ];
        if self.stalled {
            asked.map(Compared::decided_before)
        } else {
            asked
        }
    }

    pub(super) fn habits(&self, t: Time, p: &Profile) -> Habits {
        let young = t - self.born < p.young_seconds;
        let regular = self.advances as usize >= p.habit_commits
            && f64::from(self.longest_gap) <= p.habit_gap_seconds;
        Habits {
            young,
            known: !young || regular,
            usual_rate: self.usual.rate,
            usual_pauses: self.usual.pauses.into(),
        }
    }

    /// The levels and their bucket are another's to tell.
    pub(super) fn learned(&self, t: Time) -> learned::Series {
        learned::Series {
            watched_seconds: (t - self.born) as f32,
            advances: self.advances,
            longest_gap_seconds: self.longest_gap,
            ordinary_gap_seconds: [self.ordinary_gap, self.ordinary_gap_before],
            ..learned::Series::default()
        }
    }

    /// Takes over what was learned before a restart. In between nobody watched: that counts neither as age nor as a gap.
    pub(super) fn remember(&mut self, learned: &learned::Series) {
        self.born -= f64::from(learned.watched_seconds);
        self.advances = self.advances.saturating_add(learned.advances);
        self.longest_gap = self.longest_gap.max(learned.longest_gap_seconds);
        let [gap, before] = learned.ordinary_gap_seconds;
        self.ordinary_gap = self.ordinary_gap.max(gap);
        self.ordinary_gap_before = self.ordinary_gap_before.max(before);
    }

    /// As if it were seen for the first time; what waits goes on waiting.
    pub(super) fn forget_learned(&mut self, t: Time) {
        self.born = t;
        self.advances = 0;
        self.longest_gap = 0.0;
        (self.ordinary_gap, self.ordinary_gap_before) = (0.0, 0.0);
        self.called_gap = 0.0;
    }

    pub(super) fn turn_bucket(&mut self) {
        self.ordinary_gap_before = std::mem::take(&mut self.ordinary_gap);
        self.called_gap = 0.0;
    }

    fn note_gap(&mut self, t: Time, p: &Profile) {
        let Some(since) = self.waiting_since else {
            return;
        };
        let gap = t - since;
        self.longest_gap = self.longest_gap.max(gap as f32);
        // The first gap began before we looked, and one of an hour is an incident.
        if self.advances > 0 && gap <= p.recovery_seconds {
            let ordinary = if self.stalled {
                self.confirmed(gap)
            } else {
                gap
            };
            self.ordinary_gap = self.ordinary_gap.max(ordinary as f32);
        }
    }

    /// Of a gap that was called, what is taken for ordinary: a short one as it is, and of a longer one what another of this bucket
    /// of time bears out. A stop that somebody mended is no habit, and must not silence the next.
    fn confirmed(&mut self, gap: f64) -> f64 {
        let before = f64::from(self.called_gap);
        self.called_gap = before.max(gap) as f32;
        gap.min(before.max(SHORT_GAP_SECONDS))
    }

    fn caught_up(&mut self, log_end: f64) {
        self.log_end_at_progress = log_end;
        self.waiting_since = None;
        self.stalled = false;
    }

    fn stall_limit(&self, t: Time, p: &Profile) -> f64 {
        let ordinary = f64::from(self.ordinary_gap.max(self.ordinary_gap_before));
        let limit = p.stall_seconds.max(p.stall_gap_factor * ordinary);
        if self.habits(t, p).known {
            limit
        } else {
            limit.max(p.cold_span_seconds)
        }
    }
}

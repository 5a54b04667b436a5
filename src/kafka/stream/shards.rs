//! The partitions of `__consumer_offsets` from cycle to cycle: where each of them ends, whether it was read so far, and whether that can be
//! relied on. Pure.

use std::sync::Arc;

use tokio::time::Instant;

use super::ledger::{Ledger, Millis};

/// A shard that wasn't read in time has to be for twice as many cycles before it is relied on again, up to so many.
const PROBATION_MAX: u8 = 30;

/// After so many it has made up for it.
const PROVEN: u8 = 60;

/// All of them.
#[derive(Default)]
pub(super) struct Shards(Vec<Shard>);

#[derive(Clone, Copy)]
struct Shard {
    /// As its leader said in this cycle, and when.
    end: Option<(u64, Instant)>,
    /// In the cycle before.
    end_before: Option<u64>,
    /// It was read so far when this cycle began: it can't end before that.
    read_before: Option<u64>,
    /// It was read to its end.
    is_complete: bool,
    /// For so many cycles in a row.
    cycles: u8,
    /// So many are needed.
    probation: u8,
}

impl Shard {
    const NEW: Self = Self {
        end: None,
        end_before: None,
        read_before: None,
        is_complete: false,
        cycles: 0,
        probation: 1,
    };

    fn judge(&mut self, is_complete: bool) {
        if is_complete {
            self.cycles = self.cycles.saturating_add(1);
            if self.cycles >= PROVEN {
                self.probation = 1;
            }
        } else if self.cycles > 0 {
            self.cycles = 0;
            self.probation = self.probation.saturating_mul(2).min(PROBATION_MAX);
        }
        self.is_complete = is_complete;
    }
}

/// What a cycle came to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Judged {
    /// So many that were read to their ends in the last cycle weren't in this one.
    pub(super) fell_behind: usize,
    /// One ends before what was read of it: that is another log.
    pub(super) has_shrunk: bool,
    /// Some have an end and aren't read at all.
    pub(super) are_unread: bool,
}

impl Shards {
    /// A cycle begins, with so many of them.
    pub(super) fn begin_cycle(&mut self, count: usize, ledger: Option<&Ledger>) {
        self.0.resize(count, Shard::NEW);
        for (number, shard) in self.0.iter_mut().enumerate() {
            shard.end_before = shard.end.take().map(|(end, _)| end);
            shard.read_before = ledger.and_then(|ledger| ledger.position(number));
        }
    }

    /// The first metadata comes in the middle of the first cycle.
    pub(super) fn meet(&mut self, count: usize) {
        if self.0.is_empty() {
            self.0.resize(count, Shard::NEW);
        }
    }

    /// Another reading knows nothing of what was read before.
    pub(super) fn begin_reading(&mut self) {
        for shard in &mut self.0 {
            (shard.is_complete, shard.cycles, shard.read_before) = (false, 0, None);
        }
    }

    /// Takes where one ends. Should two brokers say so, the farther end is the one to reach.
    pub(super) fn hear(&mut self, number: usize, end: u64, at: Instant) {
        if let Some(shard) = self.0.get_mut(number)
            && shard.end.is_none_or(|(known, _)| known < end)
        {
            shard.end = Some((end, at));
        }
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Those whose end was told.
    pub(super) fn ends(&self) -> Vec<(usize, u64)> {
        let shards = self.0.iter().enumerate();
        let ends = shards.filter_map(|(number, shard)| Some((number, shard.end?.0)));
        ends.collect()
    }

    /// Those that are worth waiting for: read by now to where they ended in the cycle before.
    pub(super) fn near(&self, ledger: &Ledger) -> Vec<(usize, u64)> {
        let ends = self.ends().into_iter();
        ends.filter(|(number, _)| {
            let before = self.0[*number].end_before;
            before.is_some_and(|before| ledger.has_reached(*number, before))
        })
        .collect()
    }

    /// Notes which are read to their ends by now.
    pub(super) fn judge(
        &mut self,
        ledger: &mut Ledger,
        wall_ms: impl Fn(Instant) -> Millis,
    ) -> Judged {
        let mut judged = Judged::default();
        // Until its beginning is found nothing is.
        let has_begun = (0..self.0.len()).any(|number| ledger.position(number).is_some());
        for (number, shard) in self.0.iter_mut().enumerate() {
            let reached = shard
                .end
                .filter(|(end, _)| ledger.has_reached(number, *end));
            if let Some((end, at)) = reached {
                judged.has_shrunk |= shard.read_before.is_some_and(|read| end < read);
                ledger.note_complete(number, wall_ms(at));
            }
            let is_unread = shard.end.is_some() && ledger.position(number).is_none();
            judged.are_unread |= has_begun && is_unread;
            judged.fell_behind += usize::from(shard.is_complete && reached.is_none());
            shard.judge(reached.is_some());
        }
        judged
    }

    /// Those that ended somewhere and weren't read so far.
    pub(super) fn behind(&self) -> impl Iterator<Item = usize> {
        let shards = self.0.iter().enumerate();
        let behind = shards.filter(|(_, shard)| shard.end_before.is_some() && !shard.is_complete);
        behind.map(|(number, _)| number)
    }

    /// Since when all that was committed in it is told; absent when it wasn't read to its end.
    pub(super) fn complete_at(&self, number: usize) -> Option<Instant> {
        let shard = self.0.get(number).filter(|shard| shard.is_complete)?;
        shard.end.map(|(_, at)| at)
    }

    pub(super) fn are_any_complete(&self) -> bool {
        self.0.iter().any(|shard| shard.is_complete)
    }

    /// Those whose groups need not be asked for.
    pub(super) fn relied_on(&self) -> Arc<[bool]> {
        let shards = self.0.iter();
        shards
            .map(|shard| shard.is_complete && shard.cycles >= shard.probation)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycle(shards: &mut Shards, ledger: &mut Ledger, end: Option<u64>) -> Judged {
        shards.begin_cycle(1, Some(ledger));
        if let Some(end) = end {
            shards.hear(0, end, Instant::now());
        }
        shards.judge(ledger, |_| 0)
    }

    #[test]
    fn a_shard_that_falls_behind_again_and_again_is_relied_on_ever_later() {
        let (mut shards, mut ledger) = (Shards::default(), Ledger::new(1, 0));
        ledger.advance(0, 10);
        let mut relied = String::new();
        for end in [10, 11, 10, 10, 11, 10, 10, 10, 10, 10] {
            let fell = cycle(&mut shards, &mut ledger, Some(end)).fell_behind;
            let is_relied_on = shards.relied_on()[0];
            relied.push(if is_relied_on { 'y' } else { 'n' });
            assert_eq!(fell == 1, end == 11, "{relied}");
        }
        assert_eq!(relied, "ynnynnnnyy");
    }

    #[test]
    fn without_an_end_nothing_is_complete() {
        let (mut shards, mut ledger) = (Shards::default(), Ledger::new(1, 0));
        ledger.advance(0, 10);
        cycle(&mut shards, &mut ledger, Some(10));
        assert!(shards.complete_at(0).is_some());
        let judged = cycle(&mut shards, &mut ledger, None);
        assert_eq!((judged.fell_behind, shards.complete_at(0)), (1, None));
    }

    #[test]
    fn a_log_that_ends_before_what_was_read_of_it_is_another() {
        let (mut shards, mut ledger) = (Shards::default(), Ledger::new(1, 0));
        ledger.advance(0, 10);
        assert!(!cycle(&mut shards, &mut ledger, Some(10)).has_shrunk);
        assert!(cycle(&mut shards, &mut ledger, Some(9)).has_shrunk);
    }

    #[test]
    fn what_was_not_asked_for_is_not_taken_and_of_two_ends_the_farther_counts() {
        let mut shards = Shards::default();
        shards.begin_cycle(2, None);
        shards.hear(7, 1, Instant::now());
        shards.hear(1, 5, Instant::now());
        shards.hear(1, 4, Instant::now());
        assert_eq!(shards.ends(), [(1, 5)]);
    }

    #[test]
    fn one_that_stood_still_is_not_waited_for() {
        let (mut shards, mut ledger) = (Shards::default(), Ledger::new(1, 0));
        ledger.advance(0, 10);
        cycle(&mut shards, &mut ledger, Some(12));
        shards.begin_cycle(1, Some(&ledger));
        shards.hear(0, 15, Instant::now());
        assert_eq!(shards.near(&ledger), []);
        ledger.advance(0, 12);
        assert_eq!(shards.near(&ledger), [(0, 15)]);
    }

    #[test]
    fn one_with_an_end_that_nobody_reads_is_told_once_reading_has_begun() {
        let (mut shards, mut ledger) = (Shards::default(), Ledger::new(2, 0));
        let mut cycle = |ledger: &mut Ledger, end: Option<u64>| {
            shards.begin_cycle(2, Some(ledger));
            end.into_iter()
                .for_each(|end| shards.hear(0, end, Instant::now()));
            shards.judge(ledger, |_| 0).are_unread
        };
        assert!(!cycle(&mut ledger, Some(12)), "its beginning is looked for");
        ledger.advance(1, 7);
        assert!(cycle(&mut ledger, Some(12)));
        assert!(!cycle(&mut ledger, None));
    }
}

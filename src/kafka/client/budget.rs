//! How much a broker is asked in one cycle: five requests, whatever there is to ask.

/// Requests to a broker in a cycle: groups, commits, share groups' offsets where it has any, log ends, log starts, and what
/// is left for one more.
pub(crate) const BUDGET: u32 = 5;

/// Log ends and log starts, which come after all that groups are asked for.
const ENDS_AND_STARTS: u32 = 2;

/// What was asked of a broker in this cycle.
#[derive(Default)]
pub(crate) struct Budget {
    /// Regular questions, each once: batches beyond the first (more than 500 groups, more than 20,000 partitions) count as one.
    regular: Vec<&'static str>,
    /// Requests besides them.
    more: u32,
    /// A seldom question found no room.
    unserved: bool,
    /// One found none in the cycle before: a broker whose groups take two questions would never have room for it.
    owed: bool,
}

impl Budget {
    pub(crate) fn begin_cycle(&mut self) {
        *self = Self {
            owed: self.unserved,
            ..Self::default()
        };
    }

    /// A regular question is asked.
    pub(crate) fn count_regular(&mut self, api: &'static str) {
        if !self.regular.contains(&api) {
            self.regular.push(api);
        }
    }

    /// What was asked until now by this question was about something else than usual: its regular turn is still to come.
    pub(crate) fn set_apart(&mut self, api: &'static str) {
        let before = self.regular.len();
        self.regular.retain(|asked| *asked != api);
        self.more += (before - self.regular.len()) as u32;
    }

    /// So many requests besides.
    pub(crate) fn count(&mut self, requests: u32) {
        self.more += requests;
    }

    /// Room for so many more requests, after the regular ones.
    pub(crate) fn has_room_for(&mut self, requests: u32) -> bool {
        let has_room = self.asked() + requests <= BUDGET;
        self.unserved |= !has_room;
        has_room
    }

    /// Log starts are the one regular question that can wait: they give way to a seldom question that is owed.
    pub(crate) fn log_starts_fit(&self) -> bool {
        self.asked() + ENDS_AND_STARTS + u32::from(self.owed) <= BUDGET
    }

    fn asked(&self) -> u32 {
        self.regular.len() as u32 + self.more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cycles of a broker that is asked these for its groups, with a seldom question due in each: were log starts asked, was that?
    fn cycles(of_groups: &[&'static str], first_costs: u32) -> Vec<(bool, bool)> {
        let mut budget = Budget::default();
        let cycle = |number| {
            budget.begin_cycle();
            budget.count(if number == 0 { first_costs } else { 0 });
            of_groups.iter().for_each(|api| budget.count_regular(api));
            let starts = budget.log_starts_fit();
            budget.count_regular("ListOffsets");
            budget.count(u32::from(starts));
            let seldom = budget.has_room_for(1);
            budget.count(u32::from(seldom));
            assert!(budget.asked() <= BUDGET, "{}", budget.asked());
            (starts, seldom)
        };
        (0..4).map(cycle).collect()
    }

    #[test]
    fn every_question_has_its_turn_within_the_budget() {
        let both = (true, true);
        let (starts, seldom) = ((true, false), (false, true));
        let usual = cycles(&["ListGroups", "OffsetFetch"], 0);
        assert_eq!(usual, [both; 4], "five requests");
        let greeted = cycles(&["ListGroups", "OffsetFetch"], 1);
        assert_eq!(greeted, [starts, both, both, both], "the greeting is one");
        let groups = ["ListGroups", "OffsetFetch", "DescribeShareGroupOffsets"];
        let shared = cycles(&groups, 0);
        assert_eq!(shared, [starts, seldom, starts, seldom], "in turns");
        let greeted = cycles(&groups, 1);
        assert_eq!(greeted[0], (false, false), "six at the first sight");
    }

    #[test]
    fn what_is_set_apart_takes_room_and_no_turn() {
        let mut budget = Budget::default();
        for api in ["ListGroups", "OffsetFetch", "ListOffsets"] {
            budget.count_regular(api);
        }
        budget.set_apart("ListOffsets");
        assert_eq!(budget.asked(), 3);
        assert!(budget.log_starts_fit());
        budget.count_regular("ListOffsets");
        budget.count(1);
        assert!(!budget.has_room_for(1), "five were asked");
    }

    #[test]
    fn batches_of_a_regular_question_count_as_one() {
        let mut budget = Budget::default();
        (0..9).for_each(|_| budget.count_regular("OffsetFetch"));
        assert!(budget.has_room_for(4));
        assert!(!budget.has_room_for(5));
    }
}

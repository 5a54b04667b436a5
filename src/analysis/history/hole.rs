//! What was deleted ahead of a group's commit. In a cycle commits are read before log starts, so that a group may commit, and then
//! have deleted what it read (Kafka Streams does), between the two: only a commit that was read after a start proves anything.

/// The log start of a partition as a group's commits meet it, from pair to pair.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hole {
    /// Where the log began when that was last read; it only moves forward in one log.
    start: Option<u64>,
    /// Where it began before the present commit was read. What lies below is counted, or was gone before we could see it go.
    former: Option<u64>,
}

/// What one more commit proves, in messages.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Proven {
    pub(super) lost: u64,
    /// The commit had been below a log start in two looks, and jumped over it.
    pub(super) skipped: bool,
}

impl Hole {
    /// Takes a commit with the one before it, and the log start, if that was read, which was after both.
    pub(super) fn take(&mut self, before: u64, committed: u64, log_start: Option<u64>) -> Proven {
        let proven = self.start.map_or_else(Proven::default, |start| {
            // The first start says nothing of when what lies below it went.
            let former = self.former.unwrap_or(start);
            // What either commit had passed was read in time.
            let passed = former.max(before).max(committed);
            Proven {
                lost: start.saturating_sub(passed),
                skipped: self.former.is_some_and(|former| before < former) && committed >= start,
            }
        });
        self.former = self.start;
        // A leader that has just become one may lag behind with its start, too.
        self.start = self.start.max(log_start);
        proven
    }

    /// Messages between a commit and a log start that was read before it; `None` before there is such a start.
    pub(super) fn unread(&self, committed: u64) -> Option<u64> {
        Some(self.former?.saturating_sub(committed))
    }
}

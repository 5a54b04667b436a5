//! What keeps the commit stream from being read, as it is counted. What to do about each is in docs/metrics.md.

/// A shard was not read to its end in time: its groups are asked for.
pub(crate) const BEHIND: &str = "behind";
/// A commit's time lies in the future: it is taken as of when it was read.
pub(crate) const COMMIT_IN_FUTURE: &str = "commit_in_future";
/// These settings, or this build, can't read it.
pub(crate) const STREAM_UNSUPPORTED: &str = "stream_unsupported";
/// We may not read it.
pub(crate) const STREAM_REFUSED: &str = "stream_refused";
/// A place in it was gone.
pub(crate) const STREAM_TORN: &str = "stream_torn";
/// The client that reads it gave up.
pub(crate) const STREAM_FAILED: &str = "stream_failed";

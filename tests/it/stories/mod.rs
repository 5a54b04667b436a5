//! Stories of consumer groups, told through the daemon's own analysis and read back by promtool: no series is typed in.

pub(crate) mod proof;
pub(crate) mod series;
pub(crate) mod story;

use lagslope::analysis::Ceilings;

use crate::expose::Server;
use story::{OwnWords, Pace, Story};

/// Keeps up, with a commit every five seconds.
pub(crate) const NORMAL: Pace = Pace {
    produced: 10_000.0,
    consumed: 11_000.0,
    commits_every: 5,
};

/// 10,000 messages a second against 9,500.
pub(crate) const OVERLOAD: Pace = Pace {
    consumed: 9_500.0,
    ..NORMAL
};

/// Begins a story.
pub(crate) async fn begin(ceilings: Ceilings) -> Story {
    Story::new(own_words().await, ceilings)
}

/// What the daemon says about itself: the words of a real server.
pub(crate) async fn own_words() -> OwnWords {
    let server = Server::start(&["prod"]).await;
    server.own.watches("prod");
    let own = words(&server).await;
    server.own.not_configured();
    let refused = words(&server).await;
    OwnWords { own, refused }
}

async fn words(server: &Server) -> String {
    let page = reqwest::get(server.url("/metrics")).await;
    let text = page.expect("an answer").text().await.expect("text");
    let ours = |line: &&str| line.starts_with("lagslope_");
    let own: Vec<_> = text.lines().filter(ours).collect();
    assert!(own.len() > 1, "{text}");
    own.join("\n")
}

/// In seconds.
pub(crate) fn minute(minutes: u32) -> u32 {
    minutes * 60
}

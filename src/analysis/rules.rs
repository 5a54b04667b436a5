//! What applies to one group in one topic: asked once when the pair is first seen, and again when the settings change.

use std::sync::Arc;

use super::{Mute, Settings};

/// What counts as a full queue for one group and topic.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ceilings {
    /// Messages.
    pub lag_messages: Option<f64>,
    /// Seconds that the oldest uncommitted message may have waited.
    pub delay_seconds: Option<f64>,
}

/// By what a group is judged in a topic. Shared by all pairs that nothing special was said of: a hundred thousand of them cost a
/// pointer each.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// What a full queue is.
    pub ceilings: Ceilings,
    /// Thresholds.
    pub settings: Arc<Settings>,
    /// Signals that are not called; absent = all are.
    pub mute: Option<Arc<Mute>>,
}

/// Which rules apply to a group and topic. A function, because patterns are matched outside the core.
pub type RulesOf = Box<dyn Fn(&str, &str) -> Rules + Send>;

impl Rules {
    /// With these thresholds and ceilings, and nothing muted.
    pub fn new(settings: impl Into<Arc<Settings>>, ceilings: Ceilings) -> Self {
        Self {
            ceilings,
            settings: settings.into(),
            mute: None,
        }
    }

    /// The same for every group and topic.
    pub fn for_all(self) -> RulesOf {
        Box::new(move |_, _| self.clone())
    }
}

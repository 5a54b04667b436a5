//! Where reports are posted and scrapes read: a slot for each cluster, and one page made of all of them.
//!
//! A cluster posts its newest fragment into its own slot (newer replaces older, nobody waits); [`Board::publish`] makes the page.
//! Readers take the latest page and touch nothing else.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;

use super::families::FAMILIES;
use super::fragment::Fitted;
use super::gzip;
use super::metrics::Fragment;
use super::room::{Dropped, Room, shares};

/// All clusters' newest fragments, and the page made of them.
#[derive(Debug)]
pub struct Board {
    slots: Vec<Slot>,
    max_series: usize,
    page: ArcSwap<Page>,
}

/// One cluster's place.
#[derive(Debug)]
struct Slot {
    cluster: String,
    newest: ArcSwapOption<Fragment>,
    /// It has posted once: with a report, or with the word that its cluster is down.
    heard_of: AtomicBool,
}

/// What a scrape gets, but for the daemon's own families.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The text.
    pub(super) text: Bytes,
    /// The same, compressed.
    pub(super) gzip: gzip::Opened,
    /// How many series it holds.
    pub(super) series: usize,
}

impl Board {
    /// An empty page, and a slot for each cluster.
    pub fn new(clusters: impl IntoIterator<Item = String>) -> Self {
        let slot = |cluster| Slot {
            cluster,
            newest: ArcSwapOption::empty(),
            heard_of: AtomicBool::new(false),
        };
        Self {
            slots: clusters.into_iter().map(slot).collect(),
            max_series: usize::MAX,
            page: ArcSwap::default(),
        }
    }

    /// With at most so many series on the page, the daemon's own families aside.
    pub fn bounded(mut self, max_series: usize) -> Self {
        self.max_series = max_series;
        self
    }

    /// What each cluster has room for.
    pub fn room(&self) -> Room {
        Room::of_page(self.max_series, self.slots.len())
    }

    /// Puts a cluster's newest fragment in its slot. It is seen after the next [`publish`](Self::publish).
    pub fn post(&self, cluster: usize, fragment: Fragment) {
        self.slots[cluster].newest.store(Some(Arc::new(fragment)));
    }

    /// Empties a cluster's slot: what it said is too old to be repeated.
    pub fn take_down(&self, cluster: usize) {
        self.slots[cluster].newest.store(None);
    }

    /// Makes the page anew from what the slots hold; gives the clusters of which something had no room. Costs a pass over the text
    /// and its compression: not for an async worker.
    pub fn publish(&self) -> Vec<(String, Dropped)> {
        let newest = |slot: &Slot| slot.newest.load_full();
        let fragments: Vec<_> = self.slots.iter().map(newest).collect();
        let wanted = fragments.iter().flatten().map(|fragment| fragment.series());
        let shares = shares(&wanted.collect::<Vec<_>>(), self.max_series);
        let there = self.slots.iter().zip(&fragments);
        let there: Vec<_> = there
            .filter_map(|(slot, fragment)| Some((slot, fragment.as_deref()?)))
            .collect();
        let fitted = there.iter().zip(shares);
        let fitted: Vec<_> = fitted.map(|((_, f), share)| f.fit(share)).collect();
        self.page.store(Arc::new(Page::of(&fitted)));
        let mut crowded = Vec::new();
        for ((slot, _), fitted) in there.iter().zip(&fitted) {
            slot.heard_of.store(true, Ordering::Release);
            let dropped = fitted.dropped();
            if dropped.total() > 0 {
                crowded.push((slot.cluster.clone(), dropped));
            }
        }
        crowded
    }

    /// The clusters that have not been on the page yet, neither with a report nor as down.
    pub fn unheard_of(&self) -> Vec<&str> {
        self.slots
            .iter()
            .filter(|slot| !slot.heard_of.load(Ordering::Acquire))
            .map(|slot| slot.cluster.as_str())
            .collect()
    }

    /// The text of the page, without the daemon's own families.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.page().text).into_owned()
    }

    pub(super) fn page(&self) -> Arc<Page> {
        self.page.load_full()
    }
}

impl Page {
    fn of(fragments: &[Fitted]) -> Self {
        let mut text = String::new();
        for (place, family) in FAMILIES.iter().enumerate() {
            let before = text.len();
            let (name, kind) = (family.name, family.kind.as_str());
            writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", family.help)
                .expect("writing to a string cannot fail");
            let head = text.len();
            fragments
                .iter()
                .for_each(|fragment| fragment.push_lines(place, &mut text));
            if text.len() == head {
                text.truncate(before);
            }
        }
        let gzip = gzip::Opened::new(text.as_bytes());
        Self {
            text: text.into(),
            gzip,
            series: fragments.iter().map(Fitted::series).sum(),
        }
    }
}

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
use super::gzip;
use super::metrics::Fragment;

/// All clusters' newest fragments, and the page made of them.
#[derive(Debug)]
pub struct Board {
    slots: Vec<Slot>,
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
            page: ArcSwap::default(),
        }
    }

    /// Puts a cluster's newest fragment in its slot. It is seen after the next [`publish`](Self::publish).
    pub fn post(&self, cluster: usize, fragment: Fragment) {
        self.slots[cluster].newest.store(Some(Arc::new(fragment)));
    }

    /// Empties a cluster's slot: what it said is too old to be repeated.
    pub fn take_down(&self, cluster: usize) {
        self.slots[cluster].newest.store(None);
    }

    /// Makes the page anew from what the slots hold. Costs a pass over the text and its compression: not for an async worker.
    pub fn publish(&self) {
        let fragments: Vec<_> = self
            .slots
            .iter()
            .map(|slot| slot.newest.load_full())
            .collect();
        self.page.store(Arc::new(Page::of(
            &fragments
                .iter()
                .flatten()
                .map(Arc::as_ref)
                .collect::<Vec<_>>(),
        )));
        for (slot, _) in self
            .slots
            .iter()
            .zip(fragments)
            .filter(|(_, fragment)| fragment.is_some())
        {
            slot.heard_of.store(true, Ordering::Release);
        }
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
    fn of(fragments: &[&Fragment]) -> Self {
        let mut text = String::new();
        for (place, family) in FAMILIES.iter().enumerate() {
            if fragments
                .iter()
                .all(|fragment| fragment.lines(place).is_empty())
            {
                continue;
            }
            let (name, kind) = (family.name, family.kind.as_str());
            writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", family.help)
                .expect("writing to a string cannot fail");
            fragments
                .iter()
                .for_each(|fragment| text.push_str(fragment.lines(place)));
        }
        let gzip = gzip::Opened::new(text.as_bytes());
        Self {
            text: text.into(),
            gzip,
            series: fragments.iter().map(|fragment| fragment.series()).sum(),
        }
    }
}

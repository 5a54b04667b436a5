//! Where reports are posted and scrapes read: a place for each cluster, and one page made of all of them.
//!
//! A cluster posts its newest fragment in its own place (newer replaces older, nobody waits); [`Board::publish`] makes the page.
//! Readers take the latest page and touch nothing else. Places come and go while the daemon runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::time::Instant;

use super::families::FAMILIES;
use super::fragment::Fitted;
use super::gzip;
use super::metrics::Fragment;
use super::room::{Dropped, Room, shares};

/// All clusters' newest fragments, and the page made of them.
#[derive(Debug)]
pub struct Board {
    /// By cluster, which is their order on the page.
    places: ArcSwap<BTreeMap<String, Place>>,
    max_series: AtomicUsize,
    page: ArcSwap<Page>,
    /// Two publishes at once could put the older page up last.
    publishing: Mutex<()>,
    was_ready: AtomicBool,
}

/// One cluster's place. Once it is removed from the board, what is posted in it is seen by nobody.
#[derive(Clone, Debug)]
pub struct Place(Arc<Slot>);

#[derive(Debug, Default)]
struct Slot {
    newest: ArcSwapOption<Post>,
    /// It has posted once: with a report, or with the word that its cluster is down.
    heard_of: AtomicBool,
}

#[derive(Debug)]
struct Post {
    fragment: Fragment,
    at: Instant,
    uncounted_seconds: f64,
    stays_up: Duration,
}

/// What a scrape gets, but for the daemon's own families.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Its text, compressed.
    pub(super) gzip: gzip::Opened,
    /// How many series it holds.
    pub(super) series: usize,
}

impl Place {
    /// Puts up a cluster's newest fragment. It is seen after the next [`publish`](Board::publish), and taken down when it has been
    /// up for so long without a newer one.
    pub fn post(&self, fragment: Fragment, stays_up: Duration) {
        self.post_at(fragment, stays_up, 0.0);
    }

    /// The same where seconds may pass that the monotonic clock doesn't count, as while the machine sleeps: so many until now, since
    /// some beginning that [`Board::take_down_old`] is told from, too.
    pub fn post_at(&self, fragment: Fragment, stays_up: Duration, uncounted_seconds: f64) {
        let at = Instant::now();
        self.0.newest.store(Some(Arc::new(Post {
            fragment,
            at,
            uncounted_seconds,
            stays_up,
        })));
    }

    /// Shows nothing any more.
    pub fn take_down(&self) {
        self.0.newest.store(None);
    }

    /// Was what it shows posted too long ago to be repeated?
    fn is_old(&self, uncounted_seconds: f64) -> bool {
        let newest = self.0.newest.load();
        newest.as_ref().is_some_and(|post| {
            let uncounted = (uncounted_seconds - post.uncounted_seconds).max(0.0);
            post.at.elapsed().as_secs_f64() + uncounted > post.stays_up.as_secs_f64()
        })
    }
}

impl Board {
    /// An empty page, and a place for each cluster.
    pub fn new(clusters: impl IntoIterator<Item = String>) -> Self {
        let places = clusters
            .into_iter()
            .map(|cluster| (cluster, Place(Arc::default())));
        Self {
            places: ArcSwap::from_pointee(places.collect()),
            max_series: AtomicUsize::new(usize::MAX),
            page: ArcSwap::default(),
            publishing: Mutex::default(),
            was_ready: AtomicBool::new(false),
        }
    }

    /// At most so many series on the page from the next publish on, the daemon's own families aside.
    pub fn bound(&self, max_series: usize) {
        self.max_series.store(max_series, Ordering::Relaxed);
    }

    /// What each cluster has room for.
    pub fn room(&self) -> Room {
        Room::of_page(
            self.max_series.load(Ordering::Relaxed),
            self.places.load().len(),
        )
    }

    /// The place of a cluster; a new one if it has none.
    pub fn place(&self, cluster: &str) -> Place {
        let new = Place(Arc::default());
        self.places.rcu(|places| {
            let mut places = BTreeMap::clone(places);
            let _there_already = places
                .entry(cluster.to_owned())
                .or_insert_with(|| new.clone());
            places
        });
        self.places.load().get(cluster).cloned().unwrap_or(new)
    }

    /// Takes a cluster's place away. Its series are on the page until the next [`publish`](Self::publish).
    pub fn remove(&self, cluster: &str) {
        self.places.rcu(|places| {
            let mut places = BTreeMap::clone(places);
            places.remove(cluster);
            places
        });
    }

    /// Takes down what was said too long ago to be repeated, and names the clusters that said it. So many seconds were not counted
    /// until now.
    pub fn take_down_old(&self, uncounted_seconds: f64) -> Vec<String> {
        let places = self.places.load();
        let old = places
            .iter()
            .filter(|(_, place)| place.is_old(uncounted_seconds));
        old.map(|(cluster, place)| {
            place.take_down();
            cluster.clone()
        })
        .collect()
    }

    /// Makes the page anew from what is posted; gives the clusters of which something had no room. Costs a pass over the
    /// compressed text: not for an async worker.
    pub fn publish(&self) -> Vec<(String, Dropped)> {
        // A panic in an earlier one left the page as it was.
        let _one_at_a_time = self
            .publishing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let places = self.places.load_full();
        let posts: Vec<_> = places
            .iter()
            .filter_map(|(cluster, place)| Some((cluster, place, place.0.newest.load_full()?)))
            .collect();
        let wanted = posts.iter().map(|(.., post)| post.fragment.series());
        let max_series = self.max_series.load(Ordering::Relaxed);
        let shares = shares(&wanted.collect::<Vec<_>>(), max_series);
        let fitted = posts.iter().zip(shares);
        let fitted: Vec<_> = fitted
            .map(|((.., post), share)| post.fragment.fit(share))
            .collect();
        self.page.store(Arc::new(Page::of(&fitted)));
        for (_, place, _) in &posts {
            place.0.heard_of.store(true, Ordering::Release);
        }
        if self.unheard_of().is_empty() {
            self.was_ready.store(true, Ordering::Release);
        }
        let dropped = posts.iter().zip(&fitted);
        let dropped = dropped.map(|((cluster, ..), fitted)| ((*cluster).clone(), fitted.dropped()));
        dropped.filter(|(_, dropped)| dropped.total() > 0).collect()
    }

    /// The clusters that have not been on the page yet, neither with a report nor as down.
    pub fn unheard_of(&self) -> Vec<String> {
        let places = self.places.load();
        let unheard = places
            .iter()
            .filter(|(_, place)| !place.0.heard_of.load(Ordering::Acquire));
        unheard.map(|(cluster, _)| cluster.clone()).collect()
    }

    /// Every cluster was on the page once. It stays so: a cluster that is added later makes nothing worse for the others.
    pub fn was_ready(&self) -> bool {
        self.was_ready.load(Ordering::Acquire)
    }

    /// The text of the page, without the daemon's own families.
    pub fn text(&self) -> String {
        let text: Vec<_> = self.page().gzip.text().collect();
        String::from_utf8_lossy(&text.concat()).into_owned()
    }

    pub(super) fn page(&self) -> Arc<Page> {
        self.page.load_full()
    }
}

impl Page {
    fn of(fragments: &[Fitted]) -> Self {
        let mut page = gzip::Writer::new();
        for (place, family) in FAMILIES.iter().enumerate() {
            if !fragments.iter().any(|fragment| fragment.has_lines(place)) {
                continue;
            }
            let (name, kind) = (family.name, family.kind.as_str());
            let head = format!("# HELP {name} {}\n# TYPE {name} {kind}\n", family.help);
            page.text(head.as_bytes());
            for fragment in fragments {
                fragment.write_lines(place, &mut page);
            }
        }
        Self {
            gzip: page.finish(),
            series: fragments.iter().map(Fitted::series).sum(),
        }
    }
}

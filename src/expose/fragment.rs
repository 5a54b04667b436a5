//! One cluster's lines on the page, the lines of each family apart, so that a page can put the clusters' lines of one family
//! together; with the places where it may be cut off when the page has less room.

use super::families::{FAMILIES, Family};
use super::gzip::Writer;
use super::packed::Packed;
use super::room::Dropped;
use super::text::{Labels, push_sample};

/// What is on the page whole or not at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unit {
    /// The cluster's own lines, which are never dropped.
    Cluster,
    /// A group with its topics.
    Group,
    /// All partitions of a group × topic.
    Partitions,
}

/// One cluster's sample lines, by family.
#[derive(Clone, Debug)]
pub struct Fragment {
    pub(super) lines: Vec<Packed>,
    /// The cluster's label.
    pub(super) labels: Labels,
    pub(super) cuts: Vec<Place>,
    /// Series that are wanted, whether they are in the lines or not.
    pub(super) wanted: Series,
    /// Something didn't fit, and is not in the lines.
    pub(super) full: bool,
}

/// Series by the kind of unit that they are in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Series {
    pub(super) cluster: usize,
    pub(super) groups: usize,
    pub(super) partitions: usize,
}

/// Between two units.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// The length of each family's lines up to here.
    pub(super) ends: Vec<usize>,
    pub(super) series: Series,
}

/// As much of a fragment as there is room for.
pub(super) struct Fitted<'a> {
    fragment: &'a Fragment,
    /// Where it is cut; absent = not at all.
    cut: Option<&'a Place>,
}

impl Series {
    pub(super) fn total(self) -> usize {
        self.cluster + self.groups + self.partitions
    }

    pub(super) fn add(&mut self, unit: Unit, count: usize) {
        match unit {
            Unit::Cluster => self.cluster += count,
            Unit::Group => self.groups += count,
            Unit::Partitions => self.partitions += count,
        }
    }
}

impl Fragment {
    /// How many series it wants on the page.
    pub fn series(&self) -> usize {
        self.wanted.total()
    }

    /// As much of it as `room` series are; its cluster's own lines in any case.
    pub(super) fn fit(&self, room: usize) -> Fitted<'_> {
        let fits_whole = !self.full && self.series() <= room;
        let cut = || {
            let fitting = |cut: &&Place| cut.series.total() <= room;
            self.cuts.iter().rfind(fitting).or(self.cuts.first())
        };
        Fitted {
            fragment: self,
            cut: (!fits_whole).then(cut).flatten(),
        }
    }
}

impl Fitted<'_> {
    /// Are there lines of this family, in the order of [`FAMILIES`]?
    pub(super) fn has_lines(&self, family: usize) -> bool {
        family == Family::SeriesDropped as usize || self.bytes(family) > 0
    }

    /// Appends the lines of one family.
    pub(super) fn write_lines(&self, family: usize, page: &mut Writer) {
        if family == Family::SeriesDropped as usize {
            page.text(self.dropped_lines().as_bytes());
            return;
        }
        let lines = &self.fragment.lines[family];
        for piece in lines.prefix(self.bytes(family)) {
            page.piece(&piece);
        }
    }

    /// Series on the page.
    pub(super) fn series(&self) -> usize {
        self.kept().total()
    }

    /// Series that are not.
    pub(super) fn dropped(&self) -> Dropped {
        let (wanted, kept) = (self.fragment.wanted, self.kept());
        Dropped {
            groups: wanted.groups - kept.groups,
            partitions: wanted.partitions - kept.partitions,
        }
    }

    fn dropped_lines(&self) -> String {
        let dropped = self.dropped();
        let counts = [
            ("groups", dropped.groups),
            ("partitions", dropped.partitions),
        ];
        let name = FAMILIES[Family::SeriesDropped as usize].name;
        let mut text = String::new();
        for (reason, count) in counts {
            let extra = [("reason", reason)];
            push_sample(&mut text, name, &self.fragment.labels, &extra, count as f64);
        }
        text
    }

    fn bytes(&self, family: usize) -> usize {
        self.cut
            .map_or_else(|| self.fragment.lines[family].len(), |cut| cut.ends[family])
    }

    fn kept(&self) -> Series {
        self.cut.map_or(self.fragment.wanted, |cut| cut.series)
    }
}

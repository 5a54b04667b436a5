//! One cluster's lines on the page, the lines of each family apart, so that a page can put the clusters' lines of one family
//! together; with the places where it may be cut off when the page has less room.

use super::families::{FAMILIES, Family};
use super::room::Dropped;
use super::text::{Labels, push_sample};

/// Places to cut, evenly over the series: what a page that is cut wastes is below this part of it, and each place takes 300 bytes.
const CUTS: usize = 256;

/// The families whose lines come with the page, not with the report: one line for each reason.
const DROPPED_LINES: usize = 2;

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
    lines: Vec<String>,
    /// The cluster's label.
    labels: Labels,
    /// Where the unit that is being written began.
    begin: Place,
    cuts: Vec<Place>,
    /// Series that are wanted, whether they are in the lines or not.
    wanted: Series,
    written: usize,
    most: usize,
    /// Something didn't fit: from there on all is only counted.
    full: bool,
}

/// Series by the kind of unit that they are in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Series {
    cluster: usize,
    groups: usize,
    partitions: usize,
}

/// Between two units.
#[derive(Clone, Debug, Default)]
struct Place {
    /// The length of each family's lines up to here.
    ends: Vec<usize>,
    series: Series,
}

/// As much of a fragment as there is room for.
pub(super) struct Fitted<'a> {
    fragment: &'a Fragment,
    /// Where it is cut; absent = not at all.
    cut: Option<&'a Place>,
}

impl Series {
    fn total(self) -> usize {
        self.cluster + self.groups + self.partitions
    }

    fn add(&mut self, unit: Unit, count: usize) {
        match unit {
            Unit::Cluster => self.cluster += count,
            Unit::Group => self.groups += count,
            Unit::Partitions => self.partitions += count,
        }
    }
}

impl Fragment {
    /// Empty; it takes so many series.
    pub(super) fn new(most: usize) -> Self {
        Self {
            lines: vec![String::new(); FAMILIES.len()],
            labels: Labels::default(),
            begin: Place {
                ends: vec![0; FAMILIES.len()],
                series: Series::default(),
            },
            cuts: Vec::new(),
            wanted: Series {
                cluster: DROPPED_LINES,
                ..Series::default()
            },
            written: 0,
            most,
            full: false,
        }
    }

    /// Adds a sample to the present unit.
    pub(super) fn add(
        &mut self,
        family: Family,
        labels: &Labels,
        extra: &[(&str, &str)],
        value: f64,
    ) {
        self.add_named(family, FAMILIES[family as usize].name, labels, extra, value);
    }

    /// The same, where a family's samples have names of their own.
    pub(super) fn add_named(
        &mut self,
        family: Family,
        name: &str,
        labels: &Labels,
        extra: &[(&str, &str)],
        value: f64,
    ) {
        self.written += 1;
        if !self.full {
            push_sample(&mut self.lines[family as usize], name, labels, extra, value);
        }
    }

    /// Ends a unit. One that went beyond the room is taken back, and so is everything after it.
    pub(super) fn end(&mut self, unit: Unit) {
        self.wanted.add(unit, std::mem::take(&mut self.written));
        if self.full {
            return;
        }
        if unit != Unit::Cluster && self.wanted.total() > self.most {
            self.full = true;
            for (lines, end) in self.lines.iter_mut().zip(&self.begin.ends) {
                lines.truncate(*end);
            }
            self.cuts.push(self.begin.clone());
            return;
        }
        self.begin.series = self.wanted;
        let ends = self.lines.iter().map(String::len);
        self.begin
            .ends
            .iter_mut()
            .zip(ends)
            .for_each(|(to, from)| *to = from);
        let last = self.cuts.last().map_or(0, |cut| cut.series.total());
        if unit == Unit::Cluster || self.wanted.total() - last > self.most / CUTS {
            self.cuts.push(self.begin.clone());
        }
    }

    /// Did not everything fit?
    pub(super) fn is_cut(&self) -> bool {
        self.full
    }

    /// The cluster that it is of.
    pub(super) fn finish(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }

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
    /// Appends the lines of one family, in the order of [`FAMILIES`].
    pub(super) fn push_lines(&self, family: usize, text: &mut String) {
        if family == Family::SeriesDropped as usize {
            let dropped = self.dropped();
            let counts = [
                ("groups", dropped.groups),
                ("partitions", dropped.partitions),
            ];
            for (reason, count) in counts {
                let (name, extra) = (FAMILIES[family].name, [("reason", reason)]);
                push_sample(text, name, &self.fragment.labels, &extra, count as f64);
            }
            return;
        }
        let lines = &self.fragment.lines[family];
        text.push_str(self.cut.map_or(lines, |cut| &lines[..cut.ends[family]]));
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

    fn kept(&self) -> Series {
        self.cut.map_or(self.fragment.wanted, |cut| cut.series)
    }
}

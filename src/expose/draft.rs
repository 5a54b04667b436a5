//! A cluster's lines while they are being written: unit by unit, within a bound; what is written is packed as it goes.

use super::families::{FAMILIES, Family};
use super::fragment::{Fragment, Place, Series, Unit};
use super::packed::{Packed, Packer};
use super::text::{Labels, push_sample};

/// Places to cut, evenly over the series: what a page that is cut wastes is below this part of it, and each place takes 500 bytes.
const CUTS: usize = 256;

/// The families whose lines come with the page, not with the report: one line for each reason.
const DROPPED_LINES: usize = 2;

/// A fragment in the making.
#[derive(Debug)]
pub(super) struct Draft {
    lines: Vec<Packed>,
    packer: Packer,
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

impl Draft {
    /// Empty; it takes so many series.
    pub(super) fn new(most: usize) -> Self {
        Self {
            lines: FAMILIES.iter().map(|_| Packed::default()).collect(),
            packer: Packer::new(),
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
            let lines = self.lines[family as usize].rest();
            push_sample(lines, name, labels, extra, value);
        }
    }

    /// Ends a unit. One that went beyond the room is taken back, and so is everything after it.
    pub(super) fn end(&mut self, unit: Unit) {
        self.wanted.add(unit, std::mem::take(&mut self.written));
        if self.full {
            return;
        }
        if unit != Unit::Cluster && self.wanted.total() > self.most {
            self.take_back();
            return;
        }
        self.begin.series = self.wanted;
        for (lines, end) in self.lines.iter_mut().zip(&mut self.begin.ends) {
            // Only what is never taken back.
            lines.pack(&mut self.packer);
            *end = lines.len();
        }
        let last = self.cuts.last().map_or(0, |cut| cut.series.total());
        if unit == Unit::Cluster || self.wanted.total() - last > self.most / CUTS {
            self.cuts.push(self.begin.clone());
        }
    }

    /// Did not everything fit?
    pub(super) fn is_cut(&self) -> bool {
        self.full
    }

    /// It is the fragment of the cluster with these labels.
    pub(super) fn finish(mut self, labels: Labels) -> Fragment {
        self.lines.iter_mut().for_each(Packed::finish);
        Fragment {
            lines: self.lines,
            labels,
            cuts: self.cuts,
            wanted: self.wanted,
            full: self.full,
        }
    }

    fn take_back(&mut self) {
        self.full = true;
        for (lines, end) in self.lines.iter_mut().zip(&self.begin.ends) {
            lines.truncate(*end);
        }
        self.cuts.push(self.begin.clone());
    }
}

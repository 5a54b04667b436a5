//! How many series the page may hold, and how clusters share that. A bulkhead: each has an equal part for sure, whatever the others
//! do, and what one doesn't need is shared by those that need more.

/// Series that one cluster may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Room {
    /// At most, when the other clusters need nothing.
    pub most: usize,
    /// For sure.
    pub guaranteed: usize,
}

impl Room {
    /// No bound.
    pub const ENDLESS: Self = Self {
        most: usize::MAX,
        guaranteed: usize::MAX,
    };

    /// Of one among so many clusters.
    pub fn of_page(max_series: usize, clusters: usize) -> Self {
        Self {
            most: max_series,
            guaranteed: max_series / clusters.max(1),
        }
    }
}

/// Series that are missing on the page.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Dropped {
    /// Of whole groups.
    pub groups: usize,
    /// Of partitions, whole groups × topics of them.
    pub partitions: usize,
}

impl Dropped {
    /// All of them.
    pub fn total(self) -> usize {
        self.groups + self.partitions
    }
}

/// What each cluster gets of `max`, when it wants so much: the least demanding first, each as much as it wants up to an equal part
/// of what is left. Their sum is never more than `max`.
pub(super) fn shares(wanted: &[usize], max: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|index| wanted[*index]);
    let mut shares = vec![0; wanted.len()];
    let mut left = max;
    for (served, index) in order.into_iter().enumerate() {
        let equal = left / (wanted.len() - served);
        shares[index] = wanted[index].min(equal);
        left -= shares[index];
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nobody_is_pushed_out_and_nothing_is_left_idle() {
        let cases: &[(&[usize], usize, &[usize], &str)] = &[
            (&[], 10, &[], "no cluster"),
            (&[3, 4], 10, &[3, 4], "all fits"),
            (
                &[3, 1_000],
                10,
                &[3, 7],
                "the small one keeps all, the large one gets the rest",
            ),
            (
                &[1_000, 3, 1_000],
                13,
                &[5, 3, 5],
                "two large ones share alike",
            ),
            (&[7, 7], 11, &[5, 6], "an odd one goes to the last"),
        ];
        for (wanted, max, expected, why) in cases {
            assert_eq!(shares(wanted, *max), *expected, "{why}");
        }
    }

    proptest! {
        #[test]
        fn shares_are_within_the_bound_and_at_least_an_equal_part(
            wanted in proptest::collection::vec(0usize..1_000, 1..8),
            max in 0usize..3_000,
        ) {
            let shares = shares(&wanted, max);
            let (sum, all) = (shares.iter().sum::<usize>(), wanted.iter().sum::<usize>());
            prop_assert_eq!(sum, all.min(max));
            let sure = Room::of_page(max, wanted.len()).guaranteed;
            for (share, wanted) in shares.iter().zip(&wanted) {
                prop_assert!(*share >= sure.min(*wanted) && share <= wanted);
            }
        }
    }
}

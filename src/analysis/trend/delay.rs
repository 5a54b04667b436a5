//! Time lag: how old the oldest uncommitted message is, read off the arrival curve.

/// The time lag of a topic in seconds: that of its worst partition, unknown while any is (the unknown one may be the worst).
pub fn worst(ages: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let mut ages = ages.into_iter();
    let first = ages.next()??;
    ages.try_fold(first, |worst, age| Some(worst.max(age?)))
}

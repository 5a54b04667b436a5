//! Arrivals and delays: closed forms against sums taken step by step.

use lagslope::simulator::delay::Delay;
use proptest::prelude::*;

use super::drawn::{BEGIN, SPAN, arrivals, delay, moment};

proptest! {
    #[test]
    fn what_arrived_is_the_sum_of_the_rates(arrivals in arrivals()) {
        let step = 0.05;
        let mut sum = 0.0;
        for n in 0..(600.0 / step) as u32 {
            let middle = BEGIN + (f64::from(n) + 0.5) * step;
            sum += arrivals.rate_at(middle) * step;
        }
        let counted = arrivals.count(BEGIN + 600.0);
        // A pulse or step may begin or end within a step of the sum: at most eight edges of 100 messages a second.
        prop_assert!((counted - sum).abs() < 8.0 * 100.0 * step + 0.001 * sum, "{counted} is not {sum}");
    }

    #[test]
    fn what_arrived_never_becomes_less(arrivals in arrivals(), a in moment(), b in moment()) {
        prop_assert!(arrivals.count(a.min(b)) <= arrivals.count(a.max(b)) + 1e-6);
        prop_assert_eq!(arrivals.count(BEGIN), 0.0);
        prop_assert_eq!(arrivals.count(BEGIN - 1.0), 0.0);
    }

    #[test]
    fn the_moment_a_count_was_reached_is_where_it_was_reached(arrivals in arrivals(), part in 0.001..1.0) {
        let until = BEGIN + SPAN;
        let messages = arrivals.count(until) * part;
        prop_assume!(messages > 0.0);
        let at = arrivals.reached(messages, until).expect("it was reached by then");
        prop_assert!((arrivals.count(at + 1e-4) - messages) > -1e-3);
        prop_assert!(arrivals.count(at - 1e-4) < messages + 1e-3);
        prop_assert_eq!(arrivals.reached(messages * 1.01 / part, until), None);
    }

    #[test]
    fn a_reader_is_never_ahead_and_goes_back_only_where_it_rewinds(line in delay(false), a in moment(), b in moment()) {
        let (a, b) = (a.min(b), a.max(b));
        prop_assert!(line.at(a) >= 0.0);
        prop_assert!(!line.rewinds());
        prop_assert!(line.read_up_to(a) <= line.read_up_to(b) + 1e-6);
    }

    #[test]
    fn since_it_stands_still_it_has_not_moved_and_before_it_had(line in delay(true), t in moment()) {
        if let Some(since) = line.standing_since(t) {
            prop_assert!(since < t);
            let moved = |to: f64| (line.read_up_to(to) - line.read_up_to(t)).abs() > 1e-3;
            // Right after a jump, which may be where it begins, and up to the next.
            prop_assert!(!moved(since + (t - since) * 0.01));
            prop_assert!(!moved(since + (t - since) * 0.99));
        } else {
            let just_before = line.read_up_to(t - 1e-3);
            prop_assert!((line.read_up_to(t) - just_before).abs() > 1e-6);
        }
    }

    #[test]
    fn a_repeated_line_repeats(line in delay(false), t in moment()) {
        let first = line.points[0].0;
        if let Some(every) = line.repeats.filter(|_| t > first) {
            prop_assert!((line.at(t) - line.at(t + every)).abs() < 1e-3);
        }
    }
}

#[test]
fn a_line_is_what_was_said_of_it() {
    let line = Delay::until(100.0, 2.0)
        .stop(60.0)
        .hold(40.0)
        .drain(2.0, 50.0)
        .rewind(30.0);
    let told = [
        (0.0, 2.0),
        (130.0, 32.0),
        (160.0, 62.0),
        (190.0, 62.0),
        (225.0, 32.0),
        (249.9, 2.12),
        (250.0, 32.0),
        (999.0, 32.0),
    ];
    for (t, behind) in told {
        assert!((line.at(t) - behind).abs() < 1e-9, "{} at {t}", line.at(t));
    }
    assert_eq!(line.standing_since(130.0), Some(100.0));
    assert_eq!(
        line.standing_since(160.0),
        Some(100.0),
        "its end still belongs to it"
    );
    assert_eq!(line.standing_since(161.0), None);
    assert!(line.rewinds());
}

//! What another cluster's trouble costs a cluster: nothing.

use std::time::Duration;

use lagslope::daemon::Watches;
use tokio::time::sleep;

use super::TWO;
use super::script::{Behaviour, Scripts, settings};

#[tokio::test(start_paused = true)]
async fn no_trouble_of_another_cluster_moves_a_tick() {
    for trouble in [
        Behaviour::Answers,
        Behaviour::Hangs(0),
        Behaviour::Takes(Duration::from_secs(7)),
        Behaviour::Takes(Duration::from_secs(700)),
        Behaviour::Panics(usize::MAX),
    ] {
        let scripts = Scripts::new(&[("b", trouble)]);
        let _watches = Watches::start(settings(TWO), scripts.source());
        sleep(Duration::from_secs(95)).await;
        let ticks: Vec<_> = scripts
            .done("a")
            .readings
            .iter()
            .map(|t| t.round())
            .collect();
        assert_eq!(
            ticks,
            [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0],
            "{trouble:?}"
        );
        let exact = scripts.done("a").readings.into_iter();
        assert!(exact.zip(ticks).all(|(at, tick)| (at - tick).abs() < 0.01));
    }
}

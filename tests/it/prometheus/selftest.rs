//! The harness of Prometheus itself: it scrapes, answers both kinds of query, raises an alert and lets it go.

use std::fs;
use std::time::Duration;

use serde_json::json;

use super::Prometheus;

/// Raised while `up` is 0, which the test makes it by a target that isn't there.
const RULES: &str = "groups: [{name: test, rules: [
    {alert: TargetDown, expr: 'up == 0'},
    {alert: Never, expr: 'up > 1'}]}]";

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_real_prometheus_answers_and_alerts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rules = folder.path().join("rules.yml");
    fs::write(&rules, RULES).expect("a file in it");
    let nobody = format!("127.0.0.1:{}", crate::processes::free_port());
    let prometheus = Prometheus::start(&nobody, &rules, Duration::from_secs(1));

    let alert = prometheus
        .wait_for_alert("TargetDown", "firing", DEADLINE)
        .await;
    assert_eq!(alert["labels"]["job"], "lagslope");
    prometheus.wait_for_no_alert("Never", DEADLINE).await;
    let up = prometheus.query("up").await;
    assert_eq!((up.len(), up[0].value), (1, 0.0));
    assert_eq!(up[0].labels["instance"], json!(nobody));
    let series = prometheus
        .query_range("up", Duration::from_secs(10), Duration::from_secs(1))
        .await;
    assert!(series[0].points.iter().all(|(_, value)| *value == 0.0));
}

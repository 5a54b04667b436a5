//! A sign-in that ends (KIP-368) is renewed before it does: nothing of it is seen in the samples.

use lagslope::kafka::security::Sasl;

use super::*;
use crate::kafka::Version;
use crate::kafka::secured::{Listener, SESSION, secured};

/// So many sign-ins must be seen.
const SIGN_INS: u64 = 4;

/// SCRAM takes two messages.
const MESSAGES: u64 = 2;

fn asked(sample: &Sample, api: &str) -> u64 {
    let mut requests = sample.cycle.requests.iter();
    requests
        .find(|(name, _)| *name == api)
        .map_or(0, |(_, count)| *count)
}

/// But for those about clocks: this test's time is none that records were stamped in, and that is counted again and again.
fn errors(sample: &Sample) -> Vec<(&'static str, &'static str, u64)> {
    let errors = sample.cycle.errors.iter().copied();
    errors
        .filter(|(_, label, _)| !["clock_unverified", "timestamp_in_future"].contains(label))
        .collect()
}

#[tokio::test]
async fn a_sign_in_is_renewed_without_error_or_gap() {
    let kafka = secured(Version::Kafka4);
    let security = over_sasl_plaintext(Sasl::ScramSha256(right()));
    let mut sampler = sampler(kafka, Listener::Short, security);
    sees_the_lag(&mut sampler, "before it is renewed").await;
    // Loading coordinators may have been counted; from here on nothing may be.
    let before = errors(&sampler.sample(1100.0).await);
    let began = Instant::now();
    let mut samples = 0;
    let last = loop {
        let sample = sampler.sample(1200.0 + began.elapsed().as_secs_f64()).await;
        samples += 1;
        assert_eq!(lag(&sample), Some(LAG), "a gap after {:?}", began.elapsed());
        let start = sample.topics[0].partitions[0].log_start;
        assert!(
            start.is_some(),
            "a sign-in took the room of a regular question"
        );
        assert_eq!(errors(&sample), before, "after {:?}", began.elapsed());
        if asked(&sample, "SaslAuthenticate") >= SIGN_INS * MESSAGES {
            break sample;
        }
        assert!(began.elapsed() < DEADLINE, "it is not renewed");
        sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(asked(&last, "SaslHandshake"), asked(&last, "ApiVersions"));
    println!(
        "{samples} samples, {SIGN_INS} sign-ins of {SESSION:?} each in {:?}",
        began.elapsed()
    );
}

//! Why the questions are asked by a client of our own: librdkafka's admin API takes its process down when a broker hangs.

use std::path::Path;
use std::process::Command;

use super::asked_for;
use crate::evidence::Evidence;

#[test]
fn librdkafkas_admin_api_aborts_when_a_broker_hangs() {
    if !asked_for("librdkafka") {
        return;
    }
    let script = "examples/librdkafka_admin_abort/run";
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
        .output()
        .expect("the script runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Evidence::new(
        "librdkafka-admin-abort",
        "librdkafka's admin API and a broker that hangs",
    )
    .entry(
        "A program that anyone can run to see librdkafka's admin API abort",
        script,
        &text,
    );
    // Should a later librdkafka survive it, docs/architecture.md has to change: so this fails then.
    assert!(output.status.success(), "{text}");
}

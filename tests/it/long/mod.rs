//! Demonstrations in real time, on a real Kafka and a real Prometheus. They take as long as what they show takes, so they run only
//! when `LAGSLOPE_LONG` is set (`./test --long`); what they see goes to docs/evidence.

mod acts;
mod commit_records;
mod exact_times;
mod faults;
mod fresh_clone;
mod headline;
mod librdkafka;
mod picture;
mod pressure;
mod recordings;
mod restart;

/// Whether real-time demonstrations were asked for; says so when they were not, so that nothing is skipped in silence.
fn asked_for(name: &str) -> bool {
    let asked = std::env::var_os("LAGSLOPE_LONG").is_some();
    if !asked {
        println!("{name}: shown by ./test --long only, it takes its time");
    }
    asked
}

//! What is told: the text of `/metrics`, and the server that hands it out.

mod limits;
mod room;
mod text;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lagslope::analysis::Signal;
use lagslope::analysis::report::{
    CeilingKind, CeilingReport, CeilingVerdict, Counts, DivergenceReport, Eta, GroupReport,
    GrowthState, LagGrowth, PartitionReport, Quantiles, Report, RetryReason, RetryReport, Rewinds,
    Severity, Slope, TopicReport,
};
use lagslope::analysis::sample::{Cycle, Offsets, Source};
use lagslope::expose::board::Board;
use lagslope::expose::http::{Exposed, serve};
use lagslope::expose::own_metrics::OwnMetrics;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// What is posted stays up.
pub(crate) const FOR_EVER: Duration = Duration::MAX;

/// A server on a free port; it drains when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) board: Arc<Board>,
    pub(crate) own: OwnMetrics,
    _stop: oneshot::Sender<()>,
}

impl Server {
    pub(crate) async fn start(clusters: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let board = Arc::new(Board::new(clusters.iter().map(ToString::to_string)));
        let (stop, stopped) = oneshot::channel::<()>();
        let own = OwnMetrics::new("0.0.0", "test");
        own.configured(1_700_000_000.0);
        let exposed = Exposed {
            board: Arc::clone(&board),
            own: own.clone(),
            reload: None,
            forget: None,
        };
        tokio::spawn(serve(listener, exposed, async move {
            let _either_way = stopped.await;
        }));
        Self {
            address,
            board,
            own,
            _stop: stop,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// A report in which everything that can be known is known.
pub(crate) fn full_report(group: &str) -> Report {
    let group = GroupReport {
        name: group.into(),
        state: Some("Stable".into()),
        kind: Some("classic".into()),
        members: Some(3),
        rebalances: Some(3),
        sample_age_seconds: Some(0.5),
        topics: vec![full_topic()],
    };
    let cycle = Cycle {
        up: true,
        groups: Some(1),
        duration_seconds: 0.012,
        requests: vec![("ListGroups", 7)],
        errors: vec![("OffsetFetch", "not_coordinator", 1)],
        offsets: Offsets {
            source: Source::Stream,
            skipped: vec![("malformed", 2)],
            skew_seconds: Some(-0.25),
        },
        ..Cycle::default()
    };
    Report {
        at: 1_700_000_000.5,
        groups: vec![group],
        cycle,
    }
}

fn full_topic() -> TopicReport {
    let slope = Slope {
        slope: 500.0,
        lower: 450.5,
        upper: 560.25,
    };
    let eta = Eta {
        lower_seconds: Some(1000.0),
        seconds: 1200.0,
        upper_seconds: Some(1500.0),
    };
    TopicReport {
        topic: "orders".into(),
        lag_messages: Some(123_456),
        time_lag_seconds: Some(12.5),
        deleted_unread_messages: Some(12),
        production_rate: Some(10_000.0),
        consumption_rate: Some(9_500.0),
        rate_slope: Some(slope),
        trend_slope: Some(slope),
        drain_seconds: Some(3.0),
        ceilings: vec![
            CeilingReport {
                kind: CeilingKind::Lag,
                utilization_ratio: 0.125,
                eta: Some(eta),
                hits: 3,
                seconds_at: 90.0,
            },
            CeilingReport {
                kind: CeilingKind::Delay,
                utilization_ratio: 0.5,
                eta: None,
                hits: 3,
                seconds_at: 90.0,
            },
            CeilingReport {
                kind: CeilingKind::Retention,
                utilization_ratio: 0.25,
                eta: Some(eta),
                hits: 3,
                seconds_at: 90.0,
            },
        ],
        delay_histogram: Some(Box::default()),
        delays: Some(Quantiles {
            p50: 20.0,
            p90: 30.0,
            p99: 600.0,
        }),
        divergence: DivergenceReport {
            severity: Some(Severity::Warning),
            tail: vec![3],
        },
        ceiling: CeilingVerdict {
            severity: None,
            loses: false,
        },
        retry_storm: RetryReport {
            severity: Some(Severity::Warning),
            reason: Some(RetryReason::Reprocessing),
            amplification_ratio: Some(0.02),
            dead_letter_rate: Some(0.5),
        },
        lag_growth: LagGrowth {
            partition: None,
            state: GrowthState::Accumulating,
            severity: Some(Severity::Warning),
            onset: Some(1_000.0),
            onset_lag_messages: Some(3.0),
        },
        muted: [Signal::Ceiling].into_iter().collect(),
        habits_known: true,
        partitions_unknown: 0,
        counts: Counts {
            rewinds: Some(Rewinds {
                times: 2,
                reprocessed_messages: 70,
            }),
            ..Counts::default()
        },
        partitions: vec![PartitionReport {
            partition: 0,
            lag_messages: 123_456,
            time_lag_seconds: Some(12.5),
            rate_slope: Some(slope),
        }],
        evidence: Vec::new(),
    }
}

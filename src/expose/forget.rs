//! `POST /api/v1/forget/…`: drops what was learned of a group, so that the next rise like those it has recovered from is told.
//! Whoever has the analyses answers.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::http::Exposed;
use super::limits;

/// Wishes that wait for the one under way. An operator has one; a script for a hundred groups can wait for each answer.
const WAITING: usize = 16;

/// What is to be forgotten.
#[derive(Clone, Debug, Deserialize)]
pub struct Of {
    /// The cluster's name.
    pub cluster: String,
    /// The group's name.
    pub group: String,
    /// The topic's name; absent = the group as a whole.
    #[serde(default)]
    pub topic: Option<String>,
}

/// Something to forget, and who waits for it: how many lags that concerned, or `None` if nothing of the kind is known.
#[derive(Debug)]
pub struct Wish {
    /// What.
    pub of: Of,
    /// Who waits.
    pub answer: oneshot::Sender<Option<usize>>,
}

/// Where to wish.
#[derive(Clone, Debug)]
pub struct ForgetDoor(mpsc::Sender<Wish>);

#[derive(Serialize)]
struct Forgotten {
    /// Lags: the sum over a topic's partitions, and each of them.
    forgotten: usize,
}

impl ForgetDoor {
    /// The door, and the wishes that come through it.
    pub fn new() -> (Self, mpsc::Receiver<Wish>) {
        let (door, wishes) = mpsc::channel(WAITING);
        (Self(door), wishes)
    }

    /// Absent when too many wait already, or the daemon ends.
    async fn ask(&self, of: Of) -> Option<Option<usize>> {
        let (answer, forgotten) = oneshot::channel();
        self.0.try_send(Wish { of, answer }).ok()?;
        forgotten.await.ok()
    }
}

pub(super) async fn forget(State(exposed): State<Exposed>, Path(of): Path<Of>) -> Response {
    let Some(door) = &exposed.forget else {
        return (
            StatusCode::FORBIDDEN,
            "forgetting by request is off: start lagslope with --web.enable-lifecycle\n",
        )
            .into_response();
    };
    match door.ask(of).await {
        Some(Some(forgotten)) => answer(&Forgotten { forgotten }),
        Some(None) => (
            StatusCode::NOT_FOUND,
            "no such cluster, group or topic is known\n",
        )
            .into_response(),
        None => {
            let counter = &exposed.own.refused;
            counter.with_label_values(&["forgets_waiting"]).inc();
            limits::too_busy("too much is waiting to be forgotten\n")
        }
    }
}

fn answer(forgotten: &Forgotten) -> Response {
    let text = serde_json::to_string(forgotten).expect("a number has a text");
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], text).into_response()
}

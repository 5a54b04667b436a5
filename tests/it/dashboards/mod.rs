//! The dashboards: what Grafana would stumble over, as far as that can be told without Grafana.

mod layout;
mod queries;

pub(crate) use queries::{OF_OTHER_TROUBLES, dashboards, queries};

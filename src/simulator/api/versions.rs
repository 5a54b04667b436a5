//! ApiVersions: which questions are answered, and in which versions.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};

use super::super::view::{Right, View};
use super::ANSWERED;

/// From this version on a greeting must say who greets.
const NAMES_SINCE: i16 = 3;

pub(super) fn answer(
    view: &View<'_>,
    question: ApiVersionsRequest,
    version: i16,
) -> ApiVersionsResponse {
    let says = |word: &str| {
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let edges = word.starts_with(|c: char| c.is_ascii_alphanumeric())
            && word.ends_with(|c: char| c.is_ascii_alphanumeric());
        edges && word.chars().all(inside)
    };
    let is_named = says(&question.client_software_name) && says(&question.client_software_version);
    if version >= NAMES_SINCE && !is_named {
        let error = ResponseError::InvalidRequest.code();
        return ApiVersionsResponse::default().with_error_code(error);
    }
    let error = view.error(Right::Cluster);
    ApiVersionsResponse::default()
        .with_error_code(error.unwrap_or(0))
        .with_api_keys(offered(view))
}

/// For a client that asked in a version that there isn't.
pub(super) fn unsupported(view: &View<'_>) -> ApiVersionsResponse {
    ApiVersionsResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_api_keys(offered(view))
}

fn offered(view: &View<'_>) -> Vec<ApiVersion> {
    let capped = ANSWERED.iter().map(|(api, lowest, highest)| {
        let highest = (*highest).min(view.cluster.version_cap(*api));
        (*api, *lowest, highest)
    });
    let offered = capped.filter(|(_, lowest, highest)| lowest <= highest);
    let version = |(api, lowest, highest)| {
        ApiVersion::default()
            .with_api_key(api as i16)
            .with_min_version(lowest)
            .with_max_version(highest)
    };
    offered.map(version).collect()
}

//! The questions that a simulated broker answers, each in a file of its own, and the versions in which it does: what is in the table is
//! advertised, and nothing else is answered.

mod cluster;
mod commits;
mod configs;
mod coordinators;
mod fetch;
mod groups;
mod log_dirs;
mod members;
mod metadata;
mod offsets;
mod produce;
mod shares;
mod versions;

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, FetchRequest, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request};

use super::view::View;

/// `(question, lowest version, highest version)`: what real brokers of 4.4 speak, as far as the codec knows it and it is answered here.
/// OffsetFetch 10 asks by topic id, which the codec's request doesn't know; Fetch 18 is for followers, Produce 13 knows
/// topics by id only. DescribeShareGroupOffsets 0 lacks the lag.
pub(super) const ANSWERED: &[(ApiKey, i16, i16)] = &[
    (ApiKey::Produce, 3, 12),
    (ApiKey::Fetch, 4, 17),
    (ApiKey::ListOffsets, 1, 10),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::OffsetFetch, 1, 9),
    (ApiKey::FindCoordinator, 0, 6),
    (ApiKey::DescribeGroups, 0, 6),
    (ApiKey::ListGroups, 0, 5),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::DescribeLogDirs, 1, 4),
    (ApiKey::DescribeCluster, 0, 2),
    (ApiKey::ConsumerGroupDescribe, 0, 1),
    (ApiKey::ShareGroupDescribe, 1, 1),
    (ApiKey::DescribeShareGroupOffsets, 1, 1),
];

/// A frame to send.
pub(super) enum Answer {
    Now(Bytes),
    /// There is less than the client asked for; so long it would rather wait for more.
    NothingNew(Bytes, Duration),
}

/// Answers a question; nothing when it is one that no such broker understands.
pub(super) fn answer(
    view: &View<'_>,
    api: ApiKey,
    header: &RequestHeader,
    body: Bytes,
) -> Option<Answer> {
    let (_, lowest, highest) = ANSWERED.iter().find(|(key, ..)| *key == api)?;
    let version = header.request_api_version;
    let highest = (*highest).min(view.cluster.version_cap(api));
    let asked = Asked {
        view,
        header,
        body,
        version,
    };
    if !(*lowest..=highest).contains(&version) {
        // A client that greets in a version from the future is told in the oldest which ones there are.
        let greets = api == ApiKey::ApiVersions;
        return greets.then(|| asked.frame::<ApiVersionsRequest>(&versions::unsupported(view), 0));
    }
    match api {
        ApiKey::ApiVersions => asked.by(versions::answer),
        ApiKey::Metadata => asked.by(metadata::answer),
        ApiKey::FindCoordinator => asked.by(coordinators::answer),
        ApiKey::ListGroups => asked.by(groups::answer),
        ApiKey::DescribeGroups => asked.by(members::classic),
        ApiKey::ConsumerGroupDescribe => asked.by(members::consumer),
        ApiKey::ShareGroupDescribe => asked.by(members::share),
        ApiKey::OffsetFetch => asked.by(commits::answer),
        ApiKey::DescribeShareGroupOffsets => asked.by(shares::answer),
        ApiKey::ListOffsets => asked.by(offsets::answer),
        ApiKey::DescribeConfigs => asked.by(configs::answer),
        ApiKey::DescribeCluster => asked.by(cluster::answer),
        ApiKey::DescribeLogDirs => asked.by(log_dirs::answer),
        ApiKey::Fetch => asked.fetch(),
        ApiKey::Produce => asked.by(produce::answer),
        _ => None,
    }
}

/// A question, not yet read.
struct Asked<'a> {
    view: &'a View<'a>,
    header: &'a RequestHeader,
    body: Bytes,
    version: i16,
}

impl Asked<'_> {
    /// Reads it, has it answered, and writes the answer. `None` when it is garbled.
    fn by<R: Request>(
        mut self,
        answer: impl FnOnce(&View<'_>, R, i16) -> R::Response,
    ) -> Option<Answer> {
        let question = R::decode(&mut self.body, self.version).ok()?;
        let answer = answer(self.view, question, self.version);
        Some(self.frame::<R>(&answer, self.version))
    }

    fn fetch(mut self) -> Option<Answer> {
        let question = FetchRequest::decode(&mut self.body, self.version).ok()?;
        let patience = fetch::patience(&question);
        let answer = fetch::answer(self.view, &question, self.version);
        let is_enough = fetch::tells_enough(&question, &answer);
        let Answer::Now(bytes) = self.frame::<FetchRequest>(&answer, self.version) else {
            return None;
        };
        if is_enough {
            Some(Answer::Now(bytes))
        } else {
            Some(Answer::NothingNew(bytes, patience))
        }
    }

    fn frame<R: Request>(&self, answer: &R::Response, version: i16) -> Answer {
        let mut bytes = BytesMut::new();
        bytes.put_u32(0);
        let head = ResponseHeader::default().with_correlation_id(self.header.correlation_id);
        head.encode(&mut bytes, R::Response::header_version(version))
            .expect("a header has an encoding");
        answer
            .encode(&mut bytes, version)
            .expect("set only what the version has");
        let size = bytes.len() as u32 - 4;
        bytes[..4].copy_from_slice(&size.to_be_bytes());
        Answer::Now(bytes.freeze())
    }
}

/// As answers have topic ids. The codec's own crate for them is none of ours, but it reads text.
fn uuid<T: std::str::FromStr>(id: u128) -> T {
    let parsed = format!("{id:032x}").parse().ok();
    parsed.expect("32 hexadecimal digits are an id")
}

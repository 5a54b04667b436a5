//! The questions that may be asked of a broker: their names, the versions used, and the layout of their answers.
//! There is none in here that writes.

use kafka_protocol::messages::{
    ApiVersionsRequest, ConsumerGroupDescribeRequest, DescribeClusterRequest,
    DescribeConfigsRequest, DescribeGroupsRequest, DescribeLogDirsRequest, ListGroupsRequest,
    ListOffsetsRequest, MetadataRequest, OffsetFetchRequest, SaslAuthenticateRequest,
    SaslHandshakeRequest, ShareGroupDescribeRequest,
};
use kafka_protocol::protocol::Request;

use super::shape::Shape::{Blob, Fixed, List, Plain, Struct, Text};
use super::shape::{Field, Message, Shape};
use crate::codec::DescribeShareGroupOffsetsRequest;

/// A request that may be sent, and how its answer must look.
pub(crate) trait Api: Request + Send + Sync {
    /// Kafka's name of it; the `api` label of the metrics.
    const NAME: &'static str;
    /// The versions used, both included. The codec knows them, and so does [`Self::ANSWER`].
    const VERSIONS_USED: (i16, i16);
    /// The answer's layout.
    const ANSWER: Message;
    /// Asked in every cycle; the others share what is left of the budget.
    const REGULAR: bool = false;
}

const I8: Shape = Fixed(1);
const BOOL: Shape = Fixed(1);
const I16: Shape = Fixed(2);
const I32: Shape = Fixed(4);
const I64: Shape = Fixed(8);
const UUID: Shape = Fixed(16);
const I32S: Shape = Plain(&Fixed(4));

impl Api for ApiVersionsRequest {
    const NAME: &'static str = "ApiVersions";
    /// Version 3 tells the broker who asks; a broker that doesn't know it answers in version 0.
    const VERSIONS_USED: (i16, i16) = (0, 3);
    const ANSWER: Message = Message {
        flexible_from: 3,
        fields: &[
            I16.always(),
            List(&[I16.always(), I16.always(), I16.always()]).always(),
            I32.since(1),
        ],
        tagged: &[(0, List(FEATURE)), (1, I64), (2, List(FEATURE)), (3, BOOL)],
    };
}

/// No version of it has compact lengths.
const NEVER: i16 = i16::MAX;

impl Api for SaslHandshakeRequest {
    const NAME: &'static str = "SaslHandshake";
    /// After version 0 the mechanism's bytes would follow without frames.
    const VERSIONS_USED: (i16, i16) = (1, 1);
    const ANSWER: Message = Message {
        flexible_from: NEVER,
        fields: &[I16.always(), Plain(&Text).always()],
        tagged: &[],
    };
}

impl Api for SaslAuthenticateRequest {
    const NAME: &'static str = "SaslAuthenticate";
    const VERSIONS_USED: (i16, i16) = (0, 2);
    const ANSWER: Message = Message {
        flexible_from: 2,
        fields: &[I16.always(), Text.always(), Blob.always(), I64.since(1)],
        tagged: &[],
    };
}

const FEATURE: &[Field] = &[Text.always(), I16.always(), I16.always()];

impl Api for MetadataRequest {
    const NAME: &'static str = "Metadata";
    /// From 4 on a request can say that it must not create the topic.
    const VERSIONS_USED: (i16, i16) = (4, 13);
    const ANSWER: Message = Message {
        flexible_from: 9,
        fields: &[
            I32.since(3),
            List(&[I32.always(), Text.always(), I32.always(), Text.since(1)]).always(),
            Text.since(2),
            I32.since(1),
            List(&[
                I16.always(),
                Text.always(),
                UUID.since(10),
                BOOL.since(1),
                List(&[
                    I16.always(),
                    I32.always(),
                    I32.always(),
                    I32.since(7),
                    I32S.always(),
                    I32S.always(),
                    I32S.since(5),
                ])
                .always(),
                I32.since(8),
            ])
            .always(),
            I32.between(8, 10),
            I16.since(13),
        ],
        tagged: &[],
    };
}

impl Api for ListGroupsRequest {
    const NAME: &'static str = "ListGroups";
    const VERSIONS_USED: (i16, i16) = (0, 5);
    const ANSWER: Message = Message {
        flexible_from: 3,
        fields: &[
            I32.since(1),
            I16.always(),
            List(&[Text.always(), Text.always(), Text.since(4), Text.since(5)]).always(),
        ],
        tagged: &[],
    };
    const REGULAR: bool = true;
}

impl Api for OffsetFetchRequest {
    const NAME: &'static str = "OffsetFetch";
    /// From 2 on a request can ask for all topics. 10 asks by topic id, which the codec's request doesn't know.
    const VERSIONS_USED: (i16, i16) = (2, 9);
    const ANSWER: Message = Message {
        flexible_from: 6,
        fields: &[
            I32.since(3),
            List(COMMITTED_TOPIC).between(0, 7),
            I16.between(2, 7),
            List(&[Text.always(), List(COMMITTED_TOPIC).always(), I16.always()]).since(8),
        ],
        tagged: &[],
    };
    const REGULAR: bool = true;
}

const COMMITTED_TOPIC: &[Field] = &[
    Text.always(),
    List(&[
        I32.always(),
        I64.always(),
        I32.since(5),
        Text.always(),
        I16.always(),
    ])
    .always(),
];

impl Api for DescribeShareGroupOffsetsRequest {
    const NAME: &'static str = "DescribeShareGroupOffsets";
    /// Version 0 has no lag, and without it a start offset can't be believed.
    const VERSIONS_USED: (i16, i16) = (1, 1);
    const ANSWER: Message = Message {
        flexible_from: 0,
        fields: &[
            I32.always(),
            List(&[
                Text.always(),
                List(SHARED_TOPIC).always(),
                I16.always(),
                Text.always(),
            ])
            .always(),
        ],
        tagged: &[],
    };
    const REGULAR: bool = true;
}

const SHARED_TOPIC: &[Field] = &[
    Text.always(),
    UUID.always(),
    List(&[
        I32.always(),
        I64.always(),
        I32.always(),
        I64.since(1),
        I16.always(),
        Text.always(),
    ])
    .always(),
];

impl Api for ListOffsetsRequest {
    const NAME: &'static str = "ListOffsets";
    /// From 2 on a request can say which isolation level it means.
    const VERSIONS_USED: (i16, i16) = (2, 10);
    const ANSWER: Message = Message {
        flexible_from: 6,
        fields: &[
            I32.since(2),
            List(&[
                Text.always(),
                List(&[
                    I32.always(),
                    I16.always(),
                    I64.always(),
                    I64.always(),
                    I32.since(4),
                ])
                .always(),
            ])
            .always(),
        ],
        tagged: &[],
    };
    const REGULAR: bool = true;
}

impl Api for DescribeGroupsRequest {
    const NAME: &'static str = "DescribeGroups";
    const VERSIONS_USED: (i16, i16) = (0, 6);
    const ANSWER: Message = Message {
        flexible_from: 5,
        fields: &[
            I32.since(1),
            List(&[
                I16.always(),
                Text.since(6),
                Text.always(),
                Text.always(),
                Text.always(),
                Text.always(),
                List(&[
                    Text.always(),
                    Text.since(4),
                    Text.always(),
                    Text.always(),
                    Blob.always(),
                    Blob.always(),
                ])
                .always(),
                I32.since(3),
            ])
            .always(),
        ],
        tagged: &[],
    };
}

impl Api for ConsumerGroupDescribeRequest {
    const NAME: &'static str = "ConsumerGroupDescribe";
    const VERSIONS_USED: (i16, i16) = (0, 1);
    const ANSWER: Message = Message {
        flexible_from: 0,
        fields: &[
            I32.always(),
            List(&[
                I16.always(),
                Text.always(),
                Text.always(),
                Text.always(),
                I32.always(),
                I32.always(),
                Text.always(),
                List(MEMBER).always(),
                I32.always(),
            ])
            .always(),
        ],
        tagged: &[],
    };
}

const MEMBER: &[Field] = &[
    Text.always(),
    Text.always(),
    Text.always(),
    I32.always(),
    Text.always(),
    Text.always(),
    Plain(&Text).always(),
    Text.always(),
    Struct(ASSIGNMENT).always(),
    Struct(ASSIGNMENT).always(),
    I8.since(1),
];

const ASSIGNMENT: &[Field] = &[List(&[UUID.always(), Text.always(), I32S.always()]).always()];

impl Api for ShareGroupDescribeRequest {
    const NAME: &'static str = "ShareGroupDescribe";
    const VERSIONS_USED: (i16, i16) = (1, 1);
    const ANSWER: Message = Message {
        flexible_from: 0,
        fields: &[
            I32.always(),
            List(&[
                I16.always(),
                Text.always(),
                Text.always(),
                Text.always(),
                I32.always(),
                I32.always(),
                Text.always(),
                List(SHARE_MEMBER).always(),
                I32.always(),
            ])
            .always(),
        ],
        tagged: &[],
    };
}

const SHARE_MEMBER: &[Field] = &[
    Text.always(),
    Text.always(),
    I32.always(),
    Text.always(),
    Text.always(),
    Plain(&Text).always(),
    Struct(ASSIGNMENT).always(),
];

impl Api for DescribeConfigsRequest {
    const NAME: &'static str = "DescribeConfigs";
    const VERSIONS_USED: (i16, i16) = (1, 4);
    const ANSWER: Message = Message {
        flexible_from: 4,
        fields: &[
            I32.always(),
            List(&[
                I16.always(),
                Text.always(),
                I8.always(),
                Text.always(),
                List(&[
                    Text.always(),
                    Text.always(),
                    BOOL.always(),
                    I8.always(),
                    BOOL.always(),
                    List(&[Text.always(), Text.always(), I8.always()]).always(),
                    I8.since(3),
                    Text.since(3),
                ])
                .always(),
            ])
            .always(),
        ],
        tagged: &[],
    };
}

impl Api for DescribeClusterRequest {
    /// Asked by the doctor only.
    const NAME: &'static str = "DescribeCluster";
    const VERSIONS_USED: (i16, i16) = (0, 1);
    const ANSWER: Message = Message {
        flexible_from: 0,
        fields: &[
            I32.always(),
            I16.always(),
            Text.always(),
            I8.since(1),
            Text.always(),
            I32.always(),
            List(&[I32.always(), Text.always(), I32.always(), Text.always()]).always(),
            I32.always(),
        ],
        tagged: &[],
    };
}

impl Api for DescribeLogDirsRequest {
    const NAME: &'static str = "DescribeLogDirs";
    const VERSIONS_USED: (i16, i16) = (1, 4);
    const ANSWER: Message = Message {
        flexible_from: 2,
        fields: &[
            I32.always(),
            I16.since(3),
            List(&[
                I16.always(),
                Text.always(),
                List(&[
                    Text.always(),
                    List(&[I32.always(), I64.always(), I64.always(), BOOL.always()]).always(),
                ])
                .always(),
                I64.since(4),
                I64.since(4),
            ])
            .always(),
        ],
        tagged: &[],
    };
}

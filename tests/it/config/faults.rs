//! Each fault with the exact words for it: file and line, or variable; key; what is wrong; what would be right.

use super::{LEAST, faults};

/// `(why it is in here, file, variables, messages)`.
type Case = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const C: &str = "clusters: [{name: a, bootstrap_servers: [a:1]}]\n";

const YAML: &[Case] = &[
    (
        "no YAML",
        "a: [",
        &[],
        &["f.yaml:1: not valid YAML: while parsing a node, did not find expected node content"],
    ),
    (
        "not a map",
        "- a",
        &[],
        &["f.yaml:1: expected a map of settings, got a list"],
    ),
    (
        "equal keys",
        "metrics:\n  granularity: topic\n  granularity: topic\n",
        &[],
        &["f.yaml:3: metrics.granularity: this key is there twice, first at f.yaml:2"],
    ),
    (
        "aliases",
        "a: &x 1\nb: *x\n",
        &[],
        &["f.yaml:2: b: YAML aliases (`*…`) are not supported: write the value out"],
    ),
    (
        "tags",
        "a: !!str 1\n",
        &[],
        &["f.yaml:1: a: YAML tags (`!…`) are not supported"],
    ),
    (
        "two documents",
        "---\na: 1\n---\nb: 1\n",
        &[],
        &["f.yaml:3: a second YAML document begins here: write one"],
    ),
    (
        "a list for a key",
        "? [a]\n: b\n",
        &[],
        &["f.yaml:1: a key must be text"],
    ),
    (
        "nothing at all",
        "",
        &[],
        &["f.yaml: clusters: missing: at least one cluster"],
    ),
];

const VALUES: &[Case] = &[
    (
        "a string for a list",
        "clusters:\n  - name: a\n    bootstrap_servers: kafka:9092\n",
        &[],
        &[
            "f.yaml:3: clusters[0].bootstrap_servers: expected a list, got the text \"kafka:9092\": write [\"kafka:9092\"]",
        ],
    ),
    (
        "several strings for a list",
        "clusters:\n  - name: a\n    bootstrap_servers: k1:9092, k2:9092\n",
        &[],
        &[
            "f.yaml:3: clusters[0].bootstrap_servers: expected a list, got the text \"k1:9092, k2:9092\": write [\"k1:9092\", \"k2:9092\"]",
        ],
    ),
    (
        "a password before an address, which is not repeated",
        "clusters:\n  - name: a\n    bootstrap_servers: ['u:hunter2@k:9092']\n  - name: b\n    bootstrap_servers: u:hunter2@k:9092\n",
        &[],
        &[
            "f.yaml:3: clusters[0].bootstrap_servers[0]: expected host:port, without a name or password in front of it (what is there is not shown: it may hold one); who signs in is said under `kafka`",
            "f.yaml:5: clusters[1].bootstrap_servers: expected a list, got text: write it in brackets",
        ],
    ),
    (
        "a property beside the block it belongs in",
        "clusters:\n  - name: a\n    bootstrap_servers: [a:1]\n    sasl.password: p\nssl.ca.location: /ca\n",
        &[],
        &[
            "f.yaml:4: clusters[0].sasl.password: unknown key here: it belongs under `kafka:`",
            "f.yaml:5: ssl.ca.location: unknown key here: it belongs under `kafka:`",
        ],
    ),
    (
        "no port",
        "clusters:\n  - {name: a, bootstrap_servers: [kafka]}\n",
        &[],
        &[
            "f.yaml:2: clusters[0].bootstrap_servers[0]: expected host:port (an IPv6 address in brackets), got the text \"kafka\"",
        ],
    ),
    (
        "IPv6 without brackets",
        "clusters:\n  - {name: a, bootstrap_servers: ['::1:9092']}\n",
        &[],
        &[
            "f.yaml:2: clusters[0].bootstrap_servers[0]: expected host:port (an IPv6 address in brackets), got the text \"::1:9092\"",
        ],
    ),
    (
        "a pattern that doesn't compile",
        "clusters:\n  - name: a\n    bootstrap_servers: [a:1]\n    groups:\n      include: ['ok', '(a']\n",
        &[],
        &[
            "f.yaml:5: clusters[0].groups.include[1]: the pattern \"(a\" is no regular expression: unclosed group",
        ],
    ),
    (
        "a null in a list",
        "clusters:\n  - {name: a, bootstrap_servers: [~]}\n",
        &[],
        &[
            "f.yaml:2: clusters[0].bootstrap_servers[0]: expected text such as kafka-1:9092, got nothing",
        ],
    ),
    (
        "required keys",
        "clusters:\n  - name: a\n  - bootstrap_servers: [a:1]\n",
        &[],
        &[
            "f.yaml:2: clusters[0].bootstrap_servers: missing: at least one host:port",
            "f.yaml:3: clusters[1].name: missing",
        ],
    ),
    (
        "equal names",
        "clusters:\n  - {name: a, bootstrap_servers: [a:1]}\n  - {name: a, bootstrap_servers: [b:1]}\n",
        &[],
        &["f.yaml:3: clusters[1].name: another cluster is called \"a\" too"],
    ),
    (
        "a source of offsets that isn't",
        "clusters:\n  - name: a\n    bootstrap_servers: [a:1]\n    offsets: topic\n",
        &[],
        &[
            "f.yaml:4: clusters[0].offsets: expected auto or stream or query, got the text \"topic\"",
        ],
    ),
    (
        "a source of offsets that can't be signed in to",
        "clusters:\n  - name: a\n    bootstrap_servers: [a:1]\n    offsets: stream\n    kafka: {security.protocol: SASL_SSL, sasl.mechanism: OAUTHBEARER, sasl.oauthbearer.method: aws_msk_iam, sasl.oauthbearer.aws.region: eu-west-1}\n",
        &[],
        &[
            "f.yaml:4: clusters[0].offsets: stream: the commit stream can't be read: it can't sign in by OAUTHBEARER in this version",
        ],
    ),
];

/// With a good cluster on line 1.
const BESIDE_A_CLUSTER: &[Case] = &[
    (
        "a duration without a unit",
        "sample_interval: 10\n",
        &[],
        &["f.yaml:2: sample_interval: expected a duration from 1s to 10m, got the text \"10\""],
    ),
    (
        "no time at all",
        "sample_interval: 0s\nmax_age: 0s\n",
        &[],
        &[
            "f.yaml:2: sample_interval: expected a duration from 1s to 10m, got the text \"0s\"",
            "f.yaml:3: max_age: expected a duration above 0 such as 500ms, 15s, 5m or 1h30m, got the text \"0s\"",
        ],
    ),
    (
        "what is judged against an interval, beside one that can't be read",
        "sample_interval: 5\nmax_age: 6s\nsignals: {rate_window: 11s}\n",
        &[],
        &["f.yaml:2: sample_interval: expected a duration from 1s to 10m, got the text \"5\""],
    ),
    (
        "out of bounds",
        "sample_interval: 1h\n",
        &[],
        &["f.yaml:2: sample_interval: expected a duration from 1s to 10m, got the text \"1h\""],
    ),
    (
        "older than it ever gets",
        "max_age: 1s\n",
        &[],
        &["f.yaml:2: max_age: must not be below sample_interval (10s), is 1s"],
    ),
    (
        "yes is not a number",
        "ceilings:\n  - {group: a, topic: b, lag_messages: yes}\n",
        &[],
        &[
            "f.yaml:3: ceilings[0].lag_messages: expected a whole number from 1 on, got the text \"yes\"",
        ],
    ),
    (
        "no ceiling in it",
        "ceilings:\n  - {group: a, topic: b}\n",
        &[],
        &["f.yaml:3: ceilings[0]: missing: lag_messages, delay or both"],
    ),
    (
        "not finite",
        "signals: {lag_growth: {spread_factor: inf, half_share: 1.5}}\n",
        &[],
        &[
            "f.yaml:2: signals.lag_growth.half_share: expected a number above 0 and at most 1, got the text \"1.5\"",
            "f.yaml:2: signals.lag_growth.spread_factor: expected a number above 0, got the text \"inf\"",
        ],
    ),
    (
        "looks at more than is kept",
        "signals: {lag_growth: {minima_kept: 4}}\n",
        &[],
        &["f.yaml:2: signals.lag_growth.minima_kept: 4 are kept, but 8 are looked at"],
    ),
    (
        "a slope over one sample",
        "signals: {rate_window: 15s}\n",
        &[],
        &["f.yaml:2: signals.rate_window: must be at least two sample intervals (20s)"],
    ),
    (
        "unknown keys, all at once",
        "metrics: {granularty: topic, x.y: 1}\ngates: []\na.b: 1\n",
        &[],
        &[
            "f.yaml:2: metrics.granularty: unknown key: did you mean `granularity`?",
            "f.yaml:2: metrics.x.y: unknown key",
            "f.yaml:3: gates: unknown key",
            "f.yaml:4: a.b: unknown key",
        ],
    ),
    (
        "an unknown key beside a bad value",
        "metrics:\n  granularity: group\n  x: 1\n",
        &[],
        &[
            "f.yaml:3: metrics.granularity: expected topic or partition, got the text \"group\"",
            "f.yaml:4: metrics.x: unknown key",
        ],
    ),
    (
        "the environment",
        "",
        &[
            "LAGSLOPE__METRICS__GRANULARITY=x",
            "LAGSLOPE__SAMPLE_INTERVALL=1s",
            "LAGSLOPE__CLUSTERS__2__NAME=x",
            "LAGSLOPE__CLUSTERS__X=1",
            "LAGSLOPE__CLUSTERS__0__NAME__X=1",
            "LAGSLOPE__METRICS__=1",
        ],
        &[
            "LAGSLOPE__CLUSTERS__0__NAME__X: clusters[0].name.x: `x` wants a map, but text is there",
            "LAGSLOPE__CLUSTERS__2__NAME: clusters[2].name: entry 2 would leave a gap: the list has 1 so far, counted from 0",
            "LAGSLOPE__CLUSTERS__X: clusters.x: `x` wants a map, but a list is there",
            "LAGSLOPE__METRICS__: metrics.: there is a key missing between two `__` or at the end",
            "LAGSLOPE__METRICS__GRANULARITY: metrics.granularity: expected topic or partition, got the text \"x\"",
            "LAGSLOPE__SAMPLE_INTERVALL: sample_intervall: unknown key: did you mean `sample_interval`?",
        ],
    ),
];

#[test]
fn each_fault_is_told_in_these_words() {
    for (why, text, variables, messages) in YAML.iter().chain(VALUES) {
        assert_eq!(faults(text, variables), *messages, "{why}");
    }
    for (why, text, variables, messages) in BESIDE_A_CLUSTER {
        assert_eq!(faults(format!("{C}{text}"), variables), *messages, "{why}");
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = format!("a: {}1{}", "[".repeat(17), "]".repeat(17));
    let told = faults(deep, &[]).concat();
    assert!(told.ends_with("nested deeper than 16 levels"), "{told}");
    let large = format!("{LEAST}{}", "# comment\n".repeat(110_000));
    assert_eq!(
        faults(large, &[]),
        ["f.yaml: cannot be read: it is larger than 1048576 bytes"]
    );
    let many = "  - {group: '(', topic: b}\n".repeat(60);
    let told = faults(format!("{C}ceilings:\n{many}"), &[]);
    assert_eq!(told.len(), 51);
    assert_eq!(
        told[0],
        "f.yaml: 50 bad values: correct them first, the rest was not looked at"
    );
}

#[test]
fn bytes_that_are_no_text_are_told() {
    assert_eq!(
        faults([0xff, 0xfe], &[]),
        ["f.yaml: cannot be read: stream did not contain valid UTF-8"]
    );
}

//! The properties that librdkafka has and our client does not: known by name, so that a block copied from another program is
//! answered with what to do about each.

/// librdkafka 2.12's properties that are no matter of signing in, and have no counterpart: it fetches, produces, calls back and
/// tunes, we ask questions.
const WITHOUT_COUNTERPART: &str = "
    acks allow.auto.create.topics api.version.fallback.ms api.version.request api.version.request.timeout.ms auto.commit.enable
    auto.commit.interval.ms auto.offset.reset background_event_cb batch.num.messages batch.size broker.address.family
    broker.address.ttl broker.version.fallback builtin.features check.crcs client.dns.lookup client.id client.rack closesocket_cb
    compression.codec compression.level compression.type connect_cb connections.max.idle.ms consume.callback.max.messages
    consume_cb coordinator.query.interval.ms debug default_topic_conf delivery.report.only.error delivery.timeout.ms dr_cb
    dr_msg_cb enable.auto.commit enable.auto.offset.store enable.gapless.guarantee enable.idempotence enable.metrics.push
    enable.partition.eof enable.random.seed enabled_events error_cb fetch.error.backoff.ms fetch.max.bytes
    fetch.message.max.bytes fetch.min.bytes fetch.queue.backoff.ms fetch.wait.max.ms group.instance.id group.protocol
    group.protocol.type group.remote.assignor heartbeat.interval.ms interceptors internal.termination.signal linger.ms
    log.connection.close log.queue log.thread.name log_cb log_level max.in.flight max.in.flight.requests.per.connection
    max.partition.fetch.bytes max.poll.interval.ms message.copy.max.bytes message.max.bytes message.send.max.retries
    message.timeout.ms metadata.max.age.ms metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy msg_order_cmp
    oauthbearer_token_refresh_cb offset.store.method offset.store.path offset.store.sync.interval.ms offset_commit_cb opaque
    open_cb partition.assignment.strategy partitioner partitioner_cb plugin.library.paths produce.offset.report
    queue.buffering.backpressure.threshold queue.buffering.max.kbytes queue.buffering.max.messages queue.buffering.max.ms
    queued.max.messages.kbytes queued.min.messages queuing.strategy rebalance_cb receive.message.max.bytes
    reconnect.backoff.jitter.ms reconnect.backoff.max.ms reconnect.backoff.ms request.required.acks resolve_cb retries
    retry.backoff.max.ms retry.backoff.ms session.timeout.ms socket.blocking.max.ms socket.keepalive.enable socket.max.fails
    socket.nagle.disable socket.receive.buffer.bytes socket.send.buffer.bytes socket_cb statistics.interval.ms stats_cb
    sticky.partitioning.linger.ms throttle_cb topic.blacklist topic.metadata.propagation.max.ms
    topic.metadata.refresh.fast.cnt topic.metadata.refresh.fast.interval.ms topic.metadata.refresh.interval.ms
    topic.metadata.refresh.sparse transaction.timeout.ms transactional.id
";

/// Properties, and what to do instead.
const INSTEAD: &[(&str, &str)] = &[
    (
        "bootstrap.servers metadata.broker.list",
        "set `bootstrap_servers`, beside `kafka`",
    ),
    (
        "group.id",
        "no group is joined: which ones are watched says `groups`, beside `kafka`",
    ),
    ("isolation.level", "set `isolation_level`, beside `kafka`"),
    (
        "request.timeout.ms socket.timeout.ms socket.connection.setup.timeout.ms",
        "set `request_timeout`, beside `kafka`",
    ),
    (
        "ssl.ca.pem ssl_ca ssl.ca.certificate.stores",
        "certificates are read from PEM files: set ssl.ca.location",
    ),
    (
        "https.ca.pem",
        "certificates are read from PEM files: set https.ca.location",
    ),
    (
        "ssl.certificate.pem ssl_certificate ssl.key.pem ssl_key ssl.keystore.location ssl.keystore.password",
        "the client certificate is read from PEM files: set ssl.certificate.location and ssl.key.location",
    ),
    (
        "ssl.cipher.suites ssl.curves.list ssl.sigalgs.list",
        "TLS is rustls, which has safe suites only and no such choice: remove it",
    ),
    (
        "ssl.crl.location ssl.certificate.verify_cb ssl.providers ssl.engine.id ssl.engine.location ssl_engine_callback_data",
        "this can't be honoured: lagslope's TLS is rustls, not OpenSSL",
    ),
    (
        "sasl.kerberos.keytab",
        "set the variable KRB5_CLIENT_KTNAME to that file: Kerberos reads it, and renews tickets by it, by itself",
    ),
    (
        "sasl.kerberos.principal",
        "Kerberos takes the principal of the ticket cache or keytab (KRB5CCNAME, KRB5_CLIENT_KTNAME): remove it",
    ),
    (
        "sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin",
        "no kinit is run: Kerberos renews tickets by itself from a keytab (KRB5_CLIENT_KTNAME): remove it",
    ),
    (
        "sasl.oauthbearer.config enable.sasl.oauthbearer.unsecure.jwt",
        "unsecured tokens are for tests and can't be made here: set sasl.oauthbearer.method to oidc or aws_msk_iam",
    ),
    (
        "sasl.oauthbearer.client.credentials.client.id",
        "set sasl.oauthbearer.client.id",
    ),
    (
        "sasl.oauthbearer.client.credentials.client.secret",
        "set sasl.oauthbearer.client.secret",
    ),
    (
        "sasl.oauthbearer.grant.type sasl.oauthbearer.metadata.authentication.type",
        "this can't be honoured: tokens come by client credentials (oidc) or from Amazon (aws_msk_iam)",
    ),
];

/// All of `sasl.oauthbearer.assertion.…` belong to a grant that we don't have.
const ASSERTION: &str = "sasl.oauthbearer.assertion.";

/// What to do about a property that only librdkafka has; nothing for one that it doesn't have either.
pub(super) fn instead(property: &str) -> Option<String> {
    let names = |list: &str| list.split_whitespace().any(|name| name == property);
    if let Some((_, instead)) = INSTEAD.iter().find(|(list, _)| names(list)) {
        return Some((*instead).to_owned());
    }
    if property.starts_with(ASSERTION) {
        return Some(
            "this can't be honoured: tokens come by client credentials, not by an assertion"
                .to_owned(),
        );
    }
    names(WITHOUT_COUNTERPART).then(|| {
        "a property of librdkafka's that lagslope's own client needs no setting for: remove it"
            .to_owned()
    })
}

# Two images from one file: `lagslope` (the default), and `pressure`, the producer/consumer pair that docker-compose.yml puts it under.

FROM rust:1.95-slim-bookworm AS sources
# What librdkafka is built with.
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ make pkg-config libssl-dev zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .

FROM sources AS build-lagslope
# The commit is told by lagslope_build_info:
# docker build --build-arg LAGSLOPE_COMMIT=$(git rev-parse --short HEAD) .
ARG LAGSLOPE_COMMIT
RUN cargo build --locked --release --bin lagslope

FROM sources AS build-pressure
RUN cargo build --locked --release --example pressure

FROM debian:bookworm-slim AS linked
RUN apt-get update \
 && apt-get install -y --no-install-recommends libssl3 zlib1g \
 && rm -rf /var/lib/apt/lists/*

FROM linked AS pressure
COPY --from=build-pressure /build/target/release/examples/pressure /usr/local/bin/pressure
USER 65534:65534
ENTRYPOINT ["/usr/local/bin/pressure"]

FROM linked AS lagslope
# The platform's authorities, for TLS without ssl.ca.location. The image of the build has them; this one has none.
COPY --from=build-lagslope /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build-lagslope /build/target/release/lagslope /usr/local/bin/lagslope
# What was learned outlives the container where this is a volume.
RUN install -d -m 0700 -o 65534 -g 65534 /var/lib/lagslope
VOLUME /var/lib/lagslope
# glibc keeps a heap for each thread; one is enough here, and takes a sixth less memory (docs/performance.md).
ENV LAGSLOPE__STATE__FILE=/var/lib/lagslope/state MALLOC_ARENA_MAX=1
USER 65534:65534
EXPOSE 9877
ENTRYPOINT ["/usr/local/bin/lagslope"]
CMD ["run", "--config.file", "/etc/lagslope/lagslope.yaml"]

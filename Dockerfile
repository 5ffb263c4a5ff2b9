# A small image of the gateway: a shell-less, non-root base and one binary.
#
#   docker build -t fieldgate .
#   docker run --read-only -p 8443:8443 \
#       -v "$PWD/config:/etc/fieldgate:ro" -v fieldgate-data:/var/lib/fieldgate fieldgate
#
# The volume, with the ledger and the state beside it, is the only place it writes to. Linked against glibc on a base that has it, not against
# musl: musl's allocator is slow for a proxy, and host names are looked up as on any Debian.
# `.ci/docker-build` runs the builder's steps without a container engine.

FROM rust:1.95-slim-bookworm AS builder
WORKDIR /build
COPY . .
RUN cargo build --release --locked --bin fieldgate
RUN strip --strip-debug target/release/fieldgate
RUN mkdir -p stage/fieldgate/ledger stage/fieldgate/state

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=builder /build/target/release/fieldgate /usr/local/bin/fieldgate
# Empty folders, so that a volume made here belongs to the user that writes to it.
COPY --from=builder --chown=nonroot:nonroot /build/stage/fieldgate /var/lib/fieldgate
USER nonroot:nonroot
VOLUME /var/lib/fieldgate
# Partners; the admin listener (metrics, health) is published only where the configuration binds it to more than loopback.
EXPOSE 8443 9464
ENTRYPOINT ["/usr/local/bin/fieldgate"]
CMD ["serve", "--config", "/etc/fieldgate/fieldgate.yaml"]

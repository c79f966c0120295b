# Builds with BuildKit of Docker 20.10 and later: docker build -t espalier .

FROM rust:slim-bookworm AS build
WORKDIR /build

# Dependencies first, with a program that does nothing: this layer is kept until Cargo.lock changes.
# Tests and benches that Cargo.toml names are not in this layer, so they are left out of it.
COPY Cargo.toml Cargo.lock ./
RUN sed -i -E '/^\[\[(test|bench)\]\]/,/^$/d' Cargo.toml \
 && mkdir src \
 && printf '//! Nothing yet.\n' | tee src/lib.rs > src/main.rs \
 && echo 'fn main() {}' >> src/main.rs \
 && cargo build --release --locked \
 && rm -r src

COPY Cargo.toml Cargo.lock ./
COPY src src
COPY templates templates
COPY static static
COPY migrations migrations
# The files' times may be older than the empty program's: touched, they are compiled.
RUN sed -i -E '/^\[\[(test|bench)\]\]/,/^$/d' Cargo.toml \
 && touch src/main.rs src/lib.rs \
 && cargo build --release --locked \
 && mkdir data

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Espalier" \
      org.opencontainers.image.description="A self-hosted over-the-air update server for ESP8266 and ESP32 devices" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="0.1.0"
COPY --from=build /build/target/release/espalier /usr/local/bin/espalier
COPY --from=build --chown=10001:10001 /build/data /data

# The only place that is written to. A named volume takes its owner over from here.
VOLUME /data
ENV ESPALIER_DATA=/data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Asks on ESPALIER_PORT, so set that rather than --port.
HEALTHCHECK --interval=10s --timeout=10s --start-period=10s --retries=3 CMD ["/usr/local/bin/espalier", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/espalier"]

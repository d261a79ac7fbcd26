# The program and its libraries in a slim Debian:
#
#   docker build -t lacuna .
#   docker run --rm -v "$PWD:/config:ro" -e DATABASE_URL lacuna reconcile
#
# How it was tried: there was no container engine. The apt-get commands of both stages ran as they stand, each in a minimal
# Debian 12 made by debootstrap. In the second one the program that scripts/package had built with the same flags ran as
# user 65534 and read a config in /config. The build in the first stage has not been run there.

ARG SWIFT=6.2
ARG DEBIAN=bookworm

FROM swift:${SWIFT}-${DEBIAN} AS build
RUN apt-get -q update \
    && apt-get -q -y --no-install-recommends install libcurl4-openssl-dev libpq-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN swift build -c release --static-swift-stdlib --disable-local-rpath --product lacuna \
    && strip -o /lacuna .build/release/lacuna

FROM debian:${DEBIAN}-slim
RUN apt-get -q update \
    && apt-get -q -y --no-install-recommends install ca-certificates libcurl4 libpq5 libstdc++6 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /lacuna /usr/local/bin/lacuna
COPY sql/roles /usr/local/share/lacuna/sql/roles
COPY LICENSE packaging/debian/copyright /usr/local/share/doc/lacuna/
# nobody, by number: only so can an engine see that it is not root.
USER 65534:65534
# Where the config is mounted.
WORKDIR /config
ENTRYPOINT ["/usr/local/bin/lacuna"]
CMD ["--help"]

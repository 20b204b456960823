# SPDX-License-Identifier: Apache-2.0
# isobar, the command line, and isobar-control beside it (--entrypoint isobar-control). Build from the root of the tree:
# docker build -f docker/isobar.Dockerfile -t isobar .
FROM debian:12-slim AS build
WORKDIR /src
COPY tools/install tools/lib.sh tools/packages.txt tools/
RUN tools/install build
COPY . .
RUN tools/build release isobar isobar-control

FROM debian:12-slim
COPY tools/install tools/lib.sh tools/packages.txt /tmp/isobar/tools/
RUN /tmp/isobar/tools/install run-isobar run-isobar-control \
 && rm -rf /tmp/isobar /var/lib/apt/lists/* \
 && useradd --system --uid 5300 --home-dir /var/lib/isobar isobar \
 && install -d -o isobar -g isobar /var/lib/isobar
COPY --from=build /src/build/release/isobar /src/build/release/isobar-control /usr/local/bin/
USER isobar
VOLUME /var/lib/isobar
ENTRYPOINT ["isobar"]
CMD ["--help"]

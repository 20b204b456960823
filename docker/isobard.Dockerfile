# SPDX-License-Identifier: Apache-2.0
# isobard, the DNS server. Build from the root of the tree: docker build -f docker/isobard.Dockerfile -t isobard .
FROM debian:12-slim AS build
WORKDIR /src
COPY tools/install tools/lib.sh tools/packages.txt tools/
RUN tools/install build geo
COPY . .
RUN tools/build release isobard && tools/make-geodb /geo.mmdb

FROM debian:12-slim
COPY tools/install tools/lib.sh tools/packages.txt /tmp/isobar/tools/
RUN /tmp/isobar/tools/install run-isobard \
 && rm -rf /tmp/isobar /var/lib/apt/lists/* \
 && useradd --system --uid 5300 --home-dir /var/lib/isobar isobar \
 && install -d -o isobar -g isobar /var/lib/isobar
COPY --from=build /src/build/release/isobard /usr/local/bin/
# Countries by address; data: IPFire Location Project, CC BY-SA 4.0.
COPY --from=build /geo.mmdb /usr/local/share/isobar/geo.mmdb
USER isobar
VOLUME /var/lib/isobar
EXPOSE 5300/udp 5300/tcp
ENTRYPOINT ["isobard"]
CMD ["--listen", "0.0.0.0:5300", "--geo", "/usr/local/share/isobar/geo.mmdb"]

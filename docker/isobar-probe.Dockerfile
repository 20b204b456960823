# SPDX-License-Identifier: Apache-2.0
# isobar-probe, the health checker. Build from the root of the tree:
# docker build -f docker/isobar-probe.Dockerfile -t isobar-probe .
# In another region, without a store (docs/operations.md; the key readable for uid 5300):
# docker run -v /etc/isobar:/etc/isobar:ro isobar-probe --name seoul-1 --region seoul --site gslb.example.com:5354 \
#   --cert /etc/isobar/seoul-1.pem --key /etc/isobar/seoul-1.key --ca /etc/isobar/ca.pem
FROM debian:12-slim AS build
WORKDIR /src
COPY tools/install tools/lib.sh tools/packages.txt tools/
RUN tools/install build
COPY . .
RUN tools/build release isobar-probe

FROM debian:12-slim
COPY tools/install tools/lib.sh tools/packages.txt /tmp/isobar/tools/
RUN /tmp/isobar/tools/install run-isobar-probe \
 && rm -rf /tmp/isobar /var/lib/apt/lists/* \
 && useradd --system --uid 5300 --home-dir /var/lib/isobar isobar \
 && install -d -o isobar -g isobar /var/lib/isobar
COPY --from=build /src/build/release/isobar-probe /usr/local/bin/
USER isobar
VOLUME /var/lib/isobar
ENTRYPOINT ["isobar-probe"]

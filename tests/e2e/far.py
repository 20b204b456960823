# SPDX-License-Identifier: Apache-2.0
"""A far world in a network namespace of its own: a TUN device with the route to everywhere, behind which every address that
is named answers echo requests after its own time, and no other does.

    far.py LOG ADDRESS=MILLISECONDS…

ADDRESS=forged answers at once with what is no answer: of another address, and with other octets. Each request that comes
is a line in LOG: the seconds of a monotonic clock, the address.
"""
import fcntl
import heapq
import os
import select
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
STRANGER = socket.inet_aton("9.9.9.9")


def checksum(octets):
    words = struct.unpack(f"!{len(octets) // 2}H", octets)
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def reply(packet, source, token=None):
    """What the echo request in `packet` is answered with."""
    icmp = bytearray(packet[20:])
    icmp[0], icmp[2:4] = 0, b"\0\0"
    if token:
        icmp[8:16] = token
    icmp[2:4] = struct.pack("!H", checksum(bytes(icmp)))
    header = bytearray(packet[:20])
    header[10:12], header[12:16], header[16:20] = b"\0\0", source, packet[12:16]
    header[10:12] = struct.pack("!H", checksum(bytes(header)))
    return bytes(header + icmp)


def is_echo_request(packet):
    return len(packet) >= 36 and packet[0] == 0x45 and packet[9] == 1 and packet[20] == 8


def open_device():
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"far", IFF_TUN | IFF_NO_PI))
    for words in ("link set lo up", "link set far up", "addr add 100.64.0.1/32 dev far", "route add default dev far"):
        subprocess.run(["ip", *words.split()], check=True)
    return device


def main(path, *delays):
    delays = dict(word.split("=") for word in delays)
    device, waiting = open_device(), []
    print("ready", flush=True)
    with open(path, "w", buffering=1) as log:
        while True:
            wait = max(0, waiting[0][0] - time.monotonic()) if waiting else None
            if select.select([device], [], [], wait)[0]:
                packet = os.read(device, 65536)
                if is_echo_request(packet):
                    now, address = time.monotonic(), socket.inet_ntoa(packet[16:20])
                    log.write(f"{now} {address}\n")
                    delay = delays.get(address)
                    if delay == "forged":
                        os.write(device, reply(packet, STRANGER))
                        os.write(device, reply(packet, packet[16:20], b"notyours"))
                    elif delay:
                        heapq.heappush(waiting, (now + float(delay) / 1000, reply(packet, packet[16:20])))
            while waiting and waiting[0][0] <= time.monotonic():
                os.write(device, heapq.heappop(waiting)[1])


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Fetches an X.509-SVID from a SPIFFE Workload API with the standard library alone.

A real program uses a SPIFFE library (docs/workloads/python.md). This one shows that there is nothing of ours in the way: one
gRPC call over a Unix socket, by the published standard. It prints one JSON object.
"""

import base64
import json
import os
import socket
import struct
import sys

HEADERS, DATA, SETTINGS, PING, GOAWAY, RST = 1, 0, 4, 6, 7, 3
END_HEADERS, END_STREAM, ACK = 4, 1, 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header field of HPACK that no table remembers."""
    return b"\x10" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def receive(connection, count):
    octets = b""
    while len(octets) < count:
        part = connection.recv(count - len(octets))
        if not part:
            raise SystemExit("the agent closed the connection")
        octets += part
    return octets


def first_message(path, method):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(path)
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": method,
            ":authority": "localhost",
            "content-type": "application/grpc",
            "te": "trailers",
            "workload.spiffe.io": "true",
        }
        block = b"".join(literal(name, value) for name, value in fields.items())
        empty = b"\x00" + struct.pack(">I", 0)
        connection.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + frame(SETTINGS, 0, 0)
            + frame(HEADERS, END_HEADERS, 1, block)
            + frame(DATA, END_STREAM, 1, empty)
        )
        message = b""
        while True:
            head = receive(connection, 9)
            length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            payload = receive(connection, length)
            if kind == SETTINGS and not flags & ACK:
                connection.sendall(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                connection.sendall(frame(PING, ACK, 0, payload))
            elif kind == DATA:
                message += payload
                if len(message) >= 5 and len(message) >= 5 + int.from_bytes(message[1:5], "big"):
                    return message[5:]
            elif kind in (GOAWAY, RST) or (kind == HEADERS and flags & END_STREAM):
                raise SystemExit("the agent gave nothing: is there an entry for this process?")


def varint(octets, at):
    value = shift = 0
    while True:
        value |= (octets[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if octets[at - 1] < 128:
            return value, at


def members(octets):
    """The length-delimited fields of a protobuf message, as (number, value)."""
    at = 0
    while at < len(octets):
        tag, at = varint(octets, at)
        length, at = varint(octets, at)
        yield tag >> 3, octets[at : at + length]
        at += length


def main():
    path = os.environ.get("SPIFFE_ENDPOINT_SOCKET", "").removeprefix("unix://")
    if not path:
        raise SystemExit("SPIFFE_ENDPOINT_SOCKET is not set")
    answer = first_message(path, "/SpiffeWorkloadAPI/FetchX509SVID")
    svid = dict(members(next(value for number, value in members(answer) if number == 1)))
    print(
        json.dumps(
            {
                "language": f"Python {sys.version_info.major}.{sys.version_info.minor}",
                "spiffeId": svid[1].decode(),
                "chain": base64.b64encode(svid[2]).decode(),
                "keyOctets": len(svid[3]),
            }
        )
    )


main()

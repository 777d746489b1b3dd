"""Requests, frames and connections made at random, of which some are nearly right."""

from __future__ import annotations

import random
import struct
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from oaktree import models

from . import http2

# What leads a request deeper than its first check: names of what there is, and values that mean
# something somewhere.
WORDS = (
    *("modern", "direct", "kilo", "east", "west", "RegionOne", "m1.tiny", "cirros", "private"),
    *("public", "default", "demo", "other", "admin", "nova", "127.0.0.1", "10.0.0.5", "10.0.0.0/8"),
    *("::1", "ff02::1", "99.999.0.1", "fa:16:3e:00:00:01", "tcp", "0", "-1", "*", "'", '"', "\0"),
    *("http://127.0.0.1:1/", "file:///etc/passwd", "../../etc/passwd", "%2e%2e%2f", "a&b=c?d#e"),
    *("{id}", "00000000-0000-4000-8000-000000000000", "not-a-uuid", "ssh-ed25519", "key=value"),
    *("", " ", "\r\nX-Evil: 1", "=,"),
)
NUMBERS = (0, 1, -1, 2, 7, 80, 255, 65535, 65536, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1)
# Of all sorts, but no halves of letters: a text has none.
LETTERS = "".join(map(chr, (*range(0x600), 0x202E, 0xFFFE, 0x1F600)))
TYPES = (
    *(b"application/grpc+proto", b"application/grpc+json", b"application/grpc;x=\xff", b""),
    *(b"text/html", b"application/json", b"\0\1\2", b"application/" + b"g" * 3000),
)
METADATA = (
    *(b"x-bin", b"authorization-bin", b"oaktree-cloud", b"oaktree-request-id", b"X-Upper", b""),
    *(b":path", b":status", b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding", b"cookie"),
    *(b"grpc-status", b"grpc-message", b"connection", b"transfer-encoding", b"content-length"),
    *(b"host", b"te", b"user-agent", b"grpc-previous-rpc-attempts", b"\xff\xfe", b"a b", b"a\nb"),
)
SETTINGS = struct.Struct(">HL")


class Maker:
    """Makes what a seed says."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.paths = sorted(models.rpcs())

    def likely(self, chance: float) -> bool:
        return self.random.random() < chance

    def data(self, most: int) -> bytes:
        return self.random.randbytes(self.random.randint(0, most))

    # Requests.

    def request(self, kind: type[Message]) -> bytes:
        """One that parses, most often; or what was made of one."""
        made = kind()
        self._fill(made, 0)
        if "location" in made.DESCRIPTOR.fields_by_name and self.likely(0.7):
            made.location.cloud, made.location.region = "modern", "east"  # type: ignore[attr-defined]
        data = made.SerializeToString()
        return self.mutated(data) if self.likely(0.4) else data

    def _fill(self, made: Message, depth: int) -> None:
        for field in made.DESCRIPTOR.fields:
            if not self.likely(0.35 if depth < 3 else 0.1):
                continue
            if field.message_type and field.message_type.GetOptions().map_entry:
                self._fill_map(getattr(made, field.name), field.message_type.fields_by_name)
            elif field.is_repeated:
                for _ in range(self.random.randint(0, 3)):
                    self._append(getattr(made, field.name), field, depth)
            elif field.message_type:
                one = getattr(made, field.name)
                one.SetInParent()
                self._fill(one, depth + 1)
            else:
                setattr(made, field.name, self._value(field))

    def _append(self, values: Any, field: Any, depth: int) -> None:
        if field.message_type:
            self._fill(values.add(), depth + 1)
        else:
            values.append(self._value(field))

    def _fill_map(self, values: Any, parts: Any) -> None:
        for _ in range(self.random.randint(0, 3)):
            key = self._value(parts["key"])
            if parts["value"].message_type:
                self._fill(values[key], 3)
            else:
                values[key] = self._value(parts["value"])

    def _value(self, field: Any) -> Any:
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
                return self.data(300)
            case FieldDescriptor.CPPTYPE_STRING:
                return self._text()
            case FieldDescriptor.CPPTYPE_BOOL:
                return self.likely(0.5)
            case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
                return self.random.choice((0.0, -1.5, 1e300, float("nan"), float("inf")))
            case FieldDescriptor.CPPTYPE_ENUM:
                return self.random.choice((0, 1, 2, 3, 4, 99, -1))
            case FieldDescriptor.CPPTYPE_INT32:
                return self.random.choice([n for n in NUMBERS if -(2**31) <= n < 2**31])
            case FieldDescriptor.CPPTYPE_UINT32:
                return self.random.choice([n for n in NUMBERS if 0 <= n < 2**32])
            case FieldDescriptor.CPPTYPE_UINT64:
                return self.random.choice([n for n in NUMBERS if n >= 0])
        return self.random.choice(NUMBERS)

    def _text(self) -> str:
        if self.likely(0.8):
            return self.random.choice(WORDS)
        size = self.random.choice((1, 3, 40, 300, 5000))
        return "".join(self.random.choices(LETTERS, k=size))

    def mutated(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self.random.randint(1, 4)):
            at = self.random.randint(0, len(changed))
            match self.random.randrange(6):
                case 0 if changed:
                    changed[at % len(changed)] ^= 1 << self.random.randrange(8)
                case 1:
                    changed[at:at] = self.data(8)
                case 2:
                    del changed[at : at + self.random.randint(1, 16)]
                case 3:
                    changed[at:at] = changed[at : at + self.random.randint(1, 64)]
                case 4:
                    changed[at : at + 4] = b"\xff" * self.random.randint(1, 11)
                case 5:
                    changed[at:] = self.data(32)
        return bytes(changed)

    # Calls that are whole, as HTTP/2 has them.

    def calls(self, token: str, most: int) -> tuple[bytes, set[int]]:
        """Calls that each have an end, and so must get one; and their streams."""
        sent, streams = bytearray(http2.opening()), set()
        for number in range(1, 2 * self.random.randint(1, most), 2):
            sent += self._call(number, token)
            streams.add(number)
        return bytes(sent), streams

    def _call(self, stream: int, token: str) -> bytes:
        path = self.random.choice(self.paths)
        request = self.request(models.rpcs()[path].request)
        wire, more = (
            path.encode(),
            [(b"grpc-timeout", b"50m" if models.rpcs()[path].streams else b"5S")],
        )
        if self.likely(0.7):
            more.append((b"authorization", f"Bearer {token}".encode()))
        if self.likely(0.3):
            wire = self._odd_path(wire)
        if self.likely(0.3):
            more += [
                (self.random.choice(METADATA), self.data(200))
                for _ in range(self.random.randint(1, 5))
            ]
        kind = self.random.choice(TYPES) if self.likely(0.15) else b"application/grpc"
        headers = http2.block(*http2.call(wire, *more, kind=kind))
        return self._headers(stream, headers) + http2.frame(
            http2.DATA, http2.END_STREAM, stream, self._message(request)
        )

    def _odd_path(self, path: bytes) -> bytes:
        return self.random.choice(
            (
                *(b"", b"/", b"//", b"*", path + b"/", path.lower(), path[1:], b"/" + path),
                *(path.replace(b".", b"/"), path + b"?x=1", self.data(100), b"/" + b"a" * 4000),
                b"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                b"/grpc.health.v1.Health/Check",
            )
        )

    def _headers(self, stream: int, headers: bytes) -> bytes:
        if self.likely(0.8):
            return http2.frame(http2.HEADERS, http2.END_HEADERS, stream, headers)
        cut = self.random.randint(0, len(headers))
        return http2.frame(http2.HEADERS, 0, stream, headers[:cut]) + http2.frame(
            http2.CONTINUATION, http2.END_HEADERS, stream, headers[cut:]
        )

    def _message(self, request: bytes) -> bytes:
        match self.random.randrange(10):
            case 0:
                return http2.message(request, compressed=self.random.choice((1, 2, 255)))
            case 1:
                size = self.random.choice((0, 1, len(request) + 1, 2**24 + 1, 2**32 - 1))
                return http2.message(request, size=size)
            case 2:
                return http2.message(request) * 2
            case 3:
                return b""
        return http2.message(request)

    # Connections, of which nothing need be right.

    def connection(self, token: str, size: int) -> bytes:
        """About as many bytes, of frames that are nearly right."""
        if self.likely(0.05):
            return self.random.randbytes(size)
        made, stream = bytearray(http2.opening()), 1
        while len(made) < size:
            made += self._frame(token, stream)
            stream += self.random.choice((0, 0, 2, 2, 2, 4, -2))
        if self.likely(0.5):
            # Where the frames are, and what the first of them are, mostly stays.
            at = self.random.randint(0, len(made))
            return (
                bytes(made[:at]) + self.mutated(bytes(made[at : at + 64])) + bytes(made[at + 64 :])
            )
        return bytes(made)

    def _frame(self, token: str, stream: int) -> bytes:
        stream &= 0x7FFFFFFF
        odd = self.likely(0.02)
        flags = self.random.randrange(256) if odd else 0
        match self.random.randrange(14):
            case 0 | 1 | 2:
                return self._call(stream, token)
            case 3:
                # Broken HPACK.
                return http2.frame(
                    http2.HEADERS, 4 if self.likely(0.9) else 0, stream, self.data(200)
                )
            case 4 | 5 | 6 | 7:
                body = self.data(9000)
                payload = self.random.choice((body, http2.message(body)))
                return http2.frame(http2.DATA, flags | self.random.randrange(2), stream, payload)
            case 8:
                return http2.frame(http2.RESET, flags, stream, self._number(4, odd))
            case 9:
                told = SETTINGS.pack(
                    self.random.choice((1, 3, 4, 5, 6, 0xFE03, 99)),
                    self.random.choice(NUMBERS) % 2**32,
                )
                return http2.frame(http2.SETTINGS, flags, 0, told if not odd else self.data(20))
            case 10:
                return http2.frame(http2.PING, flags, 0, self._number(8, odd))
            case 11:
                at = self.random.choice((0, stream))
                return http2.frame(http2.WINDOW, flags, at, self._number(4, odd))
            case 12:
                kind = self.random.choice((http2.PRIORITY, http2.PUSH, http2.GOAWAY, 77))
                return http2.frame(kind, flags, stream, self.data(30))
        # A list of headers without an end, or one that does.
        big = http2.block(
            *((b"x-%d" % n, self.data(900)) for n in range(self.random.randint(1, 12)))
        )
        begun = http2.frame(http2.HEADERS, 0, stream, http2.block(*http2.call(b"/x")))
        end = 4 if self.likely(0.5) else 0
        return begun + http2.frame(http2.CONTINUATION, end, stream, big)

    def _number(self, size: int, odd: bool) -> bytes:
        if odd:
            return self.data(12)
        return self.random.choice((b"\0" * size, b"\xff" * size, self.random.randbytes(size)))

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A small initiator (RFC 7143) for what the usual ones cannot be made to do: data digests, CHAP
with SHA-256, and a peer that does not read."""

import hashlib
import re
import socket
import struct

from report import Wrong

BLOCK = 512
NO_TAG = b"\xff\xff\xff\xff"
LOGIN, COMMAND = 0x43, 0x01
RESPONSE, LOGIN_RESPONSE, DATA_IN, NOP_IN, REJECT = 0x21, 0x23, 0x25, 0x20, 0x3f
READ, WRITE = 0x40, 0x20
PATIENCE = 120


def _crc_table():
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        yield value


TABLE = list(_crc_table())


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return struct.pack("<I", crc ^ 0xffffffff)


class Initiator:
    """A connection; log in with login() or chap()."""

    def __init__(self, url, number=1):
        host, port, self.target = re.match(r"iscsi://\[?([^\]/]+)\]?:(\d+)/([^/]+)", url).groups()
        self.stream = socket.create_connection((host, int(port)), PATIENCE)
        self.isid = struct.pack(">BIB", 0x80, number, 0)
        self.header_digest = self.data_digest = False
        self.cmd_sn, self.tag, self.stat_sn = 1, 0, 0

    def close(self):
        self.stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, opcode, flags, at_8, at_20, tail=b"", data=b"", spoilt=False):
        """Fields that have no name here begin at byte 8, 20 and 32 of the header. spoilt: the data
        is not what its digest was made of."""
        self.tag += opcode != LOGIN
        head = struct.pack(">BB2xI8sIIII16s", opcode, flags, len(data), at_8, self.tag, at_20,
                           self.cmd_sn, self.stat_sn, tail)
        self.cmd_sn += opcode == COMMAND
        data += bytes(-len(data) % 4)
        digest = crc32c(data) if self.data_digest and data else b""
        if spoilt:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.stream.sendall(head + (crc32c(head) if self.header_digest else b"") + data + digest)
        return self.tag

    def _exactly(self, length):
        data = bytearray()
        while len(data) < length:
            piece = self.stream.recv(length - len(data))
            if not piece:
                raise Wrong("the target has closed the connection")
            data += piece
        return bytes(data)

    def receive(self):
        """Header and data of the next PDU that is no ping."""
        head = self._exactly(48)
        if self.header_digest and self._exactly(4) != crc32c(head):
            raise Wrong("a header digest is wrong")
        length = int.from_bytes(head[5:8], "big")
        data = self._exactly(length + -length % 4)
        if self.data_digest and data and self._exactly(4) != crc32c(data):
            raise Wrong("a data digest is wrong")
        if head[0] == NOP_IN and head[16:20] == NO_TAG:
            return self.receive()
        if head[16:20] != NO_TAG and (head[0] != DATA_IN or head[1] & 1):
            self.stat_sn = struct.unpack(">I", head[24:28])[0] + 1
        self.max_cmd_sn = struct.unpack(">I", head[32:36])[0]
        return head, data[:length]

    def window(self):
        """How many commands the target takes; those beyond it ignores (RFC 7143 4.2.2.1)."""
        return self.max_cmd_sn - self.cmd_sn + 1

    def text(self, flags, **keys):
        """A login request; (status, final, keys of the answer)."""
        data = b"".join(f"{name}={value}".encode() + b"\0" for name, value in keys.items())
        self.send(LOGIN, flags, self.isid + bytes(2), 0, data=data)
        head, data = self.receive()
        if head[0] != LOGIN_RESPONSE:
            raise Wrong(f"opcode {head[0]:#x} answers a login")
        pairs = [pair.decode().partition("=") for pair in data.split(b"\0") if pair]
        return struct.unpack(">H", head[36:38])[0], head[1] & 0x80, {k: v for k, _, v in pairs}

    def login(self, **keys):
        """In one step, without CHAP. Its status."""
        status, final, answer = self.text(0x87, InitiatorName=self.name(), TargetName=self.target,
                                          SessionType="Normal", **keys)
        if status == 0 and not final:
            raise Wrong(f"the login goes on: {answer}")
        self.header_digest = answer.get("HeaderDigest") == "CRC32C"
        self.data_digest = answer.get("DataDigest") == "CRC32C"
        return status

    def name(self):
        return "iqn.2026-01.org.example:initiator"

    def chap(self, algorithm, name, secret):
        """With one of the algorithms that IANA numbered. Its status."""
        status, _, _ = self.text(0x00, InitiatorName=self.name(), TargetName=self.target,
                                 SessionType="Normal", AuthMethod="CHAP")
        if status:
            return status
        status, _, keys = self.text(0x00, CHAP_A=algorithm)
        if status:
            return status
        digest = {5: hashlib.md5, 6: hashlib.sha1, 7: hashlib.sha256}[algorithm]()
        digest.update(bytes([int(keys["CHAP_I"])]) + secret.encode() +
                      bytes.fromhex(keys["CHAP_C"][2:]))
        return self.text(0x83, CHAP_N=name, CHAP_R="0x" + digest.hexdigest())[0]

    def begin(self, flags, length, cdb, data=b"", spoilt=False):
        """Sends a command; its tag."""
        return self.send(COMMAND, 0x80 | flags, bytes(8), length, cdb, data, spoilt)

    def end_any(self):
        """(tag, SCSI status, data) of the command that ends next; its data comes in one go."""
        got, first = b"", None
        while True:
            head, data = self.receive()
            tag = struct.unpack(">I", head[16:20])[0]
            first = tag if first is None else first
            if head[0] not in (RESPONSE, DATA_IN) or tag != first:
                raise Wrong(f"opcode {head[0]:#x} for task {tag:#x} in an answer to {first:#x}")
            if head[0] == RESPONSE:
                return tag, head[3], got
            if struct.unpack(">I", head[40:44])[0] != len(got):
                raise Wrong("data that is not the next")
            got += data
            if head[1] & 1:
                return tag, head[3], got

    def end(self, tag):
        """(SCSI status, data) of the only running command."""
        ended, status, data = self.end_any()
        if ended != tag:
            raise Wrong(f"an answer to task {ended:#x} instead of {tag:#x}")
        return status, data

    def settle(self):
        """Takes the unit attention that a new nexus begins with."""
        self.end(self.begin(0, 0, bytes(6)))

    def begin_read(self, lba, blocks):
        return self.begin(READ, blocks * BLOCK, struct.pack(">BxIxHx", 0x28, lba, blocks))

    def read(self, lba, blocks):
        return self.good(self.begin_read(lba, blocks))

    def begin_write(self, lba, data, spoilt=False):
        """All of it as immediate data."""
        return self.begin(WRITE, len(data),
                          struct.pack(">BxIxHx", 0x2a, lba, len(data) // BLOCK), data, spoilt)

    def write(self, lba, data):
        self.good(self.begin_write(lba, data))

    def good(self, tag):
        status, data = self.end(tag)
        if status:
            raise Wrong(f"SCSI status {status:#x}")
        return data

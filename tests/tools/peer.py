# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The transaction protocol once more, from its description: a client, and a server that can lie."""

import os
import socket
import struct
import threading
import uuid

READ, WRITE, FLUSH, UNMAP = 1, 2, 3, 4
HEADER = 48
BLOCK = 512
MODERN_PROFILE = 1 << 33  # in the reserved part of the greeting


def receive(stream, length):
    data = b""
    while len(data) < length:
        piece = stream.recv(length - len(data))
        if not piece:
            raise ConnectionError("the stream ended")
        data += piece
    return data


class Client:
    def __init__(self, path):
        self.stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.stream.settimeout(120)
        self.stream.connect(path)
        params = receive(self.stream, 128)
        (guid, self.blocks, self.block, product, revision, kind, self.flags,
         self.transfer) = struct.unpack_from("<16sQI16s4sB3xII", params)
        self.guid = str(uuid.UUID(bytes_le=guid))
        self.product, self.revision = product.decode(), revision.decode()
        reserved, = struct.unpack_from("<Q", params, 64)
        assert kind == 0 and reserved in (0, MODERN_PROFILE) and params[72:] == bytes(56)
        self.hint = 0

    def do(self, kind, lba=0, count=0, payload=b"", fua=0):
        """(SCSI status, sense key, ASC, ASCQ) and data."""
        self.send(kind, lba, count, payload, fua)
        return self.answer(kind, count)

    def send(self, kind, lba=0, count=0, payload=b"", fua=0):
        self.hint += 1
        if kind == UNMAP:
            body = struct.pack("<I12x", count)
        else:
            body = struct.pack("<QII", lba, count, fua)
        self.stream.sendall(struct.pack("<QB7x", self.hint, kind) + body + bytes(16) + payload)

    def answer(self, kind, count=0):
        header = self.header = receive(self.stream, HEADER)
        hint, answered = struct.unpack_from("<QB", header)
        assert (hint, answered) == (self.hint, kind)
        status = tuple(header[16:20])
        # A command that was done with sense to report has data, too.
        done = status[0] == 0 or status[0] == 2 and status[1] in (0x0, 0x1, 0xf)
        data = receive(self.stream, count * self.block) if kind == READ and done else b""
        return status, data

    def unmap(self, *ranges):
        return self.do(UNMAP, count=len(ranges),
                       payload=b"".join(struct.pack("<QII", lba, n, 0) for lba, n in ranges))[0]

    def close(self):
        self.stream.close()


class Liar:
    """Serves `blocks` blocks in memory. `lie` is given, to change: 'params' of the greeting, 'head'
    (16 bytes) and 'status' (32 bytes) of each answer, 'data' of reads; None ends the connection."""

    def __init__(self, path, blocks=64, lie=lambda what, value: value):
        self.blocks, self.lie = blocks, lie
        self.memory = bytearray(blocks * BLOCK)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if os.path.exists(path):
            os.unlink(path)
        self.listener.bind(path)
        self.listener.listen(1)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        try:
            stream, _ = self.listener.accept()
        except OSError:
            return
        with stream:
            try:
                self._greet(stream)
                while True:
                    self._answer(stream, receive(stream, HEADER))
            except (OSError, TypeError):
                pass

    def _greet(self, stream):
        params = struct.pack("<16sQI16s4sB3xII68x", bytes(range(16)), self.blocks, BLOCK,
                             b"Liar", b"1", 0, 6, 65536)
        stream.sendall(self.lie("params", params))

    def _answer(self, stream, request):
        hint, kind = struct.unpack_from("<QB", request)
        lba, count = struct.unpack_from("<QI", request, 16)
        at, end = lba * BLOCK, (lba + count) * BLOCK
        data = b""
        if kind == WRITE:
            self.memory[at:end] = receive(stream, count * BLOCK)
        elif kind == READ:
            data = self.lie("data", bytes(self.memory[at:end]))
        elif kind == UNMAP:
            for _ in range(struct.unpack_from("<I", request, 16)[0]):
                lba, count = struct.unpack("<QI4x", receive(stream, 16))
                self.memory[lba * BLOCK:(lba + count) * BLOCK] = bytes(count * BLOCK)
        head = self.lie("head", struct.pack("<QB7x", hint, kind))
        status = self.lie("status", bytes(32))
        stream.sendall(head + status + (data if not status[0] else b""))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)

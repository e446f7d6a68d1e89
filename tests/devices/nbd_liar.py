# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A small NBD server with the oldstyle handshake, which can answer what no server should. It keeps
the blocks in memory, and has a thread for each connection."""

import os
import select
import socket
import struct
import tempfile
import threading

READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
EIO, ESHUTDOWN = 5, 108
FLAGS = 1 | 4 | 256  # it has flags, and flushes, for all connections at once
REQUEST, REPLY = 0x25609513, 0x67446698


class Gone(Exception):
    """The connection ends."""


class Liar:
    """`answer(connection, kind, offset, length, stream)` may return an error number for the reply,
    or raise Gone. Connections are counted from 0."""

    def __init__(self, answer, size=1 << 20):
        self.folder = tempfile.TemporaryDirectory(prefix="spd-liar-")
        self.socket = os.path.join(self.folder.name, "nbd")
        self.uri = f"nbd+unix:///?socket={self.socket}"
        self.answer, self.memory = answer, bytearray(size)
        self.greeting = b"NBDMAGIC" + struct.pack(">QQI124x", 0x420281861253, size, FLAGS)
        self.connections = 0
        self.refuses = lambda number: False  # this connection ends before the greeting
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        self.listener.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(stream, self.connections - 1),
                             daemon=True).start()

    def serve(self, stream, number):
        try:
            if self.refuses(number):
                raise Gone
            stream.sendall(self.greeting)
            while True:
                self.request(stream, number)
        except (Gone, OSError):
            stream.close()

    def request(self, stream, number):
        magic, _, kind, cookie, offset, length = struct.unpack(">IHHQQI", take(stream, 28))
        data = take(stream, length) if kind == WRITE else b""
        if magic != REQUEST or kind == DISCONNECT:
            raise Gone
        error = self.answer(number, kind, offset, length, stream) or 0
        if kind == WRITE and not error:
            self.memory[offset:offset + length] = data
        stream.sendall(struct.pack(">IIQ", REPLY, error, cookie))
        if kind == READ and not error:
            stream.sendall(self.memory[offset:offset + length])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.folder.cleanup()


def take(stream, length):
    data = b""
    while len(data) < length:
        piece = stream.recv(length - len(data))
        if not piece:
            raise Gone
        data += piece
    return data


def comes_early(stream):
    """Whether a further request comes although this one has no answer."""
    return bool(select.select([stream], [], [], 0.2)[0])

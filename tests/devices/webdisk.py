# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""examples/httpdisk against a web server that has ranges, trouble, and other ideas."""

import os
import random
import re
import socket
import struct
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from program import ANY, BUILD, Server, Skip, check, client, path, qemu_io, run

sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))

from peer import READ, WRITE, Client  # noqa: E402

PROGRAM = os.path.join(BUILD, "examples/httpdisk")
BLOCK, BLOCKS = 512, 2048
GOOD, BUSY = (0, 0, 0, 0), (8, 0, 0, 0)
NOT_READY = (2, 2, 4, 3)
PROTECTED = (2, 7, 0x27, 0)
SECONDS = "3"  # for an attempt: long enough for one that nothing holds up, whatever the load
ATTEMPTS = 4


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        web = self.server
        trouble = web.next_trouble()
        if trouble in ("404", "429", "500", "503"):
            self.send_error(int(trouble))
        elif trouble == "stall":
            web.over.wait()
            self.close_connection = True
        elif trouble == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
            self.close_connection = True
        elif self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/disk.img")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.give(web, trouble)

    def give(self, web, trouble):
        data = web.data
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        web.conditions.append(condition)
        if condition and condition not in (web.etag, web.date) and not web.ignores_conditions:
            wanted = None
        if wanted and web.has_ranges:
            first, last = int(wanted[1]), min(int(wanted[2]), len(data) - 1)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
            data = data[first:last + 1]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (("ETag", web.etag), ("Last-Modified", web.date)):
            if value:
                self.send_header(name, value)
        self.end_headers()
        if trouble == "half":
            self.wfile.write(data[:len(data) // 2])
            self.close_connection = True
            return
        try:
            self.wfile.write(data)
        except ConnectionError:  # it has seen enough
            self.close_connection = True


class Web(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.data = random.Random(1).randbytes(BLOCK * BLOCKS)
        self.etag, self.date = '"one"', "Thu, 01 Jan 2026 00:00:00 GMT"
        self.has_ranges, self.ignores_conditions = True, False
        self.trouble, self.conditions = [], []
        self.lock, self.over = threading.Lock(), threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/disk.img"

    def next_trouble(self):
        with self.lock:
            return self.trouble.pop(0) if self.trouble else ""

    def handle_error(self, request, client_address):
        pass  # a client that has gone

    def blocks(self, lba, count):
        return self.data[lba * BLOCK:(lba + count) * BLOCK]


@contextmanager
def web():
    if not os.path.exists(PROGRAM):
        raise Skip("examples/httpdisk is not built; it needs libcurl (libcurl4-gnutls-dev)")
    server = Web()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def served(address=""):
    """The web server, and a client of the disk made of it."""
    with web() as server:
        with Server(PROGRAM, address or server.url, "unix:" + path("web.socket"), SECONDS):
            peer = Client(path("web.socket"))
            try:
                yield server, peer
            finally:
                peer.close()


def reads(server, peer, lba=100, count=8):
    status, data = peer.do(READ, lba, count)
    check(status == GOOD, f"status {status}")
    check(data == server.blocks(lba, count), "other bytes than the file's")


def a_disk_has_the_bytes_of_the_file():
    with web() as server:
        with Server(PROGRAM, server.url, ANY) as disk:
            client("qemu-img", "convert", "-f", "raw", "-O", "raw", disk.url, path("copy.img"))
            check(Path(path("copy.img")).read_bytes() == server.data, "the copy differs")
            said = qemu_io(disk.url, "write 0 512", status=None)
            check("write protected" in said, said)


def writes_are_refused():
    with served() as (_, peer):
        status, _ = peer.do(WRITE, 0, 1, bytes(BLOCK))
        check(status == PROTECTED, f"status {status}")


def what_passes_is_tried_again():
    with served() as (server, peer):
        for trouble in (["503"], ["429", "500", "503"], ["reset"], ["half"], ["stall"]):
            server.trouble = list(trouble)
            reads(server, peer)
            check(not server.trouble, f"{trouble}: not all of it was met")


def what_lasts_is_busy_and_then_over():
    with served() as (server, peer):
        for trouble in ("503", "stall"):
            server.trouble = [trouble] * ATTEMPTS
            status, _ = peer.do(READ, 0, 1)
            check(status == BUSY, f"{trouble}: status {status}")
            check(not server.trouble, f"{trouble}: {len(server.trouble)} attempts were not made")
            reads(server, peer)


def a_server_that_has_gone_is_busy():
    with served() as (server, peer):
        server.shutdown()
        server.server_close()
        # The rest of its connection has to go, too.
        server.trouble = ["reset"] * ATTEMPTS
        status, _ = peer.do(READ, 0, 1)
        check(status == BUSY, f"status {status}")


def not_ready(server, peer, why):
    for _ in range(2):
        status, _ = peer.do(READ, 100, 8)
        check(status == NOT_READY, f"{why}: status {status}")


def another_file_is_never_read():
    with served() as (server, peer):
        reads(server, peer)
        old, server.etag, server.data = server.data, '"two"', server.data[::-1]
        not_ready(server, peer, "another ETag")
        server.ignores_conditions = True
        not_ready(server, peer, "another ETag, of a server that ignores If-Range")
        server.etag, server.data = '"one"', old[:-BLOCK]
        not_ready(server, peer, "another size")
        server.data = old
        reads(server, peer)
        server.trouble = ["404", "404"]
        not_ready(server, peer, "no file")


def a_date_does_for_a_server_without_etags():
    for etag in ("", 'W/"weak"'):
        with web() as server:
            server.etag = etag
            with Server(PROGRAM, server.url, "unix:" + path("web.socket"), SECONDS):
                peer = Client(path("web.socket"))
                reads(server, peer)
                check(server.conditions[-1] == server.date, f"If-Range: {server.conditions[-1]}")
                server.date = "Fri, 02 Jan 2026 00:00:00 GMT"
                not_ready(server, peer, "another date")
                peer.close()


def a_redirection_is_followed():
    with web() as server:
        moved = server.url.replace("disk.img", "moved")
        with Server(PROGRAM, moved, "unix:" + path("web.socket"), SECONDS):
            peer = Client(path("web.socket"))
            reads(server, peer)
            peer.close()


def what_is_no_disk_is_refused():
    name = "unix:" + path("web.socket")
    with web() as server:
        server.has_ranges = False
        _, said = run(PROGRAM, server.url, name, SECONDS, status=1)
        check("ranges" in said, said)
        server.has_ranges = True
        server.data += b"x"
        _, said = run(PROGRAM, server.url, name, SECONDS, status=1)
        check("not blocks of 512" in said, said)
        server.trouble = ["404"]
        _, said = run(PROGRAM, server.url, name, SECONDS, status=1)
        check("no file" in said, said)
        server.trouble = ["503"]
        _, said = run(PROGRAM, server.url, name, SECONDS, status=1)
        check("try again later" in said, said)
    _, said = run(PROGRAM, "file:///etc/passwd", name, SECONDS, status=1)
    check("passwd" in said, said)
    run(PROGRAM, status=2)


TESTS = [a_disk_has_the_bytes_of_the_file, writes_are_refused, what_passes_is_tried_again,
         what_lasts_is_busy_and_then_over, a_server_that_has_gone_is_busy,
         another_file_is_never_read, a_date_does_for_a_server_without_etags,
         a_redirection_is_followed, what_is_no_disk_is_refused]

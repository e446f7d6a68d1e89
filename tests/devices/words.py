# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The output of our programs, which go on without a reader."""

import contextlib
import os
import re
import select
import signal
import socket
import struct
import subprocess

from deaf import full_pipe
from program import ANY, IQN, TIMEOUT, check, client, path, program, qemu_io, run
from start import SOCKET, answers, until

BAD_LOGINS = 2000
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@contextlib.contextmanager
def serving(*command, stdout, stderr, status=0):
    """A server on SOCKET, and on more doors; it is ended by SIGTERM."""
    server = subprocess.Popen([program(command[0]), *command[1:], "-p", f"unix:{SOCKET}"],
                              stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
    try:
        until(lambda: answers() or server.poll() is not None, f"{command[0]} on {SOCKET}")
        yield server
        check(server.poll() is None, f"{command[0]} has ended with status {server.poll()}")
        server.send_signal(signal.SIGTERM)
        check(server.wait(TIMEOUT) == status, f"{command[0]}: status {server.returncode}")
    finally:
        server.kill()
        server.wait()


def uri_of(server):
    said = b""
    while not (found := re.search(rb"^serving (iscsi:\S+)$", said, re.MULTILINE)):
        ready, _, _ = select.select([server.stdout], [], [], TIMEOUT)
        piece = os.read(server.stdout.fileno(), 4096) if ready else b""
        check(piece, f"no start line: {said}")
        said += piece
    return found[1].decode()


def login(port, target):
    """A login request (RFC 7143 11.12); the status of the answer."""
    keys = f"InitiatorName={IQN}:i\0TargetName={target}\0".encode()
    header = struct.pack(">BBHI", 0x43, 0x87, 0, len(keys)).ljust(48, b"\0")
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as peer:
        peer.sendall(header + keys + bytes(-len(keys) % 4))
        answer = b""
        while len(answer) < 48 and (piece := peer.recv(48 - len(answer))):
            answer += piece
    check(len(answer) == 48, f"no answer to a login: {answer}")
    return struct.unpack_from(">H", answer, 36)[0]


def standard_error_that_nobody_reads_stops_nobody():
    image = path("deaf.img")
    with full_pipe() as (_, stuck, _), \
            serving("rawdisk", "-f", image, "-c", "2048", "-d", "-1", "-p", ANY,
                    stdout=subprocess.PIPE, stderr=stuck) as server:
        uri = uri_of(server)
        port = int(re.search(r":(\d+)/", uri)[1])
        for _ in range(BAD_LOGINS):
            check(login(port, IQN + ":no") == 0x0203, "a bad login is not refused")
        qemu_io(uri, "write -P 7 64k 64k", "read -P 7 64k 64k")
    with open(image, "rb") as file:
        file.seek(64 << 10)
        check(file.read(64 << 10) == b"\7" * (64 << 10), "what was written is lost")


def standard_output_that_nobody_reads_stops_nobody():
    with full_pipe() as (_, stuck, _), open(path("words.log"), "w+b") as errors:
        with serving("memdisk", "--size", "1M", "--stats", stdout=stuck, stderr=errors):
            run("stgtest", f"unix:{SOCKET}", "8", "R", "*", "4")
        errors.seek(0)
        said = errors.read().decode()
        check(said.count("standard output cannot be written: nobody reads it") == 1, said)


def outputs_on_a_full_disk_stop_nobody():
    with open("/dev/full", "wb") as full:
        with serving("memdisk", "--size", "1M", "--stats", "-d", "-1", stdout=full, stderr=full,
                     status=1):
            run("stgtest", f"unix:{SOCKET}", "8", "W", "*", "4")
        with serving("memdisk", "--size", "1M", "-d", "-1", stdout=subprocess.DEVNULL,
                     stderr=full):
            run("stgtest", f"unix:{SOCKET}", "8", "W", "*", "4")


def lines_that_nobody_wants_are_no_failure():
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as gone, open(path("words.log"), "w+b") as errors:
        with serving("memdisk", "--size", "1M", "--stats", stdout=gone, stderr=errors):
            run("stgtest", f"unix:{SOCKET}", "8", "R", "*", "4")


def answers_that_cannot_be_written_are_a_failure():
    for name in ("memdisk", "rawdisk"):
        for option in ("--help", "--version"):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([program(name), option], stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=TIMEOUT)
            check(done.returncode == 1, f"{name} {option}: status {done.returncode}")
            check(f"{name}: standard output cannot be written: No space left" in done.stderr,
                  done.stderr)


def long_blocks_are_worth_a_warning():
    for length, warned in ((4096, False), (8192, True)):
        with open(path("words.log"), "w+b") as errors:
            with serving("memdisk", "-l", str(length), "-c", "64", "-p", ANY,
                         stdout=subprocess.PIPE, stderr=errors):
                pass
            errors.seek(0)
            said = errors.read().decode()
        check(("blocks of 8192 bytes: Linux shows" in said) == warned, f"{length}: {said}")


def debug_log_that_cannot_be_written_is_told_once():
    with open(path("words.log"), "w+b") as errors:
        with serving("memdisk", "--size", "1M", "-d", "-1", "-D", "/dev/full",
                     stdout=subprocess.DEVNULL, stderr=errors, status=1):
            run("stgtest", f"unix:{SOCKET}", "8", "W", "*", "4")
        errors.seek(0)
        said = errors.read().decode()
        check(said.count("/dev/full cannot be written: No space left on device") == 1, said)
        check(re.search(r"the last \d+ lines of the debug log /dev/full are lost", said), said)


def lines_that_were_lost_are_counted_where_there_is_room_again():
    with full_pipe() as (reader, stuck, filled), \
            serving("memdisk", "--size", "1M", "-d", "-1", stdout=subprocess.DEVNULL,
                    stderr=stuck):
        run("stgtest", f"unix:{SOCKET}", "8", "W", "*", "4")
        while filled:
            filled -= len(os.read(reader, min(filled, 4096)))
        run("stgtest", f"unix:{SOCKET}", "1", "W", "*", "4")
        said = os.read(reader, 4096).decode()
        check(re.match(r"memdisk: \d+ lines were lost here, for want of room or of a reader\n"
                       r"memdisk[:[]", said), said)


def said_in_time(server, line):
    """On standard error, among other lines."""
    said = ""
    while not re.search(line, said, re.MULTILINE):
        ready, _, _ = select.select([server.stderr], [], [], TIMEOUT)
        piece = os.read(server.stderr.fileno(), 4096) if ready else b""
        check(piece, f"in vain: {line}, but {said!r}")
        said += piece.decode()


def a_refused_login_is_told_with_the_reason():
    with serving("memdisk", "--size", "1M", "-p", ANY, stdout=subprocess.PIPE,
                 stderr=subprocess.PIPE) as server:
        port = int(re.search(r":(\d+)/", uri_of(server))[1])
        login(port, IQN + ":\x1b[2J")
        said_in_time(server, rf"^memdisk: {TIME} iscsi: 127\.0\.0\.1 port \d+, "
                     r"login refused \(0203h\): there "
                     r"is no such target here; initiator '\S+:i', target '\S+:\\x1b\[2J'$")


def a_session_is_told_with_its_door_and_its_end():
    with open(path("words.log"), "w+b") as errors:
        with serving("memdisk", "--size", "1M", "-p", ANY, stdout=subprocess.PIPE,
                     stderr=errors) as server:
            uri = uri_of(server)
            client("iscsi-inq", "-i", IQN + ":me", uri)
            run("stgtest", f"unix:{SOCKET}", "1", "R")
        errors.seek(0)
        said = errors.read().decode()
    who = r"127\.0\.0\.1 port \d+, initiator " + re.escape(IQN) + ":me$"
    for line in (rf"{re.escape(uri)}: a session begins: {who}",
                 rf"{re.escape(uri)}: a session ends after \d+ s, it logged out: {who}",
                 rf"unix:\S+: a session ends after \d+ s, it closed the connection: process \d+ "
                 rf"of user {os.getuid()}$"):
        check(re.search(rf"^memdisk: {TIME} {line}", said, re.MULTILINE), f"{line}: {said}")


TESTS = [standard_error_that_nobody_reads_stops_nobody,
         standard_output_that_nobody_reads_stops_nobody, outputs_on_a_full_disk_stop_nobody,
         lines_that_nobody_wants_are_no_failure, answers_that_cannot_be_written_are_a_failure,
         long_blocks_are_worth_a_warning,
         debug_log_that_cannot_be_written_is_told_once,
         lines_that_were_lost_are_counted_where_there_is_room_again,
         a_refused_login_is_told_with_the_reason,
         a_session_is_told_with_its_door_and_its_end]

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""NBD servers that end and come again, the sockets of a service manager, and who may connect."""

import grp
import os
import signal
import socket
import subprocess
import time

from grow import measure
from manager import given, listening, port
from program import TIMEOUT, Server, check, client, path, program

MIB = 1 << 20
PIECE = 64 << 10
PIECES = 64


def image(url):
    return Server("rawdisk", "-f", path("restart.img"), "--size", "16M", "-p", url)


def writer(place):
    """Writes pieces with qemu-io, which connects again, and reads them afterwards."""
    lines = [f"{verb} -P {7 + number % 9} {number * PIECE} {PIECE}"
             for verb in ("write", "read") for number in range(PIECES)]
    lines.insert(PIECES, "flush")
    return subprocess.Popen(
        ["qemu-io", "-t", "none", *[word for line in lines for word in ("-c", line)],
         "--image-opts", f"driver=nbd,export=disk,reconnect-delay={TIMEOUT},{place}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def some_is_written():
    with open(path("restart.img"), "rb") as file:
        file.seek(4 * PIECE)
        return file.read(1) != b"\0"


def finds_the_next_server(start, place, number):
    """The server goes in the midst of writes. The client sees no error, and all data is there."""
    if os.path.exists(path("restart.img")):
        os.unlink(path("restart.img"))
    server = start()
    process = writer(place)
    deadline = time.monotonic() + TIMEOUT
    while process.poll() is None and not some_is_written():
        check(time.monotonic() < deadline, "nothing is written")
    server.end(number)
    with start():
        said, _ = process.communicate(timeout=TIMEOUT)
        check(process.returncode == 0, said)
        for word in ("wrote", "read"):
            check(said.count(f"{word} {PIECE}/{PIECE}") == PIECES, said)
        check("Pattern verification failed" not in said, said)


def by_unix():
    return image(f"nbd+unix:///disk?socket={path('again.sock')}")


def a_client_finds_the_server_that_comes_after_a_killed_one():
    # The service manager keeps the port, so nobody else takes it meanwhile.
    with listening() as sock:
        finds_the_next_server(
            lambda: given(sock, "-f", path("restart.img"), "--size", "16M", "-p",
                          f"nbd://127.0.0.1:{port(sock)}/disk"),
            f"host=127.0.0.1,port={port(sock)}", signal.SIGKILL)


def a_socket_file_of_a_killed_server_is_taken_over():
    finds_the_next_server(by_unix, f"path={path('again.sock')}", signal.SIGKILL)


def a_client_finds_the_server_that_comes_after_an_orderly_one():
    finds_the_next_server(by_unix, f"path={path('again.sock')}", signal.SIGTERM)


def the_sockets_of_a_service_manager_are_served():
    with listening() as sock:
        url = f"nbd://127.0.0.1:{port(sock)}/disk"
        with given(sock, "-f", path("handed.img"), "--size", "4M", "-p", url) as server:
            check(client("nbdinfo", "--size", server.url).strip() == str(4 * MIB), server.url)
    with listening(path("handed.sock"), socket.AF_UNIX) as sock:
        url = f"nbd+unix:///disk?socket={path('handed.sock')}"
        with given(sock, "-f", path("handed.img"), "--size", "4M", "-p", url) as server:
            check(client("nbdinfo", "--size", server.url).strip() == str(4 * MIB), server.url)
    check(os.path.exists(path("handed.sock")), "the manager's file is gone")


def a_client_that_comes_after_a_resize_sees_it():
    with image(f"nbd+unix:///disk?socket={path('grow.sock')}") as server:
        os.truncate(path("restart.img"), 20 * MIB)
        measure(server, "blocks")
        check(client("nbdinfo", "--size", server.url).strip() == str(20 * MIB), server.errors())


def the_socket_has_the_wanted_group_and_mode():
    # Root may give it to any group, others to their own.
    group = 1 if os.geteuid() == 0 else os.getgid()
    for text in (str(group), grp.getgrgid(group).gr_name):
        url = f"nbd+unix:///disk?socket={path('group.sock')}&group={text}&mode=0660"
        with Server("memdisk", "--size", "1M", "-p", url):
            found = os.stat(path("group.sock"))
            check((found.st_gid, found.st_mode & 0o777) == (group, 0o660), found)


def a_wrong_group_or_mode_is_refused():
    for words, said in {"mode=0999": "octal", "mode=": "octal", "mode=01777": "octal",
                        "group=no-such-group": "group of this system",
                        "group=": "group of this system"}.items():
        errors = client(program("memdisk"), "--size", "1M", "-p",
                        f"nbd+unix:///disk?socket={path('wrong.sock')}&{words}", status=None)
        check(said in errors and not os.path.exists(path("wrong.sock")), f"{words}: {errors}")


TESTS = [a_client_finds_the_server_that_comes_after_a_killed_one,
         a_socket_file_of_a_killed_server_is_taken_over,
         a_client_finds_the_server_that_comes_after_an_orderly_one,
         the_sockets_of_a_service_manager_are_served, a_client_that_comes_after_a_resize_sees_it,
         the_socket_has_the_wanted_group_and_mode, a_wrong_group_or_mode_is_refused]

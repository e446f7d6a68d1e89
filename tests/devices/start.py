# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""How our programs start and end: their descriptors, and the signals that they get."""

import itertools
import os
import signal
import socket
import subprocess
import time

from program import (ANY, BUILD, IQN, TIMEOUT, Server, Wrong, check, path, program, qemu_io,
                     rawdisk, run)

MIB = 1 << 20
# A door whose name is known beforehand: a server without standard output cannot tell it.
SOCKET = path("start.sock")
EXAMPLES = [os.path.join(BUILD, "examples", name) for name in ("ramdisk", "slowdisk")]
CLOSED = [closed for count in range(4) for closed in itertools.combinations(range(3), count)]


def image_of_noise(name, size=MIB):
    noise = os.urandom(size)
    with open(path(name), "wb") as file:
        file.write(noise)
    return noise


def content(name):
    with open(path(name), "rb") as file:
        return file.read()


def without(closed):
    """For preexec_fn: none of these descriptors is open."""
    def close():
        for fd in closed:
            os.close(fd)
    return close


def until(true, what):
    deadline = time.monotonic() + TIMEOUT
    while not true():
        if time.monotonic() > deadline:
            raise Wrong(f"in vain: {what}")
        time.sleep(0.02)


def answers():
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(SOCKET) == 0


def start_without(closed, *command):
    return subprocess.Popen([program(command[0]), *command[1:]], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            preexec_fn=without(closed))


def held(pid):
    """What its descriptors are, by their numbers."""
    directory = f"/proc/{pid}/fd"
    found = {}
    for fd in os.listdir(directory):
        try:
            found[int(fd)] = os.readlink(f"{directory}/{fd}")
        except FileNotFoundError:
            pass  # closed meanwhile
    return found


def serve_without(closed, *command):
    """Starts it on SOCKET, looks at its descriptors, reads the disk, and ends it."""
    server = start_without(closed, *command)
    try:
        until(lambda: answers() or server.poll() is not None, f"{command[0]} on {SOCKET}")
        check(server.poll() is None, f"{command[0]} with {closed} closed: it has ended")
        names = [held(server.pid).get(fd) for fd in range(3)]
        check(names == ["/dev/null"] * 3, f"{command[0]} with {closed} closed: {names}")
        run("stgtest", f"unix:{SOCKET}", "8", "R", "*", "4")
        server.send_signal(signal.SIGTERM)
        check(server.wait(TIMEOUT) == 0,
              f"{command[0]} with {closed} closed: status {server.returncode}")
    finally:
        server.kill()
        server.wait()


def image_is_no_standard_descriptor():
    noise = image_of_noise("noise.img")
    for closed in CLOSED:
        serve_without(closed, "rawdisk", "-f", path("noise.img"), "-d", "-1", "--stats",
                      "-p", f"unix:{SOCKET}")
        check(content("noise.img") == noise, f"{closed} closed: the image has changed")


def sockets_are_no_standard_descriptors():
    for closed in CLOSED:
        serve_without(closed, "memdisk", "--size", "1M", "--stats", "-p", f"unix:{SOCKET}")
        for example in EXAMPLES:
            serve_without(closed, example, f"unix:{SOCKET}")


def tools_hold_their_sockets_elsewhere():
    """A peer that says nothing holds them up, so that one can look."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"iscsi://127.0.0.1:{listener.getsockname()[1]}/{IQN}/0"
    deaf = socket.socket(socket.AF_UNIX)
    deaf.bind(path("deaf.sock"))
    deaf.listen()
    for command in (("scsitool", "inquiry", url), ("stgtest", f"unix:{path('deaf.sock')}", "1")):
        for closed in CLOSED:
            tool = start_without(closed, *command)
            try:
                until(lambda: any("socket:" in name for name in held(tool.pid).values()),
                      f"a socket of {command[0]}")
                names = [held(tool.pid).get(fd) for fd in range(3)]
                check(names == ["/dev/null"] * 3, f"{command[0]} with {closed} closed: {names}")
            finally:
                tool.kill()
                tool.wait()
    listener.close()
    deaf.close()


def last_words(server):
    """The rest of standard error, which is complete when the server has ended."""
    return server.errors().splitlines()


def signal_that_ends_it_is_followed_by_a_flush():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        server = rawdisk("ended.img", "--size", "1M", "-d", "12")
        qemu_io(server.url, "write 0 64k")
        check(server.end(number) == 0, f"{number!r}: status {server.process.returncode}")
        said = last_words(server)
        check(said and "<<Flush Status=GOOD" in said[-1], f"{number!r}: {said[-3:]}")


def terminal_that_goes_sends_several_hangups():
    """The shell passes on what the kernel sends as well; the second must not kill."""
    server = rawdisk("hangup.img", "--size", "1M", "-d", "8")
    for _ in range(50):
        server.process.send_signal(signal.SIGHUP)
    check(server.end(signal.SIGHUP) == 0, f"status {server.process.returncode}")
    check("<<Flush Status=GOOD" in last_words(server)[-1], server.errors())


def hangup_stays_ignored_where_it_was():
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with rawdisk("nohup.img", "--size", "1M", preexec_fn=ignore) as server:
        server.process.send_signal(signal.SIGHUP)
        qemu_io(server.url, "write -P 7 0 64k", "read -P 7 0 64k")


def default_sigpipe():
    """Python ignores it, and that would be inherited."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def reader_that_has_gone_ends_nothing():
    for command in (["rawdisk", "-f", path("pipe.img"), "--size", "1M", "--stats", "-p", ANY],
                    ["memdisk", "--size", "1M", "--stats", "-p", ANY],
                    *([example, ANY] for example in EXAMPLES)):
        server = Server(*command, preexec_fn=default_sigpipe)
        try:
            server.process.send_signal(signal.SIGPIPE)
            qemu_io(server.url, "write -P 9 0 64k", "read -P 9 0 64k")
            # What it prints at its end meets a pipe without a reader.
            server.process.stdout.close()
            server.process.stdout = None
            check(server.end() == 0, f"{command[0]}: status {server.process.returncode}")
        finally:
            server.process.kill()
            server.process.wait()


TESTS = [image_is_no_standard_descriptor, sockets_are_no_standard_descriptors,
         tools_hold_their_sockets_elsewhere,
         signal_that_ends_it_is_followed_by_a_flush, terminal_that_goes_sends_several_hangups,
         hangup_stays_ignored_where_it_was, reader_that_has_gone_ends_nothing]

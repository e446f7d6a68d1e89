# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A service manager passes sockets to a server at its start, and the server tells it how it is."""

import os
import signal
import socket
import subprocess
import sys

from program import (ANY, IQN, TIMEOUT, Server, check, client, path, program, qemu_io, rawdisk,
                     run)

# A manager's child: the sockets lie from descriptor 3 on, and the variable names the process.
CHILD = """
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(",")]
for place, fd in enumerate(fds, 3):
    os.dup2(fd, place)
os.environ.update(LISTEN_PID=str(os.getpid() + int(sys.argv[2])), LISTEN_FDS=str(len(fds)))
os.execv(sys.argv[3], sys.argv[3:])
"""


def listening(address=("127.0.0.1", 0), family=socket.AF_INET):
    """High numbers leave room for the child's own."""
    made = socket.socket(family, socket.SOCK_STREAM)
    made.bind(address)
    made.listen(8)
    high = socket.socket(fileno=os.dup(made.fileno()))
    while high.fileno() < 16:
        high = socket.socket(fileno=os.dup(high.detach()))
    return high


def with_sockets(fds, *command, other=0):
    return ([sys.executable, "-c", CHILD, ",".join(map(str, fds)), str(other), *command],
            {"pass_fds": fds})


def given(sock, *arguments, doors=1):
    command, options = with_sockets([sock.fileno()], program("rawdisk"), *arguments)
    return Server(*command, doors=doors, **options)


def refused(fds, *arguments, status, other=0):
    command, options = with_sockets(fds, program("rawdisk"), *arguments, other=other)
    return run(*command, status=status, **options)[1]


def port(sock):
    return sock.getsockname()[1]


def tells(address, environment, *arguments):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(TIMEOUT)
        with rawdisk("told.img", "--size", "4M", *arguments,
                     env={**os.environ, "NOTIFY_SOCKET": environment}) as server:
            ready = manager.recv(4096).decode().splitlines()
            check(ready == ["READY=1", f"STATUS=serving {server.uris[0]}"], ready)
            qemu_io(server.url, "write -P 5 0 64k", "flush")
        check(manager.recv(4096) == b"STOPPING=1", "the end is another message")


def manager_learns_of_the_start_and_the_end():
    tells(path("notify"), path("notify"))


def manager_learns_of_a_sandboxed_server():
    tells(path("notify-sandbox"), path("notify-sandbox"), "--sandbox")


def manager_may_have_a_name_without_a_file():
    name = f"winspd-test-{os.getpid()}"
    tells(f"\0{name}", f"@{name}")


def manager_that_is_not_there_is_no_obstacle():
    for name in (path("nobody"), "", "x", "relative/name", "/" + 200 * "x"):
        environment = {**os.environ, "NOTIFY_SOCKET": name}
        with rawdisk("told.img", "--size", "4M", env=environment) as server:
            qemu_io(server.url, "read 0 4k")


def passed_socket_is_served_and_outlives_a_crash():
    with listening() as sock:
        uri = f"iscsi://127.0.0.1:{port(sock)}/{IQN}"
        arguments = ("-f", path("passed.img"), "--size", "4M", "-p", uri)
        server = given(sock, *arguments)
        check(server.uris == [uri + "/0"], server.uris)
        qemu_io(server.url, "write -P 9 0 64k", "flush")
        check(server.end(signal.SIGKILL) == -signal.SIGKILL, "it ended before")
        # The connection waits in the manager's socket until the next server takes it.
        waiting = subprocess.Popen(["iscsi-inq", server.url], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        with given(sock, *arguments) as server:
            said, _ = waiting.communicate(timeout=TIMEOUT)
            check(waiting.returncode == 0 and "RawDisk" in said, said)
            qemu_io(server.url, "read -P 9 0 64k")


def passed_unix_socket_keeps_its_file():
    name = path("passed.sock")
    with listening(name, socket.AF_UNIX) as sock:
        with given(sock, "-f", path("passed.img"), "--size", "4M", "-p", f"unix:{name}"):
            client(program("stgtest"), f"unix:{name}", "100", "WR", "*", "*")
        check(os.path.exists(name), "the manager's file is gone")


def descriptor_that_is_no_listener_is_refused():
    with open("/dev/null", "rb") as null:
        errors = refused([null.fileno()], "-f", path("wrong.img"), "-p", ANY, status=1)
    check("descriptor 3 of the service manager is no listening stream socket" in errors, errors)
    check("ListenStream=" in errors, errors)
    check(not os.path.exists(path("wrong.img")), "the image was made")


def socket_of_another_address_is_named():
    with listening(("0.0.0.0", 0)) as sock:
        errors = refused([sock.fileno()], "-f", path("wrong.img"), "-p",
                         f"iscsi://127.0.0.1:{port(sock)}/{IQN}", status=1)
        check(f"the service manager listens at 0.0.0.0:{port(sock)}: give that address" in errors,
              errors)


def socket_that_no_door_takes_is_named():
    with listening() as sock:
        server = given(sock, "-f", path("passed.img"), "--size", "4M", "-p", ANY)
        check(server.end() == 0, server.said)
        check(f"service manager's socket 127.0.0.1:{port(sock)}:" in server.errors(),
              server.errors())
    name = path("taken.sock")
    with listening(name, socket.AF_UNIX) as sock:
        server = given(sock, "-f", path("passed.img"), "--size", "4M", "-p", f"unix:{name}")
        check(server.end() == 0 and "service manager" not in server.errors(), server.errors())


def socket_of_another_process_is_left_alone():
    with listening() as sock:
        errors = refused([sock.fileno()], "-f", path("wrong.img"), "-p",
                         f"iscsi://127.0.0.1:{port(sock)}/{IQN}", status=1, other=1)
        check("already in use" in errors and "service manager" not in errors, errors)


TESTS = [
    manager_learns_of_the_start_and_the_end,
    manager_learns_of_a_sandboxed_server,
    manager_may_have_a_name_without_a_file,
    manager_that_is_not_there_is_no_obstacle,
    passed_socket_is_served_and_outlives_a_crash,
    passed_unix_socket_keeps_its_file,
    descriptor_that_is_no_listener_is_refused,
    socket_of_another_address_is_named,
    socket_that_no_door_takes_is_named,
    socket_of_another_process_is_left_alone,
]

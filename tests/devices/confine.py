# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A server gives up its user, and system calls, when it starts."""

import os
import re
import resource
import subprocess
from pathlib import Path

from program import ANY, BUILD, Server, Skip, check, client, path, program, qemu_io, rawdisk, run
from start import MIB, limited

NOBODY = 65534


def of_threads(server, name):
    """A field of /proc/PID/task/*/status, as every thread has it."""
    found = {re.search(rf"^{name}:\s*(.*)$", task.read_text(), re.MULTILINE)[1].strip()
             for task in Path(f"/proc/{server.process.pid}/task").glob("*/status")}
    check(len(found) == 1, f"{name} differs between the threads: {found}")
    return found.pop()


def needs_root():
    if os.geteuid() != 0:
        raise Skip("only root can become another user")


def needs_another_user():
    """Programs are started as somebody else, who must be able to come to them and to our files."""
    needs_root()
    os.chmod(path(""), 0o755)
    for name in (program("memdisk"), path("")):
        if subprocess.run(["test", "-x", name], user=NOBODY).returncode:
            raise Skip("other users cannot enter the folder of the build")


def user_is_given_up_by_every_thread():
    needs_root()
    with rawdisk("user.img", "--size", "4M", "--user", str(NOBODY)) as server:
        check(of_threads(server, "Uid").split() == [str(NOBODY)] * 4, of_threads(server, "Uid"))
        check(of_threads(server, "Gid").split() == [str(NOBODY)] * 4, of_threads(server, "Gid"))
        check(of_threads(server, "CapEff").strip("0") == "", of_threads(server, "CapEff"))
        check(set(of_threads(server, "Groups").split()) <= {str(NOBODY)},
              of_threads(server, "Groups"))
        qemu_io(server.url, "write -P 7 0 64k", "read -P 7 0 64k", "flush")


def group_alone_is_taken():
    needs_root()
    with rawdisk("group.img", "--size", "4M", "--group", str(NOBODY)) as server:
        check(of_threads(server, "Gid").split() == [str(NOBODY)] * 4, of_threads(server, "Gid"))
        check(of_threads(server, "Groups").split() == [str(NOBODY)], of_threads(server, "Groups"))


def unknown_user_is_refused_before_an_image_is_made():
    for option, name in (("--user", "no-such-user"), ("--group", "no-such-group"),
                         ("--user", "4294967295")):
        _, errors = run("rawdisk", "-f", path("none.img"), option, name, "-p", ANY, status=87)
        check(f"{option} {name}: there is no such" in errors, errors)
    check(not os.path.exists(path("none.img")), "the image was made")


def only_root_can_become_another_user():
    needs_another_user()
    _, errors = run("memdisk", "--user", "root", "-p", ANY, status=87, user=NOBODY)
    check("need a start as root" in errors, errors)


def secrets_of_nobody(name):
    """A secrets file that is fit for that user alone."""
    secrets = path(name)
    with open(secrets, "w", encoding="ascii") as file:
        file.write("someone twelve-characters\n")
    os.chmod(secrets, 0o600)
    os.chown(secrets, NOBODY, NOBODY)
    return secrets


def is_dumpable(server):
    """The files of a process that writes no core dump are root's."""
    return os.stat(f"/proc/{server.process.pid}/mem").st_uid == NOBODY


def memory_is_closed_while_secrets_are_in_it():
    needs_another_user()
    secrets = secrets_of_nobody("memory.secrets")
    with Server("memdisk", "-p", ANY, user=NOBODY) as server:
        check(is_dumpable(server), "a server without secrets keeps its memory closed, too")
    with Server("memdisk", "-p", f"{ANY}?chap={secrets}", user=NOBODY) as server:
        check(not is_dumpable(server), "the memory of a server with secrets can be read")


def secrets_of_others_are_refused():
    needs_root()
    secrets = secrets_of_nobody("others.secrets")
    _, errors = run("memdisk", "-p", f"{ANY}?chap={secrets}", status=1)
    check(f"it belongs to user {NOBODY}; chown it to root" in errors, errors)


def everything_works_in_the_sandbox():
    socket = path("sandbox.socket")
    log = path("sandbox.log")
    with Server("rawdisk", "-f", path("sandbox.img"), "--size", "8M", "--sandbox", "--stats",
                "--threads", "64",  # more than malloc() has arenas without asking the system
                "-d", "-1", "-D", log, "-p", ANY, "-p", f"unix:{socket}", doors=2) as server:
        check(of_threads(server, "NoNewPrivs") == "1", "new privileges can be had")
        check(of_threads(server, "Seccomp") == "2", "a thread is not in the sandbox")
        qemu_io(server.url, "write -P 7 0 1M", "read -P 7 0 1M", "discard 0 1M", "flush",
                "write -z 1M 64k", "write -f -P 9 2M 4k")
        client(os.path.join(os.environ["BIN"], "stgtest"), f"unix:{socket}", "10", "WR", "*", "8")
        client("iscsi-inq", server.url)
        check("sandbox:" not in server.errors(), server.errors())
    check("SCSI commands" in server.said, server.said)
    check("sandbox:" not in server.errors(), "a call was refused at the end")
    check(not os.path.exists(socket), "the socket was left")


def other_calls_are_refused_and_named_and_the_disk_goes_on():
    shim = os.path.join(BUILD, "tests/devices/preload_refused.so")
    with rawdisk("refused.img", "--size", "4M", "--sandbox",
                 env=dict(os.environ, LD_PRELOAD=shim)) as server:
        qemu_io(server.url, "write -P 7 0 64k", "flush", "read -P 7 0 64k")
        said = server.errors()
        for what in ("socket", "open", "execve", "fork", "executable memory"):
            check(f"tried {what}: refused" in said, said)
        for call in ("socket", "openat", "execve", "clone", "mmap"):
            check(f"sandbox: the system call {call} was refused" in said, said)


def list_follows_from_the_doors():
    shim = dict(os.environ, LD_PRELOAD=os.path.join(BUILD, "tests/devices/preload_refused.so"))
    socket = path("list.socket")
    with Server("rawdisk", "-f", path("list.img"), "--size", "4M", "--sandbox", "-p",
                f"unix:{socket}", env=shim) as server:
        run("stgtest", f"unix:{socket}", "2", "WF", "*", "8")
        check("tried getpeername: refused" in server.errors(), server.errors())
    with rawdisk("list.img", "--sandbox", env=shim) as server:
        qemu_io(server.url, "write -P 7 0 64k", "flush")
        check("tried getpeername: Bad file descriptor" in server.errors(), server.errors())


def start_that_fails_without_its_rights_puts_the_state_back():
    """The threads find no memory. By then the sandbox is closed, the user another one, and the
    state file new."""
    image = path("kept.img")
    state = Path(f"{image}.spdstate")

    def fail(*words):
        _, errors = run("rawdisk", "-f", image, *words, "--threads", "1024", "-p", ANY, status=1,
                        preexec_fn=limited(resource.RLIMIT_AS, 256 * MIB))
        check("cannot start" in errors, errors)
        check("sandbox:" not in errors and "put back" not in errors, errors)

    with rawdisk("kept.img", "--size", "1M"):
        before = state.read_text(encoding="ascii")
    for words in (["--sandbox"], *([["--user", str(NOBODY)]] if os.geteuid() == 0 else [])):
        fail("--new-identity", *words)
        check(state.read_text(encoding="ascii") == before, f"{words}: the state is another one")
    state.unlink()
    fail("--sandbox")
    check(not list(Path(path("")).glob("kept.img.*")), "a state file was left")


TESTS = [secrets_of_others_are_refused, memory_is_closed_while_secrets_are_in_it,
         user_is_given_up_by_every_thread, group_alone_is_taken,
         unknown_user_is_refused_before_an_image_is_made, only_root_can_become_another_user,
         everything_works_in_the_sandbox, other_calls_are_refused_and_named_and_the_disk_goes_on,
         list_follows_from_the_doors, start_that_fails_without_its_rights_puts_the_state_back]

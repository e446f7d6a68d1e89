# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""--exec: a command that uses the disk, and what ends first."""

import os
import re
import signal
import time

from program import ANY, IQN, TIMEOUT, Server, check, path, run

# Until it is ended; it says so first, and then how.
WAITING = "trap 'echo ended; exit 3' TERM; echo waiting; while :; do sleep 0.05; done"
DISK = ("--size", "4M", "-p", ANY)


def wait_for(condition, what):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        check(time.monotonic() < deadline, what)
        time.sleep(0.02)


def begin(*arguments, command=WAITING, doors=1):
    """A server whose command has begun."""
    log = path("command.log")
    if os.path.exists(log):
        os.unlink(log)
    server = Server("memdisk", *DISK, *arguments, "--exec", f"exec >{log} 2>&1; {command}",
                    doors=doors)
    wait_for(lambda: os.path.exists(log) and os.path.getsize(log), "the command did not begin")
    return server, lambda: open(log, encoding="utf-8").read()


def the_disk_goes_when_the_command_ends():
    for status in 0, 7:
        said, _ = run("memdisk", *DISK, "--exec",
                      f'qemu-io -f raw -c "write -P 7 0 64k" "$SPD_URI"; echo "URI $SPD_URI"; '
                      f"exit {status}", status=status)
        served = re.search(r"^serving (\S+)$", said, re.MULTILINE)[1]
        check(f"URI {served}\n" in said and "wrote 65536" in said, said)


def the_command_learns_of_all_disks_and_of_no_other_descriptors():
    said, _ = run(
        "memdisk", *DISK, "--size", "8M", "--exec",
        f'test "$SPD_URIS" = "$SPD_URI $(echo $SPD_URI | sed s,{IQN}/0,{IQN}/1,)" && '
        f'test -z "$SPD_DEVICE$SPD_DEVICES" || {{ env; exit 1; }}; exec ls /proc/self/fd')
    check(said.split()[-4:] == list("0123"), said)  # 3 is the listed folder


def it_has_a_sandboxed_disk():
    run("memdisk", *DISK, "--sandbox", "--exec", 'mkdir -p "$WORK/of-the-command"')
    check(os.path.isdir(path("of-the-command")), "the command could not work")


def a_signal_that_kills_it_is_in_the_status():
    run("memdisk", *DISK, "--exec", "kill -KILL $$", status=128 + signal.SIGKILL)


def it_ends_with_the_server():
    for how, status in ((signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)):
        server, log = begin()
        check(server.end(how) == status, f"signal {how}: {server.process.returncode}")
        wait_for(lambda: log().endswith("ended\n"), f"signal {how}: {log()!r}")
        server.log.close()


def it_is_not_run_for_a_disk_that_does_not_start():
    left = path("left")
    for wrong in (("-p", "nosuch:here"), ("-p", f"{ANY}?chap={path('no-secrets')}")):
        run("memdisk", "--size", "4M", *wrong, "--exec", f"touch {left}",
            status=87 if "nosuch" in wrong[1] else 1)
        check(not os.path.exists(left), "the command ran")


TESTS = [the_disk_goes_when_the_command_ends,
         the_command_learns_of_all_disks_and_of_no_other_descriptors, it_has_a_sandboxed_disk,
         a_signal_that_kills_it_is_in_the_status, it_ends_with_the_server,
         it_is_not_run_for_a_disk_that_does_not_start]

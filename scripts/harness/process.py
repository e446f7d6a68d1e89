# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Runs programs so that nothing of them outlives the runner."""

import ctypes
import os
import signal
import subprocess
import threading
import time
import uuid

MARK = "SPD_TEST_RUN"
RUN = uuid.uuid4().hex
PR_SET_CHILD_SUBREAPER = 36
GRACE = 60  # seconds in which what a job has started may still end by itself

_lock = threading.Lock()
_live = set()
_stopping = False


def adopt_orphans():
    """A daemon that leaves its parent becomes our child, not init's, so that we find it."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _signal_group(process, number):
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _marked(mark):
    """Processes whose environment carries the mark: also those in a session of their own."""
    needle = f"{MARK}={mark}".encode()
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as environ:
                if any(word.startswith(needle) for word in environ.read().split(b"\0")):
                    yield int(entry)
        except OSError:
            continue


def kill_marked(mark, grace=0):
    """Kills what still runs of a job after a grace; returns the names of what it killed."""
    names = []
    deadline = time.monotonic() + grace
    clear = 0
    # A process in the middle of execve() has no environment to see: nothing twice is nothing.
    while time.monotonic() < deadline and clear < 2:
        clear = 0 if any(True for _ in _marked(mark)) else clear + 1
        time.sleep(0.02)
    for pid in _marked(mark):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
                names.append(comm.read().strip())
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue
    return names


def _descendants():
    """Every process below us, orphans included: adopt_orphans() keeps them in our tree."""
    children = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", "rb") as stat:
                parent = int(stat.read().rpartition(b")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(entry))
    found = [os.getpid()]
    for pid in found:
        found.extend(children.get(pid, []))
    return found[1:]


def stop_all():
    """Ends every child, politely first: scripts have clean-up of their own."""
    global _stopping
    with _lock:
        _stopping = True
        live = list(_live)
    for process in live:
        _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline and any(process.poll() is None for process in live):
        time.sleep(0.05)
    for process in live:
        _signal_group(process, signal.SIGKILL)
    for pid in _descendants():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


class Stopped(Exception):
    """The runner is ending: no new program is started, and how one ended does not matter."""


def run(command, env, log, timeout, on_line=None, cwd=None, grace=GRACE, spent=None):
    """Runs command in a session of its own; its output goes to log and, line by line, to on_line.
    spent() gets the seconds of CPU that it took, with the children that it waited for.

    Returns an empty string, or what went wrong: exit status, signal, time-out, left-over children.
    """
    mark = f"{RUN}.{uuid.uuid4().hex[:8]}"
    with _lock:
        if _stopping:
            raise Stopped
        process = subprocess.Popen(
            command, env=dict(env, **{MARK: mark}), cwd=cwd, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            start_new_session=True)
        _live.add(process)
    expired = threading.Event()

    def expire():
        expired.set()
        _signal_group(process, signal.SIGTERM)
        time.sleep(5)
        _signal_group(process, signal.SIGKILL)
        kill_marked(mark)

    timer = threading.Timer(timeout, expire)
    timer.daemon = True
    timer.start()
    # A child that keeps our pipe open after its parent has gone would keep us here: end the group
    # with its leader.
    reaper = threading.Thread(target=_reap, args=(process, mark, grace), daemon=True)
    reaper.start()
    for line in process.stdout:
        log.write(line)
        if on_line:
            on_line(line)
    reaper.join()
    timer.cancel()
    process.stdout.close()
    with _lock:
        _live.discard(process)
    if spent:
        spent(process.cpu)
    left = process.left_running
    if _stopping:
        raise Stopped
    if expired.is_set():
        return f"timed out after {timeout:.0f} s"
    if process.returncode < 0:
        return f"killed by {signal.Signals(-process.returncode).name}"
    if process.returncode:
        return f"exit status {process.returncode}"
    if left:
        return f"left running: {', '.join(left)}"
    return ""


def _reap(process, mark, grace):
    process.left_running = []
    process.cpu = 0.0
    try:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.cpu = usage.ru_utime + usage.ru_stime
    except ChildProcessError:  # stop_all() has looked first
        process.wait()
    process.left_running = kill_marked(mark, grace)

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A lab is given to each case: a place to work in, and boots of virtual machines."""

import os
import sys
import threading

import complaints
import initrd
import kernel
from machine import Hardware, Machine

BOOT_SECONDS = 1800  # for what hangs; what is slow has to pass
KERNEL = "6.12"


class Tap:
    """The results of cases that run at the same time: each case has a tap of its own, whose lines
    go out together at its end."""

    count = 0
    failed = 0
    _lock = threading.Lock()

    def __init__(self):
        self._lines = []  # text; None is for "ok 7" or "not ok 7"

    def say(self, name, good, notes=()):
        self._lines.append((bool(good), name))
        for note in () if good else notes:
            self.note(note)

    def skip(self, name, reason):
        self.say(f"{name} # SKIP {reason}", True)

    def note(self, text):
        self._lines += [(None, f"# {line}") for line in text.splitlines()]

    def print(self):
        with Tap._lock:
            for good, text in self._lines:
                if good is not None:
                    Tap.count += 1
                    Tap.failed += not good
                    text = f"{'ok' if good else 'not ok'} {Tap.count} - {text}"
                print(text)
            sys.stdout.flush()
        self._lines = []


class Lab:
    """`programs` is the folder of the built programs, `build` that of the build."""

    def __init__(self, tap, work):
        self.tap = tap
        self.work = work
        self.programs = os.environ["BIN"]
        self.build = os.environ["BUILD"]
        self._cache = os.environ["CACHE"]
        self._boots = 0
        work.mkdir(parents=True)

    def program(self, name):
        return os.path.join(self.programs, name)

    def boot(self, script, *, linux=KERNEL, modules=(), tools=("base",), programs=(), files=(),
             hardware=Hardware(cpus=2), servers=(), answers=None,
             allowed=complaints.HARMLESS, parameters=None):
        """Boots `linux`, a name of kernel.KERNELS, runs guest/SCRIPT.sh and reports its checks.

        The guest has the sets of tools (initrd.TOOLS), the programs, which are paths on the host,
        and their libraries, all in PATH; and `files`, pairs of path and content. The script sees
        `parameters` as variables. The boot fails when one of `servers` ends by itself. The script
        may `ask WORD ARGUMENT...`: answers[WORD](ARGUMENT...) is called. `allowed` are patterns of
        kernel messages that look like trouble with the disk and are none."""
        system = kernel.obtain(self._cache, linux)
        archives = initrd.obtain(self._cache, system, *tools)
        self._boots += 1
        if programs:
            archives.append(initrd.programs(str(self.work / "programs.cpio"), programs))
        known = {"SCRIPT": f"{script}.sh",
                 "MODULES": " ".join(initrd.to_load(system, modules)), **(parameters or {})}
        log = str(self.work / f"vm-{self._boots}.log")
        messages = []
        with Machine(system, archives, initrd.overlay(known, files), str(self.work), log,
                     BOOT_SECONDS, servers, hardware) as machine:
            for key, value in machine.events():
                if key in ("OK", "NOT"):
                    self.tap.say(value, key == "OK")
                elif key == "NOTE":
                    self.tap.note(value)
                elif key == "LOG":
                    messages.append(value)
                elif key == "ASK":
                    word, *arguments = value.split()
                    answers[word](*arguments)
                    machine.tell("done")
        found = complaints.of(messages, allowed)
        self.tap.say(f"{script}: the kernel has no complaint about the disk", not found, found)

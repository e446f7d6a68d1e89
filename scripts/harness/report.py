# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The runner's output."""

import sys
import threading
import time
from collections import Counter
from pathlib import Path

from .tiers import TOP

WIDTH = 100
SHOWN = 10  # failures of a tier with the last lines of their output; of more, the name must do


def busy():
    """Seconds of CPU of the whole machine since it started: at work, and all."""
    with open("/proc/stat", encoding="ascii") as stat:
        ticks = list(map(int, stat.readline().split()[1:9]))  # guests are in user and nice, too
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


class Report:
    def __init__(self, stream=sys.stdout):
        self.stream = stream
        self.live = stream.isatty()
        self.lock = threading.Lock()
        self.begun = time.monotonic()
        self.now = {}  # job name: [tally, what it does]
        self.shown = 0.0
        self.passed = self.failed = self.skipped = 0
        self.times = []  # of each job: name, when it began, how long it took, seconds of CPU
        self.machine = busy()

    def print(self, text=""):
        with self.lock:
            if self.live:
                self.stream.write("\r\x1b[K")
            self.stream.write(text + "\n")
            self.stream.flush()

    def started(self, job, tally):
        with self.lock:
            self.now[job.name] = [tally, ""]
        self._progress()

    def doing(self, job, what):
        with self.lock:
            self.now[job.name][1] = what
        self._progress()

    def _progress(self):
        """A line, rewritten at most ten times a second, with the running jobs and their
        progress."""
        if not self.live or time.monotonic() - self.shown < 0.1:
            return
        with self.lock:
            self.shown = time.monotonic()
            parts = [f"{name} {tally.total}{' ' + what if what else ''}"
                     for name, (tally, what) in self.now.items()]
            line = f"[{self.shown - self.begun:3.0f} s] " + " | ".join(parts)
            self.stream.write("\r\x1b[K" + line[:WIDTH])
            self.stream.flush()

    def ended(self, job, tally, seconds, log):
        with self.lock:
            self.now.pop(job.name, None)
        failed, skipped = len(tally.failures), len(tally.skipped)
        self.passed += tally.passed
        self.failed += failed
        self.skipped += skipped
        ended = time.monotonic() - self.begun
        self.times.append((job.name, ended - seconds, seconds, tally.cpu))
        self.print(f"{'FAIL' if failed else 'ok':4} {job.name:14} {tally.passed:4} passed, "
                   f"{failed} failed, {skipped} skipped {seconds:6.1f} s  "
                   f"{Path(log).relative_to(TOP)}")
        for reason, count in Counter(reason for _, reason in tally.skipped).most_common():
            self.print(f"       {count} skipped: {reason or 'no reason given'}")
        for number, (name, last_lines) in enumerate(tally.failures):
            self.print(f"     failed: {name}")
            for line in last_lines if number < SHOWN else []:
                self.print(f"       | {line[:200]}")

    def table(self, path):
        """Seconds of each job, by name, so that the tables of two runs can be compared. A daemon's
        time is not in the CPU's column, but in its share."""
        if len(self.times) < 2:
            return
        work, both = (now - then for now, then in zip(busy(), self.machine))
        lines = [f"{'job':18} {'begun':>7} {'took':>7} {'CPU':>7}"]
        lines += [f"{name:18} {begun:7.1f} {took:7.1f} {cpu:7.1f}"
                  for name, begun, took, cpu in sorted(self.times)]
        lines.append(f"{'all':18} {0:7.1f} {time.monotonic() - self.begun:7.1f} "
                     f"{sum(each[3] for each in self.times):7.1f}, "
                     f"the machine was busy for {100 * work / max(both, 1):.0f} %")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        for line in lines:
            self.print(line)

    def total(self):
        self.print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""What the runner prints."""

import sys
import threading
import time
from collections import Counter
from pathlib import Path

from .tiers import TOP

WIDTH = 100
SHOWN = 10  # failures of a tier with the last lines of their output; of more, the name must do


class Report:
    def __init__(self, stream=sys.stdout):
        self.stream = stream
        self.live = stream.isatty()
        self.lock = threading.Lock()
        self.begun = time.monotonic()
        self.now = {}  # job name: [tally, what it does]
        self.shown = 0.0
        self.passed = self.failed = self.skipped = 0

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
        """One line, rewritten at most ten times a second: which jobs run, and how far they are."""
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
        self.print(f"{'FAIL' if failed else 'ok':4} {job.name:14} {tally.passed:4} passed, "
                   f"{failed} failed, {skipped} skipped {seconds:6.1f} s  "
                   f"{Path(log).relative_to(TOP)}")
        for reason, count in Counter(reason for _, reason in tally.skipped).most_common():
            self.print(f"       {count} skipped: {reason or 'no reason given'}")
        for number, (name, last_lines) in enumerate(tally.failures):
            self.print(f"     failed: {name}")
            for line in last_lines if number < SHOWN else []:
                self.print(f"       | {line[:200]}")

    def total(self):
        self.print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Results as TAP, from several threads."""

import os
import re
import subprocess
import sys
import threading

PATTERN = re.compile(os.environ.get("TEST", ""))


class Wrong(Exception):
    """A client did not do, or did not find, what it should."""


def call(*command, timeout=120, **variables):
    """(exit status, output) of a program."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout,
                          env=dict(os.environ, **variables))
    return done.returncode, done.stdout.decode(errors="replace")


class Tap:
    def __init__(self):
        self.lock = threading.Lock()
        self.count = 0
        self.failed = 0

    def say(self, name, outcome, reason="", output=""):
        with self.lock:
            self.count += 1
            self.failed += outcome == "failed"
            skip = f" # SKIP {reason}" if outcome == "skipped" else ""
            print(f"{'not ok' if outcome == 'failed' else 'ok'} {self.count} - {name}{skip}")
            if outcome == "failed":
                for line in [reason, *output.splitlines()]:
                    print(f"# {line}")
            sys.stdout.flush()

    def end(self):
        """Prints the plan; returns the exit status."""
        print(f"1..{self.count}")
        return 1 if self.failed else 0

    def run(self, disk, tests):
        """Each test is a function of the disk, named after what it expects."""
        for test in tests:
            name = f"{disk.name}: {test.__name__.replace('_', ' ')}"
            if not PATTERN.search(name):
                continue
            try:
                test(disk)
                self.say(name, "passed")
            except (Wrong, OSError, RuntimeError, subprocess.TimeoutExpired) as wrong:
                self.say(name, "failed", "", str(wrong))

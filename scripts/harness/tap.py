# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Reads the Test Anything Protocol, as our scripts and cmocka programs write it."""

import re
from dataclasses import dataclass, field

PLAN = re.compile(r"1\.\.(\d+)\s*(?:#\s*(?:skip\S*)?\s*(.*))?$", re.IGNORECASE)
RESULT = re.compile(r"(not )?ok\b\s*(\d+)?\s*(?:-\s*)?(.*)$")
SKIP = re.compile(r"(.*?)\s*#\s*skip\S*\s*(.*)$", re.IGNORECASE)


@dataclass
class Case:
    name: str
    outcome: str  # "passed", "failed", "skipped"
    reason: str = ""


@dataclass
class Reader:
    """Feed it lines; cases grows. Lines that are not TAP are a program's chatter."""

    cases: list = field(default_factory=list)
    planned: int = 0
    plans: int = 0
    bailed: str = ""
    comment: str = ""

    def feed(self, line):
        """Returns the case that the line ends, or None."""
        line = line.rstrip()
        if line.startswith("Bail out!"):
            self.bailed = line[len("Bail out!"):].strip() or "no reason given"
            return None
        plan = PLAN.match(line)
        if plan:
            # A cmocka program prints one plan a group: the sum counts.
            self.plans += 1
            self.planned += int(plan[1])
            if int(plan[1]) == 0:
                self.planned += 1
                return self._add(Case("everything", "skipped", plan[2] or "no reason given"))
            return None
        result = RESULT.match(line)
        if not result:
            if line.startswith("#"):
                self.comment = line.lstrip("# ")
            return None
        failed, number, name = result[1], result[2], result[3]
        skip = SKIP.match(name)
        if skip and not skip[1]:
            # cmocka: "not ok 1 # SKIP name"; our programs say why in a comment before it.
            outcome = "skipped" if self.comment else "failed"
            return self._add(Case(skip[2] or f"case {number}", outcome, self.comment))
        if skip and not failed:
            return self._add(Case(skip[1], "skipped", skip[2]))
        return self._add(Case(name or f"case {number}", "failed" if failed else "passed"))

    def _add(self, case):
        self.comment = ""
        self.cases.append(case)
        return case

    def trouble(self):
        """Why the stream as a whole is not to be trusted, or an empty string."""
        if self.bailed:
            return f"bailed out: {self.bailed}"
        if not self.plans:
            return "it printed no plan"
        if len(self.cases) != self.planned:
            return f"it planned {self.planned} tests and reported {len(self.cases)}"
        return ""

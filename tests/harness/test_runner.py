# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""scripts/test as a whole, in a tree that has no jobs but those of the test."""

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
JOBS = """JOBS = [Script("long", ""), Script("short", ""),
        Script("first", "", path="tests/short/run"),
        Script("second", "", ["first"], path="tests/short/run"),
        Script("third", "", ["second"], path="tests/short/run")]
"""
# It says that it runs, and waits for the test.
LONG = "#!/bin/sh\necho 1..1\necho > {0}/begun\nread -r line < {0}/end\necho ok 1 - long\n"
SHORT = "#!/bin/sh\necho 1..1\nsha256sum /proc/self/exe >/dev/null\necho ok 1 - short\n"


class RunnerTest(unittest.TestCase):
    def setUp(self):
        self.tree = Path(self.enterContext(tempfile.TemporaryDirectory()))
        shutil.copytree(TOP / "scripts", self.tree / "scripts")
        tiers = self.tree / "scripts/harness/tiers.py"
        tiers.write_text(re.sub(r"^JOBS = .*", JOBS, tiers.read_text(), flags=re.M | re.S))
        for name, text in (("long", LONG), ("short", SHORT)):
            script = self.tree / "tests" / name / "run"
            script.parent.mkdir(parents=True)
            script.write_text(text.format(self.tree))
            script.chmod(0o755)
        for pipe in ("begun", "end"):
            subprocess.run(["mkfifo", self.tree / pipe], check=True)

    def start(self, *names):
        return subprocess.Popen([self.tree / "scripts/test", *names], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def test_a_second_run_of_a_tree_is_refused_and_says_by_whom(self):
        first = self.start("long")
        (self.tree / "begun").read_text()
        second = self.start("short")
        said = second.communicate()[0]
        (self.tree / "end").write_text("\n")
        first.communicate()
        self.assertEqual((first.returncode, second.returncode), (0, 1))
        self.assertIn(f"run already, as process {first.pid};", said)
        third = self.start("short")
        third.communicate()
        self.assertEqual(third.returncode, 0)

    def test_a_table_says_how_long_each_job_took(self):
        run = self.start("long", "short")
        (self.tree / "begun").read_text()
        (self.tree / "end").write_text("\n")
        said = run.communicate()[0]
        table = (self.tree / "build/log/times.txt").read_text()
        self.assertIn(table, said)
        rows = [line.split()[0] for line in table.splitlines()]
        self.assertEqual(rows, ["job", "long", "short", "all"])
        self.assertRegex(table, r"(?m)^short +\d+\.\d +\d+\.\d +\d+\.\d$")

    def test_what_a_tier_needs_may_need_something_itself(self):
        run = self.start("third")
        said = run.communicate(timeout=120)[0]
        self.assertEqual(run.returncode, 0)
        self.assertIn("3 passed, 0 failed, 0 skipped", said)


if __name__ == "__main__":
    unittest.main()

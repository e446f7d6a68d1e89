# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The environment of a tier."""

import io
import shutil
import tempfile
import unittest
from pathlib import Path

from harness.tiers import Script, Tally


class WorkTest(unittest.TestCase):
    def run_tier(self, lines):
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "run"
            script.write_text("#!/bin/sh\n" + lines)
            script.chmod(0o755)
            job = Script(f"test-of-tiers-{Path(folder).name}", "", path=str(script))
            self.addCleanup(shutil.rmtree, job.work, ignore_errors=True)
            tally = Tally()
            job.run(tally, io.StringIO(), lambda name: None, "")
        return job, tally

    def test_what_a_killed_tier_leaves_is_in_its_own_folder(self):
        job, _ = self.run_tier("mktemp left-XXXXXX --tmpdir; kill -KILL $$\n")
        self.assertEqual(sorted(path.name[:5] for path in job.work.iterdir()), ["left-", "run"])

    def test_a_tier_without_its_tools_is_skipped_and_says_why(self):
        tally = Tally()
        Script("absent", "", tools=("sh", "no-such-tool")).run(
            tally, io.StringIO(), lambda name: None, "")
        self.assertEqual(tally.skipped, [("everything", "there is no no-such-tool")])
        self.assertEqual((tally.passed, tally.failures), (0, []))

    def test_nothing_is_left_of_a_tier_that_passes(self):
        job, tally = self.run_tier("mktemp; touch $WORK/a; echo 1..1; echo ok 1 - a\n")
        self.assertEqual((tally.passed, tally.failures), (1, []))
        self.assertFalse(job.work.exists())


if __name__ == "__main__":
    unittest.main()

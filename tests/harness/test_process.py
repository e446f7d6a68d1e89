# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Running programs, and what the tiers make of how they end."""

import io
import os
import time
import unittest

from harness import process
from harness.tiers import Program, Tally


def shell(script, timeout=120, grace=1):
    log = io.StringIO()
    return process.run(["sh", "-c", script], dict(os.environ), log, timeout,
                       grace=grace), log.getvalue()


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(pid):
    """SIGKILL takes effect when the kernel gets to it."""
    deadline = time.monotonic() + 120
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def tally_of(script):
    tally = Tally()
    program = Program("p", "p: ", tally, io.StringIO(), lambda name: None)
    program.run(["sh", "-c", script], dict(os.environ), 120)
    return tally


class ProcessTest(unittest.TestCase):
    def test_good_end_is_silent(self):
        self.assertEqual(shell("echo hello"), ("", "hello\n"))

    def test_names_the_exit_status(self):
        self.assertEqual(shell("exit 3")[0], "exit status 3")

    def test_names_the_signal(self):
        self.assertEqual(shell("kill -SEGV $$")[0], "killed by SIGSEGV")

    def test_ends_what_takes_too_long(self):
        self.assertIn("timed out", shell("sleep 60", timeout=0.2)[0])

    def test_kills_a_child_in_a_session_of_its_own(self):
        wrong, log = shell("setsid sleep 60 >/dev/null 2>&1 & echo $!")
        self.assertEqual(wrong, "left running: sleep")
        self.assertTrue(ends(int(log)))

    def test_a_child_that_holds_the_output_does_not_hold_the_runner(self):
        self.assertEqual(shell("sleep 60 &")[0], "left running: sleep")


class ProgramTest(unittest.TestCase):
    def test_passes(self):
        tally = tally_of("echo 1..1; echo ok 1 - a")
        self.assertEqual((tally.passed, tally.failures), (1, []))

    def test_a_crash_after_the_last_result_is_a_failure(self):
        tally = tally_of("echo 1..1; echo ok 1 - a; kill -SEGV $$")
        self.assertEqual(tally.failures[0][0], "p: killed by SIGSEGV")

    def test_an_exit_status_without_a_failed_case_is_a_failure(self):
        self.assertEqual(len(tally_of("echo 1..1; echo ok 1 - a; exit 1").failures), 1)

    def test_a_failed_case_is_counted_once(self):
        tally = tally_of("echo 1..1; echo why it failed; echo not ok 1 - a; exit 1")
        self.assertEqual([name for name, _ in tally.failures], ["p: a"])
        self.assertIn("why it failed", tally.failures[0][1])

    def test_diagnostics_after_a_failure_belong_to_it(self):
        tally = tally_of("echo 1..2; echo not ok 1 - a; echo '# because'; echo ok 2; echo '# b'")
        self.assertIn("# because", tally.failures[0][1])
        self.assertNotIn("# b", tally.failures[0][1])

    def test_diagnostics_of_one_failure_are_not_those_of_the_next(self):
        tally = tally_of("echo 1..2; echo not ok 1 - a; echo '# because'; echo not ok 2 - b")
        self.assertEqual(tally.failures[1][1], ["not ok 2 - b"])

    def test_a_crash_in_the_middle_is_a_failure(self):
        self.assertEqual(len(tally_of("echo 1..2; echo ok 1 - a; kill -ABRT $$").failures), 1)

    def test_silence_is_a_failure(self):
        self.assertEqual(len(tally_of("true").failures), 1)


if __name__ == "__main__":
    unittest.main()

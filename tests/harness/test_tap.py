# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The TAP reader."""

import unittest

from harness import tap


def read(text):
    reader = tap.Reader()
    for line in text.splitlines(keepends=True):
        reader.feed(line)
    return reader


def outcomes(reader):
    return [(case.name, case.outcome) for case in reader.cases]


class TapTest(unittest.TestCase):
    def test_counts_passed_and_failed(self):
        reader = read("1..2\nok 1 - good\nnot ok 2 - bad\n")
        self.assertEqual(outcomes(reader), [("good", "passed"), ("bad", "failed")])
        self.assertEqual(reader.trouble(), "")

    def test_takes_a_plan_at_the_end(self):
        self.assertEqual(read("ok 1 - a\nok 2 - b\n1..2\n").trouble(), "")

    def test_adds_up_the_plans_of_several_groups(self):
        reader = read("1..1\nok 1 - a\n1..2\nok 1 - b\nok 2 - c\n")
        self.assertEqual(len(reader.cases), 3)
        self.assertEqual(reader.trouble(), "")

    def test_reports_a_missing_result(self):
        self.assertIn("planned 2 tests and reported 1", read("1..2\nok 1 - a\n").trouble())

    def test_reports_a_surplus_result(self):
        self.assertIn("planned 1", read("1..1\nok 1 - a\nok 2 - b\n").trouble())

    def test_reports_a_missing_plan(self):
        self.assertIn("no plan", read("ok 1 - a\n").trouble())

    def test_reports_silence(self):
        self.assertIn("no plan", read("").trouble())

    def test_keeps_the_reason_of_a_skip(self):
        case = read("1..1\nok 1 - a # SKIP no kernel\n").cases[0]
        self.assertEqual((case.name, case.outcome, case.reason), ("a", "skipped", "no kernel"))

    def test_reads_the_skip_of_cmocka(self):
        case = read("1..1\n# no tmpfs\nnot ok 1 # SKIP test_name\n").cases[0]
        self.assertEqual((case.name, case.outcome, case.reason),
                         ("test_name", "skipped", "no tmpfs"))

    def test_a_skip_of_cmocka_without_a_reason_is_a_failure(self):
        self.assertEqual(read("1..1\nnot ok 1 # SKIP test_name\n").cases[0].outcome, "failed")

    def test_a_failure_that_mentions_skip_is_a_failure(self):
        self.assertEqual(read("1..1\nnot ok 1 - a # SKIP hm\n").cases[0].outcome, "failed")

    def test_skips_everything_with_an_empty_plan(self):
        reader = read("1..0 # SKIP no /dev/kvm\n")
        self.assertEqual(reader.cases[0].reason, "no /dev/kvm")
        self.assertEqual(reader.trouble(), "")

    def test_ignores_chatter(self):
        reader = read("# a diagnostic\nokay then\nokra\nnotok\n1..1\nnoise\nok 1 - a\n")
        self.assertEqual(outcomes(reader), [("a", "passed")])

    def test_stops_trusting_after_bail_out(self):
        self.assertIn("no disk", read("1..1\nok 1 - a\nBail out! no disk\n").trouble())

    def test_names_what_has_no_name(self):
        self.assertEqual(read("1..1\nok 1\n").cases[0].name, "case 1")


if __name__ == "__main__":
    unittest.main()

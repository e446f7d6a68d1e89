# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""HACKING.md has the version and the hash of each row in scripts/inputs, and of nothing else."""

import re
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
ROW = re.compile(r'"([\w.-]+)": \(\s*\w+, "([^"]+)",\s*"(\w{64})"\s*"(\w{64})"\)')
LINE = re.compile(r"^\| `([\w.-]+)(?::i386)?`, of [^|]+\| (\S+) \|", re.M)
HASH = re.compile(r"^([\w.-]+)(?::i386)?\n(\w{128})$", re.M)


class Inputs(unittest.TestCase):
    def test_both_lists_are_the_same(self):
        rows = ROW.findall((TOP / "scripts/inputs").read_text())
        text = (TOP / "HACKING.md").read_text()
        self.assertTrue(rows)
        self.assertEqual(sorted(LINE.findall(text)), sorted(row[:2] for row in rows))
        self.assertEqual(sorted(HASH.findall(text)),
                         sorted((name, first + second) for name, _, first, second in rows))


if __name__ == "__main__":
    unittest.main()

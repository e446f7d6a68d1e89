# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""scripts/packages, with doubles of dpkg, apt and id in its PATH."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

PACKAGES = Path(__file__).resolve().parent.parent.parent / "scripts/packages"
LIST = "# a comment\n\n[build]\ngcc\n\n[test]\nclang\nvalgrind\n\n[bench]\ntgt\n"
TOOLS = ["sh", "awk", "dirname", "ls", "find", "env", "cat"]


class PackagesTest(unittest.TestCase):
    def setUp(self):
        self.top = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.top)
        for folder in ("scripts", "packaging", "bin"):
            (self.top / folder).mkdir()
        shutil.copy(PACKAGES, self.top / "scripts/packages")
        (self.top / "packaging/packages.txt").write_text(LIST)
        for tool in TOOLS:
            (self.top / "bin" / tool).symlink_to(shutil.which(tool))

    def double(self, name, script):
        path = self.top / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run_for(self, section, installed, uid=0):
        lines = "\\n".join(f"{name} installed" for name in installed)
        self.double("dpkg-query", f"printf '{lines}\\n'")
        self.double("id", f"echo {uid}")
        for tool in ("tee", "chmod", "rm"):  # so that the machine's own policy stays as it is
            self.double(tool, "cat >/dev/null 2>&1 </dev/null")
        self.double("apt-get", f'echo "$@" >>{self.top}/apt')
        done = subprocess.run([self.top / "scripts/packages", section], text=True,
                              env={"PATH": str(self.top / "bin")}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        apt = self.top / "apt"
        return done.returncode, done.stdout, apt.read_text() if apt.exists() else ""

    def test_nothing_missing_is_silent(self):
        self.assertEqual(self.run_for("build", ["gcc"]), (0, "", ""))

    def test_a_section_includes_those_above_it_and_none_below(self):
        status, _, apt = self.run_for("test", [])
        self.assertEqual(status, 0)
        self.assertIn("-recommends gcc clang valgrind\n", apt)

    def test_only_what_is_missing_is_installed(self):
        _, _, apt = self.run_for("test", ["gcc", "valgrind"])
        self.assertIn("-recommends clang\n", apt)

    def test_a_foreign_architecture_s_name_counts(self):
        self.assertEqual(self.run_for("build", ["gcc:amd64"])[2], "")

    def test_without_root_and_sudo_it_prints_the_line_to_type(self):
        status, said, apt = self.run_for("test", ["gcc"], uid=1000)
        self.assertEqual((status, apt), (1, ""))
        self.assertIn("    apt-get install --no-install-recommends clang valgrind\n", said)

    def test_an_unknown_section_is_an_error(self):
        status, said, _ = self.run_for("nonsense", [])
        self.assertEqual(status, 1)
        self.assertIn("no section [nonsense]", said)

    def test_another_system_is_told_the_names_and_goes_on(self):
        self.double("dpkg-query", "")
        (self.top / "bin/dpkg-query").unlink()
        done = subprocess.run([self.top / "scripts/packages", "build"], text=True,
                              env={"PATH": str(self.top / "bin")}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0)
        self.assertIn("gcc", done.stdout)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A Windows machine for tests: a prefix with the StorPort double, and our driver installed."""

import copy
import shutil

from .prefix import PATIENCE

OURS = {"storport.sys", "winspd-x64.sys"}
PROGRAMS = ("tests/wine/drvtest", "tests/wine/volumes",
            "examples/windows/deferdisk-x64", "examples/windows/ramdisk-x64")


class Machine:
    arch = "x64"

    def __init__(self, base, work, build, programs=PROGRAMS):
        """programs: of the cross build, besides all that ships."""
        self.programs = programs
        self.parts = build / "windows"
        self.build = build / "windows-x64"
        self.package = work / "prefix/drive_c/winspd"
        self.log = work / "prefix/drive_c/storport.log"
        self.read = 0
        self.deaths = []
        self.kernels = {}  # what new_deaths() saw last
        self.unloads = 0
        self.prefix = base.copy(work / "prefix", work / "wine.log")

    def start(self):
        drivers = self.prefix.drive / "windows/system32/drivers"
        shutil.copy(self.build / "tests/wine/storport.sys", drivers)
        self.package.mkdir()
        for found in self.parts.iterdir():
            if found.suffix in (".sys", ".inf", ".dll", ".exe"):
                shutil.copy(found, self.package / found.name)
        for program in self.programs:
            found = self.build / f"{program}.exe"
            shutil.copy(found, self.package / found.name)
        self.prefix.start()
        self.devsetup("add", r"C:\winspd\winspd.inf")

    def devsetup(self, *arguments):
        status, output = self.prefix.wine(
            self.package / "devsetup-x64.exe", arguments[0], r"root\winspd", *arguments[1:])
        assert status == 0, f"devsetup {arguments}: {self.prefix.why(status, output)}"

    def drive(self, program, *arguments):
        """drvtest or winspd-tests: exit status and output."""
        return self.prefix.wine(self.package / f"{program}.exe", *arguments, timeout=4 * PATIENCE)

    def drvtest(self, *arguments):
        status, output = self.drive("drvtest", *arguments)
        assert status == 0, f"drvtest {arguments}: {self.prefix.why(status, output)}"

    def test(self, name):
        """A test of winspd-tests passes."""
        status, output = self.drive("winspd-tests-x64", "--tap", f"+{name}")
        assert status == 0, f"{name}: {self.prefix.why(status, output)}"

    def judge_log(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def new_findings(self):
        text = self.judge_log()
        new, self.read = text[self.read:], len(text)
        return [line for line in new.splitlines() if line.startswith("FINDING")]

    def new_deaths(self):
        """Wine's texts about any death; and processes of the emulated kernel that ended silently,
        although no driver was unloaded. A process whose driver was unloaded goes later, maybe
        during another test."""
        before, unloads = self.kernels, self.unloads
        log = self.judge_log()
        self.unloads = log.count("unloaded")
        self.kernels = self.prefix.kernels()
        may_go = set() if log.count("StorPortInitialize") > self.unloads else OURS
        gone = [] if self.unloads != unloads else [
            f"a process of the emulated kernel has gone: {', '.join(drivers)}"
            for process, drivers in before.items()
            if process not in self.kernels and set(drivers) - may_go]
        return self.prefix.new_trouble() + gone

    def new_wrongs(self):
        """Faults that count even if a test passes: findings of the judge, and deaths."""
        wrongs, self.deaths = self.new_findings() + self.deaths + self.new_deaths(), []
        return wrongs

    def last_notes(self):
        return self.judge_log().splitlines()[-5:]

    def of_x86(self, prefix):
        """The same machine for tests of 32-bit programs, which the prefix runs."""
        narrow = copy.copy(self)
        narrow.arch, narrow.prefix = "x86", prefix
        return narrow

    def restart(self):
        """Switched off and on; what died before is remembered."""
        self.deaths += self.new_deaths()
        self.prefix.restart()
        self.kernels = {}

    def stop(self):
        self.prefix.stop()

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A Windows machine for tests: a prefix with the StorPort double, and our driver installed."""

import shutil


class Machine:
    def __init__(self, base, work, build):
        self.parts = build / "windows"
        self.tests = build / "windows-x64/tests/wine"
        self.package = work / "prefix/drive_c/winspd"
        self.log = work / "prefix/drive_c/storport.log"
        self.read = 0
        self.prefix = base.copy(work / "prefix", work / "wine.log")

    def start(self):
        drivers = self.prefix.drive / "windows/system32/drivers"
        shutil.copy(self.tests / "storport.sys", drivers)
        self.package.mkdir()
        for found in self.parts.iterdir():
            if found.suffix in (".sys", ".inf", ".dll", ".exe"):
                shutil.copy(found, self.package / found.name)
        # The INF copies these; a build without the DLLs still installs the driver.
        for name in ("winspd-x64.dll", "winspd-x86.dll", "winspd-x86.sys"):
            (self.package / name).touch()
        self.prefix.start()
        self.devsetup("add", r"C:\winspd\winspd.inf")

    def devsetup(self, *arguments):
        """The device is added or removed with what ships, when there is one."""
        program = self.package / "devsetup-x64.exe"
        if program.exists():
            arguments = [arguments[0], r"root\winspd", *arguments[1:]]
        else:
            program = self.tests / "adapter.exe"
        status, output = self.prefix.wine(program, *arguments)
        assert status == 0, f"{program.name} {arguments}: {status} {output}{self.prefix.said()}"

    def drvtest(self, *arguments):
        return self.prefix.wine(self.tests / "drvtest.exe", *arguments, timeout=90)

    def judge_log(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def new_findings(self):
        text = self.judge_log()
        new, self.read = text[self.read:], len(text)
        return [line for line in new.splitlines() if line.startswith("FINDING")]

    def why_dead(self):
        return self.prefix.trouble() + "\n" + "\n".join(self.judge_log().splitlines()[-5:])

    def revive(self):
        """After a failure that may have left the emulated kernel dead or stuck."""
        self.prefix.restart()
        self.prefix.log.truncate(0)

    def stop(self):
        self.prefix.stop()

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A Windows machine for tests: a prefix with the StorPort double, and our driver installed."""

import shutil


class Machine:
    def __init__(self, base, work, build):
        self.parts = build / "windows"
        self.build = build / "windows-x64"
        self.package = work / "prefix/drive_c/winspd"
        self.log = work / "prefix/drive_c/storport.log"
        self.read = 0
        self.deaths = []
        self.prefix = base.copy(work / "prefix", work / "wine.log")

    def start(self):
        drivers = self.prefix.drive / "windows/system32/drivers"
        shutil.copy(self.build / "tests/wine/storport.sys", drivers)
        self.package.mkdir()
        for found in self.parts.iterdir():
            if found.suffix in (".sys", ".inf", ".dll", ".exe"):
                shutil.copy(found, self.package / found.name)
        for program in ("tests/wine/drvtest", "tests/wine/apitest",
                        "examples/windows/deferdisk-x64", "examples/windows/ramdisk-x64"):
            found = self.build / f"{program}.exe"
            shutil.copy(found, self.package / found.name)
        # Drivers of Wine's, one of which is said to have died now and then.
        self.prefix.disable("winebus", "wineusb")
        self.prefix.start()
        self.devsetup("add", r"C:\winspd\winspd.inf")

    def devsetup(self, *arguments):
        status, output = self.prefix.wine(
            self.package / "devsetup-x64.exe", arguments[0], r"root\winspd", *arguments[1:])
        assert status == 0, f"devsetup {arguments}: {status} {output}{self.prefix.said()}"

    def drive(self, program, *arguments):
        """drvtest or apitest: exit status and output."""
        return self.prefix.wine(self.package / f"{program}.exe", *arguments, timeout=240)

    def drvtest(self, *arguments):
        status, output = self.drive("drvtest", *arguments)
        assert status == 0, f"drvtest {arguments}: {status} {output}"

    def judge_log(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def new_findings(self):
        text = self.judge_log()
        new, self.read = text[self.read:], len(text)
        return [line for line in new.splitlines() if line.startswith("FINDING")]

    def adapter_opens(self):
        return self.drive("drvtest", "--none", "x")[0] not in (3, "timeout")

    def new_deaths(self):
        """Under load a driver of Wine's own may die while a machine starts: a page fault that has
        left our adapter alone is not ours."""
        deaths = self.prefix.new_trouble()
        if all("page fault" in line for line in deaths) and deaths and self.adapter_opens():
            return []
        return deaths

    def new_wrongs(self):
        """What is wrong whatever a test says: findings of the judge, and deaths."""
        wrongs, self.deaths = self.new_findings() + self.deaths + self.new_deaths(), []
        return wrongs

    def last_notes(self):
        return self.judge_log().splitlines()[-5:]

    def restart(self):
        """Switched off and on; what died before is remembered."""
        self.deaths += self.new_deaths()
        self.prefix.restart()

    def stop(self):
        self.prefix.stop()

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A Windows machine into which packages are installed: a Wine prefix with the StorPort double."""

import re
import shutil

from harness.machine import Machine
from harness.prefix import REGISTRY

INSTALLED = "Program Files (x86)/WinSpd"
FAILED, RESTART = 1603, 3010
DRIVER = ("system32/drivers/winspd-x64.sys", "system32/winspd-x64.dll", "syswow64/winspd-x86.dll")
# Traces that Wine 8 leaves of any package or device that it installs: empty keys,
# its copy of an INF in another form, disks that have been there; and what changes at any start.
RESIDUE = re.compile("|".join([
    r"(msi|storport)\.log", r"packages/.*", r"windows/Installer", r"windows/inf/winspd\.pnf",
    *(rf"system\.reg: {key}".replace("/", r"\\\\") for key in (
        "Software/Classes/Installer/(Features|Products|UpgradeCodes)",
        "Software/Microsoft/Windows/CurrentVersion/Installer/UpgradeCodes",
        "Software/Microsoft/Windows/CurrentVersion/Installer/UserData/S-1-5-18/Products",
        # After a rollback also one for each component, without a value.
        "Software/Microsoft/Windows/CurrentVersion/Installer/UserData/S-1-5-18/Components"
        "(/[0-9A-F]{32})?",
        "Software/Wow6432Node/Microsoft/Windows/CurrentVersion/Uninstall",
        r".*/Control/Class/\{4D36E97B-E325-11CE-BFC1-08002BE10318\}",
        r".*/Control/Class/\{4D36E96[8E]-.*",
        r".*/DeviceClasses/\{2ACCFE60-C130-11D2-B082-00A0C91EFB8B\}",
        ".*/NetworkCards", ".*/Enum/SCSI/DISK&VEN_WINSPD__.*",
        ".*/DeviceClasses/.*#disk&ven_winspd__.*",
        # A key that an installer leaves empty goes; Windows' own has classes of others.
        "Software/Classes/Wow6432Node/CLSID",
        # Windows has it, for handlers of others.
        "Software/Classes/Drive(/shellex(/ContextMenuHandlers)?)?")),
    # From the first program that has a console.
    r"user\.reg: Console.*"]))


class Computer(Machine):
    def start(self):
        shutil.copy(self.build / "tests/wine/storport.sys",
                    self.prefix.drive / "windows/system32/drivers")
        self.folder = self.prefix.drive / "packages"
        self.folder.mkdir()
        self.package.mkdir()
        for program in ("devsetup-x64.exe", "memdisk-x64.exe", "stgtest-x64.exe"):
            shutil.copy(self.parts / program, self.package / program)
        for program in ("tests/wine/drvtest.exe", "tests/shellex/shelltest-x64.exe"):
            shutil.copy(self.build / program, self.package)
        self.prefix.start()

    def msiexec(self, verb, what, *more, status=0):
        """what: a package's file, or a product code. The log of it, for a status that is wanted."""
        log = self.prefix.drive / "msi.log"
        log.unlink(missing_ok=True)
        if not isinstance(what, str):
            shutil.copy(what, self.folder / what.name)
            what = rf"C:\packages\{what.name}"
        got, output = self.prefix.wine("msiexec", verb, what, "/qn", "/norestart", *more,
                                       "/l*v", r"C:\msi.log")
        text = log.read_bytes().decode("utf-16" if log.read_bytes()[:2] == b"\xff\xfe" else "utf-8",
                                       errors="replace") if log.exists() else ""
        assert got == status & 0xff, (
            f"msiexec {verb} {what}: {self.prefix.why(got, output)}\n" +
            "\n".join(text.splitlines()[-40:]))
        return text

    def files(self):
        """Files of the installation, by their places in it, with their contents."""
        root = self.prefix.drive / INSTALLED
        return {str(path.relative_to(root)): path.read_bytes()
                for path in root.rglob("*") if path.is_file()}

    def driver_files(self):
        return {name: (self.prefix.drive / "windows" / name).read_bytes()
                for name in DRIVER if (self.prefix.drive / "windows" / name).exists()}

    def products(self):
        """Our display names in Windows' list of installed programs."""
        text = self.prefix.registry(
            r"HKLM\Software\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall")
        return re.findall(r"DisplayName +REG_SZ +(WinSpd.*?)\r?$", text, re.M)

    def snapshot(self):
        """Every file, and every key and value of the registry, with the machine switched off."""
        self.restart()  # what runs on has come to its end, and what is pending is done
        self.prefix.stop()
        found = {f"{path.relative_to(self.prefix.drive)}" for path in self.prefix.drive.rglob("*")}
        for name in REGISTRY:
            key = ""
            for line in (self.prefix.folder / name).read_text(errors="replace").splitlines():
                if line.startswith("["):
                    key = line[1:].rpartition("]")[0]
                    found.add(f"{name}: {key}")
                elif line.startswith(('"', "@")):
                    found.add(f"{name}: {key}: {line}")
        self.prefix.start()
        # Wine leaves a semicolon at the end of PATH, each time.
        return {re.sub(r';+"$', '"', name) for name in found if not RESIDUE.fullmatch(name)}

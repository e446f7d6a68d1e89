# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Windows Installer packages: to read one, to change a copy, to build one of another release."""

import os
import shutil
import struct
import subprocess
import sys
from functools import cached_property
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent.parent
sys.path.insert(0, str(TOP / "packaging/msi"))

from installer.database import Database  # noqa: E402

STAGE = TOP / "build/stage/windows"


def release():
    return subprocess.run([TOP / "scripts/version"], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


def shipped():
    return TOP / f"build/dist/winspd-{release()}.msi"


class Package:
    """The contents of a package, by msiinfo alone. Each part is read when a rule first asks for it,
    since most rules look at few of them."""

    def __init__(self, path, work):
        self.path, self.work = path, work
        self.read = {}

    @cached_property
    def tables(self):
        return self._info("tables").split()

    @cached_property
    def streams(self):
        return self._info("streams").split()

    @cached_property
    def summary(self):
        return dict(line.split(": ", 1) for line in self._info("suminfo").splitlines()
                    if ": " in line)

    def _info(self, *words):
        """In its own folder: a table with streams is exported with a file for each."""
        return subprocess.run(["msiinfo", words[0], self.path, *words[1:]], check=True,
                              stdout=subprocess.PIPE, cwd=self.work,
                              ).stdout.decode().replace("\r\n", "\n")

    def _table(self, name):
        columns, _, _, *lines = self._info("export", name).split("\n")
        names = columns.split("\t")
        return [dict(zip(names, line.split("\t"))) for line in lines if line]

    def rows(self, table):
        if table not in self.read:
            self.read[table] = self._table(table) if table in self.tables else []
        return self.read[table]

    def stream(self, name):
        return subprocess.run(["msiinfo", "extract", self.path, name], check=True,
                              stdout=subprocess.PIPE).stdout

    def property(self, name):
        return {row["Property"]: row["Value"] for row in self.rows("Property")}.get(name)


def cabinet(data):
    """The names and sizes of the files in a cabinet (MS-CAB 1.3 and 2.3)."""
    assert data[:4] == b"MSCF", "not a cabinet"
    at, = struct.unpack_from("<I", data, 16)
    count, = struct.unpack_from("<H", data, 28)
    found = {}
    for _ in range(count):
        size, = struct.unpack_from("<I", data, at)
        end = data.index(b"\0", at + 16)
        found[data[at + 16:end].decode()] = size
        at = end + 1
    return found


def changed(work, name, change):
    """A copy of the shipped package; change(Database) alters it."""
    path = work / f"{name}.msi"
    shutil.copy(shipped(), path)
    change(Database(path, work))
    return path


def built(work, version, files=()):
    """A package of another release; files: pairs of a staged file and what is in it instead."""
    stage, dist = work / f"stage-{version}", work / f"dist-{version}"
    shutil.copytree(STAGE, stage / "windows")
    dist.mkdir()
    for name, contents in files:
        (stage / "windows" / name).write_bytes(contents)
    subprocess.run([TOP / "packaging/msi/build"], check=True, env=dict(
        os.environ, STAGE=str(stage), DIST=str(dist), VERSION=version,
        SOURCE_DATE_EPOCH="1700000000"))
    shutil.rmtree(stage)
    return dist / f"winspd-{version}.msi"

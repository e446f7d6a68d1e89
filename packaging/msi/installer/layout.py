# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""files.txt: which file goes where, and what the installer's tables call it.

A component is one file: Windows Installer counts who needs a component, by its GUID. The GUID
follows from the place of the file, so it is the same in every version that puts it there.
"""

import re
import uuid
from dataclasses import dataclass
from pathlib import Path

UPGRADE_CODE = uuid.UUID("f7f63d2e-309b-485f-a3dc-1aae26e31b2b")
ROOT = "INSTALLDIR"
LINE = re.compile(r"(?P<folder>\S+)\s+(?P<file>\S+)(?:\s+as (?P<name>\S+))?"
                  r"(?:\s+if (?P<when>.+))?$")


class Wrong(Exception):
    """The text says what is wrong with files.txt, or what it names."""


def guid(*words):
    return "{%s}" % str(uuid.uuid5(UPGRADE_CODE, "/".join(words))).upper()


def key(text):
    """A name that the tables may use."""
    return re.sub(r"[^A-Za-z0-9_.]", "_", text)


def folder_key(folder):
    return ROOT if folder == "." else f"folder.{key(folder.replace('/', '.'))}"


@dataclass(frozen=True)
class Item:
    feature: str
    folder: str    # below the installation folder, with slashes; "." is itself
    name: str
    source: Path
    condition: str

    @property
    def key(self):
        """The names of the file and of its component."""
        place = self.name if self.folder == "." else f"{self.folder}.{self.name}"
        return key(place.replace("/", ".")) + (".x86" if self.condition[:4] == "NOT " else "")

    @property
    def guid(self):
        return guid("component", self.folder, self.name, self.condition)


def sources(file, staged, top):
    folder = top if "/" in file or file == "LICENSE" else staged
    found = sorted(path for path in folder.glob(file)
                   if "_posix." not in path.name and path.name != "meson.build")
    if not found:
        raise Wrong(f"there is no {file} in {folder}")
    return found


def items(table, staged, top):
    feature, found = None, []
    for number, line in enumerate(table.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            feature = line.strip("[]")
            continue
        row = LINE.match(line)
        if not row or not feature:
            raise Wrong(f"{table.name}:{number}: FOLDER FILE [as NAME] [if CONDITION]: {line}")
        for source in sources(row["file"], staged, top):
            found.append(Item(feature, row["folder"], row["name"] or source.name, source,
                              row["when"] or ""))
    twice = {item.key for item in found if [other.key for other in found].count(item.key) > 1}
    if twice:
        raise Wrong(f"{table.name}: more than once: {', '.join(sorted(twice))}")
    return found


def folders(found):
    """Every folder with those above it, parents first."""
    all_of_them = set()
    for item in found:
        parts = item.folder.split("/")
        all_of_them.update("/".join(parts[:count]) for count in range(1, len(parts) + 1))
    return sorted(all_of_them - {"."})


class ShortNames:
    """Windows Installer wants a name of 8.3 characters beside each longer one."""

    def __init__(self):
        self.used = set()

    def of(self, folder, name):
        if re.fullmatch(r"[A-Za-z0-9_-]{1,8}(\.[A-Za-z0-9_-]{1,3})?", name):
            self.used.add((folder, name.upper()))
            return name
        stem, _, extension = name.rpartition(".") if "." in name else (name, "", "")
        stem = re.sub(r"[^A-Z0-9_]", "", stem.upper())[:5]
        extension = re.sub(r"[^A-Z0-9_]", "", extension.upper())[:3]
        for number in range(1, 1000):
            short = f"{stem[:7 - len(str(number))]}~{number}" + (f".{extension}" if extension
                                                                 else "")
            if (folder, short) not in self.used:
                self.used.add((folder, short))
                return f"{short}|{name}"
        raise Wrong(f"too many names like {name} in {folder}")

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The database of a Windows Installer package, table by table, by msiinfo and msibuild.

Their text form of a table (IDT) is three lines of headings (columns, types, the table's name with
its key columns) and a line a row, with tabs between fields.
"""

import subprocess
from pathlib import Path

# Headings of tables that wixl does not write.
NEW = {
    "Environment": ("Environment\tName\tValue\tComponent_", "s72\tl255\tL255\ts72",
                    "Environment\tEnvironment"),
}


class Database:
    def __init__(self, path, work):
        self.path = Path(path)
        self.work = Path(work)

    def _export(self, table):
        done = subprocess.run(["msiinfo", "export", self.path, table], check=True,
                              stdout=subprocess.PIPE)
        return done.stdout.decode().replace("\r\n", "\n").split("\n")

    def rows(self, table):
        """As dictionaries of texts; an empty field is an empty text."""
        columns, _, _, *lines = self._export(table)
        names = columns.split("\t")
        return [dict(zip(names, line.split("\t"))) for line in lines if line]

    def write(self, table, rows):
        """Replaces what the table has. None is an empty field."""
        heading = NEW[table] if table in NEW else self._export(table)[:3]
        names = heading[0].split("\t")
        lines = list(heading)
        for row in rows:
            unknown = set(row) - set(names)
            if unknown:
                raise ValueError(f"{table} has no columns {unknown}")
            fields = ["" if row.get(name) is None else str(row[name]) for name in names]
            if any(set(field) & set("\t\r\n") for field in fields):
                raise ValueError(f"{table}: a field has tabs or ends of lines: {fields}")
            lines.append("\t".join(fields))
        path = self.work / f"{table}.idt"
        path.write_text("\r\n".join(lines) + "\r\n", newline="")
        subprocess.run(["msibuild", self.path, "-i", path], check=True)

    def add(self, table, rows):
        self.write(table, [*self.rows(table), *rows])

    def change(self, table, change):
        """change(row) alters one; returns whether it stays."""
        rows = self.rows(table)
        self.write(table, [row for row in rows if change(row)])

    def summarize(self, properties):
        """Sets properties of the summary, by number."""
        rows = {row["PropertyId"]: row["Value"] for row in self.rows("_SummaryInformation")}
        rows.update({str(number): value for number, value in properties.items()})
        self.write("_SummaryInformation",
                   [{"PropertyId": number, "Value": value} for number, value in rows.items()])

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The public members of winspd-msil.dll, beside those of the original."""

import re
import xml.etree.ElementTree as xml

import disks
from program import client, check
from runtime import MSIL

# The headers that have the constants, in the language of the Windows SDK.
HEADERS = ["/usr/share/mingw-w64/include/ddk/scsi.h",
           str(disks.TOP / "include/winspd/scsi.h")]


def members():
    return client(*disks.command("api.exe")).splitlines()


def all_members_of_the_original_are_there():
    golden = [line for line in (disks.HERE / "api.golden").read_text().splitlines()
              if line and not line.startswith("#")]
    check(len(golden) > 60, "the table is short")
    missing = sorted(set(golden) - set(members()))
    check(not missing, "\n".join(missing))


def it_needs_no_other_assemblies_than_those_of_every_runtime():
    """Types that Mono has in another place would not be found."""
    needs = [line for line in members() if line.startswith("needs ")]
    check(needs == ["needs mscorlib", "needs System"], f"{needs}")


def constants_have_the_values_of_windows():
    text = "".join(open(path, encoding="latin-1").read() for path in HEADERS)
    wanted = {name: int(value, 0) for name, value in re.findall(
        r"^#define\s+(SCSI(?:STAT|_SENSE|_ADSENSE)_(?!ERRORCODE)\w+)\s+(0x\w+)", text, re.M)}
    found = {name: int(value) for name, value in re.findall(
        r"const Byte (SCSI\w+) = (\d+)", "\n".join(members()))}
    check(len(wanted) > 50, f"the headers have {len(wanted)} constants")
    wrong = [name for name, value in wanted.items() if found.get(name) != value]
    check(not wrong, f"missing or wrong: {wrong}")


def every_public_member_is_documented():
    """mcs fails for a member without a comment; here it is that the file has them."""
    root = xml.parse(MSIL / "winspd-msil.xml").getroot()
    names = {member.get("name") for member in root.iter("member")}
    check(root.findtext("assembly/name") == "winspd-msil", "the assembly's name")
    for name in ("T:Spd.StorageUnitHost", "M:Spd.StorageUnitOperation.Defer",
                 "F:Spd.Interop.StorageUnitStatus.InformationValid",
                 "M:Spd.StorageUnitHost.Start(System.String,System.UInt32)"):
        check(name in names, f"{name} is not among {len(names)}")


TESTS = [all_members_of_the_original_are_there,
         it_needs_no_other_assemblies_than_those_of_every_runtime,
         constants_have_the_values_of_windows, every_public_member_is_documented]

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""scripts/demo as a user runs it, and the facts that it leaves behind."""

import json
import os
import re
import subprocess
from pathlib import Path

import complaints
import tree
from machine import under_us

# Without a cached kernel that has ublk, the demo leaves it out.
DOORS = ["iSCSI", "NBD", "vhost-user", "TCMU", "ublk"]
DEMO = Path(__file__).resolve().parents[3] / "scripts/demo"


def run(lab):
    tap = lab.tap
    done = subprocess.run(under_us([str(DEMO)]), env=dict(os.environ, WORK=str(lab.work)),
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = done.stdout.decode(errors="replace")
    tap.say("demo: ends well", done.returncode == 0, [output])
    if done.returncode != 0:
        return
    facts = json.loads((lab.work / "demo.json").read_text())
    files = len(tree.files())
    for name, good in (
            ("vendor WinSpd, product RawDisk",
             (facts["vendor"], facts["product"]) == ("WinSpd", "RawDisk")),
            ("a serial number", re.fullmatch(r"[0-9a-f-]{36}", facts["serial"])),
            ("a capacity of 1 GiB in blocks of 512",
             (facts["sectors"], facts["logical_block"]) == (str(2 << 20), "512")),
            ("a write-back cache and FUA", (facts["cache"], facts["fua"]) == ("write back", "1")),
            ("thin provisioning, trimmed by UNMAP",
             (facts["thin"], facts["trim_by"]) == ("1", "unmap"))):
        tap.say(f"demo: the kernel sees {name}", good, [str(facts)])
    for filesystem in ("ext4", "ntfs"):
        tap.say(f"demo: after a reboot all checksums on {filesystem} are right",
                facts[f"checked_{filesystem}"] == files)
    doors = list(facts["doors"].items())
    tap.say("demo: each door has the files of the doors before it",
            doors == [(name, n) for n, name in enumerate(DOORS[:len(doors)])] and
            len(doors) >= len(DOORS) - 1, [f"{doors}"])
    given_back = facts["before_trim"] - facts["after_trim"]
    tap.say("demo: fstrim gives the deleted files' space back to the host",
            given_back > (8 << 20), [f"{given_back} bytes were given back"])
    log = (lab.work / "demo.log").read_text(errors="replace")
    found = complaints.of(re.findall(r"^@@LOG (<.*)", log, re.MULTILINE),
                          complaints.HARMLESS + complaints.BACK_ENDS)
    tap.say("demo: the kernel has no complaint about the disk", not found, found)

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""iSCSI: sg3_utils, a load over crashes, storage out of reach, recovered errors, CHAP."""

import hashlib
import os
from urllib.parse import urlencode

from complaints import CONNECTION_LOST, HARMLESS, RECOVERED
from machine import Hardware
from server import IQN, Rawdisk, Server

BLOCKS = 1 << 19
SECRET, TARGET_SECRET = "dPz5rT8xK2mQw7Ls", "Yb3nV6hJ9cFg4RtU"


def secure_query(work):
    """The parameters that ask for CHAP both ways, with files that only we may read."""
    files = {"chap": f"guest {SECRET}\n", "mutual": f"target {TARGET_SECRET}\n"}
    for name, text in files.items():
        path = work / name
        path.touch(mode=0o600)
        path.write_text(text)
    return "?" + urlencode({name: work / name for name in files}, safe="/")


def recovered_sum():
    """The bytes of recovering.c's disk."""
    blocks = b"".join(block.to_bytes(2, "little") * 256 for block in range(16384))
    return hashlib.sha256(blocks).hexdigest()


def boot(lab, script, disk, allowed, others=(), **more):
    answers = {"CRASH": disk.kill, "RESTART": disk.start, "CUT": disk.cut, "BUSY": disk.wait_busy,
               "MEND": disk.mend}
    lab.boot(script, linux="6.1", modules=["iscsi_tcp"], tools=["base", "fio"],
             programs=[lab.program("scsitool"), lab.program("stgtest")], hardware=Hardware(),
             servers=[disk, *others], answers=answers, allowed=allowed,
             parameters={"IQN": IQN, "PORT": disk.port, **more})


def run(lab):
    recovering = [os.path.join(lab.build, "tests/vm/recovering")]
    with Rawdisk(lab.programs, str(lab.work / "disk.img"), BLOCKS,
                 str(lab.work / "rawdisk.log")) as disk:
        with Server(recovering, str(lab.work / "recovering.log")) as other:
            boot(lab, "disk", disk, HARMLESS + CONNECTION_LOST + RECOVERED, [other],
                 RECOVERED_PORT=other.port, RECOVERED_SUM=recovered_sum())
        disk.stop()
        lab.tap.say("rawdisk: ends in order on SIGTERM", True)
        disk.query = secure_query(lab.work)
        disk.start()
        boot(lab, "disk-again", disk, HARMLESS + CONNECTION_LOST,
             SECRET=SECRET, TARGET_SECRET=TARGET_SECRET)

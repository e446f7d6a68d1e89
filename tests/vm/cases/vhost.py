# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""vhost-user-blk: QEMU is the front end, and the guest's driver of virtio uses the disk."""

import os
import tempfile

from machine import Hardware, VhostUser
from server import Server

BLOCKS = 131072


def run(lab):
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket is short
        sockets = [os.path.join(folder, name) for name in ("a", "b")]
        rawdisk = lab.program("rawdisk")
        with Server([rawdisk, "-f", str(lab.work / "a.img"), "-c", str(BLOCKS), "--sandbox", "-p"],
                    str(lab.work / "a.log"), uri=f"vhost-user-blk:{sockets[0]}") as disk, \
                Server([rawdisk, "-f", str(lab.work / "b.img"), "-c", "2048", "-W", "0", "-p"],
                       str(lab.work / "b.log"), uri=f"vhost-user-blk:{sockets[1]}") as other:
            lab.boot("vhost", modules=["virtio_blk"], tools=["base", "fio"],
                     hardware=Hardware(cpus=2, vhost_user=(
                         VhostUser("blk", sockets[0], queues=2, reconnect=True),
                         VhostUser("blk", sockets[1], queues=2))),
                     servers=[disk, other],
                     answers={"CRASH": disk.kill, "RESTART": disk.start},
                     parameters={"BLOCKS": BLOCKS})
        said = (lab.work / "a.log").read_text()
        lab.tap.say("vhost: the sandbox has all calls of the door", "sandbox:" not in said, [said])

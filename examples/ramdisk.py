#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""ramdisk.py [NAME]: 64 MiB of memory as a disk."""

import sys
import spd

BLOCK, BLOCKS = 512, 131072


class RamDisk:
    memory = memoryview(bytearray(BLOCK * BLOCKS))

    def at(self, lba, length):
        return self.memory[lba * BLOCK:lba * BLOCK + length]

    def read(self, buffer, lba, flags):
        buffer[:] = self.at(lba, len(buffer))

    def write(self, buffer, lba, flags):
        self.at(lba, len(buffer))[:] = buffer


name = sys.argv[1] if sys.argv[1:] else "iscsi://127.0.0.1:0/iqn.2026-01.org.example:ram"
with spd.Unit(name, RamDisk(), block_count=BLOCKS, block_length=BLOCK) as unit:
    unit.shutdown_on_signal()
    print("serving", unit.door_uri(), flush=True)
    unit.wait()

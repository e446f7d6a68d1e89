# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""WinSpd: a Python program is a disk. The module is made of the library libspd, by ctypes:

    class RamDisk:
        memory = bytearray(64 << 20)

        def read(self, buffer, lba, flags):
            buffer[:] = self.memory[lba * 512:lba * 512 + len(buffer)]

        def write(self, buffer, lba, flags):
            self.memory[lba * 512:lba * 512 + len(buffer)] = buffer

    with spd.Unit("iscsi://127.0.0.1:3260/iqn.2026-01.org.example:ram", RamDisk(),
                  block_count=131072) as unit:
        unit.wait()

A method that fails raises: OSError says what its errno says, SenseError what is in it, and any
other exception is a HARDWARE ERROR for the initiator and a line of the log. A call that fails
raises Error. doc/python.md has the whole of it.
"""

from ._abi import (FAST_ONLY, FUA, MAY_UNMAP, VERSION, Asc, Flags, Operation, Provisioning,
                   ScsiStatus, Sense)
from ._aio import AsyncUnit
from ._errors import Error, SenseError
from ._request import Request, current_request
from ._unit import Unit

__version__ = "{}.{}".format(*VERSION)
__all__ = ["Asc", "AsyncUnit", "Error", "FAST_ONLY", "FUA", "Flags", "MAY_UNMAP", "Operation",
           "Provisioning", "Request", "ScsiStatus", "Sense", "SenseError", "Unit",
           "current_request"]

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Calls that fail are exceptions; exceptions of a device are the sense data of its answer."""

import asyncio
import errno
import socket
import ssl
import traceback
from ctypes import byref, c_uint64

from ._abi import Asc, ScsiStatus, Sense, Status, library


class Error(Exception):
    """A call of the library failed. `code` is an spd_error of spd.h; the text says what was wrong
    and what is allowed."""

    def __init__(self, code, detail=""):
        text = library.spd_strerror(code).decode()
        super().__init__(f"{text}: {detail}" if detail else text)
        self.code = code


def error_of(code):
    """On the thread of the call that has returned this, before another call fails."""
    return Error(code, library.spd_error_detail().decode(errors="replace"))


def check(code):
    if code:
        raise error_of(code)


class SenseError(Exception):
    """A method of a device raises this to choose its answer itself:

        raise spd.SenseError(spd.Sense.MEDIUM_ERROR, spd.Asc.UNRECOVERED_READ_ERROR, bad_block)
    """

    def __init__(self, key, code=Asc.NO_ADDITIONAL_SENSE_INFORMATION, lba=None):
        self.status = Status()
        library.spd_status_set(byref(self.status), key, *code,
                               None if lba is None else byref(c_uint64(lba)))
        super().__init__("{}, {:02X}/{:02X}".format(Sense(key).name, *code))

    @classmethod
    def busy(cls):
        """BUSY: the trouble may pass, and the initiator comes again."""
        made = cls(Sense.NO_SENSE)
        library.spd_status_set_busy(byref(made.status))
        made.args = ("BUSY",)
        return made


# Exceptions that mean an errno value without having it, or whose number is none. A failure of TLS
# or of the name service is the network's, and may pass.
NUMBERS = ((MemoryError, errno.ENOMEM), (asyncio.CancelledError, errno.ECANCELED),
           (socket.gaierror, errno.EHOSTUNREACH), (ssl.SSLError, errno.EPROTO),
           (TimeoutError, errno.ETIMEDOUT))


def errno_of(thrown):
    """0: it has none."""
    for kind, number in NUMBERS:
        if isinstance(thrown, kind):
            return number
    number = thrown.errno if isinstance(thrown, OSError) else None
    return number if isinstance(number, int) and number > 0 else 0


def told(thrown, what):
    """A line of the log."""
    frames = traceback.extract_tb(thrown.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    text = f"{what}: {type(thrown).__name__}: {thrown}{where}"
    library.spd_log_line(0, text.replace("\0", "\\0").encode(errors="backslashreplace"))


def status_of(thrown, operation, lba):
    """The answer to an operation that raised this."""
    if isinstance(thrown, SenseError):
        return thrown.status
    status = Status()
    number = errno_of(thrown)
    if number:
        library.spd_status_set_errno(byref(status), number, operation, lba)
        return status
    told(thrown, f"{operation.name.lower()} of block {lba}")
    library.spd_status_set(byref(status), Sense.HARDWARE_ERROR, *Asc.INTERNAL_TARGET_FAILURE, None)
    return status


def is_done(status):
    """Whether the operation was carried out, and a read has filled its buffer."""
    return status is None or status.scsi_status == ScsiStatus.GOOD or (
        status.scsi_status == ScsiStatus.CHECK_CONDITION and status.sense_key in (
            Sense.NO_SENSE, Sense.RECOVERED_ERROR, Sense.COMPLETED))

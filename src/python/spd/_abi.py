# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The shared library as ctypes sees it: structures, constants and functions of spd/spd.h.

They are written here once more, since a program has no header when it runs; tests/bindings compares
each with what the C compiler says. Functions that wait, or that call into the system, are called
without the interpreter's lock. The others keep it: a lock that changes hands five times a request
costs more than they do.
"""

import ctypes
import enum
import os
from ctypes import (POINTER, c_char, c_char_p, c_double, c_int, c_size_t, c_uint8, c_uint32,
                    c_uint64, c_void_p)

VERSION = (0, 1)  # of spd.h, from which all of this is


class Params(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("guid", c_uint8 * 16), ("block_count", c_uint64),
                ("block_length", c_uint32), ("physical_block_length", c_uint32),
                ("max_transfer_length", c_uint32), ("unmap_granularity", c_uint32),
                ("flags", c_uint32), ("queue_depth", c_uint32), ("product_id", c_char * 17),
                ("product_revision", c_char * 5), ("grace", c_uint32), ("reserved", c_uint32),
                ("wwn", c_uint8 * 16), ("wwn_length", c_uint32), ("max_unmap_blocks", c_uint32),
                ("slow_call", c_uint32), ("rotation_rate", c_uint32),
                ("vendor_id", c_char * 9), ("reserved_2", c_uint8 * 7),
                ("queues", c_uint32), ("reserved_3", c_uint32)]


class Ops(ctypes.Structure):
    _fields_ = [("size", c_size_t), *((name, c_void_p) for name in (
        "read", "write", "flush", "unmap", "submit", "abort", "stop", "returned", "readv",
        "writev", "write_zeroes", "extents", "prefetch"))] + [
            ("submits", c_uint32), ("reserved", c_uint32),
            *((name, c_void_p) for name in ("thread_begin", "thread_end", "queue_begin",
                                            "queue_end", "submit_many", "poll")),
            ("queue_size", c_uint32), ("request_size", c_uint32)]


class Device(ctypes.Structure):
    _fields_ = [("ops", POINTER(Ops)), ("context", c_void_p)]


class Status(ctypes.Structure):
    _fields_ = [("scsi_status", c_uint8), ("sense_key", c_uint8), ("asc", c_uint8),
                ("ascq", c_uint8), ("information_valid", c_uint8), ("reserved", c_uint8 * 3),
                ("information", c_uint64)]


class Range(ctypes.Structure):
    _fields_ = [("lba", c_uint64), ("blocks", c_uint32), ("reserved", c_uint32)]


class Vec(ctypes.Structure):
    _fields_ = [("base", c_void_p), ("length", c_size_t)]


class Statistics(ctypes.Structure):
    """A unit's counts: SCSI `commands` that finished, and those that were `aborted` before."""

    _fields_ = [("size", c_size_t), ("commands", c_uint64), ("aborted", c_uint64)]


class OperationStatistics(ctypes.Structure):
    """The counts of operations of one kind; `latency[i]` counts those that took less than
    `spd_latency_bound(i)` nanoseconds and are in no earlier bucket."""

    _fields_ = [("size", c_size_t), ("operations", c_uint64), ("errors", c_uint64),
                ("bytes", c_uint64), ("latency_total", c_uint64), ("latency", c_uint64 * 148)]


class Operation(enum.IntEnum):
    """The operation of a request."""

    READ = 1
    WRITE = 2
    FLUSH = 3
    UNMAP = 4
    WRITE_ZEROES = 5
    EXTENTS = 6
    PREFETCH = 7


class Flags(enum.IntFlag):
    """Promises of a unit, for its parameter `flags`; FUA comes with a read or write."""

    WRITE_PROTECTED = 1 << 0
    CACHE = 1 << 1
    UNMAP_SUPPORTED = 1 << 2
    EJECT_DISABLED = 1 << 5
    UNMAP_ZEROS = 1 << 6


# Flags of operations: of reads and writes, and of writes of zeros.
FUA = 1 << 0
MAY_UNMAP = 1 << 2
FAST_ONLY = 1 << 3


class Provisioning(enum.IntEnum):
    """The space that a device has for a block, SBC-3 4.7."""

    MAPPED = 0
    DEALLOCATED = 1
    ANCHORED = 2


class ScsiStatus(enum.IntEnum):
    """SAM-5 5.3.1."""

    GOOD = 0x00
    CHECK_CONDITION = 0x02
    BUSY = 0x08
    TASK_SET_FULL = 0x28


class Sense(enum.IntEnum):
    """Sense keys, SPC-4 4.5.6."""

    NO_SENSE = 0x0
    RECOVERED_ERROR = 0x1
    NOT_READY = 0x2
    MEDIUM_ERROR = 0x3
    HARDWARE_ERROR = 0x4
    ILLEGAL_REQUEST = 0x5
    UNIT_ATTENTION = 0x6
    DATA_PROTECT = 0x7
    BLANK_CHECK = 0x8
    VENDOR_SPECIFIC = 0x9
    COPY_ABORTED = 0xa
    ABORTED_COMMAND = 0xb
    VOLUME_OVERFLOW = 0xd
    MISCOMPARE = 0xe
    COMPLETED = 0xf


class Asc:
    """Additional sense codes with their qualifiers, SPC-4 annex F.2."""

    NO_ADDITIONAL_SENSE_INFORMATION = (0x00, 0x00)
    LOGICAL_UNIT_NOT_READY_CAUSE_NOT_REPORTABLE = (0x04, 0x00)
    LOGICAL_UNIT_IS_IN_PROCESS_OF_BECOMING_READY = (0x04, 0x01)
    LOGICAL_UNIT_NOT_READY_MANUAL_INTERVENTION_REQUIRED = (0x04, 0x03)
    LOGICAL_UNIT_NOT_READY_OPERATION_IN_PROGRESS = (0x04, 0x07)
    LOGICAL_UNIT_NOT_READY_SPACE_ALLOCATION_IN_PROGRESS = (0x04, 0x14)
    INVALID_COMMAND_OPERATION_CODE = (0x20, 0x00)
    WRITE_ERROR = (0x0c, 0x00)
    UNRECOVERED_READ_ERROR = (0x11, 0x00)
    RECOVERED_DATA_WITH_RETRIES = (0x17, 0x01)
    RECOVERED_DATA_WITH_ERROR_CORRECTION_APPLIED = (0x18, 0x00)
    WRITE_PROTECTED = (0x27, 0x00)
    SPACE_ALLOCATION_FAILED_WRITE_PROTECT = (0x27, 0x07)
    LOGICAL_UNIT_COMMUNICATION_FAILURE = (0x08, 0x00)
    LOGICAL_UNIT_COMMUNICATION_TIMEOUT = (0x08, 0x01)
    LOGICAL_UNIT_FAILURE = (0x3e, 0x01)
    INTERNAL_TARGET_FAILURE = (0x44, 0x00)


ERROR_OPS = -20009
ERROR_HANGS = -20030

# name: what it returns, and its arguments. A unit, an inbox and a request are addresses.
WAITING = {
    "spd_unit_create": (c_int, c_char_p, POINTER(Params), POINTER(Device), POINTER(c_void_p)),
    "spd_unit_add_door": (c_int, c_void_p, c_char_p),
    "spd_unit_start": (c_int, c_void_p, c_uint32),
    "spd_unit_shutdown": (None, c_void_p),
    "spd_unit_wait": (c_int, c_void_p),
    "spd_unit_wait_for": (c_int, c_void_p, c_uint32),
    "spd_unit_delete": (None, c_void_p),
    "spd_unit_shutdown_on_signal": (c_int, c_void_p),
    "spd_unit_resize": (c_int, c_void_p, c_uint64),
    "spd_inbox_create": (c_int, POINTER(c_void_p)),
    "spd_inbox_take": (c_void_p, c_void_p),
    "spd_inbox_end": (None, c_void_p),
    "spd_inbox_delete": (None, c_void_p),
    "spd_request_complete": (None, c_void_p, POINTER(Status)),
}
QUICK = {
    "spd_version": (c_uint32,),
    "spd_strerror": (c_char_p, c_int),
    "spd_error_detail": (c_char_p,),
    "spd_params_init": (None, POINTER(Params), c_size_t),
    "spd_ops_init": (None, POINTER(Ops), c_size_t),
    "spd_status_set": (None, POINTER(Status), c_uint8, c_uint8, c_uint8, POINTER(c_uint64)),
    "spd_status_set_busy": (None, POINTER(Status)),
    "spd_status_set_errno": (None, POINTER(Status), c_int, c_int, c_uint64),
    "spd_scsi_status_name": (c_char_p, c_uint8),
    "spd_sense_key_name": (c_char_p, c_uint8),
    "spd_inbox_submit": (None, c_void_p, c_void_p),
    "spd_request_operation": (c_int, c_void_p),
    "spd_request_lba": (c_uint64, c_void_p),
    "spd_request_blocks": (c_uint32, c_void_p),
    "spd_request_flags": (c_uint32, c_void_p),
    "spd_request_is_aborted": (c_int, c_void_p),
    "spd_request_data": (POINTER(Vec), c_void_p, POINTER(c_uint32)),
    "spd_request_extents": (c_void_p, c_void_p),
    "spd_extents_add": (c_int, c_void_p, c_uint64, c_int),
    "spd_request_ranges": (POINTER(Range), c_void_p, POINTER(c_uint32)),
    "spd_unit_params": (c_int, c_void_p, POINTER(Params)),
    "spd_unit_block_count": (c_uint64, c_void_p),
    "spd_unit_door_uri": (c_char_p, c_void_p, c_uint32),
    "spd_unit_door_name": (c_char_p, c_void_p, c_uint32),
    "spd_statistics_init": (None, POINTER(Statistics), c_size_t),
    "spd_operation_statistics_init": (None, POINTER(OperationStatistics), c_size_t),
    "spd_unit_statistics": (c_int, c_void_p, POINTER(Statistics)),
    "spd_unit_operation_statistics": (c_int, c_void_p, c_int, POINTER(OperationStatistics)),
    "spd_latency_bound": (c_uint64, c_uint32),
    "spd_latency_percentile": (c_uint64, POINTER(OperationStatistics), c_double),
    "spd_log_line": (None, c_int, c_char_p),
}


class Library:
    """The functions, as attributes. Raises ImportError, with what to do about it."""

    def __init__(self, name):
        try:
            waiting, quick = ctypes.CDLL(name), ctypes.PyDLL(name)
        except OSError as why:
            raise ImportError(f"the module spd needs the library {name}: {why}. Install libspd, or "
                              "name the file in the environment variable SPD_LIBRARY") from None
        self._take(quick, {"spd_version": QUICK["spd_version"]}, name)
        self._check_version(name)
        self._take(quick, QUICK, name)
        self._take(waiting, WAITING, name)

    def _take(self, loaded, functions, name):
        for function, (result, *arguments) in functions.items():
            try:
                found = getattr(loaded, function)
            except AttributeError:
                raise ImportError(f"{name} has no function {function}: it is no libspd, or an "
                                  "older one than the module spd needs") from None
            found.restype, found.argtypes = result, arguments
            setattr(self, function, found)

    def _check_version(self, name):
        """Before 1.0 the minor number counts as the major one does later."""
        found = divmod(self.spd_version(), 1 << 16)
        fits = found == VERSION if not VERSION[0] else (
            found[0] == VERSION[0] and found[1] >= VERSION[1])
        if not fits:
            raise ImportError("{} has version {}.{}, and this module spd is for {}.{}: install "
                              "those of one version".format(name, *found, *VERSION))


library = Library(os.environ.get("SPD_LIBRARY") or f"libspd.so.{VERSION[0]}")

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A request: one operation, from its submission to its completion."""

import contextvars
import ctypes
import threading
from ctypes import byref, c_int, c_ssize_t, c_uint32, c_void_p

from ._abi import Operation, library
from ._errors import is_done, status_of

# The memory of a request is the door's own; Python sees it by views, without a copy.
view_of = ctypes.pythonapi.PyMemoryView_FromMemory
view_of.restype = ctypes.py_object
view_of.argtypes = [c_void_p, c_ssize_t, c_int]
VIEW_READ, VIEW_WRITE = 0x100, 0x200  # PyBUF_READ, PyBUF_WRITE

# The library may reuse a request once it is completed, so none is asked about then. A lost request
# can be collected, and completed, while its thread has the lock for another one.
ending = threading.RLock()
current = contextvars.ContextVar("spd_request", default=None)


def current_request():
    """The request of the method or coroutine that is running, to ask whether it was aborted; None
    elsewhere."""
    return current.get()


class Request:
    """An operation of a device. A device with a method `submit` gets it, and completes it once, by
    `complete()` or `fail()`, on any thread. A lost request is answered with HARDWARE ERROR."""

    def __init__(self, address):
        self._address = address
        self._mine = [address]
        self._views = []
        self._bounce = None
        self.operation = Operation(library.spd_request_operation(address))
        self.lba = library.spd_request_lba(address)
        self.blocks = library.spd_request_blocks(address)
        self.flags = library.spd_request_flags(address)
        if self.operation == Operation.UNMAP:
            self.lba = self.ranges()[0][0]

    def pieces(self):
        """The memory of a read to fill, or of a write to take from, in one or more views. They end
        with the request."""
        if not self._views:
            access = VIEW_WRITE if self.operation == Operation.READ else VIEW_READ
            count = c_uint32()
            vectors = library.spd_request_data(self._address, byref(count))
            self._views = [view_of(vectors[i].base, vectors[i].length, access)
                           for i in range(count.value)]
        return self._views

    def buffer(self):
        """The same as one view: a copy where the memory is in several pieces."""
        pieces = self.pieces()
        if len(pieces) == 1:
            return pieces[0]
        if self.operation == Operation.READ:
            self._bounce = memoryview(bytearray(sum(map(len, pieces))))
            return self._bounce
        return memoryview(b"".join(pieces))

    def ranges(self):
        """The ranges to unmap, as pairs of the first block and the number of blocks."""
        count = c_uint32()
        ranges = library.spd_request_ranges(self._address, byref(count))
        return [(ranges[i].lba, ranges[i].blocks) for i in range(count.value)]

    def is_aborted(self):
        """Nobody waits for the answer any more; it must be completed nevertheless. False after
        that."""
        with ending:
            return bool(self._mine) and bool(library.spd_request_is_aborted(self._address))

    def add_extents(self, extents):
        """The answer to EXTENTS: pairs of a number of blocks and their Provisioning, from the first
        block on. Takes no more pairs than there is room for."""
        found = library.spd_request_extents(self._address)
        for blocks, state in extents:
            if not library.spd_extents_add(found, blocks, state):
                break

    def accept(self, result):
        """The result of a method or coroutine."""
        if self.operation == Operation.EXTENTS:
            self.add_extents(result)

    def is_mine(self):
        """It was not completed."""
        return bool(self._mine)

    def complete(self):
        """It is done."""
        self._end(None)

    def fail(self, thrown):
        """With what a method would have answered that raises this."""
        self._end(status_of(thrown, self.operation, self.lba))

    def _end(self, status):
        try:
            with ending:
                address = self._mine.pop()  # of several threads one succeeds
        except IndexError:
            raise RuntimeError("the request was completed before") from None
        if self._bounce is not None and is_done(status):
            self._scatter()
        for view in self._views:
            self._release(view)
        library.spd_request_complete(address, None if status is None else byref(status))

    def _scatter(self):
        at = 0
        for piece in self._views:
            piece[:] = self._bounce[at:at + len(piece)]
            at += len(piece)

    @staticmethod
    def _release(view):
        """A view that is kept does not lead to memory that is no more the request's. A view from
        which something else was made cannot be taken back."""
        try:
            view.release()
        except BufferError:
            pass

    def __del__(self):
        if self._mine:
            self.fail(RuntimeError("a request was lost before it was completed"))

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Units, and the threads that serve them.

No thread of the library runs Python code. Each unit has an inbox of the library, from which threads
of the interpreter take requests. So signals, the interpreter's lock and its end are as in any
program with threads. The threads are daemons: a unit that the program leaves alone is shut down by
atexit, while they still run.
"""

import atexit
import concurrent.futures
import ctypes
import inspect
import os
import sys
import threading
import uuid
from ctypes import byref, c_uint8, c_void_p, cast

from ._abi import ERROR_HANGS, ERROR_OPS, Device, Flags, Operation, OperationStatistics, Ops
from ._abi import Params, Statistics, library
from ._errors import Error, check, error_of, told
from ._request import Request, current

ABORT_PERIOD = 0.1  # seconds between looks for aborted requests, which nothing announces here
EXIT_PATIENCE = 10  # seconds for operations that have not returned when the interpreter ends

# The methods of a device for each operation, the better one first, and what they get.
METHODS = {
    Operation.READ: (("readv", lambda request: (request.pieces(), request.lba, request.flags)),
                     ("read", lambda request: (request.buffer(), request.lba, request.flags))),
    Operation.WRITE: (("writev", lambda request: (request.pieces(), request.lba, request.flags)),
                      ("write", lambda request: (request.buffer(), request.lba, request.flags))),
    Operation.FLUSH: (("flush", lambda request: (request.lba, request.blocks)),),
    Operation.UNMAP: (("unmap", lambda request: (request.ranges(),)),),
    Operation.WRITE_ZEROES: (("write_zeroes", lambda request: (request.lba, request.blocks,
                                                               request.flags)),),
    Operation.EXTENTS: (("extents", lambda request: (request.lba, request.blocks)),),
    Operation.PREFETCH: (("prefetch", lambda request: (request.lba, request.blocks)),),
}
VERBS = (Operation.WRITE_ZEROES, Operation.EXTENTS, Operation.PREFETCH)  # those of spd_ops.submits

live = set()  # units of this process that were started and not closed


def filled(structure, init):
    init(byref(structure), ctypes.sizeof(structure))
    return structure


def params_of(words):
    """The structure, from keyword arguments that have the names of its members."""
    known = [name for name, *_ in Params._fields_ if name not in (
        "size", "reserved", "reserved_2", "wwn_length")]
    params = filled(Params(), library.spd_params_init)
    for name, value in words.items():
        if name not in known:
            raise TypeError(f"a unit has no parameter {name}; there are {', '.join(known)}")
        if name == "wwn":
            params.wwn_length = len(value)
        if name in ("guid", "wwn"):
            value = (c_uint8 * 16)(*(value.bytes if isinstance(value, uuid.UUID) else value))
        setattr(params, name, value.encode() if isinstance(value, str) else value)
    return params


def text_of(name):
    """A device name for C, which ends at a NUL."""
    if name is not None and "\0" in name:
        raise ValueError(f"a device name has no NUL: {name!r}")
    return None if name is None else name.encode()


def methods_of(device):
    """operation: the method, and what makes its arguments of a request."""
    found = {Operation.FLUSH: (lambda: None, lambda request: ())}
    for operation, choices in METHODS.items():
        for name, arguments in choices:
            if callable(getattr(device, name, None)):
                found[operation] = (getattr(device, name), arguments)
                break
    return found


def check_methods(methods, flags):
    for operation, needed in ((Operation.READ, True),
                              (Operation.WRITE, not flags & Flags.WRITE_PROTECTED),
                              (Operation.UNMAP, bool(flags & Flags.UNMAP_SUPPORTED))):
        if needed and operation not in methods:
            raise Error(ERROR_OPS, f"the device has no method {operation.name.lower()}, for which "
                        f"these flags ask: {Flags(flags)!r}")


def called(method, *arguments):
    """A method that answers nothing: its exception is a line of the log."""
    try:
        method(*arguments)
    except Exception as thrown:
        told(thrown, method.__name__)


class Base:
    """The common part of all units. Creating one binds its address; nothing is served before
    start()."""

    def __init__(self, name, device, threads, params):
        words = params_of(params)
        self.device = device
        self._unit = self._inbox = self._waiter = None
        self._submit = getattr(device, "submit", None)
        self._methods = methods_of(device)
        self._stop_method = getattr(device, "stop", None)
        if inspect.iscoroutinefunction(self._stop_method):
            raise TypeError("stop is a coroutine: nothing can wait for it")
        if not self._submit:
            check_methods(self._methods, words.flags)
        self._pid = os.getpid()
        self._ended = concurrent.futures.Future()  # the unit's error, or None
        self._ended.set_running_or_notify_cancel()
        self._told = False
        self._threads = [threading.Thread(target=self._serve, name="spd", daemon=True)
                         for _ in range(threads)]
        self._create(text_of(name), words)

    def _create(self, name, params):
        ops = filled(Ops(), library.spd_ops_init)
        ops.submit = cast(library.spd_inbox_submit, c_void_p)
        verbs = getattr(self.device, "submits", ()) if self._submit else self._methods
        ops.submits = sum(1 << verb for verb in VERBS if verb in verbs)
        inbox, unit = c_void_p(), c_void_p()
        check(library.spd_inbox_create(byref(inbox)))
        served = Device(ctypes.pointer(ops), inbox)
        code = library.spd_unit_create(name, byref(params), byref(served), byref(unit))
        if code:
            error = error_of(code)
            library.spd_inbox_delete(inbox)
            raise error
        self._inbox, self._unit = inbox.value, unit.value

    def _address(self):
        """The unit's pointer for a call; no call of the library gets a unit that it does not
        know."""
        if self._unit is None:
            raise ValueError("the unit is closed")
        if self._pid != os.getpid():
            raise RuntimeError(f"the unit belongs to process {self._pid}, which has created it: a "
                               "child of fork() makes units of its own")
        return self._unit

    def add_door(self, name):
        """Adds a door, before start()."""
        check(library.spd_unit_add_door(self._address(), text_of(name)))

    def start(self):
        """Clients can connect, and the device is called."""
        unit = self._address()
        for thread in self._threads:
            if not thread.ident:
                thread.start()
        check(library.spd_unit_start(unit, 0))
        self._waiter = threading.Thread(target=self._wait_for_end, name="spd-wait", daemon=True)
        self._waiter.start()
        live.add(self)

    def shutdown(self):
        """No new commands from now on; returns at once. Any thread, also a method of the device."""
        library.spd_unit_shutdown(self._address())

    def shutdown_on_signal(self):
        """SIGINT, SIGTERM and SIGHUP shut this unit down, and all others for which it was called,
        instead of what they did before."""
        check(library.spd_unit_shutdown_on_signal(self._address()))

    def resize(self, block_count):
        """Changes the capacity; initiators learn it."""
        check(library.spd_unit_resize(self._address(), block_count))

    @property
    def block_count(self):
        """The present capacity."""
        return library.spd_unit_block_count(self._address())

    @property
    def params(self):
        """The effective parameters, as a copy."""
        params = filled(Params(), library.spd_params_init)
        check(library.spd_unit_params(self._address(), byref(params)))
        return params

    def door_uri(self, index=0):
        """The URI by which initiators find the door; None past the last."""
        found = library.spd_unit_door_uri(self._address(), index)
        return found and found.decode()

    def door_name(self, index=0):
        """The device name that makes the door again; None past the last."""
        found = library.spd_unit_door_name(self._address(), index)
        return found and found.decode()

    def statistics(self, operation=None):
        """The unit's counts so far: of all commands, or of the operations of one kind."""
        if operation is None:
            counts = filled(Statistics(), library.spd_statistics_init)
            check(library.spd_unit_statistics(self._address(), byref(counts)))
        else:
            counts = filled(OperationStatistics(), library.spd_operation_statistics_init)
            check(library.spd_unit_operation_statistics(self._address(), operation, byref(counts)))
        return counts

    def _serve(self):
        while address := library.spd_inbox_take(self._inbox):
            self._take(Request(address))

    def _take(self, request):
        raise NotImplementedError

    def _stop(self):
        called(self._stop_method)

    def _wait_for_end(self):
        if self._stop_method:
            library.spd_unit_wait_for(self._unit, 0)  # returns when the unit is shut down
            self._stop()
        code = library.spd_unit_wait(self._unit)
        self._ended.set_result(error_of(code) if code else None)

    def _tell_failure(self):
        """Once: a caller of wait() has it, or else the one who closes the unit."""
        failure = self._ended.result() if self._waiter else None
        if failure and not self._told:
            self._told = True
            raise failure

    def _free(self):
        """The unit was shut down and has ended, or was never started."""
        library.spd_inbox_end(self._inbox)
        for thread in self._threads:
            if thread.ident:
                thread.join()
        unit, self._unit = self._unit, None
        library.spd_unit_delete(unit)
        library.spd_inbox_delete(self._inbox)
        live.discard(self)

    def _is_here(self):
        """There is something to close, which a child of fork() has not."""
        return self._unit is not None and self._pid == os.getpid()

    def _abandon(self):
        """The interpreter ends: requests that cannot be done any more are completed."""

    def end_with_interpreter(self):
        """Where an operation never returns the unit is left as it is: the process ends anyway."""
        library.spd_unit_shutdown(self._unit)
        self._abandon()
        code = library.spd_unit_wait_for(self._unit, EXIT_PATIENCE)
        if code == ERROR_HANGS:
            print(f"spd: {error_of(code)}", file=sys.stderr)
            return
        self._waiter.join()
        self._free()

    def __del__(self):
        if getattr(self, "_unit", None) is not None and not self._waiter and self._is_here():
            self._free()


class Unit(Base):
    """A disk, served by the methods of `device`, on several threads at once:

        read(buffer, lba, flags)     fills `buffer`, a view of whole blocks
        write(buffer, lba, flags)    takes its bytes; flags & FUA: they are durable afterwards
        flush(lba, blocks)           makes blocks durable; 0 blocks: to the end
        unmap(ranges)                forgets pairs of a first block and a number of blocks
        write_zeroes(lba, blocks, flags)
                                     with MAY_UNMAP in flags the blocks may lose their space
        extents(lba, blocks)         returns pairs of a number of blocks and their Provisioning
        prefetch(lba, blocks)        begins to fetch blocks that will be read soon
        abort(request)               nobody waits for this request any more, which is the
                                     current_request() of the method that serves it
        stop()                       the unit stops

    `readv` and `writev` instead of the first two get a list of views, and nothing is copied. Views
    end with the call. A device with a method `submit(request)` has that alone, and completes each
    request when and where it likes. Keyword arguments are the members of spd_params.

    `with` starts a unit, and closes it at the end.
    """

    def __init__(self, name, device, *, threads=4, **params):
        super().__init__(name, device, threads, params)
        for method, _ in self._methods.values():
            if inspect.iscoroutinefunction(method):
                raise TypeError(f"{method.__name__} is a coroutine: AsyncUnit serves such a device")
        self._closing = threading.Lock()
        self._abort = None if self._submit else getattr(device, "abort", None)
        self._running = set()  # requests whose abort the device will hear of

    def start(self):
        super().start()
        if self._abort:
            threading.Thread(target=self._watch, name="spd-abort", daemon=True).start()

    def _watch(self):
        while not concurrent.futures.wait([self._ended], ABORT_PERIOD).done:
            for request in list(self._running):
                if request.is_aborted():
                    self._running.discard(request)
                    called(self._abort, request)

    def _take(self, request):
        if not self._submit:
            self._serve_one(request)
            return
        try:
            self._submit(request)
        except BaseException as thrown:
            if request.is_mine():
                request.fail(thrown)

    def _serve_one(self, request):
        if self._abort:
            self._running.add(request)
        token = current.set(request)
        try:
            method, arguments = self._methods[request.operation]
            request.accept(method(*arguments(request)))
        except BaseException as thrown:
            request.fail(thrown)
        else:
            request.complete()
        finally:
            current.reset(token)
            self._running.discard(request)

    def wait(self):
        """Until the unit was shut down and has ended. Ctrl-C interrupts it."""
        self._address()
        self._ended.result()
        self._tell_failure()

    def close(self):
        """Shuts down, waits, and frees. Not from a method of the device."""
        if threading.current_thread() in self._threads:
            raise RuntimeError("a method of the device cannot close its unit; it may call "
                               "shutdown()")
        with self._closing:
            if not self._is_here():
                return
            library.spd_unit_shutdown(self._unit)
            if self._waiter:
                self._ended.result()
            self._free()
        self._tell_failure()

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            self.close()
        except Error:
            if not kind:
                raise


def close_all():
    for unit in list(live):
        unit.end_with_interpreter()


atexit.register(close_all)
os.register_at_fork(after_in_child=live.clear)

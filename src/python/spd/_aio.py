# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Units whose device is made of coroutines. A thread takes the requests; each becomes a task of the
event loop that has started the unit."""

import asyncio
import inspect

from ._abi import library
from ._errors import Error
from ._request import current
from ._unit import ABORT_PERIOD, Base


class AsyncUnit(Base):
    """A disk, served by coroutines: methods as those of Unit, with `async def`, any number of which
    run at a time. It is created anywhere, and the loop starts it on which they run. `async with`
    starts it, and closes it at the end.

    With `cancel` a coroutine is cancelled when nobody waits for its request any more. Its request
    ends with it, so no thread may have the buffer then."""

    def __init__(self, name, device, *, cancel=False, **params):
        super().__init__(name, device, 1, params)
        self._cancel = cancel
        self._running = {}  # requests whose coroutines may be cancelled, and their tasks
        self._looks = None  # the timer that looks for aborted requests
        self._submit = None
        self._loop = None
        self._pending = set()  # requests that are not completed; who removes one completes it
        self._tasks = set()
        self._abandoned = False

    def start(self):
        self._loop = asyncio.get_running_loop()
        super().start()

    def _take(self, request):
        self._pending.add(request)
        try:
            if self._abandoned:
                raise RuntimeError("the interpreter ends")
            self._loop.call_soon_threadsafe(self._begin, request)
        except RuntimeError as thrown:  # the loop is closed
            self._end(request, thrown)

    def _begin(self, request):
        task = self._loop.create_task(self._run(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # The task may have been cancelled before it began.
        task.add_done_callback(lambda _: self._end(request, asyncio.CancelledError()))

    def _watch(self, request):
        self._running[request] = asyncio.current_task()
        if not self._looks:
            self._looks = self._loop.call_later(ABORT_PERIOD, self._cancel_aborted)

    def _cancel_aborted(self):
        """Each task once: its coroutine may take its time to end."""
        for request, task in list(self._running.items()):
            if request.is_aborted():
                del self._running[request]
                task.cancel()
        self._looks = self._running and self._loop.call_later(ABORT_PERIOD, self._cancel_aborted)

    def _stop(self):
        try:
            self._loop.call_soon_threadsafe(super()._stop)
        except RuntimeError:  # the loop is closed
            pass

    async def _run(self, request):
        """A task that is cancelled answers as well, and then ends as one that was not: nothing
        waits for it."""
        current.set(request)
        if self._cancel:
            self._watch(request)
        try:
            method, arguments = self._methods[request.operation]
            result = method(*arguments(request))
            request.accept(await result if inspect.isawaitable(result) else result)
        except BaseException as thrown:
            self._end(request, thrown)
        else:
            self._end(request, None)
        finally:
            self._running.pop(request, None)

    def _end(self, request, thrown):
        try:
            self._pending.remove(request)
        except KeyError:
            return
        if thrown is None:
            request.complete()
        else:
            request.fail(thrown)

    def _abandon(self):
        self._abandoned = True
        for request in list(self._pending):
            self._end(request, RuntimeError("the interpreter ends"))

    async def _has_ended(self):
        await asyncio.shield(asyncio.wrap_future(self._ended))

    async def wait(self):
        """Until the unit was shut down and has ended."""
        self._address()
        await self._has_ended()
        self._tell_failure()

    async def close(self):
        """Shuts down, waits, and frees. Not from a coroutine of the device."""
        if asyncio.current_task() in self._tasks:
            raise RuntimeError("a coroutine of the device cannot close its unit; it may call "
                               "shutdown()")
        if not self._is_here():
            return
        library.spd_unit_shutdown(self._unit)
        if self._waiter:
            await self._has_ended()
        if self._is_here():  # another task may have closed it meanwhile
            self._free()
        self._tell_failure()

    async def __aenter__(self):
        try:
            self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, kind, *_):
        try:
            await self.close()
        except Error:
            if not kind:
                raise

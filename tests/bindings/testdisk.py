# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""testdisk.py KIND NAME...: one unit a name; contract.py says what each block does. KIND: simple,
vectors (readv and writev), submit, async."""

import asyncio
import errno
import sys
import threading
import time

import spd

BLOCK, BLOCKS = 512, 1024
HELD, FREES, UNTIL_ABORT, NO_PLACE, LOST = 100, 101, 130, 110, 120
MEDIUM_ERROR = spd.SenseError(spd.Sense.MEDIUM_ERROR, spd.Asc.WRITE_ERROR, 12)
RECOVERED = spd.SenseError(spd.Sense.RECOVERED_ERROR, spd.Asc.RECOVERED_DATA_WITH_RETRIES)
TROUBLES = {
    10: MEDIUM_ERROR, 20: OSError(errno.ENOSPC, "full"), 30: MemoryError(),
    40: ValueError("nothing is known\nof this block"), 50: SystemExit(1),
    60: spd.SenseError.busy(), 70: RECOVERED, 80: OSError(errno.EIO, "bad"),
    90: asyncio.TimeoutError(), 91: OSError("no number"),
}


def tell(*words):
    print("verb:", *words, file=sys.stderr, flush=True)


def check_aborted(request):
    if not (request and request.is_aborted()):
        tell("no abort of the method's request")


class Blocks:
    """Serves a simple device."""

    def __init__(self):
        self.memory = bytearray(BLOCK * BLOCKS)
        self.has_space = bytearray(BLOCKS)
        self.aborted = threading.Event()

    def at(self, lba, length):
        return memoryview(self.memory)[lba * BLOCK:lba * BLOCK + length]

    def raise_trouble(self, lba):
        if lba in TROUBLES:
            raise TROUBLES[lba]

    def read(self, buffer, lba, flags):
        if lba == UNTIL_ABORT:
            self.aborted.wait()
            check_aborted(spd.current_request())
        buffer[:] = self.at(lba, len(buffer))
        self.raise_trouble(lba)

    def write(self, buffer, lba, flags):
        self.raise_trouble(lba)
        self.at(lba, len(buffer))[:] = buffer
        self.mark(lba, len(buffer) // BLOCK, 1)

    def mark(self, lba, blocks, has):
        self.has_space[lba:lba + blocks] = bytes([has]) * blocks

    def write_zeroes(self, lba, blocks, flags):
        tell("write_zeroes", lba, blocks, int(flags))
        self.at(lba, blocks * BLOCK)[:] = bytes(blocks * BLOCK)
        self.mark(lba, blocks, not flags & spd.MAY_UNMAP)

    def extents(self, lba, blocks):
        for has in self.has_space[lba:lba + blocks]:
            yield 1, spd.Provisioning.MAPPED if has else spd.Provisioning.DEALLOCATED

    def prefetch(self, lba, blocks):
        tell("prefetch", lba, blocks, 0)
        self.raise_trouble(lba)

    def abort(self, request):
        tell("abort" if request.lba == UNTIL_ABORT else "abort of another request")
        self.aborted.set()

    def stop(self):
        tell("stop")

    def unmap(self, ranges):
        self.raise_trouble(ranges[0][0])
        for lba, blocks in ranges:
            self.at(lba, blocks * BLOCK)[:] = bytes(blocks * BLOCK)
            self.mark(lba, blocks, 0)


class Vectors(Blocks):
    read = write = None

    def each(self, buffers, lba):
        at = lba * BLOCK
        for buffer in buffers:
            yield buffer, memoryview(self.memory)[at:at + len(buffer)]
            at += len(buffer)

    def readv(self, buffers, lba, flags):
        for buffer, memory in self.each(buffers, lba):
            buffer[:] = memory
        self.raise_trouble(lba)

    def writev(self, buffers, lba, flags):
        self.raise_trouble(lba)
        for buffer, memory in self.each(buffers, lba):
            memory[:] = buffer
        self.mark(lba, sum(map(len, buffers)) // BLOCK, 1)


class Submit(Vectors):
    """Completes requests on threads of its own, each of which holds one back."""

    submits = (spd.Operation.WRITE_ZEROES, spd.Operation.EXTENTS, spd.Operation.PREFETCH)

    def submit(self, request):
        if request.lba == NO_PLACE:
            raise RuntimeError("there was no place for the request")
        threading.Thread(target=self.serve, args=(request,), daemon=True).start()

    freed = 0

    def wait_for_its_time(self, request):
        before = self.freed
        while request.lba == HELD and self.freed == before or request.lba == UNTIL_ABORT:
            if request.operation != spd.Operation.READ or request.is_aborted():
                return tell("abort") if request.is_aborted() else None
            time.sleep(0.005)
        return None

    def serve(self, request):
        self.wait_for_its_time(request)
        if request.lba == LOST and request.operation == spd.Operation.READ:
            return
        try:
            if request.operation == spd.Operation.READ:
                self.readv(request.pieces(), request.lba, 0)
            elif request.operation == spd.Operation.WRITE:
                self.writev(request.pieces(), request.lba, 0)
            elif request.operation == spd.Operation.UNMAP:
                self.unmap(request.ranges())
            elif request.operation == spd.Operation.WRITE_ZEROES:
                self.write_zeroes(request.lba, request.blocks, request.flags)
            elif request.operation == spd.Operation.EXTENTS:
                request.add_extents(self.extents(request.lba, request.blocks))
            elif request.operation == spd.Operation.PREFETCH:
                self.prefetch(request.lba, request.blocks)
        except BaseException as thrown:
            request.fail(thrown)
        else:
            request.complete()
        self.freed += request.lba == FREES


class Async:
    def __init__(self):
        self.blocks = Blocks()
        self.held = set()
        self.stop = self.blocks.stop
        self.prefetch = self.blocks.prefetch

    async def read(self, buffer, lba, flags):
        if lba == UNTIL_ABORT:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                tell("abort")
                raise
        if lba == HELD:
            event = asyncio.Event()
            self.held.add(event)
            await event.wait()
        await asyncio.sleep(0)
        self.blocks.read(buffer, lba, flags)
        if lba == FREES:
            for event in self.held:
                event.set()
            self.held.clear()

    async def write(self, buffer, lba, flags):
        """On another thread, from which the answer comes back to the loop."""
        await asyncio.to_thread(self.blocks.write, buffer, lba, flags)

    async def write_zeroes(self, lba, blocks, flags):
        self.blocks.write_zeroes(lba, blocks, flags)

    async def extents(self, lba, blocks):
        return self.blocks.extents(lba, blocks)

    def unmap(self, ranges):
        self.blocks.unmap(ranges)


KINDS = {"simple": Blocks, "vectors": Vectors, "submit": Submit, "async": Async}
PARAMS = {"block_count": BLOCKS, "block_length": BLOCK, "product_id": "Python",
          "vendor_id": "ACME", "rotation_rate": 5400,
          "flags": spd.Flags.CACHE | spd.Flags.UNMAP_SUPPORTED | spd.Flags.UNMAP_ZEROS}


def announce(units):
    for unit in units:
        unit.shutdown_on_signal()
        print("serving", unit.door_uri(), flush=True)


def serve(kind, names):
    units = [spd.Unit(name, KINDS[kind](), **PARAMS) for name in names]
    for unit in units:
        unit.start()
    announce(units)
    for unit in units:
        unit.wait()
        unit.close()


async def serve_async(names):
    units = [spd.AsyncUnit(name, Async(), cancel=True, **PARAMS) for name in names]
    for unit in units:
        unit.start()
    announce(units)
    for unit in units:
        await unit.wait()
        await unit.close()


if __name__ == "__main__":
    try:
        if sys.argv[1] == "async":
            asyncio.run(serve_async(sys.argv[2:]))
        else:
            serve(sys.argv[1], sys.argv[2:])
    except spd.Error as wrong:
        print(wrong.code, wrong, file=sys.stderr)
        sys.exit(3)

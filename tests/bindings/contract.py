# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A test disk, the same in any language, and its tests. `testdisk KIND NAME...` serves one unit of
1024 blocks a name; with the kind `async` it completes requests later. A block of TROUBLES fails in
its own way. A read of HELD waits until one of FREES was completed, one of UNTIL_ABORT until it was
aborted."""

import os
import struct
import threading
import time

from peer import BLOCK, READ, WRITE, Client
from program import ANY, TIMEOUT, check, client, path, qemu_io, run
from verbs import holes_of, send_prefetch

MEDIUM, HARDWARE = (2, 3, 0x11, 0), (2, 4, 0x44, 0)
# block: (of a read, of a write, block that failed), a word of the log
TROUBLES = {
    10: ((2, 3, 0x0c, 0), (2, 3, 0x0c, 0), 12, None),      # a sense of its own
    20: ((2, 7, 0x27, 7), (2, 7, 0x27, 7), None, None),    # ENOSPC
    30: ((8, 0, 0, 0), (8, 0, 0, 0), None, None),          # no memory
    40: (HARDWARE, HARDWARE, None, r"nothing is known\x0aof this block"),
    50: (HARDWARE, HARDWARE, None, None),                  # what is no exception of programs
    60: ((8, 0, 0, 0), (8, 0, 0, 0), None, None),          # BUSY
    70: ((2, 1, 0x17, 1), (2, 1, 0x17, 1), None, None),    # done, after a second try
    80: (MEDIUM, (2, 3, 0x0c, 0), 80, None),               # EIO
}
ROUNDS = 60  # of I/O side by side
RECOVERED, HELD, FREES, UNTIL_ABORT = 70, 100, 101, 130


def failed_block(client):
    header = client.header
    return int.from_bytes(header[24:32], "little") if header[45] & 1 else None


def side_by_side(*calls):
    """Runs them at once; what they return, in their order."""
    results = [None] * len(calls)

    def keep(i, call):
        results[i] = call()

    threads = [threading.Thread(target=keep, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
        check(not thread.is_alive(), "a call does not return")
    return results


def pattern(seed, blocks=8):
    return bytes((seed + i * 7) % 251 for i in range(blocks * BLOCK))


def is_a_disk_to_others(disk):
    """QEMU's initiator writes, reads back, and unmaps."""
    with disk(ANY) as server:
        qemu_io(server.url, "write -P 0x5a 256k 256k", "read -P 0x5a 256k 256k", "flush",
                "discard 256k 256k", "read -P 0 256k 256k")


def writes_are_read_back(disk):
    with disk("unix:" + path("door")):
        client = Client(path("door"))
        check(client.do(WRITE, 200, 8, pattern(1))[0] == (0, 0, 0, 0), "write")
        check(client.do(READ, 200, 8) == ((0, 0, 0, 0), pattern(1)), "read")
        check(client.unmap((201, 2), (205, 1))[0] == 0, "unmap")
        left = bytearray(pattern(1))
        left[BLOCK:3 * BLOCK] = bytes(2 * BLOCK)
        left[5 * BLOCK:6 * BLOCK] = bytes(BLOCK)
        check(client.do(READ, 200, 8)[1] == bytes(left), "unmapped blocks are no zeros")
        client.close()


def errors_become_sense(disk, troubles=TROUBLES):
    with disk("unix:" + path("door")) as server:
        client = Client(path("door"))
        for lba, (of_read, of_write, block, _) in troubles.items():
            status, data = client.do(READ, lba, 1)
            check((status, failed_block(client)) == (of_read, block),
                  f"read of {lba}: {status}, {failed_block(client)}")
            check(len(data) == (BLOCK if lba == RECOVERED else 0), "data after an error")
            status, _ = client.do(WRITE, lba, 1, bytes(BLOCK))
            check((status, failed_block(client)) == (of_write, block),
                  f"write of {lba}: {status}, {failed_block(client)}")
        check(client.unmap((20, 1)) == TROUBLES[20][0], "unmap")
        check(client.do(READ, 0, 1)[0][0] == 0, "the next request")
        client.close()
    log = server.errors()
    for *_, word in troubles.values():
        check(word is None or word in log, f"{word}: not in the log\n{log}")


def trouble_of_one_initiator_is_no_other_ones(disk):
    """Errors and exceptions between the good I/O of another connection, both at once."""
    def good():
        client = Client(path("door"))
        for i in range(ROUNDS):
            assert client.do(WRITE, 300, 8, pattern(i))[0][0] == 0
            assert client.do(READ, 300, 8) == ((0, 0, 0, 0), pattern(i)), i
        client.close()
        return True

    def bad():
        client = Client(path("door"))
        for i in range(ROUNDS):
            lba = list(TROUBLES)[i % len(TROUBLES)]
            assert client.do(READ, lba, 1)[0] == TROUBLES[lba][0], lba
        client.close()
        return True

    with disk("unix:" + path("door")):
        check(side_by_side(good, bad, bad) == [True] * 3, "one of them failed")


def requests_end_in_another_order(disk):
    with disk("unix:" + path("door")):
        first, second = Client(path("door")), Client(path("door"))
        ended = []
        held = threading.Thread(target=lambda: ended.append(first.do(READ, HELD, 1)[0]))
        held.start()
        deadline = time.monotonic() + TIMEOUT
        # Nothing says when the first has come to the device: it is freed again and again.
        while held.is_alive() and time.monotonic() < deadline:
            check(second.do(READ, FREES, 1)[0][0] == 0, "a request that was made later")
            held.join(0.01)
        check(ended == [(0, 0, 0, 0)], f"the request that was made first: {ended}")
        first.close()
        second.close()


def request_that_is_never_done_ends_with_its_abort(disk):
    """Its initiator is gone, or the unit stops. The disk ends in order."""
    with disk("unix:" + path("door")):
        clients = [Client(path("door")), Client(path("door"))]
        for client in clients:
            client.stream.sendall(struct.pack("<QB7xQI20x", 77, READ, UNTIL_ABORT, 1))
            check(client.do(READ, 0, 1)[0][0] == 0, "another request")
        clients[0].close()
    clients[1].close()


def two_units_of_a_process_are_two_disks(disk):
    with disk("unix:" + path("one"), "unix:" + path("two"), doors=2):
        one, two = Client(path("one")), Client(path("two"))
        calls = [lambda c=c, s=s: c.do(WRITE, 400, 8, pattern(s))[0]
                 for c, s in ((one, 1), (two, 2))]
        check(side_by_side(*calls) == [(0, 0, 0, 0)] * 2, "write")
        check(one.do(READ, 400, 8)[1] == pattern(1), "the first disk")
        check(two.do(READ, 400, 8)[1] == pattern(2), "the second disk")
        one.close()
        two.close()
    check(not os.path.exists(path("one")) and not os.path.exists(path("two")), "a door is left")


def failed_call_is_an_exception(program):
    _, errors = run(program[0], *program[1:], "simple", "nowhere://", status=3)
    check(errors.startswith("-20012 ") and "nowhere" in errors, errors)


def verbs(server):
    """The lines of the disk about its verbs, in the order of its calls."""
    return [line[6:] for line in server.errors().splitlines() if line.startswith("verb: ")]


def initiators_use_the_verbs(disk):
    """Zeros with and without their space, the holes, and a hint: well, and with an error."""
    with disk(ANY) as server:
        qemu_io(server.url, "write -P 7 0 512k", "write -z 64k 64k", "write -z -u 256k 128k",
                "read -P 7 0 64k", "read -P 0 64k 64k", "read -P 7 128k 128k",
                "read -P 0 256k 128k", "read -P 7 384k 128k")
        found = [(start >> 10, length >> 10, data) for start, length, data in holes_of(server)]
        check(found == [(0, 256, True), (256, 128, False), (384, 128, True)], f"{found}")
        check(send_prefetch(server.url, 200, 8) == 0, "a hint")
        check(send_prefetch(server.url, 10, 8) == 2, "a hint that fails")
        found = verbs(server)
        for verb in ("write_zeroes 128 128 0", "write_zeroes 512 256 4", "prefetch 200 8 0"):
            check(verb in found, f"no {verb}: {found}")


def initiators_see_who_made_it(disk):
    with disk(ANY) as server:
        said = client("iscsi-inq", server.url)
        check("ACME" in said, said)
        said = client("iscsi-inq", "-e", "1", "-c", "177", server.url)  # page B1h
        check("5400" in said, said)


def unit_has_two_doors_and_its_last_error(disk):
    with disk("unix:" + path("one"), "unix:" + path("two"), doors=2) as server:
        one, two = Client(path("one")), Client(path("two"))
        check(one.do(WRITE, 400, 8, pattern(1))[0][0] == 0, "write")
        check(two.do(READ, 400, 8)[1] == pattern(1), "another disk")
        one.close()
        two.close()
        text, count = verbs(server)
        check("nine char" in text and text.endswith("; none"), text)
        code, _, rest = count.partition(" ")
        thrown, kept = rest.split("; ")
        check(code == "-20003" and "0 blocks" in thrown and kept == thrown, count)


def disk_hears_of_an_abort_and_of_its_end(disk):
    with disk("unix:" + path("door")) as server:
        client = Client(path("door"))
        client.stream.sendall(struct.pack("<QB7xQI20x", 77, READ, UNTIL_ABORT, 1))
        check(client.do(READ, 0, 1)[0][0] == 0, "another request")
        check("abort" not in verbs(server), "an abort that nobody made")
        client.close()
        deadline = time.monotonic() + TIMEOUT
        while "abort" not in verbs(server):
            check(time.monotonic() < deadline, "the disk heard of no abort")
            time.sleep(0.01)
        check("stop" not in verbs(server), "the unit has stopped before its end")
    found = verbs(server)
    check(found.count("stop") == 1 and found.count("abort") == 1, f"{found}")
    check(not [line for line in found if "abort " in line], f"{found}")

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The unix: door, seen by a client that was written from the protocol's description."""

import os
import stat

from peer import FLUSH, READ, UNMAP, WRITE, Client
from program import Server, check, path, run

GUID = "00112233-4455-6677-8899-aabbccddeeff"


def disk(*options):
    return Server("memdisk", "-c", "2048", "-l", "512", "-p", "unix:" + path("door"), *options)


def greeting_tells_what_the_disk_is():
    with disk("--guid", GUID, "-i", "Door", "-r", "2.1", "-C", "0", "-U", "0", "-W", "0"):
        client = Client(path("door"))
        client.close()
    check(client.guid == GUID, client.guid)
    check((client.blocks, client.block) == (2048, 512), "the capacity is wrong")
    check(client.product == "Door".ljust(16) and client.revision == "2.1 ", "the names are wrong")
    check(client.flags == 1, f"flags {client.flags}: write-protected and nothing else")
    check(client.transfer % 512 == 0 and client.transfer >= 65536, f"{client.transfer}")


def data_goes_there_and_back():
    data = bytes(i * 7 % 251 for i in range(16 * 512))
    with disk():
        client = Client(path("door"))
        check(client.flags == 6, f"flags {client.flags}: cache and unmap")
        check(client.do(WRITE, 100, 16, data)[0][0] == 0, "write")
        check(client.do(WRITE, 120, 1, data[:512], fua=1)[0][0] == 0, "write with FUA")
        check(client.do(FLUSH, 0, 0)[0][0] == 0, "flush")
        check(client.do(READ, 100, 16) == ((0, 0, 0, 0), data), "read")
        check(client.unmap((101, 2), (110, 1))[0] == 0, "unmap")
        expected = bytearray(data)
        expected[512:3 * 512] = bytes(1024)
        expected[10 * 512:11 * 512] = bytes(512)
        check(client.do(READ, 100, 16)[1] == bytes(expected), "unmapped blocks are not zeros")
        client.close()


def two_clients_see_one_disk():
    with disk():
        first, second = Client(path("door")), Client(path("door"))
        check(first.do(WRITE, 7, 1, b"\x5a" * 512)[0][0] == 0, "write")
        check(second.do(READ, 7, 1)[1] == b"\x5a" * 512, "the other client does not see it")
        first.close()
        second.close()


def errors_are_sense_codes():
    with disk("-U", "0"):
        client = Client(path("door"))
        check(client.do(READ, 2048, 1)[0] == (2, 5, 0x21, 0), "past the end")
        check(client.unmap((0, 1)) == (2, 5, 0x20, 0), "unmap, which it lacks")
        check(client.do(77)[0] == (2, 5, 0x20, 0), "a kind that does not exist")
        check(client.do(READ, 0, 1)[0][0] == 0, "the next request")
        client.close()


def socket_belongs_to_its_owner_and_goes_with_the_server():
    with disk():
        mode = os.stat(path("door")).st_mode
        check(stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600, oct(mode))
        # A second server does not take it away.
        _, errors = run("memdisk", "--size", "1M", "-p", "unix:" + path("door"), status=1)
        check("another server listens" in errors, errors)
        Client(path("door")).close()
    check(not os.path.exists(path("door")), "the socket was left behind")


TESTS = [
    greeting_tells_what_the_disk_is,
    data_goes_there_and_back,
    two_clients_see_one_disk,
    errors_are_sense_codes,
    socket_belongs_to_its_owner_and_goes_with_the_server,
]

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The NBD doors, with the clients that people use."""

import filecmp
import json
import os

from program import Server, check, client, path, qemu_io, run

MIB = 1 << 20


def disk(*arguments, doors=1):
    return Server("memdisk", "--size", "8M", *arguments, doors=doors)


def local(name):
    return f"nbd+unix:///disk?socket={path(name)}"


def map_of(url):
    """The extents of base:allocation: (offset, length, state)."""
    return [(row["offset"], row["length"], row["type"])
            for row in json.loads(client("nbdinfo", "--map", "--json", url))]


def clients_learn_what_the_disk_is():
    with disk("-p", local("info.sock"), "-i", "A name") as server:
        export = json.loads(client("nbdinfo", "--json", server.url))["exports"][0]
        wanted = {"export-name": "disk", "description": "A name", "export-size": 8 * MIB,
                  "block_size_minimum": 512, "can_multi_conn": True, "can_trim": True,
                  "can_fast_zero": True, "is_read_only": False}
        check({name: export.get(name) for name in wanted} == wanted, export)
        check(client("nbdinfo", "--size", server.url).strip() == str(8 * MIB), "the size")


def several_connections_copy_a_disk():
    with open(path("data"), "wb") as file:
        file.write(os.urandom(8 * MIB))
    with disk("-p", "nbd://127.0.0.1:0/disk") as server:
        client("nbdcopy", "--connections=4", path("data"), server.url)
        client("nbdcopy", "--connections=4", server.url, path("copy"))
        check(filecmp.cmp(path("data"), path("copy"), shallow=False), "the copy is another")


def holes_are_seen():
    with disk("-p", local("map.sock")) as server:
        qemu_io(server.url, "write -P 7 0 8M", "discard 2M 2M", "write -z -u 5M 1M", "flush")
        check(map_of(server.url) == [(0, 2 * MIB, 0), (2 * MIB, 2 * MIB, 3), (4 * MIB, MIB, 0),
                                     (5 * MIB, MIB, 3), (6 * MIB, 2 * MIB, 0)],
              map_of(server.url))
        qemu_io(server.url, "read -P 7 0 2M", "read -P 0 2M 2M", "read -P 0 5M 1M")


def doors_of_both_kinds_lead_to_one_disk():
    with disk("-p", local("both.sock"), "-p", "nbd://127.0.0.1:0/disk", doors=2) as server:
        qemu_io(server.uris[0], "write -P 9 1M 64k", "flush")
        qemu_io(server.uris[1], "read -P 9 1M 64k")
        check(os.stat(path("both.sock")).st_mode & 0o777 == 0o600, "others may use the socket")
    check(not os.path.exists(path("both.sock")), "the socket's file is still there")


def an_address_for_others_has_to_be_wanted():
    _, errors = run("memdisk", "--size", "1M", "-p", "nbd://0.0.0.0:0/disk", status=1)
    check("allow-anonymous=1" in errors, errors)


TESTS = [clients_learn_what_the_disk_is, several_connections_copy_a_disk, holes_are_seen,
         doors_of_both_kinds_lead_to_one_disk, an_address_for_others_has_to_be_wanted]

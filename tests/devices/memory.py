# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""memdisk: sparse memory."""

import re

from program import ANY, check, client, memdisk, qemu_io, run, serial

KIB_OF_64M = 64 << 10


def disk_larger_than_memory_is_served():
    with memdisk("--size", "4T") as server:
        said = client("iscsi-readcapacity16", server.url)
        check(str(4 << 40) in said, said)
        qemu_io(server.url, "write -P 0x41 3T 64k", "read -P 0x41 3T 64k", "read -P 0 2T 64k")


def memory_is_taken_by_writes_and_given_back_by_discards():
    with memdisk("--size", "1G") as server:
        empty = server.status_field("VmRSS")
        qemu_io(server.url, "write -P 0x42 128M 64M")
        full = server.status_field("VmRSS")
        qemu_io(server.url, "discard 128M 64M", "read -P 0 128M 1M")
        after = server.status_field("VmRSS")
        print(f"# {empty} KiB empty, {full} KiB with 64 MiB written, {after} KiB after discard")
        check(full >= empty + KIB_OF_64M * 9 // 10, "the memory was not taken")
        check(after <= full - KIB_OF_64M * 9 // 10, "the memory was not given back")


def every_start_is_a_new_disk_unless_told():
    seen = set()
    for _ in range(2):
        with memdisk("--size", "1M") as server:
            seen.add(serial(server))
    check(len(seen) == 2, f"one serial number for two disks: {seen}")
    guid = "fedcba98-7654-3210-fedc-ba9876543210"
    with memdisk("--size", "1M", "--guid", guid) as server:
        check(serial(server).replace("-", "") == guid.replace("-", ""), serial(server))


def the_world_wide_name_is_as_told():
    rows = (
        # 3 and the first 15 digits of sha256sum's of the GUID's 16 bytes
        (("--guid", "11111111-1111-1111-1111-111111111111"), "3b8f12ea8c9a95d4"),
        (("--wwn", "500A0b0c0d0e0f10"), "500a0b0c0d0e0f10"),
        (("--wwn", "6" + 31 * "7"), "6" + 31 * "7"),
    )
    for words, name in rows:
        with memdisk("--size", "1M", *words) as server:
            page, _ = run("scsitool", "vpd83", server.url)
            first = re.search(r"DESIGNATOR= +\|\n\| +([0-9a-f ]+?) +\|", page)
            check(first and first[1].replace(" ", "") == name, page)
    for wrong in ("1" + 15 * "0", "6" + 15 * "0", "5" + 31 * "0"):
        _, errors = run("memdisk", "--size", "1M", "--wwn", wrong, "-p", ANY, status=87)
        check("NAA 2, 3 or 5" in errors, errors)


def write_protected_memory_is_not_written():
    with memdisk("--size", "1M", "-W", "0") as server:
        said = qemu_io(server.url, "write -P 1 0 512", status=None)
        check("wrote" not in said, said)


def statistics_count_what_was_done():
    server = memdisk("--size", "1M", "--stats")
    qemu_io(server.url, "write -P 1 0 64k", "read -P 1 0 64k", "discard 0 64k")
    check(server.end() == 0, "it did not end in order")
    rows = {line.split()[0]: line.split() for line in server.said.splitlines() if line.split()}
    check(int(rows["write"][1]) >= 1 and int(rows["write"][3]) >= 65536, server.said)
    check(int(rows["unmap"][1]) >= 1 and int(rows["write"][2]) == 0, server.said)


TESTS = [disk_larger_than_memory_is_served, memory_is_taken_by_writes_and_given_back_by_discards,
         every_start_is_a_new_disk_unless_told, the_world_wide_name_is_as_told,
         write_protected_memory_is_not_written, statistics_count_what_was_done]

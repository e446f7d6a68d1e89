# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""memdisk: sparse memory."""

from program import check, client, memdisk, qemu_io, serial

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
         every_start_is_a_new_disk_unless_told, write_protected_memory_is_not_written,
         statistics_count_what_was_done]

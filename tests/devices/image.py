# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""rawdisk and its image: what arrives in it, and what happens when it fails."""

import os
import re
import resource
import shutil
import signal
import struct
import subprocess

from program import (ANY, Server, Skip, allocated, check, client, path, qemu_io, rawdisk,
                     run, serial)

MIB = 1 << 20
# rawdisk serves an image on tmpfs on the door's thread, others on threads of its own.
PLACES = {"disk": path("."), "memory": "/dev/shm"}


def blocks_are_where_they_belong_in_the_image():
    with rawdisk("layout.img", "--size", "8M", "-l", "4096") as server:
        said = client("iscsi-readcapacity16", server.url)
        check("4096" in said and str(8 * MIB) in said, said)
        qemu_io(server.url, "write -P 0x11 0 4k", "write -P 0x22 5M 128k", "flush")
        with open(path("layout.img"), "rb") as file:
            check(file.read(4096) == b"\x11" * 4096, "block 0")
            file.seek(5 * MIB)
            check(file.read(128 << 10) == b"\x22" * (128 << 10), "at 5 MiB")
        check(os.path.getsize(path("layout.img")) == 8 * MIB, "the size")
        check(allocated("layout.img") <= MIB, "the image is not sparse")
        # QEMU 7.2 fails an assertion of its own on reads of 32 KiB in blocks of 4096 bytes.
        qemu_io(server.url, "read -P 0x11 0 4k", "read -P 0 4k 4k", "read -P 0x22 5M 16k")


def start_line_repeats_the_options():
    with rawdisk("start line.img", "-c", "2048", "-i", "My Disk", "-U", "0") as server:
        first = server.said.splitlines()[0]
        check(first.startswith(f"rawdisk -f '{path('start line.img')}' -c 2048 -l 512 -i 'My Disk' "
                               "-r 1.0 --guid "), first)
        check(f" -W 1 -C 1 -U 0 -p {server.url.removesuffix('/0')}" in first, first)
        said = client("iscsi-inq", server.url)
        check("WinSpd" in said and "My Disk" in said, said)


def discarded_blocks_are_given_back_and_read_as_zeros():
    with rawdisk("holes.img", "--size", "16M") as server:
        qemu_io(server.url, "write -P 0x33 0 8M", "flush")
        before = allocated("holes.img")
        qemu_io(server.url, "discard 1M 4M", "flush", "read -P 0x33 0 1M", "read -P 0 1M 4M",
                "read -P 0x33 5M 3M")
        after = allocated("holes.img")
        check(before >= 8 * MIB and after <= before - 4 * MIB + 65536,
              f"{before} bytes allocated before, {after} after")


def without_unmap_nothing_is_discarded():
    with rawdisk("thick.img", "--size", "4M", "-U", "0") as server:
        qemu_io(server.url, "write -P 0x44 0 1M", "flush", "discard 0 1M", status=None)
        qemu_io(server.url, "read -P 0x44 0 1M")


def truncated_image_gives_errors_and_the_server_lives():
    for place, directory in PLACES.items():
        image = os.path.join(directory, f"winspd-truncated-{os.getpid()}.img")
        try:
            with Server("rawdisk", "-f", image, "--size", "8M", "--state", path(f"{place}.state"),
                        "-p", ANY) as server:
                qemu_io(server.url, "write -P 0x55 0 8M", "flush")
                os.truncate(image, 4 * MIB)
                for command in ("read 6M 64k", "write -P 0x66 6M 64k"):
                    said = qemu_io(server.url, command, status=None)
                    check("error" in said.lower() or "failed" in said, f"{place}: {said}")
                qemu_io(server.url, "read -P 0x55 0 4M", "write -P 0x77 1M 64k", "flush")
                check(os.path.getsize(image) == 4 * MIB, f"{place}: a write made the image grow")
        finally:
            if os.path.exists(image):
                os.unlink(image)


def errors_name_the_block_that_failed():
    with rawdisk("sense.img", "--size", "1M", "-d", "-1") as server:
        os.truncate(path("sense.img"), 512 << 10)
        for command in ("read 508k 8k", "write 768k 4k"):
            qemu_io(server.url, command, status=None)
        said = server.errors()
    for line in ("<<Read  Status=CHECK_CONDITION SenseKey=MEDIUM_ERROR ASC/ASCQ=17/0 "
                 "Information=0:400",
                 "<<Write Status=CHECK_CONDITION SenseKey=MEDIUM_ERROR ASC/ASCQ=12/0 "
                 "Information=0:600"):
        check(line in said, f"{line!r} is not in the log:\n{said}")


def full_file_system_is_lack_of_space():
    where = path("small")
    os.makedirs(where, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", where],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if mounted.returncode:
        raise Skip(f"mounting a small file system: {mounted.stdout.strip()}")
    try:
        with rawdisk("small/full.img", "--size", "8M", "-d", "4") as server:
            said = qemu_io(server.url, "write -P 1 0 4M", "flush", status=None)
            check("No space left" in said, said)
            # 7/27/07: SPACE ALLOCATION FAILED WRITE PROTECT
            check("SenseKey=DATA_PROTECT ASC/ASCQ=39/7" in server.errors(), server.errors())
            check(re.search(r"rawdisk: \S+Z iscsi:\S+: a write failed at block \d+: No space left "
                            r"on device \(sense 7/27/07\): the disk's storage is full",
                            server.errors()), server.errors())
            qemu_io(server.url, "discard 0 8M", "write -P 2 0 256k", "read -P 2 0 256k")
    finally:
        subprocess.run(["umount", where], check=True)


def limit_on_the_file_size_is_lack_of_space():
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 * MIB, resource.RLIM_INFINITY))

    with open(path("limited.img"), "wb") as file:
        file.truncate(16 * MIB)
    with rawdisk("limited.img", preexec_fn=limit) as server:
        said = qemu_io(server.url, "write 12M 64k", status=None)
        check("No space left" in said, said)
        qemu_io(server.url, "write -P 3 0 64k", "read -P 3 0 64k")


def write_protected_image_is_not_written():
    with rawdisk("protected.img", "--size", "1M") as server:
        qemu_io(server.url, "write -P 0x12 0 1M", "flush")
    os.chmod(path("protected.img"), 0o444)
    with rawdisk("protected.img", "-W", "0") as server:
        said = qemu_io(server.url, "write -P 0x34 0 512", status=None)
        check("wrote" not in said, said)
        client("qemu-io", "-r", "-f", "raw", "-c", "read -P 0x12 0 1M", server.url)
        with rawdisk("protected.img", "-W", "0"):
            pass  # readers share


def flushed_data_survives_kill_and_restart():
    with open(path("killed.img"), "wb"):
        pass
    server = rawdisk("killed.img", "--size", "8M")
    before = serial(server)
    qemu_io(server.url, "write -P 0x99 1M 2M", "flush")
    check(server.end(signal.SIGKILL) == -signal.SIGKILL, "it was not killed")
    with rawdisk("killed.img") as again:
        check(serial(again) == before, f"another serial number than {before}")
        qemu_io(again.url, "read -P 0x99 1M 2M")


def identity_is_the_images_own():
    shutil.copy(path("killed.img"), path("copy.img"))
    with rawdisk("killed.img") as one, rawdisk("copy.img") as two:
        check(serial(one) != serial(two), "two images have one serial number")
    guid = "01234567-89ab-cdef-0123-456789abcdef"
    with rawdisk("copy.img", "--guid", guid) as server:
        check(serial(server).replace("-", "") == guid.replace("-", ""), serial(server))


def signals_end_it_in_order():
    for number in (signal.SIGTERM, signal.SIGINT):
        server = rawdisk("signal.img", "-c", "2048", "--stats")
        qemu_io(server.url, "write 0 64k")
        check(server.end(number) == 0, f"status {server.process.returncode} after {number!r}")
        check("SCSI commands" in server.said and "write" in server.said, server.said)


def signal_with_an_initiator_logged_in_ends_it_too():
    server = rawdisk("session.img", "-c", "2048")
    session = subprocess.Popen(["qemu-io", "-f", "raw", server.url], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        session.stdin.write(b"read 0 512\n")
        session.stdin.flush()
        said = b""
        while b"ops" not in said:
            piece = os.read(session.stdout.fileno(), 4096)
            check(piece, f"qemu-io ended: {said!r}")
            said += piece
        check(server.end() == 0, "it did not end in order")
    finally:
        session.kill()
        session.communicate()


def two_doors_lead_to_one_disk():
    other = ANY + "-too"
    with rawdisk("doors.img", "-c", "4096", "-p", other, doors=2) as server:
        qemu_io(server.uris[0], "write -P 0x21 0 64k")
        qemu_io(server.uris[1], "read -P 0x21 0 64k")


def new_image_gets_a_partition_table_when_asked():
    with rawdisk("mbr.img", "--size", "64M", "--mbr"):
        pass
    with open(path("mbr.img"), "rb") as file:
        sector = file.read(512)
    kind = sector[446 + 4]
    first, blocks = struct.unpack_from("<II", sector, 446 + 8)
    check(sector[510:] == b"\x55\xaa" and kind == 7, "no partition of type 7")
    check(first == 8 and blocks == 131072 - 8, f"from {first}, {blocks} blocks")
    with open(path("mbr.img"), "r+b") as file:
        file.write(bytes(512))
    with rawdisk("mbr.img", "--mbr"):
        pass
    with open(path("mbr.img"), "rb") as file:
        check(file.read(512) == bytes(512), "an image that was not new got a table")


def debug_log_has_the_originals_lines():
    log = path("debug.log")
    with rawdisk("debug.img", "-c", "2048", "-d", "-1", "-D", log) as server:
        qemu_io(server.url, "write -P 1 4k 4k", "flush", "discard 8k 4k", "read 4k 4k")
    with open(log, encoding="ascii") as file:
        said = file.read()
    for line in (">>Write BlockAddress=0:8, BlockCount=8, FUA=", "<<Write Status=GOOD",
                 ">>Read  BlockAddress=0:8, BlockCount=8, FUA=0", "<<Read  Status=GOOD",
                 ">>Flush BlockAddress=0:0, BlockCount=", ">>Unmap Count=1", "<<Unmap Status=GOOD"):
        check(line in said, f"{line!r} is not in the log:\n{said}")
    check(said.startswith("rawdisk[TID="), said.splitlines()[0])


def write_through_disk_needs_no_flush():
    with rawdisk("through.img", "-c", "2048", "-C", "0", "-d", "4") as server:
        qemu_io(server.url, "write -P 1 0 4k")
        said = server.errors()
        check("FUA=1" in said and "FUA=0" not in said, said)


def block_device_is_served_and_discarded():
    with open(path("loop-back.img"), "wb") as file:
        file.truncate(16 * MIB)
    made = subprocess.run(["losetup", "-f", "--show", path("loop-back.img")],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if made.returncode:
        raise Skip(f"no loop device: {made.stderr.strip()}")
    device = made.stdout.strip()
    try:
        with Server("rawdisk", "-f", device, "--state", path("loop.state"), "-p", ANY) as server:
            said = client("iscsi-readcapacity16", server.url)
            check(str(16 * MIB) in said, said)
            qemu_io(server.url, "write -P 0x31 0 8M", "flush", "discard 1M 4M", "flush",
                    "read -P 0x31 0 1M", "read -P 0 1M 4M", "read -P 0x31 5M 3M")
            check(allocated("loop-back.img") <= 4 * MIB + 65536, "nothing was given back")
    finally:
        subprocess.run(["losetup", "-d", device], check=False)


def idle_server_is_small():
    limit = 8 * 1024
    with rawdisk("idle.img", "--size", "1G") as server:
        fresh = server.status_field("VmRSS")
        qemu_io(server.url, "write 0 64k", "read 0 64k")
        used = server.status_field("VmRSS")
        print(f"# idle: {fresh} KiB resident, {used} KiB after a session")
        check(fresh <= limit and used <= limit, f"{fresh} KiB, then {used} KiB, of {limit}")


def disk_says_the_same_at_its_first_start_and_later():
    """Before an image is made, what it can do is found out in another way than afterwards."""
    said = []
    for _ in range(2):
        with rawdisk("twice.img", "--size", "64M") as server:
            said.append([run("scsitool", "-c", page, server.url)
                         for page in ("vpd80", "vpd83", "vpdb0", "vpdb2", "mode-sense")])
    check(said[0] == said[1], f"{said[0]}\n{said[1]}")


TESTS = [disk_says_the_same_at_its_first_start_and_later,
         blocks_are_where_they_belong_in_the_image, start_line_repeats_the_options,
         discarded_blocks_are_given_back_and_read_as_zeros, without_unmap_nothing_is_discarded,
         truncated_image_gives_errors_and_the_server_lives, errors_name_the_block_that_failed,
         full_file_system_is_lack_of_space,
         limit_on_the_file_size_is_lack_of_space, write_protected_image_is_not_written,
         flushed_data_survives_kill_and_restart, identity_is_the_images_own,
         signals_end_it_in_order, signal_with_an_initiator_logged_in_ends_it_too,
         two_doors_lead_to_one_disk, new_image_gets_a_partition_table_when_asked,
         debug_log_has_the_originals_lines, write_through_disk_needs_no_flush,
         block_device_is_served_and_discarded, idle_server_is_small]

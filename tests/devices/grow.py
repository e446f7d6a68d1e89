# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""SIGUSR1: images that grow while they are served."""

import ctypes
import os
import re
import signal
import time

from program import ANY, TIMEOUT, Server, Skip, check, client, memdisk, path, qemu_io, rawdisk

MIB = 1 << 20


class Initiator:
    """A session of libiscsi that lives as long as the test."""

    def __init__(self, url):
        try:
            self.library = ctypes.CDLL("libiscsi.so.7")
        except OSError as why:
            raise Skip(f"there is no libiscsi: {why}") from None
        portal, target, lun = re.fullmatch("iscsi://([^/]+)/([^/]+)/([0-9]+)", url).groups()
        self.lun = int(lun)
        self.library.iscsi_create_context.restype = ctypes.c_void_p
        self.library.iscsi_testunitready_sync.restype = ctypes.c_void_p
        self.iscsi = ctypes.c_void_p(
            self.library.iscsi_create_context(b"iqn.2026-01.org.example:grow"))
        self.library.iscsi_set_targetname(self.iscsi, target.encode())
        self.library.iscsi_set_session_type(self.iscsi, 2)  # normal
        failed = self.library.iscsi_full_connect_sync(self.iscsi, portal.encode(), self.lun)
        check(not failed, "libiscsi cannot log in")

    def sense(self):
        """Sense key and code of TEST UNIT READY; None: GOOD."""
        task = self.library.iscsi_testunitready_sync(self.iscsi, self.lun)
        check(task, "TEST UNIT READY had no answer")
        fields = (ctypes.c_int * 15).from_address(task)  # struct scsi_task
        found = None if fields[0] == 0 else (fields[13], fields[14])
        self.library.scsi_free_scsi_task(ctypes.c_void_p(task))
        return found

    def end(self):
        self.library.iscsi_logout_sync(self.iscsi)
        self.library.iscsi_destroy_context(self.iscsi)


def measure(server, said):
    """Has the server look at its images, and waits for what it says of it."""
    before = len(server.errors())
    server.process.send_signal(signal.SIGUSR1)
    deadline = time.monotonic() + TIMEOUT
    while said not in server.errors()[before:]:
        check(time.monotonic() < deadline and server.process.poll() is None,
              f"'{said}' is not in {server.errors()}")
        time.sleep(0.01)


def attached_initiators_learn_of_a_grown_image():
    with Server("rawdisk", "-f", path("grown.img"), "--size", "4M", "-p", ANY, "-p",
                f"nbd+unix:///?socket={path('grown.sock')}", doors=2) as server:
        one, two = Initiator(server.url), Initiator(server.url)
        one.sense(), two.sense()  # the attention of the start
        check(one.sense() is None and two.sense() is None, "an attention stays")
        os.truncate(path("grown.img"), 16 * MIB)
        measure(server, "from 8192 to 32768 blocks")
        check(one.sense() == (6, 0x2a09), "the first initiator has no attention")
        check(two.sense() == (6, 0x2a09), "the second initiator has no attention")
        check(one.sense() is None, "the attention comes again")
        one.end(), two.end()
        for uri in server.uris:
            qemu_io(uri, "write -P 7 12M 4M", "flush", "read -P 7 12M 4M", "read -P 0 4M 8M")
            check(str(16 * MIB) in client("qemu-img", "info", "--output=json", "-f", "raw", uri),
                  f"{uri} has the former size")
    with rawdisk("grown.img") as server:
        qemu_io(server.url, "read -P 7 12M 4M")


def one_image_of_several_grows():
    with Server("rawdisk", "-f", path("grows.img"), "-f", path("stays.img"), "--size", "4M", "-p",
                ANY, doors=2) as server:
        os.truncate(path("grows.img"), 8 * MIB)
        measure(server, "keeps its 8192 blocks")
        check("from 8192 to 16384 blocks" in server.errors(), server.errors())


def what_has_not_grown_stays():
    with rawdisk("shrunk.img", "--size", "4M") as server:
        measure(server, "keeps its 8192 blocks")
        os.truncate(path("shrunk.img"), 1 * MIB)
        measure(server, "has shrunk to 1048576 bytes (1 MiB), and the disk keeps its 4194304")
        qemu_io(server.url, "read 0 1M")
        os.truncate(path("shrunk.img"), 5 * MIB + 1)
        measure(server, "lengthen it to 5243392 bytes")
        os.truncate(path("shrunk.img"), 4 * MIB)
        measure(server, "keeps its 8192 blocks")
        qemu_io(server.url, "write 0 4M")


def memory_has_a_fixed_size():
    with memdisk("--size", "4M") as server:
        measure(server, "the size of this disk is fixed")
        qemu_io(server.url, "write 0 4M")


def growth_passes_filters_and_the_sandbox():
    with rawdisk("filtered.img", "--size", "4M", "--filter", "delay:time=1us",
                 "--sandbox") as server:
        os.truncate(path("filtered.img"), 8 * MIB)
        measure(server, "from 8192 to 16384 blocks")
        qemu_io(server.url, "write -P 7 6M 2M", "read -P 7 6M 2M")


TESTS = [attached_initiators_learn_of_a_grown_image, one_image_of_several_grows,
         what_has_not_grown_stays, memory_has_a_fixed_size, growth_passes_filters_and_the_sandbox]

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Tests that involve Windows' sockets, hashes and access lists; other clients check the rest."""

import json
import os
import random
import subprocess
import threading
from contextlib import ExitStack

import clients
from initiator import BLOCK, REJECT, Initiator
from qemu import qemu_io
from report import Wrong, call
from windows import TOP, WindowsDisk, path_of, refusal, started_again

SPDBENCH = os.path.join(os.environ["BUILD"], "bench/spdbench")
MIB = 1 << 20


def expect(condition, what):
    if not condition:
        raise Wrong(what)


def digests_of_headers_and_data_are_right(disk):
    data = random.Random(1).randbytes(64 * BLOCK)
    with Initiator(disk.url) as initiator:
        expect(initiator.login(HeaderDigest="CRC32C", DataDigest="CRC32C") == 0, "login")
        expect(initiator.header_digest and initiator.data_digest, "no digests were agreed upon")
        initiator.settle()
        for count in (1, 3, 64):
            initiator.write(1000, data[:count * BLOCK])
            expect(initiator.read(1000, count) == data[:count * BLOCK], "other data came back")


def data_with_a_wrong_digest_is_not_written(disk):
    with Initiator(disk.url) as initiator:
        expect(initiator.login(DataDigest="CRC32C") == 0, "login")
        initiator.settle()
        initiator.write(0, b"a" * BLOCK)
        initiator.begin_write(0, b"b" * BLOCK, spoilt=True)
        expect(initiator.receive()[0][0] == REJECT, "there was no reject")
        expect(initiator.stream.recv(1) == b"", "the connection goes on")
    with Initiator(disk.url) as initiator:
        expect(initiator.login() == 0, "login")
        initiator.settle()
        expect(initiator.read(0, 1) == b"a" * BLOCK, "the data was written")


def several_sessions_write_at_once(disk):
    failures = []

    def write(number):
        base = number * 16
        try:
            qemu_io(disk.url, *[f"write -P {number * 8 + i} {base + i}M 1M" for i in range(1, 8)],
                    *[f"read -P {number * 8 + i} {base + i}M 1M" for i in range(1, 8)])
        except Wrong as wrong:
            failures.append(str(wrong))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(not failures, "\n".join(failures))


def deep_queues_and_long_transfers_are_right(disk):
    for block, depth in ((4096, 128), (MIB, 8)):
        for rw in ("write", "read"):
            status, output = call(SPDBENCH, "--url", disk.url, "--rw", rw, "--verify", "--block",
                                  str(block), "--depth", str(depth), "--count",
                                  str(disk.size // 4 // block))
            expect(status == 0 and json.loads(output)["verified"], output)


def a_session_that_does_not_read_stops_no_other(disk):
    """Its answers fill the socket, and wait until there is room again."""
    blocks = 2048
    data = random.Random(2).randbytes(blocks * BLOCK)
    with Initiator(disk.url) as lazy, Initiator(disk.url, 2) as other:
        for initiator in (lazy, other):
            expect(initiator.login(MaxRecvDataSegmentLength=262144) == 0, "login")
            initiator.settle()
        for at in range(0, blocks, 16):
            lazy.write(at, data[at * BLOCK:(at + 16) * BLOCK])
        expect(lazy.window() >= 16, f"a window of {lazy.window()} does not fill a socket")
        tags = {lazy.begin_read(0, blocks) for _ in range(16)}
        expect(other.read(0, 16) == data[:16 * BLOCK], "the other session reads other data")
        while tags:  # a server with several threads ends them in any order
            tag, status, got = lazy.end_any()
            tags.remove(tag)
            expect(status == 0 and got == data, "the data of a late reader is wrong")


def many_initiators_can_be_there(disk):
    with ExitStack() as stack:
        initiators = [stack.enter_context(Initiator(disk.url, number)) for number in range(1, 41)]
        for initiator in initiators[:32]:
            expect(initiator.login() == 0, "login")
        for initiator in initiators[:32]:
            initiator.settle()
            expect(len(initiator.read(0, 1)) == BLOCK, "no block")


def whoever_does_not_log_in_is_sent_away(disk):
    with Initiator(disk.url) as silent:
        expect(silent.stream.recv(1) == b"", "it was answered")


def a_server_that_was_killed_comes_back_at_its_port(_):
    """Its old connections are open, and answers are on their way."""
    disk = WindowsDisk("killed", "memdisk", 64 * MIB)
    try:
        with Initiator(disk.url) as first, Initiator(disk.url, 2) as second:
            for initiator in (first, second):
                expect(initiator.login() == 0, "login")
                initiator.settle()
            disk.die()
            disk = started_again(disk)
        with Initiator(disk.url) as initiator:
            expect(initiator.login() == 0, "login")
            initiator.begin_read(0, 2048)
            disk.die()
        disk = started_again(disk)
        expect(clients.login(disk.url)[0] == 0, "no INQUIRY")
    finally:
        disk.stop()


def a_port_has_one_server(disk):
    status, output = refusal("-p", disk.url.rsplit(":", 1)[0] + ":second")
    expect(status == 1 and "in use" in output, f"status {status}\n{output}")


def no_wake_is_lost_between_threads(_):
    program = TOP / "build/windows-x64/tests/iscsi-windows/test-mailbox.exe"
    status, output = call("wine", str(program), **WindowsDisk.environment)
    expect(status == 0, output)


def without_chap_only_this_host_is_served(_):
    status, output = refusal("-p", "iscsi://0.0.0.0:0/iqn.2026-01.org.example:open")
    expect(status and "0.0.0.0 is not a loopback address" in output, f"status {status}\n{output}")


def secrets_that_others_may_read_are_refused(_):
    path = clients.secrets("secrets-of-all", "alice " + clients.SECRET)
    for mode in (0o644, 0o602):  # Wine does not tell programs of a group's rights
        os.chmod(path, mode)
        status, output = refusal(
            "-p", f"iscsi://127.0.0.1:0/iqn.2026-01.org.example:x?chap={path_of(path)}")
        expect(status and "others may read or change it" in output,
               f"mode {mode:o}: status {status}\n{output}")


def secrets_that_are_not_there_are_refused(_):
    status, output = refusal(
        "-p", f"iscsi://127.0.0.1:0/iqn.2026-01.org.example:x?chap={path_of('/nowhere/at/all')}")
    expect(status and "it is not there" in output, f"status {status}\n{output}")


def a_name_that_leads_nowhere_is_refused(_):
    status, output = refusal("-p", "iscsi://name.invalid/iqn.2026-01.org.example:x")
    expect(status and "name.invalid: " in output, f"status {status}\n{output}")


def chap_takes_each_algorithm(disk):
    for algorithm in (5, 6, 7):
        with Initiator(disk.url) as initiator:
            status = initiator.chap(algorithm, "alice", clients.SECRET)
            expect(status == 0, f"algorithm {algorithm}: login status {status:#x}")
            initiator.settle()
            expect(len(initiator.read(0, 1)) == BLOCK, "no block")
        with Initiator(disk.url) as initiator:
            status = initiator.chap(algorithm, "alice", clients.SECRET + "!")
            expect(status == 0x0201, f"algorithm {algorithm}: login status {status:#x}")


def stgtest_on_a_pipe(pipe):
    program = str(TOP / "build/windows-x64/src/stgtest/stgtest-x64.exe")
    return subprocess.Popen(["wine", program, pipe + r"\0", "200", "WRFU"],
                            env=WindowsDisk.environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def resets_abort_what_a_pipe_has_and_nothing_else(_):
    """Its client learns of TASK ABORTED, and of no other status; the disk goes on."""
    reset, response, aborted, rounds = 5, 0x22, "ScsiStatus == GOOD (it is 64,", 20
    pipe = r"\\.\pipe\spd-resets"
    disk = WindowsDisk("resets", "memdisk", MIB, options=("-p", pipe))
    try:
        with Initiator(disk.url) as initiator:
            expect(initiator.login() == 0, "login")
            initiator.settle()
            done = 0
            while done < rounds:
                with stgtest_on_a_pipe(pipe) as load:
                    while load.poll() is None:
                        initiator.send(0x42, 0x80 | reset, bytes(8), 0xffffffff)
                        head, _ = initiator.receive()
                        expect(head[0] == response and head[2] == 0,
                               f"a reset is answered {head[:4]}")
                        done += 1
                    said = load.stdout.read().decode(errors="replace")
                expect(load.returncode == 0 or aborted in said,
                       f"stgtest: status {load.returncode}\n{said}")
            with stgtest_on_a_pipe(pipe) as load:
                said = load.communicate()[0].decode(errors="replace")
            expect(load.returncode == 0, f"stgtest: status {load.returncode}\n{said}")
    finally:
        wrong = disk.stop()
    expect(not wrong, wrong)


OF_A_DISK = [digests_of_headers_and_data_are_right, data_with_a_wrong_digest_is_not_written,
             several_sessions_write_at_once, deep_queues_and_long_transfers_are_right,
             a_session_that_does_not_read_stops_no_other, many_initiators_can_be_there,
             a_port_has_one_server]
ALONE = [no_wake_is_lost_between_threads, a_server_that_was_killed_comes_back_at_its_port,
         without_chap_only_this_host_is_served, secrets_that_others_may_read_are_refused,
         secrets_that_are_not_there_are_refused, a_name_that_leads_nowhere_is_refused,
         resets_abort_what_a_pipe_has_and_nothing_else]

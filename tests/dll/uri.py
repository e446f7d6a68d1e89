# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Disks that the DLL serves over iSCSI, and this system's initiators."""

import re
import subprocess
from contextlib import contextmanager

TARGET = "iqn.2026-01.org.example:"
PATIENCE = 120


@contextmanager
def disks(serve, *arguments):
    """The program and the URLs of its disks; gone at the end, whatever happens."""
    count = sum(argument.startswith("iscsi:") for argument in arguments)
    program = serve(*arguments)
    try:
        lines = [program.stdout.readline().rstrip() for _ in range(count)]
        urls = [line.removeprefix("serving ") for line in lines]
        assert all(line.startswith("serving iscsi://127.0.0.1:") for line in lines), lines
        yield program, urls
    finally:
        if program.poll() is None:
            program.kill()
        program.communicate()


def uri(name):
    return f"iscsi://127.0.0.1:0/{TARGET}{name}"


def call(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=PATIENCE, check=False)
    said = f"{' '.join(command)}: {done.returncode} {done.stdout}"
    assert done.returncode == 0, said
    assert "Pattern verification failed" not in done.stdout and "failed:" not in done.stdout, said
    return done.stdout


def qemu(*commands):
    return ["qemu-io", "-f", "raw", "-t", "none", "-d", "unmap",
            *(word for command in commands for word in ("-c", command))]


def end(program, lines=1):
    """The program's output about each disk when it ends."""
    program.stdin.write("\n")
    program.stdin.flush()
    output, _ = program.communicate(timeout=PATIENCE)
    ended = [dict(re.findall(r"(\w+)=(\d+)", line), error=line.split()[1])
             for line in output.splitlines() if line.startswith("ended")]
    assert len(ended) == lines and program.returncode == 0, (output, program.returncode)
    return ended


def orderly(ended):
    assert ended["error"] == "0", ended
    assert ended["last"] == "1" and ended["late"] == "0" and ended["strange"] == "0", ended


def initiators_see_a_disk(serve):
    with disks(serve, uri("seen")) as (program, (url,)):
        portal = url.split("/iqn")[0]
        assert f"Target:{TARGET}seen " in call("iscsi-ls", portal)
        inquiry = call("iscsi-inq", url)
        assert "Vendor:WinSpd" in inquiry and "Product:served by a DLL" in inquiry, inquiry
        orderly(end(program)[0])


def a_unit_says_what_its_profile_has(serve):
    rows = (((), ["00", "80", "83", "b0", "b2"], 16384 // 512),
            (("-m",), ["00", "80", "83", "86", "b0", "b1", "b2"], (16 << 20) // 512))
    for options, pages, longest in rows:
        with disks(serve, *options, uri("profile")) as (program, (url,)):
            listed = re.findall(r"Page:0x([0-9a-f]{2})", call("iscsi-inq", "-e1", "-c0", url))
            assert listed == pages, listed
            limits = call("iscsi-inq", "-e1", f"-c{0xb0}", url)
            assert f"maximum transfer length:{longest}\n" in limits, limits
            orderly(end(program)[0])


def data_comes_back(*options):
    def test(serve):
        with disks(serve, *options, uri("data")) as (program, (url,)):
            call(*qemu("write -P 0x5a 0 1M", "write -P 0x33 1047552 2048", "flush",
                       "read -P 0x5a 0 1047552", "read -P 0x33 1047552 2048",
                       "aio_write -P 0x61 2M 256k", "aio_write -P 0x62 2359296 256k", "aio_flush",
                       "read -P 0x61 2M 256k", "read -P 0x62 2359296 256k"), url)
            call(*qemu("discard 0 512k", "read -P 0 0 512k", "read -P 0x5a 512k 4k"), url)
            ended, = end(program)
            orderly(ended)
            assert int(ended["largest"]) == 16384, ended
            assert int(ended["flushes"]) >= 1 and int(ended["unmapped"]) == 1024, ended
    return test


def a_long_list_of_ranges_comes_in_parts(serve):
    with disks(serve, "-d", "-m", "-s", uri("unmap")) as (program, (url,)):
        output = call("iscsi-test-cu", "--dataloss", "--test", "SCSI.Unmap.Simple", url)
        assert "[FAILED]" not in output and re.search(r"tests +1 +1 +1 +0", output), output
        orderly(end(program)[0])


def two_units_serve_at_once(serve):
    with disks(serve, "-d", uri("one"), uri("two")) as (program, urls):
        assert urls[0] != urls[1]
        clients = [subprocess.Popen(
            [*qemu(f"write -P {value} 0 8M", f"read -P {value} 0 8M"), url],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for value, url in ((17, urls[0]), (34, urls[1]))]
        for client in clients:
            output, _ = client.communicate(timeout=PATIENCE)
            assert client.returncode == 0 and "failed" not in output, output
        call(*qemu("read -P 17 0 8M"), urls[0])
        for ended in end(program, 2):
            orderly(ended)


@contextmanager
def logged_in(url, command, answer):
    """An initiator that has logged in and stays; answer: what it says to the command."""
    client = subprocess.Popen([*qemu(), url], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    try:
        client.stdin.write(command + "\n")
        client.stdin.flush()
        while answer and answer not in (line := client.stdout.readline()):
            assert line, "it has ended"
        yield
    finally:
        client.kill()
        client.communicate()


def an_end_is_orderly_with_an_initiator_logged_in(serve):
    with disks(serve, "-d", uri("logged-in")) as (program, (url,)):
        with logged_in(url, "read 0 512", "read 512/512"):
            orderly(end(program)[0])


def what_is_never_answered_holds_up_no_end(serve):
    with disks(serve, "-n", uri("held")) as (program, (url,)):
        with logged_in(url, "aio_read 0 512", ""):
            assert program.stdout.readline().strip() == "holding"
            orderly(end(program)[0])


TESTS = [
    ("uri: initiators see a disk", initiators_see_a_disk),
    ("uri: a unit says what its profile has", a_unit_says_what_its_profile_has),
    ("uri: data comes back, in pieces as long as the program takes", data_comes_back()),
    ("uri: data comes back when responses are deferred", data_comes_back("-d")),
    ("uri: a list of ranges that is longer than the buffer comes in parts",
     a_long_list_of_ranges_comes_in_parts),
    ("uri: two units serve at once", two_units_serve_at_once),
    ("uri: an end is orderly with an initiator logged in",
     an_end_is_orderly_with_an_initiator_logged_in),
    ("uri: what is never answered holds up no end", what_is_never_answered_holds_up_no_end),
]

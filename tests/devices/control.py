# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""spdctl, and the control sockets that it asks."""

import json
import os
import re
import signal
import socket
import subprocess
from contextlib import contextmanager, suppress

from grow import Initiator
from program import ANY, IQN, TIMEOUT, Server, check, client, memdisk, path, qemu_io, rawdisk, run

MIB = 1 << 20
SAMPLE = re.compile(r'(winspd_[a-z_]+)\{unit="([^"]+)"(?:,operation="([a-z]+)")?'
                    r'(?:,le="([^"]+)")?\} ([0-9.e+-]+)')


@contextmanager
def runtime(name, mode=0o700):
    """A folder for the control sockets of this test alone."""
    before, folder = os.environ["SPD_RUNTIME_DIR"], path(name)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.chmod(folder, mode)
    os.environ["SPD_RUNTIME_DIR"] = folder
    try:
        yield folder
    finally:
        os.environ["SPD_RUNTIME_DIR"] = before


def spdctl(*words, status=0):
    return run("spdctl", *words, status=status)[0]


def units():
    return [unit for program in json.loads(spdctl("--json")) for unit in program["units"]]


def figures_are_those_of_the_disk():
    with runtime("figures"), rawdisk("figures.img", "--size", "16M", "--sandbox") as server:
        qemu_io(server.url, "write 0 64k", "write 1M 64k", "read 0 64k", "flush")
        unit, = units()
        check((unit["doors"], unit["device"]) == ([server.url], path("figures.img")), f"{unit}")
        check(unit["state"] == "serving" and unit["error"] is None, f"{unit}")
        check(unit["block_count"] * unit["block_length"] == 16 * MIB, f"{unit}")
        writes, reads = unit["operations"]["write"], unit["operations"]["read"]
        check((writes["operations"], writes["bytes"], writes["errors"]) == (2, 128 << 10, 0),
              f"{writes}")
        check(reads["operations"] >= 1 and sum(reads["histogram"]) == reads["operations"],
              f"{reads}")
        check(0 < reads["latency_ns"]["50"] <= reads["latency_ns"]["99"], f"{reads}")
        said = spdctl()
        check(f"rawdisk {server.process.pid}: {path('figures.img')}\n" in said, said)
        check(server.url in said and re.search(r"^  write +2 +128.0 KiB +0 ", said, re.M), said)
        check("sandbox:" not in server.errors(), server.errors())


def sessions_come_and_go():
    with runtime("sessions"), memdisk("--size", "4M") as server:
        check(json.loads(spdctl("--json", "sessions")) == [[]], "a session that nobody began")
        one, two = Initiator(server.url), Initiator(server.url)
        (found,), (unit,) = json.loads(spdctl("--json", "sessions")), units()
        check(len(found) == 2 and unit["sessions"] == found, f"{found}, {unit}")
        check(all(each["door"] == server.url and "iqn.2026-01.org.example:grow" in each["who"]
                  for each in found), f"{found}")
        check(spdctl("sessions").count("initiator iqn.2026-01.org.example:grow") == 2, "text")
        one.end()
        while len(json.loads(spdctl("--json", "sessions"))[0]) != 1:  # its end is on its way
            check(server.process.poll() is None, "the server died")
        two.end()


def a_dropped_session_may_come_again():
    door = f"nbd+unix:///?socket={path('dropped.sock')}"
    with runtime("drop"), memdisk("--size", "4M", "-p", door, doors=2) as server:
        qemu = subprocess.Popen(["qemu-io", "-f", "raw", door], stdin=subprocess.PIPE,
                                stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        one = Initiator(server.uris[1])
        one.sense()
        found = json.loads(spdctl("--json", "sessions"))[0]
        while len(found) != 2:  # qemu-io is on its way
            check(qemu.poll() is None, "qemu-io ended")
            found = json.loads(spdctl("--json", "sessions"))[0]
        for session in found:
            check("is cut" in spdctl("drop", "memdisk", str(session["id"])), "it is not said")
        while server.errors().count("the operator dropped it") != 2:
            check(server.process.poll() is None, "the server died")
        check(one.sense() == (6, 0x2900), "the initiator has not come again")
        qemu.kill()
        qemu.communicate()
        one.end()
        for words, text in ((["7777"], "no session 7777"), (["x"], "not x"), ([], "is missing")):
            _, errors = run("spdctl", "drop", "memdisk", *words, status=1)
            check(text in errors, errors)


def grown_images_become_visible():
    with runtime("resize"), rawdisk("control-grows.img", "--size", "4M") as server:
        os.truncate(path("control-grows.img"), 8 * MIB)
        spdctl("resize", "rawdisk")
        while units()[0]["block_count"] != 16384:
            check(server.process.poll() is None, "the server died")
        check("has grown from 8192 to 16384 blocks" in spdctl("log"), "the log")
        check("has grown" in " ".join(json.loads(spdctl("--json", "log"))[0]), "the log as JSON")


def metrics_are_for_prometheus():
    with runtime("metrics") as folder, memdisk("--size", "4M") as server:
        qemu_io(server.url, "write 0 64k", "read 0 64k", "read 0 4k")
        file, = os.listdir(folder)
        by_http = subprocess.run(
            ["curl", "-s", "--unix-socket", os.path.join(folder, file), "http://localhost/metrics"],
            stdout=subprocess.PIPE, text=True, check=True).stdout
        text = spdctl("metrics")
        check(by_http == text, f"{by_http}\n{text}")
        samples = [SAMPLE.fullmatch(line) for line in text.splitlines()
                   if not re.fullmatch(r"# (HELP|TYPE) winspd_[a-z_]+ .*", line)]
        check(all(samples), text)
        values = {sample.groups()[:4]: float(sample[5]) for sample in samples}
        of = server.url
        check(len(values) == len(samples), "a sample comes twice")
        check(values["winspd_capacity_bytes", of, None, None] == 4 * MIB, text)
        check(values["winspd_operations_total", of, "write", None] == 1, text)
        buckets = [value for (name, _, kind, bound), value in values.items()
                   if bound and kind == "read"]
        check(buckets == sorted(buckets) and len(buckets) > 20, f"{buckets}")
        check(buckets[-1] == values["winspd_latency_seconds_count", of, "read", None] ==
              values["winspd_operations_total", of, "read", None], text)


def connect(folder):
    file, = os.listdir(folder)
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(os.path.join(folder, file))  # it waits for room in the backlog
    stream.settimeout(60)
    return stream


def hostile_clients_stop_nobody():
    with runtime("hostile") as folder, memdisk("--size", "4M") as server:
        silent = [connect(folder) for _ in range(20)]
        check(len(units()) == 1, "silent clients take all places")
        endless = connect(folder)
        with suppress(OSError):  # it ends the connection
            for _ in range(64):
                endless.sendall(b"x" * 1024)
        for nonsense in (b"\0\n", b"\xff" * 255 + b"\n", b"GET /x HTTP/1.1\r\n\r\n", b"\n",
                         b"json\n"):
            with connect(folder) as stream:
                stream.sendall(nonsense)
                with suppress(ConnectionResetError):  # it does not read all of a long line
                    stream.recv(4096)
        deaf = connect(folder)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        deaf.sendall(b"metrics\n")
        check(len(units()) == 1, "no answer after nonsense")
        qemu_io(server.url, "write 0 64k", "read 0 64k")
        for stream in (*silent, endless, deaf):
            stream.close()


def a_dead_program_leaves_nothing_for_long():
    with runtime("dead") as folder:
        server = memdisk("--size", "4M")
        check(len(os.listdir(folder)) == 1, "no socket")
        server.end(signal.SIGKILL)
        server.log.close()
        check(spdctl() == "no program of this user serves disks\n", "the dead are listed")
        check(not os.listdir(folder), "a socket is left")
        with memdisk("--size", "4M"):
            check(len(os.listdir(folder)) == 1, "no socket")
        check(not os.listdir(folder), "an orderly end leaves a socket")


def a_disk_needs_no_socket():
    with runtime("open", mode=0o755) as folder:
        with memdisk("--size", "4M") as server:
            check("others may enter it (chmod 700)" in server.errors(), server.errors())
            qemu_io(server.url, "write 0 64k")
        with memdisk("--size", "4M", "--control", "off") as server:
            check(not server.errors(), server.errors())
        check(not os.listdir(folder), "a socket in a folder that others enter")
        with open(path("precious"), "wb") as file:
            file.write(b"precious")
        own = path("own.control")
        with memdisk("--size", "4M", "--control", own):
            check("4194304 bytes" in spdctl("list", own), "a path of one's own")
            check(os.stat(own).st_mode & 0o777 == 0o600, "others may use it")
        check(not os.path.exists(own), "a socket is left")
        with memdisk("--size", "4M", "--control", own):
            os.rename(path("precious"), own)
        check(os.path.getsize(own) == 8, "the file of somebody else was removed")
        os.rename(own, path("precious"))
        with memdisk("--size", "4M", "--control", path("precious")) as server:
            check("Address already in use" in server.errors(), server.errors())
            qemu_io(server.url, "write 0 64k")
        spdctl("list", path("precious"), status=1)
        with open(path("precious"), "rb") as file:
            check(file.read() == b"precious", "a file was taken for a socket")
        with memdisk("--size", "4M", "--control", path("no/such")) as server:
            check("No such file" in server.errors(), server.errors())


def several_programs_are_asked():
    with runtime("several"), memdisk("--size", "4M"), \
            Server("rawdisk", "-f", path("c\"1\\.img"), "-f", path("c2.img"), "--size", "4M", "-p",
                   f"iscsi://127.0.0.1:0/{IQN}2", doors=2) as two:
        check([unit["device"] for unit in units()] == [None, path("c\"1\\.img"), path("c2.img")],
              f"{units()}")
        said, errors = run("spdctl", "resize", status=87)
        check("name one of these" in errors and f"rawdisk-{two.process.pid}" in errors, errors)
        check(spdctl("list", str(two.process.pid)).count("4194304 bytes") == 2, "by its number")
        check(spdctl("list", "memdisk").count("4194304 bytes") == 1, "by its name")
        qemu_io(two.url, "write 0 4k")
        check("disk" in spdctl("top", "--count", "1", "--interval", "0.1"), "top")


def filters_change_while_they_serve():
    with runtime("filters"), memdisk("--size", "4M", "--filter", "error:lba=0-7,rate=0",
                                     "--filter", "readonly") as server:
        check(spdctl("filter") == "1  error:lba=0-7,rate=0\n2  readonly\n", "the filters")
        read = "qemu-io", "-r", "-f", "raw", "-c", "read 0 4k", server.url
        client(*read)
        check(json.loads(spdctl("--json", "filter", "memdisk", "1", "rate=100,kind=hardware")) ==
              [["error:lba=0-7,rate=100,kind=hardware", "readonly"]], "the change as JSON")
        said = client(*read, status=None)
        check("Input/output error" in said, said)
        check("filter 1 is now error:lba=0-7,rate=100,kind=hardware" in spdctl("log"), "the log")
        spdctl("filter", str(server.process.pid), "1", "rate=0")
        client(*read)
        for number, pairs, text in (("1", "lba=5", "lba= cannot change"),
                                    ("3", "on=read", "1 to 2"), ("2", "on=read", "it has none"),
                                    ("8", "on=read", "1 to 7"), ("0", "on=read", "1 to 7"),
                                    ("x", "on=read", "1 to 7"),
                                    ("1", "rate=101", "0 to 100")):
            for json_too in ([], ["--json"]):
                _, errors = run("spdctl", *json_too, "filter", "memdisk", number, pairs, status=1)
                check(f"memdisk-{server.process.pid}: " in errors and text in errors, errors)
        _, errors = run("spdctl", "filter", "memdisk", "1", "x" * 256, status=87)
        check("too long" in errors, errors)
        with memdisk("--size", "4M"):
            _, errors = run("spdctl", "filter", "memdisk", "1", "rate=1", status=87)
            check("name one of these" in errors, errors)


def an_ejected_program_ends_in_order():
    with runtime("eject") as folder:
        for words in ([], ["--json"]):
            server = memdisk("--size", "4M", "--stats")
            try:
                qemu_io(server.url, "write 0 64k")
                said = spdctl(*words, "eject", "memdisk")
                check(said in ("the program ends its disks\n", '[{"asked": true}\n]\n'), said)
                server.said += server.process.communicate(timeout=TIMEOUT)[0].decode()
                check(server.process.returncode == 0, f"status {server.process.returncode}")
                check("SCSI commands" in server.said, server.said)
            finally:
                server.end()
                server.log.close()
            check(not os.listdir(folder), "a socket is left")


def wrong_words_are_explained():
    with runtime("none"):
        for words, status, text in ((["nonsense"], 87, "no command nonsense"),
                                    (["--json", "top"], 87, "no JSON of top"),
                                    (["--interval", "0", "top"], 87, "0.1 to 3600"),
                                    (["list", "a", "b"], 87, "too many"),
                                    (["filter", "a", "1"], 87, "is missing"),
                                    (["filter", "a", "1", "b", "c"], 87, "too many"),
                                    (["list", "nobody"], 1, "no program nobody")):
            _, errors = run("spdctl", *words, status=status)
            check(text in errors, errors)
        check(json.loads(spdctl("--json")) == [], "no programs as JSON")


TESTS = [
    figures_are_those_of_the_disk,
    sessions_come_and_go,
    a_dropped_session_may_come_again,
    grown_images_become_visible,
    metrics_are_for_prometheus,
    hostile_clients_stop_nobody,
    a_dead_program_leaves_nothing_for_long,
    a_disk_needs_no_socket,
    several_programs_are_asked,
    filters_change_while_they_serve,
    an_ejected_program_ends_in_order,
    wrong_words_are_explained,
]

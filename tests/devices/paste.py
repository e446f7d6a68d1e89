# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A shell types again what programs print: whole command lines, and names of disks."""

import os
import re
import subprocess

from program import BIN, IQN, TIMEOUT, Server, check, memdisk, path, run

# Blanks, what a shell or a URI takes for its own, another line, what is no UTF-8, and a terminal's.
NAMES = [b"a b", b"100%", b"a?b", b"a#b", b"it's", b'"a"', b"$HOME `id`", b"a\nserving b",
         b"\xc3\xa4", b"\xc3\xff", b"\x1b[2J", b"-x", b"a&b;c", b"a*", b"back\\slash", b"%41"]
BASH = ["/bin/bash", "-c"]


def environment():
    return dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}")


def typed(line):
    """The output of a shell that runs it."""
    done = subprocess.run([*BASH, line], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=TIMEOUT, env=environment())
    said = done.stdout.decode(errors="replace")
    check(done.returncode == 0, f"{line}: status {done.returncode}\n{said}")
    return said


def same_again(*command):
    """Serves, then what it has said of itself, which must serve the same. Returns the URIs."""
    with Server(*command) as server:
        said, uris = server.said, server.uris
    check(said.count("\n") == 2, f"not two lines: {said}")
    line = said.splitlines()[0]
    with Server(BASH[0], BASH[1], f"exec {line}", env=environment()) as server:
        check(server.said == said, f"{said} became {server.said}")
    return uris


def uri_of(name):
    """name: bytes of a path. All of them as escapes."""
    return "unix:" + "".join(f"%{byte:02X}" for byte in name)


def a_command_line_makes_the_same_disk_again():
    folder = os.fsencode(path("paste"))
    os.mkdir(folder)
    secrets = os.path.join(folder, b"my secrets?&")
    with open(os.open(secrets, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
        file.write("reader quite-a-secret-word\n")
    chap = secrets.decode().replace("?", "%3F").replace("&", "%26").replace(" ", "%20")
    for name in NAMES:
        image = os.path.join(folder, name)
        same_again("rawdisk", "-f", image, "-c", "2048", "-i", "My Disk's",
                   "-p", f"iscsi://127.0.0.1:0/{IQN}?chap={chap}&lun=3")
        check(os.path.getsize(image) == 1 << 20, f"{name}: the image")
        check(not [other for other in os.listdir(folder) if other not in
                   (os.path.basename(secrets), name, name + b".spdstate")], os.listdir(folder))
        os.unlink(image)
        os.unlink(image + b".spdstate")


def a_socket_of_any_name_is_found_by_its_uri():
    folder = os.fsencode(path("s"))
    os.mkdir(folder)
    for name in NAMES:
        socket = os.path.join(folder, name)
        with memdisk_at(uri_of(socket) + "?mode=0660") as server:
            check(os.listdir(folder) == [name], f"{os.listdir(folder)} and not {name}")
            said = typed(f"stgtest {server.uris[0]} 8 WR '*'")
            # And what stgtest has printed does it again.
            line = said.splitlines()[0]
            check(typed(line).splitlines()[0] == line, line)
        same_again("memdisk", "--size", "1M", "-p", uri_of(socket) + "?mode=0660")


def memdisk_at(uri):
    return Server("memdisk", "--size", "1M", "-p", uri)


def what_is_served_can_be_given_to_clients_as_it_is():
    for uri in (f"iscsi://127.0.0.1:0/{IQN}", f"iscsi://127.0.0.1:0/{IQN}?lun=7",
                f"iscsi://127.0.0.1:0/{IQN}:\N{LATIN SMALL LETTER A WITH DIAERESIS}"):
        with memdisk_at(uri) as server:
            served = re.search(r"^serving (.*)$", server.said, re.M)[1]
            check("virtual size: 1 MiB" in typed(f"qemu-img info -f raw {served}"), "qemu-img")
            check(f"Target:{IQN}" in typed(f"iscsi-ls {served}"), "iscsi-ls")
            check("WinSpd" in typed(f"iscsi-inq {served}"), "iscsi-inq")
            check("WinSpd" in typed(f"scsitool inquiry {served}"), "scsitool")


def discovery_leads_to_the_address_that_is_announced():
    """The first of two servers announces the second: an initiator goes there."""
    with memdisk() as real:
        port = re.search(r":(\d+)/", real.url)[1]
        with memdisk_at(f"iscsi://127.0.0.1:0/{IQN}?announce=127.0.0.1:{port}") as front:
            portal = front.url.rsplit("/", 2)[0]
            said = typed(f"iscsi-ls {portal}")
            check(f"Target:{IQN} Portal:127.0.0.1:{port},1" in said, said)


def a_name_in_a_message_stays_in_its_line():
    _, errors = run("rawdisk", "-f", path("no\nsuch\x1b[2J/x"), "--no-create", "-p",
                    f"iscsi://127.0.0.1:0/{IQN}", status=1)
    check(errors.count("\n") == 1 and r"no\x0asuch\x1b[2J/x" in errors, repr(errors))


TESTS = [a_command_line_makes_the_same_disk_again, a_socket_of_any_name_is_found_by_its_uri,
         what_is_served_can_be_given_to_clients_as_it_is,
         discovery_leads_to_the_address_that_is_announced, a_name_in_a_message_stays_in_its_line]

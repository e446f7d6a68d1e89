# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Refusals of the command line, and their messages; manual pages."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from program import ANY, BIN, IQN, Server, Skip, check, path, rawdisk, run

DOC = Path(__file__).resolve().parent.parent.parent / "doc"
FILTERS = (DOC / "spd-filters.7").read_text()
PROGRAMS = ["rawdisk", "memdisk", "scsitool", "spdctl", "stgtest"] + (
    ["nbddisk"] if os.path.exists(os.path.join(BIN, "nbddisk")) else [])

# Options, and what the message must say.
REFUSED = [
    ([], "-f FILE is missing"),
    (["-f", "F", "-c", "0"], "must be a number from 1"),
    (["-f", "F", "-c", "1k"], "must be a number"),
    (["-f", "F", "-c", "8", "--size", "4096"], "exclude each other"),
    (["-f", "F", "--size", "4X"], "K M G T P E"),
    (["-f", "F", "--size", "1000"], "multiple of the block length 512"),
    (["-f", "F", "--size", "8E"], "less than 2^63"),
    (["-f", "F", "-l", "1000"], "power of two from 512 to 65536"),
    (["-f", "F", "-l", "131072"], "from 512 to 65536"),
    (["-f", "F", "-i", "more than 16 characters"], "1 to 16 printable"),
    (["-f", "F", "-r", "12345"], "1 to 4 printable"),
    (["-f", "F", "--vendor-id", "WinSpd Ltd"], "1 to 8 printable"),
    (["-f", "F", "--rotation-rate", "600"], "from 1025 to 65534"),
    (["-f", "F", "-W", "2"], "0 or 1"),
    (["-f", "F", "-C", ""], "0 or 1"),
    (["-f", "F", "-U", "on"], "0 or 1"),
    (["-f", "F", "-d", "all"], "-1 or a number"),
    (["-f", "F", "--guid", "disk"], "must have the form"),
    (["-f", "F", "--threads", "5000"], "0 to 1024"),
    (["-f", "F", "--grace", "3601"], "0 to 3600"),
    (["-f", "F", "--grace", "soon"], "0 to 3600"),
    (["-f", "F", "--unknown"], "unknown"),
    (["-f", "F", "-?"], "--help"),
    (["-f", "F", "stray"], "unexpected argument 'stray'"),
]

BAD_URIS = [
    "nosuch://host/name",
    f"iscsi://127.0.0.1:70000/{IQN}",
    f"iscsi://127.0.0.1:0/{IQN}?nosuch=1",
    "iscsi://127.0.0.1:0/not-a-name",
]


def every_bad_option_is_named_and_ends_with_87():
    for options, message in REFUSED:
        options = [path("refused.img") if word == "F" else word for word in options]
        said, errors = run("rawdisk", *options, "-p", ANY, status=87)
        check(message in errors, f"{options}: {errors!r} lacks {message!r}")
        check(said == "", f"{options}: {said}")
    check(not os.path.exists(path("refused.img")), "a refused command line made an image")


def bad_device_names_end_with_87():
    for uri in BAD_URIS:
        _, errors = run("memdisk", "--size", "1M", "-p", uri, status=87)
        check(uri in errors, f"{uri} is not named: {errors}")


def doors_of_a_network_have_no_grace():
    _, errors = run("rawdisk", "-f", path("grace.img"), "-c", "64", "--grace", "60", "-p", ANY,
                    status=87)
    check("only the Windows driver gives one: iscsi: has none" in errors, errors)


def address_in_use_is_an_error():
    with rawdisk("one.img", "-c", "64") as server:
        _, errors = run("memdisk", "--size", "1M", "-p", server.uris[0], status=1)
        check("already in use" in errors or "already served" in errors, errors)


def other_addresses_need_chap_or_consent():
    _, errors = run("memdisk", "--size", "1M", "-p", f"iscsi://0.0.0.0:0/{IQN}", status=1)
    check("allow-anonymous" in errors, errors)
    uri = f"iscsi://0.0.0.0:0/{IQN}?allow-anonymous=1"
    with Server("memdisk", "--size", "1M", "-p", uri) as server:
        check(server.uris[0].startswith("iscsi://0.0.0.0:"), server.said)


def start_line_keeps_what_protects_the_disk():
    secrets = path("secrets")
    with open(os.open(secrets, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
        file.write("desk correct-horse-battery\n")
    uri = f"{ANY}?chap={secrets}"
    with Server("memdisk", "--size", "1M", "-p", uri) as server:
        listens = server.uris[0].removesuffix("/0")
        check(f"-p '{listens}?chap={secrets}'" in server.said, server.said)
        check("?" not in server.uris[0], f"initiators cannot use {server.uris[0]}")


def image_that_cannot_be_opened_is_named():
    missing = path("no-such-directory/disk.img")
    _, errors = run("rawdisk", "-f", missing, "-p", ANY, status=1)
    check(missing in errors and "No such file" in errors, errors)
    _, errors = run("rawdisk", "-f", path("."), "-p", ANY, status=1)
    check("is a directory" in errors, errors)


def image_of_somebody_else_is_refused():
    if os.geteuid() != 0:
        raise Skip("only root can become somebody else")
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        image = os.path.join(directory, "private.img")
        with open(image, "wb") as file:
            file.truncate(1 << 20)
        os.chmod(image, 0o600)
        try:
            _, errors = run("rawdisk", "-f", image, "-p", ANY, status=1, user=65534)
        except PermissionError:
            raise Skip("the programs lie where other users cannot start them") from None
        check(image in errors and "Permission denied" in errors, errors)


def size_that_does_not_fit_names_both():
    with open(path("fits.img"), "wb") as file:
        file.truncate(1 << 20)
    _, errors = run("rawdisk", "-f", path("fits.img"), "-c", "4096", "-p", ANY, status=87)
    check("1048576 bytes (1 MiB)" in errors and "2097152 bytes (2 MiB)" in errors, errors)
    check(os.path.getsize(path("fits.img")) == 1 << 20, "the image was changed")


def size_that_is_no_multiple_is_refused():
    with open(path("odd.img"), "wb") as file:
        file.truncate(4096 + 512)
    _, errors = run("rawdisk", "-f", path("odd.img"), "-l", "4096", "-p", ANY, status=87)
    check("not a multiple of the block length 4096" in errors, errors)


def image_in_use_is_refused():
    with rawdisk("used.img", "-c", "2048"):
        _, errors = run("rawdisk", "-f", path("used.img"), "-p", ANY, status=1)
        check("is in use" in errors and path("used.img") in errors, errors)
        done = subprocess.run(["qemu-io", "-f", "raw", "-c", "write 0 512", path("used.img")],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        check(done.returncode != 0 and "lock" in done.stdout, f"QEMU wrote: {done.stdout}")
    with rawdisk("used.img"):
        pass


def block_device_in_use_is_refused():
    made = subprocess.run(["losetup", "-f", "--show", _plain("loop.img", 1 << 20)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if made.returncode:
        raise Skip(f"no loop device: {made.stderr.strip()}")
    device = made.stdout.strip()
    try:
        holder = os.open(device, os.O_RDONLY | os.O_EXCL)
        _, errors = run("rawdisk", "-f", device, "-p", ANY, status=1)
        os.close(holder)
        check(device in errors and "in use" in errors, errors)
        _, errors = run("rawdisk", "-f", device, "-c", "4096", "-p", ANY, status=87)
        check("2097152 bytes" in errors, errors)
    finally:
        subprocess.run(["losetup", "-d", device], check=False)


def _plain(name, size):
    with open(path(name), "wb") as file:
        file.truncate(size)
    return path(name)


def help_and_version_are_answered():
    for name in PROGRAMS:
        said, errors = run(name, "--help")
        check("usage" in said.lower() and not errors, f"{name}: {said}{errors}")
        check(max(map(len, said.splitlines())) <= 80, f"{name}: more than 80 columns: {said}")
        check(name != "memdisk" or "image" not in said, f"memdisk has no image: {said}")
        said, errors = run(name, "--version")
        check(name in said and not errors, f"{name}: {said}{errors}")


def manual_pages_name_every_option_and_command():
    for name in PROGRAMS:
        said, _, filters = run(name, "--help")[0].partition("\nA FILTER is")
        for word in re.findall(r"^ +([a-z]+)(?:  |=)", filters, re.MULTILINE):
            check(re.search(rf"^\.It Cm {word}\b", FILTERS, re.MULTILINE),
                  f"spd-filters.7 does not explain {word}")
        check(bool(filters) == (name in ("rawdisk", "memdisk", "nbddisk")), f"{name}: {filters}")
        page = (DOC / f"{name}.1").read_text().replace("\\-", "-")
        for option in sorted(set(re.findall(r"(?<!\S)--([a-z][a-z-]+)", said))):
            check(f"Fl -{option}" in page, f"{name}.1 does not explain --{option}")
        for command in re.findall(r"^  ([a-z][a-z0-9-]+)  ", said, re.MULTILINE):
            check(re.search(rf"^\.It Cm .*\b{command}\b", page, re.MULTILINE),
                  f"{name}.1 does not explain the command {command}")


def manual_pages_are_clean():
    pages = sorted(DOC.glob("*.[1-8]"))
    check(len(pages) >= 6, f"only {len(pages)} pages")
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *pages], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    complaints = [line for line in done.stdout.splitlines() if "referenced manual" not in line]
    check(not complaints, "\n".join(complaints))


def manual_pages_write_values_without_a_dash():
    for page in sorted(DOC.glob("*.1")):
        shown = subprocess.run(["mandoc", "-Tascii", page], stdout=subprocess.PIPE, text=True,
                               check=True).stdout
        shown = re.sub(".\b", "", shown)
        wrong = [words for words in re.findall(r"(?<!\S)-[A-Za-z-]+\s+-\d+", shown)
                 if not re.match(r"-d\s+-1$", words)]
        check(not wrong, f"{page.name}: {wrong}")


TESTS = [every_bad_option_is_named_and_ends_with_87, bad_device_names_end_with_87,
         doors_of_a_network_have_no_grace, address_in_use_is_an_error,
         other_addresses_need_chap_or_consent, start_line_keeps_what_protects_the_disk,
         image_that_cannot_be_opened_is_named, image_of_somebody_else_is_refused,
         size_that_does_not_fit_names_both, size_that_is_no_multiple_is_refused,
         image_in_use_is_refused, block_device_in_use_is_refused, help_and_version_are_answered,
         manual_pages_name_every_option_and_command, manual_pages_are_clean,
         manual_pages_write_values_without_a_dash]

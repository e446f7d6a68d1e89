# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""scsitool against our disks, over iSCSI."""

import ctypes
import os
import re
import subprocess

from program import ANY, TIMEOUT, Server, check, path, program, run

GUID = "00112233-4455-6677-8899-aabbccddeeff"
COMMANDS = {
    "luns": {"LUN LIST LENGTH": "8", "LUN": "00 00 00 00 00 00 00 00"},
    "inquiry": {"T10 VENDOR IDENTIFICATION": "WinSpd  ", "PRODUCT IDENTIFICATION": "Tool".ljust(16),
                "PRODUCT REVISION LEVEL": "2.1 ", "PERIPHERAL DEVICE TYPE": "0"},
    "vpd0": {"PAGE CODE": "0"},
    "vpd80": {"PRODUCT SERIAL NUMBER": GUID},
    "vpd83": {"PAGE CODE": "131 (0x83)"},
    "vpd86": {"PAGE CODE": "134 (0x86)", "SIMPSUP": "1"},
    "vpdb0": {"PAGE CODE": "176 (0xb0)", "MAXIMUM UNMAP LBA COUNT": None},
    "vpdb1": {"MEDIUM ROTATION RATE": "1"},
    "vpdb2": {"LBPU": "1", "PROVISIONING TYPE": "2"},
    "mode-sense": {"WP": "0", "DPOFUA": "1", "WCE": "1", "D_SENSE": "0", "MRIE": None},
    "mode-recovery": {"PAGE CODE": "1", "AWRE": None},
    "mode-caching": {"PAGE CODE": "8", "WCE": "1", "RCD": "0"},
    "mode-control": {"PAGE CODE": "10 (0xa)"},
    "mode-exceptions": {"PAGE CODE": "28 (0x1c)"},
    "capacity": {"RETURNED LOGICAL BLOCK ADDRESS": "8191 (0x1fff)",
                 "LOGICAL BLOCK LENGTH IN BYTES": "4096 (0x1000)"},
    "capacity16": {"RETURNED LOGICAL BLOCK ADDRESS": "8191 (0x1fff)", "LBPME": "1", "LBPRZ": "1"},
    "lba-status": {"LOGICAL BLOCK ADDRESS": "0"},
    "opcodes": {"OPERATION CODE": None, "CDB LENGTH": None},
    "task-management": {"ATS": "1", "LURS": "1"},
    "request-sense": {"SENSE KEY": "0"},
}


def disk(*options):
    return Server("memdisk", "-c", "8192", "-l", "4096", "--guid", GUID, "-i", "Tool", "-r", "2.1",
                  "-p", ANY, *options)


def lines(*arguments):
    said, _ = run("scsitool", "-c", *arguments)
    return [tuple(line.split("=", 1)) for line in said.splitlines()]


def every_command_shows_lines():
    with disk() as server:
        for command, expected in COMMANDS.items():
            shown = lines(command, server.url)
            check(not any("WARN" in value for _, value in shown), f"{command}: {shown}")
            for name, value in expected.items():
                values = [v for n, v in shown if n == name]
                check(values and value in (None, values[0]), f"{command}: {name}={values}")


def every_command_draws_a_table():
    with disk() as server:
        for command, expected in COMMANDS.items():
            said, _ = run("scsitool", command, server.url)
            rows = said.splitlines()
            check(all(len(row) == 73 and row[0] == row[-1] and row[0] in "+|" for row in rows),
                  f"{command}:\n{said}")
            check(rows[0] == rows[-1] == "+--------" * 8 + "+", said)
            for name, value in expected.items():
                check(value is None or name[:5] in said, f"{command} lacks {name}:\n{said}")


def answers_follow_the_disk():
    with disk("-W", "0", "-C", "0", "-U", "0") as server:
        shown = dict(lines("mode-caching", server.url))
        check((shown["WP"], shown["WCE"]) == ("1", "0"), shown)
        check(dict(lines("capacity16", server.url))["LBPME"] == "0", "LBPME")
        check(dict(lines("vpdb2", server.url))["LBPU"] == "0", "LBPU")


def opcodes_lists_what_a_disk_must_have():
    with disk() as server:
        codes = {int(value.split()[0]) for name, value in lines("opcodes", server.url)
                 if name == "OPERATION CODE"}
        missing = {0x00, 0x03, 0x12, 0x1a, 0x25, 0x28, 0x2a, 0x35, 0x42, 0x88, 0x8a, 0x91, 0x93,
                   0x9e, 0xa0, 0xa3} - codes
        check(not missing, f"missing {missing}")


def ready_disk_is_ok():
    with disk() as server:
        check(run("scsitool", "ready", server.url)[0] == "OK\n", "ready")


def refusal_is_shown_and_no_error():
    with disk() as server:
        shown = lines("--lba", "0x2000", "lba-status", server.url)
        check(shown[0] == ("ScsiStatus", "2"), shown)
        check(dict(shown)["SENSE KEY"] == "5", shown)
        check(dict(shown)["ADDITIONAL SENSE CODE"] == "33 (0x21)", shown)
        said, _ = run("scsitool", "--lba", "8192", "lba-status", server.url)
        check(said.startswith("ScsiStatus=2\n+--------"), said)
        check(dict(lines("--lba", "8191", "lba-status", server.url))[
            "LOGICAL BLOCK ADDRESS"] == "8191 (0x1fff)", "the last block")


def secret_comes_from_the_environment():
    secrets = path("secrets")
    with open(os.open(secrets, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
        file.write("reader quite-a-secret-word\n")
    with Server("memdisk", "--size", "1M", "-p", f"{ANY}?chap={secrets}") as server:
        url = server.url.replace("iscsi://", "iscsi://reader@")
        right = dict(os.environ, LIBISCSI_CHAP_PASSWORD="quite-a-secret-word")
        wrong = dict(os.environ, LIBISCSI_CHAP_PASSWORD="another-secret-word")
        check(run("scsitool", "ready", url, env=right)[0] == "OK\n", "the right secret")
        _, errors = run("scsitool", "ready", url, env=wrong, status=2)
        check("Error 2: " in errors, errors)
        run("scsitool", "ready", url.replace("reader@", ""), status=2)


def devpath_resolves_links():
    link = path("link")
    os.symlink("/dev/null", link)
    check(run("scsitool", "devpath", link)[0] == "/dev/null\n", "devpath")
    check(run("scsitool", "devpath", link, "0:0:0")[0] == "/dev/null\n", "devpath with an address")
    run("scsitool", "devpath", path("nowhere"), status=2)


def errors_have_numbers():
    for arguments, status, message in (
            (["inquiry", path("nowhere")], 2, "Error 2: "),
            (["inquiry", "/dev/null"], 50, "not a SCSI device"),
            (["inquiry", "iscsi://127.0.0.1:1/iqn.2026-01.org.example:disk/0"], 2, "Error 2: "),
            (["inquiry", "iscsi://127.0.0.1"], 87, "write iscsi://"),
            (["inquiry", "nbd://127.0.0.1/x"], 87, "/dev/sdX"),
            (["inquiry", "/dev/null", "0:0:1"], 87, "0:0:0"),
            (["inquiry", "/dev/null", "1"], 87, "0:0:0")):
        said, errors = run("scsitool", *arguments, status=status)
        check(message in errors and said == "", f"{arguments}: {errors}")


def a_query_opens_its_device_for_reading():
    """A writer's close is what udev waits for, to have a disk's partitions read again."""
    close_write, close_nowrite = 0x08, 0x10
    libc = ctypes.CDLL(None, use_errno=True)
    device = path("device")
    open(device, "wb").close()
    watcher = libc.inotify_init1(os.O_NONBLOCK)
    check(libc.inotify_add_watch(watcher, device.encode(), close_write | close_nowrite) > 0,
          os.strerror(ctypes.get_errno()))
    run("scsitool", "inquiry", device, status=50)
    events = os.read(watcher, 4096)
    os.close(watcher)
    masks = [int.from_bytes(events[at + 4:at + 8], "little") for at in range(0, len(events), 16)]
    check(masks and set(masks) == {close_nowrite}, f"events {masks} of inotify(7)")


def output_that_cannot_be_written_is_an_error():
    with disk() as server:
        for arguments in (["--help"], ["--version"], ["inquiry", server.url],
                          ["-c", "opcodes", server.url], ["ready", server.url],
                          ["devpath", "/dev/null"]):
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([program("scsitool"), *arguments], stdout=full, text=True,
                                      stderr=subprocess.PIPE, timeout=TIMEOUT)
            check(done.returncode == 29, f"{arguments}: status {done.returncode}")
            check("scsitool: standard output cannot be written: No space left" in done.stderr,
                  done.stderr)


def wrong_usage_is_87():
    for arguments in ([], ["inquiry"], ["nosuch", "/dev/null"], ["inquiry", "/dev/null", "a:b:c"],
                      ["inquiry", "/dev/null", "0:0:0:0"], ["inquiry", "/dev/null", "0:"],
                      ["inquiry", "/dev/null", ""], ["inquiry", "a", "0:0:0", "b"],
                      ["--lba", "x", "lba-status", "/dev/null"],
                      ["--lba", "99999999999999999999", "lba-status", "/dev/null"],
                      ["-x", "inquiry", "/dev/null"]):
        _, errors = run("scsitool", *arguments, status=87)
        check("usage: scsitool" in errors, f"{arguments}: {errors}")


def help_and_version():
    said, _ = run("scsitool", "--help")
    check(all(f"  {command} " in said for command in COMMANDS), said)
    said, _ = run("scsitool", "--version")
    check(re.fullmatch(r"scsitool \(WinSpd\) \d+\.\d+\.\d+\n", said), said)


TESTS = [
    every_command_shows_lines,
    every_command_draws_a_table,
    answers_follow_the_disk,
    opcodes_lists_what_a_disk_must_have,
    ready_disk_is_ok,
    refusal_is_shown_and_no_error,
    secret_comes_from_the_environment,
    devpath_resolves_links,
    errors_have_numbers,
    a_query_opens_its_device_for_reading,
    output_that_cannot_be_written_is_an_error,
    wrong_usage_is_87,
    help_and_version,
]

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""rawdisk, memdisk, stgtest and scsitool as they are called on Windows; the tutorial's disk."""

import os
import re
import signal
import struct
import time
from contextlib import contextmanager
from pathlib import Path

from deaf import full_pipe
from harness.programs import free_port

TOP = Path(__file__).resolve().parent.parent.parent.parent
PARTS = TOP / "build/windows"
LIAR = TOP / "build/windows-x64/tests/devices/windows/liar.exe"
EXAMPLES = TOP / "build/windows-x64/examples/windows"
PIPE = "\\\\.\\pipe\\"
PROGRAMS = ("rawdisk", "memdisk", "stgtest", "scsitool")


def check(condition, why):
    if not condition:
        raise AssertionError(why)


def run(prefix, program, *arguments, status=0):
    """Standard output and standard error of a program that ends with this status. Wine returns its
    low 8 bits."""
    before = len(prefix.said())
    found, output = prefix.wine(PARTS / f"{program}-x64.exe", *arguments)
    errors = prefix.said()[before:]
    check(found == status & 0xff, f"{program} {arguments}: {found}, not {status}: {output}{errors}")
    return output, errors


@contextmanager
def serving(prefix, program, *arguments):
    """A disk program, ended by Ctrl-C; gives what it said until it served."""
    process = prefix.start_wine(program, *arguments)
    try:
        said = ""
        while "serving" not in said:
            line = process.stdout.readline()
            check(line, f"{program.name} {arguments} ended: {said}{prefix.said()}")
            said += line
        yield said
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        check(process.returncode == 0, f"{program.name}: exit status {process.returncode}")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def rawdisk(prefix, *arguments):
    return serving(prefix, PARTS / "rawdisk-x64.exe", *arguments)


def every_option_of_the_original_is_taken(prefix):
    log = prefix.drive / "o.log"
    with rawdisk(prefix, "-f", r"C:\o.img", "-c", "2048", "-l", "1024", "-i", "My Disk", "-r",
                 "2.0", "-W", "1", "-C", "1", "-U", "1", "-d", "-1", "-D", r"C:\o.log", "-p",
                 PIPE + "o") as said:
        for words in (r"-f C:\o.img",
                      "-c 2048", "-l 1024", '-i "My Disk"', "-r 2.0", "-W 1", "-C 1", "-U 1",
                      "-d 0xffffffff", "-D ", "-p ", f"serving {PIPE}o\\0"):
            check(words in said, f"no {words} in {said}")
        run(prefix, "stgtest", f"{PIPE}o\\0", "8", "WRFU")
        check((prefix.drive / "o.img").stat().st_size == 2048 * 1024, "another size")
    lines = log.read_text()
    for line in (r">>Write BlockAddress=0:0, BlockCount=1, FUA=0", r"<<Write Status=GOOD",
                 r">>Read  BlockAddress=0:0, BlockCount=1, FUA=0", r">>Flush ", r">>Unmap Count=1"):
        check(re.search(rf"^rawdisk\[TID=[0-9a-f]{{4,}}\]: [0-9a-f]+: {line}", lines, re.M),
              f"no {line} in {lines}")


def write_protected_disk_without_cache_is_what_it_says(prefix):
    (prefix.drive / "wp.img").write_bytes(b"x" * 8192)
    with rawdisk(prefix, "-f", r"C:\wp.img", "-W0", "-C0", "-U0", "-p", PIPE + "wp"):
        run(prefix, "stgtest", f"{PIPE}wp\\0", "4", "R")
        run(prefix, "stgtest", f"{PIPE}wp\\0", "1", "W", status=1117)
    check((prefix.drive / "wp.img").read_bytes() == b"x" * 8192, "it was written")


def new_image_has_the_partition_of_the_original(prefix):
    def entries(*more):
        (prefix.drive / "p.img").unlink(missing_ok=True)
        with rawdisk(prefix, "-f", r"C:\p.img", "-c", "4096", "-p", PIPE + "p", *more):
            return (prefix.drive / "p.img").read_bytes()[446:512]

    table = entries()
    check(table[0] == 0 and table[4] == 7, "not an inactive one of type 7")
    check(struct.unpack_from("<II", table, 8) == (8, 4088), "not from byte 4096 to the end")
    check(table[16:] == bytes(48) + b"\x55\xaa", "more than one")
    check(entries("--no-mbr") == bytes(66), "--no-mbr")
    with rawdisk(prefix, "-f", r"C:\tiny.img", "-c", "8", "-p", PIPE + "p"):
        check((prefix.drive / "tiny.img").read_bytes() == bytes(4096), "no room, no table")


def image_may_have_any_name(prefix):
    """Not only one of the code page that the system has."""
    prefix.env["LC_ALL"] = "C.UTF-8"
    with rawdisk(prefix, "-f", "C:\\диск-盘.img", "-c", "8", "-p", PIPE + "u"):
        check((prefix.drive / "диск-盘.img").stat().st_size == 4096, "another image")


def size_that_does_not_fit_is_87(prefix):
    (prefix.drive / "s.img").write_bytes(bytes(8192))
    _, errors = run(prefix, "rawdisk", "-f", r"C:\s.img", "-c", "8", "-p", PIPE + "s", status=87)
    check("8192 bytes" in errors, errors)


def copied_image_is_asked_which_it_is(prefix):
    def guid(said):
        return re.search(r"--guid (\S+)", said)[1]

    drive = prefix.drive
    with rawdisk(prefix, "-f", r"C:\i.img", "-c", "8", "-p", PIPE + "i") as said:
        first = guid(said)
    kept = (drive / "i.img.spdstate").read_text()
    check(kept.startswith(f"winspd-state 1\nguid={first}\nmachine=") and "inode=" in kept, kept)
    with rawdisk(prefix, "-f", r"C:\i.img", "-p", PIPE + "i") as said:
        check(guid(said) == first, f"another identity at the second start: {said}")
    (drive / "j.img").write_bytes((drive / "i.img").read_bytes())
    (drive / "j.img.spdstate").write_text(kept)
    _, errors = run(prefix, "rawdisk", "-f", r"C:\j.img", "-p", PIPE + "j", status=1)
    check("--adopt" in errors and "--new-identity" in errors, errors)
    with rawdisk(prefix, "-f", r"C:\j.img", "--new-identity", "-p", PIPE + "j") as said:
        check(guid(said) != first, "the copy has the identity of the first")


def one_identity_has_one_image(prefix):
    guid = ("--guid", "01234567-89ab-cdef-0123-456789abcdef")
    (prefix.drive / "one.img").write_bytes(bytes(8192))
    with rawdisk(prefix, "-f", r"C:\one.img", "-W", "0", *guid, "-p", PIPE + "one"):
        _, errors = run(prefix, "rawdisk", "-f", r"C:\two.img", "-c", "8", *guid, "-p",
                        PIPE + "two", status=1)
        check("serves another image with the same identity" in errors, errors)
        check(not (prefix.drive / "two.img").exists(), "the refused start left an image")
        with rawdisk(prefix, "-f", r"C:\one.img", "-W", "0", *guid, "-p", PIPE + "three"):
            pass
    with rawdisk(prefix, "-f", r"C:\two.img", "-c", "8", *guid, "-p", PIPE + "two"):
        pass


def await_end(process, status=0):
    process.wait(timeout=120)
    check(process.returncode == status, f"exit status {process.returncode}")


def until_it_serves(prefix, name, process):
    """stgtest is the one that asks, since nobody reads the start line."""
    deadline = time.monotonic() + 120
    while prefix.wine(PARTS / "stgtest-x64.exe", f"{PIPE}{name}\\0", "1", "R")[0]:
        check(process.poll() is None and time.monotonic() < deadline, "it does not serve")


@contextmanager
def serving_the_deaf(prefix, stuck):
    """A disk whose words go to a pipe without room, ended by Ctrl-C."""
    process = prefix.start_wine(PARTS / "memdisk-x64.exe", "--size", "1M", "-d", "-1", "--stats",
                                "-p", PIPE + "deaf", stdout=stuck, stderr=stuck)
    try:
        until_it_serves(prefix, "deaf", process)
        yield
        process.send_signal(signal.SIGINT)
        await_end(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def outputs_that_nobody_reads_stop_nobody(prefix):
    with full_pipe() as (_, stuck, _), serving_the_deaf(prefix, stuck):
        run(prefix, "stgtest", PIPE + "deaf\\0", "50", "WR", "*", "4")


def lines_that_were_lost_are_counted_where_there_is_room_again(prefix):
    with full_pipe() as (reader, stuck, filled), serving_the_deaf(prefix, stuck):
        run(prefix, "stgtest", PIPE + "deaf\\0", "8", "W", "*", "4")
        while filled:
            filled -= len(os.read(reader, min(filled, 65536)))
        said = b""
        while not re.search(rb"memdisk: \d+ lines were lost here, for want of room", said):
            run(prefix, "stgtest", PIPE + "deaf\\0", "1", "R")
            said += os.read(reader, 65536)
        check(b"serving " in said, f"the start line is lost: {said[:500]}")


def several_ctrl_c(prefix):
    """Sent within half a second; once more where this process slept in between. The system takes
    two that come at the same moment for one. The disk's log of its last flush counts, since Wine
    gives a program the exit status 0 that Ctrl-C kills."""
    log = prefix.drive / "pair.log"
    log.unlink(missing_ok=True)
    process = prefix.start_wine(PARTS / "rawdisk-x64.exe", "-f", r"C:\pair.img", "-c", "2048", "-d",
                                "-1", "-D", r"C:\pair.log", "-p", PIPE + "pair")
    try:
        while "serving" not in process.stdout.readline():
            check(process.poll() is None, f"it does not serve: {prefix.said()}")
        begun = time.monotonic()
        for _ in range(20):
            process.send_signal(signal.SIGINT)
            time.sleep(0.005)
        short = time.monotonic() - begun < 0.5
        process.communicate(timeout=120)
        return log.read_text() if short else several_ctrl_c(prefix)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def ctrl_c_several_times_at_once_is_an_orderly_end(prefix):
    for _ in range(5):
        said = several_ctrl_c(prefix)
        check("<<Flush Status=GOOD" in said, f"no last flush: {said}")


def start_that_fails_leaves_no_image(prefix):
    folder = prefix.drive / "failing"
    folder.mkdir()
    for words, status, message in (
            (["-p", "nosuch:here"], 87, "nosuch"),
            (["-p", PIPE + "f", "-p", "nosuch:x"], 87, "nosuch"),
            (["-p", PIPE + "f", "-d", "-1", "-D", r"C:\failing\f.img"], 87, "itself"),
            (["-p", PIPE + "f", "--no-create"], 1, "missing")):
        _, errors = run(prefix, "rawdisk", "-f", r"C:\failing\f.img", "-c", "8", *words,
                        status=status)
        check(message in errors, f"{words}: {errors}")
        check(not list(folder.iterdir()), f"{words}: {list(folder.iterdir())}")
    _, errors = run(prefix, "rawdisk", "-f", r"C:\failing", "-p", PIPE + "f", status=1)
    check("is a directory" in errors, errors)


def without_the_driver_it_is_2(prefix):
    """As the original's ends; and no image is left."""
    for program, *words in (("rawdisk", "-f", r"C:\none.img", "-c", "8"), ("memdisk", "-c", "8"),
                            ("memdisk", "-c", "8", "-p", r"root\winspd")):
        _, errors = run(prefix, program, *words, status=2)
        check("is the driver installed?" in errors, errors)
    check(not (prefix.drive / "none.img").exists(), "the failed start left an image")


def a_pipe_that_another_program_serves_is_refused(prefix):
    """With 231 by Wine; Windows says 5."""
    with serving(prefix, PARTS / "memdisk-x64.exe", "-c", "8", "-p", PIPE + "had"):
        _, errors = run(prefix, "memdisk", "-c", "8", "-p", PIPE + "had", status=231)
        check("another program serves this pipe" in errors, errors)


def no_pipe_has_a_grace(prefix):
    _, errors = run(prefix, "rawdisk", "-f", r"C:\g.img", "-c", "8", "--grace", "9", "-p",
                    PIPE + "g", status=87)
    check("a pipe ends with its program" in errors, errors)


def wrong_usage_is_87(prefix):
    for program, *arguments in (
            ("rawdisk",), ("rawdisk", "-?"), ("rawdisk", "-f", "x", "stray"), ("memdisk", "-x"),
            ("rawdisk", "-f", "x", "-i", "seventeen letters"), ("memdisk", "-r", "12345"),
            ("stgtest",), ("stgtest", PIPE + "x"), ("stgtest", PIPE + "x", "1", "W", "0", "1", "2"),
            ("stgtest", PIPE + "x", "1", "-s", "1", "W", "0"), ("stgtest", PIPE + "x", "x"),
            ("scsitool",), ("scsitool", "inquiry"), ("scsitool", "nothing", "x"),
            ("scsitool", "inquiry", "x", "0:0:0:0")):
        output, errors = run(prefix, program, *arguments, status=87)
        check(not output and errors.startswith(("usage: ", f"{program}: ")), errors)


def help_fits_a_console_and_the_manual_has_it(prefix):
    for program in PROGRAMS:
        said, _ = run(prefix, program, "--help")
        page = (TOP / f"doc/{program}.1").read_text().replace("\\-", "-")
        check(max(map(len, said.splitlines())) <= 80, said)
        for option in sorted(set(re.findall(r"(?<!\S)--([a-z][a-z-]+)", said))):
            check(f"Fl -{option}" in page, f"{program}.1 does not explain --{option}")


def stgtest_takes_the_arguments_of_the_original(prefix):
    unit = PIPE + "t\\0"
    with serving(prefix, PARTS / "memdisk-x64.exe", "-c", "4096", "-p", PIPE + "t"):
        for given, shown in (
                (("-s", "0x10", unit, "0"), f'-s 16 {unit} 1 "WR" 0:0 1'),
                (("-s", "7", unit, "9", "rxWu", "0x10", "3"), f'-s 7 {unit} 9 "RWU" 0:10 3'),
                (("-s", "7", unit, "9", "x", "*", "*"), f'-s 7 {unit} 9 "WR" * *'),
                (("-s", "7", unit, "1", "W", "4095"), f'-s 7 {unit} 1 "W" 0:fff 1')):
            said, _ = run(prefix, "stgtest", *given)
            check(said == f"stgtest {shown}\nOK\n", said)
        _, errors = run(prefix, "stgtest", unit, "1", "W", "8589934593", status=87)
        check("ADDRESS 8589934593 is past the end" in errors, errors)
    _, errors = run(prefix, "stgtest", PIPE + "none\\0", "1", status=2)
    check("(error 2)" in errors and PIPE + "none" in errors, errors)


def a_session_of_a_pipe_is_told_with_its_end(prefix):
    """The server's log is behind it, and stgtest's end is news to it."""
    session = (r"told\\0: a session begins: process (\d+)\r?\n[\s\S]*"
               r"s, it closed the connection: process \1\r?\n")
    with serving(prefix, PARTS / "memdisk-x64.exe", "-c", "64", "-p", PIPE + "told"):
        run(prefix, "stgtest", PIPE + "told\\0", "1", "W")
        prefix.wait_for(lambda: re.search(session, prefix.said()), "a session, and its end")


def with_a_liar(prefix, lie, program, *arguments, status):
    """The program's output about a server of that kind; it has to end by itself."""
    liar = prefix.start_wine(LIAR, PIPE + "liar", lie)
    try:
        check(liar.stdout.readline() == "serving\n", "the liar does not serve")
        _, errors = run(prefix, program, *arguments, status=status)
        liar.communicate(timeout=120)
        return errors
    finally:
        if liar.poll() is None:
            liar.kill()
            liar.communicate()


def stgtest_believes_an_honest_pipe(prefix):
    with_a_liar(prefix, "none", "stgtest", PIPE + "liar\\0", "200", "WRUR", "*", "*", status=0)


def stgtest_finds_wrong_answers_of_a_pipe(prefix):
    for lie, operations, count, message in (
            ("wrong bit", "WR", "2", "Read(Address=0:3, Count=4): bad buffer: after Write"),
            ("old data", "WRUR", "4", "Read(Address=0:3, Count=4): bad buffer: after Unmap"),
            ("short data", "WR", "2", "Read(Address=0:3, Count=4): bad buffer: after Write"),
            ("hint", "F", "1", "Flush(Address=0:3, Count=4): transact error: 1117"),
            ("kind", "R", "1", "condition fail: Rsp.Kind"),
            ("error", "R", "1", "SenseKey=3 ASC/ASCQ=11/01"),
            ("busy", "W", "1", "condition fail: Rsp.Status.ScsiStatus"),
            ("half a header", "W", "1", "transact error: 1117"),
            ("hang-up", "U", "1", "transact error: 1117")):
        errors = with_a_liar(prefix, lie, "stgtest", PIPE + "liar\\0", count, operations, "3",
                             "4", status=1117)
        check(message in errors, f"{lie}: {errors}")


def what_a_short_read_lacks_is_zeros(prefix):
    with_a_liar(prefix, "short data", "stgtest", PIPE + "liar\\0", "2", "UR", "3", "4", status=0)


def greetings_of_a_pipe_that_make_no_sense_are_refused(prefix):
    for lie in ("no blocks", "short blocks", "no transfers", "odd transfers", "short greeting"):
        errors = with_a_liar(prefix, lie, "stgtest", PIPE + "liar\\0", "1", status=1117)
        check("no storage unit answers there" in errors, f"{lie}: {errors}")


def a_greeting_of_a_pipe_may_have_more_in_it(prefix):
    with_a_liar(prefix, "long greeting", "stgtest", PIPE + "liar\\0", "4", "WR", status=0)
    with_a_liar(prefix, "long greeting", "scsitool", "capacity16", PIPE + "liar\\0", status=0)


def scsitool_names_devices_as_the_original_does(prefix):
    for name, path in ((r"\\.\PhysicalDrive1", r"\\.\PhysicalDrive1"),
                       (r"\Device\x", r"\\?\GLOBALROOT\Device\x"), ("x", r"\\?\x")):
        said, _ = run(prefix, "scsitool", "devpath", name)
        check(said == path + "\n", said)
    _, errors = run(prefix, "scsitool", "-c", "inquiry", r"root\winspd", "0:0:0", status=2)
    check(errors.startswith("Error 2: "), errors)


def quoted_windows_program():
    text = (TOP / "doc/tutorial.md").read_text()
    half = text[text.index("\n## The same disk on Windows"):]
    return "\n".join(re.findall(r"^```c\n(.*?)^```$", half, re.MULTILINE | re.DOTALL))


def the_tutorial_quotes_the_example(_):
    example = (TOP / "examples/windows/ramdisk.c").read_text()
    check(quoted_windows_program() == example,
          "doc/tutorial.md and examples/windows/ramdisk.c differ")
    check(len(example.splitlines()) <= 85, "the tutorial promises some 80 lines")


def the_disk_of_the_tutorial_is_behind_a_pipe(prefix):
    with serving(prefix, EXAMPLES / "ramdisk-x64.exe", PIPE + "ram") as said:
        check(said == "serving unit 0\n", said)
        run(prefix, "stgtest", PIPE + "ram\\0", "500", "WRUR", "*", "*")


def scsitool_shows_the_unit_behind_a_pipe(prefix):
    guid = "8a4f1f3e-52c0-4b5c-9d55-0c8f8a1f0b11"
    with serving(prefix, PARTS / "memdisk-x64.exe", "--size", "16M", "--guid", guid, "-l", "4096",
                 "-p", PIPE + "shown"):
        for command, facts in (
                ("inquiry", ("VENDOR IDENTIFICATION=WinSpd  ", )), ("vpd80", (guid, )),
                ("capacity16", ("=4095 (0xfff)", "=4096 (0x1000)")), ("luns", ("=8", )),
                ("vpdb2", ("PROVISIONING TYPE=2", )), ("mode-caching", ("WCE=1", ))):
            said, _ = run(prefix, "scsitool", "-c", command, PIPE + "shown\\0")
            check(all(fact in said for fact in facts), f"{command}: {said}")
    _, errors = run(prefix, "scsitool", "inquiry", PIPE + "shown\\0", status=2)
    check("there is no such pipe" in errors, errors)


def behind_iscsi(prefix, program):
    uri = f"iscsi://127.0.0.1:{free_port()}/iqn.2026-01.org.example:ram"
    with serving(prefix, EXAMPLES / program, uri):
        status, output = prefix.run(
            ["qemu-io", "-f", "raw", "-c", "write -P 0x5a 1M 64k", "-c", "read -P 0x5a 1M 64k",
             "-c", "discard 1M 64k", "-c", "read -P 0 1M 64k", uri + "/0"], 60)
        check(status == 0 and "failed" not in output, f"{status} {output}{prefix.said()}")


def the_disk_of_the_tutorial_is_behind_iscsi(prefix):
    behind_iscsi(prefix, "ramdisk-x64.exe")


def the_first_disk_of_the_tutorial_is_one_on_windows(prefix):
    behind_iscsi(prefix, "spd-ramdisk-x64.exe")


TESTS = [every_option_of_the_original_is_taken, write_protected_disk_without_cache_is_what_it_says,
         new_image_has_the_partition_of_the_original, image_may_have_any_name,
         size_that_does_not_fit_is_87, copied_image_is_asked_which_it_is,
         one_identity_has_one_image, outputs_that_nobody_reads_stop_nobody,
         lines_that_were_lost_are_counted_where_there_is_room_again,
         ctrl_c_several_times_at_once_is_an_orderly_end,
         start_that_fails_leaves_no_image, without_the_driver_it_is_2,
         a_pipe_that_another_program_serves_is_refused, no_pipe_has_a_grace, wrong_usage_is_87,
         help_fits_a_console_and_the_manual_has_it,
         stgtest_takes_the_arguments_of_the_original,
         a_session_of_a_pipe_is_told_with_its_end, stgtest_believes_an_honest_pipe,
         stgtest_finds_wrong_answers_of_a_pipe,
         what_a_short_read_lacks_is_zeros, greetings_of_a_pipe_that_make_no_sense_are_refused,
         a_greeting_of_a_pipe_may_have_more_in_it, scsitool_names_devices_as_the_original_does,
         scsitool_shows_the_unit_behind_a_pipe,
         the_tutorial_quotes_the_example, the_disk_of_the_tutorial_is_behind_a_pipe,
         the_disk_of_the_tutorial_is_behind_iscsi,
         the_first_disk_of_the_tutorial_is_one_on_windows]

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The 32-bit programs beside the 64-bit ones: each reads what the other serves. Without the 32-bit
DLLs of Wine, which scripts/inputs fetches, these tests are skipped."""

from contextlib import contextmanager

from programs import PARTS, PIPE, check, serving
from x86 import wow64

ERROR_IN_WOW64 = 0xe0000235 & 0xff  # what Wine gives back of it


@contextmanager
def killed(prefix, program, *arguments):
    """A disk program until its end, which is none in order: no Ctrl-C reaches a 32-bit program."""
    process = prefix.start_wine(program, *arguments)
    try:
        for line in process.stdout:
            if line.startswith("serving"):
                break
        else:
            raise AssertionError(f"{program.name} ended: {prefix.said()}")
        yield
    finally:
        process.kill()
        process.communicate()


def passes(prefix, program, *arguments):
    status, output = prefix.wine(PARTS / program, *arguments)
    check(status == 0, f"{program} {arguments}: {prefix.why(status, output)}")
    return output


def each_kind_of_program_reads_what_the_other_serves(prefix):
    narrow = wow64(prefix)
    both = (prefix, "x64"), (narrow, "x86")
    for (server, arch), serves in zip(both, (serving, killed)):
        for program, arguments in (("rawdisk", ("-f", rf"C:\{arch}.img", "-c", "2048")),
                                   ("memdisk", ("--size", "1M"))):
            pipe = f"{PIPE}{program}-{arch}"
            with serves(server, PARTS / f"{program}-{arch}.exe", *arguments, "-p", pipe):
                for reader, of_reader in both:
                    passes(reader, f"stgtest-{of_reader}.exe", f"{pipe}\\0", "100", "WRUR",
                           "*", "*")
                    said = passes(reader, f"scsitool-{of_reader}.exe", "inquiry", f"{pipe}\\0")
                    check(program in said.lower(), said)


def devsetup_of_32_bits_says_what_to_use(prefix):
    before = len(prefix.said())
    status, _ = wow64(prefix).wine(PARTS / "devsetup-x86.exe", "add", r"root\winspd", "winspd.inf")
    check(status == ERROR_IN_WOW64 and "use devsetup-x64.exe" in prefix.said()[before:],
          f"{status}: {prefix.said()[before:]}")


def launchctl_of_32_bits_says_that_there_is_no_launcher(prefix):
    narrow = wow64(prefix)
    answers = [prefix.wine(PARTS / "launchctl-x64.exe", "list"),
               narrow.wine(PARTS / "launchctl-x86.exe", "list")]
    check(answers[0] == answers[1] and answers[0][0] != 0, f"{answers}")


TESTS = [each_kind_of_program_reads_what_the_other_serves, devsetup_of_32_bits_says_what_to_use,
         launchctl_of_32_bits_says_that_there_is_no_launcher]

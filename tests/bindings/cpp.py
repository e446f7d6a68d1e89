# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""spd.hpp: it compiles with both compilers, and its devices are disks."""

import functools
from pathlib import Path

import contract
from contract import HARDWARE, TROUBLES
from program import ANY, Server, check, client, path, qemu_io

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
HEADER = TOP / "include/spd/spd.hpp"
EXAMPLE = TOP / "examples/ramdisk.cpp"
STRICT = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
# Options of the compiler: parts of the language that may be missing, and searches for errors.
COMPILERS = [("g++", ["-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]),
             ("clang++", ["-O2", "-fno-rtti"])]
# A category of errors that are no errno values, an exception of submit, a request that was lost.
MORE_TROUBLES = {90: (HARDWARE, HARDWARE, None, "iostream")}
ASYNC_TROUBLES = {110: (HARDWARE, HARDWARE, None, "no place"),
                  120: (HARDWARE, (0, 0, 0, 0), None, "destroyed before it was completed")}


@functools.cache
def built(source, compiler, *flags):
    binary = path(f"{source.stem}-{compiler}")
    library = TOP / "build/lib"
    client(compiler, *STRICT, *flags, "-I", str(TOP / "include"), "-o", binary, str(source),
           "-L", str(library), "-lspd", f"-Wl,-rpath,{library}", "-pthread")
    return binary


def header_compiles_alone():
    for compiler, _ in COMPILERS:
        client(compiler, *STRICT, "-Wconversion", "-fno-rtti", "-fsyntax-only", "-x", "c++",
               "-I", str(TOP / "include"), str(HEADER))


def example_is_a_disk():
    check(len(EXAMPLE.read_text().splitlines()) <= 30, "the example is longer than 30 lines")
    compiler, flags = COMPILERS[1]
    with Server(built(EXAMPLE, compiler, *flags), ANY) as server:
        said = client("iscsi-readcapacity16", server.url)
        check(str(64 << 20) in said, said)
        qemu_io(server.url, "write -P 0x5a 1M 64k", "read -P 0x5a 1M 64k", "read -P 0 0 1M")


def disk(compiler, flags, kind):
    return lambda *names, **more: Server(built(HERE / "testdisk.cpp", compiler, *flags), kind,
                                         *names, **more)


def tests_of_a_kind(compiler, flags, kind):
    """All of them with the first compiler, which looks for errors of memory."""
    make = disk(compiler, flags, kind)
    troubles = {**TROUBLES, **MORE_TROUBLES, **(ASYNC_TROUBLES if kind == "async" else {})}
    yield contract.errors_become_sense, make, troubles
    if compiler != COMPILERS[0][0]:
        return
    yield from [(test, make) for test in (
        contract.is_a_disk_to_others, contract.writes_are_read_back,
        contract.trouble_of_one_initiator_is_no_other_ones,
        contract.two_units_of_a_process_are_two_disks)]
    if kind != "simple":
        yield contract.initiators_use_the_verbs, make
        yield contract.disk_hears_of_an_abort_and_of_its_end, make
    if kind == "async":
        yield contract.requests_end_in_another_order, make
        yield contract.request_that_is_never_done_ends_with_its_abort, make


def failed_call_is_an_exception():
    for compiler, flags in COMPILERS:
        contract.failed_call_is_an_exception([built(HERE / "testdisk.cpp", compiler, *flags)])


def threads_of_a_unit_begin_and_end():
    with disk(*COMPILERS[0], "verbs")(ANY) as server:
        qemu_io(server.url, "write -P 7 0 64k", "read -P 7 0 64k")
    found = contract.verbs(server)
    check("thread" in found and "threads 0" in found, f"{found}")


def scattered_data_is_the_devices():
    """Without an initiator: no door has data in several pieces at present."""
    for compiler, flags in COMPILERS:
        binary = built(HERE / "testdisk.cpp", compiler, *flags)
        said = client(binary, "pieces")
        check(said.split() == ["same", "none", "none"], said)


def doors_and_errors_are_the_units():
    contract.unit_has_two_doors_and_its_last_error(disk(*COMPILERS[0], "doors"))


def tests():
    yield "header compiles alone", header_compiles_alone
    yield "example is a disk", example_is_a_disk
    yield "failed call is an exception", failed_call_is_an_exception
    yield "threads of a unit begin and end", threads_of_a_unit_begin_and_end
    yield "scattered data is the device's", scattered_data_is_the_devices
    yield "doors and errors are the unit's", doors_and_errors_are_the_units
    yield "initiators see who made it", functools.partial(
        contract.initiators_see_who_made_it, disk(*COMPILERS[0], "simple"))
    for compiler, flags in COMPILERS:
        for kind in ("simple", "verbs", "async"):
            for test, *arguments in tests_of_a_kind(compiler, flags, kind):
                yield (f"{compiler}, {kind}: {test.__name__.replace('_', ' ')}",
                       functools.partial(test, *arguments))

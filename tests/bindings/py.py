# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The Python module spd: its view of the C interface, its disks, and the ends that a program may
have."""

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import contract
from contract import HARDWARE, TROUBLES
from peer import BLOCK, READ, Client
from program import ANY, TIMEOUT, Server, check, client, path, qemu_io

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
EXAMPLE = TOP / "examples/ramdisk.py"
LIBRARY = str(TOP / "build/lib/libspd.so.0")
ENVIRONMENT = dict(os.environ, PYTHONPATH=str(TOP / "src/python"), SPD_LIBRARY=LIBRARY,
                   PYTHONDONTWRITEBYTECODE="1")
# asyncio's timeout is the network's, and may pass; an OSError without a number.
MORE_TROUBLES = {90: ((8, 0, 0, 0), (8, 0, 0, 0), None, None),
                 91: (HARDWARE, HARDWARE, None, "no number")}
SUBMIT_TROUBLES = {110: (HARDWARE, HARDWARE, None, "no place"),
                   120: (HARDWARE, (0, 0, 0, 0), None, "lost before it was completed")}


def program(script, *arguments, **more):
    return Server(sys.executable, str(script), *arguments, env=ENVIRONMENT, **more)


def said(text, status=0, environment=ENVIRONMENT):
    """The output of a program, which ends by itself."""
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", text],
                          env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT)
    check(done.returncode == status, f"status {done.returncode}\n{done.stdout}")
    return "".join(line for line in done.stdout.splitlines(True) if not line.startswith("libspd:"))


def structures_are_those_of_the_compiler():
    done = subprocess.run([sys.executable, HERE / "abi.py", path("")], env=ENVIRONMENT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == 0, done.stdout)


def library_of_another_version_is_refused():
    source, library = path("other.c"), path("other.so")
    for version in ("9 << 16", "0"):
        with open(source, "w", encoding="ascii") as file:
            file.write(f"unsigned spd_version(void) {{ return {version}; }}\n")
        client("cc", "-shared", "-fPIC", "-o", library, source)
        text = said("import spd", 1, dict(ENVIRONMENT, SPD_LIBRARY=library))
        check("install those of one version" in text, text)
    text = said("import spd", 1, dict(ENVIRONMENT, SPD_LIBRARY="libspd-none.so"))
    check("ImportError" in text and "SPD_LIBRARY" in text, text)


def example_is_a_disk():
    check(len(EXAMPLE.read_text().splitlines()) <= 30, "the example is longer than 30 lines")
    server = program(EXAMPLE, ANY)
    try:
        qemu_io(server.url, "write -P 0x5a 1M 2M", "read -P 0x5a 1M 2M", "read -P 0 0 1M")
    finally:
        status = server.end(signal.SIGINT)
    check(status == 0 and "Traceback" not in server.errors(), server.errors())


PRELUDE = f"""
import asyncio, os, sys, threading, time
import spd
NAME = "unix:{path('door')}"
class Disk:
    def __init__(self): self.kept = []; self.entered = threading.Event()
    def read(self, buffer, lba, flags):
        self.kept += [buffer]; self.entered.set()
    def write(self, buffer, lba, flags): pass
class Stuck(Disk):
    def read(self, buffer, lba, flags): self.entered.set(); threading.Event().wait()
class Slow:
    async def read(self, buffer, lba, flags): entered.set(); await asyncio.sleep(1000)
    async def write(self, buffer, lba, flags): pass
entered = threading.Event()
def unit(device, name=NAME, **more): return spd.Unit(name, device, block_count=64, **more)
def ask():
    '''A read, of which nobody waits for the answer.'''
    import socket, struct
    stream = socket.socket(socket.AF_UNIX); stream.connect(NAME[5:]); stream.recv(128)
    stream.sendall(struct.pack("<QB7xQI20x", 1, 1, 0, 1))
    return stream
"""


def ctrl_c_interrupts_a_unit_that_watches_no_signals():
    text = said(PRELUDE + """
import signal
try:
    with unit(Disk()) as served:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        served.wait()
except KeyboardInterrupt:
    print("interrupted, and", "there" if os.path.exists(NAME[5:]) else "gone")
""")
    check(text.splitlines()[-1] == "interrupted, and gone", text)


def interpreter_ends_with_a_live_unit():
    for device in ("Disk()", "Stuck()"):
        text = said(PRELUDE + f"""
import spd._unit
spd._unit.EXIT_PATIENCE = 1
disk = {device}
served = unit(disk)
served.start()
stream = ask()
disk.entered.wait()
print("the end", flush=True)
""")
        check(("does not end" in text) == (device == "Stuck()"), text)
        check("Traceback" not in text and "Fatal" not in text, text)


def interpreter_ends_with_a_unit_whose_loop_is_gone():
    for run in ("asyncio.run(main())", "asyncio.new_event_loop().run_until_complete(main())"):
        text = said(PRELUDE + f"""
async def main():
    served = spd.AsyncUnit(NAME, Slow(), block_count=64)
    served.start()
    streams.append(ask())
    await asyncio.to_thread(entered.wait)
streams = []
{run}
streams.append(ask())
print("the end", flush=True)
""")
        check("the end" in text, text)
        for word in ("Traceback", "Fatal", "does not end"):
            check(word not in text, text)


def child_of_fork_has_units_of_its_own():
    text = said(PRELUDE + """
with unit(Disk()) as served:
    pid = os.fork()
    if not pid:
        for call in (served.door_uri, served.shutdown, served.wait):
            try:
                call()
            except RuntimeError as why:
                print("refused:", why, flush=True)
        with unit(Disk(), NAME + "2") as own:
            print("own:", own.door_uri(), flush=True)
        served.close()
        sys.exit()
    print("child ended with", os.waitpid(pid, 0)[1], flush=True)
    ask()
    served.device.entered.wait()
    print("the parent serves")
""")
    lines = text.splitlines()
    check([line.split(":")[0] for line in lines] == ["refused"] * 3 + [
        "own", "child ended with 0", "the parent serves"], text)
    check("a child of fork() makes units of its own" in lines[0], text)


def what_is_wrong_is_said():
    text = said(PRELUDE + """
class Reader:
    def read(self, buffer, lba, flags): pass
class Coroutine(Reader):
    async def read(self, buffer, lba, flags): pass
def tell(make):
    try:
        make()
    except Exception as why:
        print(type(why).__name__, why)
closed = unit(Disk()); closed.close()
tell(lambda: unit(Reader()))
tell(lambda: unit(Coroutine(), flags=spd.Flags.WRITE_PROTECTED))
tell(lambda: unit(Reader(), flags=spd.Flags.WRITE_PROTECTED | spd.Flags.UNMAP_SUPPORTED))
tell(lambda: unit(Disk(), block_size=512))
tell(lambda: unit(Disk(), NAME + "\\0"))
tell(lambda: unit(Disk(), block_length=77))
tell(closed.start)
tell(closed.door_uri)
""")
    wanted = ["Error", "TypeError", "Error", "TypeError", "ValueError", "Error", "ValueError",
              "ValueError"]
    words = ["no method write", "AsyncUnit", "no method unmap", "block_size", "NUL", "77",
             "closed", "closed"]
    lines = text.splitlines()
    check([line.split()[0] for line in lines] == wanted, text)
    check(all(word in line for word, line in zip(words, lines)), text)


def memory_of_a_request_is_not_seen_after_it():
    text = said(PRELUDE + """
with unit(Disk()) as served:
    stream = ask()
    stream.recv(48)
    served.device.entered.wait()
try:
    served.device.kept[0][0]
except ValueError as why:
    print("refused:", why)
""")
    check("refused: operation forbidden on released memoryview" in text, text)


def method_cannot_close_its_unit():
    text = said(PRELUDE + """
class Closes(Disk):
    def read(self, buffer, lba, flags):
        try:
            served.close()
        except RuntimeError as why:
            print("refused:", why, flush=True)
        served.shutdown()
served = unit(Closes())
with served:
    stream = ask()
    served.wait()
    print("ended")
""")
    check("refused: a method" in text and text.splitlines()[-1] == "ended", text)


def disk(kind):
    return lambda *names, **more: program(HERE / "testdisk.py", kind, *names, **more)


def tests_of_a_kind(kind):
    make = disk(kind)
    troubles = {**TROUBLES, **MORE_TROUBLES, **(SUBMIT_TROUBLES if kind == "submit" else {})}
    yield from [(test, make) for test in (
        contract.writes_are_read_back, contract.trouble_of_one_initiator_is_no_other_ones)]
    yield contract.errors_become_sense, make, troubles
    if kind in ("simple", "async"):
        yield contract.is_a_disk_to_others, make
        yield contract.two_units_of_a_process_are_two_disks, make
        yield contract.initiators_use_the_verbs, make
        yield contract.disk_hears_of_an_abort_and_of_its_end, make
    if kind == "simple":
        yield contract.initiators_see_who_made_it, make
    if kind == "submit":
        yield contract.initiators_use_the_verbs, make
    if kind in ("submit", "async"):
        yield contract.requests_end_in_another_order, make
    if kind == "submit":
        yield contract.request_that_is_never_done_ends_with_its_abort, make


def tests():
    for test in (structures_are_those_of_the_compiler, library_of_another_version_is_refused,
                 example_is_a_disk, ctrl_c_interrupts_a_unit_that_watches_no_signals,
                 interpreter_ends_with_a_live_unit,
                 interpreter_ends_with_a_unit_whose_loop_is_gone,
                 child_of_fork_has_units_of_its_own, what_is_wrong_is_said,
                 memory_of_a_request_is_not_seen_after_it, method_cannot_close_its_unit):
        yield test.__name__.replace("_", " "), test
    for kind in ("simple", "vectors", "submit", "async"):
        for test, *arguments in tests_of_a_kind(kind):
            yield f"{kind}: {test.__name__.replace('_', ' ')}", functools.partial(test, *arguments)

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A Wine prefix: made once, copied for each run, and emptied of processes at its end."""

import ctypes
import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

REGISTRY = ("system.reg", "user.reg", "userdef.reg")
FATAL = re.compile("Unhandled |[Uu]nimplemented function|stack overflow")
# Seconds for what takes at most one on a machine that has nothing else to do: a limit for what
# hangs, not for what is slow.
PATIENCE = 120
ADDR_NO_RANDOMIZE = 0x0040000  # personality(2)


class Dead(Exception):
    """The emulated kernel is gone; the text says why."""


def fix_addresses():
    """For this process and those that it will start; whether the system lets us. Wine's loader is
    at a fixed address and Linux puts its heap somewhere in the GiB behind it (since 6.9): in one
    start of some 8000 where Wine wants the page that programs share with the kernel (0x7ffe0000),
    and then the program ends at once, with status 1 and a message of the class err at best."""
    libc = ctypes.CDLL(None)
    now = libc.personality(0xffffffff)
    return libc.personality(now | ADDR_NO_RANDOMIZE) != -1


class Prefix:
    def __init__(self, folder, log):
        self.steady = fix_addresses()
        self.folder = Path(folder)
        self.drive = self.folder / "drive_c"
        self.log = open(log, "ab+")
        self.read = 0  # of the log, by new_trouble()
        self.env = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
        # Wine tells of its own errors, such as a missing DLL, without which programs end silently.
        self.env.update(WINEPREFIX=str(self.folder), WINEDEBUG="-all,err+all",
                        WINEDLLOVERRIDES="mscoree,mshtml=")

    def make(self):
        """From nothing; takes 10 s."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.check(["wine", "wineboot", "-i"], 5 * PATIENCE)
        self.stop()

    def copy(self, to, log):
        """Files that Windows only reads are linked, others are copied."""
        shutil.copytree(self.folder, to, symlinks=True, copy_function=os.link)
        for name in REGISTRY:
            (to / name).unlink()
            shutil.copy(self.folder / name, to / name)
        copy = Prefix(to, log)
        copy.unplug(r"ROOT\WINE")
        return copy

    def unplug(self, devices):
        """Before the start: forgets these devices, so that their drivers are not loaded. (Those of
        PnP devices are, even when their services are disabled.)"""
        path = self.folder / "system.reg"
        text = path.read_text(errors="surrogateescape")
        begin = re.escape(rf"[System\CurrentControlSet\Enum\{devices}".replace("\\", r"\\"))
        path.write_text(re.sub(rf"^{begin}.*\n(?:[^[\n].*\n)*", "", text, flags=re.M),
                        errors="surrogateescape")

    def start(self):
        """Without -p everything would end with the last program."""
        self.check(["wineserver", "-p"])

    def run(self, command, timeout=PATIENCE, more_env=(), **more):
        """Its exit status, or "timeout", and its standard output."""
        process = subprocess.Popen(list(map(str, command)), text=True,
                                   env={**self.env, **dict(more_env)},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=self.log, start_new_session=True, **more)
        try:
            output, _ = process.communicate(timeout=timeout)
            return process.returncode, output
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return "timeout", output

    def registry(self, key):
        """All that is below a key; nothing where there is no such key."""
        status, output = self.wine("reg", "query", key, "/s")
        if status == 0:
            return output
        assert "Unable to find" in output, f"reg query {key}: {self.why(status, output)}"
        return ""

    def why(self, status, output=""):
        """All there is to know of a program that did not do as it should, and may be silent."""
        if isinstance(status, int) and status < 0:
            status = f"killed by {signal.Signals(-status).name}"
        return "\n".join([f"status {status}", output.rstrip() or "it printed nothing",
                          f"the wineserver {'runs' if self.runs() else 'has gone'}",
                          f"so far: {self.said()}" if self.said() else "Wine has said nothing"])

    def runs(self):
        """Whether the machine is on."""
        return not subprocess.run(["wineserver", "-k0"], env=self.env, timeout=PATIENCE).returncode

    def processes(self):
        """Those of this machine, its server and its emulated kernel too: by number, the command
        and the names of the files in the memory. Nobody else's, whatever they are called."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                environment = (process / "environ").read_bytes().split(b"\0")
                if os.fsencode(f"WINEPREFIX={self.folder}") in environment:
                    command = os.fsdecode((process / "cmdline").read_bytes()).replace("\0", " ")
                    maps = os.fsdecode((process / "maps").read_bytes())
                    found[int(process.name)] = command, set(re.findall(r"/([^/\n]+)$", maps, re.M))
            except OSError:  # it has just ended, or another user's
                continue
        return found

    def kernels(self):
        """The processes of the emulated kernel, each with the drivers in it."""
        return {number: sorted(name for name in names if name.endswith(".sys"))
                for number, (command, names) in self.processes().items()
                if "winedevice.exe" in command}

    def wine(self, program, *arguments, timeout=PATIENCE):
        return self.run(["wine", program, *arguments], timeout)

    def start_wine(self, program, *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                   stderr=None):
        return subprocess.Popen(["wine", str(program), *map(str, arguments)], env=self.env,
                                text=True, stdin=stdin, stdout=stdout, stderr=stderr or self.log)

    def check(self, command, timeout=PATIENCE):
        status, output = self.run(command, timeout)
        if status:
            raise Dead(f"{' '.join(map(str, command))}: {self.why(status, output)}")

    def said(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]

    def new_trouble(self):
        """Wine's texts about programs, or its kernel, that died since the last call."""
        self.log.seek(self.read)
        text = self.log.read().decode(errors="replace")
        self.read = self.log.tell()
        return [line for line in text.splitlines() if FATAL.search(line)]

    def stop(self):
        """Ends every process of the prefix."""
        subprocess.run(["wineserver", "-k"], env=self.env, stderr=subprocess.DEVNULL)
        try:
            subprocess.run(["wineserver", "-w"], env=self.env, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            subprocess.run(["wineserver", "-k9"], env=self.env, stderr=subprocess.DEVNULL)

    def restart(self):
        """The machine is switched off and on: an installed device is there again."""
        self.stop()
        self.start()

    def wait_for_none(self, look, *arguments):
        """A removal may end a while after its call has returned: Windows forgets a service when its
        last user lets go of it."""
        left = []

        def gone():
            left[:] = look(*arguments)
            return not left

        try:
            self.wait_for(gone, "it goes")
        except AssertionError as error:
            raise AssertionError("\n".join([*map(str, left), str(error)])) from None

    def wait_for(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"never: {what}; {self.said()}")
            time.sleep(0.05)


def base(cache):
    """The prefix that is copied; made when it is not there, whole or not at all."""
    folder = cache / "wine"
    with open(cache / "wine.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # who runs beside us waits for the one that makes it
        if not (folder / "system.reg").exists():
            shutil.rmtree(folder, ignore_errors=True)
            making = cache / "wine.new"
            shutil.rmtree(making, ignore_errors=True)
            Prefix(making, cache / "wine.log").make()
            making.rename(folder)
    return Prefix(folder, cache / "wine.log")

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A Wine prefix: made once, copied for each run, and emptied of processes at its end."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

REGISTRY = ("system.reg", "user.reg", "userdef.reg")
FATAL = ("Unimplemented function", "Unhandled page fault", "Unhandled exception",
         "unimplemented function", "Unhandled illegal instruction")


class Dead(Exception):
    """The emulated kernel is gone; the text says why."""


class Prefix:
    def __init__(self, folder, log):
        self.folder = Path(folder)
        self.drive = self.folder / "drive_c"
        self.log = open(log, "ab+")
        self.read = 0  # of the log, by new_trouble()
        self.env = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
        self.env.update(WINEPREFIX=str(self.folder), WINEDEBUG="-all",
                        WINEDLLOVERRIDES="mscoree,mshtml=")

    def make(self):
        """From nothing; takes 10 s."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.check(["wine", "wineboot", "-i"], 180)
        self.stop()

    def copy(self, to, log):
        """What Windows only reads is linked, what it writes is copied."""
        shutil.copytree(self.folder, to, symlinks=True, copy_function=os.link)
        for name in REGISTRY:
            (to / name).unlink()
            shutil.copy(self.folder / name, to / name)
        return Prefix(to, log)

    def disable(self, *services):
        """Before the start: they are not loaded."""
        path = self.folder / "system.reg"
        text = path.read_text(errors="surrogateescape")
        for service in services:
            text = re.sub(rf'(Services\\\\{service}\][^[]*"Start"=dword:)\d+',
                          r"\g<1>00000004", text)  # SERVICE_DISABLED
        path.write_text(text, errors="surrogateescape")

    def start(self):
        """Without -p everything would end with the last program."""
        self.check(["wineserver", "-p"], 30)

    def run(self, command, timeout, **more):
        """Its exit status, or "timeout", and its standard output."""
        process = subprocess.Popen(list(map(str, command)), env=self.env, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=self.log, start_new_session=True, **more)
        try:
            output, _ = process.communicate(timeout=timeout)
            return process.returncode, output
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return "timeout", output

    def wine(self, program, *arguments, timeout=60):
        return self.run(["wine", program, *arguments], timeout)

    def start_wine(self, program, *arguments, stdin=subprocess.DEVNULL):
        return subprocess.Popen(["wine", str(program), *map(str, arguments)], env=self.env,
                                text=True, stdin=stdin, stdout=subprocess.PIPE, stderr=self.log)

    def check(self, command, timeout):
        status, output = self.run(command, timeout)
        if status:
            raise Dead(f"{' '.join(map(str, command))}: {status} {output}{self.said()}")

    def said(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]

    def new_trouble(self):
        """What Wine has said of programs, or its kernel, that died since the last call."""
        self.log.seek(self.read)
        text = self.log.read().decode(errors="replace")
        self.read = self.log.tell()
        return [line for line in text.splitlines() if any(f in line for f in FATAL)]

    def stop(self):
        """Ends every process of the prefix."""
        subprocess.run(["wineserver", "-k"], env=self.env, stderr=subprocess.DEVNULL)
        try:
            subprocess.run(["wineserver", "-w"], env=self.env, timeout=20)
        except subprocess.TimeoutExpired:
            subprocess.run(["wineserver", "-k9"], env=self.env, stderr=subprocess.DEVNULL)

    def restart(self):
        """The machine is switched off and on: an installed device is there again."""
        self.stop()
        self.start()

    def wait_for(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"never: {what}")
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

# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The servers that are measured: each is a process with an iSCSI target of its own."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

IQN = "iqn.2026-01.org.winspd.bench:"
START_SECONDS = 120


class Failed(Exception):
    """Something could not be measured."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(command, cpu, **options):
    """Starts a process that stays on one CPU, as all its threads will; None: on any."""
    stay = None if cpu is None else lambda: os.sched_setaffinity(0, {cpu})
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=stay, **options)


class Server:
    """A context: the server runs inside of it, and is gone, by its process id, after it."""

    name = ""
    lun = 0
    end = signal.SIGTERM

    def __init__(self, setup):
        self.setup = setup
        self.port = free_port()
        self.iqn = IQN + self.name
        self.url = f"iscsi://127.0.0.1:{self.port}/{self.iqn}/{self.lun}"
        self.image = setup.ram / f"winspd-bench-{os.getpid()}-{self.name}"
        self.log = setup.work / f"{self.name}.log"
        self.process = None

    def command(self):
        raise NotImplementedError

    def configure(self):
        """The steps between the start and the first login."""

    def clean(self):
        for name in (self.image, self.image.with_name(f"{self.image.name}.spdstate")):
            name.unlink(missing_ok=True)

    def memory(self):
        """Resident bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise Failed(f"{self.name} has ended")

    def until(self, condition, what):
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace").strip().splitlines()[-3:]
                raise Failed(f"{self.name} {what}; {self.log} ends: " + " | ".join(tail))
            time.sleep(0.02)

    def listening(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self):
        try:
            with open(self.log, "w") as log:
                self.process = pinned(self.command(), self.setup.cpu, stdout=log, stderr=log)
            self.until(self.listening, "does not listen")
            self.configure()
        except OSError as error:
            self.__exit__()
            raise Failed(f"{self.name} cannot be started: {error}") from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.end)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.clean()


class Rawdisk(Server):
    name = "rawdisk"

    def command(self):
        self.image.touch()
        return [self.setup.bin / self.name, "-f", self.image, *self.options()]

    def options(self):
        return ["-c", str(self.setup.size // 512), "-l", "512",
                "-p", f"iscsi://127.0.0.1:{self.port}/{self.iqn}"]


class Memdisk(Rawdisk):
    name = "memdisk"

    def command(self):
        return [self.setup.bin / self.name, *self.options()]


class Tgtd(Server):
    """As Debian ships it, with all its defaults; the image is served by its 'rdwr' back end."""

    name = "tgtd"
    lun = 1
    end = signal.SIGKILL  # it ignores SIGTERM while it has a target
    sockets = Path("/var/run/tgtd")

    def command(self):
        used = {path.suffix for path in self.sockets.glob("socket.*")}
        self.control = next(n for n in range(100, 1000) if f".{n}" not in used)
        with open(self.image, "wb") as image:
            image.truncate(self.setup.size)
        return ["tgtd", "-f", "-C", str(self.control), "--iscsi", f"portal=127.0.0.1:{self.port}"]

    def admin(self, *arguments):
        return subprocess.run(["tgtadm", "-C", str(self.control), "--lld", "iscsi", *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def configure(self):
        self.until(lambda: self.admin("--mode", "target", "--op", "show").returncode == 0,
                   "does not answer tgtadm")
        for arguments in (
                ["--mode", "target", "--op", "new", "--tid", "1", "-T", self.iqn],
                ["--mode", "logicalunit", "--op", "new", "--tid", "1", "--lun", str(self.lun),
                 "--bstype", "rdwr", "-b", str(self.image)],
                ["--mode", "target", "--op", "bind", "--tid", "1", "-I", "127.0.0.1"]):
            done = self.admin(*arguments)
            if done.returncode:
                raise Failed(f"tgtadm {' '.join(arguments)}: {done.stderr.strip()}")

    def clean(self):
        super().clean()
        if hasattr(self, "control"):
            for name in (f"socket.{self.control}", f"socket.{self.control}.lock"):
                (self.sockets / name).unlink(missing_ok=True)


SERVERS = {server.name: server for server in (Tgtd, Rawdisk, Memdisk)}

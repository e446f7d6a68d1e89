# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The launcher in a machine of tests/wine: its service, its classes, its client."""

import os
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager

from harness.prefix import PATIENCE

SERVICES = r"HKEY_LOCAL_MACHINE\SOFTWARE\WOW6432Node\WinSpd\Services"
FOLDER = r"C:\winspd"
EVERYBODY = "D:P(A;;RPWPLC;;;WD)"
SYSTEMS = "O:SYG:SYD:P(A;;RPWPLC;;;SY)(A;;RPWPLC;;;BA)"
# Wine's own messages, which begin with the number of a thread.
WINE_SAYS = re.compile(r"^[0-9a-f]{4}:")


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Launcher:
    def __init__(self, machine):
        self.machine = machine
        self.prefix = machine.prefix
        self.files = machine.package  # C:\winspd
        self.service = None  # the program that is the service

    def program(self, name):
        return rf"{FOLDER}\{name}-x64.exe"

    def prepare(self):
        """The programs of the tests, beside those that ship."""
        for name in ("client", "control", "server", "user", "launcher-test"):
            shutil.copy(self.machine.build / f"tests/launcher/{name}-x64.exe", self.files)
        self.use("launcher")

    def control(self, *arguments):
        status, output = self.prefix.wine(self.program("control"), *arguments)
        assert status == 0, f"control {arguments}: {self.prefix.why(status, output)}"

    def use(self, program):
        """This program as the service."""
        if self.service == program:
            return
        if self.service:
            self.control("stop")
            self.control("remove")
        self.control("install", self.program(program))
        self.control("start")
        self.service = program

    def processes_of(self, text):
        """Those of this machine with that in their command lines."""
        return [process for process, (command, _) in self.prefix.processes().items()
                if text in command]

    def kill(self):
        """As a crash would. Wine's service manager goes on to say that it runs, and starts it again
        all the same."""
        running = self.processes_of(f"{self.service}-x64.exe")
        assert len(running) == 1, f"{running} are not one launcher"
        os.kill(running[0], signal.SIGKILL)
        self.prefix.wait_for(lambda: self.ctl("list")[0] == 2, "its pipe goes")

    def start_again(self):
        self.control("start")
        self.prefix.wait_for(lambda: self.ctl("list")[0] == 0, "it serves")

    def add_class(self, name, **values):
        self.add_classes({name: values})

    def add_classes(self, classes):
        """As programs of others register themselves: by a .reg file. None: without the value."""
        text = ["Windows Registry Editor Version 5.00"]
        for name, values in classes.items():
            text += ["", rf"[-{SERVICES}\{name}]", "", rf"[{SERVICES}\{name}]"]
            values = {"Executable": self.program("server"), "Security": EVERYBODY, **values}
            for key, value in values.items():
                if isinstance(value, int):
                    text.append(f'"{key}"=dword:{value:08x}')
                elif value is not None:
                    text.append(f'"{key}"={quoted(value)}')
        (self.files / "class.reg").write_text("\r\n".join([*text, ""]), encoding="utf-16")
        status, output = self.prefix.wine("reg", "import", rf"{FOLDER}\class.reg")
        assert status == 0, self.prefix.why(status, output)

    def run(self, *command):
        """Exit status, standard output, standard error without what Wine says."""
        done = subprocess.run(["wine", *command], env=self.prefix.env, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE, text=True)
        errors = [line for line in done.stderr.splitlines() if not WINE_SAYS.match(line)]
        return done.returncode, done.stdout, "\n".join(errors)

    def ctl(self, *words):
        return self.run(self.program("launchctl"), *words)

    def says(self, text, *words, status=0, user=False):
        """launchctl with these words prints this; user: of one who is no administrator."""
        command = [self.program("user")] if user else []
        found = self.run(*command, self.program("launchctl"), *words)
        assert found == (status, text, ""), f"launchctl {words}: {found} instead of {text!r}"

    def list(self):
        status, output, errors = self.ctl("list")
        assert status == 0 and output.startswith("OK\n") and not errors, (status, output, errors)
        return sorted(output.splitlines()[1:])

    def wait_for_list(self, *lines):
        found = []

        def same():
            found[:] = self.list()
            return found == sorted(lines)

        try:
            self.prefix.wait_for(same, f"{lines} runs")
        except AssertionError as error:
            raise AssertionError(f"{found}: {error}") from None

    def send(self, text):
        """The launcher's answer to a message, `|` for a NUL."""
        status, output, _ = self.run(self.program("client"), "send", text)
        return output.rstrip("\n") if status == 0 else f"{status}: {output}"

    @contextmanager
    def client(self, *words, says="connected"):
        """A client, or another launcher, that goes on until the end."""
        process = self.prefix.start_wine(self.program("client"), *words)
        try:
            line = process.stdout.readline()
            assert line.strip() == says, f"client {words}: {line}"
            yield process
        finally:
            process.kill()
            process.communicate()

    def log_of(self, name):
        """The notes of a server of the tests."""
        path = self.files / f"{name}.log"
        return path.read_text().splitlines() if path.exists() else []

    def wait_for_log(self, name, line, times=1):
        self.prefix.wait_for(lambda: self.log_of(name).count(line) >= times,
                             f"{line} in {name}.log: {self.log_of(name)}")

    def clear(self):
        """Nothing runs that a test has left."""
        for line in self.list():
            self.ctl("stopForced", *line.split(" ", 1))
        self.wait_for_list()

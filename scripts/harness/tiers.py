# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The builds, and the tiers that need them."""

import json
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import process, tap

TOP = Path(__file__).resolve().parent.parent.parent
BUILD = TOP / "build"
LAST_LINES = 25
PATIENCE = 600  # seconds, for a unit program that hangs; what is slow has to pass

VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect", "--fair-sched=yes"]
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "second_deadlock_stack=1",
}


@dataclass
class Tally:
    """The findings of a job; failures are (name, last lines of its output)."""

    passed: int = 0
    cpu: float = 0  # seconds
    failures: list = field(default_factory=list)
    skipped: list = field(default_factory=list)

    def add(self, case, last_lines=()):
        if case.outcome == "passed":
            self.passed += 1
        elif case.outcome == "skipped":
            self.skipped.append((case.name, case.reason))
        else:
            self.failures.append((case.name, list(last_lines)))

    def fail(self, name, last_lines=()):
        self.failures.append((name, list(last_lines)))

    def spent(self, seconds):
        self.cpu += seconds

    @property
    def total(self):
        return self.passed + len(self.failures) + len(self.skipped)


class Program:
    """Runs one program that speaks TAP and adds what it says to a tally."""

    def __init__(self, name, prefix, tally, log, notify):
        self.name = name
        self.prefix = prefix
        self.tally = tally
        self.log = log
        self.notify = notify
        self.reader = tap.Reader()
        self.recent = []
        self.failing = False

    def _line(self, line):
        case = self.reader.feed(line)
        if not (self.failing and line.startswith("#")):
            self._chatter(line)
        if case:
            case.name = f"{self.prefix}{case.name}"
            self.tally.add(case, self.recent)
            self.failing = case.outcome == "failed"
            self.recent = []
            self.notify(case.name)
        elif self.failing and line.startswith("#"):
            # Diagnostics follow the result they belong to.
            self.tally.failures[-1][1].append(line.rstrip())
        else:
            self.failing = False

    def run(self, command, env, timeout, speaks_tap=True, cwd=TOP):
        self.log.write(f"## {self.name}: {' '.join(command)}\n")
        wrong = process.run(command, env, self.log, timeout,
                            self._line if speaks_tap else self._chatter, cwd=cwd,
                            spent=self.tally.spent)
        failed = any(case.outcome == "failed" for case in self.reader.cases)
        if not speaks_tap:
            outcome = "failed" if wrong else "passed"
            if wrong == "exit status 77":
                outcome = "skipped"
            self.tally.add(tap.Case(self.name, outcome, "exit status 77"),
                           self.recent + [wrong])
            return
        trouble = self.reader.trouble()
        # A program that reported its failures says so again with its exit status.
        if wrong and not (failed and wrong.startswith("exit status") and not trouble):
            self.tally.fail(f"{self.name}: {wrong}", self.recent)
        elif trouble:
            self.tally.fail(f"{self.name}: {trouble}", self.recent)

    def _chatter(self, line):
        self.recent = self.recent[1 - LAST_LINES:] + [line.rstrip()]


@dataclass
class Job:
    """A build or a tier. run(tally, log, notify) does it."""

    name: str
    about: str
    needs: list = field(default_factory=list)

    @property
    def work(self):
        return BUILD / "work" / self.name

    @contextmanager
    def environment(self, tally):
        """With a folder for whatever the job leaves, also when it is killed; it is kept for those
        who look why something failed."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        runtime = self.work / "run"  # of control sockets: nobody else's are touched
        runtime.mkdir(mode=0o700)
        yield dict(os.environ, **SANITIZERS, WORK=str(self.work), TMPDIR=str(self.work),
                   SPD_RUNTIME_DIR=str(runtime))
        if not tally.failures:
            shutil.rmtree(self.work, ignore_errors=True)


@dataclass
class Build(Job):
    command: str = ""  # instead of scripts/build
    variables: dict = field(default_factory=dict)

    def run(self, tally, log, notify, pattern):
        env = dict(os.environ, BUILD_JOBS=str(max(1, (os.cpu_count() or 1) // 2)),
                   **self.variables)
        recent = []

        def keep(line):
            recent.append(line.rstrip())
            notify(line.strip())

        command = [self.command] if self.command else ["scripts/build",
                                                       self.name.removeprefix("build-")]
        wrong = process.run([str(TOP / command[0]), *command[1:]], env, log, 3600, keep,
                            spent=tally.spent)
        if wrong:
            tally.fail(f"{self.name}: {wrong}", recent[-LAST_LINES:])
        else:
            tally.passed += 1


@dataclass
class Unit(Job):
    """The tests that Meson knows of one build."""

    suites: tuple = ("unit",)  # () = all
    checked: tuple = ()        # suites to run under valgrind
    patience: float = 1

    def run(self, tally, log, notify, pattern):
        with self.environment(tally) as env:
            self._run_each(tally, log, notify, pattern, env)

    def _run_each(self, tally, log, notify, pattern, env):
        kind = self.needs[0].removeprefix("build-")
        listed = subprocess.run(["meson", "introspect", "--tests", str(BUILD / kind)], check=True,
                                stdout=subprocess.PIPE)
        for test in json.loads(listed.stdout):
            suites = {suite.split(":")[-1] for suite in test["suite"]}
            if self.suites and not suites.intersection(self.suites):
                continue
            if pattern and not re.search(pattern, test["name"]):
                continue
            tap_program = test["protocol"] == "tap"
            valgrind = tap_program and suites.intersection(self.checked)
            program = Program(test["name"], f"{test['name']}: ", tally, log, notify)
            program.run((VALGRIND if valgrind else []) + test["cmd"],
                        {**env, **test["env"]},
                        max(test["timeout"], PATIENCE) * self.patience * (10 if valgrind else 1),
                        tap_program, test["workdir"] or BUILD / kind)


@dataclass
class Script(Job):
    """An executable that prints TAP. tools: programs without which it is skipped."""

    timeout: float = 3600  # for what hangs; what is slow has to pass
    path: str = ""
    tools: tuple = ()

    def run(self, tally, log, notify, pattern):
        # An administrator's programs are not in everybody's PATH.
        where = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        missing = [tool for tool in self.tools if not shutil.which(tool, path=where)]
        if missing:
            tally.add(tap.Case("everything", "skipped", f"there is no {', '.join(missing)}"))
            return
        (BUILD / "cache").mkdir(parents=True, exist_ok=True)
        path = TOP / (self.path or f"tests/{self.name}/run")
        if not os.access(path, os.X_OK):
            tally.fail(f"{self.name}: {path.relative_to(TOP)} is not there or not executable")
            return
        with self.environment(tally) as env:
            env.update(BIN=str(BUILD / "bin"), BUILD=str(BUILD / "release"),
                       CACHE=str(BUILD / "cache"), TEST=pattern)
            Program(self.name, "", tally, log, notify).run([str(path)], env, self.timeout)


CROSS_TOOLS = ("x86_64-w64-mingw32-objdump", "i686-w64-mingw32-objdump")
# In the order in which they are started: what others wait for and what takes long comes first, so
# that nothing long is alone at the end.
JOBS = [
    Build("build-release", "gcc, optimised and hardened, warnings are errors"),
    Script("order", "make targets in any order, with optional packages there or not",
           tools=("make", "meson", "ninja", "pkg-config", "gcc", "clang", "c++",
                  "clang-16", "ld.lld-16", "x86_64-w64-mingw32-gcc", "i686-w64-mingw32-gcc")),
    Build("build-windows-x64", "the cross build for Windows, 64 bits"),
    Build("build-windows-x86", "and 32 bits"),
    Script("vm", "a Linux kernel in a virtual machine uses our disks", ["build-release"],
           tools=("qemu-system-x86_64", "busybox", "iscsiadm", "sg_inq", "fio")),
    Build("build-asan", "gcc with the address and undefined-behaviour sanitizers"),
    Build("build-dist", "what make dist makes",
          ["build-release", "build-windows-x64", "build-windows-x86"], command="scripts/dist",
          variables={"DIST_FAST": "1"}),
    Script("wine", "the Windows driver under Wine, with our double of StorPort",
           ["build-windows-x64", "build-windows-x86"], tools=("wine",)),
    Unit("unit-asan", "unit tests under ASan and UBSan", ["build-asan"], patience=4),
    Build("build-tsan", "gcc with the thread sanitizer"),
    Script("conformance", "iscsi-test-cu, qemu-img and qemu-io",
           ["build-release", "build-asan", "build-tsan"],
           tools=("iscsi-test-cu", "qemu-img", "qemu-io")),
    Unit("unit-tsan", "unit tests under TSan", ["build-tsan"], patience=6),
    Build("build-fuzz", "clang with libFuzzer, ASan and UBSan"),
    Script("fuzz", "short fuzzing of everything that parses", ["build-fuzz"]),
    Script("msi", "the Windows installer: its tables, and installations under Wine", ["build-dist"],
           tools=("msiinfo", "wine")),
    Script("debian", "the tarball and the Debian packages: installed, used, upgraded, purged",
           ["build-dist"], tools=("lintian", "qemu-img")),
    Unit("unit-release", "all of Meson's tests; the library's under valgrind", ["build-release"],
         suites=(), checked=("lib", "launch")),
    Build("build-clang", "clang, warnings are errors"),
    Script("launcher", "the launcher and launchctl, under Wine",
           ["build-windows-x64", "build-windows-x86"], tools=("wine",)),
    Script("devices", "rawdisk, memdisk and nbddisk", ["build-release"],
           tools=("certtool", "iscsi-inq", "nbdcopy", "pkg-config", "qemu-io")),
    Script("shellex", "Explorer's mount and eject, under Wine",
           ["build-windows-x64", "build-windows-x86"], tools=("wine",)),
    Script("iscsi-windows", "iSCSI disks served by our Windows programs, under Wine",
           ["build-windows-x64", "build-release"], tools=("wine", "iscsi-test-cu", "qemu-io")),
    Script("devsetup", "installing and removing a driver, under Wine", ["build-windows-x64"],
           tools=("wine",)),
    Script("bindings", "disks in C++ and Python", ["build-release"],
           tools=("g++", "clang++", "qemu-io", "iscsi-readcapacity16")),
    Script("sys", "the driver's image, imports and INF; the public headers for Windows",
           ["build-windows-x64", "build-windows-x86"],
           tools=(*CROSS_TOOLS, "clang", "clang-16", "llvm-pdbutil-16")),
    Script("dll", "winspd-x64.dll and winspd-x86.dll, under Wine",
           ["build-windows-x64", "build-windows-x86"], tools=("wine", *CROSS_TOOLS)),
    Script("bench", "data at full speed; what the benchmarks report",
           ["build-release", "build-windows-x64", "build-windows-x86"], tools=("wine",)),
    Script("devices-windows", "rawdisk, memdisk and the tools on Windows, under Wine",
           ["build-windows-x64"], path="tests/devices/windows/run", tools=("wine",)),
    Script("tools", "scsitool and stgtest", ["build-release"]),
    Script("dotnet-windows", "the .NET layer on .NET Core for Windows, under Wine",
           ["build-release", "build-windows-x64", "build-windows-x86"],
           path="tests/dotnet/windows/run", tools=("wine",)),
    Script("completions", "what a TAB offers in bash, zsh and fish", ["build-release"],
           tools=("bash", "zsh", "fish")),
    Script("dotnet", "the .NET layer under Mono and .NET Core, and its NuGet package",
           ["build-release"], tools=("mono", "qemu-io", "nuget", "xbuild")),
    Script("signing", "the driver's catalogues; signatures of everything for Windows",
           ["build-windows-x64", "build-windows-x86", "build-release"],
           tools=("osslsigncode", "openssl", "wixl", "softhsm2-util", "p11tool")),
    Script("install", "what make install leaves", ["build-release"],
           tools=("pkg-config", "readelf")),
    Script("harness", "the test runner itself"),
    Script("lint", "the tree's own rules; manual pages and links", ["build-release"],
           tools=("mandoc",)),
    Script("hardening", "what the shipped binaries are made of", ["build-release"],
           tools=("readelf",)),
]

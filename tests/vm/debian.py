# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Packages of Debian for the tests, of any suite, from the mirror that this machine uses. They are
downloaded and unpacked, never installed: apt's own lists, archives and sources stay as they are.
"""

import contextlib
import fcntl
import glob
import os
import re
import subprocess

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
HOST_SUITE = "bookworm"


class DebianError(Exception):
    pass


class Unavailable(DebianError):
    """A suite or a package cannot be had here. A test that needs it is skipped."""


@contextlib.contextmanager
def alone(cache):
    """`make demo` and the tests share the cache: what one of them makes, the other waits for."""
    store = os.path.join(cache, "vm")
    os.makedirs(store, exist_ok=True)
    with open(os.path.join(store, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield store


def run(*command, **options):
    """The output of a command that has to succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          **options)
    if done.returncode != 0:
        raise DebianError(f'{" ".join(command)}: exit {done.returncode}: '
                          + done.stderr.decode(errors="replace").strip())
    return done.stdout


def mirror():
    """Where this machine has its packages of Debian from."""
    rows = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)",
               "Identifier: Packages").decode().splitlines()
    for row in rows:
        uri, *rest = row.split()
        if rest == [HOST_SUITE, "main"]:
            return uri
    raise Unavailable(f"this machine's package sources have no {HOST_SUITE}")


class Apt:
    """apt with lists and archives in `folder`. Its sources are those of the machine, or, when it
    has a suite, that suite alone."""

    def __init__(self, folder, suite=None):
        folder = os.path.abspath(folder)
        for name in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(folder, name), exist_ok=True)
        self._suite = suite
        self._options = ["-o", f"Dir::State::Lists={folder}/lists",
                         "-o", f"Dir::Cache={folder}/cache", "-o", "APT::Sandbox::User=root"]
        if suite:
            sources = os.path.join(folder, "sources.list")
            with open(sources, "w", encoding="ascii") as out:
                out.write(f"deb [signed-by={KEYRING}] {mirror()} {suite} main\n")
            self._options += ["-o", f"Dir::Etc::sourcelist={sources}",
                              "-o", "Dir::Etc::sourceparts=-"]

    @classmethod
    def of_the_machine(cls):
        """With the lists that the machine has, which may be old or absent."""
        apt = cls.__new__(cls)
        apt._suite, apt._options = None, ["-o", "APT::Sandbox::User=root"]
        return apt

    def update(self):
        # Without this option a mirror that is out of reach is a warning.
        strict = ["-o", "APT::Update::Error-Mode=any"] if self._suite else []
        try:
            run("apt-get", *self._options, *strict, "-q", "update")
        except DebianError as error:
            if not self._suite:
                raise
            raise Unavailable(f"the mirror has no {self._suite}, or is out of reach: "
                              f"{str(error).splitlines()[-1]}") from error

    def depends(self, package, pattern):
        """The packages that it depends on and whose names match."""
        lines = run("apt-cache", *self._options, "depends", package).decode().splitlines()
        names = [line.split()[-1] for line in lines if line.strip().startswith("Depends: ")]
        return [name for name in names if re.fullmatch(pattern, name)]

    def download(self, packages, folder):
        """Puts the packages' archives into the folder, and returns the paths of all there."""
        run("apt-get", *self._options, "-q", "download", *packages, cwd=folder)
        return sorted(glob.glob(os.path.join(folder, "*.deb")))
